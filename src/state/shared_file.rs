//! A file that stays and that many processes change in place.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::Kind;
use super::folder::{Folder, NewPrivate as _, own};
use crate::platform::files;

impl Folder {
    /// Any folder of this user's, treated as one of this kind; made where it isn't there yet.
    ///
    /// # Errors
    ///
    /// When it can't be made, when it is a link or somebody else's.
    pub fn at(path: &Path, kind: Kind) -> io::Result<Self> {
        if let Some(above) = path.parent() {
            crate::folders::make_own(above, 0o700)?;
        }
        fs::DirBuilder::new_private().create(path)?;
        Self::open_at(path, kind)
    }

    /// Opens it, if it exists.
    ///
    /// # Errors
    ///
    /// When it isn't, when it is a link or somebody else's.
    pub fn open_at(path: &Path, kind: Kind) -> io::Result<Self> {
        own(files::folder(path)?, kind)
    }

    /// The file `name`, to read and to change; made where it isn't there yet.
    ///
    /// # Errors
    ///
    /// When it can't be made, or is no regular file.
    pub fn file_to_change(&self, name: &str) -> io::Result<File> {
        files::open_for_changing(&self.fd, name)
    }
}
