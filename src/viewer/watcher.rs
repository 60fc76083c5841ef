//! What VS Code's file watcher can miss.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::task::Footer;

/// When the watcher may have started by now. What was appended between the editor's first read and that isn't shown
/// before the next change (measured in 4 of 7 cold starts of VS Code 1.139).
const AFTER_OPENING: &[Duration] = &[
    Duration::from_millis(700),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
];

/// The same, after the task's last line.
const AFTER_THE_END: &[Duration] = &[Duration::from_millis(500), Duration::from_secs(2)];

/// How long to look for the end of the task, and how often.
const UNTIL: Duration = Duration::from_mins(10);
const EVERY: Duration = Duration::from_millis(500);

/// Makes the editor read `file` again, after it was opened and when its task ends: its modification time is set, its
/// content stays. Only where something was written meanwhile.
pub fn heal(file: &Path) {
    let (opened, start) = (SystemTime::now(), Instant::now());
    let is_output = file
        .extension()
        .is_some_and(|extension| extension == "output");
    let mut due = AFTER_OPENING.iter();
    let mut next = due.next();
    while start.elapsed() < UNTIL && (is_output || next.is_some()) {
        std::thread::sleep(EVERY);
        if is_output && has_ended(file) {
            for &pause in AFTER_THE_END {
                std::thread::sleep(pause);
                touch(file, opened);
            }
            return;
        }
        if next.is_some_and(|&next| start.elapsed() >= next) {
            touch(file, opened);
            next = due.next();
        }
    }
}

/// Clocks of files are coarse.
const SLACK: Duration = Duration::from_secs(2);

fn touch(file: &Path, opened: SystemTime) {
    let Ok(opened_file) = File::options().append(true).open(file) else {
        return;
    };
    let written = opened_file
        .metadata()
        .and_then(|metadata| metadata.modified());
    if written.is_ok_and(|written| written + SLACK >= opened) {
        // A file that can't be touched is shown all the same, with the next change.
        let _ = opened_file.set_modified(SystemTime::now());
    }
}

/// What can't be read any more is over, too.
fn has_ended(file: &Path) -> bool {
    Footer::of_file(file).map_or(true, |footer| footer.is_some())
}
