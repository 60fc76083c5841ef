//! Regular expressions and texts of rules: part of the program, or read from a user's file.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::automaton::{self, Facts};
use crate::text::Letters;

/// Text that is part of the program, or was read from a file.
pub type Text = Cow<'static, str>;
/// Several of them.
pub type Texts = Cow<'static, [Text]>;
/// Several regular expressions.
pub type Patterns = Cow<'static, [Pattern]>;

/// A regular expression with the facts that spare most texts a search.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) source: Text,
    /// See [`Facts`].
    pub(super) literals: Texts,
    pub(super) anchored: bool,
    pub(super) first: u64,
    pub(super) states: usize,
    pub(super) matcher: Matcher,
}

/// The means to search a text.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// An automaton that the build script made.
    Automaton(&'static [u8]),
    /// The compiled expression, made at the first text that comes near it; `None`: it can't be compiled.
    Compiled(OnceLock<Option<Regex>>),
}

/// Largest compiled expression, in bytes; [`MAX_STATES`] leaves out nearly all that are larger.
const MAX_COMPILED: usize = 1024 * 1024;

/// Most states of one expression. They bound the time to compile it.
pub(super) const MAX_STATES: usize = 5_000;

fn compile(source: &str) -> Option<Regex> {
    RegexBuilder::new(source)
        .unicode(false)
        .size_limit(MAX_COMPILED)
        .build()
        .ok()
}

impl Pattern {
    /// Reads the expression `source`; it is compiled when it is needed.
    ///
    /// # Errors
    ///
    /// The syntax error, as the `regex` crate words it, or that it is too large.
    pub fn new(source: &str) -> Result<Self, String> {
        let facts = Facts::of(source)?;
        if facts.states > MAX_STATES {
            return Err(
                "it is too large when its repetitions are written out; use smaller counts"
                    .to_owned(),
            );
        }
        Ok(Self {
            source: Text::Owned(source.to_owned()),
            literals: facts.literals.into_iter().map(Text::Owned).collect(),
            anchored: facts.anchored,
            first: facts.first,
            states: facts.states,
            matcher: Matcher::Compiled(OnceLock::new()),
        })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it matches `text`, whose letters are `letters`.
    pub(super) fn is_match(&self, text: &str, letters: Letters) -> bool {
        let begins = |byte: u8| self.first & automaton::bit(byte) != 0;
        if self.anchored && !text.bytes().next().map_or(self.first == u64::MAX, begins) {
            return false;
        }
        let is_in = |literal: &Text| letters.may_hold(literal) && text.contains(&**literal);
        if !self.literals.is_empty() && !self.literals.iter().any(is_in) {
            return false;
        }
        match &self.matcher {
            Matcher::Automaton(bytes) => {
                automaton::is_match(bytes, self.anchored, text).unwrap_or_default()
            }
            Matcher::Compiled(regex) => regex
                .get_or_init(|| compile(&self.source))
                .as_ref()
                .is_some_and(|regex| regex.is_match(text.as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &Pattern, text: &str) -> bool {
        pattern.is_match(text, Letters::of(text))
    }

    #[test]
    fn the_facts_spare_no_text_that_matches() {
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
                Pattern::new(source).unwrap_err().contains("too large"),
                "{source}"
            );
        }
        let pattern = Pattern::new("^(a|b)*a(a|b){14}$").unwrap();
        assert!(is_match(&pattern, "aabbaabbaabbaab") && !is_match(&pattern, "babbaabbaabbaab"));
    }

    #[test]
    fn patterns_without_an_anchor_match_anywhere() {
        let pattern = Pattern::new("train").unwrap();
        assert!(is_match(&pattern, "python -m x.train"));
        assert!(Pattern::new("(").is_err());
    }
}
