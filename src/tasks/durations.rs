//! The duration of a task, in the history.

use super::record::{Cause, TaskRecord};
use super::status::Status;
use crate::history::store::Store;
use crate::history::{self, Forecast, Limit, Observation, RunEnd};

/// Keeps how long a task took that has ended.
pub(super) fn keep(record: &TaskRecord) {
    let Some(ended) = &record.ended else { return };
    let Some(ran) = ended.ran() else { return };
    // A pause in the terminal stands still; nobody waits for what the caller itself put there.
    let is_unknown = matches!(ended.status, Status::Lost | Status::Detached);
    let was_cut =
        ended.status.is_cut() || is_unknown && record.cause == Cause::Caller && record.endless;
    let observation = Observation {
        seconds: ran.as_secs_f32(),
        end: match ended.status {
            _ if was_cut => RunEnd::CutOff,
            Status::Exit(_) => RunEnd::Failure,
            _ => RunEnd::Success,
        },
    };
    history::keep(&record.id, &record.keys, observation);
}

/// How long tasks of its kind usually take, in seconds: the median of those that would decide about the next one.
pub fn usual(history: &Store, record: &TaskRecord) -> Option<f32> {
    if record.keys.is_empty() {
        return None;
    }
    let known = history.known(&record.keys).ok()?;
    Forecast::new(record.rule.as_deref(), &known).usual_seconds(Limit::InForce)
}
