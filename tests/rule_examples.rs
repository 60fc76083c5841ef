//! Examples of the rule that matches a command: `tests/corpus/rule_examples.jsonl`. They don't concern durations.

use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, Outcome, decide};
use bg_run::rules::Rules;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    command: String,
    /// Subject of the example.
    kind: String,
    /// Name of the rule that moves the command; `None` if it stays.
    rule: Option<String>,
}

#[test]
fn each_command_is_moved_by_its_rule() {
    let rules = Rules::built_in();
    let context = Context::ordinary(&PermissionRules::default);
    let mut wrong = Vec::new();
    for line in include_str!("corpus/rule_examples.jsonl").lines() {
        let example: Example = serde_json::from_str(line).unwrap();
        let call = Call {
            command: &example.command,
            ..Call::default()
        };
        let decision = decide(call, &rules, &context);
        let is_moved = decision.outcome == Outcome::Background;
        let rule = decision.rule.filter(|_| is_moved);
        if rule != example.rule {
            wrong.push(
                serde_json::json!({"command": example.command, "kind": example.kind, "rule": rule})
                    .to_string(),
            );
        }
    }
    assert!(wrong.is_empty(), "decided otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn a_reason_fits_every_command_of_its_rule() {
    let rules = Rules::built_in();
    let context = Context::ordinary(&PermissionRules::default);
    for (command, reason) in [
        (
            "pre-commit run --all-files",
            "installs packages or tools, or runs all pre-commit hooks",
        ),
        ("just test", "a build, test, benchmark or install"),
        ("task test", "a build, test or check"),
        (
            "bazel test //...",
            "a build, test or install, or a make target",
        ),
        (
            "pyinstaller app.py",
            "a benchmark, a load test, an analysis or a packaging",
        ),
        ("playwright install", "tests or audits, or what they need"),
        ("adb logcat", "follows something until it is stopped"),
        ("maturin build", "a build, test, benchmark or install"),
        ("manage.py runserver", "a server, a worker or a watcher"),
        (
            "npm ci",
            "installs or runs a script of a JavaScript project",
        ),
        ("http-server", "a server, a worker or a watcher"),
        (
            "ollama run x",
            "training or use of a model, or a simulation",
        ),
        ("aws ecs wait x", "waits until something else has ended"),
        ("./run_tests.sh", "a long run, by the name of the script"),
        (
            "git bisect run ./t",
            "moves, checks or works through much data",
        ),
        ("bundle install", "Ruby tests, tasks, builds or installs"),
    ] {
        let call = Call {
            command,
            ..Call::default()
        };
        let decision = decide(call, &rules, &context);
        let told = decision.reason.ends_with(&format!("({reason})"));
        assert!(told, "{command}: {}", decision.reason);
    }
    let call = Call {
        command: "adb logcat -d",
        ..Call::default()
    };
    let printed = decide(call, &rules, &context);
    assert_eq!(printed.outcome, Outcome::Pass, "{}", printed.reason);
}

/// Rules of watchers that also match commands that end.
const MAY_END: &[&str] = &["watched-runs", "polling"];

/// A session would wait for it, and the model would be told that it ends.
#[test]
fn the_rule_of_a_server_says_that_it_never_ends() {
    let rules: toml::Table = include_str!("../src/rules/default_rules.toml")
        .parse()
        .unwrap();
    let rules = rules["rule"].as_array().unwrap();
    let is_endless = |name: &str| {
        let mut rules = rules.iter();
        let rule = rules
            .find(|rule| rule["name"].as_str() == Some(name))
            .unwrap();
        rule.get("endless").is_some()
    };
    for line in include_str!("corpus/rule_examples.jsonl").lines() {
        let example: Example = serde_json::from_str(line).unwrap();
        let Some(rule) = example
            .rule
            .filter(|rule| !MAY_END.contains(&rule.as_str()))
        else {
            continue;
        };
        let is_server = ["servers", "watchers"].contains(&example.kind.as_str());
        assert!(!is_server || is_endless(&rule), "{}", example.command);
    }
}
