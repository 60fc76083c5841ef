//! Sizes of outputs: display, and one-time warnings about outputs that fill the disk.
//!
//! A size is the file's length, as every reader sees it. Outputs are only appended to, so it also equals their disk
//! usage.

use std::path::Path;

use super::ended_or_lost;
use super::record::TaskRecord;
use super::user_messages::{line_about, start_of};
use crate::platform::disk;
use crate::state::{Announcement, announcements};

/// Minimum size that is shown, in bytes.
pub const LARGE: u64 = 100_000_000;

/// Size above which the user is warned, in bytes.
pub const HUGE: u64 = 1_000_000_000;

/// Returns the size of a file in bytes if it is large enough to be shown.
pub fn if_large(file: &Path) -> Option<u64> {
    let size = file.metadata().ok()?.len();
    (size >= LARGE).then_some(size)
}

/// Formats a size: `640 MB`, `1.2 GB`.
pub fn shown(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
    ];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    let (unit, name) = *unit.unwrap_or(&(1_000_000, "MB"));
    let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
    if whole < 10 {
        format!("{whole}.{tenth} {name}")
    } else {
        format!("{whole} {name}")
    }
}

/// A warning about the size of a task's output.
#[derive(Debug, PartialEq, Eq)]
pub struct SizeWarning {
    /// The line for the user.
    pub line: String,
    /// The text for the model.
    pub for_model: String,
}

/// Returns the new warnings about a session's running tasks: an output has passed 1 GB, once per task, or its disk is
/// nearly full, once per session.
pub fn unreported_warnings(tasks: &[TaskRecord], session: &str) -> Vec<SizeWarning> {
    let sized = tasks.iter().filter(|task| !task.unattended);
    let sized = sized.filter_map(|task| Some((task, task.file()?.metadata().ok()?.len())));
    let sized: Vec<(&TaskRecord, u64)> = sized.collect();
    let is_unreported = |(task, size): &&(&TaskRecord, u64)| {
        *size >= HUGE && !announcements::is_claimed(Announcement::Size, &task.id)
    };
    let huge = sized.iter().filter(is_unreported);
    let huge = huge.map(|(task, size)| (*task, Announcement::Size, *size));
    let full = if announcements::is_claimed(Announcement::Disk, session) {
        None
    } else {
        sized.iter().max_by_key(|(_, size)| *size)
    };
    let full = full.and_then(|(task, _)| {
        let left = disk::space(task.file()?).filter(disk::DiskSpace::is_scarce)?;
        Some((*task, Announcement::Disk, left.free))
    });
    let found: Vec<(&TaskRecord, Announcement, u64)> = huge.chain(full).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let tasks: Vec<TaskRecord> = found.iter().map(|(task, _, _)| (*task).clone()).collect();
    let running = ended_or_lost::still_running(tasks);
    let runs = |task: &TaskRecord| running.iter().any(|other| other.id == task.id);
    let found = found.into_iter().filter(|(task, announcement, _)| {
        let id = if *announcement == Announcement::Disk {
            session
        } else {
            &task.id
        };
        runs(task) && announcements::claim(*announcement, id)
    });
    found
        .map(|(task, announcement, bytes)| warning_of(task, announcement, bytes))
        .collect()
}

fn warning_of(task: &TaskRecord, announcement: Announcement, bytes: u64) -> SizeWarning {
    let (id, start, size) = (&task.id, start_of(&task.id), shown(bytes));
    let (line, for_model) = if announcement == Announcement::Disk {
        (
            format!(" fills its disk, {size} left: `bg-run stop {start}`"),
            format!("the disk that task {id} writes its output to has only {size} left"),
        )
    } else {
        (
            format!(" has written {size}, stop it? `bg-run stop {start}`"),
            format!("the output of task {id} has reached {size} and keeps growing"),
        )
    };
    SizeWarning {
        line: line_about(task, &line),
        for_model: format!(
            "bg-run: {for_model}. If it isn't meant to write that much, end it with `bg-run stop {id}` or ask the user; \
             don't read the whole file."
        ),
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::super::user_messages::WIDTH;
    use super::*;

    #[test]
    fn sizes_are_shown_in_decimal_units() {
        for (bytes, expected) in [
            (0, "0.0 MB"),
            (100_000_000, "100 MB"),
            (999_999_999, "999 MB"),
            (1_000_000_000, "1.0 GB"),
            (12_340_000_000, "12 GB"),
            (1_400_000_000_000, "1.4 TB"),
        ] {
            assert_eq!(shown(bytes), expected);
        }
    }

    #[test]
    fn warnings_fit_their_line() {
        let task = TaskRecord {
            id: "b33k0q1x9".to_owned(),
            description: Some("Train the model for 10 epochs on all of the data".to_owned()),
            ..TaskRecord::default()
        };
        for (announcement, bytes, expected) in [
            (
                Announcement::Size,
                1_400_000_000_000,
                " has written 1.4 TB, stop it? `bg-run stop b33k`",
            ),
            (
                Announcement::Disk,
                640_000_000,
                " fills its disk, 640 MB left: `bg-run stop b33k`",
            ),
        ] {
            let warning = warning_of(&task, announcement, bytes);
            assert!(warning.line.width() <= WIDTH, "{warning:?}");
            assert!(warning.line.ends_with(expected), "{warning:?}");
            assert!(
                warning.for_model.contains("`bg-run stop b33k0q1x9`"),
                "{warning:?}"
            );
        }
    }
}
