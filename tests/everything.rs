//! One `install` sets everything up, and `uninstall` restores the home folder.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::process::Output;

use serde_json::{Value, json};
use support::sandbox::{BG_RUN, Sandbox, read, tree};

const SETTINGS: &str = "home/.claude/settings.json";

/// A machine with Claude Code and VS Code, which was started once. The state is in its default place in the home
/// folder.
struct Machine(Sandbox);

impl Machine {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.program("claude", "echo '2.1.332 (Claude Code)'");
        sandbox.editor_with_extensions();
        let project = sandbox.project().display().to_string();
        let trusted = json!({"projects": {project: {"hasTrustDialogAccepted": true}}});
        sandbox.write("home/.claude.json", &trusted.to_string());
        fs::create_dir_all(sandbox.path("home/.config/Code/User")).unwrap();
        fs::remove_dir(sandbox.path("home/.claude")).unwrap();
        Self(sandbox)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.0.command(BG_RUN);
        command.args(arguments).env_remove("BG_RUN_STATE_DIR");
        command.output().unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the names of the doctor's passed checks, and the other checks as JSON.
    fn doctor(&self) -> (Vec<String>, Vec<Value>) {
        let report: Value = serde_json::from_str(&self.says(&["doctor", "--json"])).unwrap();
        let checks = report["checks"].as_array().unwrap().iter().cloned();
        let (well, others): (Vec<Value>, Vec<Value>) =
            checks.partition(|check| check["state"] == "ok");
        let names = well
            .iter()
            .map(|check| check["name"].as_str().unwrap().to_owned());
        (names.collect(), others)
    }
}

#[test]
fn an_empty_machine_gets_everything_and_loses_it_again() {
    let machine = Machine::new();
    let home = tree(&machine.0.home());
    assert!(
        !machine
            .says(&["install", "--status-line", "--dry-run"])
            .is_empty()
    );
    assert_eq!(tree(&machine.0.home()), home, "a dry run");
    let said = machine.says(&["install", "--status-line"]);
    for part in [
        "The hooks are registered in",
        "after 30 s",
        "Task outputs are read-only",
        "The extension is installed in VS Code",
        "The skill and the view",
        "no background task when memory is short",
        "Claude Code's status line shows the running task",
    ] {
        assert_eq!(
            said.lines().filter(|line| line.contains(part)).count(),
            1,
            "{part}: {said}"
        );
    }
    let (well, others) = machine.doctor();
    assert!(others.is_empty(), "{others:?}");
    for name in [
        "hooks",
        "limit",
        "python",
        "memory",
        "view",
        "status-line",
        "editor",
        "editor-settings",
        "editor-extension",
    ] {
        assert!(well.iter().any(|check| check == name), "{name}: {well:?}");
    }
    machine.says(&["install", "--status-line"]);
    machine.says(&["uninstall"]);
    assert_eq!(tree(&machine.0.home()), home);
}

#[test]
fn earlier_files_are_restored_to_the_byte() {
    let machine = Machine::new();
    machine.0.write(
        SETTINGS,
        "{ \"env\":{\"A\" : \"1\"},\n\t\"model\": \"opus\"}",
    );
    machine.0.write(
        "home/.config/Code/User/settings.json",
        "{\r\n  // mine\r\n  \"a\": 1,\r\n}",
    );
    machine
        .0
        .write("home/.claude/skills/other/SKILL.md", "theirs");
    let home = tree(&machine.0.home());
    for words in [
        &["install", "--status-line"][..],
        &["install"],
        &["install", "--no-limit"],
    ] {
        machine.says(words);
    }
    machine.says(&["uninstall"]);
    assert_eq!(tree(&machine.0.home()), home);
}

#[test]
fn a_status_line_is_set_if_there_is_none() {
    let machine = Machine::new();
    let line = || {
        let settings: Value = serde_json::from_str(&read(&machine.0.path(SETTINGS))).unwrap();
        settings["statusLine"].clone()
    };
    machine.says(&["install"]);
    assert_eq!(line(), Value::Null);
    machine.says(&["install", "--status-line"]);
    let ours = line();
    let command = ours["command"].as_str().unwrap();
    assert!(command.ends_with("/bg-run statusline"), "{ours}");
    // The exact command works in a shell.
    let shell = machine
        .0
        .command("sh")
        .args(["-c", command])
        .output()
        .unwrap();
    assert!(
        shell.status.success() && shell.stdout.is_empty(),
        "{shell:?}"
    );
    // It survives the next installation, and is removed alone if the user has changed the file.
    machine.says(&["install"]);
    assert_eq!(line(), ours);
    let changed = read(&machine.0.path(SETTINGS)).replacen('{', "{\n  \"model\": \"opus\",", 1);
    machine.0.write(SETTINGS, &changed);
    machine.says(&["uninstall"]);
    let left: Value = serde_json::from_str(&read(&machine.0.path(SETTINGS))).unwrap();
    assert_eq!(left, json!({"model": "opus"}));
}

#[test]
fn a_status_line_of_the_user_stays() {
    let machine = Machine::new();
    let own = json!({"statusLine": {"type": "command", "command": "~/line.sh"}}).to_string();
    machine.0.write(SETTINGS, &own);
    let said = machine.says(&["install", "--status-line"]);
    assert!(
        said.contains("`statusLine` is already set; left unchanged"),
        "{said}"
    );
    assert!(read(&machine.0.path(SETTINGS)).contains("~/line.sh"));
    machine.says(&["uninstall"]);
    assert_eq!(read(&machine.0.path(SETTINGS)), own);

    // After a change it belongs to the user.
    machine.0.write(SETTINGS, "{}");
    machine.says(&["install", "--status-line"]);
    let changed =
        read(&machine.0.path(SETTINGS)).replace(" statusline\"", " statusline | cut -c1-80\"");
    machine.0.write(SETTINGS, &changed);
    machine.says(&["install"]);
    machine.says(&["uninstall"]);
    assert!(read(&machine.0.path(SETTINGS)).contains("cut -c1-80"));
}
