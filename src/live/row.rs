//! A task as the view shows it: its state in words, and its numbers.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::claude::last_lines;
use crate::config::View;
use crate::programs::summary;
use crate::tasks::durations;
use crate::tasks::output_size;
use crate::tasks::record::TaskRecord;
use crate::tasks::status::Status;
use crate::text::{format_duration, one_line};

/// Maximum number of last lines that are shown.
const MAX_LINES: usize = 5;

/// Maximum length of a line, in characters.
const MAX_LINE_LENGTH: usize = 200;

/// Multiple of the usual duration from which a task takes far longer than usual.
const FAR_OVER: f32 = 2.0;

/// Minimum delay after which a task counts as late, however short it usually is.
const MIN_DELAY: Duration = Duration::from_secs(30);

/// A task in the output of `bg-run watch --json`. Fields with the same name mean the same as in `bg-run tasks --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskRow {
    /// The client's id.
    pub id: String,
    /// The name as shown to the user.
    pub name: String,
    /// `running`, or the kind of end.
    pub state: &'static str,
    /// The exit status, if known.
    pub exit: Option<i32>,
    /// The state in a word or two.
    pub status: String,
    /// Time at which its command began.
    pub started: Timestamp,
    /// Whole seconds of its run so far or in total.
    pub seconds: u64,
    /// Usual duration of such a task, in seconds.
    pub usual_seconds: Option<f32>,
    /// The duration so far or the end: `40 s of about 2 min`, `✓ 4 min`.
    pub summary: String,
    /// Whether it takes far longer than usual.
    pub over: bool,
    /// The last informative lines of its output, cleaned.
    pub lines: Vec<String>,
    /// Size of its output in bytes, from 100 MB on.
    pub size: Option<u64>,
    /// The place where the view shows it.
    pub view: View,
}

impl TaskRow {
    /// Creates the row of a task in this state. `ran` is given for an ended task; `usual` is the usual duration of
    /// such a task in seconds.
    pub fn new(
        record: &TaskRecord,
        status: Status,
        ran: Option<Duration>,
        usual: Option<f32>,
        view: View,
    ) -> Self {
        let started = record.began();
        let now = || Duration::try_from(Timestamp::now().duration_since(started)).ok();
        let ran = ran.or_else(now).unwrap_or_default();
        let file = record.file();
        let size = file.and_then(output_size::if_large);
        let shown = size.map_or_else(String::new, |size| {
            format!(", {}", output_size::shown(size))
        });
        let lines = file.and_then(|file| last_lines(file, usize::MAX).ok());
        let lines = lines.unwrap_or_default();
        let lines = summary::last_of(&lines, MAX_LINES);
        let status_of = record.status_of.as_deref();
        Self {
            id: record.id.clone(),
            name: record.name(),
            state: status.state(status_of),
            exit: status.exit(),
            status: status.label(status_of),
            started,
            seconds: ran.as_secs(),
            usual_seconds: usual,
            summary: summarized(status, status_of, ran, usual) + &shown,
            over: status == Status::Running && is_far_over(ran, usual),
            lines: lines.into_iter().map(clean).collect(),
            size,
            view,
        }
    }

    /// Whether the task is running.
    pub fn is_running(&self) -> bool {
        self.state == Status::Running.state(None)
    }

    /// Formats the task in one line for a status line.
    pub fn line(&self) -> String {
        let last = self
            .lines
            .last()
            .map_or_else(String::new, |last| format!("  {last}"));
        format!("{}: {}{last}", self.name, self.summary)
    }
}

/// Cleans a line: a tab becomes blanks, and other control characters go.
fn clean(line: &str) -> String {
    let line = line.replace('\t', "    ");
    let indent = line.len() - line.trim_start().len();
    let indent = indent.min(MAX_LINE_LENGTH / 2);
    format!(
        "{}{}",
        " ".repeat(indent),
        one_line(&line, MAX_LINE_LENGTH - indent)
    )
}

fn is_far_over(ran: Duration, usual: Option<f32>) -> bool {
    usual.is_some_and(|usual| {
        ran.as_secs_f32() > usual * FAR_OVER && ran.as_secs_f32() > usual + MIN_DELAY.as_secs_f32()
    })
}

fn summarized(
    status: Status,
    status_of: Option<&str>,
    ran: Duration,
    usual: Option<f32>,
) -> String {
    if status == Status::Running {
        return durations::so_far(ran, usual);
    }
    let ran = format_duration(ran);
    let usual = durations::usual(usual)
        .map_or_else(String::new, |usual| format!(" (usually about {usual})"));
    let label = status.label(status_of);
    match status {
        Status::Done if status_of.is_none() => format!("✓ {ran}{usual}"),
        Status::Lost | Status::Detached => format!("ended, {ran}{usual}"),
        Status::Done => format!("{label}, {ran}{usual}"),
        _ => format!("✗ {label}, {ran}{usual}"),
    }
}
