//! `SessionStart`: the session's environment file, with and without the real client.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::claude::Client;
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{Sandbox, read};

const LINE: &str = "export PYTHONUNBUFFERED=1\n";

/// Starts a session with this environment file, and returns the file's text.
fn started(sandbox: &Sandbox, file: &str, variables: &[(&str, &str)]) -> String {
    let path = sandbox.path(file);
    let file = path.display().to_string();
    let mut all = vec![("CLAUDE_ENV_FILE", file.as_str())];
    all.extend(variables);
    let answer = sandbox.answer(&sandbox.event("SessionStart", &json!({})), &all);
    assert_eq!(answer, Value::Null);
    read(&path)
}

fn command(sandbox: &Sandbox) -> String {
    let event = sandbox.event("PreToolUse", &json!({"command": "pytest -x"}));
    let answer = sandbox.answer(&event, &[]);
    let updated = &answer["hookSpecificOutput"]["updatedInput"];
    updated["command"].as_str().unwrap().to_owned()
}

#[test]
fn the_session_s_file_replaces_the_prefix() {
    const PREFIXED: &str = "PYTHONUNBUFFERED=1 pytest -x 2>&1";
    let sandbox = Sandbox::new();
    assert_eq!(command(&sandbox), PREFIXED);
    let file = sandbox.write("env.sh", "export A=1");
    for _ in 0..2 {
        let text = started(&sandbox, "env.sh", &[]);
        assert_eq!(text, format!("export A=1\n{LINE}"));
    }
    assert_eq!(command(&sandbox), "pytest -x 2>&1");
    let event = sandbox.event("PreToolUse", &json!({}));
    let explained = sandbox
        .command(support::sandbox::BG_RUN)
        .args(["explain", "pytest -x"])
        .env(
            "CLAUDE_CODE_SESSION_ID",
            event["session_id"].as_str().unwrap(),
        )
        .output()
        .unwrap();
    let said = String::from_utf8(explained.stdout).unwrap();
    assert!(said.contains("in the session's environment file"), "{said}");
    std::fs::write(&file, "").unwrap();
    assert_eq!(command(&sandbox), PREFIXED);
}

#[test]
fn the_user_s_value_stays() {
    for (text, variables) in [
        ("", &[("PYTHONUNBUFFERED", "1")][..]),
        ("", &[("PYTHONUNBUFFERED", "")]),
        ("", &[("BG_RUN", "off")]),
        ("", &[("BG_RUN_DRY_RUN", "1")]),
        ("export PYTHONUNBUFFERED=0\n", &[]),
        ("unset PYTHONUNBUFFERED\n", &[]),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("env.sh", text);
        assert_eq!(
            started(&sandbox, "env.sh", variables),
            text,
            "{variables:?}"
        );
        assert!(command(&sandbox).starts_with("PYTHONUNBUFFERED=1 "));
    }
}

#[test]
fn an_unusual_environment_file_is_left_alone() {
    let sandbox = Sandbox::new();
    assert_eq!(started(&sandbox, "missing/env.sh", &[]), "");
    assert!(sandbox.log().contains("SessionStart"), "{}", sandbox.log());
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    assert_eq!(started(&sandbox, "folder", &[]), "");
    let answer = sandbox.answer(&sandbox.event("SessionStart", &json!({})), &[]);
    assert_eq!(answer, Value::Null);
}

/// The hooks are registered like a plugin's, without the settings' `env`.
#[test]
fn the_client_s_commands_are_unbuffered_without_a_prefix() {
    for version in ["2.1.200", "2.1.260", "2.1.332"] {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = Sandbox::new();
        sandbox.program(
            "pytest",
            "echo \"unbuffered=$PYTHONUNBUFFERED\" >>\"$HOME/ran\"",
        );
        assert!(sandbox.bg_run(&["install", "--no-limit"]).status.success());
        let path = sandbox.home().join(".claude/settings.json");
        let mut settings: Value = serde_json::from_str(&read(&path)).unwrap();
        settings.as_object_mut().unwrap().remove("env").unwrap();
        settings["permissions"] =
            json!({"allow": ["Bash(pytest:*)"], "deny": ["Bash(PYTHONUNBUFFERED=*)"]});
        sandbox.write_settings(&settings);
        sandbox.config("history = false\n");
        let api = MessagesApi::start(vec![
            Turn::bash("pytest -x"),
            Turn::bash("BG_RUN=off pytest -q"),
            Turn::Say("done".to_owned()),
        ]);
        client.run_headless_until(&sandbox, &api, &[], &[("BG_RUN_HEADLESS", "background")], 2);
        let results = api.tool_results();
        assert!(
            results[0].text.contains("running in background"),
            "{version}: {results:?}"
        );
        let ran = sandbox.home().join("ran");
        support::wait_until("both calls ran unbuffered", || {
            (read(&ran) == "unbuffered=1\n".repeat(2)).then_some(())
        });
    }
}

#[test]
fn the_real_client_shows_tasks_of_an_earlier_session() {
    if !support::claude::is_there("tmux") {
        return support::claude::skip("tmux isn't installed");
    }
    let Some(client) = Client::find(support::claude::NEWEST) else {
        return;
    };
    let sandbox = Sandbox::new();
    assert!(sandbox.bg_run(&["install", "--no-view"]).status.success());
    let mut event = sandbox.event(
        "PostToolUse",
        &json!({"command": "./train", "description": "Train the model", "run_in_background": true}),
    );
    event["session_id"] = "earlier".into();
    event["tool_response"] = json!({"backgroundTaskId": "b33k0q1x9"});
    sandbox.answer(&event, &[]);
    let path = sandbox.state().join("tasks/b33k0q1x9.json");
    let mut record: Value = serde_json::from_str(&read(&path)).unwrap();
    // No process has this number, so its client has gone.
    record["client"] = json!({"id": 4_000_000_000_u32, "started": 1});
    std::fs::write(&path, record.to_string()).unwrap();
    let api = MessagesApi::start(vec![Turn::Say("I see.".to_owned())]);
    let words = client.interactive(&sandbox, &api);
    let name = "left-over";
    let terminal = support::terminal::Terminal::start(name, &words, &sandbox.project());
    let screen = terminal.wait_for("bg-run: from earlier: \"Train the model\" ended");
    println!("{screen}");
    terminal.submit("go on", || !api.requests().is_empty());
    terminal.wait_for("I see.");
    let told = api.model_was_told();
    assert!(
        told.contains("of earlier sessions of this project have ended"),
        "{told}"
    );
    assert!(told.contains("| task: Train the model"), "{told}");
}
