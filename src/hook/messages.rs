//! Messages about calls to users and models; `end_messages` has the user's messages about tasks. Text from outside is
//! cleaned and clipped here.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::decision::{Call, Decision, Outcome};
use crate::environment;
use crate::folders::MAX_PATH;
use crate::rules::{Problem, Rules};
use crate::tasks::durations;
use crate::tasks::end_messages;
use crate::tasks::output::{full_disk, last_of};
use crate::tasks::record::{Cause, End, TaskRecord};
use crate::text::{MAX_MESSAGE, SHOWN, clipped, fenced, for_model, one_line, span};
use crate::viewer::OpenOutcome;

/// Tells the user of a dry run what would happen to a call, and which faulty file causes the dry run.
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

/// Tells the user of a dry run that the client's own limit moved a call. A dry run can't prevent that.
pub(super) fn limit_in_a_dry_run(input: &Input, limit: Option<u64>) -> Answer {
    let command = input.bash_command().unwrap_or_default();
    let name = one_line(input.description().unwrap_or(command), SHOWN);
    let after = limit.map(|limit| format!(" after {}", span(Duration::from_millis(limit))));
    let after = after.unwrap_or_default();
    let told = format!(
        "bg-run (dry run): Claude Code's own limit moved \"{name}\" to the background{after}; `bg-run install --no-limit` takes the limit away"
    );
    Answer::telling("PostToolUse", Some(told), None)
}

/// Tells the user of a fault in a settings or rules file.
pub(super) fn faulty_file(problem: &Problem) -> String {
    let problem = one_line(&problem.to_string(), MAX_MESSAGE);
    format!("bg-run ignores a file with an error: {problem}")
}

