//! The main job with the real Claude Code client, in several versions, against a scripted model on loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::claude::{Client, NEWEST, VERSIONS, is_there, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{BG_RUN, Sandbox, read};
use support::terminal::Terminal;

/// The fake `pytest` writes the environment that it got as soon as it runs.
const PYTEST: &str = "echo \"unbuffered=$PYTHONUNBUFFERED\" > \"$HOME/pytest.ran\"; echo collected; echo warned >&2; exec sleep 1";

/// Returns a sandbox with the hooks installed, fake programs, a hook that records each finished call, and these rules.
fn sandbox(permissions: &Value) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program("pytest", PYTEST);
    for program in ["make", "ctest"] {
        sandbox.program(program, &format!("touch \"$HOME/{program}.ran\""));
    }
    // It waits for a concurrent process, so that a headless session doesn't end earlier.
    sandbox.program("await-file", "i=0; while [ ! -s \"$1\" ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done; [ -s \"$1\" ]");
    let note = sandbox.program(
        "note",
        "cat >>\"$HOME/calls.jsonl\"; echo >>\"$HOME/calls.jsonl\"",
    );
    let note = json!([{"matcher": "Bash", "hooks": [{"type": "command", "command": note}]}]);
    sandbox.write_settings(&json!({"permissions": permissions, "hooks": {"PostToolUse": note}}));
    let output = sandbox.bg_run(&["install"]);
    assert!(output.status.success(), "{output:?}");
    sandbox
}

/// Returns the calls that ran, as the client reported them afterwards.
fn calls(sandbox: &Sandbox) -> Vec<Value> {
    let text = read(&sandbox.home().join("calls.jsonl"));
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the file that the client names to the model as the task's output.
fn named_output(told: &str) -> PathBuf {
    let (_, rest) = told
        .split_once("Output is being written to: ")
        .unwrap_or_else(|| panic!("no output is named: {told}"));
    let end = rest.find(".output").unwrap() + ".output".len();
    PathBuf::from(&rest[..end])
}

/// Returns the arguments with which `code` was called: `-r`, `-g`, `FILE:LINE`.
fn opened(said: &str) -> PathBuf {
    let words: Vec<&str> = said.lines().collect();
    let ["-r", "-g", place] = words.as_slice() else {
        panic!("code was called with {words:?}")
    };
    let (file, _line) = place.rsplit_once(':').unwrap();
    // The tab is named after the task: the file is a link to the output.
    fs::read_link(file).unwrap()
}

fn explained(sandbox: &Sandbox, command: &str) -> Value {
    let output = sandbox.bg_run(&["explain", "--json", command]);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_long_call_runs_in_the_background_and_its_output_is_opened() {
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox(&json!({"allow": ["Bash(pytest:*)", "Bash(await-file:*)"]}));
        let said = sandbox.fake_editor();
        let ran = sandbox.home().join("pytest.ran");
        let command = "cd . && pytest -x tests/ | tail -20";
        let api = MessagesApi::start(vec![
            Turn::Bash(
                json!({"command": command, "timeout": 5000, "description": "Run the tests"}),
            ),
            Turn::bash(&format!("await-file {}", said.display())),
            Turn::bash(&format!("await-file {}", ran.display())),
            Turn::Say("done".to_owned()),
        ]);
        let output = client.run_headless(&sandbox, &api, &[("BG_RUN_HEADLESS", "background")]);
        let results = api.tool_results();
        let shown = format!("{version}: {results:?} {output:?} log: {}", sandbox.log());

        assert_eq!(results.len(), 3, "{shown}");
        assert!(results.iter().all(|result| !result.is_error), "{shown}");
        assert!(
            results[0].text.contains("running in background with ID"),
            "{shown}"
        );
        // These clients may have rules on an unreadable command line, so nothing is edited that a rule sees.
        let hidden = client.hides_its_arguments();
        // The settings' `env` unbuffers Python, so no prefix is needed.
        let edited = if hidden {
            command
        } else {
            "cd . && pytest -x tests/ 2>&1"
        };
        assert_eq!(read(&ran).trim(), "unbuffered=1", "{shown}");
        let output = named_output(&results[0].text);
        assert_eq!(opened(&read(&said)), output, "{shown}");

        let calls = calls(&sandbox);
        let input = &calls[0]["tool_input"];
        assert_eq!(input["command"], edited, "{shown}");
        assert_eq!(input["timeout"], 7_200_000, "{shown}");
        assert_eq!(input["description"], "Run the tests", "{shown}");
        let id = calls[0]["tool_response"]["backgroundTaskId"]
            .as_str()
            .unwrap();
        assert!(output.ends_with(format!("{id}.output")), "{shown}");
        let told = api.model_was_told();
        assert!(
            told.contains("BG_RUN=off"),
            "{version}: the model knows no way out"
        );
        assert!(
            told.contains("do not poll"),
            "{version}: the model is not told to wait"
        );
        assert_eq!(
            told.contains("left `| tail -20` out"),
            !hidden,
            "{version}: the model doesn't know of the tail"
        );

        // By now it is known to be quick.
        assert!(
            sandbox
                .bg_run(&["history", "--clear", "--all"])
                .status
                .success()
        );
        let explained = explained(&sandbox, command);
        assert_eq!(explained["decision"], "background", "{shown}");
        if !hidden {
            assert_eq!(explained["command"], input["command"], "{shown}");
        }
    }
}

#[test]
fn the_user_s_permissions_decide_as_before() {
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox(&json!({"allow": ["Bash(pytest:*)"], "deny": ["Bash(ctest:*)"]}));
        let api = MessagesApi::start(vec![
            Turn::bash("make all"),
            Turn::bash("ctest -j4"),
            Turn::bash("BG_RUN=on make all"),
            Turn::bash("BG_RUN=off pytest"),
            Turn::bash("BG_RUN=off ctest"),
            Turn::Say("done".to_owned()),
        ]);
        let output = client.run_headless(&sandbox, &api, &[("BG_RUN_HEADLESS", "background")]);
        let results = api.tool_results();
        let shown = format!("{version}: {results:?} {output:?}");
        let refused: Vec<bool> = results.iter().map(|result| result.is_error).collect();
        assert_eq!(refused, [true, true, true, false, true], "{shown}");
        for program in ["make", "ctest"] {
            assert!(
                !sandbox.home().join(format!("{program}.ran")).exists(),
                "{program} ran: {shown}"
            );
        }
        assert!(results[3].text.contains("collected"), "{shown}");
        let calls = calls(&sandbox);
        assert_eq!(calls.len(), 1, "{shown}");
        assert_eq!(calls[0]["tool_input"]["command"], "pytest", "{shown}");
    }
}

