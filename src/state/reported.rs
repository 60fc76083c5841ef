//! Faults of the user's files that were reported, so that each is told once.

use std::fs::Metadata;
use std::io::ErrorKind;
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

/// Claims the report of a fault in the file in this state; `false` where it was claimed before. A state folder that
/// can't be written gives `true`.
pub fn claim(file: &FileState) -> bool {
    let Ok(folder) = Folder::make(Kind::Reported) else {
        return true;
    };
    folder.clear_daily();
    let state = format!("{}\0{file:?}", file.path.display());
    !matches!(
        folder.create(&name_of(Path::new(&state)), b""),
        Err(error) if error.kind() == ErrorKind::AlreadyExists
    )
}
