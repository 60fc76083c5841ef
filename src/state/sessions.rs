//! Environment files of sessions. A variable in such a file reaches every command, but hooks don't see it.

use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::kind::Kind;
use super::name::is_id;

/// Records the environment file of a session.
///
/// # Errors
///
/// Fails if it can't be written.
pub fn record(session: &str, file: &Path) -> io::Result<()> {
    if !is_id(session) {
        return Err(io::Error::other("the session's id isn't valid"));
    }
    let folder = Folder::make(Kind::Sessions)?;
    folder.clear_daily();
    folder.replace(session, &[file.as_os_str().as_bytes()])
}

/// Returns the environment file of a session, if one was recorded.
pub fn environment_file(session: &str) -> Option<PathBuf> {
    if !is_id(session) {
        return None;
    }
    let folder = Folder::open(Kind::Sessions).ok()?;
    let path = folder.read(session).ok()?;
    Some(std::ffi::OsString::from_vec(path).into())
}
