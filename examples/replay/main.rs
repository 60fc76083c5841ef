//! Sends calls with known durations through the very decision and store, in the order of their time.
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
use bg_run::history::store::{Key, Observation, Store};
use bg_run::history::{Limit, NO_RULE, repository_named};
use bg_run::rules::Rules;
use bg_run::text;
use calls::Row;
use clap::Parser;
use serde::Serialize;
use tally::{LIMIT, Tally};

/// Replay calls with known durations through bg-run's decision
#[derive(Parser)]
struct Options {
    /// Calls, one JSON object a line, gzip or plain
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the share of long calls per rule, as the program has it built in
    #[arg(long, conflicts_with = "json")]
    shares: bool,
}

/// Counts of each way of deciding.
#[derive(Default)]
struct Tallies {
    rules: Tally,
    history: Tally,
    both: Tally,
    /// By matching rule: the rules alone, and history with the limit.
    by_rule: BTreeMap<String, [Tally; 2]>,
    /// By project: history with the limit.
    by_project: BTreeMap<String, Tally>,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    both: &'a Tally,
    rules: &'a Tally,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let tallies = replay(&calls::read(&options.files)?)?;
    let text = if options.json {
        let report = Report {
            both: &tallies.both,
            rules: &tallies.rules,
        };
        serde_json::to_string_pretty(&report)? + "\n"
    } else if options.shares {
        shares(&tallies)
    } else {
        table(&tallies)
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn replay(rows: &[Row]) -> Result<Tallies> {
    let rules = Rules::built_in();
    let folder = tempfile::tempdir().context("there is no folder for a store")?;
    let store = Store::in_folder(folder.path())?;
    let mut tallies = Tallies::default();
    for row in rows {
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
            let (seconds, now) = (seconds as f32, row.t as u32);
            let observation = Observation {
                seconds,
                at_least: row.lower_bound || row.timed_out,
            };
            store.record(&keys.borrow(), observation, now)?;
        }
    }
    Ok(tallies)
}

/// The decision about a call, with what is known of its like where there is a limit or none, else by the rules alone.
fn decided(
    row: &Row,
    rules: &Rules,
    known: &dyn Fn(&[Key]) -> Vec<bg_run::history::store::Known>,
    limit: Option<Limit>,
) -> Decision {
    let permissions = PermissionRules::default;
    let history = limit.map(|limit| History {
        repository: repository_named(&[&row.project, &row.machine]),
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
    };
    decide(call, rules, &context)
}

impl Tallies {
    /// `moved`: by the rules alone, by history alone, by history with the limit.
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
    [first, "moved", "short", "< 5 s", "precision", "recall", "blocked s"]
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
    let all_long = rules.long as f64 * LIMIT;
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
