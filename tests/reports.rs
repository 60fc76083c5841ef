//! Problems that people reported for similar tools, each as a call with its expected result:
//! `tests/corpus/reports.jsonl`.

mod support;

use serde::Deserialize;
use serde_json::{Map, Value};
use support::sandbox::Sandbox;

#[derive(Deserialize)]
struct Report {
    kind: String,
    tool_input: Map<String, Value>,
    outcome: String,
    /// The edited command; if missing, only the outcome counts.
    command: Option<String>,
}

#[test]
fn reported_calls_have_their_expected_results() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for line in include_str!("corpus/reports.jsonl").lines() {
        let report: Report = serde_json::from_str(line).unwrap();
        let given = report.tool_input["command"].as_str().unwrap().to_owned();
        let was_asked = report.tool_input.contains_key("run_in_background");
        let event = sandbox.event("PreToolUse", &Value::Object(report.tool_input));
        let answer = sandbox.answer(&event, &[]);
        let updated = &answer["hookSpecificOutput"]["updatedInput"];
        let moved = was_asked || updated["run_in_background"] == true;
        let outcome = if moved { "background" } else { "pass" };
        let command = updated["command"].as_str().unwrap_or(&given);
        let is_expected = report
            .command
            .as_deref()
            .is_none_or(|expected| expected == command);
        if outcome != report.outcome || !is_expected {
            wrong.push(format!(
                "{}: {given:?} became {outcome} {command:?}",
                report.kind
            ));
        }
        // A redirection right before a comment makes the client ask.
        assert!(!command.contains("2>&1 #"), "{command}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_moved_cd_is_mentioned_if_the_client_does_not() {
    let sandbox = Sandbox::new();
    for (command, variables, told) in [
        ("cd sub && npm test", &[][..], true),
        ("cd sub && npm test", &[("CLAUDE_PID", "1")], false),
        ("(cd sub && npm test)", &[], false),
        ("npm test", &[], false),
    ] {
        let event = sandbox.event("PreToolUse", &serde_json::json!({"command": command}));
        let answer = sandbox.answer(&event, variables);
        let text = answer["hookSpecificOutput"]["additionalContext"]
            .as_str()
            .unwrap();
        assert_eq!(
            text.contains("the session's folder stays"),
            told,
            "{command}: {text}"
        );
    }
}
