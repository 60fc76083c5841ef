//! What users and models are told; of tasks, the users by `lines`. All that comes from outside is cleaned and clipped.

use std::fmt::Write as _;
use std::time::Duration;

use super::ends::last_of;
use super::lines;
use crate::claude::answer::{Answer, ForModel};
use crate::decision::{Call, Decision, Outcome};
use crate::environment;
use crate::folders::MAX_PATH;
use crate::rules::Problem;
use crate::shell;
use crate::state::notes::{Cause, Note, Status};
use crate::text::{LONG, SHOWN, one_line, span};
use crate::viewer::Shown;

/// What would be done with a call, for the user of a dry run; and why it is one, where a file has a fault.
pub(super) fn would_do(decision: &Decision, problem: Option<&Problem>) -> String {
    let what = match decision.outcome {
        Outcome::Background => "would run in the background as",
        Outcome::Foreground | Outcome::Pass => "would run as",
    };
    let fault = problem.map_or_else(String::new, |problem| {
        format!("; {}", one_line(&problem.to_string(), LONG))
    });
    format!(
        "bg-run (dry run): {what} `{}` ({}){fault}",
        one_line(&decision.rewrite.command, LONG),
        one_line(&decision.reason, LONG)
    )
}

/// A fault in the user's files, for the user.
pub(super) fn faulty_file(problem: &Problem) -> String {
    let problem = one_line(&problem.to_string(), LONG);
    format!("bg-run goes on without a faulty file: {problem}")
}

/// What was done to a call, for the model.
pub(super) fn moved(decision: &Decision, call: Call<'_>) -> Option<String> {
    if decision.outcome != Outcome::Background {
        return None;
    }
    let mut sentences = Vec::new();
    if !call.run_in_background {
        sentences.push(match &decision.rule {
            Some(_) | None if decision.expected.is_some() || decision.rule.is_some() => format!(
                "bg-run moved this call to the background: it is expected to run long ({}). \
                 Where you need a command to stay in the foreground, put `BG_RUN=off ` in front of it.",
                one_line(&decision.reason, LONG)
            ),
            _ => "bg-run moved this call to the background, as BG_RUN=on asks.".to_owned(),
        });
        // Newer clients say so themselves, and have this variable.
        if decision.changes_folder && environment::claude_pid().is_none() {
            sentences.push(
                "Its `cd` doesn't carry over: the session's folder stays as it is.".to_owned(),
            );
        }
    }
    let tails = &decision.rewrite.dropped_tails;
    if !tails.is_empty() {
        let tails: Vec<String> = tails.iter().map(|tail| one_line(tail, SHOWN)).collect();
        let tails = tails.join("` and `");
        sentences.push(format!(
            "bg-run left `{tails}` out, because it shows nothing before the end: all output is in the task's \
             file, so read the last lines there. The exit status is now that of the command before the pipe."
        ));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// A call that went to the background.
pub(super) struct Launch<'a> {
    pub(super) note: &'a Note,
    /// The limit, in milliseconds.
    pub(super) limit: Option<u64>,
    /// What was left out of it.
    pub(super) tails: &'a [String],
    pub(super) shown: &'a Shown,
    /// The session or the subagent doesn't end before it.
    pub(super) held: bool,
}

/// What is said of a launch, to the user and to the model.
pub(super) fn launched(launch: &Launch<'_>) -> Answer {
    let note = launch.note;
    let line = lines::launched(note, launch.limit, launch.tails, launch.shown);
    let for_model = launched_for_model(note, launch.held);
    answer_of(Some(line), for_model)
}

/// What is said of a launch where nobody watches.
pub(super) fn held(note: &Note) -> Answer {
    answer_of(None, launched_for_model(note, true))
}

/// What the client doesn't say: it names the id and the file, and from 2.1.200 on that a notice will come; of a task that
/// is held it says that it is terminated with the final response (2.1.260 and later).
fn launched_for_model(note: &Note, held: bool) -> String {
    let mut told = String::new();
    if matches!(note.cause, Cause::Limit | Cause::TimeOut) {
        told.push_str("The command hasn't failed and isn't done: it goes on in the background, and what you see is its output so far. ");
    }
    // Writing to a string can't fail.
    if let Some(log) = &note.log {
        let log = one_line(&log.display().to_string(), MAX_PATH);
        let _ = write!(told, "It writes its own log to {log}. ");
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

/// What people call a task, in quotation marks.
fn quoted(note: &Note) -> String {
    format!("\"{}\"", note.name().replace('"', "'"))
}

/// How a task ended, in words: `"Run e2e tests" failed with 1 after 3 min`.
pub(super) fn outcome(note: &Note) -> String {
    let name = quoted(note);
    let ended = note.ended.as_ref();
    let after = ended
        .and_then(|ended| ended.ran)
        .map_or_else(String::new, |ran| {
            format!(" after {}", span(Duration::from_millis(ran)))
        });
    match ended.map(|ended| ended.status) {
        Some(Status::Exited(0)) => format!("{name} is done{after}"),
        Some(status @ Status::Exited(code)) if status.is_killed() => {
            format!("{name} was killed (exit status {code}){after}")
        }
        Some(Status::Exited(code)) => format!("{name} failed with exit status {code}{after}"),
        Some(Status::Killed) => format!("{name} was killed{after}"),
        Some(Status::Unknown) | None => {
            format!("{name} has ended{after}, its exit status isn't known")
        }
    }
}

/// So many lines of an ended task's output the model is given.
const LINES: usize = 15;

/// And so much of each, in characters.
const LINE: usize = 200;

/// The ends, a line each; `None` where there are none.
pub(super) fn ended(notes: &[Note]) -> Option<String> {
    let lines: Vec<String> = notes.iter().map(lines::ended).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The same for the model, with the last lines, so that it needs no call for them.
pub(super) fn ended_for_model(notes: &[Note]) -> Option<String> {
    let parts = notes.iter().map(|note| {
        let mut part = format!("bg-run: task {}, {}.", note.id, outcome(note));
        let is_good = note.ended.as_ref().is_some_and(|ended| ended.status == Status::Exited(0));
        if let Some(last) = last_of_pipe(&note.command).filter(|_| is_good) {
            let _ = write!(part, " That status is of `{last}`, the last command of a pipe; those before it may have failed.");
        }
        let lines = last_of(note, LINES);
        if lines.is_empty() {
            part.push_str(" It wrote nothing.");
            return part;
        }
        part.push_str(" The last lines of its output:\n");
        let lines = lines.iter().map(|line| one_line(line, LINE));
        part.push_str(&lines.collect::<Vec<_>>().join("\n"));
        part
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The program whose status hides those of others: the shell gives a pipe's last one.
fn last_of_pipe(command: &str) -> Option<String> {
    let script = shell::parse(command).ok()?;
    let pipeline = script.pipelines.iter().find(|pipeline| pipeline.is_last)?;
    let sets_pipefail = command.contains("pipefail");
    let last = pipeline
        .stages
        .last()?
        .simple_command
        .filter(|_| !sets_pipefail)?;
    let program = script.simple_commands.get(last)?.program()?;
    Some(one_line(&program, SHOWN))
}

fn answer_of(for_user: Option<String>, for_model: String) -> Answer {
    Answer {
        hook_specific_output: Some(ForModel {
            hook_event_name: "PostToolUse",
            additional_context: Some(for_model),
            ..ForModel::default()
        }),
        system_message: for_user,
        ..Answer::default()
    }
}
