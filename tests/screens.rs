//! The interactive client's screen with one, two and eight tasks, in a terminal of 100 columns.

#![expect(clippy::unwrap_used, clippy::format_push_string, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::claude::{Client, DRAWING, is_there, screens, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::Sandbox;
use support::terminal::Terminal;
use support::wait_until;

/// The newest client that was tried.
const VERSION: &str = DRAWING[DRAWING.len() - 1];

/// A call of a session, and the recorded output of a real tool that it replays.
struct Call {
    description: &'static str,
    command: &'static str,
    /// The output's name in `tests/outputs/`.
    output: &'static str,
    status: i32,
    /// Whether the model asks for the background. Such calls are mostly short.
    asks: bool,
}

const fn call(
    description: &'static str,
    command: &'static str,
    output: &'static str,
    status: i32,
) -> Call {
    Call {
        description,
        command,
        output,
        status,
        asks: false,
    }
}

const fn asked(mut call: Call) -> Call {
    call.asks = true;
    call
}

#[rustfmt::skip]
const CALLS: &[Call] = &[
    call("Run e2e tests", "pytest tests/e2e", "pytest-suite-fails", 1),
    call("Run all tests of the workspace", "cargo test 2>&1 | tail -20", "cargo-test-passes", 0),
    call("Build the app", "make -C app", "make-folder-fails", 2),
    asked(call("Run the unit tests", "npx jest", "jest-fails", 1)),
    call("Build the release", "cargo build --release", "cargo-build-release-passes", 0),
    call("Type-check the workspace", "npx tsc -b", "tsc-fails", 2),
    asked(call("Run the integration tests against the staging database", "go test ./...", "go-test-fails-first", 1)),
    asked(call("Bundle everything", "npx vite build", "vite-build-passes", 0)),
];

impl Call {
    /// Returns the command's arguments.
    fn arguments(&self) -> &str {
        let command = self.command.split(" 2>").next().unwrap();
        command.split_once(' ').unwrap().1
    }

    /// Returns the line of its output that bg-run reports.
    fn line(&self) -> &str {
        let mut rows = LINES.lines().filter_map(|row| row.split_once('\t'));
        rows.find(|(name, _)| *name == self.output).unwrap().1
    }
}

const LINES: &str = include_str!("outputs/lines.tsv");

/// Creates all programs: they print the first line of their output, wait for a file, print the rest and end.
fn programs(sandbox: &Sandbox) {
    let outputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs");
    for called in CALLS {
        let program = called.command.split(' ').next().unwrap();
        let mut script = "case $* in\n".to_owned();
        for call in CALLS
            .iter()
            .filter(|call| call.command.starts_with(program))
        {
            let output = outputs.join(format!("{}.txt", call.output));
            script += &format!(
                "'{}') output='{}' status={};;\n",
                call.arguments(),
                output.display(),
                call.status
            );
        }
        script += "esac\nhead -n 1 \"$output\"\nuntil [ -e \"$HOME/end\" ]; do sleep 0.1; done\n\
                   tail -n +2 \"$output\"\nexit \"$status\"";
        sandbox.program(program, &script);
    }
}

/// Counts the tasks that the screen shows with a complete end. An end in the next row is broken.
fn whole_lines(screen: &str, is_whole: impl Fn(&str) -> bool) -> usize {
    let rows = screen.lines().map(str::trim_end);
    let ours = rows.filter(|row| row.contains("bg-run: \""));
    ours.filter(|row| is_whole(row)).count()
}

fn is_launch(row: &str) -> bool {
    row.ends_with("…)") || row.contains("max-tabs = 5") && row.ends_with('`')
}

/// Whether the output's last line is there from its start.
fn is_end(row: &str) -> bool {
    let Some((_, rest)) = row.split_once(" after ") else {
        return false;
    };
    let last = rest
        .split_once(" s: ")
        .map(|(_, last)| last.trim_end_matches('…'));
    last.is_some_and(|last| !last.is_empty() && CALLS.iter().any(|call| call.line().contains(last)))
}

#[test]
fn each_task_is_one_line_at_100_columns() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(VERSION) else {
        return;
    };
    let mut page = page();
    for count in [1, 2, 8] {
        let (launched, ended) = screens_of(&client, count);
        assert_eq!(whole_lines(&launched, is_launch), count, "{launched}");
        assert_eq!(whole_lines(&ended, is_end), count, "{ended}");
        let screen = talk(&ended);
        let s = if count == 1 { "" } else { "s" };
        page += &format!("\n## {count} task{s}\n\n```text\n{screen}\n```\n");
    }
    if let Some(folder) = screens() {
        fs::write(folder.join("screens.md"), page).unwrap();
    }
}

fn page() -> String {
    format!(
        "# What a session shows

These screens show Claude Code {VERSION} in a terminal of 100 columns after all tasks have ended: one task, two tasks that end at
the same time, and eight tasks with at most five open outputs. The model is scripted. The outputs were recorded from pytest,
cargo, make, jest, tsc, go and vite (`tests/outputs/`). The test replays the first line at the start, and the rest when it gives
a signal, so the times aren't the tools' own. `BG_RUN_SCREENS=docs cargo test --test screens` makes this page.
"
    )
}

/// Returns the conversation, without the client's name above it and the prompt below.
fn talk(screen: &str) -> String {
    let rows = screen.lines().map(str::trim_end);
    let rows: Vec<&str> = rows.skip_while(|row| !row.starts_with("❯ go")).collect();
    let last = rows.iter().rposition(|row| row.contains("bg-run: "));
    rows.get(..=last.unwrap()).unwrap().join("\n")
}

/// Returns the screen while all tasks run, and after all have ended at once.
fn screens_of(client: &Client, count: usize) -> (String, String) {
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash"]}}));
    programs(&sandbox);
    sandbox.fake_editor();
    assert!(sandbox.bg_run(&["install"]).status.success());
    let calls = CALLS.iter().take(count);
    let calls = calls.map(|call| {
        json!({"command": call.command, "description": call.description, "run_in_background": call.asks})
    });
    let mut turns: Vec<Turn> = calls.map(Turn::Bash).collect();
    turns.push(Turn::Say("All of it is running.".to_owned()));
    turns.push(Turn::Say("I look at what failed.".to_owned()));
    let api = MessagesApi::start(turns);
    let words = client.interactive(&sandbox, &api);
    let terminal = Terminal::start_sized(
        &format!("screen-{count}"),
        &words,
        &sandbox.project(),
        ("100", "90"),
    );
    terminal.wait_for("? for shortcuts");
    terminal.submit("go", || !api.requests().is_empty());
    terminal.wait_for("All of it is running.");
    let launched = terminal.screen();
    fs::write(sandbox.home().join("end"), "").unwrap();
    let mut ended = String::new();
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until("the ends", || {
            ended = terminal.screen();
            (ended.lines().filter(|row| is_end(row.trim_end())).count() == count).then_some(())
        });
    }));
    assert!(told.is_ok(), "not all of the ends are told:\n{ended}");
    (launched, ended)
}
