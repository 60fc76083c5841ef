//! Which files are open for a session: none twice, and only so many. The hook claims a tab, so that the next call knows;
//! the opener gives it back where nothing opened.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::{Config, Open};
use crate::state::{Folder, Kind, is_id, name_of};

/// Whether a file may be opened now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may.
    Granted,
    /// It is open already.
    OpenAlready,
    /// The settings allow no more.
    Refused(String),
}

fn folder_of(session: &str) -> Option<Folder> {
    let all = Folder::make(Kind::Opened).ok().filter(|_| is_id(session))?;
    all.clear_daily();
    all.make_inner(session).ok()
}

fn state_of(folder: &Folder, file: &Path, config: &Config) -> Claim {
    let names = folder.names(config.max_tabs.saturating_add(1));
    if folder.file(&name_of(file)).is_ok() {
        return Claim::OpenAlready;
    }
    if config.open == Open::First && !names.is_empty() {
        return Claim::Refused("only the first output of a session is".to_owned());
    }
    if names.len() >= config.max_tabs {
        let open = config.max_tabs;
        return Claim::Refused(format!("{open} outputs of this session are open"));
    }
    Claim::Granted
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
