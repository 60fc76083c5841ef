//! `bg-run demo`: shows the whole path of a call on this machine, without Claude Code.
//!
//! The hook runs as under the client: a process with JSON on stdin. The rewritten command runs under bash, with its
//! output in the file where the client would put it.

use std::fs::{self, File};
use std::io::{IsTerminal as _, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{doctor, print};
use crate::claude::task::{ClientSession, TaskId};
use crate::config::{Configuration, Mode};
use crate::folders::CallSite;
use crate::programs;
use crate::text;
use crate::viewer::Viewer;

const SCRIPT: &str = "#!/bin/sh
# Stands for a training run: a line a second, one of them on stderr.
for epoch in 1 2 3 4 5; do
  echo \"epoch $epoch/5  loss 0.$((97 / epoch))  (PYTHONUNBUFFERED=${PYTHONUNBUFFERED:-not set})\"
  sleep 1
done
echo 'the model is saved' >&2
";
const COMMAND: &str = "sh ./train.sh --epochs 5 | tail -3";

/// Columns that the demo needs.
const WIDTH: usize = 80;

const TASK: &str = "demo1";

/// Returns a new session id for each demo, because a session's number of tabs is limited.
fn session() -> String {
    format!("demo-{}", std::process::id())
}

/// Shows the three steps and waits for the task.
pub(super) fn run() -> Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("bg-run-demo-")
        .tempdir()
        .context("no temporary folder can be made")?;
    let project = folder.path();
    fs::write(project.join("train.sh"), SCRIPT)?;

    println!("1. Claude Code is about to run\n\n     {COMMAND}\n");
    let call = json!({"command": COMMAND, "timeout": 120_000, "description": "Train the model"});
    let before = run_hook(project, &event("PreToolUse", project, &call, &Value::Null))?;
    let updated = &before["hookSpecificOutput"]["updatedInput"];
    let Some(command) = updated["command"].as_str() else {
        bail!("the hook left the command as it was; see `bg-run explain '{COMMAND}'`");
    };
    println!("   bg-run turns it into a background call:\n\n     {command}\n");

    println!("2. The command starts, its output goes to a file, and the session goes on.\n");
    let (mut task, output) = launch(project, command)?;
    let after = run_hook(
        project,
        &event(
            "PostToolUse",
            project,
            updated,
            &json!({"backgroundTaskId": TASK}),
        ),
    )?;
    // Messages that quote a bg-run command are skipped: after the demo, that command would find no task.
    let line = after["systemMessage"].as_str().unwrap_or_default();
    if !line.is_empty() && !line.contains("`bg-run ") {
        println!("   {}\n", text::clipped(line, WIDTH - 3));
    }

    let viewer = Viewer::find(&Configuration::without_rules(Mode::Real).settings);
    let is_open = viewer.is_ok();
    match viewer {
        Ok(viewer) => println!("3. Watch it grow in {}, and here:\n", viewer.name),
        Err(_) => println!(
            "3. No editor is found here. Claude Code 2.1.286 and newer draws the output\n   \
             itself, and `bg-run tail` follows it in a terminal. It looks like this:\n"
        ),
    }
    let status = follow(&mut task, &output)?;
    println!("\nThe task ended with {status}.\n");
    println!("{}", next()?);
    if is_open && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        print!("Press Enter to end the demo. Its output is removed then; close its tab yourself. ");
        std::io::stdout().flush()?;
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(print::exit_code(status.success()))
}

/// Returns the next step from the demo to Claude Code.
fn next() -> Result<&'static str> {
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    let project = CallSite::new(&cwd).project;
    Ok(if doctor::hooks_are_in_force(&project) {
        "bg-run is installed: let Claude Code run something long."
    } else {
        "To have this in Claude Code, type: bg-run install"
    })
}

fn event(name: &str, project: &Path, tool_input: &Value, response: &Value) -> Value {
    json!({
        "hook_event_name": name,
        "session_id": session(),
        "transcript_path": project.join("projects/demo").join(format!("{}.jsonl", session())),
        "cwd": project,
        "tool_name": "Bash",
        "tool_input": tool_input,
        "tool_response": response,
    })
}

/// The client's time limit for hooks.
const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs this program as the client would run it.
fn run_hook(project: &Path, event: &Value) -> Result<Value> {
    let program = programs::own_path()?;
    let command = duct::cmd!(program, "hook")
        .env("CLAUDE_CODE_TMPDIR", project)
        .env("CLAUDE_CODE_ENTRYPOINT", "cli")
        .env("CLAUDE_PROJECT_DIR", project)
        // Records about the demo's task are deleted with the demo.
        .env("BG_RUN_STATE_DIR", project.join("state"))
        .env_remove("CLAUDE_CODE_SESSION_ATTENDED")
        .env_remove("CLAUDE_CODE_CHILD_NOTES_DIR")
        .env_remove("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS");
    let answer = programs::output_with_input(&command, &event.to_string(), HOOK_TIMEOUT)
        .map_err(|why| anyhow!("the hook can't be run: {why}"))?;
    if answer.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&answer).with_context(|| format!("the hook answered `{answer}`"))
}

/// Starts the command in the background, with its output where the client's newest layout puts it.
fn launch(project: &Path, command: &str) -> Result<(Child, std::path::PathBuf)> {
    let client = ClientSession {
        id: session(),
        slug: "demo".to_owned(),
        tmp: vec![project.to_owned()],
        notes: None,
    };
    let path = TaskId::new(TASK).and_then(|task| client.new_output(&task));
    let path = path.context("the demo's own task has no place")?;
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    let output = File::create(&path)?;
    let child = Command::new(programs::locate("bash")?)
        .args(["-c", command])
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("bash can't be started")?;
    Ok((child, path))
}

/// Copies the growing file to stdout until the task has ended.
fn follow(task: &mut Child, path: &Path) -> Result<std::process::ExitStatus> {
    let mut file = File::open(path)?;
    let mut shown = 0;
    loop {
        let ended = task.try_wait()?;
        file.seek(SeekFrom::Start(shown))?;
        let mut more = Vec::new();
        file.read_to_end(&mut more)?;
        shown += more.len() as u64;
        for line in String::from_utf8_lossy(&more).split_inclusive('\n') {
            print!("     {line}");
        }
        std::io::stdout().flush()?;
        if let Some(status) = ended {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