#[test]
fn headless_sessions_and_other_calls_are_left_alone() {
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox(&json!({"allow": ["Bash(pytest:*)", "Bash(echo:*)"]}));
        let said = sandbox.fake_editor();
        let api = MessagesApi::start(vec![
            Turn::bash("pytest -x"),
            Turn::bash("echo pytest"),
            Turn::Say("done".to_owned()),
        ]);
        let output = client.run_headless(&sandbox, &api, &[]);
        let results = api.tool_results();
        let shown = format!("{version}: {results:?} {output:?}");
        assert!(results[0].text.contains("collected"), "{shown}");
        assert_eq!(results[1].text.trim(), "pytest", "{shown}");
        assert_eq!(
            calls(&sandbox)[0]["tool_input"]["command"],
            "pytest -x",
            "{shown}"
        );
        assert!(!said.exists(), "{shown}");
    }
}

#[test]
fn a_fresh_home_can_install_run_and_uninstall() {
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = Sandbox::new();
    fs::remove_dir(sandbox.home().join(".claude")).unwrap();
    sandbox.program("pytest", PYTEST);
    let allow = json!({"permissions": {"allow": ["Bash(pytest:*)"]}});
    sandbox.write("project/.claude/settings.local.json", &allow.to_string());
    // The state folder is in its default place, so that it is examined too.
    let state = sandbox
        .home()
        .join(".local/state/bg-run")
        .display()
        .to_string();
    let bg_run = |word: &str| {
        let output = sandbox
            .command(BG_RUN)
            .arg(word)
            .env("BG_RUN_STATE_DIR", &state)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    bg_run("install");
    let api = MessagesApi::start(vec![Turn::bash("pytest -x"), Turn::Say("done".to_owned())]);
    let output = client.run_headless(
        &sandbox,
        &api,
        &[
            ("BG_RUN_HEADLESS", "background"),
            ("BG_RUN_STATE_DIR", &state),
        ],
    );
    let results = api.tool_results();
    assert!(
        results[0].text.contains("running in background"),
        "{results:?} {output:?}"
    );
    bg_run("uninstall");
    assert!(!sandbox.home().join(".claude/settings.json").exists());
    let left = paths_below(&sandbox.home());
    let ours: Vec<_> = left
        .iter()
        .filter(|path| path.to_string_lossy().contains("bg-run"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

fn paths_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| {
            let below = if path.is_dir() && !path.is_symlink() {
                paths_below(&path)
            } else {
                Vec::new()
            };
            [path].into_iter().chain(below)
        })
        .collect()
}

#[test]
fn the_interactive_client_shows_the_task_and_our_line() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox(&json!({"allow": ["Bash(pytest:*)"]}));
        let said = sandbox.fake_editor();
        let api = MessagesApi::start(vec![
            Turn::Bash(json!({"command": "pytest -x tests/", "description": "Run the tests"})),
            Turn::Say("The tests run in the background.".to_owned()),
        ]);
        let words = client.interactive(&sandbox, &api);
        let terminal = Terminal::start(&format!("line-{version}"), &words, &sandbox.project());
        terminal.wait_for("? for shortcuts");
        terminal.submit("run the tests", || !api.requests().is_empty());
        terminal.wait_for("The tests run in the background.");
        terminal.wait_for("bg-run: \"Run the tests\" in background");
        let screen = terminal.wait_for("in VS Code");

        let results = api.tool_results();
        let output = named_output(&results[0].text);
        let said = support::wait_for_text("code is called", &said);
        assert_eq!(opened(&said), output, "{version}: {screen}");
        let id = output.file_stem().unwrap().to_str().unwrap();
        let start: String = id.chars().take(4).collect();
        assert!(
            screen.contains(&format!("({start}…)")),
            "{version}: {screen}"
        );
        assert_eq!(
            read(&sandbox.home().join("pytest.ran")).trim(),
            "unbuffered=1",
            "{version}"
        );
    }
}

