//! The files that people copy from say what the program does.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

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

/// The keys that a type knows, from what it says of one that it doesn't.
fn known_keys(error: &str) -> BTreeSet<String> {
    let (_, list) = error.split_once("expected").unwrap();
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn properties(schema: &Value) -> BTreeSet<String> {
    schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn the_schemas_know_what_the_program_knows() {
    let sandbox = Sandbox::new();
    let refused = |name: &str, text: &str| {
        let file = sandbox.write(name, text);
        let said = sandbox.bg_run(&["rules", "check", file.to_str().unwrap()]);
        String::from_utf8(said.stderr).unwrap()
    };
    let rules = json(include_str!("../docs/rules.schema.json"));
    assert_eq!(
        properties(&rules),
        known_keys(&refused("a.toml", "nope = 1"))
    );
    let rule = &rules["properties"]["rule"]["items"];
    assert_eq!(
        properties(rule),
        known_keys(&refused("b.toml", "[[rule]]\nname = 'a'\nnope = 1"))
    );
    let action = refused("c.toml", "[[rule]]\nname = 'a'\naction = 'nope'");
    let actions: BTreeSet<String> =
        serde_json::from_value(rule["properties"]["action"]["enum"].clone()).unwrap();
    assert_eq!(actions, known_keys(&action));

    let config = json(include_str!("../docs/config.schema.json"));
    let explain = |text: &str| {
        sandbox.write("home/.config/bg-run/config.toml", text);
        String::from_utf8(sandbox.bg_run(&["explain", "ls"]).stderr).unwrap()
    };
    assert_eq!(properties(&config), known_keys(&explain("nope = 1")));
    for key in ["headless", "subagents", "open"] {
        let values: BTreeSet<String> =
            serde_json::from_value(config["properties"][key]["enum"].clone()).unwrap();
        assert_eq!(
            values,
            known_keys(&explain(&format!("{key} = 'nope'"))),
            "{key}"
        );
    }
}

#[test]
fn the_starter_file_names_its_schema() {
    let sandbox = Sandbox::new();
    assert!(sandbox.bg_run(&["rules", "init"]).status.success());
    let folder = sandbox.home().join(".config/bg-run");
    assert!(read(&folder.join("rules.toml")).starts_with("#:schema ./rules.schema.json\n"));
    assert_eq!(
        read(&folder.join("rules.schema.json")),
        include_str!("../docs/rules.schema.json")
    );
}

/// A block with `-` and `+` lines, or lines that stay; `@@ LIST: RULE @@` gives a permission rule.
#[test]
fn the_rewriting_page_shows_what_happens() {
    let mut pairs = 0;
    for block in include_str!("../docs/rewriting.md")
        .split("```diff\n")
        .skip(1)
    {
        let (block, _) = block.split_once("```").unwrap();
        let lines = |sign: &str| -> String {
            let kept: Vec<&str> = block
                .lines()
                .filter_map(|line| line.strip_prefix(sign))
                .collect();
            kept.join("\n")
        };
        let stays = lines("  ");
        let (before, after) = match stays.as_str() {
            "" => (lines("- "), lines("+ ")),
            same => (same.to_owned(), same.to_owned()),
        };
        let sandbox = Sandbox::new();
        if let Some(rule) = block.strip_prefix("@@ ") {
            let (rule, _) = rule.split_once(" @@").unwrap();
            let (list, rule) = rule.split_once(": ").unwrap();
            sandbox.write_settings(
                &serde_json::json!({"permissions": {list: [format!("Bash({rule})")]}}),
            );
        }
        let said = sandbox.bg_run(&["explain", "--json", "--", &before]).stdout;
        let said = json(std::str::from_utf8(&said).unwrap());
        assert_eq!(said["decision"], "background", "{before}");
        assert_eq!(said["command"], after, "{before}");
        pairs += 1;
    }
    assert!(pairs > 15, "{pairs}");
}
