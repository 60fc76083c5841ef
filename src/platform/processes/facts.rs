//! Facts about processes and their files, as each system provides them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Identity of a file, which stays the same however its path is spelled and whatever it is renamed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    /// Returns the identity of the file at `path`.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of_metadata)
    }

    /// Returns the identity of an open file.
    pub fn of_file(file: &fs::File) -> Option<Self> {
        file.metadata().ok().as_ref().map(Self::of_metadata)
    }

    fn of_metadata(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A file whose writers are wanted.
#[derive(Debug, Clone)]
pub struct TrackedFile {
    /// Its path.
    pub path: PathBuf,
    /// The original file's identity if known; it may have been removed or renamed since.
    pub file: Option<FileId>,
}

impl TrackedFile {
    /// Returns the file that is at `path` now.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
        }
    }
}

/// A file whose writers are searched, with its identity and name.
pub(super) struct TargetFile {
    pub(super) id: FileId,
    /// Whether it isn't at its path any more.
    #[cfg_attr(
        not(system = "linux"),
        expect(dead_code, reason = "found by its id alone")
    )]
    pub(super) is_moved: bool,
    /// Its name with all links resolved.
    #[cfg_attr(
        not(system = "linux"),
        expect(dead_code, reason = "found by its id alone")
    )]
    pub(super) name: OsString,
}

/// A descriptor that can write to a wanted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) number: u32,
    /// Index of the file among the wanted ones.
    pub(super) wanted: usize,
}

/// Facts about processes, as a system provides them. `None` means unknown, unless a method's
/// comment differs.
pub(super) trait ProcessFacts {
    /// Returns all processes whose descriptors this one may see.
    fn processes(&self) -> Option<Vec<u32>>;
    /// Returns the process's current parent.
    fn parent(&self, process: u32) -> Option<u32>;
    /// Returns the process's start time; `None` if it isn't running.
    fn started(&self, process: u32) -> Option<u64>;
    /// Returns the user that runs the process.
    fn user(&self, process: u32) -> Option<u32>;
    /// Returns the process's descriptors for writing to one of these files.
    fn writes(&self, process: u32, wanted: &[TargetFile]) -> Vec<Descriptor>;
    /// Returns the process's exact arguments, starting with the program's name.
    fn arguments(&self, process: u32) -> Option<Vec<String>>;
    /// Returns the process's environment, one variable per text.
    fn environment(&self, process: u32) -> Option<Vec<String>>;
    /// Returns the process's working folder.
    fn folder(&self, process: u32) -> Option<PathBuf>;

    /// Returns the process's running children.
    fn children(&self, process: u32) -> Option<Vec<u32>> {
        children_by_parent(self, process)
    }
}

/// Parses macOS's description of a process (`KERN_PROCARGS2`): the number of arguments, the program's path, padding, the
/// arguments terminated by NULs, and the environment likewise, up to an empty text. Returns the arguments and the
/// environment.
#[cfg(any(test, system = "macos"))]
pub(super) fn arguments_and_environment(description: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
    let (number, rest) = description.split_first_chunk()?;
    let number = usize::try_from(i32::from_ne_bytes(*number)).ok()?;
    let path = rest.iter().position(|byte| *byte == 0)?;
    let rest = rest.get(path..)?;
    let padding = rest.iter().position(|byte| *byte != 0)?;
    let texts = rest.get(padding..)?.split(|byte| *byte == 0);
    let mut texts = texts.map(|text| String::from_utf8_lossy(text).into_owned());
    let arguments: Vec<String> = texts.by_ref().take(number).collect();
    let environment = texts.take_while(|text| !text.is_empty()).collect();
    (arguments.len() == number).then_some((arguments, environment))
}

/// Finds the children of a process by asking every process for its parent.
pub(super) fn children_by_parent(
    facts: &(impl ProcessFacts + ?Sized),
    process: u32,
) -> Option<Vec<u32>> {
    let mut children = facts.processes()?;
    children.retain(|&child| facts.parent(child) == Some(process));
    Some(children)
}

impl TargetFile {
    /// Returns the file that is at the path now, and the original one.
    pub(super) fn all(file: &TrackedFile) -> Vec<Self> {
        let there = Self::at(&file.path);
        let moved = file
            .file
            .filter(|&id| there.as_ref().is_none_or(|there| there.id != id));
        let moved = moved.map(|id| Self {
            id,
            is_moved: true,
            name: file.path.file_name().unwrap_or_default().to_owned(),
        });
        there.into_iter().chain(moved).collect()
    }

    pub(super) fn at(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        Some(Self {
            id: FileId::of(&path)?,
            is_moved: false,
            name: path.file_name()?.to_owned(),
        })
    }
}
