//! A file that stays and that many processes change in place.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};

use super::Kind;
use super::folder::{FOLDER, Folder, NewPrivate as _, own};

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

    /// The same, if it is there.
    ///
    /// # Errors
    ///
    /// When it isn't, when it is a link or somebody else's.
    pub fn open_at(path: &Path, kind: Kind) -> io::Result<Self> {
        own(rustix::fs::open(path, FOLDER, Mode::empty())?, kind)
    }

    /// The file `name`, to read and to change; made where it isn't there yet.
    ///
    /// # Errors
    ///
    /// When it can't be made, or is no regular file.
    pub fn file_to_change(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = File::from(openat(&self.fd, name, flags | OFlags::CLOEXEC, mode)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        Ok(file)
    }
}
