//! The wait inside the hook for tasks that the client would kill after the hook's answer: its conditions, and its time
//! limit (`hold`).

use std::path::Path;
use std::time::Duration;

use crate::config::{Config, Treatment};
use crate::install;
use crate::tasks::record::{Cause, TaskRecord};
use crate::tasks::wait;

/// Whether a headless session waits for this task. bg-run or the client's limit must have moved it, and it must end by
/// itself. Clients that report no durations are excluded, because 2.1.20 hangs on exit if a task has ended before
/// (measured).
pub(super) fn is_awaited(record: &TaskRecord) -> bool {
    matches!(record.cause, Cause::Moved | Cause::Limit)
        && record.reports_durations
        && !record.endless
}

/// Whether a subagent waits for this task: bg-run moved it, and `subagents` is `background`.
pub(super) fn is_awaited_for_subagent(record: &TaskRecord, config: &Config) -> bool {
    config.subagents == Treatment::Background && record.cause == Cause::Moved && is_awaited(record)
}

/// Waits until `tasks` have ended, records their ends and returns them. Waits for at most [`longest`].
pub(super) fn until_ended(
    tasks: Vec<TaskRecord>,
    transcript: &Path,
    config: &Config,
) -> Vec<TaskRecord> {
    wait::until_ended(tasks, transcript, longest(config), config)
}

/// Longest wait at a session's end: `hold`, or the client's time limit for hooks if that is shorter.
fn longest(config: &Config) -> Duration {
    /// Time reserved for the answer itself.
    const ANSWER_TIME: Duration = Duration::from_secs(10);
    let granted = Duration::from_secs(install::hook_timeout("Stop"));
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
        assert!(longest("2d") < Duration::from_secs(install::hook_timeout("Stop")));
        assert_eq!(Config::default().hold.0, longest("10m"));
    }

    #[test]
    fn servers_and_the_caller_s_own_tasks_are_not_awaited() {
        let awaited = |cause, endless| {
            is_awaited(&TaskRecord {
                cause,
                reports_durations: true,
                endless,
                ..TaskRecord::default()
            })
        };
        let older = TaskRecord {
            cause: Cause::Moved,
            ..TaskRecord::default()
        };
        assert!(!is_awaited(&older));
        assert!(awaited(Cause::Moved, false) && awaited(Cause::Limit, false));
        assert!(!awaited(Cause::Moved, true) && !awaited(Cause::Limit, true));
        assert!(
            !awaited(Cause::Caller, false)
                && !awaited(Cause::User, false)
                && !awaited(Cause::TimeOut, false)
        );
    }
}
