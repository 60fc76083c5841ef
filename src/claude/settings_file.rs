//! The client's validation of a settings file: it accepts the whole file or ignores all of it.

use std::fmt;
use std::io;
use std::path::Path;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::lenient_json;
use super::settings_types as types;
use crate::platform::regular_file;
use crate::text::position;

/// Maximum size in bytes of a settings file that the client reads (measured: 2.1.200, 2.1.332).
pub const MAX_SIZE: usize = 2 * 1024 * 1024;

/// The client's verdict on a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// The client accepts these settings; `Null` for a file without content.
    Accepted(Value),
    /// The client ignores the whole file.
    Ignored(SettingsFault),
    /// The client may read something from the file that is unknown here.
    Unknown {
        /// The reason.
        why: String,
        /// The settings that are known nevertheless.
        partial: Value,
    },
}

/// The reason why the client ignores a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFault {
    /// Line of the fault, from 1; `None` if the whole file is at fault.
    pub line: Option<usize>,
    /// The cause, as a noun phrase.
    pub cause: String,
    /// The fix, as a sentence.
    pub fix: String,
    /// The settings of a file with an invalid value, `Null` if it isn't JSON; `None` if it is too large.
    pub settings: Option<Value>,
}

impl fmt::Display for SettingsFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        let cause = &self.cause;
        write!(formatter, "{cause}: Claude Code ignores the whole file")
    }
}

/// Judges the file at `path`. A missing file counts as empty.
pub fn judge_at(path: &Path) -> Validation {
    match regular_file::read_bytes(path, MAX_SIZE as u64) {
        Ok(bytes) => judge(&bytes),
        Err(error) if regular_file::is_missing(&error) => Validation::Accepted(Value::Null),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Validation::Ignored(too_large())
        }
        Err(error) => Validation::Unknown {
            why: format!("it can't be read: {error}"),
            partial: Value::Null,
        },
    }
}

/// Judges the bytes of a settings file as the client does (measured: 2.1.20, 2.1.200, 2.1.332). The client accepts one
/// byte order mark, little-endian UTF-16 with a mark, any byte within a string, and otherwise only strict JSON.
pub fn judge(bytes: &[u8]) -> Validation {
    if bytes.len() > MAX_SIZE {
        return Validation::Ignored(too_large());
    }
    let text = decoded(bytes);
    if text.trim_matches(is_blank).is_empty() {
        return Validation::Accepted(Value::Null);
    }
    let settings = match serde_json::from_str(&text) {
        Ok(settings) => settings,
        Err(error) => return unparsed(&text, &error),
    };
    match types::fault(&settings) {
        Some((keys, cause, fix)) => Validation::Ignored(SettingsFault {
            line: locate(&text, &keys).map(|(line, _)| line),
            cause,
            fix,
            settings: Some(settings),
        }),
        None => Validation::Accepted(settings),
    }
}

/// Judges a text that the parser here rejects. The client's `JSON.parse` accepts more: lone surrogates, `1e999`, any depth.
fn unparsed(text: &str, error: &serde_json::Error) -> Validation {
    // Parsing into `IgnoredAny` checks the grammar only, without limits.
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Validation::Unknown {
            why: format!("it can't be parsed here: {error}"),
            partial: lenient_json::settings(text),
        },
        Err(error) => Validation::Ignored(syntax(text, &error)),
    }
}

fn too_large() -> SettingsFault {
    SettingsFault {
        line: None,
        cause: format!("more than {} MiB", MAX_SIZE / 1024 / 1024),
        fix: "Make it smaller.".to_owned(),
        settings: None,
    }
}

