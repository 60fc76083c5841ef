//! Touches files to report changes that VS Code's file watcher missed.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::claude::task::{self, Footer};
use crate::tasks::ended_or_lost::AwaitedTask;
use crate::tasks::status::Status;

/// Times after which the watcher may have started. Text that was appended between the editor's first read and then
/// stays hidden until the next change (measured in 4 of 7 cold starts of VS Code 1.139).
const AFTER_OPENING: &[Duration] = &[
    Duration::from_millis(700),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
];

/// Pauses after the task's last line.
const AFTER_THE_END: &[Duration] = &[Duration::from_millis(500), Duration::from_secs(2)];

/// Maximum time to wait for the task's end.
const MAX_WAIT: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_millis(500);

/// Exits this process after 11 minutes, even if it hangs.
pub(super) fn start_watchdog() {
    std::thread::spawn(|| {
        std::thread::sleep(MAX_WAIT + Duration::from_mins(1));
        std::process::exit(0);
    });
}

/// Makes the editor read `file` again after it was opened and when its task ends. It sets the modification time, if
/// something was written meanwhile, and leaves the content alone. The file is kept open, so that it stays the same
/// one.
pub(super) fn touch_until_end(path: &Path) {
    let Ok(file) = super::open_file(path) else {
        return;
    };
    let (opened, start) = (SystemTime::now(), Instant::now());
    let is_output = task::is_output(path);
    let mut awaited = AwaitedTask::of_file(path);
    let mut due = AFTER_OPENING.iter();
    let mut next = due.next();
    while start.elapsed() < MAX_WAIT && (is_output || next.is_some()) {
        std::thread::sleep(INTERVAL);
        if is_output && check_ended(&file, &mut awaited) {
            for &pause in AFTER_THE_END {
                std::thread::sleep(pause);
                touch(&file, opened);
            }
            return;
        }
        if next.is_some_and(|&next| start.elapsed() >= next) {
            touch(&file, opened);
            next = due.next();
        }
    }
}

/// Tolerance for coarse file timestamps.
const SLACK: Duration = Duration::from_secs(2);

fn touch(file: &File, opened: SystemTime) {
    let written = file.metadata().and_then(|metadata| metadata.modified());
    if written.is_ok_and(|written| written + SLACK >= opened) {
        // A file that can't be touched still refreshes with its next change.
        let _ = file.set_modified(SystemTime::now());
    }
}

/// Whether the task of the file has ended; a removed or unreadable file counts as ended.
fn check_ended(file: &File, awaited: &mut AwaitedTask) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let is_gone = file
        .metadata()
        .map_or(true, |metadata| metadata.nlink() == 0);
    let ends = task::read_end(file).map_or(true, |end| Footer::of(&end).is_some());
    is_gone || ends && awaited.check().status != Status::Running
}
