//! What was told before, and isn't told again: a fault of the user's files in their present state, what is said once. Also that
//! the expressions of a rules file are in order.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Folder, Kind, name_of};

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
    /// The state of the file at `path`.
    pub fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl FileState {
    /// The name of a mark on the file in this state.
    fn mark(&self, kind: &str) -> String {
        name_of(Path::new(&format!(
            "{kind}\0{}\0{self:?}",
            self.path.display()
        )))
    }
}

/// Whether the rules file in this state was checked, and had no fault.
pub fn is_valid(file: &FileState) -> bool {
    Folder::is_claimed(Kind::Reported, &file.mark("valid"))
}

/// Marks the rules file in this state as one without a fault. Without a mark it is checked again.
pub fn mark_valid(file: &FileState) {
    let _ = Folder::claim(Kind::Reported, &file.mark("valid"), b"");
}

/// Whether [`say`] claimed this.
pub fn was_said(what: &str) -> bool {
    Folder::is_claimed(Kind::Reported, &name_of(Path::new(what)))
}

/// Claims what is said once; `false` where it was claimed before, or nothing can be noted.
pub fn say(what: &str) -> bool {
    Folder::claim(Kind::Reported, &name_of(Path::new(what)), b"").unwrap_or(false)
}

/// Claims the report of a fault in the file in this state; `false` where it was claimed before. A state folder that
/// can't be written gives `true`.
pub fn claim(file: &FileState) -> bool {
    Folder::claim(Kind::Reported, &file.mark("faulty"), b"").unwrap_or(true)
}