fn decoded(bytes: &[u8]) -> String {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        let units = rest.chunks_exact(2).map(|pair| match pair {
            [low, high] => u16::from_le_bytes([*low, *high]),
            _ => 0,
        });
        let characters = char::decode_utf16(units);
        return characters
            .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Beginnings of faulty text, each with the fault's name and its fix. The first row that fits counts.
const BEGINNINGS: &[(&str, &str, &str)] = &[
    ("//", "a comment", "Remove the comment."),
    ("/*", "a comment", "Remove the comment."),
    ("#", "a comment", "Remove the comment."),
    ("<<<<<<<", "a merge conflict", "Resolve the conflict."),
    ("=======", "a merge conflict", "Resolve the conflict."),
    (">>>>>>>", "a merge conflict", "Resolve the conflict."),
    ("```", "a Markdown fence", "Remove its lines."),
    (
        "'",
        "a single quote",
        "Write double quotes (\") around names and texts.",
    ),
    ("\u{201c}", "a curly quote", "Write straight quotes (\")."),
    ("\u{201d}", "a curly quote", "Write straight quotes (\")."),
    ("\u{feff}", "a second byte order mark", "Remove it."),
    ("\u{a0}", "a no-break space", "Write an ordinary space."),
    ("\u{200b}", "a zero-width space", "Remove it."),
    ("\0", "a NUL byte", "Save the file as UTF-8 text."),
    (
        "\u{fffd}",
        "a byte that isn't UTF-8",
        "Save the file as UTF-8 text.",
    ),
    ("+", "a plus sign before a number", "Remove it."),
];

fn syntax(text: &str, error: &serde_json::Error) -> SettingsFault {
    let at = offset(text, error.line(), error.column());
    let fault = |at: usize, cause: &str, fix: &str| SettingsFault {
        line: Some(position(text, at).0),
        cause: cause.to_owned(),
        fix: fix.to_owned(),
        settings: Some(Value::Null),
    };
    let rest = text.get(at..).unwrap_or_default();
    let before = text.get(..at).unwrap_or_default();
    let so_far = before.trim_end_matches(is_blank);
    if error.is_eof() {
        return fault(
            text.trim_end_matches(is_blank).len(),
            "the file ends too early",
            "Write what is missing at its end: a brace, a bracket or a quote.",
        );
    }
    let message = error.to_string();
    if message.starts_with("control character") {
        return fault(
            at,
            "a line break, a tab or another control character within quotes",
            "Write \\n or \\t instead, or close the quotes.",
        );
    }
    if message.starts_with("invalid escape") {
        return fault(
            at,
            "a backslash before a letter that it can't escape",
            "Write \\\\ for a backslash.",
        );
    }
    // The fault is at the start of the word, even if the parser stopped behind it.
    let word = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_$./#-".contains(c));
    for (start, from) in [
        (at, rest),
        (word.len(), text.get(word.len()..).unwrap_or_default()),
    ] {
        if let Some((_, cause, fix)) = BEGINNINGS
            .iter()
            .find(|(begin, ..)| from.starts_with(begin))
        {
            return fault(start, cause, fix);
        }
    }
    if so_far.ends_with(',') && rest.starts_with(['}', ']']) {
        return fault(so_far.len() - 1, "a trailing comma", "Remove the comma.");
    }
    if so_far.ends_with(',') && rest.starts_with(',') {
        return fault(at, "a second comma", "Remove one.");
    }
    if message.starts_with("trailing characters") {
        return fault(
            at,
            "more text after its end",
            "Remove it: a file is one object.",
        );
    }
    if message.starts_with("key must be a string") {
        return fault(
            at,
            "a name without quotes",
            "Write double quotes (\") around it.",
        );
    }
    if message.starts_with("expected `,`") {
        let at = so_far.len();
        return fault(
            at,
            "a missing comma",
            "Write a comma between the two values.",
        );
    }
    if message.starts_with("expected `:`") {
        return fault(
            at,
            "a missing colon",
            "Write a colon between the name and its value.",
        );
    }
    fault(
        at,
        &format!(
            "no JSON ({})",
            message.split(" at line").next().unwrap_or_default()
        ),
        "Write a value of JSON: a text in double quotes, a number, true, false, a list or an object.",
    )
}

/// Returns the byte offset of a line and a column. Both count from 1, and the column counts bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let at = (start + column.saturating_sub(1)).min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Returns the line and column of the value at `keys`, both from 1. A number is the index of a list's element.
pub fn locate(text: &str, keys: &[impl AsRef<str>]) -> Option<(usize, usize)> {
    use jsonc_parser::ast::Value as Node;
    use jsonc_parser::common::Ranged as _;
    use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let mut node = parsed.value?;
    for key in keys {
        node = match node {
            // The last of several equal names counts.
            Node::Object(object) => {
                let mut properties = object.properties.into_iter().rev();
                properties
                    .find(|property| property.name.as_str() == key.as_ref())?
                    .value
            }
            Node::Array(list) => list.elements.into_iter().nth(key.as_ref().parse().ok()?)?,
            _ => return None,
        };
    }
    Some(position(text, node.range().start))
}
