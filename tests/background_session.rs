//! `claude --bg`: a session without a terminal, to which a user can attach at any time.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::claude::{Client, is_there, skip, trust};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{Sandbox, read};
use support::terminal::Terminal;
use support::wait_until;

/// The first version with such sessions that tells its hooks when nobody watches.
const VERSION: &str = "2.1.332";

/// A session of `claude --bg` that ends with the test.
struct Session<'a> {
    client: &'a Client,
    sandbox: &'a Sandbox,
    api: &'a MessagesApi,
    id: String,
}

impl<'a> Session<'a> {
    fn start(client: &'a Client, sandbox: &'a Sandbox, api: &'a MessagesApi) -> Self {
        let output = client.run(sandbox, api, &["--bg", "go"]);
        let said = String::from_utf8(output.stdout).unwrap();
        let id = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("claude attach "));
        let id = id.and_then(|rest| rest.split_whitespace().next());
        Self {
            client,
            sandbox,
            api,
            id: id.unwrap().to_owned(),
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        for arguments in [&["stop", &self.id][..], &["daemon", "stop", "--any"]] {
            self.client.run(self.sandbox, self.api, arguments);
        }
    }
}

fn tasks(sandbox: &Sandbox) -> Vec<Value> {
    let output = sandbox.bg_run(&["tasks", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_call_in_a_background_session_is_moved_opened_and_reported() {
    let Some(client) = Client::find(VERSION) else {
        return;
    };
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let sandbox = Sandbox::new();
    let editor = sandbox.fake_editor();
    let go = sandbox.path("go");
    // It runs for a minute at most, so a failing test leaves nothing behind.
    let job = format!(
        "echo first; i=0; until [ -e {} ] || [ $i -gt 300 ]; do sleep 0.2; i=$((i+1)); done; echo last",
        go.display()
    );
    sandbox.program("pytest", &job);
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash(pytest:*)"]}}));
    let output = sandbox.bg_run(&["install"]);
    assert!(output.status.success(), "{output:?}");
    trust(&sandbox.home(), &sandbox.project());
    let turns = vec![
        Turn::bash("pytest"),
        Turn::Say("done for now".to_owned()),
        Turn::Retell,
    ];
    let api = MessagesApi::start(turns);
    let session = Session::start(&client, &sandbox, &api);
    let task = wait_until("the task", || tasks(&sandbox).pop());
    assert_eq!(task["state"], "running", "{task}");
    let id = task["id"].as_str().unwrap();
    let output = format!("{id}.output");
    wait_until("the editor is told", || {
        read(&editor).contains(&output).then_some(())
    });
    let words = client.in_terminal(&sandbox, &api, &["attach", &session.id]);
    let terminal = Terminal::start("attach", &words, &sandbox.project());
    terminal.wait_for("bg-run: \"pytest\" in background, open in VS Code");
    fs::write(&go, "").unwrap();
    terminal.wait_for("bg-run: \"pytest\" done after");
    let told = format!("bg-run: task {id} is done after");
    wait_until("the model is told", || {
        api.model_was_told().contains(&told).then_some(())
    });
    assert_eq!(tasks(&sandbox)[0]["state"], "done");
}
