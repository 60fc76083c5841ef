//! Which files are open for a session: none twice, and only so many whose tasks run. The hook claims a tab, so that the next call knows;
//! the opener gives it back where nothing opened.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Config, Open};
use crate::state::{Folder, Kind, is_id, name_of};
use crate::tasks::ended_or_lost;

/// Whether a file may be opened now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may.
    Granted,
    /// It is open already.
    OpenAlready,
    /// This setting allows no more.
    Refused(String),
}

fn folder_of(session: &str) -> Option<Folder> {
    if !is_id(session) {
        return None;
    }
    let all = Folder::make(Kind::Opened).ok()?;
    all.clear_daily();
    all.make_inner(session).ok()
}

/// Most files of a session that are looked at.
const MAX_CLAIMS: usize = 1000;

fn state_of(folder: &Folder, file: &Path, config: &Config) -> Claim {
    if folder.file(&name_of(file)).is_ok() {
        return Claim::OpenAlready;
    }
    let names = folder.names(MAX_CLAIMS);
    if config.open == Open::First && !names.is_empty() {
        return Claim::Refused("open = \"first\"".to_owned());
    }
    let most = config.max_tabs;
    // Asking who writes looks at all processes.
    if names.len() >= most && (most == 0 || running(folder, &names) >= most) {
        return Claim::Refused(format!("max-tabs = {most}"));
    }
    Claim::Granted
}

/// Number of opened files that belong to a running task, as far as is known.
fn running(folder: &Folder, names: &[String]) -> usize {
    let files = names.iter().filter_map(|name| folder.read(name).ok());
    let files = files.map(|path| PathBuf::from(OsString::from_vec(path)));
    ended_or_lost::running_among(&files.collect::<Vec<_>>())
}

/// Claims a tab for `file` in the session with this id, which comes from outside, and notes it.
pub(super) fn claim(session: &str, file: &Path, config: &Config) -> Claim {
    let Some(folder) = folder_of(session) else {
        return Claim::Granted;
    };
    let state = state_of(&folder, file, config);
    if state == Claim::Granted {
        // The editor's extension follows the files that are noted; one that isn't is only not followed.
        let noted = folder.create(&name_of(file), file.as_os_str().as_encoded_bytes());
        if noted.is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
            return Claim::OpenAlready;
        }
    }
    state
}

/// Gives the tab back, because nothing opened.
pub(super) fn release(session: &str, file: &Path) {
    if let Some(folder) = folder_of(session) {
        folder.remove(&name_of(file));
    }
}
