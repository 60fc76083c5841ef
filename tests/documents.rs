//! The files that people copy from say what the program does.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::Value;
use support::sandbox::{BG_RUN, Sandbox, read};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_example_settings_are_what_install_writes() {
    let sandbox = Sandbox::new();
    assert!(sandbox.bg_run(&["install"]).status.success());
    let written = read(&sandbox.home().join(".claude/settings.json"));
    let program = std::fs::canonicalize(BG_RUN).unwrap().display().to_string();
    assert_eq!(
        written.replace(&program, "/absolute/path/to/bg-run"),
        include_str!("../settings.example.json")
    );
}

#[test]
fn the_plugin_registers_the_same_hooks() {
    let example = json(
        include_str!("../settings.example.json")
            .replace("/absolute/path/to", "${CLAUDE_PLUGIN_ROOT}/bin")
            .as_str(),
    );
    assert_eq!(
        json(include_str!("../hooks/hooks.json"))["hooks"],
        example["hooks"]
    );
}

#[test]
fn the_readme_shows_what_explain_says() {
    let sandbox = Sandbox::new();
    let readme = include_str!("../README.md");
    let (_, example) = readme.split_once("```console\n$ bg-run explain '").unwrap();
    let (command, rest) = example.split_once("'\n").unwrap();
    let (expected, _) = rest.split_once("```").unwrap();
    let said = sandbox.bg_run(&["explain", command]).stdout;
    assert_eq!(String::from_utf8(said).unwrap(), expected);
}
