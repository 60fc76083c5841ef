//! A hook that doesn't wait for a job exits by itself, whatever it hangs on and however long its registered time-out
//! is.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::io::Write as _;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
#[cfg(target_os = "linux")]
use support::claude::{is_there, skip};
use support::sandbox::{BG_RUN, Sandbox};
#[cfg(target_os = "linux")]
use support::sandbox::{make_fifo, read};
#[cfg(target_os = "linux")]
use support::wait_until;

/// A time far above the hook's own limit of nine seconds, for a busy machine.
const MAX_WAIT: Duration = Duration::from_mins(2);

/// Returns an event after a call. A background call's output has ended.
fn after(sandbox: &Sandbox, response: &Value) -> Value {
    let mut event = sandbox.event("PostToolUse", &json!({"command": "make all"}));
    event["tool_response"] = response.clone();
    event["duration_ms"] = 3000.into();
    let text = "a line of its output\n".repeat(10_000);
    sandbox.output("b1", &format!("{text}[exited with code 0]\n"));
    event
}

fn in_background() -> Value {
    json!({"stdout": "", "stderr": "", "backgroundTaskId": "b1"})
}

fn in_foreground() -> Value {
    json!({"stdout": "x", "stderr": "", "interrupted": false})
}

/// Starts a program on an event without reading its output.
fn start(sandbox: &Sandbox, words: &[&str], event: &Value, variables: &[(&str, &str)]) -> Child {
    let mut command = sandbox.command(words[0]);
    command
        .args(&words[1..])
        .env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"))
        .env("CLAUDE_CODE_ENTRYPOINT", "cli")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(event.to_string().as_bytes()).unwrap();
    child
}

/// Waits for its end, and returns its status and duration.
fn ended(mut child: Child, what: &str) -> (ExitStatus, Duration) {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status, start.elapsed());
        }
        if start.elapsed() > MAX_WAIT {
            child.kill().unwrap();
            child.wait().unwrap();
            unreachable!("{what}: it still runs after {MAX_WAIT:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_state_folder_may_hang_after_a_launch() {
    a_state_folder_may_hang(&in_background());
}

#[cfg(target_os = "linux")]
#[test]
fn a_state_folder_may_hang_after_a_call() {
    a_state_folder_may_hang(&in_foreground());
}

/// Delays the system call that creates a file there by ten minutes. The hook has to end during this call.
#[cfg(target_os = "linux")]
fn a_state_folder_may_hang(response: &Value) {
    if !is_there("strace") {
        return skip("strace isn't installed");
    }
    let sandbox = Sandbox::new();
    let event = after(&sandbox, response);
    let trace = sandbox.path("trace");
    let words = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=exit_group,/^renameat",
        "-e",
        "inject=/^renameat:delay_enter=600000000",
        "-o",
        trace.to_str().unwrap(),
        BG_RUN,
        "hook",
    ];
    let mut child = start(&sandbox, &words, &event, &[]);
    // strace itself waits for the end of the delay, so its own end means nothing.
    let traced = wait_until("the hook ends itself", || {
        let traced = read(&trace);
        traced.contains("exit_group(0").then_some(traced)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(traced.contains("renameat"), "{traced}");
    let before_the_end = traced.split("exit_group").next().unwrap();
    assert!(!before_the_end.contains("resumed"), "{traced}");
    assert!(sandbox.log().contains("gave up"), "{}", sandbox.log());
}

#[test]
fn a_client_may_stop_reading() {
    let sandbox = Sandbox::new();
    let event = after(&sandbox, &in_background());
    let variables = [
        ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"),
        ("CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS", "3000"),
        ("BASH_MAX_OUTPUT_LENGTH", "150000"),
    ];
    let child = start(&sandbox, &[BG_RUN, "hook"], &event, &variables);
    let (status, took) = ended(child, "nobody reads");
    assert!(status.success(), "{status}");
    assert!(took > Duration::from_secs(2), "it had room: {took:?}");
}

#[test]
fn another_process_may_keep_the_lock() {
    let sandbox = Sandbox::new();
    let event = after(&sandbox, &in_foreground());
    ended(start(&sandbox, &[BG_RUN, "hook"], &event, &[]), "no lock");
    let lock = fs::File::open(sandbox.state().join("history/lock")).unwrap();
    lock.lock().unwrap();
    let event = after(&sandbox, &in_foreground());
    let (status, _) = ended(start(&sandbox, &[BG_RUN, "hook"], &event, &[]), "a lock");
    assert!(status.success(), "{status}");
    assert!(sandbox.log().contains("a duration is lost"));
}

#[test]
fn an_editor_may_hang() {
    let sandbox = Sandbox::new();
    let end = sandbox.path("end");
    sandbox.program(
        "code",
        &format!("while ! [ -e {} ]; do sleep 0.1; done", end.display()),
    );
    let event = after(&sandbox, &in_background());
    let child = start(&sandbox, &[BG_RUN, "hook"], &event, &[("EDITOR", "code")]);
    let (status, _) = ended(child, "the editor");
    fs::write(end, "").unwrap();
    assert!(status.success(), "{status}");
}

/// A FIFO without another end replaces each file that is read or written.
#[cfg(target_os = "linux")]
#[test]
fn files_may_be_fifos() {
    if !is_there("strace") {
        return skip("strace isn't installed");
    }
    let sandbox = Sandbox::new();
    let names = [
        "state/.cleared-calls",
        "state/.cleared-tasks",
        "state/.cleared-running",
        "state/bg-run.log",
        "state/history/lock",
        "state/program",
        "project/.git",
        "project/.claude/bg-run.toml",
        "project/.claude/settings.json",
        "home/.claude/settings.json",
        "home/.claude/projects/-p/5e551014.jsonl",
    ];
    let replace = |name: &str| {
        let path = sandbox.path(name);
        make_fifo(&path);
        let mut touch = sandbox.command("touch");
        let aged = touch.args(["-t", "202001010000"]).arg(&path).status();
        assert!(aged.unwrap().success(), "{name}");
    };
    for name in names {
        replace(name);
    }
    let trace = sandbox.path("trace");
    let strace = ["strace", "-f", "-qq", "-e", "trace=execve,exit_group", "-o"];
    let traced = [&strace[..], &[trace.to_str().unwrap(), BG_RUN, "hook"]].concat();
    let ends = |response: Value| {
        let event = after(&sandbox, &response);
        let (status, _) = ended(start(&sandbox, &traced, &event, &[]), "FIFOs");
        assert!(status.success(), "{status}");
        // If the hook waits for a FIFO, another thread than the first ends it.
        let calls = read(&trace);
        let threads = calls.lines().filter_map(|call| call.split_once(' '));
        let mut ended_by = threads.filter(|(_, call)| call.trim().starts_with("exit_group"));
        let first = calls.split(' ').next().unwrap();
        assert!(ended_by.any(|(thread, _)| thread == first), "{calls}");
    };
    ends(in_background());
    ends(in_foreground());
    // A faulty config.toml counts as a dry run, which opens fewer files.
    replace("home/.config/bg-run/config.toml");
    ends(in_background());
}
