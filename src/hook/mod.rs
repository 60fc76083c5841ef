//! `bg-run hook`: reads one event and prints one answer, or nothing.
//!
//! The hook fails open. Whatever goes wrong, the call goes on unchanged, the exit status is 0, and the log records the
//! error.

mod call_messages;
mod chain;
mod deadline;
mod foreground_result;
mod model_messages;
mod notify;
mod post_tool_use;
mod pre_tool_use;
mod read_input;
mod record_duration;
mod same_command;
mod session_start;
mod stop;
mod typing_caution;
mod user_prompt_submit;
mod wait_at_end;
mod waited_call;

use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use self::deadline::Deadline;
use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::claude::session;
use crate::config::Mode;
use crate::programs;
use crate::state::log;
use crate::survive::marks;

/// Minimum capacity of a pipe's buffer, in bytes.
const PIPE_CAPACITY: usize = 4096;

/// Reads one event from stdin and answers it on stdout.
pub fn run(mode: Mode) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        log::error(&format!("hook: a fault in bg-run: {panic}"));
        std::process::exit(0);
    }));
    if let Err(error) = try_run(mode) {
        log::error(&format!("hook: the call stays unchanged: {error:#}"));
    }
    ExitCode::SUCCESS
}

fn try_run(mode: Mode) -> Result<()> {
    // The process ends with the answer. Freeing the event would take a tenth of the time of a hook after a
    // foreground call.
    let event = ManuallyDrop::new(read_input::read_input()?);
    let (input, text) = &*event;
    let Some(text) = answer_to(input, text, mode)? else {
        return Ok(());
    };
    let _deadline = (text.len() > PIPE_CAPACITY).then(Deadline::start);
    io::stdout()
        .write_all(&text)
        .context("stdout can't be written")
}

/// Returns the answer to an event as one line of JSON; `None` if there is nothing to report.
///
/// # Errors
///
/// Fails if `text` isn't an event that bg-run knows.
pub fn answer(text: &[u8], mode: Mode) -> Result<Option<Vec<u8>>> {
    let input = serde_json::from_slice(text).context("stdin isn't hook input")?;
    answer_to(&input, text, mode)
}

/// Returns a command as the hooks in `chain` change it when it is called in `cwd`; `None` if one of them refuses it.
pub fn chained(commands: &[Vec<String>], command: &str, cwd: &Path) -> Option<String> {
    let event = serde_json::json!({
        "hook_event_name": "PreToolUse",
        "session_id": "explain",
        "transcript_path": "",
        "cwd": cwd,
        "permission_mode": "default",
        "tool_name": "Bash",
        "tool_use_id": "explain",
        "tool_input": {"command": command},
    });
    programs::set_working_project(cwd);
    let chained = chain::run(commands, event.to_string().as_bytes());
    if chained.refuses() {
        return None;
    }
    let changed = chained.tool_input.as_ref();
    let changed = changed.and_then(|input| input.get("command")?.as_str());
    Some(changed.unwrap_or(command).to_owned())
}

fn answer_to(input: &Input, text: &[u8], mode: Mode) -> Result<Option<Vec<u8>>> {
    let Some(answer) = respond(input, text, mode)? else {
        return Ok(None);
    };
    let mut text = serde_json::to_vec(&answer).context("the answer isn't JSON")?;
    text.push(b'\n');
    Ok(Some(text))
}

fn respond(input: &Input, text: &[u8], mode: Mode) -> Result<Option<Answer>> {
    programs::set_working_project(&input.cwd);
    match input.hook_event_name.as_str() {
        "PreToolUse" => Ok(pre_tool_use::answer(input, text, mode)),
        "PostToolUse" => Ok(post_tool_use::answer(input, mode)),
        "PostToolUseFailure" => {
            if let Some(script) = record_duration::script_to_record(input, mode) {
                record_duration::record(input, &script, mode);
            }
            Ok(None)
        }
        "UserPromptSubmit" => Ok(user_prompt_submit::answer(input, mode)),
        "Stop" => Ok(stop::answer(input, mode)),
        "SubagentStop" => Ok(stop::answer_of_subagent(input, mode)),
        // The launcher of a plugin without a program answers this event too.
        "SessionStart" => Ok(session_start::answer(input, mode)),
        "SessionEnd" => {
            if let Some(client) = session::client() {
                marks::record_client_end(client, &input.reason);
            }
            Ok(None)
        }
        other => bail!("bg-run doesn't know the event `{other}`"),
    }
}
