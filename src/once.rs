//! One answer a call, when bg-run is registered twice (as a plugin and in a settings file).
//!
//! The client runs all hooks of an event side by side, so the first to make a file in the state folder speaks. Only
//! calls that go to the background come here.

use std::fs::{self, File};
use std::io::ErrorKind;
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
    folders::forget_older(&folder, KEPT);
    if fs::create_dir_all(&folder).is_err() {
        return true;
    }
    match File::create_new(folder.join(format!("{tool_use_id}.{event}"))) {
        Err(error) => error.kind() != ErrorKind::AlreadyExists,
        Ok(_) => true,
    }
}
