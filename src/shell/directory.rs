//! The shell's working folder, as far as the script's text shows it.

use super::SimpleCommand;

/// The effect of a command on the working folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryChange<'a> {
    /// The folder stays the same.
    No,
    /// The folder becomes one that the text names.
    To(&'a str),
    /// The folder becomes one known only at run time: `cd "$DIR"`, `cd -`, `popd`.
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

/// Whether an unquoted word is a literal path, without expansions, patterns or options. A leading `~/` is allowed, and
/// is resolved later.
pub(crate) fn is_literal(text: &str) -> bool {
    let rest = text.strip_prefix("~/").unwrap_or(text);
    !text.is_empty()
        && !text.starts_with('-')
        && !rest.contains(['$', '`', '*', '?', '[', '{', '~', '\n', '<', '>', '\\'])
}

/// Resolves `path` relative to `from`.
pub(crate) fn join(from: &str, path: &str) -> String {
    if from.is_empty() || path.starts_with(['/', '~']) {
        path.to_owned()
    } else {
        format!("{}/{path}", from.trim_end_matches('/'))
    }
}
