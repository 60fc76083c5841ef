//! `bg-run watch --json` and `bg-run statusline`: their output, and when they end.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use support::sandbox::{BG_RUN, Sandbox};

fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = command_of(sandbox, BG_RUN);
    command.args(arguments);
    command
}

fn command_of(sandbox: &Sandbox, program: &str) -> Command {
    let mut command = sandbox.command(program);
    command
        .env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"))
        .env("TMPDIR", sandbox.path("tmp"));
    command
}

/// A task of the session `5e55`, whose output the test writes. It runs while the file is open.
struct Task {
    file: File,
}

impl Task {
    fn launch(sandbox: &Sandbox, id: &str, session: &str, description: &str) -> Self {
        let path: PathBuf = sandbox.write(
            &format!(
                "tmp/claude-{}/-p/{session}/tasks/{id}.output",
                rustix::process::geteuid().as_raw()
            ),
            "",
        );
        let file = File::options().append(true).open(&path).unwrap();
        let mut event = sandbox.event(
            "PostToolUse",
            &json!({"command": "make all", "description": description, "run_in_background": true}),
        );
        event["session_id"] = session.into();
        event["tool_use_id"] = format!("toolu_{id}").into();
        event["transcript_path"] = format!("/x/.claude/projects/-p/{session}.jsonl").into();
        event["tool_response"] = json!({"backgroundTaskId": id});
        sandbox.answer(&event, &[]);
        Self { file }
    }

    fn writes(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }

    fn ends(mut self, code: i32) {
        self.writes(&format!("[exited with code {code}]\n"));
    }
}

struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let arguments = [&["watch", "--json"], arguments].concat();
        let mut command = command(sandbox, &arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn row(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Returns the next row for which `is_wanted` is true.
    fn until(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let row = self.row();
            if is_wanted(&row) {
                return row;
            }
        }
    }

    fn ends(mut self) {
        assert!(self.lines.next().is_none(), "nothing follows");
        assert!(self.child.wait().unwrap().success());
    }
}

fn has_line(row: &Value, line: &str) -> bool {
    row["lines"]
        .as_array()
        .unwrap()
        .iter()
        .any(|other| other == line)
}

