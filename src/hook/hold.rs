//! Waiting inside the hook for tasks that the client would kill with its answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::{Config, Treatment};
use crate::platform::watch::Watch;
use crate::tasks::end;
use crate::tasks::record::{Cause, TaskRecord};
use crate::tasks::status::Status;

/// What is looked at again after so long, whatever happens to the files: a process may end without closing any.
const AGAIN: Duration = Duration::from_secs(2);

/// After nobody writes any more, the client's own last line may be on its way.
const LAST_LINE: Duration = Duration::from_millis(700);

/// Whether a session without a user waits for this task: one that the client moved at the limit or that we moved, and
/// that ends by itself. Older clients than those that know the limit aren't held: 2.1.20 hangs at its end where a task has
/// ended before (measured).
pub(super) fn is_held(note: &TaskRecord) -> bool {
    matches!(note.cause, Cause::Moved | Cause::Limit) && note.timed && !note.endless
}

/// Whether a subagent waits for it: one that we moved, where the settings say so.
pub(super) fn is_held_for_subagent(note: &TaskRecord, config: &Config) -> bool {
    config.subagents == Treatment::Background && note.cause == Cause::Moved && is_held(note)
}

/// Waits until each of `tasks` has ended, or its time is over: what its own time-out would have let it run, or `hold`,
/// whichever is longer. Back come those that ended.
pub(super) fn until_ended(mut tasks: Vec<TaskRecord>, hold: Duration) -> Vec<TaskRecord> {
    let client = rustix::process::getppid();
    let outputs: Vec<PathBuf> = tasks
        .iter()
        .filter_map(|note| note.output.clone())
        .collect();
    let watch = Watch::new(&outputs);
    let mut silent_since: Option<Instant> = None;
    let mut ended = Vec::new();
    loop {
        let (sure, unsure): (Vec<_>, Vec<_>) = end::of(&tasks, &[])
            .into_iter()
            .partition(|(_, end)| end.status != Status::Lost);
        let mut found = sure;
        if unsure.is_empty() {
            silent_since = None;
        } else if silent_since.get_or_insert_with(Instant::now).elapsed() >= LAST_LINE {
            found.extend(unsure);
        }
        tasks.retain(|task| found.iter().all(|(note, _)| note.id != task.id));
        ended.extend(end::settle(found));
        let now = Timestamp::now();
        let left = tasks
            .iter()
            .map(|task| left(task, hold, now))
            .max()
            .unwrap_or_default();
        // The client is gone, and its tasks with it.
        if left.is_zero() || rustix::process::getppid() != client {
            return ended;
        }
        let pause = if silent_since.is_some() {
            LAST_LINE
        } else {
            AGAIN
        };
        watch.wait(pause.min(left));
    }
}

/// How long a task may still run.
fn left(note: &TaskRecord, hold: Duration, now: Timestamp) -> Duration {
    let ran = Duration::try_from(now.duration_since(note.started)).unwrap_or_default();
    let own = note
        .timeout
        .unwrap_or_default()
        .saturating_sub(note.ran_before);
    hold.max(Duration::from_millis(own)).saturating_sub(ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_its_own_time_and_the_hold_counts() {
        let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
        let note = |timeout| TaskRecord {
            started: "2026-01-01T00:00:00Z".parse().unwrap(),
            ran_before: 30_000,
            timeout,
            ..TaskRecord::default()
        };
        let minutes = Duration::from_mins;
        for (timeout, hold, expected) in [
            (None, minutes(15), minutes(5)),
            (None, minutes(10), Duration::ZERO),
            (Some(1_230_000), minutes(10), minutes(10)),
            (Some(60_000), minutes(12), minutes(2)),
        ] {
            assert_eq!(left(&note(timeout), hold, now), expected, "{timeout:?}");
        }
    }

    #[test]
    fn servers_and_the_caller_s_own_are_not_waited_for() {
        let held = |cause, endless| {
            is_held(&TaskRecord {
                cause,
                timed: true,
                endless,
                ..TaskRecord::default()
            })
        };
        let older = TaskRecord {
            cause: Cause::Moved,
            ..TaskRecord::default()
        };
        assert!(!is_held(&older));
        assert!(held(Cause::Moved, false) && held(Cause::Limit, false));
        assert!(!held(Cause::Moved, true) && !held(Cause::Limit, true));
        assert!(
            !held(Cause::Caller, false)
                && !held(Cause::User, false)
                && !held(Cause::TimeOut, false)
        );
    }
}
