//! One answer a call, when bg-run is registered twice (as a plugin and in a settings file).
//!
//! The client runs all hooks of an event side by side, so the first to make a file in the state folder speaks. Only
//! calls that go to the background come here.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::folders;

/// After this no sibling of a call is still to come.
const KEPT: Duration = Duration::from_mins(10);

/// Whether this process is the first for this event of this call. Where that can't be found out, it is.
pub fn is_first(event: &str, tool_use_id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if tool_use_id.is_empty() || tool_use_id.len() > 128 || !tool_use_id.bytes().all(plain) {
        return true;
    }
    let Some(folder) = folders::state_dir().map(|dir| dir.join("calls")) else {
        return true;
    };
    forget_old(&folder);
    if fs::create_dir_all(&folder).is_err() {
        return true;
    }
    match File::create_new(folder.join(format!("{tool_use_id}.{event}"))) {
        Err(error) => error.kind() != ErrorKind::AlreadyExists,
        Ok(_) => true,
    }
}

fn forget_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let modified = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok();
        let age = modified.and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > KEPT) {
            // Another process may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}
