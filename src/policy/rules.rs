//! Rules: which commands run long, and which stay in the foreground.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};

pub use super::rules_file::Action;
use super::view::{Line, View, Views};
use super::{automaton, borrowed};

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

impl Layer {
    /// The file, where it has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn => None,
            Self::User(path) | Self::Project(path) => Some(path),
        }
    }
}

/// Text that is part of the program, or was read from a file.
pub type Text = Cow<'static, str>;
/// Several of them.
pub type Texts = Cow<'static, [Text]>;
/// Several regular expressions.
pub type Patterns = Cow<'static, [Pattern]>;

/// One rule; all the conditions that it names must hold.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique among all layers.
    pub name: Text,
    /// The last layer that had a say in it.
    pub layer: Layer,
    /// The layers that it was laid over, the earliest first.
    pub over: Vec<Layer>,
    /// What it asks for.
    pub action: Action,
    /// `false` where a layer switched it off.
    pub enabled: bool,
    /// The command's first words are those of one entry. Empty: any command.
    pub commands: Texts,
    /// One of these is among the arguments. Empty: any arguments.
    pub arguments: Texts,
    /// One of these matches the text. Empty: any text.
    pub patterns: Patterns,
    /// None of these is among the arguments.
    pub without: Texts,
    /// None of these matches the text.
    pub unless: Patterns,
    /// It stands in the body of a loop.
    pub in_loop: bool,
    /// For people.
    pub reason: Text,
}

/// A regular expression, as an automaton that is there before any text is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Pattern {
    #[serde(deserialize_with = "borrowed::text")]
    pub(super) source: Text,
    /// See [`Automaton`](super::automaton::Automaton).
    #[serde(deserialize_with = "borrowed::texts")]
    pub(super) literals: Texts,
    pub(super) anchored: bool,
    pub(super) automaton: Bytes,
}

/// The bytes of an automaton: in the program, in memory, or in a file, from which they are read when a text comes
/// near enough to need them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Bytes {
    Here(#[serde(skip)] Cow<'static, [u8]>),
    InFile {
        #[serde(skip)]
        file: Option<Arc<File>>,
        offset: u64,
        length: usize,
    },
}

impl Bytes {
    /// Empty where they can't be read.
    fn get(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Here(bytes) => Cow::Borrowed(bytes),
            Self::InFile {
                file,
                offset,
                length,
            } => {
                let mut bytes = vec![0; *length];
                let read = file
                    .as_ref()
                    .map(|file| file.read_exact_at(&mut bytes, *offset));
                Cow::Owned(if matches!(read, Some(Ok(()))) {
                    bytes
                } else {
                    Vec::new()
                })
            }
        }
    }

    /// Moves them to the end of `blob`.
    pub(super) fn move_to(&mut self, blob: &mut Vec<u8>) {
        let bytes = self.get().into_owned();
        *self = Self::InFile {
            file: None,
            offset: blob.len() as u64,
            length: bytes.len(),
        };
        blob.extend(bytes);
    }

    /// Says which file they were moved to, and where in it the blob starts.
    pub(super) fn find_in(&mut self, blob_file: &Arc<File>, start: u64) {
        if let Self::InFile { file, offset, .. } = self {
            *file = Some(Arc::clone(blob_file));
            *offset += start;
        }
    }
}

impl Pattern {
    /// Builds the automaton of `source`.
    ///
    /// # Errors
    ///
    /// The syntax error, as the `regex` crate words it.
    pub fn new(source: &str) -> Result<Self, String> {
        let built = automaton::build(source)?;
        Ok(Self {
            source: Text::Owned(source.to_owned()),
            literals: built.literals.into_iter().map(Text::Owned).collect(),
            anchored: built.anchored,
            automaton: Bytes::Here(built.bytes.into()),
        })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    fn is_match(&self, text: &str) -> bool {
        if !self.literals.is_empty()
            && !self
                .literals
                .iter()
                .any(|literal| text.contains(&**literal))
        {
            return false;
        }
        automaton::is_match(&self.automaton.get(), self.anchored, text)
            .or_else(|| Some(Regex::new(&self.source).ok()?.is_match(text)))
            .unwrap_or_default()
    }
}

impl Rule {
    /// Whether the rule applies to this reading of a command.
    pub fn matches(&self, view: &View) -> bool {
        self.enabled
            && view.lines().any(|line| self.wants(line))
            && !view.lines().any(|line| self.excepts(line))
    }

    fn wants(&self, line: &Line) -> bool {
        let (commands, arguments, patterns) = (&self.commands, &self.arguments, &self.patterns);
        (commands.is_empty() || commands.iter().any(|entry| starts_with(line, entry)))
            && (arguments.is_empty() || has_argument(line, arguments))
            && (patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_match(&line.text)))
    }

    fn excepts(&self, line: &Line) -> bool {
        has_argument(line, &self.without)
            || self
                .unless
                .iter()
                .any(|pattern| pattern.is_match(&line.text))
    }
}

fn starts_with(line: &Line, entry: &str) -> bool {
    let mut words = line.words.iter();
    entry
        .split(' ')
        .all(|part| words.next().is_some_and(|word| word == part))
}

/// `--x` stands for `--x` and `--x=…`.
fn has_argument(line: &Line, wanted: &[Text]) -> bool {
    line.words.iter().skip(1).any(|word| {
        wanted
            .iter()
            .any(|entry| match word.strip_prefix(&**entry) {
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
    pub fn winner<'a>(&'a self, views: &'a Views) -> Option<(&'a Rule, &'a View)> {
        let first = |action: Action| {
            let mut rules = self
                .rules
                .iter()
                .filter(|rule| rule.action == action && (views.in_loop || !rule.in_loop));
            let matching =
                |rule: &'a Rule| Some((rule, views.views.iter().find(|view| rule.matches(view))?));
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
    fn an_automaton_says_what_the_expression_says() {
        for source in [
            "^(pytest|tox)( |$)",
            "^x",
            "train\\b",
            "(a|b)+c?$",
            "^\\S+ (.* )?--years [1-9]\\d",
        ] {
            let (pattern, regex) = (Pattern::new(source).unwrap(), Regex::new(source).unwrap());
            for text in [
                "pytest -x",
                "pytesting",
                "x",
                " x",
                "a train b",
                "trains",
                "abac",
                "sim --years 10",
                "sim a --years 0",
                "",
            ] {
                assert_eq!(
                    pattern.is_match(text),
                    regex.is_match(text),
                    "{source} on {text}"
                );
            }
        }
    }

    #[test]
    fn an_expression_too_large_for_an_automaton_is_compiled() {
        let source = "^(a|b)*a(a|b){14}$";
        let pattern = Pattern::new(source).unwrap();
        assert!(pattern.automaton.get().is_empty());
        assert!(pattern.is_match("aabbaabbaabbaab"));
        assert!(!pattern.is_match("babbaabbaabbaab"));
    }

    #[test]
    fn patterns_without_an_anchor_match_anywhere() {
        let pattern = Pattern::new("train").unwrap();
        assert!(pattern.is_match("python -m x.train"));
        assert!(Pattern::new("(").is_err());
    }
}
