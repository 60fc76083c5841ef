//! Checks that files from which people copy agree with the program.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use bg_run::claude::settings_places::{PLACES, Reading};
use bg_run::config::{Config, KEYS, SettingKey, ValueKind};
use bg_run::viewer::Editor;
use serde_json::{Map, Value, json};
use support::sandbox::{BG_RUN, Sandbox, read};

fn parsed(text: &str) -> Value {
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
    let example = parsed(
        include_str!("../settings.example.json")
            .replace("/absolute/path/to", "${CLAUDE_PLUGIN_ROOT}/bin")
            .as_str(),
    );
    let plugin = parsed(include_str!("../hooks/hooks.json"));
    assert_eq!(plugin["hooks"], example["hooks"]);
}

#[test]
fn all_released_files_have_the_same_version() {
    for text in [
        include_str!("../.claude-plugin/plugin.json"),
        include_str!("../skills/bg-run/.claude-plugin/plugin.json"),
        include_str!("../npm/package.json"),
        include_str!("../editors/vscode/package.json"),
    ] {
        assert_eq!(parsed(text)["version"], env!("CARGO_PKG_VERSION"), "{text}");
    }
}

/// Returns the keys of a type from its error about an unknown key.
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
fn the_schemas_have_the_program_s_keys() {
    let sandbox = Sandbox::new();
    let refused = |name: &str, text: &str| {
        let file = sandbox.write(name, text);
        let said = sandbox.bg_run(&["rules", "check", file.to_str().unwrap()]);
        String::from_utf8(said.stderr).unwrap()
    };
    let rules = parsed(include_str!("../docs/rules.schema.json"));
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
}

/// Compares a file with the program's own text. `DOCUMENTS=overwrite cargo test --test documents` rewrites the file.
#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
fn hold(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var("DOCUMENTS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(&path, text).unwrap();
    }
    let overwrite = "DOCUMENTS=overwrite cargo test --test documents";
    assert_eq!(read(&path), text, "{file} is old; `{overwrite}` renews it");
}

fn default_of(key: &SettingKey) -> Option<String> {
    key.value(&Config::default()).map(|value| value.to_string())
}

#[test]
fn the_schema_of_the_settings_is_that_of_the_table() {
    let properties = KEYS.iter().map(|key| {
        let mut property = match key.kind {
            ValueKind::Switch => json!({"type": "boolean"}),
            ValueKind::Number => json!({"type": "integer", "minimum": 0}),
            ValueKind::OneOf(words) => json!({"enum": words}),
            ValueKind::Duration => json!({"type": "string", "examples": ["45s", "10m", "2h", "30d"]}),
            ValueKind::Command => json!({"type": "array", "items": {"type": "string"}}),
            ValueKind::Commands => json!({"type": "array", "items": {"type": "array", "items": {"type": "string"}, "minItems": 1}}),
            ValueKind::Editor => json!({"anyOf": [
                {"enum": Editor::names().collect::<Vec<_>>()},
                {"type": "array", "items": {"type": "string"}, "minItems": 1}
            ]}),
        };
        property["description"] = key.description().into();
        if let Some(value) = key.value(&Config::default()) {
            property["default"] = serde_json::to_value(value).unwrap();
        }
        (key.name(), property)
    });
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of bg-run: config.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": properties.collect::<Map<_, _>>(),
    });
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    hold("docs/config.schema.json", &text);
}

