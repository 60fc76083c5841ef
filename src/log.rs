//! The log: one line an event, for what can't be said on a screen.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::folders;

/// At this size the log is moved aside, so that two files of it exist at most.
const MAX_SIZE: u64 = 1024 * 1024;

/// The log's path; `None` where there is no home folder.
pub fn path() -> Option<PathBuf> {
    folders::state_dir().map(|dir| dir.join("bg-run.log"))
}

/// Appends a line. What can't be logged is lost: there is nowhere to say so.
pub fn line(message: &str) {
    let _: Option<()> = try_line(message);
}

fn try_line(message: &str) -> Option<()> {
    let path = path()?;
    fs::create_dir_all(path.parent()?).ok()?;
    if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > MAX_SIZE) {
        fs::rename(&path, path.with_extension("log.old")).ok()?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let one_line: String = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(2000)
        .collect();
    let now = jiff::Timestamp::now();
    // One write, so that lines of two processes don't mix.
    let line = format!("{now:.3} {} {one_line}\n", std::process::id());
    options.open(&path).ok()?.write_all(line.as_bytes()).ok()
}
