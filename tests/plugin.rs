//! The plugin and its skill with the real client: valid, installable from a marketplace on disk, and working.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use support::claude::{Client, NEWEST};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{BG_RUN, Sandbox, read};

fn plugin(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path("plugin");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/plugin");
    let made = Command::new(script)
        .arg(&folder)
        .arg(BG_RUN)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    folder
}

/// Returns a sandbox in which `pytest` and `await-file` may run, and in which the client has the plugin.
fn installed(client: &Client) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program(
        "pytest",
        "echo \"unbuffered=$PYTHONUNBUFFERED\" >\"$HOME/pytest.ran\"; exec sleep 1",
    );
    sandbox.program("await-file", "i=0; while [ ! -s \"$1\" ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done; [ -s \"$1\" ]");
    sandbox.write_settings(
        &json!({"permissions": {"allow": ["Bash(pytest:*)", "Bash(await-file:*)", "Skill"]}}),
    );
    let api = MessagesApi::start(Vec::new());
    let folder = plugin(&sandbox).display().to_string();
    for arguments in [
        &["plugin", "marketplace", "add", &folder][..],
        &["plugin", "install", "bg-run@bg-run"],
    ] {
        let output = client.run(&sandbox, &api, arguments);
        assert!(output.status.success(), "{output:?}");
    }
    sandbox
}

#[test]
fn the_plugin_is_valid() {
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = Sandbox::new();
    let api = MessagesApi::start(Vec::new());
    let folder = plugin(&sandbox).display().to_string();
    for checks in [&["--strict"][..], &["--profile", "directory"]] {
        for place in [folder.as_str(), env!("CARGO_MANIFEST_DIR")] {
            let arguments = [&["plugin", "validate", place][..], checks].concat();
            let output = client.run(&sandbox, &api, &arguments);
            assert!(output.status.success(), "{output:?}");
        }
    }
}

#[test]
fn the_plugin_works_alone_and_reports_once_beside_settings() {
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = installed(&client);
    for also_registered in [false, true] {
        if also_registered {
            assert!(sandbox.bg_run(&["install"]).status.success());
        }
        let said = sandbox.fake_editor();
        let _ = std::fs::remove_file(&said);
        // The scripted ids are the same in both rounds.
        let _ = std::fs::remove_dir_all(sandbox.state().join("calls"));
        let api = MessagesApi::start(vec![
            Turn::bash("pytest -x"),
            Turn::bash(&format!("await-file {}", said.display())),
            Turn::bash(&format!(
                "await-file {}",
                sandbox.home().join("pytest.ran").display()
            )),
            Turn::Say("done".to_owned()),
        ]);
        // By now the suite is known to be quick.
        let _ = std::fs::remove_dir_all(sandbox.state().join("history"));
        let output = client.run_headless(&sandbox, &api, &[("BG_RUN_HEADLESS", "background")]);
        let results = api.tool_results();
        let shown = format!(
            "{also_registered}: {results:?} {output:?} log: {}",
            sandbox.log()
        );
        assert!(
            results.iter().all(|result| !result.is_error) && results.len() == 3,
            "{shown}"
        );
        assert!(results[0].text.contains("running in background"), "{shown}");
        assert_eq!(
            read(&sandbox.home().join("pytest.ran")).trim(),
            "unbuffered=1",
            "{shown}"
        );
        assert_eq!(
            read(&said).lines().count(),
            3,
            "code was called more than once: {shown}"
        );
        let last = api.requests().last().unwrap()["messages"].to_string();
        assert_eq!(last.matches("bg-run moved this call").count(), 1, "{shown}");
        assert_eq!(last.matches("do not poll").count(), 1, "{shown}");
        std::fs::remove_file(sandbox.home().join("pytest.ran")).unwrap();
    }
}

#[test]
fn the_skill_is_listed_and_its_instructions_work() {
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = installed(&client);
    let said = sandbox.fake_editor();
    sandbox.program("odd-script", "echo \"$*\" >\"$HOME/odd.ran\"; exec sleep 1");
    sandbox.write_settings(&json!({
        "permissions": {"allow": ["Bash(odd-script:*)", "Bash(await-file:*)", "Skill"]},
        "enabledPlugins": {"bg-run@bg-run": true},
        "extraKnownMarketplaces": {"bg-run": {"source": {"source": "directory", "path": sandbox.path("plugin")}}},
    }));
    let api = MessagesApi::start(vec![
        Turn::Tool(
            "Skill",
            json!({"skill": "bg-run:bg-run", "args": "train for 10 epochs"}),
        ),
        Turn::bash("BG_RUN=on odd-script --epochs 10"),
        Turn::bash(&format!("await-file {}", said.display())),
        Turn::Say("done".to_owned()),
    ]);
    let output = client.run_headless(&sandbox, &api, &[("BG_RUN_HEADLESS", "background")]);
    let results = api.tool_results();
    let shown = format!("{results:?} {output:?} log: {}", sandbox.log());
    let first = api.requests().first().unwrap().to_string();
    assert!(
        first.contains("bg-run:bg-run"),
        "the skill isn't listed: {shown}"
    );
    assert!(
        api.model_was_told()
            .contains("BG_RUN=on python train.py --epochs 10"),
        "its text doesn't reach the model: {shown}"
    );
    assert!(results[1].text.contains("running in background"), "{shown}");
    assert!(!read(&said).is_empty(), "{shown}");
    assert_eq!(
        read(&sandbox.home().join("odd.ran")).trim(),
        "--epochs 10",
        "{shown}"
    );
}
