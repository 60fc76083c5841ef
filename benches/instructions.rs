//! Counts the instructions of a hook call, which don't depend on the machine's load, and checks the program's size. Exits
//! with 1 if a limit is exceeded.

mod support;

use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value, json};
use support::{Bench, Case, MEASURED, NOT_OURS, REWRITTEN};

fn main() -> ExitCode {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("valgrind isn't installed");
        return ExitCode::FAILURE;
    }
    let bench = Bench::new();
    let pre = |command: &str| bench.event("PreToolUse", command, &Value::Null);
    let after = bench.event("PostToolUse", NOT_OURS, &json!({"stdout": "x"}));
    // Each limit is a fifth above the measurement at the time.
    let cases = [
        ("not ours", bench.hook(pre(NOT_OURS)), LIMITS[0]),
        (
            "not ours, 100 user rules",
            bench.hook_with_rules(pre(NOT_OURS)),
            LIMITS[1],
        ),
        ("rewritten", bench.hook(pre(REWRITTEN)), LIMITS[2]),
        (
            "rewritten, 100 user rules",
            bench.hook_with_rules(pre(REWRITTEN)),
            LIMITS[3],
        ),
        ("after a foreground call", bench.hook(after), LIMITS[4]),
        (
            "a command of 100 kB",
            bench.hook(pre(&support::large())),
            LIMITS[5],
        ),
    ];
    let asked = || pre(MEASURED);
    let with_history = [
        ("asks the history", bench.hook(asked()), LIMITS[6]),
        (
            "asks it, 500 keys",
            bench.hook_with_history(asked(), 500),
            LIMITS[6] + ASKED[0],
        ),
        (
            "asks it, 2,000 keys",
            bench.hook_with_history(asked(), 2_000),
            LIMITS[6] + ASKED[1],
        ),
        (
            "is measured, 0 keys",
            bench.hook_with_history(bench.measured(), 0),
            LIMITS[7],
        ),
        (
            "is measured, 500 keys",
            bench.hook_with_history(bench.measured(), 500),
            LIMITS[7] + RECORDED[0],
        ),
        (
            "is measured, 2,000 keys",
            bench.hook_with_history(bench.measured(), 2_000),
            LIMITS[7] + RECORDED[1],
        ),
    ];
    let mut missed = is_too_large(&bench);
    for (name, case, limit) in cases.iter().chain(&with_history) {
        // The first run creates folders.
        count(&bench, case);
        let Some(counted) = count(&bench, case) else {
            eprintln!("{name}: valgrind counted nothing");
            return ExitCode::FAILURE;
        };
        let verdict = if counted > *limit { " MISSED" } else { "" };
        missed |= counted > *limit;
        println!("{name:28} {counted:>12} instructions, bound {limit:>12}{verdict}");
    }
    if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Largest sizes of the release and of a build from source in bytes, without the embedded files.
const SIZES: [u64; 2] = [6_000_000, 6_600_000];

/// Prints both sizes; whether one is over its bound.
fn is_too_large(bench: &Bench) -> bool {
    let embedded = support::embedded();
    let programs = [
        ("release", bench.bg_run.clone()),
        ("from source", bench.installed_by_cargo()),
    ];
    let mut missed = false;
    for ((name, program), bound) in programs.into_iter().zip(SIZES) {
        let Ok(program) = std::fs::metadata(program) else {
            return true;
        };
        let size = program.len() - embedded;
        let verdict = if size > bound { " MISSED" } else { "" };
        missed |= size > bound;
        println!(
            "{name:28} {size:>12} bytes and {embedded} of embedded files, bound {bound}{verdict}"
        );
    }
    missed
}

const LIMITS: [u64; 8] = [
    130_000, 2_300_000, 540_000, 2_850_000, 42_000, 21_500_000, 660_000, 680_000,
];

/// Limits of the additional instructions for a file of durations, with 500 and with 2,000 keys: for a call that
/// consults it, and for recording a call. With 2,000 keys, each record counts the keys.
const ASKED: [u64; 2] = [150_000, 500_000];
const RECORDED: [u64; 2] = [150_000, 2_300_000];

fn count(bench: &Bench, case: &Case) -> Option<u64> {
    let input = bench.path("input");
    std::fs::write(&input, &case.stdin).ok()?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(&case.words)
        .env_clear()
        .envs(case.environment.iter().cloned())
        .stdin(std::fs::File::open(&input).ok()?)
        .stdout(Stdio::null());
    let said = command.output().ok()?.stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let (_, counted) = said.split_once("Collected : ")?;
    counted.split_whitespace().next()?.parse().ok()
}