/// Tells the model what changed about its call. It never quotes a project's rule, whose text comes from the repository.
pub(super) fn moved(decision: &Decision, call: Call<'_>, rules: &Rules) -> Option<String> {
    if decision.outcome != Outcome::Background {
        return None;
    }
    let mut sentences = Vec::new();
    if !call.run_in_background {
        let why = match &decision.rule {
            Some(rule) if rules.is_by_project(rule) => {
                Some("a rule of the project names it".to_owned())
            }
            None if decision.expected.is_none() => None,
            _ => Some(for_model(&decision.reason, MAX_MESSAGE)),
        };
        sentences.push(match why {
            Some(why) => format!(
                "bg-run moved this call to the background: it is expected to run long ({why}). \
                 Where you need a command to stay in the foreground, put `BG_RUN=off ` in front of it."
            ),
            None => "bg-run moved this call to the background, as BG_RUN=on asks.".to_owned(),
        });
        // Newer clients set this variable and tell the model themselves.
        if decision.changes_folder && environment::claude_pid().is_none() {
            sentences.push(
                "Its `cd` doesn't carry over: the session's folder stays as it is.".to_owned(),
            );
        }
    }
    let tails = &decision.rewrite.dropped_tails;
    if !tails.is_empty() {
        let tails: Vec<String> = tails.iter().map(|tail| for_model(tail, SHOWN)).collect();
        let tails = tails.join("` and `");
        sentences.push(format!(
            "bg-run left `{tails}` out, because it shows nothing before the end: all output is in the task's \
             file, so read the last lines there. The exit status is now that of the command before the pipe."
        ));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// Tells the model that the command of its call still runs as this task.
pub(super) fn still_runs(record: &TaskRecord) -> String {
    let ran = Timestamp::now().duration_since(record.began());
    let ran = span(Duration::try_from(ran).unwrap_or_default());
    let id = &record.id;
    format!(
        "bg-run: that still runs as {id}, for {ran} now: the same command in the same folder. Two at once can get in each \
         other's way: wait for its end, or end it with `bg-run stop {id}`."
    )
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
    pub(super) held: bool,
}

/// Tells the user and the model about a launch.
pub(super) fn launched(launch: &Launch<'_>) -> Answer {
    let record = launch.record;
    let usual = if record.endless { None } else { launch.usual };
    let usual = durations::usual(usual);
    let with_usual = usual.as_deref().and_then(|usual| {
        let line = launched_line(launch, Some(usual));
        end_messages::is_whole(record, &line).then_some(line)
    });
    let mut line = with_usual.unwrap_or_else(|| launched_line(launch, None));
    if let Some(tail) = &record.held_back {
        let tail = clipped(&one_line(tail, SHOWN), MAX_TAIL_WIDTH);
        let _ = write!(
            line,
            "\nbg-run: `{tail}` holds its output back until the end"
        );
    }
    if let Some(caution) = launch.caution {
        let _ = write!(line, "\n{caution}");
    }
    let for_model = launched_for_model(record, usual.as_deref(), launch.held);
    Answer::telling("PostToolUse", Some(line), Some(for_model))
}

/// Tells the model about a launch in an unattended session.
pub(super) fn held(record: &TaskRecord) -> Answer {
    Answer::telling(
        "PostToolUse",
        None,
        Some(launched_for_model(record, None, true)),
    )
}

/// Reports the end of a task whose output can't be returned as the result of its call.
pub(super) fn ended_unread(record: &TaskRecord, end: End) -> Answer {
    let how = end
        .status
        .sentence(record.status_of.as_deref(), &end.after());
    let output = record.output.as_deref().unwrap_or(Path::new(""));
    let output = for_model(&output.display().to_string(), MAX_PATH);
    let told = format!(
        "The command isn't in the background any more: it {how}. Its output isn't text; all of it is in {output}."
    );
    Answer::telling("PostToolUse", None, Some(told))
}

/// Tells the model about a launch, without repeating the client. The client names the id and the file, and from
/// 2.1.200 on it announces a notice. It also says that a held task ends with the final response (2.1.260 and later).
fn launched_for_model(record: &TaskRecord, usual: Option<&str>, held: bool) -> String {
    let mut told = String::new();
    if matches!(record.cause, Cause::Limit | Cause::TimeOut) {
        told.push_str("The command hasn't failed and isn't finished: it continues in the background, and this is its output so far. ");
    }
    // Writing to a string can't fail.
    if let Some(log) = &record.log {
        let log = for_model(&log.display().to_string(), MAX_PATH);
        let _ = write!(told, "It writes its own log to {log}. ");
    }
    if let Some(tail) = &record.held_back {
        let tail = for_model(tail, SHOWN);
        let _ = write!(told, "`{tail}` holds its output back until the end. ");
    }
    if record.endless {
        told.push_str("It never ends by itself: it runs until somebody stops it.");
        return told;
    }
    if let Some(usual) = usual {
        let _ = write!(told, "Such a command usually takes about {usual}. ");
    }
    told.push_str(
        "You will be told when it ends, with its exit status and last lines: do not poll and do not sleep, go on with other \
         work or end your turn.",
    );
    if held {
        told.push_str(
            " Ending it loses nothing: bg-run waits for the task before your response becomes final.",
        );
    }
    told
}

/// Describes a task's end: `"Run e2e tests" failed with exit status 1 after 3 min`.
pub(super) fn outcome(record: &TaskRecord) -> String {
    let status = record.final_status();
    let sentence = status.sentence(record.status_of.as_deref(), &record.after());
    format!("\"{}\" {sentence}", record.name().replace('"', "'"))
}

/// Maximum width in columns of the removed text in a message.
const MAX_TAIL_WIDTH: usize = 13;

/// Maximum width in columns of the name of an editor or terminal.
const MAX_PLACE_WIDTH: usize = 20;

/// Number of an ended task's last lines that the model gets.
const MAX_LINES: usize = 15;

/// Maximum length of each line, in characters.
const MAX_LINE_LENGTH: usize = 200;

/// Tells the user about ended tasks, one per line; `None` if there are none.
pub(super) fn ended(records: &[TaskRecord]) -> Option<String> {
    let lines = end_messages::ended(records);
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Tells the model about ended tasks with their last lines, so that it needs no call to read them. The name comes from
/// a model and the lines from a program, so both are fenced as data.
pub(super) fn ended_for_model(records: &[TaskRecord]) -> Option<String> {
    let parts = records.iter().map(|record| {
        let status_of = record.status_of.as_deref();
        let status_of = status_of.map(|of| for_model(of, SHOWN));
        let status = record.final_status();
        let sentence = status.sentence(status_of.as_deref(), &record.after());
        let mut lines = vec![format!("task: {}", record.name())];
        let last = last_of(record, MAX_LINES);
        let wrote = if last.is_empty() {
            "It wrote nothing."
        } else {
            "The last lines of its output follow its name."
        };
        lines.extend_from_slice(last);
        let full = full_disk(record).map_or_else(String::new, |folder| {
            let folder = for_model(&folder.display().to_string(), MAX_PATH);
            format!(" The disk of {folder} is full, which may be why.")
        });
        format!(
            "bg-run: task {} {sentence}.{full} {wrote} {}",
            record.id,
            fenced(&lines, MAX_LINE_LENGTH)
        )
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// Maximum number of earlier sessions' tasks in a message, counted separately for running and ended ones.
const MAX_LEFT_OVER: usize = 5;

/// Tells the model about tasks from earlier sessions: the running ones by id and name, then the ends of the others.
pub(super) fn left_over_for_model(running: &[TaskRecord], ended: &[TaskRecord]) -> Option<String> {
    let newest =
        |records: &[TaskRecord]| records.iter().rev().take(MAX_LEFT_OVER).cloned().collect();
    let (running, ended): (Vec<TaskRecord>, Vec<TaskRecord>) = (newest(running), newest(ended));
    let mut parts = Vec::new();
    if !running.is_empty() {
        let names: Vec<String> = running
            .iter()
            .map(|record| format!("{}: {}", record.id, record.name()))
            .collect();
        parts.push(format!(
            "bg-run: tasks of this project's earlier sessions are still running; nobody will tell you when they end. \
             `bg-run logs ID` prints the last lines of one, `bg-run tasks` lists all. {}",
            fenced(&names, MAX_LINE_LENGTH)
        ));
    }
    if let Some(survivors) = survivors_for_model(running.iter().chain(&ended)) {
        parts.push(survivors);
    }
    if let Some(ended) = ended_for_model(&ended) {
        parts.push(format!(
            "Tasks of earlier sessions of this project have ended since.\n\n{ended}"
        ));
    }
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// Tells the model about tasks that outlived their session. The client wrongly says that they "didn't finish before the
/// previous session ended" (measured, 2.1.332).
fn survivors_for_model<'a>(tasks: impl Iterator<Item = &'a TaskRecord>) -> Option<String> {
    let tasks: Vec<String> = tasks
        .filter(|task| task.survived && !task.ended.is_some_and(|end| end.status.is_cut()))
        .map(|task| match task.ended {
            None => format!("{} (runs since {:.0})", task.id, task.began()),
            Some(end) => format!("{} (ran until {:.0})", task.id, end.at),
        })
        .collect();
    (!tasks.is_empty()).then(|| {
        format!(
            "bg-run: these tasks outlived their session, and ran on while no session was there: {}. Claude Code may say that \
             they were stopped or didn't finish. That isn't true.",
            tasks.join(", ")
        )
    })
}

/// The user's line about a launch: the task, the reason, and where its output can be watched; with the usual duration
/// if known.
fn launched_line(launch: &Launch<'_>, usual: Option<&str>) -> String {
    let (record, shown) = (launch.record, launch.shown);
    let tails = launch.tails.join(" ");
    let why = match record.cause {
        _ if !tails.is_empty() => {
            let tails = clipped(&one_line(&tails, SHOWN), MAX_TAIL_WIDTH);
            Some(format!("without `{tails}`"))
        }
        Cause::Moved | Cause::Caller => None,
        Cause::Limit => Some(launch.limit.map_or_else(
            || "in background: took long".to_owned(),
            |limit| {
                let limit = span(Duration::from_millis(limit));
                let of = usual.map_or_else(String::new, |usual| format!(" of ~{usual}"));
                format!("in background after {limit}{of}")
            },
        )),
        Cause::TimeOut => Some("in background: time-out".to_owned()),
        Cause::User => Some("in background by you".to_owned()),
    };
    let opened = if record.log.is_some() { "log" } else { "open" };
    match shown {
        OpenOutcome::In(place) | OpenOutcome::Already(place) => {
            let what = why.unwrap_or_else(|| match usual {
                Some(usual) => format!("in background (~{usual})"),
                None => "in background".to_owned(),
            });
            let place = clipped(&one_line(place, SHOWN), MAX_PLACE_WIDTH);
            let id = end_messages::shortened(&record.id);
            end_messages::named(record, &format!(" {what}, {opened} in {place} ({id})"))
        }
        // The reason for the background, unless the caller asked for it, deserves a second row.
        OpenOutcome::Not(reason) => {
            let why = why.map_or_else(String::new, |why| format!(" {why},"));
            let reason = one_line(reason, MAX_MESSAGE);
            let id = end_messages::start_of(&record.id);
            end_messages::named(
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
    use crate::tasks::end_messages::WIDTH;
    use crate::tasks::record::examples::{NAMES, record};

    fn told(
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
            held: false,
        };
        launched(&launch).system_message.unwrap()
    }

    #[test]
    fn the_usual_duration_is_shown_if_it_fits() {
        let place = OpenOutcome::In("tmux".to_owned());
        for (name, cause, expected) in [
            ("Run e2e tests", Cause::Moved, "in background (~2 min), "),
            ("x", Cause::Limit, "in background after 30 s of ~2 min, "),
            ("Run e2e tests", Cause::Limit, "in background after 30 s, "),
            (NAMES[1], Cause::Caller, "in background, "),
        ] {
            let line = told(&record(name, cause), Some(121.0), &[], &place);
            let expected = format!("\" {expected}open in tmux (b33k…)");
            assert!(line.ends_with(&expected), "{line}");
        }
        let mut server = record("x", Cause::Moved);
        server.endless = true;
        let line = told(&server, Some(121.0), &[], &place);
        assert!(line.contains("in background, "), "{line}");
    }

    #[test]
    fn every_line_fits_its_terminal() {
        let place = OpenOutcome::In("VS Code".to_owned());
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
                            let line = told(&record, usual, tails, &place);
                            assert!(line.width() <= WIDTH, "{line}");
                            let end = format!(", {what} in VS Code (b33k…)");
                            assert!(line.ends_with(&end), "{line}");
                            record.log = Some("out.log".into());
                        }
                    }
                }
            }
            for why in ["max-tabs = 5", "no `code` found", "open = \"never\""] {
                let shown = OpenOutcome::Not(why.to_owned());
                let line = told(&record(name, Cause::Moved), None, &[], &shown);
                assert!(line.width() <= WIDTH, "{line}");
                assert!(
                    line.ends_with(&format!("not opened ({why}): `bg-run tail b33k`")),
                    "{line}"
                );
            }
            let line = end_messages::silent(&record(name, Cause::Moved), Duration::from_mins(25));
            assert!(line.width() <= WIDTH, "{line}");
            assert!(line.contains("silent for 25 min"), "{line}");
        }
    }
}
