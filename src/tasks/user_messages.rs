//! Messages to the user about tasks, shortened to fit one line of the client's screen.

use std::time::Duration;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr as _;

use super::output_summary::{full_disk, summary_of};
use super::record::TaskRecord;
use super::status::Status;
use crate::text::{MAX_MESSAGE, clipped, format_duration, one_line};

/// Columns left in a terminal of 100 after the client's prefix `  ⎿  UserPromptSubmit says: ` (measured, 2.1.331).
pub const WIDTH: usize = 71;

/// Columns left from a message's second row on, which the client indents by five.
const WIDTH_BELOW: usize = 93;

/// Minimum number of a name's columns that are shown, even if the line then doesn't fit.
const MIN_NAME: usize = 11;

/// Number of an id's characters that are shown. They identify the task, and the commands accept them.
const ID_LENGTH: usize = 4;

/// Beginnings of a tool's summary that only repeat how the task ended.
const REDUNDANT: &[&str] = &["test result: ok. ", "test result: FAILED. ", "make: *** "];

/// Describes each task's end in a row: its status, its duration, and the most informative line of its output.
pub fn ended<'a>(records: impl IntoIterator<Item = &'a TaskRecord>) -> Vec<String> {
    let widths = std::iter::once(WIDTH).chain(std::iter::repeat(WIDTH_BELOW));
    let rows = records.into_iter().zip(widths);
    rows.map(|(record, width)| ended_within(record, width))
        .collect()
}

fn ended_within(record: &TaskRecord, width: usize) -> String {
    let (status, after) = (record.final_status(), record.after());
    let how = match status {
        Status::Lost | Status::Detached => "ended".to_owned(),
        status => status.label(record.status_of.as_deref()),
    };
    if status == Status::MemoryShort {
        // Nothing else fits.
        return line_about(record, &format!(" {how}"));
    }
    let how = match full_disk(record) {
        Some(_) => format!("{how} (disk full)"),
        None => how,
    };
    let Some(last) = summary_of(record) else {
        return line_about(record, &format!(" {how}{after}"));
    };
    let mut beginnings = REDUNDANT.iter();
    let rest = beginnings.find_map(|beginning| last.strip_prefix(beginning));
    let last = one_line(rest.unwrap_or(&last), MAX_MESSAGE);
    // The name and the last line share the remaining columns. Each gets half, plus whatever the other doesn't need.
    let how = format!(" {how}{after}: ");
    let left = width.saturating_sub(PREFIX.width() + "\"".width() + how.width());
    let name = left
        .saturating_sub(last.width())
        .max(left / 2)
        .max(MIN_NAME);
    let name = clipped(&name_of(record), name);
    let last = clipped(&last, left.saturating_sub(name.width()).max(MIN_NAME));
    format!("{PREFIX}{name}\"{how}{last}")
}

/// Describes a task that has been silent for long.
pub fn silent(record: &TaskRecord, silence: Duration) -> String {
    line_about(
        record,
        &format!(
            " silent for {}, stop it? `bg-run stop {}`",
            format_duration(silence),
            start_of(&record.id)
        ),
    )
}

/// Columns left at a session's start, where the prefix is longer: `  ⎿  SessionStart:startup says: `.
const WIDTH_AT_START: usize = 68;

/// Maximum number of tasks named at a session's start.
const MAX_NAMED: usize = 3;

/// Describes the tasks of earlier sessions, newest first: running ones, then ended ones; `None` if there are none.
pub fn left_over(running: &[TaskRecord], ended: &[TaskRecord]) -> Option<String> {
    const LEFT_OVER_PREFIX: &str = "bg-run: from earlier: ";
    let how = |record: &TaskRecord| match record.ended {
        None if record.survived => {
            let ran = Timestamp::now().duration_since(record.began());
            let ran = format_duration(ran.try_into().unwrap_or_default());
            format!("still runs after {ran} ({})", shortened(&record.id))
        }
        None => format!("runs ({})", shortened(&record.id)),
        Some(end) => match end.status {
            Status::Lost | Status::Detached => "ended".to_owned(),
            status => status.label(record.status_of.as_deref()),
        },
    };
    let all: Vec<&TaskRecord> = running.iter().rev().chain(ended.iter().rev()).collect();
    // Names as many tasks as fit, but at least one.
    let line = |count: usize| {
        let named = || all.iter().take(count);
        let rest = match all.len().saturating_sub(count) {
            0 => String::new(),
            more => format!(", {more} more"),
        };
        let marks = "\"\" ".width() + ", ".width();
        let taken: usize = named().map(|record| how(record).width() + marks).sum();
        let left = WIDTH_AT_START.saturating_sub(LEFT_OVER_PREFIX.width() + rest.width() + taken);
        // Columns that a short name doesn't need go to the others.
        let width_at = |each: usize| {
            named()
                .map(|record| name_of(record).width().min(each))
                .sum()
        };
        let each = (MIN_NAME..=left).rev().find(|each| left >= width_at(*each));
        let each = each.unwrap_or(MIN_NAME);
        let parts = named().map(|record| {
            let name = clipped(&name_of(record), each);
            format!("\"{name}\" {}", how(record))
        });
        let parts: Vec<String> = parts.collect();
        format!("{LEFT_OVER_PREFIX}{}{rest}", parts.join(", "))
    };
    let most = all.len().min(MAX_NAMED);
    let fits = |line: &String| line.width() <= WIDTH_AT_START;
    let found = (1..=most).rev().map(line).find(fits);
    found.or_else(|| (most > 0).then(|| line(1)))
}

