//! The keys of `config.toml`, a line each. What reads the file, its defaults, its schema, its documentation and
//! `bg-run config` all come from this table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number from 0 on.
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A known editor, or the words of a command.
    Editor,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true, false"),
            Self::Number => f.write_str("a whole number"),
            Self::OneOf(words) => f.write_str(&words.join(", ")),
            Self::Editor => f.write_str("an editor's name, or [\"COMMAND\", \"{file}\"]"),
        }
    }
}

/// What a type of settings takes. A type that is used in the table says it here.
pub trait Setting: Serialize {
    /// See [`Kind`].
    const KIND: Kind;
}

impl Setting for bool {
    const KIND: Kind = Kind::Switch;
}

impl Setting for usize {
    const KIND: Kind = Kind::Number;
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;
}

/// A line of the table.
pub struct Key {
    field: &'static str,
    says: &'static str,
    /// What it takes.
    pub kind: Kind,
    value: fn(&Config) -> Option<toml::Value>,
}

impl Key {
    /// As it is written in the file.
    pub fn name(&self) -> String {
        self.field.replace('_', "-")
    }

    /// What it is for.
    pub fn says(&self) -> &'static str {
        self.says.trim()
    }

    /// Its value in `config`; `None` where nothing is set.
    pub fn value(&self, config: &Config) -> Option<toml::Value> {
        (self.value)(config)
    }
}

macro_rules! keys {
    ($( #[doc = $says:literal] $field:ident: $kind:ty = $default:expr; )*) => {
        /// `config.toml`.
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        #[allow(clippy::struct_excessive_bools, clippy::doc_markdown, clippy::allow_attributes, reason = "each is a setting of its own, and its line is shown to users")]
        pub struct Config {
            $( #[doc = $says] pub $field: $kind, )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        /// The table, in the order in which it is shown.
        pub static KEYS: &[Key] = &[
            $( Key {
                field: stringify!($field),
                says: $says,
                kind: <$kind as Setting>::KIND,
                value: |config| toml::Value::try_from(&config.$field).ok(),
            }, )*
        ];
    };
}

keys! {
    /// Say what would be done, and do nothing
    dry_run: bool = false;
    /// When a task's output is opened: always, for the first of a session, or never; then only its path is told
    open: Open = Open::Always;
    /// How many outputs of a session are opened; the others are told
    max_tabs: usize = 5;
    /// The editor, instead of the one around or on the PATH: a known one, or a command with {file} and {line} in it
    editor: Option<EditorChoice> = None;
    /// Where no editor opens the file: follow it in a pane of tmux, zellij, kitty or WezTerm
    pane: bool = false;
    /// `claude -p` and SDK sessions: left alone, or treated like others
    headless: Treatment = Treatment::Leave;
    /// The calls of subagents: left alone, or treated like others
    subagents: Treatment = Treatment::Leave;
}

/// What is done with a kind of session in which the client ends background tasks early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Its calls are left as they are.
    Leave,
    /// Its calls are treated like all others.
    Background,
}

impl Setting for Treatment {
    const KIND: Kind = Kind::OneOf(&["leave", "background"]);
}

/// When a task's output is opened in the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Open {
    /// Whenever a task starts.
    Always,
    /// For the first task of a session.
    First,
    /// Never; the path is told.
    Never,
}

impl Setting for Open {
    const KIND: Kind = Kind::OneOf(&["always", "first", "never"]);
}

/// An editor as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "found neither")]
pub enum EditorChoice {
    /// One that is known: `cursor`.
    Name(String),
    /// Any, by its command, one word per element; `{file}` and `{line}` are put in.
    Command(Vec<String>),
}

impl Setting for EditorChoice {
    const KIND: Kind = Kind::Editor;
}
