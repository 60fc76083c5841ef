//! Rules: which commands run long, and which stay in the foreground.

use std::path::PathBuf;
use std::sync::OnceLock;

use regex::Regex;
use regex_syntax::hir::literal::{Extractor, Seq};
use serde::Deserialize;

use super::view::View;

/// Where a call should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// In the background.
    #[default]
    Background,
    /// In the foreground, whatever the background rules say.
    Foreground,
}

/// Where a rule comes from. Later ones win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Part of the program.
    BuiltIn,
    /// The user's `rules.toml`.
    User(PathBuf),
    /// The project's `.claude/bg-run.toml`, which is not trusted.
    Project(PathBuf),
}

/// One rule; all the conditions that it names must hold.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique among all layers.
    pub name: String,
    /// The last layer that had a say in it.
    pub layer: Layer,
    /// What it asks for.
    pub action: Action,
    /// `false` where a layer switched it off.
    pub enabled: bool,
    /// The command's first words are those of one entry. Empty: any command.
    pub commands: Vec<String>,
    /// One of these is among the arguments. Empty: any arguments.
    pub arguments: Vec<String>,
    /// One of these matches the text. Empty: any text.
    pub patterns: Vec<Pattern>,
    /// None of these is among the arguments.
    pub without: Vec<String>,
    /// None of these matches the text.
    pub unless: Vec<Pattern>,
    /// For people.
    pub reason: String,
}

/// A regular expression that is compiled when a text first gets past its literal prefixes.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    /// What every match of an anchored pattern starts with; `None` where that isn't known.
    prefixes: Option<Vec<Vec<u8>>>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Checks the syntax of `source`; compiling waits.
    ///
    /// # Errors
    ///
    /// The syntax error, as the `regex` crate words it.
    pub fn new(source: &str) -> Result<Self, String> {
        let hir = regex_syntax::parse(source).map_err(|error| error.to_string())?;
        let anchored = hir
            .properties()
            .look_set_prefix()
            .contains(regex_syntax::hir::Look::Start);
        let prefixes = anchored
            .then(|| literal_prefixes(&Extractor::new().extract(&hir)))
            .flatten();
        Ok(Self {
            source: source.to_owned(),
            prefixes,
            compiled: OnceLock::new(),
        })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    fn is_match(&self, text: &str) -> bool {
        if let Some(prefixes) = &self.prefixes
            && !prefixes
                .iter()
                .any(|prefix| text.as_bytes().starts_with(prefix))
        {
            return false;
        }
        self.compiled
            .get_or_init(|| Regex::new(&self.source).ok())
            .as_ref()
            .is_some_and(|regex| regex.is_match(text))
    }
}

fn literal_prefixes(sequence: &Seq) -> Option<Vec<Vec<u8>>> {
    let literals = sequence.literals()?;
    Some(
        literals
            .iter()
            .map(|literal| literal.as_bytes().to_vec())
            .collect(),
    )
}

impl Rule {
    /// Whether the rule applies to this reading of a command.
    pub fn matches(&self, view: &View) -> bool {
        self.enabled
            && (self.commands.is_empty()
                || self.commands.iter().any(|entry| starts_with(view, entry)))
            && (self.arguments.is_empty() || has_argument(view, &self.arguments))
            && (self.patterns.is_empty() || self.patterns.iter().any(|p| p.is_match(&view.text)))
            && !has_argument(view, &self.without)
            && !self
                .unless
                .iter()
                .any(|pattern| pattern.is_match(&view.text))
    }
}

fn starts_with(view: &View, entry: &str) -> bool {
    let mut words = view.words.iter();
    entry
        .split(' ')
        .all(|part| words.next().is_some_and(|word| word == part))
}

/// `--x` stands for `--x` and `--x=…`.
fn has_argument(view: &View, wanted: &[String]) -> bool {
    view.words.iter().skip(1).any(|word| {
        wanted
            .iter()
            .any(|entry| match word.strip_prefix(entry.as_str()) {
                Some("") => true,
                Some(rest) => entry.starts_with("--") && rest.starts_with('='),
                None => false,
            })
    })
}

/// The rules in force, in the order in which they are asked: later layers first.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Those that are switched off, too.
    pub rules: Vec<Rule>,
}

impl Rules {
    /// The rule that decides a command with these readings, and the reading that it matches. Foreground wins over background, a later layer over
    /// an earlier one.
    pub fn winner<'a>(&'a self, views: &'a [View]) -> Option<(&'a Rule, &'a View)> {
        let first = |action: Action| {
            let mut rules = self.rules.iter().filter(|rule| rule.action == action);
            let matching =
                |rule: &'a Rule| Some((rule, views.iter().find(|view| rule.matches(view))?));
            rules.find_map(matching)
        };
        let background = first(Action::Background)?;
        Some(first(Action::Foreground).unwrap_or(background))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_spare_compiling() {
        let pattern = Pattern::new("^(pytest|tox)( |$)").unwrap();
        assert!(!pattern.is_match("ls -la"));
        assert!(pattern.compiled.get().is_none());
        assert!(pattern.is_match("pytest -x"));
        assert!(pattern.compiled.get().is_some());
        assert!(!pattern.is_match("pytesting"));
    }

    #[test]
    fn patterns_without_an_anchor_match_anywhere() {
        let pattern = Pattern::new("train").unwrap();
        assert!(pattern.is_match("python -m x.train"));
        assert!(Pattern::new("(").is_err());
    }
}
