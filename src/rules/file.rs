//! A rules file as written. The build script parses the built-in rules with it, and the program all others.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// The place where a call should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// In the background.
    #[default]
    Background,
    /// In the foreground, even if background rules match.
    Foreground,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesFile {
    /// The rules in the order of the file.
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<RuleEntry>,
    /// Programs that run another program.
    #[serde(default, rename = "wrapper")]
    pub(crate) wrappers: Vec<WrapperEntry>,
    /// Names of rules to switch off.
    #[serde(default)]
    pub(crate) off: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) action: Option<Action>,
    pub(crate) enabled: Option<bool>,
    pub(crate) commands: Option<TextOrList>,
    pub(crate) arguments: Option<TextOrList>,
    pub(crate) r#match: Option<TextOrList>,
    pub(crate) without: Option<TextOrList>,
    pub(crate) unless: Option<TextOrList>,
    pub(crate) reason: Option<String>,
    #[serde(rename = "in-loop")]
    pub(crate) in_loop: Option<bool>,
    #[serde(rename = "time-limit-from")]
    pub(crate) time_limit_from: Option<u64>,
    pub(crate) endless: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WrapperEntry {
    pub(crate) name: Spanned<String>,
    /// Its options that take the next word as their value.
    #[serde(default)]
    pub(crate) options_with_value: Vec<String>,
    /// Number of words between its options and the inner program.
    #[serde(default)]
    pub(crate) operands: usize,
}

/// A string or a list of strings.
pub(crate) struct TextOrList(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for TextOrList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrListVisitor;
        impl<'de> Visitor<'de> for TextOrListVisitor {
            type Value = TextOrList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOrList, E> {
                Ok(TextOrList(vec![joined(text)]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextOrList, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element::<String>()? {
                    texts.push(joined(&text));
                }
                Ok(TextOrList(texts))
            }
        }
        deserializer.deserialize_any(TextOrListVisitor)
    }
}

/// Joins a text that is broken over lines, removing each line's indentation.
fn joined(text: &str) -> String {
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let first = if text.contains('\n') {
        first.trim_start()
    } else {
        first
    };
    [first]
        .into_iter()
        .chain(lines.map(str::trim_start))
        .collect()
}
