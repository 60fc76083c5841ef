//! Decisions after calls with known durations: sequences by hand, and properties of all sequences.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::cell::RefCell;
use std::collections::HashMap;

use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, Decision, History, Outcome, decide, kind_of};
use bg_run::history::store::{Key, Run, Store};
use bg_run::history::{CallCounts, Forecast, Limit, Observation, PastRuns, RunEnd};
use bg_run::rules::Rules;
use proptest::prelude::*;

const REPOSITORY: u64 = 7;

/// A repository with recorded durations.
struct Repository {
    store: Store,
    rules: Rules,
    calls: RefCell<u32>,
    _folder: tempfile::TempDir,
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: Store::in_folder(&folder.path().join("history")).unwrap(),
            rules: Rules::built_in(),
            calls: RefCell::new(0),
            _folder: folder,
        }
    }

    fn took(&self, command: &str, observation: Observation) {
        let call = self.calls.replace_with(|calls| *calls + 1);
        let keys = kind_of(command, &self.rules, REPOSITORY).keys;
        let at = call;
        let run = Run {
            keys,
            observation,
            at,
            call,
        };
        self.store.record(&run).unwrap();
    }

    fn decide(&self, command: &str, limit: Limit) -> Decision {
        let permissions = PermissionRules::default;
        let known = |keys: &[Key]| self.store.known(keys).unwrap();
        let history = History {
            repository: &|| REPOSITORY,
            known: &known,
            limit,
        };
        let context = Context {
            history: Some(history),
            ..Context::ordinary(&permissions)
        };
        let call = Call {
            command,
            ..Call::default()
        };
        decide(call, &self.rules, &context)
    }

    fn usual(&self, command: &str) -> Option<f32> {
        let kind = kind_of(command, &self.rules, REPOSITORY);
        let known = self.store.known(&kind.keys).unwrap();
        Forecast::new(CallCounts::of(kind.rule.as_deref()), &known).usual_seconds(Limit::InForce)
    }

    /// Whether the command is moved with the limit, and without.
    fn moves(&self, command: &str) -> [bool; 2] {
        [Limit::InForce, Limit::None]
            .map(|limit| self.decide(command, limit).outcome == Outcome::Background)
    }
}

/// Parses `12`, `0.9 failed` or `5 cut`.
fn observation(text: &str) -> Observation {
    let (seconds, end) = text.split_once(' ').unwrap_or((text, ""));
    Observation {
        seconds: seconds.parse().unwrap(),
        end: match end {
            "failed" => RunEnd::Failure,
            "cut" => RunEnd::CutOff,
            "" => RunEnd::Success,
            other => unreachable!("{other}"),
        },
    }
}

const BOTH: [bool; 2] = [true, true];
const NEITHER: [bool; 2] = [false, false];
const WITHOUT_LIMIT: [bool; 2] = [false, true];

/// A sequence: a title, runs of commands, and a command with the decisions with the limit and without.
type Sequence = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    [bool; 2],
);

