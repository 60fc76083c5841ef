//! A stream of changes: one line of JSON for each task that changes.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;

use super::row::TaskRow;
use crate::config::View;
use crate::foreground_limit::LIMIT;
use crate::platform::files;
use crate::platform::watch::{ActivityWatch, WaitResult};
use crate::state::{Folder, Kind, dir};
use crate::tasks::durations::UsualTimes;
use crate::tasks::ended_or_lost::AwaitedTask;
use crate::tasks::output_size::HUGE;
use crate::tasks::record::TaskRecord;
use crate::tasks::status::Status;

/// Minimum time between two rows about a task.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum pause after a check without a reported change. It doubles, up to [`MIN_INTERVAL`], while changes follow each
/// other.
const MIN_PAUSE: Duration = Duration::from_millis(20);

/// Longest wait without a check.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Step in seconds for durations below two minutes.
const STEP: u64 = 5;

/// Time within which the exit status may follow the last write.
const STATUS_DELAY: Duration = Duration::from_secs(10);

/// Time after which a task with an unknown end isn't awaited any longer.
const MAX_SILENCE: Duration = Duration::from_mins(10);

/// Maximum number of already ended tasks that are reported at the start.
const MAX_ENDED: usize = 50;

/// The tasks to report.
#[derive(Debug, Clone)]
pub enum TaskScope {
    /// The tasks of these sessions, including ended ones.
    Sessions(Vec<String>),
    /// The tasks of the project in this folder.
    Project(PathBuf),
}

impl TaskScope {
    /// Whether the scope includes the task of this record.
    pub fn has(&self, record: &TaskRecord) -> bool {
        match self {
            Self::Sessions(sessions) => sessions.contains(&record.session),
            Self::Project(project) => files::is_same(&record.project, project),
        }
    }
}

/// A watched task.
struct Followed {
    awaited: AwaitedTask,
    began: Timestamp,
    /// The usual duration of such a task in seconds, before this one's own end is recorded.
    usual: Option<f32>,
    /// Time since which it has had no writer and no known status.
    silent_since: Option<Instant>,
    /// Time of the next check if nothing happens before.
    due: Instant,
    last_row: Option<TaskRow>,
}

impl Followed {
    fn new(record: &TaskRecord, usual_times: &mut UsualTimes) -> Self {
        Self {
            awaited: AwaitedTask::of(record),
            began: record.began(),
            usual: usual_times.of(record),
            silent_since: None,
            due: Instant::now(),
            last_row: None,
        }
    }

    /// Returns the task's current status and the time of its output's last change.
    fn check(&mut self) -> (Status, Option<Timestamp>) {
        let found = self.awaited.check();
        let changed = found
            .changed
            .and_then(|changed| Timestamp::try_from(changed).ok());
        if found.status != Status::Lost {
            self.silent_since = None;
            return (found.status, changed);
        }
        // The client writes the exit status shortly after the last writer has closed the output.
        let since = self.silent_since.get_or_insert_with(Instant::now);
        let is_due = since.elapsed() >= STATUS_DELAY;
        (
            if is_due {
                Status::Lost
            } else {
                Status::Running
            },
            changed,
        )
    }

    /// Whether another row about the task will follow.
    fn is_awaited(&self) -> bool {
        let is_over = self.last_row.as_ref().is_some_and(|row| !row.is_running());
        !is_over
            || self
                .silent_since
                .is_some_and(|since| since.elapsed() < MAX_SILENCE)
    }

    /// Returns the time for which the task's row stays the same if only time passes.
    fn unchanged_for(&self) -> Duration {
        let is_over = self.last_row.as_ref().is_some_and(|row| !row.is_running());
        let unchanged_for = match self.silent_since {
            _ if is_over => MAX_WAIT,
            Some(_) => MIN_INTERVAL,
            None => time_until_change(self.seconds()),
        };
        unchanged_for.min(MAX_WAIT)
    }

    /// Returns the task's duration so far in seconds.
    fn seconds(&self) -> u64 {
        let ran = Timestamp::now().duration_since(self.began).as_secs();
        u64::try_from(ran).unwrap_or_default()
    }
}

/// The watched tasks.
pub struct Stream {
    scope: TaskScope,
    view: View,
    followed: BTreeMap<String, Followed>,
    activity: ActivityWatch,
    is_first: bool,
}

impl Stream {
    /// Starts watching the tasks of `scope`.
    pub fn new(scope: TaskScope, view: View) -> Self {
        let activity = ActivityWatch::new();
        for kind in [Kind::Running, Kind::Tasks] {
            // Only an existing folder can be watched.
            let _ = Folder::make(kind);
            if let Some(state) = dir() {
                activity.add(&state.join(kind.name()));
            }
        }
        Self {
            scope,
            view,
            followed: BTreeMap::new(),
            activity,
            is_first: true,
        }
    }

