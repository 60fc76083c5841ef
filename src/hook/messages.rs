//! What users and models are told. All that comes from outside is cleaned and clipped here.

use std::path::Path;

use serde_json::Value;

use crate::claude::answer::{Answer, ForModel};
use crate::claude::task::TaskId;
use crate::decision::{Call, Decision, Outcome};
use crate::environment;
use crate::folders::MAX_PATH;
use crate::rules::Problem;
use crate::text::{LONG, SHOWN, one_line};
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
            Some(rule) => format!(
                "bg-run moved this call to the background: it is expected to run long (rule `{}`). \
                 Where you need a command to stay in the foreground, put `BG_RUN=off ` in front of it.",
                one_line(rule, SHOWN)
            ),
            None => "bg-run moved this call to the background, as BG_RUN=on asks.".to_owned(),
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
    pub(super) task: &'a TaskId,
    /// The client's `tool_response`.
    pub(super) response: &'a Value,
    /// What is worth looking at.
    pub(super) shown_file: Option<&'a Path>,
    /// The task's output, where the command writes a log of its own.
    pub(super) other_file: Option<&'a Path>,
    pub(super) shown: &'a Shown,
}

/// What is said of a launch, to the user and to the model.
pub(super) fn launched(launch: &Launch<'_>) -> Answer {
    let id = launch.task.as_str();
    let cause = cause(launch.response);
    // Shown whole.
    let path = |path: &Path| one_line(&path.display().to_string(), MAX_PATH);
    let Some(file) = launch.shown_file.map(path) else {
        return answer_of(
            format!(
                "bg-run: task {id} runs in the background{cause}; its output file wasn't found"
            ),
            format!(
                "Task {id} runs in the background. You will be notified when it ends: do not poll and do not sleep. \
                 Go on with other work or end your turn."
            ),
        );
    };
    let what = if launch.other_file.is_some() {
        "log"
    } else {
        "output"
    };
    let rest = launch
        .other_file
        .map(path)
        .map_or_else(String::new, |rest| {
            format!(" What the command doesn't write there goes to {rest}.")
        });
    let (for_user, for_model) = match launch.shown {
        Shown::In(place) => (
            format!("opening its {what} in {}: {file}", one_line(place, SHOWN)),
            format!(
                "and is being opened in the user's {}",
                one_line(place, SHOWN)
            ),
        ),
        Shown::Already(place) => (
            format!(
                "its {what} is open in {} already: {file}",
                one_line(place, SHOWN)
            ),
            format!(
                "and is open in the user's {} already",
                one_line(place, SHOWN)
            ),
        ),
        Shown::Not(why) => (
            format!(
                "{what}: {file} (not opened: {}; follow it with `bg-run tail {id}`)",
                one_line(why, LONG)
            ),
            "which the user can follow".to_owned(),
        ),
    };
    answer_of(
        format!("bg-run: task {id} runs in the background{cause}; {for_user}"),
        format!(
            "Task {id} runs in the background. Its output goes to {file}, {for_model}.{rest} You will be notified \
             when it ends: do not poll and do not sleep. Go on with other work or end your turn; read that file \
             when you need to see how far it is. Tell the user the task id and the file."
        ),
    )
}

/// Why the task is in the background, where that wasn't asked for in the call.
fn cause(response: &Value) -> &'static str {
    let is_set = |key: &str| response.get(key).is_some_and(|value| !value.is_null());
    if response.get("backgroundedByUser").and_then(Value::as_bool) == Some(true) {
        " (moved there by you)"
    } else if is_set("timedOutAfterMs") {
        " (moved there at its time-out)"
    } else {
        ""
    }
}

fn answer_of(for_user: String, for_model: String) -> Answer {
    Answer {
        hook_specific_output: Some(ForModel {
            hook_event_name: "PostToolUse",
            updated_input: None,
            additional_context: Some(for_model),
        }),
        system_message: Some(for_user),
    }
}