#[rustfmt::skip]
const SEQUENCES: &[Sequence] = &[
    ("a first call by a name that is often right", &[], "pytest", BOTH),
    ("of a rule that is rare", &[], "python train.py", BOTH),
    ("of a server", &[], "npm run dev", BOTH),
    ("of a wait", &[], "sleep 100", BOTH),
    ("by a name that is seldom right", &[], "npm test", WITHOUT_LIMIT),
    ("of Go", &[], "go test ./...", WITHOUT_LIMIT),
    ("of an install", &[], "npm install", WITHOUT_LIMIT),
    ("by no name", &[], "./odd-job", NEITHER),

    ("a training once", &[("python train.py", "600")], "python finetune.py", BOTH),
    ("twice", &[("python train.py", "600"), ("python train.py", "600")], "python finetune.py", BOTH),
    ("three times", &[("python train.py", "600"), ("python train.py", "600"), ("python train.py", "600")], "python finetune.py", BOTH),
    ("a crash and the mended run", &[("python train.py --epochs 100", "0.9 failed")], "python train.py --epochs 100", BOTH),
    ("three crashes", &[("python train.py", "0.9 failed"), ("python train.py", "0.5 failed"), ("python train.py", "2 failed")], "python train.py", BOTH),
    ("a test that failed at once", &[("pytest -x", "0.7 failed")], "pytest -x", BOTH),
    ("a crash among long ones", &[("./eval", "300"), ("./eval", "300"), ("./eval", "0.5 failed")], "./eval", BOTH),
    ("a long failure", &[("./eval", "300 failed")], "./eval", BOTH),
    ("an interrupted run", &[("pytest", "3 cut")], "pytest", BOTH),
    ("a long run that was killed", &[("./eval", "300 cut")], "./eval", BOTH),
    ("a run that was killed early", &[("./eval", "3 cut")], "./eval", NEITHER),
    ("many that were killed early", &[
        ("./eval", "300"), ("./eval", "3 cut"), ("./eval", "3 cut"), ("./eval", "3 cut"), ("./eval", "3 cut"),
        ("./eval", "3 cut"), ("./eval", "3 cut"), ("./eval", "3 cut"), ("./eval", "3 cut"),
    ], "./eval", BOTH),
    ("a short success", &[("pytest", "2")], "pytest", NEITHER),
    ("three short successes", &[("npm test", "2"), ("npm test", "2"), ("npm test", "2")], "npm test", NEITHER),
    ("a name that turned out right", &[("go test ./...", "90")], "go test ./...", BOTH),
    ("an unknown one that was long", &[("./odd-job --all", "95")], "./odd-job --all", BOTH),
    ("one slow run among quick ones", &[
        ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "2"),
        ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "300"),
    ], "cargo build", NEITHER),
    ("a build that got slow", &[
        ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "2"), ("cargo build", "60"),
        ("cargo build", "70"),
    ], "cargo build", BOTH),
    ("a bimodal build, slow last", &[
        ("cargo build", "90"), ("cargo build", "2"), ("cargo build", "90"), ("cargo build", "2"), ("cargo build", "90"),
    ], "cargo build", BOTH),
    ("a bimodal build, quick last", &[
        ("cargo build", "90"), ("cargo build", "2"), ("cargo build", "90"), ("cargo build", "2"),
    ], "cargo build", BOTH),
    ("a long one that got quick", &[
        ("./eval", "300"), ("./eval", "2"), ("./eval", "2"), ("./eval", "2"), ("./eval", "2"), ("./eval", "2"),
    ], "./eval", NEITHER),
    ("a smoke test after the long run", &[
        ("python train.py --epochs 100", "3600"), ("python train.py --epochs 1", "5"),
    ], "python train.py --epochs 1", NEITHER),
    ("the long run after the smoke test", &[
        ("python train.py --epochs 100", "3600"), ("python train.py --epochs 1", "5"),
    ], "python train.py --epochs 100", BOTH),
    ("a training that crashed three times, then ran", &[
        ("python train.py", "0.9 failed"), ("python train.py", "1.2 failed"), ("python train.py", "0.9 failed"), ("python train.py", "1800"),
    ], "python train.py", BOTH),
    ("one that ran, then crashed three times", &[
        ("python train.py", "1800"), ("python train.py", "0.9 failed"), ("python train.py", "1.2 failed"), ("python train.py", "0.9 failed"),
    ], "python train.py", BOTH),
    ("a script of one's own that crashed three times", &[
        ("./train.sh", "0.9 failed"), ("./train.sh", "1.2 failed"), ("./train.sh", "0.9 failed"),
    ], "./train.sh", BOTH),
    ("the same, then ran", &[
        ("./train.sh", "0.9 failed"), ("./train.sh", "1.2 failed"), ("./train.sh", "0.9 failed"), ("./train.sh", "1800"),
    ], "./train.sh", BOTH),
    ("a test suite that got quick", &[
        ("pytest", "120"), ("pytest", "125"), ("pytest", "118"), ("pytest", "3"), ("pytest", "3"), ("pytest", "3"),
    ], "pytest", NEITHER),
    ("one that was quick once", &[("pytest", "120"), ("pytest", "125"), ("pytest", "118"), ("pytest", "3")], "pytest", BOTH),
    ("a renamed training", &[("python train.py", "600"), ("python train.py", "620")], "python train_v2.py", BOTH),
    ("a renamed script that no rule knows", &[("./nightly", "300"), ("./nightly", "300")], "./weekly", NEITHER),
    ("another value of an option", &[("./eval --set big", "300")], "./eval --set small", BOTH),
    ("a question about a long one", &[("./eval --all", "300"), ("./eval --all", "310")], "cd sub && ./eval --help", NEITHER),
    ("one test after the whole suite", &[("pytest", "200"), ("pytest", "210")], "pytest tests/test_one.py", BOTH),
    ("one test that is quick after the whole suite", &[
        ("pytest", "200"), ("pytest", "210"), ("pytest tests/test_one.py", "2"), ("pytest tests/test_one.py", "2"),
    ], "pytest tests/test_one.py", NEITHER),
    ("the whole suite after quick single tests", &[
        ("pytest", "200"), ("pytest", "210"), ("pytest tests/test_one.py", "2"), ("pytest tests/test_two.py", "2"),
    ], "pytest", BOTH),
    ("a target that takes long", &[("make lint", "3"), ("make dist", "300"), ("make lint", "3"), ("make dist", "280")], "make dist", BOTH),
    ("another target that doesn't", &[("make lint", "3"), ("make dist", "300"), ("make lint", "3"), ("make dist", "280")], "make lint", NEITHER),
    ("the same script in another folder of a monorepo", &[
        ("cd packages/a && npm test", "200"), ("cd packages/a && npm test", "190"),
    ], "cd packages/b && npm test", BOTH),
    ("two folders, one slow", &[
        ("cd packages/a && npm test", "200"), ("cd packages/b && npm test", "2"), ("cd packages/a && npm test", "190"), ("cd packages/b && npm test", "2"),
    ], "cd packages/a && npm test", BOTH),
    ("by a package's name, one slow", &[
        ("npm test -w a", "200"), ("npm test -w b", "2"), ("npm test -w a", "190"), ("npm test -w b", "2"),
    ], "npm test -w b", NEITHER),
    ("a short success between long ones", &[("./eval", "300"), ("./eval", "2"), ("./eval", "300")], "./eval", BOTH),
    ("a short success after long ones", &[("./eval", "300"), ("./eval", "300"), ("./eval", "2")], "./eval", BOTH),
    ("a cold build, then warm ones", &[("cargo build", "90"), ("cargo build", "1"), ("cargo build", "1")], "cargo build", NEITHER),
    ("a release build after warm ones", &[
        ("cargo build --release", "200"), ("cargo build", "1"), ("cargo build", "1"), ("cargo build", "1"),
    ], "cargo build --release", BOTH),
    ("a server that was stopped early", &[("npm run dev", "4 cut"), ("npm run dev", "7 cut")], "npm run dev", BOTH),
    ("a server that failed to start", &[("npm run dev", "1 failed")], "npm run dev", BOTH),
    ("an install with a full cache", &[("npm ci", "60"), ("npm ci", "4"), ("npm ci", "4"), ("npm ci", "4")], "npm ci", NEITHER),
    ("another name's quick runs", &[("python train.py", "600"), ("npm test", "2"), ("npm test", "2")], "python train.py", BOTH),
];

