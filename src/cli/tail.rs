//! `bg-run tail`: a task's output in the terminal, as it grows.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::claude::holders;
use crate::claude::task::{FOOTER_WITHIN, Footer};
use crate::folders;

/// How often the file is looked at: nothing tells of its growth on every system.
const EVERY: Duration = Duration::from_millis(100);

/// How long a footer has to stay the last line: a program could print such a line too.
const SETTLED: Duration = Duration::from_millis(500);

/// How often it is asked whether anybody still writes: that looks at all processes.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// How a task that was followed is over.
enum End {
    By(Footer),
    /// No process writes any more, and no line says how it ended.
    Lost,
    /// The file was removed.
    Removed,
}

/// The exit status for an end that isn't known.
const UNKNOWN: u8 = 1;

/// Follows `target`, like `tail -F`, until the task's footer; the exit status is the task's.
pub(super) fn run(target: Option<&str>, pane: bool) -> Result<ExitCode> {
    let path = super::known::file(target)?;
    eprintln!("{}", path.display());
    let end = follow(&path)?;
    match end {
        End::By(_) => {}
        End::Lost => {
            eprintln!("bg-run: no process writes there any more; how the task ended isn't known");
        }
        End::Removed => eprintln!("bg-run: the file was removed"),
    }
    if pane {
        eprint!("The task is over; Enter closes this pane. ");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
    }
    Ok(match end {
        End::By(Footer::Exited(code)) => ExitCode::from(u8::try_from(code).unwrap_or(UNKNOWN)),
        // As a shell has it for SIGTERM, which is what the client sends.
        End::By(Footer::Killed) => ExitCode::from(143),
        End::By(Footer::Unknown) | End::Lost | End::Removed => ExitCode::from(UNKNOWN),
    })
}

fn follow(path: &Path) -> Result<End> {
    let cannot = || format!("{} can't be read", path.display());
    let (mut file, _) = folders::open_regular(path).with_context(cannot)?;
    let mut output = std::io::stdout().lock();
    let mut end: Vec<u8> = Vec::new();
    let (mut grown, mut asked) = (Instant::now(), Instant::now());
    let mut part = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut part).with_context(cannot)?;
        if let Some(new) = part.get(..read).filter(|new| !new.is_empty()) {
            output.write_all(new)?;
            output.flush()?;
            end.extend_from_slice(new);
            end.drain(..end.len().saturating_sub(FOOTER_WITHIN));
            grown = Instant::now();
            continue;
        }
        if grown.elapsed() >= SETTLED {
            if let Some(footer) = Footer::of(&String::from_utf8_lossy(&end)) {
                return Ok(End::By(footer));
            }
            if !path.exists() {
                return Ok(End::Removed);
            }
            if asked.elapsed() >= ASKED_EVERY {
                if holders::is_held(path) == Some(false) {
                    return Ok(End::Lost);
                }
                asked = Instant::now();
            }
        }
        std::thread::sleep(EVERY);
        reopen_if_replaced(&mut file, path);
    }
}

/// As `tail -F` does: another file under the name is followed from its start, and so is one that was cut.
fn reopen_if_replaced(file: &mut File, path: &Path) {
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else {
        return;
    };
    if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
        if let Ok((other, _)) = folders::open_regular(path) {
            *file = other;
        }
    } else if file.stream_position().is_ok_and(|at| at > named.len()) {
        // At worst the old end is shown again with the next growth.
        let _ = file.seek(SeekFrom::Start(0));
    }
}
