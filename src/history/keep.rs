//! Durations on their way into the store.

use std::time::{SystemTime, UNIX_EPOCH};

use super::repository_named;
use super::store::{Key, Observation, Store};
use crate::state::log;

/// Adds an observation of the call with this id; what can't be kept is logged.
pub fn keep(call: &str, keys: &[Key], observation: Observation) {
    if keys.is_empty() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
    let kept =
        Store::own().and_then(|store| store.record_of(call_number(call), keys, observation, now));
    if let Err(error) = kept {
        log::line(&format!("history: a duration is lost: {error}"));
    }
}

/// A number for the call of this id; 0 for none.
fn call_number(id: &str) -> u32 {
    let hash = repository_named(&[id]);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of a hash is one, too"
    )]
    let half = hash as u32;
    if id.is_empty() { 0 } else { half.max(1) }
}
