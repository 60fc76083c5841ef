//! The differences that the edits allow between a command and its rewrite.

use std::collections::BTreeSet;

use bg_run::rewrite::{EditKind, PlannedEdit};

use crate::run::Run;
use crate::stub::{Noted, OPTIONS};

pub(crate) enum Verdict {
    /// There is nothing to compare.
    NotEdited,
    Same,
    /// The command isn't valid in bash, never ends, or differs from run to run.
    NotComparable,
    /// The difference, with both commands.
    Different(String),
}

/// Whether a line shows the command's text or the time: `set -x`, `time -p`, `set` with the shell's own variables.
pub(crate) fn is_noise(line: &str) -> bool {
    const STARTS: &[&str] = &["+", "real ", "user ", "sys ", "BASH_", "_="];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// bash counts lines differently if it skips a fork.
pub(crate) fn without_line_number(line: &str) -> String {
    match line
        .strip_prefix("sh: line ")
        .and_then(|rest| rest.split_once(':'))
    {
        Some((_, rest)) => format!("sh:{rest}"),
        None => line.to_owned(),
    }
}

/// The differences that the edits allow.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each kind of difference"
)]
struct Allowed {
    variable: bool,
    marker: bool,
    options: bool,
    tail: bool,
}

impl Allowed {
    fn by(edits: &[PlannedEdit]) -> Self {
        let has = |kind| edits.iter().any(|planned| planned.kind == kind);
        Self {
            variable: has(EditKind::UnbufferedVariable),
            marker: has(EditKind::TakeOutMarker),
            options: has(EditKind::UnbufferedOption) || has(EditKind::LineBuffered),
            tail: has(EditKind::DropTail),
        }
    }

    /// Returns a call without the allowed differences.
    fn plain(&self, noted: &Noted) -> Noted {
        let mut noted = noted.clone();
        if self.variable {
            noted.environment.remove("PYTHONUNBUFFERED");
        }
        if self.marker {
            noted.environment.remove("BG_RUN");
        }
        if self.options {
            let argv = std::mem::take(&mut noted.argv);
            let kept = argv.iter().enumerate().filter(|(at, word)| {
                !OPTIONS.contains(&word.as_str()) || *word == "-u" && !is_ours(&argv, *at)
            });
            noted.argv = kept.map(|(_, word)| word.clone()).collect();
        }
        noted
    }
}

/// Whether the `-u` at this index belongs to an interpreter or `sed`, not to an image or value with such a name.
fn is_ours(argv: &[String], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| argv.get(before)) else {
        return false;
    };
    let name = before.rsplit('/').next().unwrap_or_default();
    let is_interpreter = name.starts_with("python") && Some(at - 1) != image_at(argv);
    name == "sed" || is_interpreter && !is_value(argv, at - 1)
}

/// The generator's options that take the next word.
const WITH_VALUE: &[&str] = &[
    "--net",
    "--new-option",
    "-e",
    "-u",
    "-s",
    "--with",
    "-n",
    "-k",
    "-I",
];

fn is_value(argv: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| argv.get(before));
    before.is_some_and(|before| WITH_VALUE.contains(&before.as_str()))
}

/// Returns the index of `docker run`'s image, or of `docker exec`'s container.
fn image_at(argv: &[String]) -> Option<usize> {
    let is_docker = argv.first()?.rsplit('/').next() == Some("docker");
    let places = 2..argv.len();
    let mut operands = places.filter(|at| !argv[*at].starts_with('-') && !is_value(argv, *at));
    is_docker.then(|| operands.next())?
}

/// Returns a difference between the runs that isn't allowed; `None` if there is none.
pub(crate) fn difference(original: &Run, edited: &Run, edits: &[PlannedEdit]) -> Option<String> {
    let allowed = Allowed::by(edits);
    let calls = |run: &Run| -> Vec<Noted> {
        let mut calls: Vec<Noted> = run.noted.iter().map(|noted| allowed.plain(noted)).collect();
        calls.sort();
        calls
    };
    let (mut before, after) = (calls(original), calls(edited));
    if allowed.tail {
        // A path to a `tail` is another program.
        let is_tail = |call: &Noted| call.argv[0] == "tail";
        let kept = after.iter().filter(|call| is_tail(call)).count();
        let all = before.iter().filter(|call| is_tail(call)).count();
        if kept < all {
            // Calls of another `tail` are among the remaining ones.
            before.retain(|call| !is_tail(call) || after.contains(call));
        }
    }
    if before != after {
        let only = |these: &[Noted], those: &[Noted]| -> Vec<Noted> {
            these
                .iter()
                .filter(|call| !those.contains(call))
                .cloned()
                .collect()
        };
        return Some(format!(
            "calls differ\n  only before: {:?}\n  only after: {:?}",
            only(&before, &after),
            only(&after, &before)
        ));
    }
    if original.files != edited.files {
        return Some(format!(
            "files differ\n  {:?}\n  {:?}",
            original.files, edited.files
        ));
    }
    if original.status != edited.status && !allowed.tail {
        return Some(format!(
            "exit status {:?} became {:?}",
            original.status, edited.status
        ));
    }
    let differs = if allowed.tail {
        let own = |line: &&String| !line.starts_with("tail ");
        let before: BTreeSet<&String> = original.lines.iter().filter(own).collect();
        !before.is_subset(&edited.lines.iter().collect())
    } else {
        original.lines != edited.lines
    };
    differs.then(|| {
        format!(
            "output differs\n  {:?}\n  {:?}",
            original.lines, edited.lines
        )
    })
}
