//! Regular expressions and texts of rules, built-in or from a user's file.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::automaton::{self, ExpressionFacts};
use crate::text::LetterSet;

/// A text, built-in or read from a file.
pub type Text = Cow<'static, str>;
/// Several texts.
pub type Texts = Cow<'static, [Text]>;
/// Several regular expressions.
pub type Patterns = Cow<'static, [Pattern]>;

/// Commands that a rule names: a program, and perhaps words after it.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    pub(super) entries: Texts,
    /// The beginnings of all entries ([`automaton::beginnings`]).
    pub(super) beginnings: u64,
}

impl Commands {
    /// Creates the list from commands that were read from a file.
    pub(super) fn new(entries: Texts) -> Self {
        Self {
            beginnings: automaton::beginnings(&entries),
            entries,
        }
    }

    /// Whether the list has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the entries if one of them may name `program`; for nearly all programs, it returns none.
    pub(super) fn that_may_name(&self, program: &str) -> &[Text] {
        if self.beginnings & automaton::beginning(program) == 0 {
            &[]
        } else {
            &self.entries
        }
    }
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) source: Text,
    pub(super) matcher: Matcher,
}

/// The way to search a text.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// The facts about a built-in expression ([`ExpressionFacts`]) and its automaton, made by the build script.
    BuiltIn {
        literals: Texts,
        anchored: bool,
        first: u64,
        automaton: &'static [u8],
    },
    /// A user's expression, parsed when first needed; `None` if it is faulty.
    User(OnceLock<Option<Compiled>>),
}

/// A parsed expression of the user. It is compiled once a text passes its facts.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    facts: ExpressionFacts,
    regex: OnceLock<Option<Regex>>,
}

/// Maximum size in bytes of a compiled expression. [`MAX_STATES`] excludes nearly all larger ones.
const MAX_COMPILED: usize = 1024 * 1024;

/// Maximum number of states of one expression, which limits the time to compile it.
pub(super) const MAX_STATES: usize = 5_000;

fn compile(source: &str) -> Option<Regex> {
    RegexBuilder::new(source)
        .unicode(false)
        .size_limit(MAX_COMPILED)
        .build()
        .ok()
}

/// Returns the facts about an expression after checking its size.
fn checked(source: &str) -> Result<ExpressionFacts, String> {
    let facts = ExpressionFacts::of(source)?;
    if facts.states > MAX_STATES {
        return Err(
            "it is too large when its repetitions are written out; use smaller counts".to_owned(),
        );
    }
    Ok(facts)
}

impl Pattern {
    /// Creates a pattern from `source`, which is parsed when needed.
    pub fn new(source: &str) -> Self {
        Self {
            source: Text::Owned(source.to_owned()),
            matcher: Matcher::User(OnceLock::new()),
        }
    }

    /// Returns the approximate number of states of `source` when compiled.
    ///
    /// # Errors
    ///
    /// Returns the syntax error in the `regex` crate's words, or that it is too large.
    pub(super) fn check(source: &str) -> Result<usize, String> {
        checked(source).map(|facts| facts.states)
    }

    /// Returns the expression as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the expression matches `text`, which has these `letters`.
    pub(super) fn is_match(&self, text: &str, letters: LetterSet) -> bool {
        match &self.matcher {
            Matcher::BuiltIn {
                literals,
                anchored,
                first,
                automaton,
            } => {
                may_match(literals, *anchored, *first, text, letters)
                    && automaton::is_match(automaton, *anchored, text).unwrap_or_default()
            }
            Matcher::User(read) => {
                let read = || {
                    read.get_or_init(|| {
                        let facts = checked(&self.source).ok()?;
                        let regex = OnceLock::new();
                        Some(Compiled { facts, regex })
                    })
                };
                plain_start(&self.source).is_none_or(|start| text.starts_with(start))
                    && read().as_ref().is_some_and(|Compiled { facts, regex }| {
                        let (anchored, first) = (facts.anchored, facts.first);
                        may_match(&facts.literals, anchored, first, text, letters)
                            && regex
                                .get_or_init(|| compile(&self.source))
                                .as_ref()
                                .is_some_and(|regex| regex.is_match(text.as_bytes()))
                    })
            }
        }
    }
}

