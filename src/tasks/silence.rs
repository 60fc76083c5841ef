//! The one-time message about a task that has been silent for long (`stuck-after`).

use std::time::{Duration, SystemTime};

use super::record::TaskRecord;
use super::user_messages;
use crate::claude::task;
use crate::history::store::Store;
use crate::history::{Level, RunEnd};

/// Returns the message if the task has been silent for at least `stuck_after`, and for longer than a similar task took.
/// Records that the user gets it.
pub fn unreported_warning(mut task: TaskRecord, stuck_after: Duration) -> Option<String> {
    if task.silence_reported || task.endless {
        return None;
    }
    let output = task.output.as_deref()?;
    let changed = task::open(output).ok()?.metadata().ok()?.modified().ok()?;
    let silence = SystemTime::now().duration_since(changed).ok()?;
    if silence < stuck_after || !similar_tasks_ended(&task, silence) {
        return None;
    }
    task.silence_reported = true;
    task.write().ok()?;
    Some(user_messages::silent(&task, silence))
}

/// Whether similar tasks are known to have ended within the time for which this one has been silent.
fn similar_tasks_ended(task: &TaskRecord, silence: Duration) -> bool {
    let keys = &task.keys;
    let from = keys.iter().position(|key| key.level == Level::Target as u8);
    let keys = keys.get(from.unwrap_or(keys.len())..).unwrap_or_default();
    let known = Store::own()
        .and_then(|store| store.known(keys))
        .unwrap_or_default();
    let mut seen = known.iter().flat_map(|known| &known.observations);
    seen.any(|seen| seen.end != RunEnd::CutOff && seen.seconds < silence.as_secs_f32())
}
