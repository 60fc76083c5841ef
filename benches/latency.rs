//! Measures a hook call as a whole process, beside `/bin/true` and others.
//!
//! All processes run in turn, so that a slow moment of the machine affects all of them. The medians are compared.
//! Exits with 1 if a limit is exceeded.

mod support;

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use support::{Bench, Case, MEASURED, NOT_OURS, REWRITTEN};

const RUNS: usize = 500;
/// The program to compare with: every machine has it, and it does nothing.
const TRUE: &str = if cfg!(target_os = "macos") {
    "/usr/bin/true"
} else {
    "/bin/true"
};
const PEAK_MEMORY_KIB: i64 = 6 * 1024;
const MEMORY_OF: &str = "--memory-of=";

struct Row {
    name: &'static str,
    case: Case,
    /// Maximum time as a multiple of that of `/bin/true`.
    bound: Option<f64>,
    /// Times in nanoseconds.
    times: Vec<u128>,
}

fn main() -> ExitCode {
    let described =
        std::env::args().find_map(|word| word.strip_prefix(MEMORY_OF).map(str::to_owned));
    if let Some(described) = described {
        return print_peak_memory(&described);
    }
    let bench = Bench::new();
    let mut missed = false;
    // The heavy processes leave cold caches behind, so they have rounds of their own.
    let parts = [
        (ours(&bench), RUNS),
        (history(&bench), RUNS),
        (others(&bench), RUNS / 10),
    ];
    for (mut rows, runs) in parts {
        measure(&bench, &mut rows, runs);
        missed |= print(&mut rows, runs);
    }
    let memory = peak_memory(&bench);
    println!("peak memory {memory} KiB, bound {PEAK_MEMORY_KIB}");
    missed |= memory > PEAK_MEMORY_KIB;
    if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints the table, and returns whether a limit was exceeded.
fn print(rows: &mut [Row], runs: usize) -> bool {
    let least = median(&mut rows[0].times);
    let title = format!("{runs} runs each, in turn");
    println!(
        "{title:44} {:>9} {:>8} {:>8}",
        "median ms", "x true", "bound"
    );
    let mut missed = false;
    for row in rows {
        let time = median(&mut row.times);
        let ratio = time / least;
        let over = row.bound.is_some_and(|bound| ratio > bound);
        missed |= over;
        let bound = row
            .bound
            .map(|bound| format!("{bound:.2}"))
            .unwrap_or_default();
        let verdict = if over { " MISSED" } else { "" };
        println!(
            "{:44} {:9.3} {ratio:8.2} {bound:>8}{verdict}",
            row.name,
            time / 1e6
        );
    }
    missed
}

/// Runs all processes in each round. The order changes each time, because the predecessor affects the time.
fn measure(bench: &Bench, rows: &mut [Row], runs: usize) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut random = 0x2545_f491_u64;
    for round in 0..runs + 10 {
        // In reality, nobody makes thousands of calls in ten minutes.
        let _ = std::fs::remove_dir_all(bench.path("state/calls"));
        for last in (1..order.len()).rev() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            order.swap(
                last,
                usize::try_from(random >> 33).unwrap_or_default() % (last + 1),
            );
        }
        for &index in &order {
            let row = &mut rows[index];
            let time = run(&row.case, round * order.len() + index);
            // The first rounds fill caches.
            if round >= 10 {
                row.times.push(time);
            }
        }
    }
}

fn ours(bench: &Bench) -> Vec<Row> {
    let foreground = json!({"stdout": "total 0", "stderr": "", "interrupted": false});
    let background = json!({"stdout": "", "stderr": "", "backgroundTaskId": "b1"});
    let pre = |command: &str| bench.event("PreToolUse", command, &Value::Null);
    let uid = rustix::process::geteuid().as_raw();
    let tasks = bench.path("tmp").join(format!(
        "claude-{uid}/-home-u-project/5e551014-0000-4000-8000-000000000000/tasks"
    ));
    let _ = std::fs::create_dir_all(&tasks);
    let _ = std::fs::write(tasks.join("b1.output"), "");
    let rows = vec![
        (TRUE, bench.other(&[TRUE], &pre(NOT_OURS)), None),
        ("not ours: ls -la", bench.hook(pre(NOT_OURS)), Some(1.0)),
        (
            "not ours, 100 user rules",
            bench.hook_with_rules(pre(NOT_OURS)),
            Some(1.25),
        ),
        (
            "not ours, as cargo install makes it",
            bench.hook_as_installed_by_cargo(pre(NOT_OURS)),
            Some(1.1),
        ),
        (
            "rewritten: cd src && pytest -x … | tail -20",
            bench.hook(pre(REWRITTEN)),
            Some(1.25),
        ),
        (
            "rewritten, 100 user rules",
            bench.hook_with_rules(pre(REWRITTEN)),
            Some(1.5),
        ),
        (
            "rewritten, as cargo install makes it",
            bench.hook_as_installed_by_cargo(pre(REWRITTEN)),
            Some(1.3),
        ),
        (
            "after a foreground call",
            bench.hook(bench.event("PostToolUse", NOT_OURS, &foreground)),
            Some(1.0),
        ),
        (
            "after a background launch",
            // This is another command, because a rewritten call examines all processes if the same command may still
            // be running.
            bench.hook(bench.event("PostToolUse", "make all", &background)),
            Some(2.0),
        ),
        (
            "a command of 100 kB",
            bench.hook(pre(&support::large())),
            Some(12.0),
        ),
        (
            "the same, as cargo install makes it",
            bench.hook_as_installed_by_cargo(pre(&support::large())),
            None,
        ),
    ];
    rows.into_iter().map(row).collect()
}

