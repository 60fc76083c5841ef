//! The last lines of what a task wrote.

use std::path::Path;

use super::record::TaskRecord;
use crate::claude::last_lines;

/// The last lines of what a task wrote: of its own log, where it has one in its project. Elsewhere it may have appended to
/// what isn't its own.
pub fn last_of(record: &TaskRecord, count: usize) -> Vec<String> {
    let file = record.log.as_ref();
    let file = file.filter(|log| is_own(log, &record.project));
    let file = file.or(record.output.as_ref());
    file.and_then(|file| last_lines(file, count).ok())
        .unwrap_or_default()
}

fn is_own(log: &Path, project: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let inside = real(log).zip(real(project));
    inside.is_some_and(|(log, project)| log.is_file() && log.starts_with(project))
}
