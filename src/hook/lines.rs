//! What the user is told of a task: one line of the client's screen, whatever the task is called.

use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::ends::last_of;
use crate::state::notes::{Cause, Note, Status};
use crate::text::{LONG, SHOWN, clipped, one_line, span};
use crate::viewer::Shown;

/// So many columns are left in a terminal of 100 beside what the client puts before a line: `  ⎿  UserPromptSubmit says: `
/// (measured, 2.1.331).
const WIDTH: usize = 71;

/// Of a name at least so many columns are shown, though the line doesn't fit then.
const LEAST: usize = 12;

/// What was left out of a command takes so many at most,
const TAIL: usize = 13;

/// and the place where a file is open.
const PLACE: usize = 20;

/// An id's first characters tell it from others, and the commands take them for it.
const ID: usize = 4;

/// A call that went to the background: what, why, and where it can be watched.
pub(super) fn launched(note: &Note, limit: Option<u64>, tails: &[String], shown: &Shown) -> String {
    let tails = tails.join(" ");
    let why = match note.cause {
        _ if !tails.is_empty() => {
            let tails = clipped(&one_line(&tails, SHOWN), TAIL);
            Some(format!("without `{tails}`"))
        }
        Cause::Moved | Cause::Caller => None,
        Cause::Limit => Some(limit.map_or_else(
            || "took long".to_owned(),
            |limit| format!("took longer than {}", span(Duration::from_millis(limit))),
        )),
        Cause::TimeOut => Some("reached its time-out".to_owned()),
        Cause::User => Some("moved by you".to_owned()),
    };
    let opened = if note.log.is_some() {
        "its log is open"
    } else {
        "open"
    };
    match shown {
        Shown::In(place) | Shown::Already(place) => {
            let what = why.unwrap_or_else(|| "is in the background".to_owned());
            let place = clipped(&one_line(place, SHOWN), PLACE);
            let id = shortened(&note.id);
            named(note, &format!(" {what}, {opened} in {place} ({id})"))
        }
        // Why it is in the background, where nobody asked for it, is worth a second row.
        Shown::Not(reason) => {
            let why = why.map_or_else(String::new, |why| format!(" {why},"));
            let reason = one_line(reason, LONG);
            let id = start_of(&note.id);
            named(
                note,
                &format!("{why} not opened ({reason}): `bg-run tail {id}`"),
            )
        }
    }
}

/// How a task ended, after how long, and the last line of its output.
pub(super) fn ended(note: &Note) -> String {
    let end = note.ended.as_ref();
    let how = match end.map(|end| end.status) {
        Some(Status::Exited(0)) => "done".to_owned(),
        Some(status @ Status::Exited(code)) if status.is_killed() => format!("killed ({code})"),
        Some(Status::Exited(code)) => format!("exit {code}"),
        Some(Status::Killed) => "killed".to_owned(),
        Some(Status::Unknown) | None => "ended".to_owned(),
    };
    let after = end.and_then(|end| end.ran).map_or_else(String::new, |ran| {
        format!(" after {}", span(Duration::from_millis(ran)))
    });
    let Some(last) = last_of(note, 1).pop() else {
        return named(note, &format!(" {how}{after}"));
    };
    let last = one_line(&last, LONG);
    // The name and the last line share what is left: each has a half, and what the other doesn't need.
    let how = format!(" {how}{after}: ");
    let left = WIDTH.saturating_sub(START.width() + "\"".width() + how.width());
    let name = left.saturating_sub(last.width()).max(left / 2).max(LEAST);
    let name = clipped(&name_of(note), name);
    let last = clipped(&last, left.saturating_sub(name.width()).max(LEAST));
    format!("{START}{name}\"{how}{last}")
}

/// A task that has been silent for long.
pub(super) fn silent(note: &Note, silence: Duration) -> String {
    named(
        note,
        &format!(
            " silent for {}, stop it? `bg-run stop {}`",
            span(silence),
            start_of(&note.id)
        ),
    )
}

