//! Records durations in the store.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ids::call_number;
use super::observation::Observation;
use super::store::{Key, Run, Store};
use crate::state::log;

/// Adds an observation of the call with this id. Errors go to the log.
pub fn record(call: &str, keys: &[Key], observation: Observation) {
    record_all([(call, keys, observation)]);
}

/// Adds observations of several calls by id and keys. The store is opened once per repository.
pub fn record_all<'a>(calls: impl IntoIterator<Item = (&'a str, &'a [Key], Observation)>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let mut runs: BTreeMap<u64, Vec<Run>> = BTreeMap::new();
    for (call, keys, observation) in calls {
        let Some(first) = keys.first() else { continue };
        runs.entry(first.repository).or_default().push(Run {
            keys: keys.to_vec(),
            observation,
            at: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            // A call without an id gets a number of its own.
            call: match call {
                "" => call_number(&now.as_nanos().to_string()),
                id => call_number(id),
            },
        });
    }
    for runs in runs.values() {
        let kept = Store::own().and_then(|store| store.record_all(runs));
        if let Err(error) = kept {
            log::error(&format!("history: a duration is lost: {error}"));
        }
    }
}