#[test]
fn a_task_is_reported_from_start_to_end() {
    let sandbox = Sandbox::new();
    let mut watch = Watch::start(&sandbox, &[]);
    let mut task = Task::launch(&sandbox, "b1", "5e55", "Build all of it");
    let row = watch.row();
    assert_eq!(
        (&row["id"], &row["name"], &row["state"], &row["view"]),
        (
            &json!("b1"),
            &json!("Build all of it"),
            &json!("running"),
            &json!("auto")
        ),
        "{row}"
    );
    assert!(
        row["usual_seconds"].is_null() && row["size"].is_null(),
        "{row}"
    );
    task.writes("one\n\u{1b}[31mtwo\u{1b}[0m\u{7}\n\n 1%\r 50%\r100%\n\tindented\n");
    let row = watch.until(|row| has_line(row, "100%"));
    assert_eq!(row["lines"], json!(["one", "two", "100%", "    indented"]));
    task.writes(&format!("{}\nb\nc\nd\ne\n", "x".repeat(300)));
    let row = watch.until(|row| has_line(row, "e"));
    let lines = row["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 5, "{row}");
    assert_eq!(lines[0].as_str().unwrap().chars().count(), 200, "{row}");
    task.ends(3);
    let row = watch.until(|row| row["state"] != "running");
    assert_eq!(
        (&row["state"], &row["exit"], &row["status"]),
        (&json!("exit"), &json!(3), &json!("exit 3"))
    );
    let summary = row["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("✗ exit 3, ") && summary.ends_with(" s"),
        "{row}"
    );
}

#[test]
fn watch_ends_with_its_reader_its_input_or_the_last_task() {
    let sandbox = Sandbox::new();
    Watch::start(&sandbox, &["--until-idle"]).ends();

    let mut without_input = Watch::start(&sandbox, &[]);
    let task = Task::launch(&sandbox, "b1", "5e55", "x");
    without_input.row();
    drop(without_input.child.stdin.take());
    without_input.ends();

    let Watch { mut child, lines } = Watch::start(&sandbox, &[]);
    drop(lines);
    // It may end by a signal if it was writing.
    child.wait().unwrap();

    let mut last = Watch::start(&sandbox, &["--until-idle"]);
    last.row();
    task.ends(0);
    assert_eq!(last.until(|row| row["state"] != "running")["state"], "done");
    last.ends();
}

#[test]
fn a_session_s_ended_tasks_are_reported_and_no_others() {
    let sandbox = Sandbox::new();
    let (mine, theirs) = ("5e55-10n", "07he2");
    let task = Task::launch(&sandbox, "b1", mine, "Mine, ended");
    Task::launch(&sandbox, "b2", theirs, "Theirs").ends(0);
    task.ends(0);
    // The hook of the next prompt records the ends.
    let mut event = sandbox.event("UserPromptSubmit", &json!({}));
    event["prompt"] = "go on".into();
    sandbox.answer(&event, &[]);
    let running = Task::launch(&sandbox, "b3", mine, "Mine, running");
    let mut watch = Watch::start(&sandbox, &["--until-idle", "--session", mine]);
    let mut rows = [watch.row(), watch.row()].map(|row| format!("{} {}", row["id"], row["state"]));
    rows.sort();
    assert_eq!(rows, ["\"b1\" \"done\"", "\"b3\" \"running\""]);
    running.ends(0);
    assert_eq!(watch.row()["id"], "b3");
    watch.ends();
}

#[test]
fn the_view_can_be_switched_off() {
    let sandbox = Sandbox::new();
    let _task = Task::launch(&sandbox, "b1", "5e55", "x");
    for (view, rows) in [("off", 0), ("line", 1)] {
        assert!(
            sandbox
                .bg_run(&["config", "set", "view", view])
                .status
                .success()
        );
        let mut watch = Watch::start(&sandbox, &["--until-idle"]);
        if rows == 0 {
            watch.ends();
        } else {
            assert_eq!(watch.row()["view"], view);
        }
    }
}

#[test]
fn a_large_output_is_shown_with_its_size() {
    let sandbox = Sandbox::new();
    let task = Task::launch(&sandbox, "b1", "5e55", "x");
    // A sparse file uses no disk space.
    task.file.set_len(1_500_000_000).unwrap();
    let row = Watch::start(&sandbox, &[]).row();
    assert_eq!(row["size"], 1_500_000_000_u64);
    assert!(
        row["summary"].as_str().unwrap().ends_with(", 1.5 GB"),
        "{row}"
    );
}

fn statusline(sandbox: &Sandbox, input: &[u8]) -> String {
    said_by(&mut command(sandbox, &["statusline"]), input)
}

/// Returns the output of `command` for this input.
fn said_by(command: &mut Command, input: &[u8]) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[test]
fn the_status_line_shows_the_session_s_running_task() {
    let sandbox = Sandbox::new();
    let session = br#"{"session_id": "5e55", "cwd": "/"}"#;
    assert_eq!(statusline(&sandbox, session), "");
    let mut task = Task::launch(&sandbox, "b1", "5e55", "Train");
    task.writes("epoch 1\n\u{1b}[32mepoch 2\u{1b}[0m\n");
    let said = statusline(&sandbox, session);
    assert!(
        said.starts_with("Train: ") && said.ends_with(" s  epoch 2\n"),
        "{said}"
    );
    // In a script of the user's own, as in the docs.
    let page = include_str!("../docs/view.md");
    let (_, script) = page.split_once("```bash\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    sandbox.program("bg-run", &format!("exec {BG_RUN} \"$@\""));
    let own = said_by(command_of(&sandbox, "bash").args(["-c", script]), session);
    assert!(
        own.starts_with("project  Train: ") && own.ends_with(" s  epoch 2\n"),
        "{own}"
    );
    let _other = Task::launch(&sandbox, "b2", "5e55", "Test");
    let said = statusline(&sandbox, session);
    assert!(
        said.starts_with("Test: ") && said.ends_with("(and 1 more)\n"),
        "{said}"
    );
    assert_eq!(statusline(&sandbox, br#"{"session_id": "another"}"#), "");
    task.ends(0);
    assert!(!statusline(&sandbox, session).contains("more"));
}

#[test]
fn a_status_line_never_fails() {
    let sandbox = Sandbox::new();
    for input in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{\"session_id\": 5}",
        &[b'['; 9000],
    ] {
        assert_eq!(
            statusline(&sandbox, input),
            "",
            "{}",
            String::from_utf8_lossy(input)
        );
    }
    let output = sandbox.bg_run(&["statusline", "--unknown", "word"]);
    assert!(output.status.success(), "{output:?}");
}
