//! The decision about a job whose relay has ended first.

use std::time::Duration;

/// The facts that are known some time after the relay's end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts<'a> {
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
    /// It may have shut down.
    #[default]
    Unknown,
    /// It continues: it has its terminal and its file among the running sessions.
    Running,
    /// It continued at first, and then lost its terminal.
    TerminalClosed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
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
pub(super) fn verdict(facts: Facts<'_>) -> Verdict {
    match facts.reason {
        _ if !facts.in_background || facts.stop_asked => Verdict::Terminate,
        Some(reason) if reason != REASON_OTHER => Verdict::Terminate,
        // The task was stopped, and then the terminal closed.
        Some(_) if facts.client == ClientState::TerminalClosed => Verdict::Terminate,
        Some(_) if facts.client == ClientState::Unknown => Verdict::Keep,
        // A client that is shutting down may still be there. One that told of an end may go on with another session.
        _ if facts.since < SESSION_END_TIMEOUT => Verdict::Undecided,
        _ => Verdict::Terminate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_on_only_where_nobody_asked_for_its_end() {
        let background = Facts {
            in_background: true,
            ..Facts::default()
        };
        let late = Facts {
            since: SESSION_END_TIMEOUT,
            ..background
        };
        let closed = Facts {
            reason: Some("other"),
            ..background
        };
        let reason = |reason| Facts {
            reason: Some(reason),
            ..background
        };
        let stopped = |facts| Facts {
            stop_asked: true,
            ..facts
        };
        let goes_on = |facts| Facts {
            client: ClientState::Running,
            ..facts
        };
        let then_closed = |facts| Facts {
            client: ClientState::TerminalClosed,
            ..facts
        };
        let foreground = |facts| Facts {
            in_background: false,
            ..facts
        };
        for (what, facts, expected) in [
            (
                "stopped in the list, at first",
                background,
                Verdict::Undecided,
            ),
            (
                "the client goes on, at first",
                goes_on(background),
                Verdict::Undecided,
            ),
            (
                "stopped in the list",
                Facts {
                    since: SESSION_END_TIMEOUT,
                    ..goes_on(background)
                },
                Verdict::Terminate,
            ),
            (
                "a client that shuts down slowly",
                Facts {
                    since: Duration::from_secs(4),
                    ..goes_on(background)
                },
                Verdict::Undecided,
            ),
            (
                "stopped in the list, then closed, at first",
                then_closed(background),
                Verdict::Undecided,
            ),
            (
                "stopped in the list, then closed",
                then_closed(closed),
                Verdict::Terminate,
            ),
            ("nothing is told", late, Verdict::Terminate),
            (
                "a client that told of an end goes on, at first",
                goes_on(closed),
                Verdict::Undecided,
            ),
            (
                "a client that told of an end goes on",
                Facts {
                    since: SESSION_END_TIMEOUT,
                    ..goes_on(closed)
                },
                Verdict::Terminate,
            ),
            ("closed terminal, SIGTERM", closed, Verdict::Keep),
            ("/exit", reason("prompt_input_exit"), Verdict::Terminate),
            ("logged out", reason("logout"), Verdict::Terminate),
            ("TaskStop", stopped(background), Verdict::Terminate),
            ("TaskStop, then closed", stopped(closed), Verdict::Terminate),
            ("Esc", foreground(background), Verdict::Terminate),
            (
                "closed in the foreground",
                foreground(closed),
                Verdict::Terminate,
            ),
        ] {
            assert_eq!(verdict(facts), expected, "{what}");
        }
    }
}
