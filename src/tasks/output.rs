//! What a task wrote, as far as it is worth telling.

use std::io::Read as _;
use std::path::Path;

use super::record::TaskRecord;
use super::status::Status;
use crate::claude::last_lines;
use crate::folders;
use crate::platform::disk;
use crate::programs::summary;

/// The last lines of what a task wrote: of its own log, where it has one in its project. Elsewhere it may have appended to
/// what isn't its own.
pub fn last_of(record: &TaskRecord, count: usize) -> Vec<String> {
    let file = record.log.as_ref();
    let file = file.filter(|log| is_own(log, &record.project) && is_text(log));
    let file = file.or(record.output.as_ref());
    file.and_then(|file| last_lines(file, count).ok())
        .unwrap_or_default()
}

/// The line of it that says most.
pub fn summary_of(record: &TaskRecord) -> Option<String> {
    summary::of(&last_of(record, usize::MAX))
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

/// The block in which a NUL shows that a file is no text, in bytes.
const BLOCK: u64 = 4096;

/// Whether a file that is there holds text.
pub fn is_text(file: &Path) -> bool {
    let read = || {
        let (file, _) = folders::open_regular(file)?;
        let mut start = Vec::new();
        file.take(BLOCK).read_to_end(&mut start)?;
        Ok::<_, std::io::Error>(start)
    };
    read().is_ok_and(|start| !start.contains(&0))
}
