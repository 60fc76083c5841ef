//! Marks on files of the user in their present state: a file's fault was reported, or a rules file is valid. A changed file
//! is checked again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::kind::Kind;
use super::name::hashed_name;

/// The state of a file: it changes when the file does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    path: PathBuf,
    size: u64,
    inode: u64,
    /// Time of the last change of the content: seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// Time of the last change of the content or the metadata, likewise.
    changed: (i64, i64),
}

impl FileState {
    /// Returns the state of the file at `path`.
    pub fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns the name of a mark for the file in this state.
    fn mark(&self, kind: &str) -> String {
        hashed_name(Path::new(&format!(
            "{kind}\0{}\0{self:?}",
            self.path.display()
        )))
    }
}

/// Whether the rules file in this state was checked without finding a fault.
pub fn is_valid(file: &FileState) -> bool {
    Folder::is_claimed(Kind::Reported, &file.mark("valid"))
}

/// Marks the rules file in this state as valid. Without a mark, it is checked again.
pub fn mark_valid(file: &FileState) {
    let _ = Folder::claim(Kind::Reported, &file.mark("valid"), b"");
}

/// Claims the report of a fault in the file in this state; `false` if it was claimed before. If the state folder can't
/// be written, the result is `true`.
pub fn claim_fault_report(file: &FileState) -> bool {
    Folder::claim(Kind::Reported, &file.mark("faulty"), b"").unwrap_or(true)
}
