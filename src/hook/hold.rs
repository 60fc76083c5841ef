//! Conditions and time limit for waiting inside the hook for tasks that the client would kill after the hook's answer.

use std::time::Duration;

use crate::config::{Config, Treatment};
use crate::install;
use crate::tasks::record::{Cause, TaskRecord};

/// Whether a headless session waits for this task. bg-run or the client's limit must have moved it, and it must end by
/// itself. Clients that report no durations are excluded, because 2.1.20 hangs on exit if a task has ended before
/// (measured).
pub(super) fn is_held(record: &TaskRecord) -> bool {
    matches!(record.cause, Cause::Moved | Cause::Limit) && record.timed && !record.endless
}

/// Whether a subagent waits for it: bg-run moved it, and the settings ask for the background.
pub(super) fn is_held_for_subagent(record: &TaskRecord, config: &Config) -> bool {
    config.subagents == Treatment::Background && record.cause == Cause::Moved && is_held(record)
}

/// Longest wait at a session's end: `hold`, or the client's time limit for hooks if that is shorter.
pub(super) fn longest(config: &Config) -> Duration {
    /// Time reserved for the answer itself.
    const ANSWER_TIME: Duration = Duration::from_secs(10);
    let granted = Duration::from_secs(install::timeout("Stop"));
    config.hold.0.min(granted.saturating_sub(ANSWER_TIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_limits_the_wait() {
        let longest = |hold: &str| {
            let config = Config::parse(&format!("hold = '{hold}'")).unwrap();
            longest(&config)
        };
        assert_eq!(longest("2s"), Duration::from_secs(2));
        assert!(longest("2d") < Duration::from_secs(install::timeout("Stop")));
        assert_eq!(Config::default().hold.0, longest("10m"));
    }

    #[test]
    fn servers_and_the_caller_s_own_tasks_are_not_awaited() {
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
