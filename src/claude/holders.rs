//! Which processes write to a file: of older clients' tasks no line tells the end. Known on Linux.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, geteuid, getpgid};

use super::task;

/// A file that a process has open to write.
struct Held {
    process: Pid,
    descriptor: String,
    file: PathBuf,
}

/// Those of this user's processes but this one whose name `is_wanted`; `None` where the system doesn't tell.
fn held(is_wanted: impl Fn(&Path) -> bool) -> Option<impl Iterator<Item = Held>> {
    let own = i32::try_from(std::process::id()).ok();
    // `self` and `thread-self` are this process, too.
    let processes = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(move |entry| {
            let number: i32 = entry.file_name().to_str()?.parse().ok()?;
            let is_other = Some(number) != own;
            Some((entry, Pid::from_raw(number).filter(|_| is_other)?))
        });
    Some(
        processes
            .flat_map(|(entry, process)| {
                let descriptors = fs::read_dir(entry.path().join("fd")).into_iter().flatten();
                descriptors.flatten().map(move |entry| (process, entry))
            })
            .filter_map(move |(process, entry)| {
                let file = fs::read_link(entry.path()).ok()?;
                (is_wanted(&file) && is_to_write(&entry)).then(|| Held {
                    process,
                    descriptor: entry.file_name().to_string_lossy().into_owned(),
                    file,
                })
            }),
    )
}

/// Who only reads, as an editor or `tail` does, keeps no task alive. The mode is octal, its last two bits the access.
fn is_to_write(descriptor: &DirEntry) -> bool {
    let path = descriptor.path();
    let info = path
        .ancestors()
        .nth(2)
        .map(|process| process.join("fdinfo").join(descriptor.file_name()));
    let info = info.and_then(|info| fs::read_to_string(info).ok());
    let flags = info.as_deref().and_then(|info| {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(flags.trim(), 8).ok()
    });
    flags.is_none_or(|flags| flags & 0b11 != 0)
}

/// The outputs that this user's processes write to; `None` where the system doesn't tell.
pub fn open_outputs() -> Option<Vec<PathBuf>> {
    Some(held(task::is_output)?.map(|held| held.file).collect())
}

/// Those of `files` that this user's processes write to; `None` where the system doesn't tell.
pub fn written_among(files: &[PathBuf]) -> Option<BTreeSet<PathBuf>> {
    let is_wanted = |file: &Path| files.iter().any(|wanted| wanted == file);
    Some(held(is_wanted)?.map(|held| held.file).collect())
}

/// Whether one of this user's processes but this one writes to `file`; `None` where the system doesn't tell.
pub fn is_held(file: &Path) -> Option<bool> {
    Some(held(|open| open == file)?.next().is_some())
}

/// The process groups whose output goes to `file`: those of this user's processes that have it as their stdout or
/// stderr. `None` where the system doesn't tell.
pub fn groups_of(file: &Path) -> Option<BTreeSet<i32>> {
    let is_own = |process: Pid| {
        let folder = format!("/proc/{}", process.as_raw_nonzero());
        fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == geteuid().as_raw())
    };
    let groups = held(|open| open == file)?
        .filter(|held| matches!(held.descriptor.as_str(), "1" | "2") && is_own(held.process))
        .filter_map(|held| getpgid(Some(held.process)).ok())
        .map(|group| group.as_raw_nonzero().get());
    Some(groups.collect())
}
