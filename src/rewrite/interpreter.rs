//! The Python interpreter among a simple command's words.

use crate::policy::Views;
use crate::shell::SimpleCommand;

/// The index of the interpreter's word, where `-u` can follow it and doesn't yet.
pub(super) fn find(command: &SimpleCommand) -> Option<usize> {
    let interpreter = Views::of(command).interpreter?;
    let arguments = command.words.get(interpreter + 1..)?;
    let unbuffered = arguments
        .iter()
        .map(crate::shell::Word::text)
        .take_while(|text| text.starts_with('-'))
        .any(|text| !text.starts_with("--") && text.contains('u'));
    (!unbuffered && !arguments.is_empty()).then_some(interpreter)
}
