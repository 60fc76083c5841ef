//! One answer per call, when bg-run is registered twice (as a plugin and in a settings file).
//!
//! The client runs all hooks of an event side by side, so the first to make a file in the state folder speaks. Only
//! calls that go to the background come here.

use std::io::ErrorKind;

use super::{Folder, Kind, is_id};

/// Claims this event of this call for this process; `false` where another one has it. Where that can't be found out, it
/// is ours.
pub fn claim(event: &str, tool_use_id: &str) -> bool {
    if !is_id(tool_use_id) {
        return true;
    }
    let Ok(folder) = Folder::make(Kind::Calls) else {
        return true;
    };
    folder.clear_daily();
    match folder.create(&format!("{tool_use_id}.{event}"), b"") {
        Err(error) => error.kind() != ErrorKind::AlreadyExists,
        Ok(()) => true,
    }
}
