//! Facts about processes on Linux, read from `/proc`.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::facts::{Descriptor, FileId, ProcessFacts, TargetFile, children_by_parent};

/// `/proc`.
pub(super) struct Proc;

fn of(process: u32) -> PathBuf {
    Path::new("/proc").join(process.to_string())
}

/// Returns a descriptor that becomes readable when the process ends.
pub(super) fn exit_fd(process: u32) -> Option<OwnedFd> {
    let process = Pid::from_raw(i32::try_from(process).ok()?)?;
    pidfd_open(process, PidfdFlags::empty()).ok()
}

/// Returns the entries of a folder whose names are numbers.
fn numbers(folder: &Path) -> Option<impl Iterator<Item = u32>> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    Some(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// Returns the NUL-terminated texts in a file.
fn texts(path: &Path) -> Option<Vec<String>> {
    let bytes = fs::read(path).ok()?;
    let texts = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    let texts = texts.split(|byte| *byte == 0);
    Some(
        texts
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect(),
    )
}

/// Returns the fields of a process's `stat` from the third one, its state.
fn stat(process: u32) -> Option<String> {
    let text = fs::read_to_string(of(process).join("stat")).ok()?;
    // The name is in parentheses and may contain some itself.
    Some(text.rsplit_once(") ")?.1.to_owned())
}

/// Whether the process has a controlling terminal.
pub(super) fn has_terminal(process: u32) -> bool {
    stat(process).is_some_and(|stat| stat.split(' ').nth(4).is_some_and(|number| number != "0"))
}

/// Returns a field of a process's `status`.
fn status(process: u32, field: &str) -> Option<u32> {
    let status = fs::read_to_string(of(process).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

impl ProcessFacts for Proc {
    fn processes(&self) -> Option<Vec<u32>> {
        Some(numbers(Path::new("/proc"))?.collect())
    }

    fn parent(&self, process: u32) -> Option<u32> {
        status(process, "PPid:")
    }

    fn started(&self, process: u32) -> Option<u64> {
        let stat = stat(process)?;
        let mut fields = stat.split(' ');
        // A zombie has ended.
        let is_zombie = fields.next()? == "Z";
        let started = fields.nth(18)?.parse().ok()?;
        (!is_zombie).then_some(started)
    }

    fn user(&self, process: u32) -> Option<u32> {
        Some(fs::metadata(of(process)).ok()?.uid())
    }

    fn writes(&self, process: u32, wanted: &[TargetFile]) -> Vec<Descriptor> {
        let folder = of(process).join("fd");
        numbers(&folder)
            .into_iter()
            .flatten()
            .filter_map(|number| {
                let descriptor = folder.join(number.to_string());
                let wanted = index_of(&descriptor, wanted)?;
                can_write(process, number).then_some(Descriptor { number, wanted })
            })
            .collect()
    }

    fn arguments(&self, process: u32) -> Option<Vec<String>> {
        texts(&of(process).join("cmdline"))
    }

    fn environment(&self, process: u32) -> Option<Vec<String>> {
        texts(&of(process).join("environ"))
    }

    fn folder(&self, process: u32) -> Option<PathBuf> {
        fs::read_link(of(process).join("cwd")).ok()
    }

    fn children(&self, process: u32) -> Option<Vec<u32>> {
        let tasks = of(process).join("task");
        let Some(threads) = numbers(&tasks) else {
            // The process is gone, so no running process is its child.
            return Path::new("/proc/self").exists().then(Vec::new);
        };
        let mut children = Vec::new();
        for thread in threads {
            match fs::read_to_string(tasks.join(thread.to_string()).join("children")) {
                Ok(numbers) => {
                    let numbers = numbers.split_whitespace();
                    children.extend(numbers.filter_map(|number| number.parse::<u32>().ok()));
                }
                // Kernels without CONFIG_PROC_CHILDREN don't have this file.
                Err(_) => return children_by_parent(self, process),
            }
        }
        Some(children)
    }
}

/// Suffix of a removed file's name.
const REMOVED: &[u8] = b" (deleted)";

/// Returns the index of the wanted file behind a descriptor. Names are compared first, because reading the metadata of
/// a file on a dead network share may never return. A file that was moved may have any name, so standard output and
/// standard error are always examined for it.
fn index_of(descriptor: &Path, wanted: &[TargetFile]) -> Option<usize> {
    let file = fs::read_link(descriptor).ok()?;
    let is_output = descriptor.ends_with("1") || descriptor.ends_with("2");
    let name = file.file_name()?.as_bytes();
    let name = name.strip_suffix(REMOVED).unwrap_or(name);
    let may_be =
        |wanted: &TargetFile| wanted.name.as_bytes() == name || wanted.is_moved && is_output;
    if !wanted.iter().any(may_be) {
        return None;
    }
    let metadata = fs::metadata(descriptor).ok()?;
    let id = FileId {
        device: metadata.dev(),
        inode: metadata.ino(),
    };
    wanted.iter().position(|wanted| wanted.id == id)
}

/// Whether a descriptor is open for writing. A reader, such as an editor or `tail`, keeps no task alive. The flags are
/// octal, and their last two bits are the access mode.
fn can_write(process: u32, number: u32) -> bool {
    let path = of(process).join("fdinfo").join(number.to_string());
    let info = fs::read_to_string(path).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 0b11 != 0)
}
