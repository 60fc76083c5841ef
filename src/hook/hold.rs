//! Waiting inside the hook for tasks that the client would kill with its answer.

use std::time::Duration;

use crate::config::{Config, Treatment};
use crate::install;
use crate::tasks::record::{Cause, TaskRecord};

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

/// The longest wait at a session's end: `hold`, or what the client grants its hooks where that is shorter.
pub(super) fn longest(config: &Config) -> Duration {
    /// What the answer itself may take.
    const ANSWER: Duration = Duration::from_secs(10);
    let granted = Duration::from_secs(install::timeout("Stop"));
    config.hold.0.min(granted.saturating_sub(ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hold_is_the_most() {
        let longest = |hold: &str| {
            let config = Config::parse(&format!("hold = '{hold}'")).unwrap();
            longest(&config)
        };
        assert_eq!(longest("2s"), Duration::from_secs(2));
        assert!(longest("2d") < Duration::from_secs(install::timeout("Stop")));
        assert_eq!(Config::default().hold.0, longest("10m"));
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
