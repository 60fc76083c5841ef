//! A permanent file that many processes change in place.

use std::fs::File;
use std::io;
use std::path::Path;

use super::folder::{Folder, owned_folder};
use super::kind::Kind;
use crate::folders;
use crate::platform::files;

impl Folder {
    /// Opens any folder of this user as one of this kind, creating it if missing.
    ///
    /// # Errors
    ///
    /// Fails if it can't be created, is a link, or belongs to somebody else.
    pub fn at(path: &Path, kind: Kind) -> io::Result<Self> {
        if let Some(above) = path.parent() {
            folders::make_own(above, 0o700)?;
        }
        folders::make_own(path, 0o700)?;
        Self::open_at(path, kind)
    }

    /// Opens an existing folder as one of this kind.
    ///
    /// # Errors
    ///
    /// Fails if it doesn't exist, is a link, or belongs to somebody else.
    pub fn open_at(path: &Path, kind: Kind) -> io::Result<Self> {
        owned_folder(files::folder(path)?, kind)
    }

    /// Opens the file `name` for reading and writing, creating it if missing.
    ///
    /// # Errors
    ///
    /// Fails if it can't be created or isn't regular.
    pub fn file_to_change(&self, name: &str) -> io::Result<File> {
        files::open_for_changing(&self.fd, name)
    }
}
