//! The files that are open for a session. No file is opened twice, and the number of running tasks' tabs is limited.
//! The hook claims a tab so that the next call knows about it; the opener releases it if nothing opened.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Config, Open};
use crate::state::{Folder, Kind, hashed_name, is_id};
use crate::tasks::ended_or_lost;

/// The result of claiming a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// The file may be opened.
    Granted,
    /// The file is already open.
    OpenAlready,
    /// This setting allows no more tabs.
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

/// Maximum number of a session's files that are examined.
const MAX_CLAIMS: usize = 1000;

fn state_of(folder: &Folder, file: &Path, config: &Config) -> Claim {
    if folder.file(&hashed_name(file)).is_ok() {
        return Claim::OpenAlready;
    }
    let names = folder.names(MAX_CLAIMS);
    if config.open == Open::First && !names.is_empty() {
        return Claim::Refused("open = \"first\"".to_owned());
    }
    let most = config.max_tabs;
    // Searching for writers examines all processes.
    if names.len() >= most && (most == 0 || count_running(folder, &names) >= most) {
        return Claim::Refused(format!("max-tabs = {most}"));
    }
    Claim::Granted
}

/// Returns the number of opened files that belong to a running task, as far as known.
fn count_running(folder: &Folder, names: &[String]) -> usize {
    let files = names.iter().filter_map(|name| folder.read(name).ok());
    let files = files.map(|path| PathBuf::from(OsString::from_vec(path)));
    ended_or_lost::running_among(&files.collect::<Vec<_>>())
}

/// Claims a tab for `file` in the session with this id, which comes from outside, and records it.
pub(super) fn claim(session: &str, file: &Path, config: &Config) -> Claim {
    let Some(folder) = folder_of(session) else {
        return Claim::Granted;
    };
    let state = state_of(&folder, file, config);
    if state == Claim::Granted {
        // The editor's extension follows recorded files. Without a record, the file is opened but not followed.
        let noted = folder.create(&hashed_name(file), file.as_os_str().as_encoded_bytes());
        if noted.is_err_and(|error| error.kind() == ErrorKind::AlreadyExists) {
            return Claim::OpenAlready;
        }
    }
    state
}

/// Releases the tab because nothing was opened.
pub(super) fn release(session: &str, file: &Path) {
    if let Some(folder) = folder_of(session) {
        folder.remove(&hashed_name(file));
    }
}
