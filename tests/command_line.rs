//! The command line as data: `tests/cmd/*.trycmd`. `TRYCMD=overwrite cargo test --test command_line` writes the
//! current output.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::File;

use jiff::SignedDuration;
use serde_json::{Value, json};
use support::sandbox::Sandbox;
use unicode_width::UnicodeWidthStr as _;

const HOUR: u64 = 3600;

/// Adds a task of a project: its record, and its output if that still exists.
fn add_task(sandbox: &Sandbox, project: &str, id: &str, note: &Value, output: Option<&str>) {
    let uid = rustix::process::geteuid().as_raw();
    let file = format!("tmp/claude-{uid}/-{project}/5e55/tasks/{id}.output");
    if let Some(text) = output {
        sandbox.write(&file, text);
    }
    let mut note = note.clone();
    let hours = note["hours"].take().as_u64().unwrap();
    let at =
        jiff::Timestamp::now() - SignedDuration::from_secs((hours * HOUR + HOUR / 2).cast_signed());
    note["id"] = id.into();
    note["started"] = at.to_string().into();
    note["project"] = format!("/{project}").into();
    note["output"] = sandbox.path(&file).display().to_string().into();
    sandbox.write(&format!("state/tasks/{id}.json"), &note.to_string());
}

/// Adds two running tasks, and repeatedly all kinds of names and ends.
fn add_many(sandbox: &Sandbox) -> Vec<File> {
    let ended = |status: Value, ran: u64| json!({"at": "2026-01-01T00:00:00Z", "status": status, "ran": ran});
    let kinds = [
        (
            json!({"description": "Run e2e tests", "ended": ended(json!("done"), 754_000)}),
            Some("\u{1b}[32m128 passed\u{1b}[0m in 12m 34s\n[exited with code 0]\n"),
        ),
        (
            json!({"command": "PYTHONUNBUFFERED=1 pytest -x tests/integration --maxfail 3 2>&1", "ended": ended(json!({"exit": 1}), 42_000)}),
            Some(
                "FAILED tests/integration/test_login.py::test_two_factor - AssertionError: 403 != 200\n[exited with code 1]\n",
            ),
        ),
        (
            json!({"description": "Train the model for 10 epochs on the whole data set", "ended": ended(json!({"killed": null}), 9_000_000)}),
            Some("epoch 1/10 10%\repoch 1/10 20%\r\n[killed]\n"),
        ),
        (
            json!({"description": "日本語のドキュメントを全部ビルドする作業", "ended": ended(json!("lost"), 61_000)}),
            Some("ビルドが完了しました。全部で百二十八ページ。\n"),
        ),
        (
            json!({"description": "Serve the docs"}),
            Some("listening\n"),
        ),
        (
            json!({"description": "Build the image", "ended": ended(json!("done"), 300_000)}),
            None,
        ),
    ];
    for at in 0..300_u64 {
        let (mut note, output) = kinds[usize::try_from(at).unwrap() % kinds.len()].clone();
        note["hours"] = (2 + at / 2).into();
        add_task(sandbox, "many", &format!("b{:08}", 300 - at), &note, output);
    }
    let running = [
        (0, "brunning1", "Watch the tests"),
        (1, "brunning2", "cargo bench"),
    ];
    let held = running.map(|(hours, id, description)| {
        let note = json!({"hours": hours, "description": description});
        add_task(sandbox, "many", id, &note, Some("warming up\n"));
        let uid = rustix::process::geteuid().as_raw();
        let file = sandbox.path(&format!("tmp/claude-{uid}/-many/5e55/tasks/{id}.output"));
        File::options().append(true).open(file).unwrap()
    });
    held.into()
}

/// The output of `bg-run tasks` in projects with no task, with one, and with 300, at 80 columns.
#[test]
fn tasks_fit_a_terminal() {
    let sandbox = Sandbox::new();
    let note = json!({"hours": 0, "description": "Run e2e tests", "ended": {"at": "2026-01-01T00:00:00Z", "status": "done", "ran": 754_000}});
    add_task(
        &sandbox,
        "one",
        "b44x2k9f1",
        &note,
        Some("128 passed in 12m 34s\n[exited with code 0]\n"),
    );
    let _held = add_many(&sandbox);
    for project in ["none", "one", "many"] {
        let cases = cases(&sandbox);
        cases.env("CLAUDE_PROJECT_DIR", format!("/{project}"));
        cases.env("COLUMNS", "80");
        cases.case(format!("tests/cmd/tasks/{project}.trycmd"));
        drop(cases);
        let mut tasks = sandbox.command(support::sandbox::BG_RUN);
        tasks.args(["tasks", "-n", "400"]).env("COLUMNS", "80");
        tasks.env("CLAUDE_PROJECT_DIR", format!("/{project}"));
        tasks.env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"));
        let table = String::from_utf8(tasks.output().unwrap().stdout).unwrap();
        for line in table.lines() {
            assert!(line.width() <= 80, "{line}");
        }
    }
}

/// The limit is mentioned only if a call can reach it.
#[test]
fn explain_describes_the_limit() {
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"env": {"CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS": "30000"}}));
    let moved = "If it runs for 30 s, Claude Code moves it";
    for (command, expected) in [
        ("./odd-script", Some(moved)),
        ("BG_RUN=off pytest", Some(moved)),
        ("pytest & wait", Some("for its first 30 s")),
        ("./odd-script & ./other", Some(moved)),
        ("BG_RUN=on ./odd-script", Some("for its first 30 s")),
        ("if foo", None),
        ("", None),
        ("# note", None),
        ("pytest &", None),
        ("./odd-script & ./other &", None),
    ] {
        let said = sandbox.bg_run(&["explain", "--", command]);
        let said = String::from_utf8(said.stdout).unwrap();
        match expected {
            Some(expected) => assert!(said.contains(expected), "{command}: {said}"),
            None => assert!(
                !said.is_empty() && !said.contains("30 s"),
                "{command}: {said}"
            ),
        }
    }
}

#[test]
fn the_command_line_prints_the_recorded_output() {
    let sandbox = Sandbox::new();
    cases(&sandbox).case("tests/cmd/*.trycmd");
}

fn cases(sandbox: &Sandbox) -> trycmd::TestCases {
    let cases = trycmd::TestCases::new();
    cases.register_bin("bg-run", std::path::Path::new(support::sandbox::BG_RUN));
    for (name, value) in sandbox.environment() {
        cases.env(name, value);
    }
    cases.env(
        "BG_RUN_CONFIG_DIR",
        sandbox.path("config").display().to_string(),
    );
    cases.env(
        "CLAUDE_CODE_TMPDIR",
        sandbox.path("tmp").display().to_string(),
    );
    for variable in [
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_PID",
        "PYTHONUNBUFFERED",
        "CLAUDE_CODE_SESSION_ATTENDED",
        "BG_RUN",
        "BG_RUN_DRY_RUN",
        "BG_RUN_HEADLESS",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    ] {
        cases.env(variable, "");
    }
    cases
}
