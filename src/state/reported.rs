//! Marks on messages that are shown once: a fault of the user's files in their present state, or any other one-time
//! text. Other marks record that a rules file's expressions are valid.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::kind::Kind;
use super::name::name_of;

/// The state of a file: it changes when the file does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    path: PathBuf,
    size: u64,
    inode: u64,
    modified: (i64, i64),
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
        name_of(Path::new(&format!(
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

/// Whether [`say`] has claimed this text.
pub fn was_said(what: &str) -> bool {
    Folder::is_claimed(Kind::Reported, &name_of(Path::new(what)))
}

/// Claims a one-time text; `false` if it was claimed before or can't be recorded.
pub fn say(what: &str) -> bool {
    Folder::claim(Kind::Reported, &name_of(Path::new(what)), b"").unwrap_or(false)
}

/// Claims the report of a fault in the file in this state; `false` if it was claimed before. If the state folder can't
/// be written, the result is `true`.
pub fn claim(file: &FileState) -> bool {
    Folder::claim(Kind::Reported, &file.mark("faulty"), b"").unwrap_or(true)
}
