//! The options of a wrapper among its arguments.

use std::time::Duration;

use crate::programs::wrappers::Wrapper;

pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// Returns the index after the leading options with their values, and after `--`.
pub(super) fn skip_options(wrapper: &Wrapper, rest: &[String]) -> usize {
    let mut at = 0;
    while let Some(word) = rest.get(at) {
        if word == "--" {
            return at + 1;
        }
        if !word.starts_with('-') || word == "-" {
            break;
        }
        at += if wrapper.takes_value(word) { 2 } else { 1 };
    }
    at
}

/// Whether the table contains all of a wrapper's `options`, so that the position of the next word is certain.
pub(super) fn knows_all<'a>(
    wrapper: &Wrapper,
    mut options: impl Iterator<Item = &'a String>,
) -> bool {
    while let Some(word) = options.next() {
        if !matches!(word.as_str(), "-" | "--") && !wrapper.knows(word) {
            return false;
        }
        if wrapper.takes_value(word) {
            options.next();
        }
    }
    true
}

/// Returns the text after a wrapper's option for shell text: `script -c 'text'`.
pub(super) fn command_option<'a>(wrapper: &Wrapper, rest: &'a [String]) -> Option<&'a str> {
    let options: Vec<&str> = wrapper.text_options()?.split(' ').collect();
    let at = value_after(rest, &options)?;
    let is_in_front = at <= skip_options(wrapper, rest) || at == 1;
    is_in_front.then(|| rest.get(at).map(String::as_str))?
}

/// Returns the text after a wrapper's option for shell text, wherever that option is.
pub(super) fn text_after_option<'a>(wrapper: &Wrapper, rest: &'a [String]) -> Option<&'a str> {
    let options: Vec<&str> = wrapper.text_options()?.split(' ').collect();
    rest.get(value_after(rest, &options)?).map(String::as_str)
}

/// Returns the index of the word after the first of `names`.
pub(super) fn value_after(rest: &[String], names: &[&str]) -> Option<usize> {
    let at = rest
        .iter()
        .position(|word| names.contains(&word.as_str()))?;
    Some(at + 1)
}

/// Parses a duration like `timeout`: a number, then `s`, `m`, `h` or `d`.
pub(super) fn duration(word: &str) -> Option<Duration> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match word.get(digits.len()..)? {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    let seconds: f64 = digits.parse().ok()?;
    // `timeout 0` sets no limit.
    let limit = Duration::try_from_secs_f64(seconds * factor).ok()?;
    (!limit.is_zero()).then_some(limit)
}

/// The words after a wrapper's name.
#[derive(Clone, Copy)]
pub(super) struct RemainingWords<'a> {
    pub(super) words: &'a [String],
    /// The user's wrappers.
    pub(super) own: &'a [Wrapper],
    /// Index of the first word among the command's words, if these are a tail of them.
    pub(super) at: Option<usize>,
    /// Whether the program is searched on the command's own `PATH`.
    pub(super) same_path: bool,
}

impl RemainingWords<'_> {
    /// Returns the words as ones that can't be edited.
    pub(super) fn out_of_reach(self) -> Self {
        Self { at: None, ..self }
    }
}
