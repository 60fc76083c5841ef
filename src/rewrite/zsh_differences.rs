//! Text that zsh and bash read differently. The user's shell runs the command, but the parser knows bash, so such text
//! is never edited.

use crate::shell::SimpleCommand;

/// Redirections that only zsh has, and a word after which the two shells differ (zsh manual, "Redirection" and
/// "Complex Commands").
const READ_DIFFERENTLY: &[&str] = &[">&|", ">>&", ">>|", "&>|", ">!", ">&!", "coproc"];

/// Finds a part of `source` that the two shells read differently.
pub(super) fn difference(source: &str) -> Option<&'static str> {
    let mut texts = READ_DIFFERENTLY.iter();
    texts.find(|text| source.contains(**text)).copied()
}

/// Whether the first word names a program in both shells. Braces, patterns and lone expansions don't: an expansion may
/// be empty, and text in front of it would then be an assignment.
pub(super) fn names_a_program(command: &SimpleCommand) -> bool {
    let Some(first) = command.words.first() else {
        return false;
    };
    let raw = first.raw.as_str();
    let is_alone = command.words.len() == 1;
    let is_pattern = raw.contains(['*', '?', '[']) && !matches!(raw, "[" | "[[");
    let is_quoted = raw.starts_with(['"', '\'', '\\']);
    let is_brace = raw.starts_with(['{', '}']);
    let may_be_nothing = is_alone && raw.starts_with(['$', '`']);
    !is_brace && !may_be_nothing && (is_quoted || !is_pattern)
}
