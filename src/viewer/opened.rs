//! Which files were opened for a session: none twice, and only so many.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::configuration::{Config, Open};
use crate::folders;
use crate::task::is_plain;

/// After this a session's list is forgotten.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Whether a file may be opened now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowance {
    /// It may, and is noted as opened.
    Granted,
    /// It is open already.
    OpenAlready,
    /// The settings allow no more.
    Refused(String),
}

/// Asks for `file` in the session with this id, which comes from outside.
pub fn allow(session: &str, file: &Path, config: &Config) -> Allowance {
    let Some(all) = folders::state_dir()
        .map(|dir| dir.join("opened"))
        .filter(|_| is_plain(session))
    else {
        return Allowance::Granted;
    };
    folders::forget_older(&all, KEPT);
    let folder = all.join(session);
    if fs::create_dir_all(&folder).is_err() {
        return Allowance::Granted;
    }
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    let note = folder.join(format!("{:016x}", hasher.finish()));
    if note.exists() {
        return Allowance::OpenAlready;
    }
    let so_many = fs::read_dir(&folder).map_or(0, Iterator::count);
    if config.open == Open::First && so_many > 0 {
        return Allowance::Refused("only the first output of a session is".to_owned());
    }
    if so_many >= config.max_tabs {
        return Allowance::Refused(format!("{so_many} outputs of this session are open"));
    }
    match File::create_new(&note) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Allowance::OpenAlready,
        Ok(mut note) => {
            // The editor's extension follows the files that are noted; one that isn't is only not followed.
            let _ = note.write_all(file.as_os_str().as_encoded_bytes());
        }
        Err(_) => {}
    }
    Allowance::Granted
}
