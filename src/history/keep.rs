//! Durations on their way into the store.

use std::time::{SystemTime, UNIX_EPOCH};

use super::observation::Observation;
use super::place::call_number;
use super::store::{Key, Run, Store};
use crate::state::log;

/// Adds an observation of the call with this id; what can't be kept is logged.
pub fn keep(call: &str, keys: &[Key], observation: Observation) {
    if keys.is_empty() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let run = Run {
        keys: keys.to_vec(),
        observation,
        at: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
        // A call without an id is one of its own.
        call: match call {
            "" => call_number(&now.as_nanos().to_string()),
            id => call_number(id),
        },
    };
    let kept = Store::own().and_then(|store| store.record(&run));
    if let Err(error) = kept {
        log::line(&format!("history: a duration is lost: {error}"));
    }
}
