//! Regular expressions and texts of rules: part of the program, or read from a cache without copying.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::automaton;
use crate::text::Letters;

/// Text that is part of the program, or was read from a file.
pub type Text = Cow<'static, str>;
/// Several of them.
pub type Texts = Cow<'static, [Text]>;
/// Several regular expressions.
pub type Patterns = Cow<'static, [Pattern]>;

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
    pub(super) first: u64,
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

/// In bytes; an expression that was built needs less.
const MAX_COMPILED: usize = 4 * 1024 * 1024;

fn compile(source: &str) -> Option<Regex> {
    RegexBuilder::new(source)
        .size_limit(MAX_COMPILED)
        .build()
        .ok()
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
            first: built.first,
            automaton: Bytes::Here(built.bytes.into()),
        })
    }

    /// It is compiled whenever a text comes near it, because its automaton would be too large.
    pub(super) fn is_large(&self) -> bool {
        self.automaton.get().is_empty()
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// `letters` are those of `text`.
    pub(super) fn is_match(&self, text: &str, letters: Letters) -> bool {
        let begins = |byte: u8| self.first & automaton::bit(byte) != 0;
        if self.anchored && !text.bytes().next().map_or(self.first == u64::MAX, begins) {
            return false;
        }
        let is_in = |literal: &Text| letters.may_hold(literal) && text.contains(&**literal);
        if !self.literals.is_empty() && !self.literals.iter().any(is_in) {
            return false;
        }
        automaton::is_match(&self.automaton.get(), self.anchored, text)
            .or_else(|| Some(compile(&self.source)?.is_match(text)))
            .unwrap_or_default()
    }
}

/// Texts that are read from bytes which stay for good, without copying them.
pub(super) mod borrowed {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer};

    use super::{Text, Texts};

    pub(in crate::rules) fn text<'de: 'static, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Text, D::Error> {
        <&'static str>::deserialize(from).map(Cow::Borrowed)
    }

    pub(in crate::rules) fn texts<'de: 'static, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Texts, D::Error> {
        let texts = Vec::<&'static str>::deserialize(from)?;
        Ok(texts.into_iter().map(Cow::Borrowed).collect())
    }

    pub(in crate::rules) fn some_text<'de: 'static, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Text>, D::Error> {
        Ok(Option::<&'static str>::deserialize(from)?.map(Cow::Borrowed))
    }

    pub(in crate::rules) fn some_texts<'de: 'static, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Texts>, D::Error> {
        let texts = Option::<Vec<&'static str>>::deserialize(from)?;
        Ok(texts.map(|texts| texts.into_iter().map(Cow::Borrowed).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &Pattern, text: &str) -> bool {
        pattern.is_match(text, Letters::of(text))
    }

    #[test]
    fn an_automaton_says_what_the_expression_says() {
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
        assert!(is_match(&pattern, "aabbaabbaabbaab"));
        assert!(!is_match(&pattern, "babbaabbaabbaab"));
    }

    #[test]
    fn patterns_without_an_anchor_match_anywhere() {
        let pattern = Pattern::new("train").unwrap();
        assert!(is_match(&pattern, "python -m x.train"));
        assert!(Pattern::new("(").is_err());
    }
}
