//! Sends calls with known durations through the actual decision and store, in chronological order.
//!
//! `cargo run --release --example replay -- [--json] CALLS.jsonl.gz`

mod calls;
mod tally;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, Decision, History, Outcome, decide};
use bg_run::foreground_limit::LIMIT;
use bg_run::history::store::{Key, Run, Store};
use bg_run::history::{Limit, NO_RULE, Observation, PastRuns, RunEnd, repository_named};
use bg_run::rules::Rules;
use bg_run::text;
use calls::Row;
use clap::Parser;
use serde::Serialize;
use tally::Tally;

/// Replay calls with known durations through bg-run's decision
#[derive(Parser)]
struct Options {
    /// Calls, one JSON object per line, gzip or plain
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the share of long calls per rule, in the format that the program embeds
    #[arg(long, conflicts_with = "json")]
    shares: bool,
}

/// Counts for each way of deciding.
#[derive(Default)]
struct Tallies {
    rules: Tally,
    history: Tally,
    both: Tally,
    /// By matching rule: for the rules alone, and for history with the limit.
    by_rule: BTreeMap<String, [Tally; 2]>,
    /// By project: for history with the limit.
    by_project: BTreeMap<String, Tally>,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    both: &'a Tally,
    rules: &'a Tally,
}

fn main() -> Result<()> {
    let report = run(&Options::parse())?;
    io::stdout().write_all(report.as_bytes())?;
    Ok(())
}

fn run(options: &Options) -> Result<String> {
    let tallies = replay(&calls::read(&options.files)?)?;
    Ok(if options.json {
        let report = Report {
            both: &tallies.both,
            rules: &tallies.rules,
        };
        serde_json::to_string_pretty(&report)? + "\n"
    } else if options.shares {
        shares(&tallies)
    } else {
        table(&tallies)
    })
}

fn replay(rows: &[Row]) -> Result<Tallies> {
    let rules = Rules::built_in();
    let folder = tempfile::tempdir().context("there is no folder for a store")?;
    let store = Store::in_folder(folder.path())?;
    let mut tallies = Tallies::default();
    for (call, row) in (0..).zip(rows) {
        let Some(seconds) = row.seconds.filter(|seconds| seconds.is_finite()) else {
            continue;
        };
        let keys = RefCell::new(Vec::new());
        let known = |asked: &[Key]| {
            asked.clone_into(&mut keys.borrow_mut());
            store.known(asked).unwrap_or_default()
        };
        let by = |limit: Option<Limit>| decided(row, &rules, &known, limit);
        let both = by(Some(Limit::InForce));
        if row.is_judged() {
            let alone = by(None);
            let decisions = [&alone, &by(Some(Limit::None)), &both];
            let moved = decisions.map(|decision| decision.outcome == Outcome::Background);
            tallies.add(row, alone.rule.as_deref(), seconds, moved);
        }
        if row.is_learnt_from() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the store clamps"
            )]
            let (seconds, at) = (seconds as f32, row.t as u32);
            let end = if row.lower_bound || row.timed_out {
                RunEnd::CutOff
            } else {
                RunEnd::Success
            };
            store.record(&Run {
                keys: keys.take(),
                observation: Observation { seconds, end },
                at,
                call,
            })?;
        }
    }
    Ok(tallies)
}

/// Returns the decision about a call: by past runs if there is a `limit`, or else by the rules alone.
fn decided(
    row: &Row,
    rules: &Rules,
    known: &dyn Fn(&[Key]) -> Vec<PastRuns>,
    limit: Option<Limit>,
) -> Decision {
    let permissions = PermissionRules::default;
    let repository = || repository_named(&[&row.project, &row.machine]);
    let history = limit.map(|limit| History {
        repository: &repository,
        known,
        limit,
    });
    let context = Context {
        history,
        ..Context::ordinary(&permissions)
    };
    let call = Call {
        command: &row.command,
        run_in_background: row.asked_background,
        ..Call::default()
    };
    decide(call, rules, &context)
}

