//! Messages to the user about a call. [`model_messages`] has those to the model, and `tasks::user_messages` those to the
//! user about a task. Text from outside is cleaned and clipped here.

use std::fmt::Write as _;
use std::time::Duration;

use super::model_messages;
use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::decision::{Decision, Outcome};
use crate::rules::Problem;
use crate::tasks::durations;
use crate::tasks::record::{Cause, TaskRecord};
use crate::tasks::user_messages;
use crate::text::{MAX_COMMAND_LENGTH, MAX_MESSAGE, clipped, format_duration, one_line};
use crate::viewer::OpenOutcome;

/// Maximum width in columns of the removed text in a message.
const MAX_TAIL_WIDTH: usize = 13;

/// Maximum width in columns of the name of an editor or terminal.
const MAX_PLACE_WIDTH: usize = 20;

/// Returns the message of a dry run about the changes that a call would get, and about the faulty file that causes the
/// dry run.
pub(super) fn would_do(decision: &Decision, problem: Option<&Problem>) -> String {
    let what = match decision.outcome {
        Outcome::Background => "would run in the background as",
        Outcome::Foreground | Outcome::Pass => "would run as",
    };
    let fault = problem.map_or_else(String::new, |problem| {
        format!("; {}", one_line(&problem.to_string(), MAX_MESSAGE))
    });
    format!(
        "bg-run (dry run): {what} `{}` ({}){fault}",
        one_line(&decision.rewrite.command, MAX_MESSAGE),
        one_line(&decision.reason, MAX_MESSAGE)
    )
}

/// Returns the answer of a dry run after the client's own limit moved a call. A dry run can't prevent that.
pub(super) fn limit_in_a_dry_run(input: &Input, limit: Option<u64>) -> Answer {
    let command = input.bash_command().unwrap_or_default();
    let name = one_line(input.description().unwrap_or(command), MAX_COMMAND_LENGTH);
    let after =
        limit.map(|limit| format!(" after {}", format_duration(Duration::from_millis(limit))));
    let after = after.unwrap_or_default();
    let message = format!(
        "bg-run (dry run): Claude Code's own limit moved \"{name}\" to the background{after}; `bg-run install --no-limit` removes the limit"
    );
    Answer::telling("PostToolUse", Some(message), None)
}

/// Returns the message about a fault in a settings or rules file.
pub(super) fn faulty_file(problem: &Problem) -> String {
    let problem = one_line(&problem.to_string(), MAX_MESSAGE);
    format!("bg-run ignores a file with an error: {problem}")
}

/// A call that went to the background.
pub(super) struct Launch<'a> {
    pub(super) record: &'a TaskRecord,
    /// Usual duration of such a task, in seconds.
    pub(super) usual: Option<f32>,
    /// The limit, in milliseconds.
    pub(super) limit: Option<u64>,
    /// The removed `| tail …`.
    pub(super) tails: &'a [String],
    pub(super) shown: &'a OpenOutcome,
    /// A warning about typing in the output's editor tab.
    pub(super) caution: Option<&'a str>,
    /// Whether the session or subagent waits for the task before it ends.
    pub(super) is_awaited: bool,
}

/// Returns the answer with the messages to the user and the model about a launch.
pub(super) fn launched(launch: &Launch<'_>) -> Answer {
    let record = launch.record;
    let usual = if record.endless { None } else { launch.usual };
    let usual = durations::usual(usual);
    let with_usual = usual.as_deref().and_then(|usual| {
        let line = launched_line(launch, Some(usual));
        user_messages::has_whole_name(record, &line).then_some(line)
    });
    let mut line = with_usual.unwrap_or_else(|| launched_line(launch, None));
    if let Some(tail) = &record.holding_tail {
        let tail = clipped(&one_line(tail, MAX_COMMAND_LENGTH), MAX_TAIL_WIDTH);
        let _ = write!(
            line,
            "\nbg-run: `{tail}` holds its output back until the end"
        );
    }
    if let Some(caution) = launch.caution {
        let _ = write!(line, "\n{caution}");
    }
    let for_model = model_messages::launched(record, usual.as_deref(), launch.is_awaited);
    Answer::telling("PostToolUse", Some(line), Some(for_model))
}

