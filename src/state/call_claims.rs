//! One answer per call, when bg-run is registered twice (as a plugin and in a settings file).
//!
//! The client runs all hooks of an event side by side, so the first to make a file in the state folder speaks. Only
//! calls that go to the background come here.

use serde::{Deserialize, Serialize};

use super::{Folder, Kind, is_id};

/// Events that can be claimed.
pub(super) const EVENTS: &[&str] = &["PreToolUse", "PostToolUse", "Noticed", "SessionStart"];

/// Changes made to a call, for the event after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// It was put in the background.
    pub moved: bool,
    /// The call's own time-out, in milliseconds.
    pub timeout: Option<u64>,
    /// Each `| tail …` that was left out.
    pub tails: Vec<String>,
}

/// Claims this event of this call for this process; `false` where another one has it. Where that can't be found out, it
/// is ours.
pub fn claim(event: &str, tool_use_id: &str) -> bool {
    claim_with_outcome(event, tool_use_id, &CallOutcome::default())
}

/// Claims the event, and records the changes.
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