impl Tallies {
    /// Adds a call. `moved` contains the decisions by the rules alone, by history alone, and by history with the
    /// limit.
    fn add(&mut self, row: &Row, rule: Option<&str>, seconds: f64, moved: [bool; 3]) {
        let [rules, history, both] = moved;
        self.rules.add(seconds, rules);
        self.history.add(seconds, history);
        self.both.add(seconds, both);
        let rule = rule.unwrap_or(NO_RULE).to_owned();
        let [alone, with] = self.by_rule.entry(rule).or_default();
        alone.add(seconds, rules);
        with.add(seconds, both);
        let project = self.by_project.entry(row.project.clone()).or_default();
        project.add(seconds, both);
    }
}

fn head(first: &str) -> Vec<String> {
    [
        first,
        "moved",
        "short",
        "< 5 s",
        "precision",
        "recall",
        "blocked s",
    ]
    .map(ToOwned::to_owned)
    .to_vec()
}

fn table(tallies: &Tallies) -> String {
    let Tallies {
        rules,
        history,
        both,
        by_rule,
        by_project,
    } = tallies;
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    let all_long = rules.long as f64 * LIMIT.as_secs_f64();
    let nothing = Tally {
        long: rules.long,
        ..Tally::default()
    };
    let ways = [
        head("way"),
        rules.cells("rules alone", rules.blocked_seconds),
        rules.cells("rules and limit", rules.blocked_seconds_limit),
        nothing.cells("limit alone", all_long),
        history.cells("history alone", history.blocked_seconds),
        both.cells("history and limit", both.blocked_seconds_limit),
    ];
    let mut kinds = vec![head("kind: rules alone, then history and limit")];
    for (name, [alone, with]) in by_rule {
        if alone.moved + alone.long + with.moved > 0 {
            kinds.push(alone.cells(name, alone.blocked_seconds));
            kinds.push(with.cells("", with.blocked_seconds_limit));
        }
    }
    format!(
        "{} calls, {} of them of 30 s or more\n\n{}\n{}\n{}",
        rules.calls,
        rules.long,
        text::columns(&ways),
        tally::by_project(by_project),
        text::columns(&kinds)
    )
}

fn shares(tallies: &Tallies) -> String {
    let mut text = "# rule\tcalls\tof 30 s or more: foreground calls of public projects, made by scripts/shares\n".to_owned();
    for (rule, [alone, _]) in &tallies.by_rule {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{rule}\t{}\t{}", alone.calls, alone.long);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(rows: &str, arguments: &[&str]) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("calls.jsonl");
        std::fs::write(&path, rows)?;
        let words = ["replay", path.to_str().unwrap()];
        run(&Options::parse_from([&words, arguments].concat()))
    }

    fn rows() -> String {
        let row = |t: u32, command: &str, seconds: f64| {
            serde_json::json!({
                "project": "p", "machine": "m", "t": t, "command": command, "seconds": seconds, "quality": "measured",
            })
        };
        let quick = (0..10).map(|t| row(t, "pytest", 2.0));
        let slow = (10..20).map(|t| row(t, "./eval", 200.0));
        let rows: Vec<String> = quick.chain(slow).map(|row| row.to_string()).collect();
        rows.join("\n")
    }

    #[test]
    fn the_report_meets_its_contract() {
        let report = replayed(&rows(), &["--json"]).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["calls"], 20);
        assert_eq!(report["long"], 10);
        assert_eq!(report["rules"]["moved"], 10);
        assert_eq!(report["rules"]["moved_short_under_5s"], 10);
        assert_eq!(report["rules"]["blocked_seconds"], 2000.0);
        // The rule's call once, and the unknown call as soon as it is known.
        assert_eq!(report["moved_short"], 1);
        assert_eq!(report["moved"], 10);
        assert_eq!(report["blocked_seconds_limit"], 30.0);
    }

    #[test]
    fn tables_and_shares_are_of_all_calls() {
        let text = replayed(&rows(), &[]).unwrap();
        assert!(text.contains("rules and limit"), "{text}");
        assert!(
            text.contains("precision 0.90 as the mean over the 1 with moves"),
            "{text}"
        );
        let text = replayed(&rows(), &["--shares"]).unwrap();
        assert!(
            text.contains("\n-\t10\t10\npython-tests\t10\t0\n"),
            "{text}"
        );
    }

    #[test]
    fn a_line_that_is_no_call_is_named() {
        let error = replayed("{}\n", &[]).unwrap_err().to_string();
        assert!(error.contains("calls.jsonl:1: not a call"), "{error}");
    }
}
