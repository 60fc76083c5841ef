//! Finds the most informative line of an output. Tools end with a summary, often followed by lines that say nothing
//! about the result.

/// A pattern for a line.
#[derive(Debug, Clone, Copy)]
enum LinePattern {
    /// The line begins with this.
    Begins(&'static str),
    /// The line equals this.
    Is(&'static str),
    /// The line contains this.
    Holds(&'static str),
    /// The line is a number and this word, followed at most by a time in parentheses.
    Counts(&'static str),
}

use LinePattern::{Begins, Counts, Holds, Is};

/// Lines that say nothing about the result, by tool. Each follows the summary of an output in `tests/outputs/`. They
/// are used only if there is no other line.
#[rustfmt::skip]
const UNINFORMATIVE: &[LinePattern] = &[
    // make
    Holds(": Leaving directory"), Holds(": Entering directory"),
    Holds(" not remade because of errors."), Holds("*** Waiting for unfinished jobs"),
    // cargo
    Begins("error: test failed, to rerun pass"), Begins("error: doctest failed, to rerun pass"),
    Begins("note: run with `RUST_BACKTRACE="), Begins("note: Some details are omitted, run with `RUST_BACKTRACE="),
    Is("stack backtrace:"), Begins("Doc-tests "), Is("running 0 tests"),
    Begins("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out;"),
    // npm (since version 9 `npm error`, before `npm ERR!`), pnpm, yarn
    Is("npm error"), Is("npm ERR!"), Begins("npm error A complete log"), Begins("npm ERR! A complete log"),
    Begins("npm ERR!     /"), Begins("npm error To see a list"), Begins("npm ERR! To see a list"),
    Begins("npm error   npm run"), Begins("npm ERR!   npm run"), Begins("npm error Lifecycle script"),
    Begins("npm error code "), Begins("npm error path "), Begins("npm error workspace "),
    Begins("npm error location "), Begins("npm error command "),
    Begins("ELIFECYCLE"), Begins("info Visit https://yarnpkg.com"),
    Begins("error Command failed with exit code"),
    // jest, vitest, node
    Begins("Ran all test suites"), Begins("Snapshots:"), Begins("Time:"), Is("Tests:       0 total"),
    Begins("Duration "), Begins("Start at "), Is("Tests  no tests"),
    Begins("# duration_ms "), Is("# todo 0"), Is("# skipped 0"), Is("# cancelled 0"), Is("# fail 0"),
    Begins("Node.js v"), Begins("at "), Begins("code: '"), Begins("requireStack: "), Begins("errors: ["),
    // go
    Is("FAIL"), Begins("exit status "),
    // gradle, maven
    Holds(" actionable task"), Begins("[ERROR] [Help"), Begins("[ERROR] -> [Help"), Begins("[ERROR] Re-run Maven"),
    Begins("[ERROR] To see the full stack trace"), Begins("[ERROR] For more information"), Is("[ERROR]"),
    Is("[INFO]"), Begins("[INFO] Finished at:"), Begins("[INFO] Total time:"),
    // unittest, ruff
    Is("OK"), Holds(" fixable with `--fix"), Holds(" available with `--fix"),
    // ctest, rspec
    Begins("Errors while running CTest"), Begins("Output from these tests are in:"), Begins("Use \"--rerun-failed"),
    Is("The following tests FAILED:"), Begins("Total Test time"),
    Begins("Failed examples:"), Begins("rspec ./"), Begins("Randomized with seed"),
];

/// Summaries that are followed by details, by tool.
#[rustfmt::skip]
const SUMMARIES: &[LinePattern] = &[
    // go, cargo
    Begins("FAIL\t"), Holds(" failed:"),
    // mocha, playwright
    Counts("failing"), Counts("passing"), Counts("failed"),
    // ctest
    Holds("% tests passed, "),
    // java
    Begins("Exception in thread "),
];

/// Details of a preceding summary that aren't indented.
const DETAILS: &[LinePattern] = &[Begins("ok  \t")];

/// Returns the last informative line, without the decorative lines around it and repeated blanks; or the very last
/// line, if none is informative. A summary wins over its details.
pub fn of(lines: &[String]) -> Option<String> {
    let mut last = None;
    let mut says = None;
    for whole in lines.iter().rev() {
        let line = without_dividers(whole);
        if line.is_empty() {
            continue;
        }
        last = last.or(Some(line));
        if is_in(UNINFORMATIVE, line) || is_drawn(line) || is_frame(line) {
            continue;
        }
        if is_in(SUMMARIES, line) || is_thrown(whole) {
            says = Some(line);
            break;
        }
        says = says.or(Some(line));
        if !whole.starts_with([' ', '\t']) && !is_in(DETAILS, line) {
            break;
        }
    }
    let words = says.or(last)?.split_whitespace();
    Some(words.collect::<Vec<&str>>().join(" "))
}

/// Returns the last informative lines, at most `count`, without the decorative lines around them. If there is none, it
/// returns the very last line.
pub fn last_of(lines: &[String], count: usize) -> Vec<&str> {
    let says = |whole: &&String| {
        let line = without_dividers(whole);
        !line.is_empty() && !is_in(UNINFORMATIVE, line) && !is_drawn(line)
    };
    let telling = lines.iter().rev().filter(says).take(count);
    let mut last: Vec<&str> = telling.map(|whole| undecorated(whole)).collect();
    if last.is_empty() {
        last.extend(lines.last().map(String::as_str));
    }
    last.reverse();
    last
}

/// Returns the line without the decorative lines around it; one without them keeps its indent.
fn undecorated(whole: &str) -> &str {
    let line = without_dividers(whole);
    if whole.trim() == line { whole } else { line }
}

fn is_in(table: &[LinePattern], line: &str) -> bool {
    table.iter().any(|known| known.is(line))
}

impl LinePattern {
    fn is(self, line: &str) -> bool {
        match self {
            Begins(start) => line.starts_with(start),
            Is(all) => line == all,
            Holds(part) => line.contains(part),
            Counts(word) => line.split_once(' ').is_some_and(|(number, rest)| {
                let rest = rest.strip_prefix(word);
                number.bytes().all(|byte| byte.is_ascii_digit())
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
            }),
        }
    }
}

/// Whether a line names an error that ended a program: `TypeError: …`. An indented one is a detail of something else.
fn is_thrown(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| {
        let name = name.split(" [").next().unwrap_or_default();
        name.ends_with("Error") && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether a line is a drawing: part of a frame around code, a lone bracket, a row of dots.
fn is_drawn(line: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    numbered.starts_with(is_box) || !line.contains(char::is_alphanumeric)
}

/// Whether a line is a call in a Rust backtrace: `4: app::main`.
fn is_frame(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(number, path)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && path.contains("::")
    })
}

fn is_box(character: char) -> bool {
    matches!(character, '\u{2500}'..='\u{257f}')
}

/// Minimum length of a decorative run, in characters. A shorter one may have a meaning: `--`, `#1`.
const LEAST: usize = 3;

/// Returns `3 failed` for `===== 3 failed =====`.
fn without_dividers(line: &str) -> &str {
    let line = line.trim();
    let run = |rest: &str| {
        let first = rest.chars().next()?;
        let is_rule = is_box(first) || matches!(first, '=' | '-' | '*' | '#' | '_' | '~' | '!');
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
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::claude::last_lines;

    /// Returns the folder with recorded outputs of real tools.
    fn outputs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs")
    }

    fn lines_of(output: &Path) -> Vec<String> {
        last_lines(output, usize::MAX).unwrap()
    }

    /// Each output, as the client ends it, with the line that bg-run reports.
    #[test]
    fn the_most_informative_line_of_real_outputs_is_found() {
        let table = fs::read_to_string(outputs().join("lines.tsv")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("b1.output");
        let mut wrong = Vec::new();
        for row in table.lines() {
            let (name, expected) = row.split_once('\t').unwrap();
            let text = fs::read(outputs().join(format!("{name}.txt"))).unwrap();
            for footer in ["", "\n[exited with code 1]\n"] {
                fs::write(&output, [&text, footer.as_bytes()].concat()).unwrap();
                let found = of(&lines_of(&output)).unwrap_or_default();
                if found != expected {
                    wrong.push(format!("{name}\t{found}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let recorded = fs::read_dir(outputs()).unwrap();
        let recorded = recorded.filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|kind| kind == "txt")
        });
        assert_eq!(recorded.count(), table.lines().count());
    }

    /// A row without a recorded output that needs it has no purpose.
    #[test]
    fn each_row_is_needed_by_a_real_output() {
        let mut lines = Vec::new();
        for entry in fs::read_dir(outputs()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "txt") {
                lines.extend(lines_of(&path));
            }
        }
        for row in [UNINFORMATIVE, SUMMARIES, DETAILS].concat() {
            let is_there = lines.iter().any(|line| row.is(without_dividers(line)));
            assert!(is_there, "{row:?}");
        }
    }

    #[test]
    fn the_last_informative_lines_are_found() {
        for (output, expected) in [
            (
                "===== test session starts =====\ncollected 3 items\n\n",
                &["test session starts", "collected 3 items"][..],
            ),
            ("a\n  b\nmake: Leaving directory 'x'\n-----", &["a", "  b"]),
            ("a\nb\nc\nd", &["b", "c", "d"]),
            ("=====\n.....", &["....."]),
            ("", &[]),
        ] {
            let lines: Vec<String> = output.lines().map(ToOwned::to_owned).collect();
            assert_eq!(last_of(&lines, 3), expected, "{output}");
        }
    }

    #[test]
    fn rules_and_drawings_are_uninformative() {
        for (output, expected) in [
            ("a\n───────────────\n\n", "a"),
            ("a\n......\n}", "a"),
            ("# 1 -- x --", "# 1 -- x --"),
            ("npm error code 1", "npm error code 1"),
            ("=====", ""),
            ("}", "}"),
            ("Error: old\n step 1\nbuilt\n  step 2", "step 2"),
            ("Error: no\n  step 1\n  step 2", "Error: no"),
        ] {
            let lines: Vec<String> = output.lines().map(ToOwned::to_owned).collect();
            assert_eq!(of(&lines).unwrap_or_default(), expected, "{output}");
        }
    }
}
