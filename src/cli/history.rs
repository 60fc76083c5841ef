//! `bg-run history`: what was measured per command.

use std::cmp::Reverse;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use regex::Regex;
use serde::Serialize;

use super::args::{HistoryArgs, Sort};
use crate::folders::CallSite;
use crate::history::store::{Row, Store};
use crate::history::{Level, repository_of};
use crate::text::{columns, one_line};

/// How much of a command is shown, in characters.
const SHOWN: usize = 60;

#[derive(Serialize)]
struct Shown {
    command: String,
    runs: u32,
    /// In seconds, as the next two.
    median: f32,
    p90: f32,
    /// The newest first; of those that were killed, what they took until then.
    seconds: Vec<f32>,
    /// RFC 3339.
    last: String,
}

/// Shows, or forgets.
pub(super) fn run(wanted: &HistoryArgs) -> Result<ExitCode> {
    let store = Store::own()?;
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    let repository = (!wanted.all).then(|| repository_of(&CallSite::new(&cwd).project));
    let is_here = |row: &Row| repository.is_none_or(|one| row.repository == one);
    if wanted.clear && repository.is_none() {
        store.clear()?;
        return Ok(said("All that was measured is forgotten"));
    }
    if wanted.clear {
        let gone = store.forget(is_here)?;
        return Ok(said(&format!(
            "{gone} entries of this project are forgotten"
        )));
    }
    if let Some(pattern) = &wanted.forget {
        let Ok(pattern) = Regex::new(pattern) else {
            bail!(
                "`{pattern}` is no regular expression; put a backslash before what is meant as it stands"
            );
        };
        let gone = store.forget(|row| is_here(row) && pattern.is_match(&row.text))?;
        return Ok(said(&format!("{gone} entries are forgotten")));
    }
    let mut rows = store.rows(repository)?;
    rows.retain(|row| row.level == Level::Core as u8);
    let mut rows: Vec<Shown> = rows.iter().map(Shown::of).collect();
    match wanted.sort {
        Sort::Last => rows.sort_by_key(|row| Reverse(row.last.clone())),
        Sort::Runs => rows.sort_by_key(|row| Reverse(row.runs)),
        Sort::Command => rows.sort_by(|one, other| one.command.cmp(&other.command)),
        Sort::Median => rows.sort_by(|one, other| other.median.total_cmp(&one.median)),
    }
    if wanted.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else if rows.is_empty() {
        println!(
            "Nothing was measured here yet; `bg-run learn` reads how long earlier sessions' commands took."
        );
    } else {
        print!("{}", table(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

fn said(what: &str) -> ExitCode {
    println!("{what}.");
    ExitCode::SUCCESS
}

impl Shown {
    fn of(row: &Row) -> Self {
        let seconds: Vec<f32> = row.observations.iter().map(|seen| seen.seconds).collect();
        let last = Timestamp::from_second(i64::from(row.last)).unwrap_or_default();
        Self {
            command: row.text.clone(),
            runs: row.runs,
            median: quantile(&seconds, 0.5),
            p90: quantile(&seconds, 0.9),
            seconds,
            last: last.to_string(),
        }
    }
}

/// The smallest of `seconds` that so large a share of them isn't above.
pub(super) fn quantile(seconds: &[f32], share: f64) -> f32 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f32::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of a short list"
    )]
    let at = (share * sorted.len() as f64).ceil() as usize;
    let found = sorted.get(at.saturating_sub(1));
    found.copied().unwrap_or_default()
}

fn table(rows: &[Shown]) -> String {
    let title = ["COMMAND", "RUNS", "MEDIAN", "90 %", "LAST"].map(ToOwned::to_owned);
    let cells = rows.iter().map(|row| {
        vec![
            one_line(&row.command, SHOWN),
            row.runs.to_string(),
            seconds(row.median),
            seconds(row.p90),
            row.last.chars().take(10).collect(),
        ]
    });
    columns(
        &[title.to_vec()]
            .into_iter()
            .chain(cells)
            .collect::<Vec<_>>(),
    )
}

/// `2.1 s`, `140 s`.
pub(super) fn seconds(seconds: f32) -> String {
    if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.0} s")
    }
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_of_what_was_seen() {
        let seen = [5.0, 1.0, 4.0, 2.0, 3.0];
        let found = [
            quantile(&seen, 0.5),
            quantile(&seen, 0.9),
            quantile(&[7.0], 0.5),
            quantile(&[], 0.9),
        ];
        assert!(
            found
                .iter()
                .zip([3.0, 5.0, 7.0, 0.0])
                .all(|(one, other)| (one - other).abs() < 0.01),
            "{found:?}"
        );
    }
}
