//! The user's permission outcome (runs, asks, denied) with the real client, with and without bg-run.

#![expect(clippy::unwrap_used, reason = "a test")]

mod command_line;
mod generated;
mod generated_places;
mod places;
mod prompt;
mod read;
mod real_rules;
#[path = "../support/mod.rs"]
mod support;

use bg_run::claude::permissions::PermissionRules;
use serde::Deserialize;
use serde_json::{Value, json};
use support::claude::{Client, VERSIONS};
use support::messages_api::{MessagesApi, ToolResult, Turn};
use support::sandbox::{Sandbox, read};

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Runs,
    /// In a headless session, nobody answers the question, so the call is refused.
    Asks,
    Denied,
}

/// Programs that the commands name and the machine may lack. They all do nothing.
const PROGRAMS: &[&str] = &[
    "cargo", "conda", "docker", "jest", "make", "npm", "npx", "pnpm", "pytest", "python",
    "python3", "sudo", "uv", "vite",
];

const COMMANDS: &[&str] = &[
    "pytest -x",
    "pytest -x tests/test_a.py",
    "python -m pytest -q",
    "python train.py",
    "npm run build",
    "npm run build -- --prod",
    "uv run pytest",
    "make -j4 all",
    "docker exec c python x.py",
    "FOO=1 pytest -x",
    "timeout 300 pytest -x",
    "time pytest -x",
    "cd sub && pytest -x",
    "cd sub && npm run build",
    "npm test && pytest -x",
    "pytest -x; npm test",
    "(cd sub && pytest -x)",
    "for i in 1 2; do pytest -x; done",
    "pytest -x # note",
    "pytest -x <<'E'\nx\nE",
    "cd sub && pytest -x <<'E'\nx\nE",
    "pytest -x <<< x",
    "pytest -x < x",
    "pytest -x > log 2>&1",
    "pytest -x | grep ERR",
    "pytest -x | tail -20",
    "pytest -x 2>&1 | tail -5",
    "pytest -x | sed s/a/b/",
    "pytest -x | cut -c1-80",
    "npm test | tee log",
];

/// Number of leading entries in [`COMMANDS`] that are one simple command without assignments and wrappers.
const SIMPLE: usize = 6;

/// Rules by settings file.
struct Rules {
    user: Value,
    project: Value,
    local: Value,
}

fn user(rules: Value) -> Rules {
    Rules {
        user: rules,
        project: json!({}),
        local: json!({}),
    }
}

fn bash(rules: &[&str]) -> Vec<String> {
    rules.iter().map(|rule| format!("Bash({rule})")).collect()
}

fn table() -> Vec<Rules> {
    let prefixes = ["pytest:*", "npm run build:*", "python:*", "make:*", "cd:*"];
    let words = [
        "pytest *",
        "npm *",
        "python -m pytest *",
        "uv run *",
        "timeout *",
        "sed *",
        "cut *",
        "grep ERR",
    ];
    let exact = [
        "pytest -x",
        "npm run build",
        "python train.py",
        "cd sub && pytest -x",
        "npm test && pytest -x",
        "pytest -x; npm test",
        "pytest -x | tail -20",
        "for i in 1 2; do pytest -x; done",
        "FOO=1 pytest -x",
        "pytest -x <<'E'\nx\nE",
        "python -m pytest -q",
    ];
    let patterns = [
        "*pytest*",
        "npm*",
        "python * -q",
        "make -j*",
        "* --prod",
        "*-x",
        "*2>&1*",
        "PYTHONUNBUFFERED=1 npm:*",
        "*=1 docker*",
        "python -u *",
        "npm run build 2>&1",
    ];
    let denied = [
        "pytest -x",
        "cd sub && npm run build",
        "npm test:*",
        "grep:*",
        "sed -u:*",
        "stdbuf:*",
        "PYTHONUNBUFFERED=1 python *",
        "tail:*",
    ];
    let asked = [
        "pytest *",
        "npm run build",
        "cd sub && *",
        "*2>&1",
        "*=1 make*",
        "cut:*",
        "python -u *",
        "docker exec c python -u:*",
    ];
    let whole = [
        "cd sub && pytest -x",
        "pytest -x | grep ERR",
        "pytest -x | sed s/a/b/",
        "npm test && pytest -x",
        "pytest -x | tail -20",
        "pytest -x 2>&1 | tail -5",
    ];
    vec![
        user(json!({})),
        user(json!({"allow": bash(&prefixes)})),
        user(json!({"allow": bash(&words)})),
        user(json!({"allow": bash(&exact)})),
        user(json!({"allow": bash(&patterns)})),
        user(json!({"allow": ["Bash(*)"], "deny": bash(&denied)})),
        user(json!({"allow": ["Bash"], "ask": bash(&asked)})),
        user(
            json!({"allow": bash(&["pytest:*", "npm:*", "cd:*", "sed:*"]), "deny": bash(&whole), "ask": bash(&["uv run pytest", "FOO=1 pytest *"])}),
        ),
        Rules {
            user: json!({"allow": bash(&["pytest:*", "python:*"]), "defaultMode": "acceptEdits"}),
            project: json!({"allow": bash(&["npm:*", "make -j4:*"]), "ask": bash(&["python -u:*"])}),
            local: json!({"allow": bash(&["uv run:*"]), "deny": bash(&["PYTHONUNBUFFERED=1 make *", "cd sub && npm *"])}),
        },
    ]
}