const START: &str = "bg-run: \"";

/// A line about a task, whose name gives way to the rest.
fn named(note: &Note, rest: &str) -> String {
    let left = WIDTH.saturating_sub(START.width() + "\"".width() + rest.width());
    format!(
        "{START}{}\"{rest}",
        clipped(&name_of(note), left.max(LEAST))
    )
}

fn name_of(note: &Note) -> String {
    note.name().replace('"', "'")
}

/// As it can be written in a command.
fn start_of(id: &str) -> &str {
    match id.char_indices().nth(ID) {
        // A single character more isn't worth a sign for it.
        Some((at, _)) if id.chars().count() > ID + 1 => id.get(..at).unwrap_or(id),
        _ => id,
    }
}

fn shortened(id: &str) -> String {
    match start_of(id) {
        start if start == id => start.to_owned(),
        start => format!("{start}…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::notes::Ended;

    const NAMES: [&str; 4] = [
        "Run e2e tests",
        "Train the model for 10 epochs on all of the data",
        "日本語の名前がついた長いタスクを実行する",
        "x",
    ];

    fn note(name: &str, cause: Cause) -> Note {
        Note {
            id: "b33k0q1x9".to_owned(),
            description: Some(name.to_owned()),
            cause,
            ..Note::default()
        }
    }

    #[test]
    fn every_line_fits_its_terminal() {
        let place = Shown::In("VS Code".to_owned());
        let tails = ["| grep -v a | tail -5 | cut -c1-200".to_owned()];
        for name in NAMES {
            for cause in [
                Cause::Moved,
                Cause::Caller,
                Cause::Limit,
                Cause::TimeOut,
                Cause::User,
            ] {
                for tails in [&[][..], &tails] {
                    let line = launched(&note(name, cause), Some(30_000), tails, &place);
                    assert!(line.width() <= WIDTH, "{line}");
                    assert!(line.ends_with(", open in VS Code (b33k…)"), "{line}");
                }
            }
            for why in ["max-tabs = 5", "no `code` found", "open = \"never\""] {
                let line = launched(
                    &note(name, Cause::Moved),
                    None,
                    &[],
                    &Shown::Not(why.to_owned()),
                );
                assert!(line.width() <= WIDTH, "{line}");
                assert!(
                    line.ends_with(&format!("not opened ({why}): `bg-run tail b33k`")),
                    "{line}"
                );
            }
            let line = silent(&note(name, Cause::Moved), Duration::from_mins(25));
            assert!(line.width() <= WIDTH, "{line}");
            assert!(line.contains("silent for 25 min"), "{line}");
        }
    }

    #[test]
    fn an_end_shows_of_name_and_output_what_fits() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("b33k0q1x9.output");
        for name in NAMES {
            for last in [
                "3 failed, 214 passed",
                "a line that is longer than any terminal of a hundred columns has room for beside the rest",
                "短い",
            ] {
                std::fs::write(&output, format!("{last}\n")).unwrap();
                let mut note = note(name, Cause::Moved);
                note.output = Some(output.clone());
                note.ended = Some(Ended {
                    at: String::new(),
                    status: Status::Exited(3),
                    ran: Some(720_000),
                });
                let line = ended(&note);
                assert!(line.width() <= WIDTH, "{line}");
                assert!(line.contains(" exit 3 after 12 min: "), "{line}");
                let fits = name.width() + last.width() <= 40;
                assert_eq!(line.contains(name) && line.ends_with(last), fits, "{line}");
            }
        }
    }

    #[test]
    fn an_id_is_shown_by_its_start() {
        for (id, start, short) in [
            ("b33k0q1x9", "b33k", "b33k…"),
            ("b33k0", "b33k0", "b33k0"),
            ("b1", "b1", "b1"),
        ] {
            assert_eq!((start_of(id), shortened(id).as_str()), (start, short));
        }
    }
}
