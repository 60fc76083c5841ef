//! The keys of `config.toml`, one row each. The parser, the defaults, the schema, the documentation and `bg-run
//! config` all use this table.

use std::fmt;
use std::time::Duration;

use jiff::SpanRelativeTo;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The kind of a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// `true` or `false`.
    Switch,
    /// A whole number, 0 or greater.
    Number,
    /// A word from this list.
    OneOf(&'static [&'static str]),
    /// A known editor, or the words of a command.
    Editor,
    /// A duration.
    Duration,
    /// A command as a list of words.
    Command,
    /// Commands, each as a list of words.
    Commands,
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true, false"),
            Self::Number => f.write_str("a whole number"),
            Self::OneOf(words) => f.write_str(&words.join(", ")),
            Self::Duration => f.write_str("a duration: 45s, 10m, 2h, 30d"),
            Self::Command => f.write_str(
                "a list of words: [\"ntfy\", \"publish\", \"TOPIC\", \"{name}: {status}\"]",
            ),
            Self::Commands => {
                f.write_str("commands, each a list of words: [[\"rtk\", \"hook\", \"claude\"]]")
            }
            Self::Editor => f.write_str("an editor's name, or [\"COMMAND\", \"{file}\"]"),
        }
    }
}

/// A Rust type of a setting, with the [`ValueKind`] of its values.
pub trait SettingType: Serialize {
    /// The kind of the type's values.
    const KIND: ValueKind;
}

impl SettingType for bool {
    const KIND: ValueKind = ValueKind::Switch;
}

impl SettingType for usize {
    const KIND: ValueKind = ValueKind::Number;
}

impl SettingType for Vec<String> {
    const KIND: ValueKind = ValueKind::Command;
}

impl SettingType for Vec<Vec<String>> {
    const KIND: ValueKind = ValueKind::Commands;
}

impl<T: SettingType> SettingType for Option<T> {
    const KIND: ValueKind = T::KIND;
}

/// A row of the table.
pub struct SettingKey {
    field: &'static str,
    description: &'static str,
    /// The kind of its values.
    pub kind: ValueKind,
    value: fn(&Config) -> Option<toml::Value>,
}

impl SettingKey {
    /// Returns the name of the key as written in the file.
    pub fn name(&self) -> String {
        self.field.replace('_', "-")
    }

    /// Returns the description of the setting.
    pub fn description(&self) -> &'static str {
        self.description.trim()
    }

    /// Returns the value of the key in `config`; `None` if it isn't set.
    pub fn value(&self, config: &Config) -> Option<toml::Value> {
        (self.value)(config)
    }
}

