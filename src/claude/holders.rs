//! Which outputs somebody writes to: of older clients' tasks no line tells the end.

use std::path::{Path, PathBuf};

use super::task;

/// The files that this user's processes hold open; `None` where the system doesn't tell (it does on Linux).
pub fn open_outputs() -> Option<Vec<PathBuf>> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let descriptors = processes
        .flatten()
        .filter_map(|entry| std::fs::read_dir(entry.path().join("fd")).ok());
    let files = descriptors.flat_map(|fds| {
        fds.flatten()
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
    });
    Some(files.filter(|file| task::is_output(file)).collect())
}

/// Whether one of this user's processes but this one holds `file` open; `None` where the system doesn't tell.
pub fn is_held(file: &Path) -> Option<bool> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    // `self` and `thread-self` are this process, too.
    let others = processes.filter(|entry| {
        let name = entry.file_name();
        let is_process = name
            .to_string_lossy()
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        is_process && name != own.as_str()
    });
    let mut descriptors = others
        .filter_map(|entry| std::fs::read_dir(entry.path().join("fd")).ok())
        .flat_map(std::iter::Iterator::flatten);
    Some(
        descriptors
            .any(|descriptor| std::fs::read_link(descriptor.path()).is_ok_and(|open| open == file)),
    )
}
