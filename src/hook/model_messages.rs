//! Messages to the model. Text from outside is cleaned and clipped here.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::claude::answer::Answer;
use crate::decision::{Call, Decision, Outcome};
use crate::environment;
use crate::folders::MAX_PATH;
use crate::rules::Rules;
use crate::tasks::output_summary::{full_disk, last_of};
use crate::tasks::record::{Cause, End, TaskRecord};
use crate::text::{MAX_COMMAND_LENGTH, MAX_MESSAGE, fenced, for_model, format_duration};

/// Returns the message about the changes to a call. It never quotes a project's rule, whose text comes from the
/// repository.
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
        let tails: Vec<String> = tails
            .iter()
            .map(|tail| for_model(tail, MAX_COMMAND_LENGTH))
            .collect();
        let tails = tails.join("` and `");
        sentences.push(format!(
            "bg-run left `{tails}` out, because it shows nothing before the end: all output is in the task's \
             file, so read the last lines there. The exit status is now that of the command before the pipe."
        ));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// Returns the message that the command of a call still runs as this task.
pub(super) fn still_runs(record: &TaskRecord) -> String {
    let ran = Timestamp::now().duration_since(record.began());
    let ran = format_duration(Duration::try_from(ran).unwrap_or_default());
    let id = &record.id;
    format!(
        "bg-run: that still runs as {id}, for {ran} now: the same command in the same folder. Two at once can get in each \
         other's way: wait for its end, or end it with `bg-run stop {id}`."
    )
}

/// Returns the answer about a launch in an unattended session.
pub(super) fn launched_unattended(record: &TaskRecord) -> Answer {
    Answer::telling("PostToolUse", None, Some(launched(record, None, true)))
}

/// Returns the answer about the end of a task whose output can't be returned as the result of its call.
pub(super) fn ended_unread(record: &TaskRecord, end: End) -> Answer {
    let how = end
        .status
        .sentence(record.status_of.as_deref(), &end.after());
    let output = record.output.as_deref().unwrap_or(Path::new(""));
    let output = for_model(&output.display().to_string(), MAX_PATH);
    let message = format!(
        "The command isn't in the background any more: it {how}. Its output isn't text; all of it is in {output}."
    );
    Answer::telling("PostToolUse", None, Some(message))
}

/// Returns the message about a launch, without repeating the client. The client names the id and the file, and from
/// 2.1.200 on it announces a notice. It also says that an awaited task ends with the final response (2.1.260 and
/// later). `usual` is the usual duration in words; `is_awaited` is `true` if the session or subagent waits for the
/// task.
pub(super) fn launched(record: &TaskRecord, usual: Option<&str>, is_awaited: bool) -> String {
    let mut message = String::new();
    if matches!(record.cause, Cause::Limit | Cause::TimeOut) {
        message.push_str("The command hasn't failed and isn't finished: it continues in the background, and this is its output so far. ");
    }
    // Writing to a string can't fail.
    if let Some(log) = &record.log {
        let log = for_model(&log.display().to_string(), MAX_PATH);
        let _ = write!(message, "It writes its own log to {log}. ");
    }
    if let Some(tail) = &record.holding_tail {
        let tail = for_model(tail, MAX_COMMAND_LENGTH);
        let _ = write!(message, "`{tail}` holds its output back until the end. ");
    }
    if record.endless {
        message.push_str("It never ends by itself: it runs until somebody stops it.");
        return message;
    }
    if let Some(usual) = usual {
        let _ = write!(message, "Such a command usually takes about {usual}. ");
    }
    message.push_str(
        "You will be told when it ends, with its exit status and last lines: do not poll and do not sleep, go on with other \
         work or end your turn.",
    );
    if is_awaited {
        message.push_str(
            " Ending it loses nothing: bg-run waits for the task before your response becomes final.",
        );
    }
    message
}

/// Number of an ended task's last lines that the model gets.
const MAX_LINES: usize = 15;

/// Maximum length of each line, in characters.
const MAX_LINE_LENGTH: usize = 200;

/// Returns the message about ended tasks with their last lines, so that the model needs no call to read them; `None` if
/// there are none. The name comes from a model and the lines from a program, so both are fenced as data.
pub(super) fn ended(records: &[TaskRecord]) -> Option<String> {
    let parts = records.iter().map(|record| {
        let status_of = record.status_of.as_deref();
        let status_of = status_of.map(|of| for_model(of, MAX_COMMAND_LENGTH));
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

/// Returns the message about tasks from earlier sessions: the running ones by id and name, then the ends of the others.
pub(super) fn left_over(running: &[TaskRecord], ended: &[TaskRecord]) -> Option<String> {
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
    if let Some(survivors) = survived(running.iter().chain(&ended)) {
        parts.push(survivors);
    }
    if let Some(ended) = self::ended(&ended) {
        parts.push(format!(
            "Tasks of earlier sessions of this project have ended since.\n\n{ended}"
        ));
    }
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// Returns the message about tasks that outlived their session. The client wrongly says that they "didn't finish before the
/// previous session ended" (measured, 2.1.332).
fn survived<'a>(tasks: impl Iterator<Item = &'a TaskRecord>) -> Option<String> {
    let tasks: Vec<String> = tasks
        .filter(|task| task.survived && !task.ended.is_some_and(|end| end.status.is_cut()))
        .map(|task| match task.ended {
            None => format!("{} (runs since {:.0})", task.id, task.began()),
            Some(end) => format!("{} (ran until {:.0})", task.id, end.at),
        })
        .collect();
    (!tasks.is_empty()).then(|| {
        format!(
            "bg-run: these tasks outlived their session, and continued without a session: {}. Claude Code may say that \
             they were stopped or didn't finish. That isn't true.",
            tasks.join(", ")
        )
    })
}
