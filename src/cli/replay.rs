//! `bg-run replay`: calls whose durations are known go through the very decision and store, in the order of their time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::claude::permissions::PermissionRules;
use crate::decision::{Call, Context, History, Outcome, decide};
use crate::history::store::{Key, Observation, Store};
use crate::history::{LONG, Limit, NO_RULE, repository_named};
use crate::rules::Rules;
use crate::text;

/// A call counts as blocking for so long at most, in seconds.
const MOST: f64 = 600.0;

/// After so many seconds the client moves a call, where the limit is in force.
const LIMIT: f64 = 30.0;

/// Longer lines are no calls, in bytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// A call as it was measured: a line of JSON.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the columns are the data's")]
struct Row {
    #[serde(default)]
    project: String,
    #[serde(default)]
    machine: String,
    /// Seconds since the project's first call.
    #[serde(default)]
    t: f64,
    command: String,
    seconds: Option<f64>,
    #[serde(default)]
    quality: String,
    #[serde(default)]
    lower_bound: bool,
    #[serde(default)]
    timed_out: bool,
    #[serde(default)]
    background: bool,
    #[serde(default)]
    asked_background: bool,
}

impl Row {
    /// Whether its duration is good enough to judge a decision by.
    fn is_judged(&self) -> bool {
        let is_sure = matches!(self.quality.as_str(), "measured" | "timestamps");
        is_sure && !self.background && !self.asked_background
    }
}

/// What a way of deciding did.
#[derive(Debug, Default, Clone, Serialize)]
struct Tally {
    calls: usize,
    /// Of 30 s or more.
    long: usize,
    moved: usize,
    moved_short: usize,
    moved_short_under_5s: usize,
    /// By long calls that stayed.
    blocked_seconds: f64,
    /// The same where the client moves them at the limit.
    blocked_seconds_limit: f64,
}

impl Tally {
    fn add(&mut self, seconds: f64, moved: bool) {
        let long = seconds >= f64::from(LONG);
        self.calls += 1;
        self.long += usize::from(long);
        if moved {
            self.moved += 1;
            self.moved_short += usize::from(!long);
            self.moved_short_under_5s += usize::from(seconds < 5.0);
        } else if long {
            self.blocked_seconds += seconds.min(MOST);
            self.blocked_seconds_limit += LIMIT;
        }
    }

    fn cells(&self, name: &str, blocked: f64) -> Vec<String> {
        let right = self.moved - self.moved_short;
        let share = |of: usize| match of {
            0 => "-".to_owned(),
            #[expect(clippy::cast_precision_loss, reason = "counts of calls")]
            of => format!("{:.2}", right as f64 / of as f64),
        };
        vec![
            name.to_owned(),
            self.moved.to_string(),
            self.moved_short.to_string(),
            self.moved_short_under_5s.to_string(),
            share(self.moved),
            share(self.long),
            format!("{blocked:.0}"),
        ]
    }
}

/// The ways that are compared.
#[derive(Default)]
struct Tallies {
    rules: Tally,
    history: Tally,
    both: Tally,
    /// By the rule that matches: the rules alone, and history with the limit.
    by_rule: BTreeMap<String, [Tally; 2]>,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    both: &'a Tally,
    rules: &'a Tally,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Print {
    Table,
    Json,
    /// The shares of long calls per rule, as the program has them built in.
    Shares,
}

/// Replays the calls in the file at `path`.
pub(super) fn run(path: &Path, print: Print) -> Result<ExitCode> {
    let tallies = replay(&read(path)?)?;
    let text = match print {
        Print::Json => {
            let report = Report {
                both: &tallies.both,
                rules: &tallies.rules,
            };
            serde_json::to_string_pretty(&report)? + "\n"
        }
        Print::Table => table(&tallies),
        Print::Shares => shares(&tallies),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
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
        let repository = repository_named(&[&row.project, &row.machine]);
        let by = |limit: Option<Limit>| {
            let permissions = PermissionRules::default;
            let history = limit.map(|limit| History {
                repository,
                known: &known,
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
            decide(call, &rules, &context)
        };
        if row.is_judged() {
            let alone = by(None);
            let moved = [
                alone.outcome,
                by(Some(Limit::None)).outcome,
                by(Some(Limit::InForce)).outcome,
            ];
            let moved = moved.map(|outcome| outcome == Outcome::Background);
            tallies.add(alone.rule.as_deref(), seconds, moved);
        } else {
            by(Some(Limit::InForce));
        }
        if row.quality != "weak" {
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

impl Tallies {
    /// `moved`: by the rules alone, by history alone, by history with the limit.
    fn add(&mut self, rule: Option<&str>, seconds: f64, moved: [bool; 3]) {
        let [rules, history, both] = moved;
        self.rules.add(seconds, rules);
        self.history.add(seconds, history);
        self.both.add(seconds, both);
        let rule = rule.unwrap_or(NO_RULE).to_owned();
        let [alone, with] = self.by_rule.entry(rule).or_default();
        alone.add(seconds, rules);
        with.add(seconds, both);
    }
}

fn table(tallies: &Tallies) -> String {
    let head = |first: &str| {
        let rest = [
            "moved",
            "short",
            "< 5 s",
            "precision",
            "recall",
            "blocked s",
        ];
        [first]
            .iter()
            .chain(&rest)
            .map(ToString::to_string)
            .collect()
    };
    let Tallies {
        rules,
        history,
        both,
        by_rule,
    } = tallies;
    let nothing = Tally {
        blocked_seconds_limit: f64::from(u32::try_from(rules.long).unwrap_or(u32::MAX)) * LIMIT,
        long: rules.long,
        ..Tally::default()
    };
    let ways = [
        head("way"),
        rules.cells("rules alone", rules.blocked_seconds),
        nothing.cells("limit alone", nothing.blocked_seconds_limit),
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
    #[expect(clippy::cast_precision_loss, reason = "counts of calls")]
    let wrong = both.moved_short as f64 / rules.moved_short.max(1) as f64;
    let blocked = both.blocked_seconds_limit / rules.blocked_seconds.max(1.0);
    format!(
        "{} calls, {} of them of 30 s or more\n\n{}\n\
         wrong moves {wrong:.3} of those by the rules alone, blocked {blocked:.3}\n\n{}",
        rules.calls,
        rules.long,
        text::columns(&ways),
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

/// The calls in the order of their time, per machine.
fn read(path: &Path) -> Result<Vec<Row>> {
    let why = || format!("{} can't be read", path.display());
    let mut file = BufReader::new(File::open(path).with_context(why)?);
    let is_gzip = file
        .fill_buf()
        .with_context(why)?
        .starts_with(&[0x1f, 0x8b]);
    let mut file: Box<dyn BufRead> = if is_gzip {
        Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if length.with_context(why)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(row) => rows.push(row),
            Err(error) => bail!(
                "{}:{number}: not a call with `command` and `seconds`: {error}",
                path.display()
            ),
        }
    }
    rows.sort_by(|one, other| {
        let by_machine = one.machine.cmp(&other.machine);
        by_machine.then(one.t.total_cmp(&other.t))
    });
    Ok(rows)
}
