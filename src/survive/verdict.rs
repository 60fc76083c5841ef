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
    GoesOn,
    /// It continued at first, and then lost its terminal.
    ClosedSince,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The job ends, as it would without the setting.
    End,
    /// The job continues.
    RunsOn,
    /// The facts don't decide yet.
    Wait,
}

/// The reason of `SessionEnd` for a closed terminal, SIGHUP and SIGTERM (measured, 2.1.200 and 2.1.332).
const NOT_ASKED_FOR: &str = "other";

/// `SessionEnd` came up to 1.5 s after the tasks' SIGTERM on a machine under load (measured, 2.1.200 to 2.1.332).
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that shuts down has removed its file among the running sessions 30 ms after it ended its tasks, and mostly
/// before that. Only without a terminal did it take up to 1.1 s, on a machine under load (measured, 2.1.200 to 2.1.332).
const OF_ONE_THAT_GOES_ON: Duration = Duration::from_secs(1);

/// Decides about the job. It continues only if it is certain that nobody asked for its end.
pub(super) fn verdict(facts: Facts<'_>) -> Verdict {
    match facts.reason {
        _ if !facts.in_background || facts.stop_asked => Verdict::End,
        // The task was stopped, and then the terminal closed.
        Some(NOT_ASKED_FOR) if facts.client == ClientState::ClosedSince => Verdict::End,
        Some(NOT_ASKED_FOR) => Verdict::RunsOn,
        None if facts.client == ClientState::GoesOn && facts.since >= OF_ONE_THAT_GOES_ON => {
            Verdict::End
        }
        None if facts.since < PATIENCE => Verdict::Wait,
        Some(_) | None => Verdict::End,
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
            since: PATIENCE,
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
            client: ClientState::GoesOn,
            ..facts
        };
        let then_closed = |facts| Facts {
            client: ClientState::ClosedSince,
            ..facts
        };
        let foreground = |facts| Facts {
            in_background: false,
            ..facts
        };
        for (what, facts, expected) in [
            ("stopped in the list, at first", background, Verdict::Wait),
            (
                "the client goes on, at first",
                goes_on(background),
                Verdict::Wait,
            ),
            (
                "stopped in the list",
                Facts {
                    since: OF_ONE_THAT_GOES_ON,
                    ..goes_on(background)
                },
                Verdict::End,
            ),
            (
                "a client that shuts down slowly",
                Facts {
                    since: OF_ONE_THAT_GOES_ON,
                    ..background
                },
                Verdict::Wait,
            ),
            (
                "stopped in the list, then closed, at first",
                then_closed(background),
                Verdict::Wait,
            ),
            (
                "stopped in the list, then closed",
                then_closed(closed),
                Verdict::End,
            ),
            ("nothing is told", late, Verdict::End),
            ("closed terminal, SIGTERM", closed, Verdict::RunsOn),
            ("/exit", reason("prompt_input_exit"), Verdict::End),
            ("logged out", reason("logout"), Verdict::End),
            ("TaskStop", stopped(background), Verdict::End),
            ("TaskStop, then closed", stopped(closed), Verdict::End),
            ("Esc", foreground(background), Verdict::End),
            ("closed in the foreground", foreground(closed), Verdict::End),
        ] {
            assert_eq!(verdict(facts), expected, "{what}");
        }
    }
}
