//! `bg-run tasks` and `bg-run tail`: what runs, how it ended, and its output as it grows.

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::sandbox::{BG_RUN, Sandbox};

fn output(sandbox: &Sandbox, id: &str, text: &str) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    sandbox.write(
        &format!("tmp/claude-{uid}/-p/5e551014/tasks/{id}.output"),
        text,
    )
}

fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(BG_RUN);
    command
        .args(arguments)
        .env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"));
    command
}

#[test]
fn tasks_are_listed_with_what_became_of_them() {
    let sandbox = Sandbox::new();
    output(&sandbox, "bfine", "ok\n[exited with code 0]\n");
    output(&sandbox, "bfailed", "no\n[exited with code 3]\n");
    output(&sandbox, "bkilled", "x\n[killed]\n");
    output(&sandbox, "blost", "x\n");
    let running = output(&sandbox, "brunning", "");
    let held = File::options().append(true).open(&running).unwrap();
    let mut event = sandbox.event(
        "PostToolUse",
        &json!({"command": "pytest -x", "run_in_background": true}),
    );
    event["tool_response"] = json!({"backgroundTaskId": "brunning"});
    let tmp = sandbox.path("tmp").display().to_string();
    sandbox.answer(&event, &[("CLAUDE_CODE_TMPDIR", &tmp)]);

    let said = command(&sandbox, &["tasks", "--json"]).output().unwrap();
    let tasks: Vec<Value> = serde_json::from_slice(&said.stdout).unwrap();
    let of = |id: &str| {
        tasks
            .iter()
            .find(|task| task["id"] == id && task["file"].as_str().unwrap().starts_with(&tmp))
            .unwrap()
    };
    for (id, state, exit) in [
        ("bfine", "exited", json!(0)),
        ("bfailed", "exited", json!(3)),
        ("bkilled", "killed", Value::Null),
        ("brunning", "running", Value::Null),
        (
            "blost",
            if cfg!(target_os = "linux") {
                "lost"
            } else {
                "running"
            },
            Value::Null,
        ),
    ] {
        assert_eq!(
            (&of(id)["state"], &of(id)["exit"]),
            (&json!(state), &exit),
            "{id}"
        );
    }
    assert_eq!(of("brunning")["command"], "pytest -x");
    assert_eq!(of("brunning")["file"], running.to_str().unwrap());
    drop(held);

    let said = command(&sandbox, &["tasks"]).output().unwrap();
    let table = String::from_utf8(said.stdout).unwrap();
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("bfailed") && line.contains("exit 3")),
        "{table}"
    );
}

#[test]
fn a_task_is_followed_to_its_end_and_status() {
    let sandbox = Sandbox::new();
    let path = output(&sandbox, "bgrows", "\u{1b}[31mred\u{1b}[0m\n");
    let mut tail = command(&sandbox, &["tail", "bgr"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "\u{1b}[31mred\u{1b}[0m");
    let mut file = File::options().append(true).open(&path).unwrap();
    for line in ["one", "[exited with code 0]", "two"] {
        writeln!(file, "{line}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), line);
    }
    writeln!(file, "[exited with code 7]").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "[exited with code 7]");
    assert!(lines.next().is_none());
    assert_eq!(tail.wait().unwrap().code(), Some(7));
}

#[test]
fn a_file_that_is_replaced_is_followed_from_its_start() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("project/train.log", "old\n");
    let mut tail = command(&sandbox, &["tail", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "old");
    let other = sandbox.write("project/other.log", "new\n[killed]\n");
    std::fs::rename(other, &path).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "new");
    assert_eq!(tail.wait().unwrap().code(), Some(143));
}

#[test]
fn an_unknown_task_is_named() {
    let sandbox = Sandbox::new();
    let said = command(&sandbox, &["tail", "bnone"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("bnone"));
}
