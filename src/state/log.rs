//! The log: one line per event that can't be shown on a screen.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use rustix::fs::{AtFlags, renameat, unlinkat};

use super::folder::{self, open_base};
use super::kind::{self, PROGRAM};
use crate::platform::{files, regular_file};

const NAME: &str = "bg-run.log";
const OLD_NAME: &str = "bg-run.log.old";

/// Size in bytes at which the log is renamed, so that at most two files exist.
const MAX_SIZE: u64 = 1024 * 1024;

/// Returns the log's path; `None` without a home folder.
pub fn path() -> Option<PathBuf> {
    kind::dir().map(|dir| dir.join(NAME))
}

/// Returns the newest lines about faults, oldest first.
pub fn last_faults() -> Vec<String> {
    let read = || {
        let (mut log, metadata) = regular_file::open(&path()?).ok()?;
        let size = metadata.len();
        log.seek(SeekFrom::Start(size.saturating_sub(MAX_SHOWN)))
            .ok()?;
        let mut end = Vec::new();
        log.take(MAX_SHOWN).read_to_end(&mut end).ok()?;
        Some(String::from_utf8_lossy(&end).into_owned())
    };
    let end = read().unwrap_or_default();
    let is_fault = |line: &&str| line.split(' ').nth(2) != Some(SUCCESS);
    end.lines().filter(is_fault).map(str::to_owned).collect()
}

/// Number of bytes at the log's end that are read.
const MAX_SHOWN: u64 = 64 * 1024;

/// Beginning of a line that doesn't report a fault.
const SUCCESS: &str = "ok:";

/// Appends a line about a success.
pub fn info(message: &str) {
    error(&format!("{SUCCESS} {message}"));
}

/// Appends a line about a fault. If logging fails, the message is lost.
pub fn error(message: &str) {
    let _: Option<()> = try_line(message);
}

fn try_line(message: &str) -> Option<()> {
    let base = open_base(true).ok()?;
    let open = || files::open_for_appending(&base, NAME);
    let mut log = open().ok()?;
    if log.metadata().ok()?.len() > MAX_SIZE {
        renameat(&base, NAME, &base, OLD_NAME).ok()?;
        log = open().ok()?;
    }
    let one_line: String = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(2000)
        .collect();
    let now = jiff::Timestamp::now();
    // A single write keeps the lines of two processes apart.
    let line = format!("{now:.3} {} {one_line}\n", std::process::id());
    log.write_all(line.as_bytes()).ok()
}

/// Removes the log and the other files beside the folders, when the last registration is removed.
pub(super) fn remove() {
    if let Ok(base) = open_base(false) {
        for name in [NAME, OLD_NAME, PROGRAM] {
            let _ = unlinkat(&base, name, AtFlags::empty());
        }
        folder::remove_cleared_notes(&base);
    }
}
