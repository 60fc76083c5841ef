//! The environment files of sessions: what is left there reaches every command, and no hook sees it.

use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::{Folder, Kind, is_id};

/// Records the environment file of a session.
///
/// # Errors
///
/// When it can't be written.
pub fn record(session: &str, file: &Path) -> io::Result<()> {
    if !is_id(session) {
        return Err(io::Error::other("the session's id is none"));
    }
    let folder = Folder::make(Kind::Sessions)?;
    folder.clear_daily();
    folder.replace(session, &[file.as_os_str().as_bytes()])
}

/// The environment file of a session, where one was recorded.
pub fn environment_file(session: &str) -> Option<PathBuf> {
    if !is_id(session) {
        return None;
    }
    let folder = Folder::open(Kind::Sessions).ok()?;
    let path = folder.read(session).ok()?;
    Some(std::ffi::OsString::from_vec(path).into())
}