macro_rules! keys {
    ($( #[doc = $description:literal] $field:ident: $kind:ty = $default:expr; )*) => {
        /// The settings of `config.toml`.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        #[allow(clippy::struct_excessive_bools, clippy::doc_markdown, clippy::allow_attributes, reason = "each is a setting of its own, and its line is shown to users")]
        pub struct Config {
            $( #[doc = $description] pub $field: $kind, )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        /// The table, in display order.
        pub static KEYS: &[SettingKey] = &[
            $( SettingKey {
                field: stringify!($field),
                description: $description,
                kind: <$kind as SettingType>::KIND,
                value: |config| toml::Value::try_from(&config.$field).ok(),
            }, )*
        ];
    };
}

keys! {
    /// Only report what bg-run would do
    dry_run: bool = false;
    /// The outputs to open in the editor: all, only the first of a session, or none (you get the path instead)
    open: Open = Open::Always;
    /// The maximum number of open outputs of running tasks per session; beyond that, you get the `bg-run tail` command instead
    max_tabs: usize = 5;
    /// Live output inside Claude Code (2.1.286 and newer): under the call and above the prompt, only above the prompt, or nowhere
    view: View = View::Auto;
    /// The editor to use instead of the one that bg-run finds: a known name, or a command with {file} and {line}
    editor: Option<EditorChoice> = None;
    /// If no editor opens the file, follow it in a pane of tmux, zellij, kitty or WezTerm
    pane: bool = false;
    /// `claude -p` and SDK sessions: answer as without bg-run, or move calls as in other sessions
    headless: Treatment = Treatment::Leave;
    /// Calls of subagents: leave them in the foreground, or treat them like other calls
    subagents: Treatment = Treatment::Leave;
    /// The longest time that a session without a user waits at its end for a background task
    hold: DurationSetting = DurationSetting::minutes(10);
    /// Send a desktop notification through the terminal when a task ends
    notify: bool = true;
    /// Notify only about tasks that ran at least this long
    notify_after: DurationSetting = DurationSetting::minutes(1);
    /// Let tasks in the background outlive a closed terminal or a lost connection (Linux, Claude Code 2.1.200 and newer); run `bg-run install` after a change
    survive: bool = false;
    /// A program to run when a task ends, without a shell; bg-run fills in {name}, {status}, {seconds}, {last-line}, {project} and {output}
    on_end: Vec<String> = Vec::new();
    /// Run the `on-end` program only for tasks that ran at least this long (default: `notify-after`)
    on_end_after: Option<DurationSetting> = None;
    /// Mention a task, only once, if it has printed nothing for this long and a similar task finished in less time than the silence has lasted
    stuck_after: DurationSetting = DurationSetting::minutes(10);
    /// The time for which `bg-run tasks` lists a task
    keep: DurationSetting = DurationSetting::days(30);
    /// Tab names in VS Code and its forks: the task's name and id, or only the id
    tab_names: TabNames = TabNames::Name;
    /// Other hooks that rewrite Bash calls: bg-run runs them first, on the same event, one after the other
    chain: Vec<Vec<String>> = Vec::new();
    /// Record how long commands take, and use it for decisions
    history: bool = true;
}

/// The treatment of sessions in which the client ends background tasks early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Leaves their calls unchanged.
    Leave,
    /// Treats their calls like all others.
    Background,
}

impl SettingType for Treatment {
    const KIND: ValueKind = ValueKind::OneOf(&["leave", "background"]);
}

/// The cases in which a task's output is opened in the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Open {
    /// Every task.
    Always,
    /// The first task of a session.
    First,
    /// No task; the path is shown instead.
    Never,
}

/// The place of live output inside Claude Code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Under the call, and above the prompt for long tasks.
    Auto,
    /// Only above the prompt.
    Line,
    /// Nowhere.
    Off,
}

impl SettingType for Open {
    const KIND: ValueKind = ValueKind::OneOf(&["always", "first", "never"]);
}

impl SettingType for View {
    const KIND: ValueKind = ValueKind::OneOf(&["auto", "line", "off"]);
}

/// The names of tabs in VS Code and its forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TabNames {
    /// The task's name and its id.
    Name,
    /// Only the id; the output file itself is opened.
    Id,
}

impl SettingType for TabNames {
    const KIND: ValueKind = ValueKind::OneOf(&["name", "id"]);
}

/// An editor as the user specifies it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "found neither")]
pub enum EditorChoice {
    /// A known name: `cursor`.
    Name(String),
    /// Any command, one word per element, with `{file}` and `{line}` as placeholders.
    Command(Vec<String>),
}

impl SettingType for EditorChoice {
    const KIND: ValueKind = ValueKind::Editor;
}

/// A duration as the user writes it: `45s`, `10m`, `2h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationSetting(pub Duration);

impl DurationSetting {
    /// Creates a duration in minutes.
    pub const fn minutes(count: u64) -> Self {
        Self(Duration::from_mins(count))
    }

    /// Creates a duration in days.
    pub const fn days(count: u64) -> Self {
        Self(Duration::from_hours(count * 24))
    }
}

impl SettingType for DurationSetting {
    const KIND: ValueKind = ValueKind::Duration;
}

impl<'de> Deserialize<'de> for DurationSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = text.parse::<jiff::Span>().ok();
        let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let span = span.and_then(|span| Duration::try_from(span).ok());
        let fix = "write a time like \"45s\", \"10m\", \"2h\" or \"30d\"";
        span.map(Self).ok_or_else(|| de::Error::custom(fix))
    }
}

impl Serialize for DurationSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const UNITS: [(&str, u64); 4] = [("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1)];
        let all = self.0.as_secs();
        let whole = UNITS
            .iter()
            .find(|(_, seconds)| all.is_multiple_of(*seconds));
        let (unit, seconds) = whole.unwrap_or(&("s", 1));
        serializer.serialize_str(&format!("{}{unit}", all / seconds))
    }
}
