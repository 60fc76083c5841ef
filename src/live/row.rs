//! One task in the words and numbers that the view shows.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::claude::last_lines;
use crate::config::View;
use crate::tasks::durations;
use crate::tasks::output_size;
use crate::tasks::record::TaskRecord;
use crate::tasks::status::Status;
use crate::text::{one_line, span};

/// At most so many of the last lines are shown.
const LINES: usize = 5;

/// At most so many characters of a line are shown.
const WIDTH: usize = 200;

/// A task takes far longer than usual from this many times its usual time on.
const FAR_OVER: f32 = 2.0;

/// A task takes no longer than usual before it is this late, however short it usually is.
const LATE: Duration = Duration::from_secs(30);

/// A task, as `bg-run watch --json` tells it. The names are those of `bg-run tasks --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The client's name for it.
    pub id: String,
    /// The name that people know it by.
    pub name: String,
    /// `running`, or how it ended.
    pub state: &'static str,
    /// The exit status, where it is known.
    pub exit: Option<i32>,
    /// The state in a word or two.
    pub status: String,
    /// When its command began.
    pub started: Timestamp,
    /// Whole seconds that it has run, or ran.
    pub seconds: u64,
    /// The usual time of such a task, in seconds.
    pub usual_seconds: Option<f32>,
    /// How long it runs, or its end: `40 s of about 2 min`, `✓ 4 min`.
    pub summary: String,
    /// It takes far longer than usual.
    pub over: bool,
    /// The last lines of its output, clean.
    pub lines: Vec<String>,
    /// The bytes of its output, from 100 MB on.
    pub size: Option<u64>,
    /// Where the view shows it.
    pub view: View,
}

impl Row {
    /// The task of this record, in this state. `ran` is known for one that has ended; `usual` is the usual time of such a
    /// task in seconds.
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
        let lines = file.and_then(|file| last_lines(file, LINES).ok());
        let lines = lines.unwrap_or_default();
        let status_of = record.status_of.as_deref();
        Self {
            id: record.id.clone(),
            name: record.name(),
            state: status.state(status_of),
            exit: status.exit(),
            status: status.words(status_of),
            started,
            seconds: ran.as_secs(),
            usual_seconds: usual,
            summary: summary(status, status_of, ran, usual) + &shown,
            over: status == Status::Running && is_far_over(ran, usual),
            lines: lines.iter().map(|line| clean(line)).collect(),
            size,
            view,
        }
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.state == Status::Running.state(None)
    }

    /// The task in one line, for a status line.
    pub fn line(&self) -> String {
        let last = self
            .lines
            .last()
            .map_or_else(String::new, |last| format!("  {last}"));
        format!("{}: {}{last}", self.name, self.summary)
    }
}

/// A tabulator's place is kept; other characters that a terminal acts on are gone.
fn clean(line: &str) -> String {
    let line = line.replace('\t', "    ");
    let indent = line.len() - line.trim_start().len();
    let indent = indent.min(WIDTH / 2);
    format!("{}{}", " ".repeat(indent), one_line(&line, WIDTH - indent))
}

fn is_far_over(ran: Duration, usual: Option<f32>) -> bool {
    usual.is_some_and(|usual| {
        ran.as_secs_f32() > usual * FAR_OVER && ran.as_secs_f32() > usual + LATE.as_secs_f32()
    })
}

fn summary(status: Status, status_of: Option<&str>, ran: Duration, usual: Option<f32>) -> String {
    if status == Status::Running {
        return durations::so_far(ran, usual);
    }
    let ran = span(ran);
    let usual = durations::usual(usual)
        .map_or_else(String::new, |usual| format!(" (usually about {usual})"));
    let words = status.words(status_of);
    match status {
        Status::Done if status_of.is_none() => format!("✓ {ran}{usual}"),
        Status::Lost | Status::Detached => format!("ended, {ran}{usual}"),
        Status::Done => format!("{words}, {ran}{usual}"),
        _ => format!("✗ {words}, {ran}{usual}"),
    }
}
