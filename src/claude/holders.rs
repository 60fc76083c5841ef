//! Which processes write to a task's output: of older clients' tasks no line tells the end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::task;
use crate::platform::processes;

/// The outputs that this user's processes write to; `None` where the system doesn't tell.
pub fn open_outputs() -> Option<Vec<PathBuf>> {
    let outputs: Vec<PathBuf> = task::outputs()
        .into_iter()
        .map(|output| output.path)
        .collect();
    Some(written_among(&outputs)?.into_iter().collect())
}

/// Those of `files` that this user's processes write to; `None` where the system doesn't tell.
pub fn written_among(files: &[PathBuf]) -> Option<BTreeSet<PathBuf>> {
    let writers = processes::writers(files)?;
    Some(writers.into_iter().map(|writer| writer.file).collect())
}

/// Whether one of this user's processes but this one writes to `file`; `None` where the system doesn't tell.
pub fn is_held(file: &Path) -> Option<bool> {
    Some(!processes::writers(&[file.to_owned()])?.is_empty())
}
