//! "Yes, and don't ask again" in the interactive client, for an edited call.

use serde_json::json;

use crate::support::claude::{Client, NEWEST, is_there, skip};
use crate::support::messages_api::{MessagesApi, Turn};
use crate::support::sandbox::{Sandbox, read};
use crate::support::terminal::Terminal;
use crate::{install, sandbox, user};

#[test]
fn a_rule_saved_from_the_prompt_allows_the_next_edited_call() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = sandbox(&user(json!({})));
    sandbox.program(
        "pytest",
        "echo \"unbuffered=$PYTHONUNBUFFERED\" >>\"$HOME/ran\"",
    );
    install(&sandbox);
    let first = MessagesApi::start(vec![
        Turn::bash("pytest -x"),
        Turn::Say("it ran".to_owned()),
    ]);
    let terminal = ask(&client, &sandbox, &first, "saves");
    let prompt = terminal.wait_for("Do you want to proceed?");
    // The session's environment file sets the variable, so neither the prompt nor the saved rule names it.
    assert!(
        prompt.contains("pytest -x 2>&1") && !prompt.contains("PYTHONUNBUFFERED"),
        "{prompt}"
    );
    terminal.wait_for("and don’t ask again for: pytest *");
    terminal.press_until_gone("2", "Do you want to proceed?");
    terminal.wait_for("it ran");
    drop(terminal);
    let saved = read(&sandbox.path("project/.claude/settings.local.json"));
    assert!(saved.contains("Bash(pytest *)"), "{saved}");

    // Nobody answers in this session.
    let second = MessagesApi::start(vec![
        Turn::bash("pytest -x"),
        Turn::bash("pytest -q other"),
        Turn::Say("both ran".to_owned()),
    ]);
    let terminal = ask(&client, &sandbox, &second, "saved");
    terminal.wait_for("both ran");
    crate::support::wait_until("all three ran unbuffered", || {
        (read(&sandbox.home().join("ran")) == "unbuffered=1\n".repeat(3)).then_some(())
    });
}

fn ask(client: &Client, sandbox: &Sandbox, api: &MessagesApi, name: &str) -> Terminal {
    let terminal = Terminal::start(name, &client.interactive(sandbox, api), &sandbox.project());
    terminal.wait_for("? for shortcuts");
    terminal.submit("run the tests", || !api.requests().is_empty());
    terminal
}
