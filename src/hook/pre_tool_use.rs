//! `PreToolUse`: a Bash call that will run long comes back as a background call.

use std::mem::ManuallyDrop;

use serde_json::{Map, Value};

use super::answer::{Answer, ForModel};
use super::input::Input;
use crate::configuration::Configuration;
use crate::decision::{Call, Decision, Outcome};
use crate::once;
use crate::session::Session;

/// The most that every client accepts, in milliseconds. A foreground time-out carried over would end the task
/// (measured, 2.1.260 and later).
const BACKGROUND_TIMEOUT: u64 = 7_200_000;

/// The answer to a call; `None` leaves it as it is.
pub(super) fn answer(input: &Input, dry_run: bool) -> Option<Answer> {
    let command = input.bash_command()?;
    let call = Call {
        command,
        run_in_background: input.run_in_background(),
    };
    // The process ends with this answer: taking hundreds of rules apart would be for nothing.
    let configuration = ManuallyDrop::new(Configuration::load(&input.cwd, dry_run));
    let session = Session::around(input.agent_id.is_some(), &input.permission_mode);
    let decision = session.decide(call, &input.cwd, &configuration);
    for problem in &configuration.problems {
        crate::log::line(&format!("settings: {problem}"));
    }
    if !decision.changes(call) {
        return None;
    }
    if configuration.config.dry_run {
        return Some(would_do(&decision));
    }
    // The rewrite itself is the same whoever gives it; what is said is said once.
    let first = once::is_first("PreToolUse", &input.tool_use_id);
    let said = first.then(|| for_model(&decision, call)).flatten();
    Some(Answer {
        hook_specific_output: Some(ForModel {
            hook_event_name: "PreToolUse",
            updated_input: Some(updated_input(&input.tool_input, &decision)),
            additional_context: said,
        }),
        system_message: first.then(|| problems_line(&configuration)).flatten(),
    })
}

fn updated_input(tool_input: &Map<String, Value>, decision: &Decision) -> Map<String, Value> {
    let mut updated = tool_input.clone();
    updated.insert(
        "command".to_owned(),
        decision.rewrite.command.clone().into(),
    );
    if decision.outcome == Outcome::Background {
        updated.insert("run_in_background".to_owned(), true.into());
        let asked = tool_input
            .get("timeout")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        updated.insert("timeout".to_owned(), asked.max(BACKGROUND_TIMEOUT).into());
    }
    updated
}

fn for_model(decision: &Decision, call: Call<'_>) -> Option<String> {
    if decision.outcome != Outcome::Background {
        return None;
    }
    let mut said = Vec::new();
    if !call.run_in_background {
        said.push(match &decision.rule {
            Some(rule) => format!(
                "bg-run moved this call to the background: it is expected to run long (rule `{rule}`). \
                 Where you need a command to stay in the foreground, put `BG_RUN=off ` in front of it."
            ),
            None => "bg-run moved this call to the background, as BG_RUN=on asks.".to_owned(),
        });
    }
    let tails = &decision.rewrite.dropped_tails;
    if !tails.is_empty() {
        let tails = tails.join("` and `");
        said.push(format!(
            "bg-run left `{tails}` out, because it shows nothing before the end: all output is in the task's \
             file, so read the last lines there. The exit status is now that of the command before the pipe."
        ));
    }
    (!said.is_empty()).then(|| said.join(" "))
}

fn would_do(decision: &Decision) -> Answer {
    let what = match decision.outcome {
        Outcome::Background => "would run in the background as",
        Outcome::Foreground | Outcome::Pass => "would run as",
    };
    let line = format!(
        "bg-run (dry run): {what} `{}` ({})",
        decision.rewrite.command, decision.reason
    );
    Answer {
        system_message: Some(line),
        ..Answer::default()
    }
}

fn problems_line(configuration: &Configuration) -> Option<String> {
    let first = configuration.problems.first()?;
    Some(format!("bg-run goes on without a faulty file: {first}"))
}
