//! A rule, and the matching of commands against all rules.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::file::Action;
use super::pattern::{Commands, Pattern, Patterns, Text, Texts};
use crate::programs::{CommandForm, CommandForms, Invocation, Wrapper, has_short_option};

/// The source of a rule. Later ones win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The program itself.
    BuiltIn,
    /// The user's `rules.toml`.
    User(PathBuf),
    /// The project's `.claude/bg-run.toml`, which isn't trusted.
    Project(PathBuf),
}

impl Layer {
    /// Returns the file, if the layer has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn => None,
            Self::User(path) | Self::Project(path) => Some(path),
        }
    }
}

/// A rule. All its conditions must hold.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The name, unique among all layers.
    pub name: Text,
    /// The last layer that defined or changed it.
    pub layer: Layer,
    /// The earlier layers that it overrides, the earliest first.
    pub over: Vec<Layer>,
    /// The action.
    pub action: Action,
    /// Whether no layer has switched it off.
    pub enabled: bool,
    /// The command's first words must equal one entry. If empty, any command matches.
    pub commands: Commands,
    /// The arguments must include one of these. If empty, any arguments match.
    pub arguments: Texts,
    /// Expressions, one of which must match the text. If empty, any text matches.
    pub patterns: Patterns,
    /// The arguments must include none of these.
    pub without: Texts,
    /// Expressions, none of which may match the text.
    pub unless: Patterns,
    /// The command must be in the body of a loop.
    pub in_loop: bool,
    /// A `timeout` must allow at least this many seconds.
    pub time_limit_from: Option<u64>,
    /// Whether its commands never end by themselves, like a server or a watcher.
    pub endless: bool,
    /// The reason, as shown to the user.
    pub reason: Text,
}

impl Rule {
    /// Whether the rule matches this form of a command.
    pub fn matches(&self, form: &CommandForm) -> bool {
        self.enabled
            && form.invocations().any(|invocation| self.wants(invocation))
            && !form
                .invocations()
                .any(|invocation| self.excepts(invocation))
    }

    /// Whether the conditions of the rule that concern the command's context hold.
    fn fits(&self, forms: &CommandForms) -> bool {
        let allowed = forms.time_limit.map_or(0, |limit| limit.as_secs());
        (forms.in_loop || !self.in_loop) && self.time_limit_from.is_none_or(|from| allowed >= from)
    }

    fn wants(&self, invocation: &Invocation) -> bool {
        let (commands, arguments, patterns) = (&self.commands, &self.arguments, &self.patterns);
        (commands.is_empty() || is_one_of(invocation, commands))
            && (arguments.is_empty() || has_argument(invocation, arguments))
            && (patterns.is_empty() || matches_any(patterns, invocation))
    }

    fn excepts(&self, invocation: &Invocation) -> bool {
        has_argument(invocation, &self.without) || matches_any(&self.unless, invocation)
    }
}

/// Number of bytes at a command's start that expressions examine.
const MAX_MATCHED: usize = 16 * 1024;

fn head(invocation: &Invocation) -> &str {
    let end = invocation.text.floor_char_boundary(MAX_MATCHED);
    invocation.text.get(..end).unwrap_or_default()
}

fn matches_any(patterns: &[Pattern], invocation: &Invocation) -> bool {
    let text = head(invocation);
    patterns
        .iter()
        .any(|pattern| pattern.is_match(text, invocation.letters))
}

fn is_one_of(invocation: &Invocation, commands: &Commands) -> bool {
    let Some((program, rest)) = invocation.words.split_first() else {
        return false;
    };
    let mut entries = commands.that_may_name(program).iter();
    entries.any(|entry| match entry.strip_prefix(program.as_str()) {
        Some("") => true,
        Some(parts) => parts.strip_prefix(' ').is_some_and(|parts| {
            let mut rest = rest.iter();
            let mut parts = parts.split(' ');
            parts.all(|part| rest.next().is_some_and(|word| word == part))
        }),
        None => false,
    })
}

/// Whether the invocation has one of the wanted arguments. `--x` also means `--x=…`. `-x` also means a bundle such as `-vx`,
/// if the program accepts bundles.
fn has_argument(invocation: &Invocation, wanted: &[Text]) -> bool {
    wanted.iter().any(|entry| {
        let mut letters = entry.strip_prefix('-').unwrap_or_default().chars();
        let bundled = match (letters.next(), letters.next()) {
            (Some(letter), None) if letter.is_alphabetic() => {
                has_short_option(&invocation.words, letter)
            }
            _ => None,
        };
        bundled.unwrap_or_else(|| {
            invocation
                .words
                .iter()
                .skip(1)
                .any(|word| is_option(word, entry))
        })
    })
}

fn is_option(word: &str, entry: &str) -> bool {
    // The first byte tells most words apart, and is quicker to compare than a whole text.
    if word.as_bytes().first() != entry.as_bytes().first() {
        return false;
    }
    match word.strip_prefix(entry) {
        Some("") => true,
        Some(rest) => entry.starts_with("--") && rest.starts_with('='),
        None => false,
    }
}

/// The rules in force, in the order of matching: later layers first.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// All rules, including disabled ones.
    pub(super) all: Cow<'static, [Rule]>,
    /// The wrappers that the user and the project added.
    pub wrappers: Vec<Wrapper>,
}

impl Rules {
    /// Returns all rules, including disabled ones.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.all.iter()
    }

    /// Whether the project defined or changed the rule with this name, so that its words come from the repository.
    pub fn is_by_project(&self, name: &str) -> bool {
        let mut rules = self.all.iter();
        rules.any(|rule| rule.name == name && matches!(rule.layer, Layer::Project(_)))
    }

    /// Returns the rule that decides about a command with these forms, and the form that it matches. Foreground wins
    /// over background, and a later layer over an earlier one.
    pub fn winner<'a>(&'a self, forms: &'a CommandForms) -> Option<(&'a Rule, &'a CommandForm)> {
        let background = self.first(Action::Background, forms)?;
        Some(self.first(Action::Foreground, forms).unwrap_or(background))
    }

    /// Returns the first rule with this action for a command with these forms, and the form that it matches.
    pub fn first<'a>(
        &'a self,
        action: Action,
        forms: &'a CommandForms,
    ) -> Option<(&'a Rule, &'a CommandForm)> {
        let mut rules = self
            .all
            .iter()
            .filter(|rule| rule.action == action && rule.fits(forms));
        let matching = |rule: &'a Rule| Some((rule, forms.iter().find(|form| rule.matches(form))?));
        rules.find_map(matching)
    }
}
