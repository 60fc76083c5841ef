//! The edited text parsed again, held against what the edits were to do.

use super::{EditKind, PlannedEdit, Subject, VARIABLE};
use crate::shell::{self, Script, SimpleCommand};

/// Whether `text` parses to the same commands as before, but for the planned edits.
pub(super) fn is_as_planned(subject: Subject<'_>, edits: &[PlannedEdit], text: &str) -> bool {
    if edits.is_empty() {
        return text == subject.source;
    }
    let Ok(after) = shell::parse(text) else {
        return false;
    };
    let dropped = edits
        .iter()
        .filter(|planned| planned.kind == EditKind::DropTail);
    let expected: Vec<Shape> = shapes(subject.script)
        .enumerate()
        .filter(|(index, _)| {
            let command = subject.script.simple_commands.get(*index);
            let start = command.and_then(SimpleCommand::start).unwrap_or_default();
            !dropped
                .clone()
                .any(|planned| planned.edit.span.start <= start && start < planned.edit.span.end)
        })
        .map(|(_, shape)| shape)
        .collect();
    let found: Vec<Shape> = shapes(&after).collect();
    let planned = edits
        .iter()
        .filter(|planned| planned.kind == EditKind::JoinStderr);
    expected == found && joins(&after) == joins(subject.script) + planned.count()
}

/// What no edit may change of a simple command.
#[derive(PartialEq, Eq)]
struct Shape {
    assignments: Vec<String>,
    words: Vec<String>,
    redirections: Vec<String>,
}

fn shapes(script: &Script) -> impl Iterator<Item = Shape> {
    script.simple_commands.iter().map(|command| {
        let assignments = command
            .assignments
            .iter()
            .filter(|word| {
                let name = word.as_assignment().map(|(name, _)| name);
                name != Some(VARIABLE) && name != Some(crate::policy::MARKER)
            })
            .map(|word| word.raw.clone());
        let mut words: Vec<String> = command.words.iter().map(|word| word.raw.clone()).collect();
        if let Some(interpreter) = crate::policy::Views::of(command).interpreter
            && words.get(interpreter + 1).is_some_and(|word| word == "-u")
        {
            words.remove(interpreter + 1);
        }
        Shape {
            assignments: assignments.collect(),
            words,
            redirections: command
                .redirections
                .iter()
                .filter(|redirection| redirection.shape != JOINED)
                .map(|redirection| redirection.shape.clone())
                .collect(),
        }
    })
}

/// The shape of `2>&1`.
const JOINED: &str = "2>&1";

fn joins(script: &Script) -> usize {
    let all = script
        .simple_commands
        .iter()
        .flat_map(|command| &command.redirections);
    all.filter(|redirection| redirection.shape == JOINED)
        .count()
}
