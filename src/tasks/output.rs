//! What a task wrote, as far as it is worth telling.

use std::io::Read as _;
use std::path::Path;

use super::record::TaskRecord;
use crate::claude::last_lines;
use crate::folders;
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
