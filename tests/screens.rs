//! What the interactive client shows of one, two and eight tasks, in a terminal of 100 columns.

#![expect(clippy::unwrap_used, clippy::format_push_string, reason = "a test")]

mod support;

use std::fs;

use serde_json::json;
use support::claude::{Client, NEWEST, is_there, screens, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::Sandbox;
use support::terminal::Terminal;
use support::wait_until;

/// What a session calls: descriptions and commands, and what those end with.
const CALLS: &[(&str, &str, &str, i32)] = &[
    ("Run e2e tests", "make e2e", "3 failed, 214 passed", 1),
    (
        "Train the model for 10 epochs",
        "python train.py --epochs 10 2>&1 | tail -5",
        "epoch 10/10  loss 0.097  accuracy 0.976",
        0,
    ),
    (
        "Build the release",
        "cargo build --release",
        "Finished `release` profile in 0.4s",
        0,
    ),
    (
        "Run the unit tests",
        "pytest -x tests/unit",
        "2188 passed in 0.31s",
        0,
    ),
    (
        "Build the image",
        "docker build -t app .",
        "naming to docker.io/library/app done",
        0,
    ),
    (
        "Type-check the workspace",
        "make types",
        "Found 3 errors in 2 files.",
        2,
    ),
    (
        "Run the integration tests against the staging database",
        "pytest tests/integration",
        "FAILED test_login.py::test_two_factor",
        1,
    ),
    ("Bundle everything", "make bundle", "built in 0.52s", 0),
];

/// All programs that are called: they wait for a file, and end as they should.
fn programs(sandbox: &Sandbox) {
    for (_, command, ..) in CALLS {
        let program = command.split(' ').next().unwrap();
        let mut script =
            "echo started; until [ -e \"$HOME/end\" ]; do sleep 0.1; done\ncase $* in\n".to_owned();
        for (_, command, last, status) in CALLS.iter().filter(|call| call.1.starts_with(program)) {
            let arguments = command
                .split_once(' ')
                .unwrap()
                .1
                .split(" 2>")
                .next()
                .unwrap();
            script += &format!("'{arguments}') echo '{last}'; exit {status};;\n");
        }
        sandbox.program(program, &(script + "esac"));
    }
}

/// How many of them the screen shows that end as they should: a broken one has its end in the next row.
fn whole_lines(screen: &str, is_whole: impl Fn(&str) -> bool) -> usize {
    let rows = screen.lines().map(str::trim_end);
    let ours = rows.filter(|row| row.contains("bg-run: \""));
    ours.filter(|row| is_whole(row)).count()
}

fn is_launch(row: &str) -> bool {
    row.ends_with("…)") || row.contains("max-tabs = 5") && row.ends_with('`')
}

/// The last line of the output is there from its start on.
fn is_end(row: &str) -> bool {
    let Some((_, rest)) = row.split_once(" after ") else {
        return false;
    };
    let last = rest
        .split_once(" s: ")
        .map(|(_, last)| last.trim_end_matches('…'));
    last.is_some_and(|last| CALLS.iter().any(|call| call.2.starts_with(last)))
}

#[test]
fn each_task_is_one_line_at_100_columns() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let mut page = PAGE.to_owned();
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

const PAGE: &str = "# What a session shows

Claude Code 2.1.331 in a terminal of 100 columns, as it stands when all tasks have ended: with one, with two that end at once,
and with eight, of which five are open at a time. The model is scripted, and the
commands are stand-ins that end at a sign. Made by `BG_RUN_SCREENS=docs cargo test --test screens`.
";

/// What was said, without the client's name above it and the line to write in below.
fn talk(screen: &str) -> String {
    let rows = screen.lines().map(str::trim_end);
    let rows: Vec<&str> = rows.skip_while(|row| !row.starts_with("❯ go")).collect();
    let last = rows.iter().rposition(|row| row.contains("bg-run: "));
    rows.get(..=last.unwrap()).unwrap().join("\n")
}

/// The screen when all of them run, and when all have ended at once.
fn screens_of(client: &Client, count: usize) -> (String, String) {
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash"]}}));
    programs(&sandbox);
    sandbox.fake_editor();
    assert!(sandbox.bg_run(&["install"]).status.success());
    let calls = CALLS.iter().take(count);
    let calls = calls
        .map(|(description, command, ..)| json!({"command": command, "description": description}));
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
