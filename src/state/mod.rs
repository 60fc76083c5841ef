//! bg-run's own folder with the log, caches and records. Nobody else may read it, because it contains whole commands.

pub mod announcements;
pub mod call_claims;
pub mod file_checks;
mod folder;
mod kind;
pub mod log;
mod name;
pub mod sessions;
mod shared_file;

use std::time::Duration;

pub use folder::Folder;
pub use kind::{
    ASKED, Announcement, BEFORE_ID, CLIENT, FAILED, HISTORY_LOCK, JOB, Kind, LEARNT, LEASE, OUTPUT,
    STOP, TAKEN, dir, use_dir,
};
pub use name::{fingerprint, hash, hashed_name, is_hash, is_id};

use crate::folders;
use kind::PROGRAM;

/// Writes the path of this program to the state folder unless the folder contains it already.
pub fn record_program_path() {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    if let Err(error) = folder::write_beside(PROGRAM, program.as_os_str().as_encoded_bytes()) {
        log::error(&format!(
            "state: the program's path can't be written: {error}"
        ));
    }
}

/// Removes everything in the state folder except the kind `kept`, and folders that become empty. Errors are ignored.
pub fn forget_all_but(kept: Option<Kind>) {
    let Some(state) = dir() else { return };
    for kind in Kind::ALL {
        if kept != Some(kind)
            && let Ok(folder) = Folder::open(kind)
        {
            folder.clear(kind, Duration::ZERO);
        }
        let _ = std::fs::remove_dir(state.join(kind.name()));
    }
    log::remove();
    folders::remove_own(&state);
}