const PREFIX: &str = "bg-run: \"";

/// Formats a line about a task; its name is shortened to make the rest fit.
pub fn line_about(record: &TaskRecord, rest: &str) -> String {
    let left = WIDTH.saturating_sub(PREFIX.width() + "\"".width() + rest.width());
    format!(
        "{PREFIX}{}\"{rest}",
        clipped(&name_of(record), left.max(MIN_NAME))
    )
}

/// Whether a line about a task fits with the whole name.
pub fn has_whole_name(record: &TaskRecord, line: &str) -> bool {
    let start = format!("{PREFIX}{}\"", name_of(record));
    line.width() <= WIDTH && line.starts_with(&start)
}

fn name_of(record: &TaskRecord) -> String {
    record.name().replace('"', "'")
}

/// Returns the start of an id, for use in a command.
pub fn start_of(id: &str) -> &str {
    match id.char_indices().nth(ID_LENGTH) {
        // An ellipsis for a single character would save nothing.
        Some((at, _)) if id.chars().count() > ID_LENGTH + 1 => id.get(..at).unwrap_or(id),
        _ => id,
    }
}

/// Returns the start of an id with an ellipsis, as shown to the user.
pub fn shortened(id: &str) -> String {
    match start_of(id) {
        start if start == id => start.to_owned(),
        start => format!("{start}…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::record::examples::{NAMES, record};
    use crate::tasks::record::{Cause, End};

    #[test]
    fn an_end_shows_as_much_of_name_and_output_as_fits() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("b33k0q1x9.output");
        for name in NAMES {
            for last in [
                "3 failed, 214 passed",
                "a line that is longer than any terminal of a hundred columns has room for beside the rest",
                "短い",
            ] {
                std::fs::write(&output, format!("{last}\n")).unwrap();
                let mut record = record(name, Cause::Moved);
                record.output = Some(output.clone());
                record.ended = Some(End {
                    at: jiff::Timestamp::UNIX_EPOCH,
                    status: Status::Exit(3),
                    ran: Some(720_000),
                });
                let lines = ended([&record, &record, &record]);
                for (line, width) in lines.iter().zip([WIDTH, WIDTH_BELOW, WIDTH_BELOW]) {
                    assert!(line.width() <= width, "{line}");
                    assert!(line.contains(" exit 3 after 12 min: "), "{line}");
                    let fits = name.width() + last.width() <= width - 31;
                    assert_eq!(line.contains(name) && line.ends_with(last), fits, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_summary_does_not_repeat_how_the_task_ended() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("b33k0q1x9.output");
        for (last, expected) in [
            (
                "test result: FAILED. 2 passed; 1 failed",
                "2 passed; 1 failed",
            ),
            (
                "make: *** [Makefile:2: all] Error 3",
                "[Makefile:2: all] Error 3",
            ),
        ] {
            std::fs::write(&output, last).unwrap();
            let mut record = record("Build", Cause::Moved);
            record.output = Some(output.clone());
            let line = ended([&record]).pop().unwrap();
            assert_eq!(line, format!("bg-run: \"Build\" ended: {expected}"));
        }
    }

    #[test]
    fn tasks_of_earlier_sessions_are_one_line() {
        assert_eq!(left_over(&[], &[]), None);
        let running: Vec<TaskRecord> = NAMES.map(|name| record(name, Cause::Moved)).to_vec();
        let mut ended = running.clone();
        for record in &mut ended {
            record.ended = Some(End {
                at: jiff::Timestamp::UNIX_EPOCH,
                status: Status::Exit(3),
                ran: None,
            });
        }
        for runs in 0..=NAMES.len() {
            for ends in 0..=NAMES.len() {
                if let Some(line) = left_over(&running[..runs], &ended[..ends]) {
                    assert!(line.width() <= WIDTH_AT_START, "{line}");
                    assert_eq!(line.contains("runs (b33k…)"), runs > 0, "{line}");
                    let named = line.matches("runs (").count() + line.matches(" exit 3").count();
                    let rest = (runs + ends - named).to_string();
                    assert!(
                        named == runs + ends || line.ends_with(&format!(", {rest} more")),
                        "{line}"
                    );
                }
            }
        }
        assert_eq!(
            left_over(&running[..1], &ended[3..]).unwrap(),
            "bg-run: from earlier: \"Run e2e tests\" runs (b33k…), \"x\" exit 3"
        );
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