    /// Writes a line for each changed task until one of `others` is closed or, with `until_idle`, no task runs.
    ///
    /// # Errors
    ///
    /// Fails if writing fails.
    pub fn write_to(
        mut self,
        out: &mut impl Write,
        others: &[BorrowedFd<'_>],
        until_idle: bool,
    ) -> Result<()> {
        let parent = rustix::process::getppid();
        let mut waited = WaitResult::Changed;
        let mut pause = MIN_PAUSE;
        loop {
            let rows = self.check(waited);
            let mut text = Vec::new();
            for row in &rows {
                serde_json::to_writer(&mut text, row)?;
                text.push(b'\n');
            }
            out.write_all(&text)?;
            out.flush()?;
            if until_idle && !self.followed.values().any(Followed::is_awaited) {
                return Ok(());
            }
            pause = if rows.is_empty() { pause } else { MIN_INTERVAL };
            waited = if self.activity.pause(pause, others) {
                let start = Instant::now();
                let waited = self.activity.wait(self.time_until_due(), others);
                let is_quiet = start.elapsed() >= MIN_INTERVAL;
                pause = if is_quiet {
                    MIN_PAUSE
                } else {
                    MIN_INTERVAL.min(pause * 2)
                };
                waited
            } else {
                WaitResult::Closed
            };
            if waited == WaitResult::Closed || rustix::process::getppid() != parent {
                return Ok(());
            }
        }
    }

    /// Returns the changed tasks. If only time has passed, it checks only tasks whose row depends on it.
    fn check(&mut self, waited: WaitResult) -> Vec<TaskRow> {
        if waited == WaitResult::TimeOver {
            let now = Instant::now();
            let due = self
                .followed
                .iter()
                .filter(|(_, followed)| followed.due <= now);
            let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
            return due.iter().filter_map(|id| self.check_task(id)).collect();
        }
        let mut rows = Vec::new();
        if std::mem::take(&mut self.is_first) {
            rows.extend(self.ended_before());
        }
        // Loaded anew for each new task, because other tasks may have ended meanwhile.
        let mut usual_times = UsualTimes::own();
        for record in TaskRecord::unended() {
            if self.scope.has(&record) && !self.followed.contains_key(&record.id) {
                for file in [&record.output, &record.log].into_iter().flatten() {
                    self.activity.add(file);
                }
                let followed = Followed::new(&record, &mut usual_times);
                self.followed.insert(record.id.clone(), followed);
            }
        }
        let ids: Vec<String> = self.followed.keys().cloned().collect();
        rows.extend(ids.iter().filter_map(|id| self.check_task(id)));
        rows
    }

    /// Returns the task's row if it changed. A task with a recorded end isn't watched any longer.
    fn check_task(&mut self, id: &str) -> Option<TaskRow> {
        let Some(record) = TaskRecord::of(id) else {
            self.followed.remove(id);
            return None;
        };
        let followed = self.followed.get_mut(id)?;
        let (status, ran) = if let Some(ended) = &record.ended {
            (ended.status, ended.ran())
        } else {
            let (status, changed) = followed.check();
            let until = match status {
                Status::Running => None,
                _ => changed,
            };
            let ran = until.map(|until| until.duration_since(record.began()));
            (status, ran.and_then(|ran| ran.try_into().ok()))
        };
        let row = TaskRow::new(&record, status, ran, followed.usual, self.view);
        let is_news = followed
            .last_row
            .as_ref()
            .is_none_or(|last| !is_reported(&row, last));
        followed.last_row = Some(row.clone());
        followed.due = Instant::now() + followed.unchanged_for();
        if record.ended.is_some() {
            self.followed.remove(id);
        }
        is_news.then_some(row)
    }

    /// Returns the newest ended tasks of these sessions, for a transcript that is shown again.
    fn ended_before(&self) -> Vec<TaskRow> {
        let TaskScope::Sessions(_) = self.scope else {
            return Vec::new();
        };
        let mut records = TaskRecord::all();
        records.retain(|record| record.ended.is_some() && self.scope.has(record));
        records.sort_by_key(|record| std::cmp::Reverse(record.started));
        records.truncate(MAX_ENDED);
        let row = |record: &TaskRecord| {
            let ended = record.ended.as_ref()?;
            let row = TaskRow::new(record, ended.status, ended.ran(), None, self.view);
            Some(TaskRow {
                lines: Vec::new(),
                ..row
            })
        };
        records.iter().filter_map(row).collect()
    }

    /// Returns the time until the next check is due if nothing happens before.
    fn time_until_due(&self) -> Duration {
        let due = self.followed.values().map(|followed| followed.due).min();
        due.map_or(MAX_WAIT, |due| {
            due.saturating_duration_since(Instant::now())
        })
    }
}

/// Returns the time until the text for this duration changes.
fn time_until_change(seconds: u64) -> Duration {
    let long = LIMIT.as_secs();
    Duration::from_secs(match seconds {
        seconds if seconds < long => long - seconds,
        seconds if seconds < 120 => STEP - seconds % STEP,
        seconds => 60 - seconds % 60,
    })
}

/// Whether `row` contains nothing new. Before the limit, the view shows no duration. An end is reported once, and
/// again only with another status.
fn is_reported(row: &TaskRow, last: &TaskRow) -> bool {
    if !row.is_running() {
        return row.status == last.status;
    }
    let shows = |row: &TaskRow| {
        let summary = (row.seconds >= LIMIT.as_secs()).then(|| row.summary.clone());
        let is_huge = row.size.is_some_and(|size| size >= HUGE);
        (
            row.status.clone(),
            summary,
            row.over,
            is_huge,
            row.lines.clone(),
        )
    };
    shows(row) == shows(last)
}

/// Returns the scope: these sessions if given, otherwise the project.
pub fn scope(sessions: Vec<String>, project: &Path) -> TaskScope {
    if sessions.is_empty() {
        TaskScope::Project(project.to_owned())
    } else {
        TaskScope::Sessions(sessions)
    }
}