#[test]
fn sequences_end_as_a_user_expects() {
    let mut wrong = Vec::new();
    for (title, runs, command, expected) in SEQUENCES {
        let repository = Repository::new();
        for (command, took) in *runs {
            repository.took(command, observation(took));
        }
        let found = repository.moves(command);
        if found != *expected {
            wrong.push(format!("{title}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reason_names_the_deciding_evidence() {
    for (runs, command, reason) in [
        (
            &[
                ("python train.py --epochs 1", "5"),
                ("python train.py --epochs 100", "3600"),
            ][..],
            "python train.py --epochs 1",
            "`train.py --epochs #` took 60 min, 5.0 s here",
        ),
        (
            &[("./eval 10", "2")],
            "./eval 1000",
            "`./eval #` took 2.0 s here; numbers don't tell calls apart",
        ),
        (
            &[("pytest", "2"), ("pytest", "0.7 failed")],
            "pytest",
            "`pytest` took 0.7 s (failed), 2.0 s here, although rule python-tests matches",
        ),
        (
            &[],
            "npm test",
            "rule node-scripts matches `npm test` (installs or runs a script of a JavaScript project), but only 5 of 100 such calls took 30 s or longer elsewhere",
        ),
        (
            &[("sleep 60", "2")],
            "sleep 60",
            "rule waits matches `sleep 60` (waits for long); 93 of 100 such calls took 30 s or longer elsewhere",
        ),
        (
            &[("./a", "50"), ("./b", "60"), ("./c", "70")],
            "./d",
            "calls that no rule matches took 70 s, 60 s, 50 s here",
        ),
    ] {
        let repository = Repository::new();
        for (command, took) in runs {
            repository.took(command, observation(took));
        }
        assert_eq!(repository.decide(command, Limit::InForce).reason, reason);
    }
}

#[test]
fn the_usual_time_is_that_of_the_same_words() {
    for (runs, command, usual) in [
        (
            &[("python train.py", "600")][..],
            "python train.py",
            Some(600.0),
        ),
        (&[("python train.py", "600")], "python finetune.py", None),
        (&[("./eval 10", "300")], "./eval 1000", None),
        (
            &[("./eval", "300"), ("./eval", "0.5 failed")],
            "./eval",
            Some(300.0),
        ),
        (
            &[("./eval", "300 cut"), ("./eval", "5 cut")],
            "./eval",
            Some(300.0),
        ),
        (&[("./eval", "0.5 failed")], "./eval", None),
        (
            &[("pytest", "100"), ("pytest", "2"), ("pytest", "120")],
            "pytest",
            Some(100.0),
        ),
        (
            &[("cd sub && pytest", "100")],
            "pytest 2>&1 | tail -3",
            Some(100.0),
        ),
        (&[], "pytest", None),
    ] {
        let repository = Repository::new();
        for (command, took) in runs {
            repository.took(command, observation(took));
        }
        assert_eq!(repository.usual(command), usual, "{runs:?} {command}");
    }
}

#[test]
fn a_command_that_was_always_killed_outlasts_a_call() {
    for (runs, outlasts) in [
        (&["300 cut", "200 cut"][..], true),
        (&["300 cut", "2", "1 failed", "200 cut"], true),
        (&["300 cut"], false),
        (&["300 cut", "90 cut"], false),
        (&["300 cut", "200 cut", "150"], false),
        (&["300 cut", "200 cut", "150 failed"], false),
        (&["2", "3"], false),
        (&[], false),
    ] {
        let known = PastRuns {
            observations: runs.iter().map(|run| observation(run)).collect(),
            runs: 0,
        };
        assert_eq!(known.outlasts(120.0), outlasts, "{runs:?}");
    }
}

/// Tries every sequence of up to four durations of one call, under each kind of rule.
#[test]
fn a_long_run_never_lowers_the_probability() {
    let alphabet = ["2", "25", "33", "300", "0.9 failed", "5 cut"].map(observation);
    let added = ["45", "46 failed", "300 cut", "9000"].map(observation);
    let rules = [
        None,
        Some("waits"),
        Some("rust"),
        Some("go"),
        Some("training"),
    ];
    let mut sequences: Vec<Vec<Observation>> = vec![Vec::new()];
    let mut start = 0;
    for _ in 0..4 {
        let end = sequences.len();
        for index in start..end {
            for one in alphabet {
                let mut next = sequences[index].clone();
                next.push(one);
                sequences.push(next);
            }
        }
        start = end;
    }
    let forecast = |rule, observations: Vec<Observation>| {
        let known = PastRuns {
            observations,
            runs: 1,
        };
        Forecast::new(CallCounts::of(rule), &vec![known; 3])
    };
    for sequence in sequences {
        for rule in rules {
            let before = forecast(rule, sequence.clone());
            for long in added {
                let after = forecast(rule, [&[long], &sequence[..]].concat());
                let shown = format!("{rule:?} {sequence:?} {long:?}");
                assert!(after.probability() >= before.probability(), "{shown}");
                assert!(
                    after.is_uncontradicted() || !before.is_uncontradicted(),
                    "{shown}"
                );
            }
        }
    }
}

const COMMANDS: &[&str] = &[
    "python train.py --epochs 1",
    "python train.py --epochs 100",
    "python finetune.py",
    "pytest -x",
    "pytest tests/a.py",
    "go test ./...",
    "npm test",
    "npm run build",
    "make all",
    "sleep 60",
    "./odd-job --all",
    "./odd-job",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The same property for whole calls of overlapping kinds, through the store with its limits.
    #[test]
    fn a_long_run_turns_no_move_into_a_stay(
        runs in prop::collection::vec((0..COMMANDS.len(), 0.1_f32..100.0, 0..4_u8), 0..30),
        (long, seconds) in (0..COMMANDS.len(), 45.0_f32..10_000.0),
    ) {
        let repository = Repository::new();
        for (command, seconds, end) in runs {
            let end = [RunEnd::Success, RunEnd::Success, RunEnd::Failure, RunEnd::CutOff][usize::from(end)];
            repository.took(COMMANDS[command], Observation { seconds, end });
        }
        let moved = |()| -> HashMap<&str, [bool; 2]> {
            COMMANDS.iter().map(|command| (*command, repository.moves(command))).collect()
        };
        let before = moved(());
        repository.took(COMMANDS[long], Observation::success(seconds));
        for (command, after) in moved(()) {
            let before = before[command];
            prop_assert!(after[0] >= before[0] && after[1] >= before[1], "{command}: {before:?} {after:?}");
        }
    }
}
