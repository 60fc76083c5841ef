//! `bg-run tail`: a task's output in the terminal, as it grows.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::task::{FOOTER_WITHIN, Footer};

/// How often the file is looked at: nothing tells of its growth on every system.
const EVERY: Duration = Duration::from_millis(100);

/// How long a footer has to stay the last line: a program could print such a line too.
const SETTLED: Duration = Duration::from_millis(500);

/// Follows `target`, like `tail -F`, until the task's footer; the exit status is the task's.
pub(super) fn run(target: Option<&str>, pane: bool) -> Result<ExitCode> {
    let path = super::open::find(target)?;
    eprintln!("{}", path.display());
    let footer = follow(&path)?;
    if pane {
        eprint!("The task is over; Enter closes this pane. ");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
    }
    Ok(match footer {
        Footer::Exited(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        // As a shell has it for SIGTERM, which is what the client sends.
        Footer::Killed => ExitCode::from(143),
    })
}

fn follow(path: &Path) -> Result<Footer> {
    let cannot = || format!("{} can't be read", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let mut output = std::io::stdout().lock();
    let mut end: Vec<u8> = Vec::new();
    let mut grown = Instant::now();
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
        if grown.elapsed() >= SETTLED
            && let Some(footer) = Footer::of(&String::from_utf8_lossy(&end))
        {
            return Ok(footer);
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
        if let Ok(other) = File::open(path) {
            *file = other;
        }
    } else if file.stream_position().is_ok_and(|at| at > named.len()) {
        // At worst the old end is shown again with the next growth.
        let _ = file.seek(SeekFrom::Start(0));
    }
}