/// Whether a match in `text` is possible according to the facts about an expression.
fn may_match(
    literals: &[impl AsRef<str>],
    anchored: bool,
    first: u64,
    text: &str,
    letters: LetterSet,
) -> bool {
    let begins = |byte: u8| first & automaton::bit(byte) != 0;
    if anchored && !text.bytes().next().map_or(first == u64::MAX, begins) {
        return false;
    }
    let is_in = |literal: &str| letters.may_hold(literal) && text.contains(literal);
    literals.is_empty() || literals.iter().any(|literal| is_in(literal.as_ref()))
}

/// Returns plain characters with which every match starts, without parsing the expression; `None` if that isn't
/// possible.
fn plain_start(source: &str) -> Option<&str> {
    let rest = source.strip_prefix('^')?;
    let (mut depth, mut is_escaped) = (0_u32, false);
    for byte in rest.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            // Another branch may start differently, and a class matches several characters.
            b'|' if depth == 0 => return None,
            b'[' => return None,
            _ => {}
        }
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_/=:".contains(c);
    let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
    // A repetition applies only to the last character.
    let is_repeated = rest.get(end..)?.starts_with(['?', '*', '{', '+']);
    rest.get(..end.saturating_sub(usize::from(is_repeated)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &Pattern, text: &str) -> bool {
        pattern.is_match(text, LetterSet::of(text))
    }

    #[test]
    fn the_facts_exclude_no_matching_text() {
        for source in [
            "^(pytest|tox)( |$)",
            "^x",
            "train\\b",
            "(a|b)+c?$",
            "^\\S+ (.* )?--years [1-9]\\d",
            "^(a|bc)d",
            "^[a-c]+x",
            "^x?y",
            "^(|z)q?",
            "(?i)^Make",
            "^é",
            "\\bx",
        ] {
            let (pattern, regex) = (Pattern::new(source), Regex::new(source).unwrap());
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
                "ad",
                "bcd",
                "cd",
                "cax",
                "yy",
                "xy",
                "mAKE all",
                "été",
                "zq",
            ] {
                assert_eq!(
                    is_match(&pattern, text),
                    regex.is_match(text.as_bytes()),
                    "{source} on {text}"
                );
            }
        }
    }

    #[test]
    fn an_expression_that_is_too_large_is_a_fault() {
        for source in [
            "(a{1,500}){1,500}",
            "((a{1000}){1000}){1000}",
            "(a|b){4000000000}",
        ] {
            assert!(
                Pattern::check(source).unwrap_err().contains("too large"),
                "{source}"
            );
            assert!(!is_match(&Pattern::new(source), "aa"));
        }
        let pattern = Pattern::new("^(a|b)*a(a|b){14}$");
        assert!(is_match(&pattern, "aabbaabbaabbaab") && !is_match(&pattern, "babbaabbaabbaab"));
    }

    #[test]
    fn the_plain_start_of_an_expression_is_found_without_parsing() {
        for (source, start) in [
            ("^tool-1( -\\S+)* (build|test)( |$)", Some("tool-1")),
            ("^make", Some("make")),
            ("^makes?", Some("make")),
            ("^ab{2}", Some("a")),
            ("^a|b", None),
            ("^(a|b)", Some("")),
            ("^a\\|b", Some("a")),
            ("^x[|]", None),
            ("make", None),
            ("(?i)^make", None),
        ] {
            assert_eq!(plain_start(source), start, "{source}");
        }
    }

    #[test]
    fn patterns_without_an_anchor_match_anywhere() {
        let pattern = Pattern::new("train");
        assert!(is_match(&pattern, "python -m x.train"));
        assert!(Pattern::check("(").is_err() && !is_match(&Pattern::new("("), "("));
    }
}
