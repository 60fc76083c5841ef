//! `bg-run tail`: shows a task's output in the terminal as it grows.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::claude::task;
use crate::tasks::ended_or_lost::AwaitedTask;
use crate::tasks::list;
use crate::tasks::status::Status;

/// Polling interval of the file. Not every system reports its growth.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Silence after which to check whether the task has ended.
const SILENCE: Duration = Duration::from_millis(500);

/// Interval between the checks whether the task has ended.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The reason why following a file ended.
enum EndReason {
    /// The task has ended.
    Ended(Status),
    /// The file was removed.
    Removed,
}

/// Follows `target` like `tail -F` until its task has ended. The exit status is the task's.
pub(super) fn run(target: Option<&str>, pane: bool) -> Result<ExitCode> {
    let path = list::file(target)?;
    if std::io::stderr().is_terminal() {
        eprintln!("{}", path.display());
    }
    let over = follow(&path)?;
    let status = match over {
        EndReason::Ended(Status::Lost) => {
            eprintln!("bg-run: no process writes there any more, and the exit status is unknown");
            Status::Lost
        }
        EndReason::Ended(status) => status,
        EndReason::Removed => {
            eprintln!("bg-run: the file was removed");
            Status::Lost
        }
    };
    if pane {
        eprint!("The task has ended; press Enter to close this pane. ");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
    }
    Ok(ExitCode::from(status.exit_code()))
}

fn follow(path: &Path) -> Result<EndReason> {
    let cannot = || format!("{} can't be read", path.display());
    let mut file = task::open_output_or_log(path).with_context(cannot)?;
    let mut output = std::io::stdout().lock();
    let (mut grown, mut asked) = (Instant::now(), None::<Instant>);
    let mut awaited = AwaitedTask::of_file(path);
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut part).with_context(cannot)?;
        if let Some(new) = part.get(..read).filter(|new| !new.is_empty()) {
            output.write_all(new)?;
            output.flush()?;
            grown = Instant::now();
            continue;
        }
        let is_due = asked.is_none_or(|asked| asked.elapsed() >= CHECK_INTERVAL);
        if grown.elapsed() >= SILENCE && is_due {
            if !path.exists() {
                return Ok(EndReason::Removed);
            }
            let status = awaited.check().status;
            if status != Status::Running {
                return Ok(EndReason::Ended(status));
            }
            asked = Some(Instant::now());
        }
        std::thread::sleep(POLL_INTERVAL);
        reopen_if_replaced(&mut file, path);
    }
}

/// Reopens the path like `tail -F`. A replaced or truncated file is read from its start.
fn reopen_if_replaced(file: &mut File, path: &Path) {
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else {
        return;
    };
    if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
        if let Ok(other) = task::open_output_or_log(path) {
            *file = other;
        }
    } else if file.stream_position().is_ok_and(|at| at > named.len()) {
        // If this fails, the next growth may show the old end again.
        let _ = file.seek(SeekFrom::Start(0));
    }
}