/// Returns the user's line about a launch: the task, the reason, and the place of its output; with the usual duration if
/// known.
fn launched_line(launch: &Launch<'_>, usual: Option<&str>) -> String {
    let (record, shown) = (launch.record, launch.shown);
    let tails = launch.tails.join(" ");
    let why = match record.cause {
        _ if !tails.is_empty() => {
            let tails = clipped(&one_line(&tails, MAX_COMMAND_LENGTH), MAX_TAIL_WIDTH);
            Some(format!("without `{tails}`"))
        }
        Cause::Moved | Cause::Caller => None,
        Cause::Limit => Some(launch.limit.map_or_else(
            || "in background: took long".to_owned(),
            |limit| {
                let limit = format_duration(Duration::from_millis(limit));
                let of = usual.map_or_else(String::new, |usual| format!(" of ~{usual}"));
                format!("in background after {limit}{of}")
            },
        )),
        Cause::TimeOut => Some("in background: time-out".to_owned()),
        Cause::User => Some("in background by you".to_owned()),
    };
    let opened = if record.log.is_some() { "log" } else { "open" };
    match shown {
        OpenOutcome::Opened(place) | OpenOutcome::AlreadyOpen(place) => {
            let what = why.unwrap_or_else(|| match usual {
                Some(usual) => format!("in background (~{usual})"),
                None => "in background".to_owned(),
            });
            let place = clipped(&one_line(place, MAX_COMMAND_LENGTH), MAX_PLACE_WIDTH);
            let id = user_messages::shortened(&record.id);
            user_messages::line_about(record, &format!(" {what}, {opened} in {place} ({id})"))
        }
        // The reason for the background, unless the caller asked for it, deserves a second row.
        OpenOutcome::NotOpened(reason) => {
            let why = why.map_or_else(String::new, |why| format!(" {why},"));
            let reason = one_line(reason, MAX_MESSAGE);
            let id = user_messages::start_of(&record.id);
            user_messages::line_about(
                record,
                &format!("{why} not opened ({reason}): `bg-run tail {id}`"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::tasks::record::examples::{NAMES, record};
    use crate::tasks::user_messages::WIDTH;

    fn user_line(
        record: &TaskRecord,
        usual: Option<f32>,
        tails: &[String],
        shown: &OpenOutcome,
    ) -> String {
        let launch = Launch {
            record,
            usual,
            limit: Some(30_000),
            tails,
            shown,
            caution: None,
            is_awaited: false,
        };
        launched(&launch).system_message.unwrap()
    }

    #[test]
    fn the_usual_duration_is_shown_if_it_fits() {
        let place = OpenOutcome::Opened("tmux".to_owned());
        for (name, cause, expected) in [
            ("Run e2e tests", Cause::Moved, "in background (~2 min), "),
            ("x", Cause::Limit, "in background after 30 s of ~2 min, "),
            ("Run e2e tests", Cause::Limit, "in background after 30 s, "),
            (NAMES[1], Cause::Caller, "in background, "),
        ] {
            let line = user_line(&record(name, cause), Some(121.0), &[], &place);
            let expected = format!("\" {expected}open in tmux (b33k…)");
            assert!(line.ends_with(&expected), "{line}");
        }
        let mut server = record("x", Cause::Moved);
        server.endless = true;
        let line = user_line(&server, Some(121.0), &[], &place);
        assert!(line.contains("in background, "), "{line}");
    }

    #[test]
    fn every_line_fits_its_terminal() {
        let place = OpenOutcome::Opened("VS Code".to_owned());
        let tails = ["| grep -v a | tail -5 | cut -c1-200".to_owned()];
        for name in NAMES {
            for cause in [
                Cause::Moved,
                Cause::Caller,
                Cause::Limit,
                Cause::TimeOut,
                Cause::User,
            ] {
                for tails in [&[][..], &tails] {
                    for usual in [None, Some(121.0)] {
                        let mut record = record(name, cause);
                        for what in ["open", "log"] {
                            let line = user_line(&record, usual, tails, &place);
                            assert!(line.width() <= WIDTH, "{line}");
                            let end = format!(", {what} in VS Code (b33k…)");
                            assert!(line.ends_with(&end), "{line}");
                            record.log = Some("out.log".into());
                        }
                    }
                }
            }
            for why in ["max-tabs = 5", "no editor found", "open = \"never\""] {
                let shown = OpenOutcome::NotOpened(why.to_owned());
                let line = user_line(&record(name, Cause::Moved), None, &[], &shown);
                assert!(line.width() <= WIDTH, "{line}");
                assert!(
                    line.ends_with(&format!("not opened ({why}): `bg-run tail b33k`")),
                    "{line}"
                );
            }
            let line = user_messages::silent(&record(name, Cause::Moved), Duration::from_mins(25));
            assert!(line.width() <= WIDTH, "{line}");
            assert!(line.contains("silent for 25 min"), "{line}");
        }
    }
}
