//! The edited text parsed again, held against what the edits were to do.

use super::{EditKind, PlannedEdit, Subject};
use crate::shell::{self, Script, SimpleCommand, Word};

/// Whether `text` parses to the same commands as before, but for the planned edits.
pub(super) fn is_as_planned(subject: Subject<'_>, edits: &[PlannedEdit], text: &str) -> bool {
    if edits.is_empty() {
        return text == subject.source;
    }
    let Ok(after) = shell::parse(text) else {
        return false;
    };
    let kept = subject.script.simple_commands.iter().filter(|command| {
        let start = command.start().unwrap_or_default();
        !edits.iter().any(|planned| {
            planned.kind == EditKind::DropTail
                && (planned.edit.span.start..planned.edit.span.end).contains(&start)
        })
    });
    let expected: Vec<Shape> = kept
        .map(|command| Shape::expected(command, edits))
        .collect();
    expected == Shape::all(&after)
}

/// A simple command without the places of its parts.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    /// Assignments and words.
    words: Vec<String>,
    /// In alphabetical order: their order among themselves isn't touched.
    redirections: Vec<String>,
}

impl Shape {
    fn all(script: &Script) -> Vec<Self> {
        let of = |command| Self::expected(command, &[]);
        script.simple_commands.iter().map(of).collect()
    }

    /// The shape that `command` has after the edits.
    fn expected(command: &SimpleCommand, edits: &[PlannedEdit]) -> Self {
        let edits = if command.place.editable { edits } else { &[] };
        let mut words = Vec::new();
        let mut redirections: Vec<String> = command
            .redirections
            .iter()
            .map(|redirection| redirection.shape.clone())
            .collect();
        let mut insert = |at: usize, words: &mut Vec<String>| {
            for planned in edits.iter().filter(|planned| planned.edit.span.start == at) {
                match planned.kind {
                    EditKind::TakeOutMarker | EditKind::DropTail => {}
                    EditKind::JoinStderr => redirections.push(JOINED.to_owned()),
                    _ => words.extend(planned.edit.insert.split_whitespace().map(str::to_owned)),
                }
            }
        };
        for word in command.assignments.iter().chain(&command.words) {
            insert(word.span.start, &mut words);
            if !is_taken_out(word, edits) {
                words.push(word.raw.clone());
            }
            insert(word.span.end, &mut words);
        }
        redirections.sort();
        Self {
            words,
            redirections,
        }
    }
}

fn is_taken_out(word: &Word, edits: &[PlannedEdit]) -> bool {
    edits.iter().any(|planned| {
        planned.kind == EditKind::TakeOutMarker && planned.edit.span.start == word.span.start
    })
}

/// The shape of `2>&1`.
const JOINED: &str = "2>&1";
