//! `bg-run history`: the recorded durations per command.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use regex::bytes::RegexBuilder;
use serde::Serialize;

use super::args::{HistoryArgs, Sort};
use super::print;
use crate::folders::CallSite;
use crate::history::store::{HistoryRow, Store};
use crate::history::{Level, Observation, repository_of};
use crate::text::{columns, one_line};

/// Number of a command's newest runs that are shown.
const NEWEST: usize = 3;

/// Maximum length of a command, in characters.
const MAX_COMMAND_LENGTH: usize = 60;

#[derive(Serialize)]
struct CommandSummary {
    command: String,
    runs: u32,
    /// Median duration in seconds.
    median: Option<f32>,
    /// 90th percentile of the durations in seconds.
    p90: Option<f32>,
    /// Durations in seconds, newest first; for a killed run, the time until then.
    seconds: Vec<f32>,
    /// The newest runs with their ends and weights.
    newest: Vec<RecentRun>,
    /// Time of the last run, as RFC 3339.
    last: String,
}

#[derive(Serialize)]
struct RecentRun {
    #[serde(flatten)]
    seen: Observation,
    weight: f64,
}

/// Shows records or deletes them.
pub(super) fn run(wanted: &HistoryArgs) -> Result<ExitCode> {
    let store = Store::own()?;
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    let repository = (!wanted.all).then(|| repository_of(&CallSite::new(&cwd)));
    if wanted.clear {
        store.clear(repository)?;
        return Ok(print_sentence(match repository {
            Some(_) => "The records of this project are deleted",
            None => "All records are deleted",
        }));
    }
    if let Some(pattern) = &wanted.forget {
        // Ignoring case works for ASCII letters only.
        let compile = |unicode| RegexBuilder::new(pattern).unicode(unicode).build();
        let Ok(pattern) = compile(true).or_else(|_| compile(false)) else {
            bail!(
                "`{pattern}` isn't a regular expression; put a backslash before special characters"
            );
        };
        let gone = store.forget(repository, |row| pattern.is_match(row.text.as_bytes()))?;
        return Ok(print_sentence(&match gone {
            0 => "Nothing matches, so nothing is deleted".to_owned(),
            1 => "1 entry is deleted".to_owned(),
            gone => format!("{gone} entries are deleted"),
        }));
    }
    let mut rows = store.rows(repository)?;
    rows.retain(|row| row.level == Level::Core as u8);
    let mut rows: Vec<CommandSummary> = rows.iter().map(CommandSummary::of).collect();
    let median = |row: &CommandSummary| row.median.unwrap_or_default();
    rows.sort_by(|one, other| match wanted.sort {
        Sort::Last => other.last.cmp(&one.last),
        Sort::Runs => other.runs.cmp(&one.runs),
        Sort::Command => one.command.cmp(&other.command),
        Sort::Median => median(other).total_cmp(&median(one)),
    });
    if wanted.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else if rows.is_empty() {
        print::line(
            "There are no records yet; `bg-run learn` reads durations from earlier sessions.",
        );
    } else {
        print!("{}", table(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

fn print_sentence(what: &str) -> ExitCode {
    println!("{what}.");
    ExitCode::SUCCESS
}

impl CommandSummary {
    fn of(row: &HistoryRow) -> Self {
        let seen = &row.observations;
        let last = Timestamp::from_second(i64::from(row.last)).unwrap_or_default();
        let quantile = |share| quantile(seen, share).map(|seen| seen.seconds);
        Self {
            command: row.text.clone(),
            runs: row.runs,
            median: quantile(0.5),
            p90: quantile(0.9),
            seconds: seen.iter().map(|seen| seen.seconds).collect(),
            newest: seen.iter().copied().map(RecentRun::of).collect(),
            last: last.to_string(),
        }
    }
}

impl RecentRun {
    fn of(seen: Observation) -> Self {
        Self {
            seen,
            weight: seen.weight(),
        }
    }

    /// Formats a run: `0.9 s (failed), counts 0.25`.
    fn shown(&self) -> String {
        match self.weight {
            weight if weight < 1.0 => format!("{}, counts {weight}", self.seen),
            _ => self.seen.to_string(),
        }
    }
}

/// Returns a quantile of the observations that count.
pub(super) fn quantile(seen: &[Observation], share: f64) -> Option<Observation> {
    let counted = seen.iter().copied().filter(|seen| seen.weight() > 0.0);
    let mut sorted: Vec<Observation> = counted.collect();
    sorted.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of a short list"
    )]
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied()
}

fn table(rows: &[CommandSummary]) -> String {
    let title = ["COMMAND", "RUNS", "MEDIAN", "90 %", "LAST", "NEWEST"].map(ToOwned::to_owned);
    let seconds = |seconds: Option<f32>| {
        seconds.map_or_else(|| "-".to_owned(), |it| Observation::success(it).to_string())
    };
    let cells = rows.iter().map(|row| {
        let newest = row.newest.iter().take(NEWEST).map(RecentRun::shown);
        vec![
            one_line(&row.command, MAX_COMMAND_LENGTH),
            row.runs.to_string(),
            seconds(row.median),
            seconds(row.p90),
            row.last.chars().take(10).collect(),
            newest.collect::<Vec<_>>().join("; "),
        ]
    });
    columns(
        &[title.to_vec()]
            .into_iter()
            .chain(cells)
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::RunEnd;

    #[test]
    fn quantiles_ignore_runs_that_do_not_count() {
        let seen = |seconds: &[f32]| seconds.iter().copied().map(Observation::success).collect();
        let of = |seen: Vec<Observation>, share| quantile(&seen, share).map(|seen| seen.seconds);
        assert_eq!(of(seen(&[5.0, 1.0, 4.0, 2.0, 3.0]), 0.5), Some(3.0));
        assert_eq!(of(seen(&[5.0, 1.0, 4.0, 2.0, 3.0]), 0.9), Some(5.0));
        assert_eq!(of(seen(&[7.0]), 0.5), Some(7.0));
        assert_eq!(of(seen(&[]), 0.9), None);
        let mut cut = Observation::success(1.0);
        cut.end = RunEnd::CutOff;
        assert_eq!(of(vec![cut], 0.5), None);
    }
}
