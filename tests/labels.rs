//! Precision and recall over labelled commands: `tests/corpus/labelled.jsonl`, each `long` or `short`.

use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, Outcome, decide};
use bg_run::rules::Rules;
use serde::Deserialize;

#[derive(Deserialize)]
struct Labelled {
    command: String,
    label: Label,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
enum Label {
    Long,
    Short,
}

/// Of the calls that go to the background, so many are long.
const PRECISION: f64 = 0.97;
/// Of the long calls, so many go to the background.
const RECALL: f64 = 0.95;

/// The calls that are decided wrong, by their beginning: a change in either direction is to be seen.
const KNOWN: &[&str] = &[
    "Long: python - <<'EOF'\nimport torch",
    "Long: python3 - <<'EOF'\nimport subprocess",
    "Short: ray job submit --no-wait -- python train.py",
    "Long: docker run --rm -i grafana/k6 run",
];

#[test]
fn most_calls_are_decided_right() {
    let rules = Rules::built_in();
    let context = Context::ordinary(&PermissionRules::default);
    let (mut hits, mut false_alarms, mut misses) = (0_u32, 0_u32, 0_u32);
    let mut wrong = Vec::new();
    for line in include_str!("corpus/labelled.jsonl").lines() {
        let labelled: Labelled = serde_json::from_str(line).unwrap();
        let call = Call {
            command: &labelled.command,
            ..Call::default()
        };
        let decision = decide(call, &rules, &context);
        match (labelled.label, decision.outcome == Outcome::Background) {
            (Label::Long, true) => hits += 1,
            (Label::Short, false) => {}
            (label, moved) => {
                if moved {
                    false_alarms += 1;
                } else {
                    misses += 1;
                }
                wrong.push(format!(
                    "{label:?}: {} — {}",
                    labelled.command, decision.reason
                ));
            }
        }
    }
    let precision = f64::from(hits) / f64::from(hits + false_alarms);
    let recall = f64::from(hits) / f64::from(hits + misses);
    println!(
        "{hits} long calls found, {misses} missed, {false_alarms} false alarms: precision {precision:.3}, recall {recall:.3}"
    );
    let begins = |line: &&String| KNOWN.iter().any(|known| line.starts_with(known));
    let new: Vec<_> = wrong.iter().filter(|line| !begins(line)).collect();
    assert!(new.is_empty(), "newly decided wrong: {new:#?}");
    for known in KNOWN {
        let still = wrong.iter().any(|line| line.starts_with(known));
        assert!(still, "decided right now: take `{known}` out of the list");
    }
    assert!(
        precision >= PRECISION && recall >= RECALL,
        "precision {precision:.3}, recall {recall:.3}"
    );
}

#[test]
fn a_reason_is_true_of_every_command_of_its_rule() {
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
        (
            "manage.py runserver",
            "dumps, loads, changes or serves data",
        ),
        (
            "git bisect run ./t",
            "moves, checks or works through much data",
        ),
        ("bundle install", "Ruby tests, tasks, installs or servers"),
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
