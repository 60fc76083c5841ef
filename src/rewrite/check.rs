//! Parses the edited text again and compares the result with the plan.

use super::edits::{EditKind, PlannedEdit};
use super::input::RewriteInput;
use crate::shell::{self, Script, SimpleCommand, Word};

/// Whether `text` parses to the same commands as before, apart from the planned edits.
pub(super) fn is_as_planned(input: RewriteInput<'_>, edits: &[PlannedEdit], text: &str) -> bool {
    if edits.is_empty() {
        return text == input.source;
    }
    let Ok(after) = shell::parse(text) else {
        return false;
    };
    if !edits.iter().all(|planned| has_a_place(input, planned)) {
        return false;
    }
    let kept = input.script.simple_commands.iter().filter(|command| {
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

/// Whether the edit is at a position suitable for its kind. An edit inside a comment changes no command, and would
/// otherwise pass.
fn has_a_place(input: RewriteInput<'_>, planned: &PlannedEdit) -> bool {
    let span = planned.edit.span;
    let script = input.script;
    let commands = script.simple_commands.iter();
    let mut commands = commands.filter(|command| command.context.editable);
    match planned.kind {
        EditKind::DropTail => script.pipelines.iter().any(|pipeline| {
            let mut stages = pipeline.stages.iter();
            stages.any(|stage| stage.span.end == span.start)
                && pipeline
                    .stages
                    .last()
                    .is_some_and(|last| last.span.end == span.end)
        }),
        EditKind::TakeOutMarker => commands.any(|command| {
            let mut assignments = command.assignments.iter();
            assignments.any(|word| word.span.start == span.start && word.span.end < span.end)
        }),
        _ => commands.any(|command| {
            let mut words = command.assignments.iter().chain(&command.words);
            words.any(|word| [word.span.start, word.span.end].contains(&span.start))
        }),
    }
}

/// A simple command without the positions of its parts.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    /// Assignments and words.
    words: Vec<String>,
    /// Redirections in alphabetical order, because edits don't change their order.
    redirections: Vec<String>,
}

impl Shape {
    fn all(script: &Script) -> Vec<Self> {
        let of = |command| Self::expected(command, &[]);
        script.simple_commands.iter().map(of).collect()
    }

    /// Returns the expected shape of `command` after the edits.
    fn expected(command: &SimpleCommand, edits: &[PlannedEdit]) -> Self {
        let edits = if command.context.editable { edits } else { &[] };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{Edit, Span, apply};

    fn planned(kind: EditKind, source: &str, at: &str, insert: &str) -> PlannedEdit {
        let start = source.find(at).expect(at);
        PlannedEdit {
            kind,
            edit: Edit::insertion(start, insert),
        }
    }

    fn deletion(kind: EditKind, source: &str, gone: &str) -> PlannedEdit {
        let start = source.find(gone).expect(gone);
        let end = start + gone.len();
        PlannedEdit {
            kind,
            edit: Edit::deletion(Span { start, end }),
        }
    }

    fn holds(source: &str, edits: &[PlannedEdit]) -> bool {
        let script = shell::parse(source).expect(source);
        let input = RewriteInput {
            source,
            script: &script,
            markers: &[],
        };
        let bare: Vec<Edit> = edits.iter().map(|planned| planned.edit.clone()).collect();
        let text = apply(source, &bare).expect(source);
        is_as_planned(input, edits, &text)
    }

    #[test]
    fn good_plans_hold() {
        use EditKind::{DropTail, JoinStderr, TakeOutMarker, UnbufferedVariable};
        let source = "BG_RUN=on cd a && pytest -x | tail -5";
        for edit in [
            planned(UnbufferedVariable, source, "pytest", "PYTHONUNBUFFERED=1 "),
            planned(JoinStderr, source, " | tail", " 2>&1"),
            deletion(DropTail, source, " | tail -5"),
            deletion(TakeOutMarker, source, "BG_RUN=on "),
        ] {
            assert!(holds(source, std::slice::from_ref(&edit)), "{edit:?}");
        }
    }

    #[test]
    fn bad_plans_do_not() {
        use EditKind::{DropTail, JoinStderr, LineBuffered, TakeOutMarker, UnbufferedVariable};
        const PREFIX: &str = "PYTHONUNBUFFERED=1 ";
        for (source, edit) in [
            // Edits inside a word, inside quotes.
            (
                "pytest -x",
                planned(UnbufferedVariable, "pytest -x", "test", PREFIX),
            ),
            (
                "echo 'a pytest'",
                planned(UnbufferedVariable, "echo 'a pytest'", "pytest", PREFIX),
            ),
            (
                "pytest 'a b'",
                planned(JoinStderr, "pytest 'a b'", " b'", " 2>&1"),
            ),
            // Edits after a comment, in a here-document, at the wrong command.
            (
                "pytest # x",
                planned(JoinStderr, "pytest # x", " x", " 2>&1"),
            ),
            (
                "pytest <<E\nx\nE",
                planned(JoinStderr, "pytest <<E\nx\nE", "\nE", " 2>&1"),
            ),
            (
                "a; pytest",
                planned(LineBuffered, "a; pytest", "; pytest", ";--line-buffered"),
            ),
            // Edits with an unexpected text.
            ("pytest", planned(JoinStderr, "pytest", "pytest", "rm x; ")),
            (
                "pytest",
                planned(
                    UnbufferedVariable,
                    "pytest",
                    "pytest",
                    "PYTHONUNBUFFERED=1; ",
                ),
            ),
            (
                "pytest",
                planned(UnbufferedVariable, "pytest", "pytest", "("),
            ),
            // Edits that remove too much or too little.
            (
                "a && pytest | tail -5",
                deletion(DropTail, "a && pytest | tail -5", "&& pytest | tail -5"),
            ),
            (
                "pytest | tail -5; b",
                deletion(DropTail, "pytest | tail -5; b", " | tail -5; b"),
            ),
            ("pytest -x", deletion(TakeOutMarker, "pytest -x", "py")),
            ("pytest -x", deletion(TakeOutMarker, "pytest -x", " -x")),
        ] {
            assert!(
                !holds(source, std::slice::from_ref(&edit)),
                "{source}: {edit:?}"
            );
        }
    }
}
