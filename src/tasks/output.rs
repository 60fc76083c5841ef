//! What a task wrote, as far as it is worth telling.

use std::path::Path;

use super::record::TaskRecord;
use super::status::Status;
use crate::claude::{OutputEnd, last_lines};
use crate::platform::disk;
use crate::programs::summary;

/// The last lines of what a task wrote: of its own log, where it has one in its project. Elsewhere it may have appended to
/// what isn't its own.
fn lines_of(record: &TaskRecord) -> &[String] {
    record.last_output.lines(|output| {
        let log = record.log.as_ref();
        let log = log.filter(|log| is_own(log, &record.project));
        let log = log.and_then(|log| OutputEnd::of(log).ok());
        let read = || OutputEnd::of(record.output.as_ref()?).ok();
        let ending = log.filter(OutputEnd::is_text);
        let ending = ending.or_else(|| output.cloned()).or_else(read);
        ending.map(|ending| ending.lines()).unwrap_or_default()
    })
}

/// The last of them, at most `count`.
pub fn last_of(record: &TaskRecord, count: usize) -> &[String] {
    let lines = lines_of(record);
    let from = lines.len().saturating_sub(count);
    lines.get(from..).unwrap_or_default()
}

/// The line of it that says most.
pub fn summary_of(record: &TaskRecord) -> Option<String> {
    summary::of(lines_of(record))
}

/// The folder whose full disk may be why a task failed: its output's, its log's or its project's.
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

/// The line of a file that says most.
pub fn summary_of_file(file: &Path) -> Option<String> {
    summary::of(&last_lines(file, usize::MAX).ok()?)
}

fn is_own(log: &Path, project: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let inside = real(log).zip(real(project));
    inside.is_some_and(|(log, project)| log.is_file() && log.starts_with(project))
}

/// Whether a file that is there holds text.
pub fn is_text(file: &Path) -> bool {
    OutputEnd::of(file).is_ok_and(|ending| ending.is_text())
}
