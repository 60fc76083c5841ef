//! The folder that the shell stands in, as far as the text of a script tells.

use super::SimpleCommand;

/// Effect of a `cd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryChange<'a> {
    /// It isn't one.
    No,
    /// To a folder that the text names.
    To(&'a str),
    /// To one that only the run will tell: `cd "$DIR"`, `cd -`, `popd`.
    Unknown,
}

/// Returns the effect of `command` on the folder. `text` is its second word without quotes.
pub(super) fn directory_change<'a>(
    command: &SimpleCommand,
    text: Option<&'a str>,
) -> DirectoryChange<'a> {
    let Some(program) = command.words.first().map(super::Word::text) else {
        return DirectoryChange::No;
    };
    match (program.as_str(), command.words.len()) {
        ("cd" | "pushd", 2) => match text {
            Some(text) if is_literal(text) => DirectoryChange::To(text),
            _ => DirectoryChange::Unknown,
        },
        ("cd" | "pushd" | "popd", _) => DirectoryChange::Unknown,
        _ => DirectoryChange::No,
    }
}

/// Whether a word without its quotes is the very path: no expansion, no pattern, no option. A leading `~/` is one
/// that the reader of the path resolves.
pub(crate) fn is_literal(text: &str) -> bool {
    let rest = text.strip_prefix("~/").unwrap_or(text);
    !text.is_empty()
        && !text.starts_with('-')
        && !rest.contains(['$', '`', '*', '?', '[', '{', '~', '\n', '<', '>', '\\'])
}

/// `path` seen from `from`.
pub(crate) fn join(from: &str, path: &str) -> String {
    if from.is_empty() || path.starts_with(['/', '~']) {
        path.to_owned()
    } else {
        format!("{}/{path}", from.trim_end_matches('/'))
    }
}
