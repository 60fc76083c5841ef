//! The decision whether to keep or to end a job whose relay has ended first.

use std::time::Duration;

/// The facts that are known some time after the relay's end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct JobFacts<'a> {
    /// Whether `PostToolUse` recorded that the call is in the background.
    pub(super) in_background: bool,
    /// Whether the model or the user asked for a stop.
    pub(super) stop_asked: bool,
    /// The reason for the client's end, if `SessionEnd` reported one.
    pub(super) reason: Option<&'a str>,
    pub(super) client: ClientState,
    /// The time since the relay's end.
    pub(super) since: Duration,
}

/// The client after the relay's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ClientState {
    /// The client may have shut down.
    #[default]
    Unknown,
    /// The client continues: it has its terminal and its file among the running sessions.
    Running,
    /// The client continued at first, and then lost its terminal.
    TerminalClosed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepOrEnd {
    /// The job ends, as it would without the setting.
    Terminate,
    /// The job continues.
    Keep,
    /// The facts don't decide yet.
    Undecided,
}

/// The reason of `SessionEnd` for a closed terminal, SIGHUP and SIGTERM (measured, 2.1.200 and 2.1.332).
const REASON_OTHER: &str = "other";

/// Maximum wait for `SessionEnd`. On a machine under load, it came up to 1.5 s after the tasks' SIGTERM (measured, 2.1.200
/// to 2.1.332).
const SESSION_END_TIMEOUT: Duration = Duration::from_secs(5);

/// Decides about the job. It continues only if it is certain that nobody asked for its end.
pub(super) fn keep_or_end(facts: JobFacts<'_>) -> KeepOrEnd {
    match facts.reason {
        _ if !facts.in_background || facts.stop_asked => KeepOrEnd::Terminate,
        Some(reason) if reason != REASON_OTHER => KeepOrEnd::Terminate,
        // The task was stopped, and then the terminal closed.
        Some(_) if facts.client == ClientState::TerminalClosed => KeepOrEnd::Terminate,
        Some(_) if facts.client == ClientState::Unknown => KeepOrEnd::Keep,
        // A client that is shutting down may still run. A client whose `SessionEnd` has run may continue with another
        // session.
        _ if facts.since < SESSION_END_TIMEOUT => KeepOrEnd::Undecided,
        _ => KeepOrEnd::Terminate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_on_only_where_nobody_asked_for_its_end() {
        let background = JobFacts {
            in_background: true,
            ..JobFacts::default()
        };
        let late = JobFacts {
            since: SESSION_END_TIMEOUT,
            ..background
        };
        let closed = JobFacts {
            reason: Some("other"),
            ..background
        };
        let reason = |reason| JobFacts {
            reason: Some(reason),
            ..background
        };
        let stopped = |facts| JobFacts {
            stop_asked: true,
            ..facts
        };
        let continuing = |facts| JobFacts {
            client: ClientState::Running,
            ..facts
        };
        let then_closed = |facts| JobFacts {
            client: ClientState::TerminalClosed,
            ..facts
        };
        let foreground = |facts| JobFacts {
            in_background: false,
            ..facts
        };
        for (what, facts, expected) in [
            ("stopped, at first", background, KeepOrEnd::Undecided),
            (
                "the client continues, at first",
                continuing(background),
                KeepOrEnd::Undecided,
            ),
            (
                "stopped in the list",
                JobFacts {
                    since: SESSION_END_TIMEOUT,
                    ..continuing(background)
                },
                KeepOrEnd::Terminate,
            ),
            (
                "a client that shuts down slowly",
                JobFacts {
                    since: Duration::from_secs(4),
                    ..continuing(background)
                },
                KeepOrEnd::Undecided,
            ),
            (
                "stopped in the list, then closed, at first",
                then_closed(background),
                KeepOrEnd::Undecided,
            ),
            (
                "stopped in the list, then closed",
                then_closed(closed),
                KeepOrEnd::Terminate,
            ),
            ("nothing is reported", late, KeepOrEnd::Terminate),
            (
                "a client that reported its end continues, at first",
                continuing(closed),
                KeepOrEnd::Undecided,
            ),
            (
                "a client that reported its end continues",
                JobFacts {
                    since: SESSION_END_TIMEOUT,
                    ..continuing(closed)
                },
                KeepOrEnd::Terminate,
            ),
            ("closed terminal, SIGTERM", closed, KeepOrEnd::Keep),
            ("/exit", reason("prompt_input_exit"), KeepOrEnd::Terminate),
            ("logged out", reason("logout"), KeepOrEnd::Terminate),
            ("TaskStop", stopped(background), KeepOrEnd::Terminate),
            (
                "TaskStop, then closed",
                stopped(closed),
                KeepOrEnd::Terminate,
            ),
            ("Esc", foreground(background), KeepOrEnd::Terminate),
            (
                "closed in the foreground",
                foreground(closed),
                KeepOrEnd::Terminate,
            ),
        ] {
            assert_eq!(keep_or_end(facts), expected, "{what}");
        }
    }
}
