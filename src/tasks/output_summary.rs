//! The informative parts of a task's output: its last lines, the line that summarises it, and a full disk.

use std::path::Path;

use super::record::TaskRecord;
use super::status::Status;
use crate::claude::{OutputEnd, last_lines};
use crate::platform::disk;
use crate::programs::summary;

/// Returns the last lines that a task wrote: from its own log if that is in its project, otherwise from its output. A
/// log elsewhere may contain other programs' text.
fn lines_of(record: &TaskRecord) -> &[String] {
    record.output_cache.lines(|output| {
        let log = record.log.as_ref();
        let log = log.filter(|log| is_own(log, &record.project));
        let log = log.and_then(|log| OutputEnd::of(log).ok());
        let read = || OutputEnd::of(record.output.as_ref()?).ok();
        let ending = log.filter(OutputEnd::is_text);
        let ending = ending.or_else(|| output.cloned()).or_else(read);
        ending.map(|ending| ending.lines()).unwrap_or_default()
    })
}

/// Returns at most `count` of the last lines of the task's output.
pub fn last_of(record: &TaskRecord, count: usize) -> &[String] {
    let lines = lines_of(record);
    let from = lines.len().saturating_sub(count);
    lines.get(from..).unwrap_or_default()
}

/// Returns the most informative line of the task's output.
pub fn summary_of(record: &TaskRecord) -> Option<String> {
    summary::of(lines_of(record))
}

/// Returns the folder with a full disk that may have made a task fail: its output's, its log's or its project's.
pub fn full_disk(record: &TaskRecord) -> Option<&Path> {
    let failed = record
        .ended
        .is_some_and(|end| matches!(end.status, Status::Exit(_)));
    if !failed {
        return None;
    }
    let files = [&record.output, &record.log].into_iter().flatten();
    let mut folders = files
        .filter_map(|file| file.parent())
        .chain([record.project.as_path()]);
    folders.find(|folder| disk::is_full(folder))
}

/// Returns a file's most informative line.
pub fn summary_of_file(file: &Path) -> Option<String> {
    summary::of(&last_lines(file, usize::MAX).ok()?)
}

fn is_own(log: &Path, project: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let inside = real(log).zip(real(project));
    inside.is_some_and(|(log, project)| log.is_file() && log.starts_with(project))
}

/// Whether a file exists and contains text.
pub fn is_text(file: &Path) -> bool {
    OutputEnd::of(file).is_ok_and(|ending| ending.is_text())
}
