//! The line of an output that says most: tools end with a summary, and behind it with lines that say nothing of the result.

/// A line that says nothing of the result, where another one does.
#[derive(Debug, Clone, Copy)]
enum Idle {
    /// It begins so.
    Begins(&'static str),
    /// It is this.
    Is(&'static str),
    /// It holds this.
    Holds(&'static str),
}

use Idle::{Begins, Holds, Is};

/// By tool.
#[rustfmt::skip]
const IDLE: &[Idle] = &[
    // make
    Holds(": Leaving directory"), Holds(": Entering directory"),
    // cargo
    Begins("error: test failed, to rerun pass"), Begins("error: doctest failed, to rerun pass"),
    Begins("note: run with `RUST_BACKTRACE="), Begins("note: Some details are omitted, run with `RUST_BACKTRACE="),
    Begins("Doc-tests "), Is("running 0 tests"),
    Is("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s"),
    // npm, pnpm, yarn
    Begins("npm error"), Begins("npm ERR!"), Begins("npm notice"), Holds("ELIFECYCLE"),
    Begins("info Visit https://yarnpkg.com"), Begins("error Command failed with exit code"),
    // jest, vitest
    Begins("Ran all test suites"), Begins("Snapshots:"), Begins("Time:"), Begins("Duration "), Begins("Start at "),
    // go
    Is("FAIL"), Begins("exit status "),
    // gradle, maven
    Holds(" actionable task"), Begins("[ERROR] [Help"), Begins("[ERROR] -> [Help"), Begins("[ERROR] Re-run Maven"),
    Begins("[ERROR] To see the full stack trace"), Begins("[ERROR] For more information"), Is("[ERROR]"),
    Begins("[INFO] Finished at:"), Begins("[INFO] Total time:"),
];

/// The last of `lines` that says something, without the rule around it; the very last, where none does.
pub fn of(lines: &[String]) -> Option<String> {
    let said = || lines.iter().rev().map(|line| without_rules(line));
    let says = |line: &&str| !line.is_empty() && !IDLE.iter().any(|idle| idle.is(line));
    let last = || said().find(|line| !line.is_empty());
    said().find(says).or_else(last).map(ToOwned::to_owned)
}

impl Idle {
    fn is(self, line: &str) -> bool {
        match self {
            Begins(start) => line.starts_with(start),
            Is(all) => line == all,
            Holds(part) => line.contains(part),
        }
    }
}

/// A shorter run of them can be meant: `--`, `#1`.
const LEAST: usize = 3;

/// `3 failed` of `===== 3 failed =====`.
fn without_rules(line: &str) -> &str {
    let line = line.trim();
    let run = |rest: &str| {
        let first = rest.chars().next()?;
        let is_rule = matches!(
            first,
            '=' | '-' | '*' | '#' | '_' | '~' | '!' | '\u{2500}'..='\u{257f}'
        );
        let length = rest.chars().take_while(|&c| c == first).count();
        (is_rule && length >= LEAST).then_some(length * first.len_utf8())
    };
    let begin = run(line).unwrap_or_default();
    let line = line.get(begin..).unwrap_or_default().trim_start();
    let reversed: String = line.chars().rev().collect();
    let end = line.len() - run(&reversed).unwrap_or_default();
    line.get(..end).unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends of outputs in the form of the tools, and the line that says most.
    const OUTPUTS: &[(&str, &str)] = &[
        // pytest
        (
            "FAILED test_a.py::test_2 - assert 1 == 2\n========================= 1 failed, 2 passed in 0.03s =========================",
            "1 failed, 2 passed in 0.03s",
        ),
        (
            "============================== 3 passed in 0.01s ===============================",
            "3 passed in 0.01s",
        ),
        (
            "FAILED test_a.py::test_2 - assert 1 == 2\n!!!!!!!!!!!!!!!!!!!!!!!!!! stopping after 1 failures !!!!!!!!!!!!!!!!!!!!!!!!!!!\n========================= 1 failed, 1 passed in 0.03s =========================",
            "1 failed, 1 passed in 0.03s",
        ),
        // cargo
        (
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\nerror: test failed, to rerun pass `--lib`",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ),
        (
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n   Doc-tests x\n\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ),
        (
            "error: could not compile `x` (lib) due to 1 previous error",
            "error: could not compile `x` (lib) due to 1 previous error",
        ),
        // jest, by npm
        (
            "Test Suites: 1 failed, 1 total\nTests:       1 failed, 1 passed, 2 total\nSnapshots:   0 total\nTime:        0.213 s\nRan all test suites.\nnpm error Lifecycle script `test` failed with error:\nnpm error code 1",
            "Tests:       1 failed, 1 passed, 2 total",
        ),
        // make
        (
            "build failed: no rule\nmake: *** [Makefile:2: all] Error 3\nmake: Leaving directory '/x'",
            "make: *** [Makefile:2: all] Error 3",
        ),
        (
            "make[1]: Entering directory '/x'\nlinked app\nmake[1]: Leaving directory '/x'\nmake: Leaving directory '/'",
            "linked app",
        ),
        // go
        (
            "--- FAIL: TestTwo (0.00s)\n    a_test.go:9: no\nFAIL\nFAIL\texample.com/a\t0.002s\nFAIL",
            "FAIL\texample.com/a\t0.002s",
        ),
        ("ok  \texample.com/a\t0.002s", "ok  \texample.com/a\t0.002s"),
        // gradle
        (
            "BUILD FAILED in 3s\n2 actionable tasks: 2 executed",
            "BUILD FAILED in 3s",
        ),
        (
            "BUILD SUCCESSFUL in 11s\n7 actionable tasks: 7 up-to-date",
            "BUILD SUCCESSFUL in 11s",
        ),
        ("a\n───────────────\n\n", "a"),
        ("# 1 -- x --", "# 1 -- x --"),
        ("npm error code 1", "npm error code 1"),
        ("=====", ""),
    ];

    #[test]
    fn the_line_that_says_most_is_found() {
        for (output, expected) in OUTPUTS {
            let lines: Vec<String> = output.lines().map(ToOwned::to_owned).collect();
            assert_eq!(of(&lines).unwrap_or_default(), *expected, "{output}");
        }
    }
}