/// Measures consulting and recording, with as many keys as years of use leave, beside a call that doesn't consult the
/// history.
fn history(bench: &Bench) -> Vec<Row> {
    let asked = || bench.event("PreToolUse", MEASURED, &Value::Null);
    let mut off = bench.hook(asked());
    off.environment
        .push(("BG_RUN".to_owned(), "off".to_owned()));
    let rows = vec![
        (TRUE, bench.other(&[TRUE], &asked()), None),
        ("a call that isn't asked about", off, None),
        (
            "asks the history: 0 keys",
            bench.hook_with_history(asked(), 0),
            None,
        ),
        (
            "asks the history: 500 keys",
            bench.hook_with_history(asked(), 500),
            None,
        ),
        (
            "asks the history: 2,000 keys",
            bench.hook_with_history(asked(), 2_000),
            None,
        ),
        (
            "is measured: 0 keys",
            bench.hook_with_history(bench.measured(), 0),
            None,
        ),
        (
            "is measured: 500 keys",
            bench.hook_with_history(bench.measured(), 500),
            None,
        ),
        (
            "is measured: 2,000 keys",
            bench.hook_with_history(bench.measured(), 2_000),
            None,
        ),
    ];
    rows.into_iter().map(row).collect()
}

fn others(bench: &Bench) -> Vec<Row> {
    let event = bench.event("PreToolUse", NOT_OURS, &Value::Null);
    let mut rows = vec![(TRUE, bench.other(&[TRUE], &event), None)];
    for words in [
        &["jq", "."][..],
        &["python3", "-c", "pass"],
        &["node", "-e", "0"],
    ] {
        if Command::new(words[0]).arg("--version").output().is_ok() {
            rows.push((words[0], bench.other(words, &event), None));
        }
    }
    rows.into_iter().map(row).collect()
}

fn row((name, case, bound): (&'static str, Case, Option<f64>)) -> Row {
    Row {
        name,
        case,
        bound,
        times: Vec::with_capacity(RUNS),
    }
}

/// Returns the nanoseconds from a process's start to its end.
fn run(case: &Case, number: usize) -> u128 {
    let input = case.input(number);
    let mut command = case.command();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let Ok(mut child) = command.spawn() else {
        return 0;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A process that doesn't read its input closes the pipe early.
        let _ = stdin.write_all(&input);
    }
    let _ = child.wait();
    start.elapsed().as_nanos()
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a process fit")]
fn median(times: &mut [u128]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default() as f64
}

/// Returns the highest memory use of the hook calls, in KiB. A separate process measures each, because the figure
/// covers all its children.
fn peak_memory(bench: &Bench) -> i64 {
    let Ok(this) = std::env::current_exe() else {
        return i64::MAX;
    };
    let mut most = 0;
    for command in [NOT_OURS, REWRITTEN] {
        let case = bench.hook_with_rules(bench.event("PreToolUse", command, &Value::Null));
        let described = json!([
            case.words,
            String::from_utf8_lossy(&case.stdin),
            case.environment
        ]);
        let said = Command::new(&this)
            .arg(format!("{MEMORY_OF}{described}"))
            .output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        most = most.max(
            said.ok()
                .and_then(|said| said.parse().ok())
                .unwrap_or(i64::MAX),
        );
    }
    most
}

fn print_peak_memory(described: &str) -> ExitCode {
    type Described = (Vec<String>, String, Vec<(String, String)>);
    let Ok((words, stdin, environment)) = serde_json::from_str::<Described>(described) else {
        return ExitCode::FAILURE;
    };
    let case = Case {
        words,
        stdin: stdin.into_bytes(),
        environment,
    };
    run(&case, 0);
    match nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN) {
        Ok(usage) => println!("{}", usage.max_rss()),
        Err(_) => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}