fn fate(result: &ToolResult) -> Fate {
    if !result.is_error || result.text.starts_with("Exit code") {
        Fate::Runs
    } else if result.text.contains("has been denied") {
        Fate::Denied
    } else {
        Fate::Asks
    }
}

/// Returns a sandbox with the programs, a project with folders, and these rules.
fn sandbox(rules: &Rules) -> Sandbox {
    let sandbox = Sandbox::new();
    for program in PROGRAMS {
        sandbox.program(program, "exit 0");
    }
    for file in ["x", "sub/x", "app/x"] {
        sandbox.write(&format!("project/{file}"), "");
    }
    sandbox.write_settings(&json!({"permissions": rules.user}));
    for (name, rules) in [
        ("settings", &rules.project),
        ("settings.local", &rules.local),
    ] {
        let text = json!({"permissions": rules}).to_string();
        sandbox.write(&format!("project/.claude/{name}.json"), &text);
    }
    sandbox
}

/// Runs the commands in one headless session with these rules and client arguments.
fn fates(
    client: &Client,
    rules: &Rules,
    commands: &[&str],
    arguments: &[&str],
    with_bg_run: bool,
) -> Vec<Fate> {
    let sandbox = sandbox(rules);
    if with_bg_run {
        install(&sandbox);
    }
    let turns = commands.iter().map(|command| Turn::bash(command));
    let api = MessagesApi::start(turns.chain([Turn::Say("done".to_owned())]).collect());
    client.run_headless_until(
        &sandbox,
        &api,
        arguments,
        &[("BG_RUN_HEADLESS", "background")],
        commands.len(),
    );
    let results = api.tool_results();
    assert_eq!(results.len(), commands.len(), "{results:?}");
    if with_bg_run {
        let moved = results
            .iter()
            .filter(|result| result.text.contains("running in background"));
        let runs = results
            .iter()
            .filter(|result| fate(result) == Fate::Runs)
            .count();
        assert!(
            moved.count() * 2 >= runs,
            "bg-run did nothing: {results:?} {}",
            sandbox.log()
        );
    }
    results.iter().map(fate).collect()
}

/// Compares bg-run's reading of the rules with the client's decisions: it never misses a rule, and a surely allowed
/// command runs.
fn compare_readings(version: &str, rules: &Rules, fates: &[Fate]) -> usize {
    let mut ours = PermissionRules::default();
    for layer in [&rules.user, &rules.project, &rules.local] {
        ours.add_settings(&json!({"permissions": layer}));
    }
    let lists = |list: &str| {
        [&rules.user, &rules.project, &rules.local]
            .iter()
            .any(|layer| !layer[list].is_null())
    };
    let mut compared = 0;
    for (command, fate) in COMMANDS.iter().zip(fates).take(SIMPLE) {
        let everything =
            rules.user["allow"].to_string().contains("Bash(*)") || rules.user["allow"][0] == "Bash";
        let seen = everything || ours.comparison().has_specific_match(command);
        assert!(
            seen || *fate == Fate::Asks,
            "{version}: no rule of ours, but {fate:?}: {command} {}",
            rules.user
        );
        if !lists("ask") && !lists("deny") && ours.comparison().surely_allow(command) {
            assert_eq!(*fate, Fate::Runs, "{version}: {command} {}", rules.user);
        }
        compared += 1;
    }
    compared
}

/// Registers the hooks as for a client whose settings leave Python buffered, so that all edits are made. The history
/// is off, so that quick calls keep going to the background.
fn install(sandbox: &Sandbox) {
    assert!(sandbox.bg_run(&["install", "--no-limit"]).status.success());
    let path = sandbox.home().join(".claude/settings.json");
    let mut settings: Value = serde_json::from_str(&read(&path)).unwrap();
    settings.as_object_mut().unwrap().remove("env").unwrap();
    sandbox.write_settings(&settings);
    sandbox.write("home/.config/bg-run/config.toml", "history = false\n");
}

#[test]
fn the_outcome_is_the_same_with_and_without_bg_run() {
    let (mut pairs, mut readings, mut differences) = (0, 0, Vec::new());
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        for rules in table() {
            let (ours, plain) = std::thread::scope(|scope| {
                let plain = scope.spawn(|| fates(&client, &rules, COMMANDS, &[], false));
                (
                    fates(&client, &rules, COMMANDS, &[], true),
                    plain.join().unwrap(),
                )
            });
            for (command, (plain, ours)) in COMMANDS.iter().zip(plain.iter().zip(&ours)) {
                pairs += 1;
                if plain != ours {
                    let layers = [&rules.user, &rules.project, &rules.local].map(Value::to_string);
                    differences.push(format!(
                        "{version}: {plain:?} became {ours:?}: {command:?} with {layers:?}"
                    ));
                }
            }
            readings += compare_readings(version, &rules, &plain);
        }
    }
    println!(
        "permissions: {pairs} pairs of a command and rules, {} differences; {readings} readings of rules compared",
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
