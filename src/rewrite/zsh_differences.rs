//! Text that zsh and bash read differently: the user's shell runs the command, and the parser knows bash. Nothing of it is
//! edited.

use crate::shell::SimpleCommand;

/// Redirections of zsh that bash takes for something else, and a word after which the two differ (zsh manual, "Redirection"
/// and "Complex Commands").
const READ_OTHERWISE: &[&str] = &[">&|", ">>&", ">>|", "&>|", ">!", ">&!", "coproc"];

/// Finds a part of `source` that the two shells read differently.
pub(super) fn read_otherwise(source: &str) -> Option<&'static str> {
    let mut texts = READ_OTHERWISE.iter();
    texts.find(|text| source.contains(**text)).copied()
}

/// Whether the first word names a program in both: no brace, no pattern, and not an expansion alone, which may be nothing
/// at all, so that what stands in front of it would be an assignment.
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
