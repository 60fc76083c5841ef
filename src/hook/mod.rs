//! `bg-run hook`: one event in, one answer or nothing out.
//!
//! It fails open. Whatever goes wrong here, the call goes on as it was, the exit status is 0, and the log says
//! what happened.

mod chain;
mod deadline;
mod foreground;
mod hold;
mod messages;
mod notify;
mod post_tool_use;
mod pre_tool_use;
mod result;
mod session_start;
mod stop;
mod user_prompt_submit;
mod waited_call;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::config::Mode;
use crate::programs;
use crate::state::log;

/// More than this on stdin is no call, in bytes.
const MAX_INPUT: usize = 8 * 1024 * 1024;

/// What is larger is read on for so long, because the client goes on writing, and a broken pipe would trouble it.
const MAX_DRAINED: usize = 64 * 1024 * 1024;

/// So much is read at once, in bytes: as much as a pipe holds.
const PART: usize = 64 * 1024;

/// The event has to be there by then: the client gives a hook up after ten seconds.
const INPUT_WAIT: Duration = Duration::from_secs(8);

/// Reads one event from stdin and answers it on stdout.
pub fn run(mode: Mode) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        log::line(&format!("hook: a fault in bg-run: {panic}"));
        std::process::exit(0);
    }));
    if let Err(error) = try_run(mode) {
        log::line(&format!("hook: the call is left as it was: {error:#}"));
    }
    ExitCode::SUCCESS
}

fn try_run(mode: Mode) -> Result<()> {
    let (input, text) = read_input()?;
    let Some(text) = answer_to(&input, &text, mode)? else {
        return Ok(());
    };
    io::stdout()
        .write_all(&text)
        .context("stdout can't be written")
}

/// The answer to an event as JSON on one line; `None`: there is nothing to say.
///
/// # Errors
///
/// When `text` isn't an event that bg-run knows.
pub fn answer(text: &[u8], mode: Mode) -> Result<Option<Vec<u8>>> {
    let input = serde_json::from_slice(text).context("stdin is no hook input")?;
    answer_to(&input, text, mode)
}

/// What the hooks in `chain` make of a command that is called in `cwd`; `None`: one of them refuses it.
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
    let mut text = serde_json::to_vec(&answer).context("the answer is no JSON")?;
    text.push(b'\n');
    Ok(Some(text))
}

/// The event, and its text, as soon as it is whole: a stdin that stays open is not waited for.
fn read_input() -> Result<(Input, Vec<u8>)> {
    let stdin = io::stdin().lock();
    let end = Instant::now() + INPUT_WAIT;
    let mut text: Vec<u8> = Vec::new();
    let mut length = 0;
    loop {
        wait_for(&stdin, end)?;
        text.reserve(PART);
        let read = rustix::io::read(&stdin, spare_capacity(&mut text));
        let read = read.context("stdin can't be read")?;
        length += read;
        if length > MAX_INPUT {
            if read == 0 || length > MAX_DRAINED {
                bail!("stdin holds more than {MAX_INPUT} bytes");
            }
            text.clear();
            continue;
        }
        if read == 0 {
            let input = serde_json::from_slice(&text).context("stdin is no hook input")?;
            return Ok((input, text));
        }
        if read < PART && text.trim_ascii_end().ends_with(b"}") {
            match serde_json::from_slice(&text) {
                Ok(input) => return Ok((input, text)),
                Err(error) if error.is_eof() => {}
                Err(error) => return Err(error).context("stdin is no hook input"),
            }
        }
    }
}

fn wait_for(stdin: &io::StdinLock<'_>, end: Instant) -> Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    let mut ready = [PollFd::new(stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(left).ok();
    if poll(&mut ready, timeout.as_ref()).is_ok_and(|ready| ready == 0) {
        bail!("no event came within {} s", INPUT_WAIT.as_secs());
    }
    Ok(())
}

fn respond(input: &Input, text: &[u8], mode: Mode) -> Result<Option<Answer>> {
    programs::work_in(&input.cwd);
    match input.hook_event_name.as_str() {
        "PreToolUse" => Ok(pre_tool_use::answer(input, text, mode)),
        "PostToolUse" => Ok(post_tool_use::answer(input, mode)),
        "PostToolUseFailure" => {
            foreground::record(input, mode);
            Ok(None)
        }
        "UserPromptSubmit" => Ok(user_prompt_submit::answer(input, mode)),
        "Stop" => Ok(stop::answer(input, mode)),
        "SubagentStop" => Ok(stop::answer_of_subagent(input, mode)),
        // The launcher of a plugin without a program answers it as well.
        "SessionStart" => Ok(session_start::answer(input, mode)),
        other => bail!("the event `{other}` is none that bg-run knows"),
    }
}
