//! `bg-run hook`: one event in, one answer or nothing out.
//!
//! It fails open. Whatever goes wrong here, the call goes on as it was, the exit status is 0, and the log says
//! what happened.

mod answer;
mod input;
mod post_tool_use;
mod pre_tool_use;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::log;
use answer::Answer;
use input::Input;

/// More than this on stdin is no call.
const MAX_INPUT: u64 = 8 * 1024 * 1024;

/// Reads one event from stdin and answers it on stdout.
pub fn run(dry_run: bool) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        log::line(&format!("hook: a fault in bg-run: {panic}"));
        std::process::exit(0);
    }));
    if let Err(error) = try_run(dry_run) {
        log::line(&format!("hook: the call is left as it was: {error:#}"));
    }
    ExitCode::SUCCESS
}

fn try_run(dry_run: bool) -> Result<()> {
    let Some(answer) = respond(&read_input()?, dry_run)? else {
        return Ok(());
    };
    let mut text = serde_json::to_vec(&answer).context("the answer is no JSON")?;
    text.push(b'\n');
    io::stdout()
        .write_all(&text)
        .context("stdout can't be written")
}

fn read_input() -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut stdin = io::stdin().lock();
    stdin
        .by_ref()
        .take(MAX_INPUT + 1)
        .read_to_end(&mut text)
        .context("stdin can't be read")?;
    if text.len() as u64 > MAX_INPUT {
        // The client goes on writing: reading to the end spares it a broken pipe.
        io::copy(&mut stdin, &mut io::sink()).context("stdin can't be read")?;
        bail!("stdin holds more than {MAX_INPUT} bytes");
    }
    Ok(text)
}

fn respond(text: &[u8], dry_run: bool) -> Result<Option<Answer>> {
    let input: Input = serde_json::from_slice(text).context("stdin is no hook input")?;
    match input.hook_event_name.as_str() {
        "PreToolUse" => Ok(pre_tool_use::answer(&input, dry_run)),
        "PostToolUse" => Ok(post_tool_use::answer(&input, dry_run)),
        other => bail!("the event `{other}` is none that bg-run knows"),
    }
}
