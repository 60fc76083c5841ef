//! Durations of tasks: recording them, and formatting usual durations.

use std::collections::HashMap;
use std::time::Duration;

use super::record::{Cause, TaskRecord};
use super::status::Status;
use crate::history::store::{Key, Store};
use crate::history::{self, CallCounts, Forecast, Limit, Observation, RunEnd};
use crate::programs::is_quick;
use crate::shell::{self, SimpleCommand};
use crate::text::format_duration;

/// Records the durations of ended tasks.
pub(super) fn record(records: &[TaskRecord]) {
    history::record_all(records.iter().filter_map(|record| {
        let observation = observation(record)?;
        Some((record.id.as_str(), record.keys.as_slice(), observation))
    }));
}

fn observation(record: &TaskRecord) -> Option<Observation> {
    let ended = record.ended.as_ref()?;
    let ran = ended.ran()?;
    // A server that the caller itself put into the background counts as cut off if its exit status is unknown.
    let is_unknown = matches!(ended.status, Status::Lost | Status::Detached);
    let was_cut =
        ended.status.is_cut() || is_unknown && record.cause == Cause::Caller && record.endless;
    Some(Observation {
        seconds: ran.as_secs_f32(),
        end: match ended.status {
            _ if was_cut => RunEnd::CutOff,
            Status::Exit(_) => RunEnd::Failure,
            _ => RunEnd::Success,
        },
    })
}

/// Usual durations of tasks. Each kind of task is looked up once.
#[derive(Debug, Default)]
pub struct UsualTimes {
    history: Option<Store>,
    found: HashMap<Vec<Key>, Option<f32>>,
}

impl UsualTimes {
    /// Reads the user's history; empty if it can't be read.
    pub fn own() -> Self {
        Self {
            history: Store::own().ok(),
            found: HashMap::new(),
        }
    }

    /// Returns the usual duration of such a task in seconds: the median of the past durations on which the next
    /// decision would be based. A loop has none, because the number of its rounds isn't recorded.
    pub fn of(&mut self, record: &TaskRecord) -> Option<f32> {
        if record.keys.is_empty() || is_in_loop(&record.command) {
            return None;
        }
        if let Some(found) = self.found.get(&record.keys) {
            return *found;
        }
        let known = self.history.as_ref()?.known(&record.keys).ok()?;
        let forecast = Forecast::new(CallCounts::of(record.rule.as_deref()), &known);
        let found = forecast.usual_seconds(Limit::InForce);
        self.found.insert(record.keys.clone(), found);
        found
    }
}

/// Whether one of the programs that can run long is in a loop.
fn is_in_loop(command: &str) -> bool {
    let script = shell::parse(command).unwrap_or_default();
    let commands = script.simple_commands.iter();
    let looped = commands.filter(|command| command.context.in_loop);
    let mut programs = looped.filter_map(SimpleCommand::program_word);
    programs.any(|program| !is_quick(&program))
}

/// Formats a usual duration of `seconds`, rounded: `2 min`.
pub fn usual(seconds: Option<f32>) -> Option<String> {
    Duration::try_from_secs_f32(seconds?)
        .ok()
        .map(format_duration)
}

/// Formats a running task's time beside its usual duration in seconds: `40 s of about 2 min`.
pub fn so_far(ran: Duration, usual_seconds: Option<f32>) -> String {
    let ran = format_duration(ran);
    match usual(usual_seconds) {
        Some(usual) => format!("{ran} of about {usual}"),
        None => ran,
    }
}

/// Whether past runs of this exact command exceeded the call's time-out, as a server's or a watcher's do.
pub fn outlasts(keys: &[Key], timeout: Duration) -> bool {
    let Some(key) = keys.last() else { return false };
    let known = Store::own().and_then(|store| store.known(std::slice::from_ref(key)));
    known.is_ok_and(|known| {
        known
            .iter()
            .any(|known| known.outlasts(timeout.as_secs_f32()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_around_a_long_program_is_detected() {
        assert!(is_in_loop("for i in 1 2 3; do ./step $i; done"));
        assert!(is_in_loop("until curl -f localhost; do sleep 5; done"));
        assert!(!is_in_loop("./step 1; ./step 2"));
        assert!(!is_in_loop("for i in 1 2 3; do echo $i; done; ./step"));
    }

    #[test]
    fn the_duration_so_far_is_shown_beside_the_usual_one() {
        for (seconds, usual, expected) in [
            (40, Some(121.0), "40 s of about 2 min"),
            (40, None, "40 s"),
            (600, Some(f32::NAN), "10 min"),
            (600, Some(-1.0), "10 min"),
        ] {
            assert_eq!(so_far(Duration::from_secs(seconds), usual), expected);
        }
    }
}