#[test]
fn the_page_on_permissions_has_every_place() {
    let page = include_str!("../docs/permissions.md");
    for place in PLACES {
        let read = match place.reading {
            Reading::Certain => "yes",
            Reading::Possible => "its ask and deny rules",
            Reading::Unread => "no",
        };
        // A path, and sometimes the folders in which it is searched.
        let (path, folders) = place.name.split_once(" of ").unwrap_or((place.name, ""));
        let starts = match folders {
            "" => format!("| `{path}` |"),
            folders => format!("| `{path}` of {folders} |"),
        };
        let row = page.lines().find(|line| line.starts_with(&starts));
        let row = row.unwrap_or_else(|| panic!("{} isn't there", place.name));
        assert!(row.ends_with(&format!("| {read} |")), "{row}");
        assert!(place.since.is_none_or(|since| row.contains(since)), "{row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), PLACES.len());
}

#[test]
fn the_configuration_page_has_every_key() {
    let rows = KEYS.iter().map(|key| {
        let default =
            default_of(key).map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
        format!(
            "| `{}` | {default} | {} | {} |\n",
            key.name(),
            key.kind,
            key.description()
        )
    });
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md"));
    let (before, rest) = page.split_once("<!-- keys -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of keys -->\n").unwrap();
    let head = "| key | default | values | effect |\n| --- | --- | --- | --- |\n";
    let rows: String = rows.collect();
    let page = format!("{before}<!-- keys -->\n{head}{rows}<!-- end of keys -->\n{after}");
    hold("docs/configuration.md", &page);
}

#[test]
fn every_default_can_be_set_and_read_back() {
    let sandbox = Sandbox::new();
    let keys = KEYS
        .iter()
        .filter_map(|key| Some((key.name(), default_of(key)?)));
    for (key, default) in keys {
        let set = sandbox.bg_run(&["config", "set", &key, &default]);
        assert!(set.status.success(), "{set:?}");
        let got = sandbox.bg_run(&["config", "get", &key]);
        assert_eq!(String::from_utf8(got.stdout).unwrap().trim(), default);
    }
    let written = read(&sandbox.home().join(".config/bg-run/config.toml"));
    assert_eq!(Config::parse(&written).unwrap(), Config::default());
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

/// Returns a Monitor's command as the hook edits it.
fn monitored(sandbox: &Sandbox, command: &str) -> Value {
    let mut event = sandbox.event("PreToolUse", &json!({"command": command}));
    event["tool_name"] = "Monitor".into();
    let answer = sandbox.answer(&event, &[]);
    let mut input = answer["hookSpecificOutput"]["updatedInput"].clone();
    let command = input["command"].take();
    assert_eq!(input, json!({"command": null}), "nothing else changes");
    command
}

/// A block has `-` and `+` lines, or unchanged lines. `@@ LIST: RULE @@` gives a permission rule, `@@ Monitor @@` the
/// tool.
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
        // Few machines have conda; its help lists the options that it accepts.
        sandbox.program("conda", "echo ' --no-capture-output, --live-stream'");
        pairs += 1;
        if block.starts_with("@@ Monitor @@") {
            assert_eq!(monitored(&sandbox, &before), after, "{before}");
            continue;
        }
        if let Some(rule) = block.strip_prefix("@@ ") {
            let (rule, _) = rule.split_once(" @@").unwrap();
            let (list, rule) = rule.split_once(": ").unwrap();
            sandbox.write_settings(
                &serde_json::json!({"permissions": {list: [format!("Bash({rule})")]}}),
            );
        }
        let said = sandbox.bg_run(&["explain", "--json", "--", &before]).stdout;
        let said = parsed(std::str::from_utf8(&said).unwrap());
        assert_eq!(said["decision"], "background", "{before}");
        assert_eq!(said["command"], after, "{before}");
    }
    assert!(pairs > 15, "{pairs}");
}

/// The page on security refers to existing tests.
#[test]
fn the_security_page_names_existing_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut folders = vec![root.join("tests"), root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|kind| kind == "rs" || kind == "mjs")
            {
                sources.push_str(&read(&path));
            }
        }
    }
    let page = include_str!("../docs/security.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let (mut names, mut rows_with_proof) = (0, 0);
    for row in rows.skip(2) {
        let proof = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let proofs: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        rows_with_proof += usize::from(!proofs.is_empty());
        for name in proofs {
            let exists = if name.contains('/') {
                root.join(name).exists()
            } else {
                names += 1;
                sources.contains(&format!("fn {name}(")) || sources.contains(&format!("'{name}'"))
            };
            assert!(exists, "{name}: {row}");
        }
        assert!(proof.contains('`') || proof.contains("]("), "{row}");
    }
    assert!(
        names > 30 && rows_with_proof > 15,
        "{names}, {rows_with_proof}"
    );
}
