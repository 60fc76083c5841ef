//! Claims that ensure one answer per call if bg-run is registered twice, as a plugin and in a settings file.
//!
//! The client runs all hooks of an event at the same time. The first to create a file in the state folder answers.
//! Only events that bg-run answers are claimed.

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::kind::Kind;
use super::name::is_id;

/// Changes to a call, recorded for the next event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// Whether it was put into the background.
    pub moved: bool,
    /// The call's own time-out in milliseconds.
    pub timeout: Option<u64>,
    /// The removed `| tail …`.
    pub tails: Vec<String>,
}

/// Claims this event of this call; `false` if another process has claimed it. If the state folder fails, the claim
/// succeeds.
pub fn claim(event: &str, tool_use_id: &str) -> bool {
    claim_with_outcome(event, tool_use_id, &CallOutcome::default())
}

/// Claims the event and records the changes.
pub fn claim_with_outcome(event: &str, tool_use_id: &str, done: &CallOutcome) -> bool {
    if !is_id(tool_use_id) {
        return true;
    }
    let text = serde_json::to_vec(done).unwrap_or_default();
    Folder::claim(Kind::Calls, &format!("{tool_use_id}.{event}"), &text).unwrap_or(true)
}

/// Returns the changes recorded for this event of this call.
pub fn recorded_outcome(event: &str, tool_use_id: &str) -> Option<CallOutcome> {
    if !is_id(tool_use_id) {
        return None;
    }
    let folder = Folder::open(Kind::Calls).ok()?;
    serde_json::from_slice(&folder.read(&format!("{tool_use_id}.{event}")).ok()?).ok()
}
