//! The durations of tasks: what is kept of one, the usual one, and the words for them.

use std::collections::HashMap;
use std::time::Duration;

use super::record::{Cause, TaskRecord};
use super::status::Status;
use crate::history::store::{Key, Store};
use crate::history::{self, Forecast, Limit, Observation, RunEnd, Share};
use crate::programs::is_quick;
use crate::shell::{self, SimpleCommand};
use crate::text::span;

/// Keeps how long tasks took that have ended.
pub(super) fn keep(records: &[TaskRecord]) {
    history::keep_all(records.iter().filter_map(|record| {
        let observation = observation(record)?;
        Some((record.id.as_str(), record.keys.as_slice(), observation))
    }));
}

fn observation(record: &TaskRecord) -> Option<Observation> {
    let ended = record.ended.as_ref()?;
    let ran = ended.ran()?;
    // A pause in the terminal stands still; nobody waits for what the caller itself put there.
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

/// The usual times of tasks. Tasks of one kind are looked up once.
#[derive(Debug, Default)]
pub struct UsualTimes {
    history: Option<Store>,
    found: HashMap<Vec<Key>, Option<f32>>,
}

impl UsualTimes {
    /// Those that the user's history knows; none where it can't be read.
    pub fn own() -> Self {
        Self {
            history: Store::own().ok(),
            found: HashMap::new(),
        }
    }

    /// The usual time of such a task in seconds: the median of the durations that would decide about the next one. That of
    /// a loop isn't known, because how often one goes round isn't kept.
    pub fn of(&mut self, record: &TaskRecord) -> Option<f32> {
        if record.keys.is_empty() || loops(&record.command) {
            return None;
        }
        if let Some(found) = self.found.get(&record.keys) {
            return *found;
        }
        let known = self.history.as_ref()?.known(&record.keys).ok()?;
        let forecast = Forecast::new(Share::of(record.rule.as_deref()), &known);
        let found = forecast.usual_seconds(Limit::InForce);
        self.found.insert(record.keys.clone(), found);
        found
    }
}

/// Whether one of the programs that can run long stands in a loop.
fn loops(command: &str) -> bool {
    let script = shell::parse(command).unwrap_or_default();
    let commands = script.simple_commands.iter();
    let looped = commands.filter(|command| command.place.in_loop);
    let mut programs = looped.filter_map(SimpleCommand::program_word);
    programs.any(|program| !is_quick(&program))
}

/// A usual time of `seconds`, rounded: `2 min`.
pub fn usual(seconds: Option<f32>) -> Option<String> {
    Duration::try_from_secs_f32(seconds?).ok().map(span)
}

/// How long a task has run by now, beside its usual time in seconds: `40 s of about 2 min`.
pub fn so_far(ran: Duration, usual_seconds: Option<f32>) -> String {
    let ran = span(ran);
    match usual(usual_seconds) {
        Some(usual) => format!("{ran} of about {usual}"),
        None => ran,
    }
}

/// Whether a task is a server or a watcher by what was measured of its very words, for all that a call may take.
pub fn outlasts(keys: &[Key], call: Duration) -> bool {
    let Some(key) = keys.last() else { return false };
    let known = Store::own().and_then(|store| store.known(std::slice::from_ref(key)));
    known.is_ok_and(|known| known.iter().any(|known| known.outlasts(call.as_secs_f32())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_round_a_program_is_one() {
        assert!(loops("for i in 1 2 3; do ./step $i; done"));
        assert!(loops("until curl -f localhost; do sleep 5; done"));
        assert!(!loops("./step 1; ./step 2"));
        assert!(!loops("for i in 1 2 3; do echo $i; done; ./step"));
    }

    #[test]
    fn a_running_time_stands_beside_the_usual_one() {
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