#[test]
fn an_unallowed_command_still_asks_on_the_screen() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = sandbox(&json!({"allow": []}));
    let api = MessagesApi::start(vec![Turn::bash("make all"), Turn::Say("done".to_owned())]);
    let terminal = Terminal::start(
        "asks",
        &client.interactive(&sandbox, &api),
        &sandbox.project(),
    );
    terminal.wait_for("? for shortcuts");
    terminal.submit("build", || !api.requests().is_empty());
    let screen = terminal.wait_for("Do you want to proceed?");
    assert!(
        screen.contains("make all 2>&1") && !screen.contains("PYTHONUNBUFFERED"),
        "{screen}"
    );
    assert!(!sandbox.home().join("make.ran").exists());
    terminal.keys(&["Escape"]);
    terminal.wait_for("Interrupted");
    assert!(!sandbox.home().join("make.ran").exists());
}

/// Each line of a Monitor is an event, which a buffer would delay until the end. Older clients have no such tool.
#[test]
fn a_monitor_prints_line_by_line_and_keeps_its_permissions() {
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let allow = ["steps", "sed", "tee", "await-file"].map(|name| format!("Bash({name}:*)"));
    let sandbox = sandbox(&json!({"allow": allow, "deny": ["Bash(ctest:*)"]}));
    sandbox.program("steps", "echo step 1; exec sleep 60");
    let monitor = |command: &str| {
        let input = json!({"description": "Steps", "timeout_ms": 60_000, "command": command});
        Turn::Tool("Monitor", input)
    };
    let api = MessagesApi::start(vec![
        monitor("ctest | sed s,step,at,"),
        monitor("steps | sed s,step,at, | tee seen"),
        Turn::bash("await-file seen"),
        Turn::Say("done".to_owned()),
    ]);
    client.run_headless_until(&sandbox, &api, &[], &[], 3);
    let results = api.tool_results();
    let refused: Vec<bool> = results.iter().map(|result| result.is_error).collect();
    assert_eq!(refused, [true, false, false], "{results:?}");
    assert!(!sandbox.home().join("ctest.ran").exists(), "{results:?}");
}
