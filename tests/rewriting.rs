//! Properties of every rewrite, tested on generated scripts and unusual syntax.

use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, Outcome, decide};
use bg_run::rules::Rules;
use proptest::prelude::*;

fn rewritten(command: &str, rules: &Rules) -> (Outcome, String) {
    let permissions = || {
        let mut permissions = PermissionRules::default();
        permissions.add_settings(&serde_json::json!({"permissions": {"allow": ["Bash"]}}));
        permissions
    };
    let context = Context::ordinary(&permissions);
    let call = Call {
        command,
        run_in_background: command.len().is_multiple_of(2),
        ..Call::default()
    };
    let decision = decide(call, rules, &context);
    (decision.outcome, decision.rewrite.command)
}

fn simple_command() -> impl Strategy<Value = String> {
    let programs = prop::sample::select(vec![
        "pytest -x",
        "python train.py",
        "FOO=1 pytest",
        "timeout 60 pytest",
        "uv run python -m x.train",
        "echo 'pytest'",
        "ls",
        "npm test",
        "make -j2",
        "cat",
        "time pytest",
        "! pytest",
    ]);
    let endings = prop::sample::select(vec![
        "",
        " 2>&1",
        " >log",
        " <in",
        " 2>/dev/null",
        " # note",
        " \"a b\"",
        " 'é'",
        " $(pytest)",
        " \\\n  -q",
        " <<<x",
        " 3>&1",
        " &>all",
    ]);
    (programs, endings).prop_map(|(program, ending)| format!("{program}{ending}"))
}

fn script() -> impl Strategy<Value = String> {
    simple_command().prop_recursive(4, 24, 3, |inner| {
        let joints = prop::sample::select(vec![" && ", " || ", "; ", " | ", " |& ", "\n", " &\n"]);
        let frames = prop::sample::select(vec![
            ("(", ")"),
            ("{ ", "\n}"),
            ("if ", "\nthen ls; fi"),
            ("while ", "\ndo ls; done"),
            ("for i in 1 2; do ", "\ndone"),
            ("f() {\n", "\n}"),
            ("x=$(", "\n)"),
            ("(", "\n) 2>&1"),
            ("case a in a) ", "\n;; esac"),
            ("(", "\n) | tail -3"),
            ("(", "\n) | grep x | cut -c1"),
            ("{ ", "\n} | sed s/a/b/ | tail -3"),
        ]);
        prop_oneof![
            (inner.clone(), joints, inner.clone())
                .prop_map(|(a, joint, b)| format!("{a}{joint}{b}")),
            (frames, inner).prop_map(|((open, close), inner)| format!("{open}{inner}{close}")),
        ]
    })
}

/// Removes all inserted texts.
fn without_insertions(text: &str) -> String {
    text.replace("PYTHONUNBUFFERED=1 ", "")
        .replace(" -u", "")
        .replace(" 2>&1", "")
        .replace(" --line-buffered", "")
        .replace("stdbuf -oL ", "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_rewrite_only_inserts_and_drops_tails(command in script()) {
        let (outcome, after) = rewritten(&command, &RULES);
        prop_assert!(outcome == Outcome::Background || after == command);
        let expected = without_insertions(&command);
        let found = without_insertions(&after);
        prop_assert!(expected == found || expected.replace(" | tail -3", "") == found.replace(" | tail -3", ""), "{command}\n{after}");
    }

    #[test]
    fn a_second_rewrite_changes_nothing(command in script()) {
        let (_, once) = rewritten(&command, &RULES);
        let (_, twice) = rewritten(&once, &RULES);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_text_is_handled(command in "\\PC{0,200}") {
        rewritten(&command, &RULES);
    }

    #[test]
    fn shell_like_noise_is_handled(command in "[ -~\n]{0,120}") {
        let (outcome, after) = rewritten(&command, &RULES);
        prop_assert!(outcome == Outcome::Background || after == command || command.contains("BG_RUN"));
    }
}

static RULES: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(Rules::built_in);
