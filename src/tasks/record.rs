//! Records of tasks in the state folder. An output file alone says nothing about its command.

use std::ops::Not;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::output_cache::OutputCache;
use super::status::Status;
use crate::history::store::Key;
use crate::platform::processes::{FileId, Process, TrackedFile};
use crate::state::{Folder, Kind, is_id, log};
use crate::text::{MAX_COMMAND_LENGTH, format_duration, one_line};

/// Maximum number of records that are read.
const MAX_RECORDS: usize = 5000;

/// Maximum number of unended tasks that are watched.
const MAX_UNENDED: usize = 200;

/// A task's launch and end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct TaskRecord {
    /// The client's id.
    pub id: String,
    /// The edited command.
    pub command: String,
    /// The model's description.
    pub description: Option<String>,
    /// The folder in which it was started.
    pub cwd: PathBuf,
    /// The project around that folder.
    pub project: PathBuf,
    /// The client's session.
    pub session: String,
    /// The subagent that started it, if any.
    pub agent: Option<String>,
    /// Whether its session has no user.
    pub unattended: bool,
    /// Time at which it was found in the background.
    pub started: Timestamp,
    /// Milliseconds for which it had run by then.
    pub ran_before: u64,
    /// The reason why it is in the background.
    pub cause: Cause,
    /// The call's time-out in milliseconds: its own, or the one that it would have in the foreground.
    pub timeout: Option<u64>,
    /// Whether its client reports the durations of calls (2.1.200 and newer).
    #[serde(rename = "timed")]
    pub reports_durations: bool,
    /// Whether it never ends by itself, like a server or a watcher.
    pub endless: bool,
    /// The log that it writes itself.
    pub log: Option<PathBuf>,
    /// The client's path of its output.
    pub output: Option<PathBuf>,
    /// Identity of the output file; the path may come to mean another file.
    pub file: Option<FileId>,
    /// The client that started it.
    pub client: Option<Process>,
    /// Whether it may have a supervisor, because `survive` was on.
    #[serde(skip_serializing_if = "Not::not")]
    pub supervised: bool,
    /// Whether it has outlived its session. Then `client` is its supervisor.
    #[serde(skip_serializing_if = "Not::not")]
    pub survived: bool,
    /// The matching rule.
    pub rule: Option<String>,
    /// The program that determines the task's exit status, if that isn't the command's own.
    pub status_of: Option<String>,
    /// The final `| tail …`, which prints nothing before its input ends.
    #[serde(rename = "held_back")]
    pub holding_tail: Option<String>,
    /// Its main command, if one line can't show the whole script.
    pub main: Option<String>,
    /// The keys of its duration; empty if durations aren't recorded.
    pub keys: Vec<Key>,
    /// Whether the user got the message that it is silent.
    #[serde(rename = "called_silent")]
    pub silence_reported: bool,
    /// Time at which it first had no writer and no known status.
    pub unended_since: Option<Timestamp>,
    /// Its end, if detected.
    pub ended: Option<End>,
    /// Its last lines; not stored.
    #[serde(skip)]
    pub output_cache: OutputCache,
}

/// The reason why a task is in the background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// bg-run moved it.
    Moved,
    /// The call itself asked for it.
    #[default]
    Caller,
    /// The client moved it at the limit.
    Limit,
    /// The client moved it at the call's own time-out.
    TimeOut,
    /// The user moved it with Ctrl+B.
    User,
}

/// The end of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Time of the end.
    pub at: Timestamp,
    /// The status.
    pub status: Status,
    /// Total duration in milliseconds, if start and end are known.
    pub ran: Option<u64>,
}

impl End {
    /// Returns the total duration.
    pub fn ran(&self) -> Option<Duration> {
        self.ran.map(Duration::from_millis)
    }

    /// Formats the duration for a sentence, ` after 3 min`; empty if unknown.
    pub fn after(&self) -> String {
        self.ran().map_or_else(String::new, |ran| {
            format!(" after {}", format_duration(ran))
        })
    }
}

impl TaskRecord {
    /// Writes the record to the state folder.
    ///
    /// # Errors
    ///
    /// Fails if the state folder can't be written.
    pub fn write(&self) -> Result<()> {
        ensure!(is_id(&self.id), "{:?} is not a task id", self.id);
        let folder = Folder::make(Kind::Tasks).context(UNWRITTEN)?;
        self.write_in(&folder)
    }

    fn write_in(&self, folder: &Folder) -> Result<()> {
        let text = serde_json::to_vec(self)?;
        folder
            .replace(&file_of(&self.id), &[&text])
            .context(UNWRITTEN)
    }

    /// Writes the record of a new, unended task.
    ///
    /// # Errors
    ///
    /// Fails if the state folder can't be written.
    pub fn create(&self) -> Result<()> {
        self.write()?;
        let folder = Folder::make(Kind::Running).context("the state folder can't be written")?;
        folder.clear_daily();
        // The hook of another registration may have created it.
        let _ = folder.create(&self.id, b"");
        Ok(())
    }

    /// Records ends. Returns the tasks whose end this process recorded first.
    pub fn record_ends(ended: Vec<(Self, End)>) -> Vec<Self> {
        if ended.is_empty() {
            return Vec::new();
        }
        let (Ok(running), Ok(records)) = (Folder::open(Kind::Running), Folder::make(Kind::Tasks))
        else {
            return Vec::new();
        };
        let mut first = Vec::new();
        for (mut record, end) in ended {
            if is_id(&record.id) && running.take(&record.id) {
                record.ended = Some(end);
                log_failure(record.write_in(&records));
                first.push(record);
            }
        }
        first
    }

    /// Adds the status, or the reason for it, to an end that was recorded without.
    pub fn learn_status(&mut self, status: Status) {
        if let Some(ended) = &mut self.ended
            && (ended.status == Status::Lost && status != Status::Lost
                || matches!(ended.status, Status::Killed(_)) && status == Status::MemoryShort)
        {
            ended.status = status;
            log_failure(self.write());
        }
    }

    /// Returns the tasks without a recorded end, oldest first.
    pub fn unended() -> Vec<Self> {
        let Ok(folder) = Folder::open(Kind::Running) else {
            return Vec::new();
        };
        let names = folder.names(MAX_UNENDED);
        let Ok(records) = Folder::open(Kind::Tasks) else {
            return Vec::new();
        };
        let mut records: Vec<Self> = names
            .iter()
            .filter_map(|id| Self::read(&records, id))
            .collect();
        records.sort_by_key(|record| record.started);
        records
    }

    /// Reads the record of the task with this id; `None` if there is none or it can't be read.
    pub fn of(id: &str) -> Option<Self> {
        if !is_id(id) {
            return None;
        }
        Self::read(&Folder::open(Kind::Tasks).ok()?, id)
    }

    /// Returns all readable records, in no particular order.
    pub fn all() -> Vec<Self> {
        let Ok(folder) = Folder::open(Kind::Tasks) else {
            return Vec::new();
        };
        let names = folder.names(MAX_RECORDS).into_iter();
        names
            .filter_map(|name| Self::read(&folder, name.strip_suffix(".json")?))
            .collect()
    }

    fn read(folder: &Folder, id: &str) -> Option<Self> {
        if !is_id(id) {
            return None;
        }
        let record: Self = serde_json::from_slice(&folder.read(&file_of(id)).ok()?).ok()?;
        (record.id == id).then_some(record)
    }

    /// Returns the task's name as shown to the user, on one line: the description, or else the command.
    pub fn name(&self) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        match one_line(description, MAX_COMMAND_LENGTH) {
            name if name.is_empty() => {
                let command = without_edits(&self.command);
                one_line(self.main.as_deref().unwrap_or(command), MAX_COMMAND_LENGTH)
            }
            name => name,
        }
    }

    /// Whether the task's command equals one of these, ignoring the edits that can surround every command.
    pub fn has_words_of(&self, commands: [&str; 2]) -> bool {
        let own = || without_edits(&self.command).split_whitespace();
        let mut others = commands.into_iter().map(without_edits);
        others.any(|other| own().eq(other.split_whitespace()))
    }

    /// Returns the file that the task fills: the command's own log if that exists, or else the output.
    pub fn file(&self) -> Option<&Path> {
        let log = self.log.as_deref().filter(|log| log.is_file());
        log.or(self.output.as_deref())
    }

    /// Returns the task's output for a search of writers.
    pub fn tracked_file(&self) -> Option<TrackedFile> {
        Some(TrackedFile {
            path: self.output.clone()?,
            file: self.file,
        })
    }

    /// Returns the status at the task's end; [`Status::Lost`] if none is recorded.
    pub fn final_status(&self) -> Status {
        self.ended.map_or(Status::Lost, |end| end.status)
    }

    /// Formats the task's duration like [`End::after`].
    pub fn after(&self) -> String {
        self.ended.as_ref().map(End::after).unwrap_or_default()
    }

    /// Returns the time at which the task's command began.
    pub fn began(&self) -> Timestamp {
        let before = Duration::from_millis(self.ran_before);
        self.started.checked_sub(before).unwrap_or(self.started)
    }
}

const UNWRITTEN: &str = "the record of a task can't be written to the state folder";

fn log_failure(written: Result<()>) {
    if let Err(error) = written {
        log::error(&format!("{error:#}"));
    }
}

/// Removes the edits that can surround every command.
fn without_edits(command: &str) -> &str {
    let command = command.trim();
    let command = command
        .strip_prefix("PYTHONUNBUFFERED=1 ")
        .unwrap_or(command);
    command.strip_suffix(" 2>&1").unwrap_or(command)
}

/// Removes, at most once a day, records that haven't changed for this time, and their links.
pub fn clear_daily(kept: Duration) {
    if let Ok(folder) = Folder::open(Kind::Tasks) {
        folder.clear_daily_after(kept);
    }
}

fn file_of(id: &str) -> String {
    format!("{id}.json")
}

/// Records for the tests of messages about tasks.
#[cfg(test)]
pub(crate) mod examples {
    use super::{Cause, TaskRecord};

    /// Names of various widths.
    pub(crate) const NAMES: [&str; 4] = [
        "Run e2e tests",
        "Train the model for 10 epochs on all of the data",
        "日本語の名前がついた長いタスクを実行する",
        "x",
    ];

    /// Returns the record of a task with this name.
    pub(crate) fn record(name: &str, cause: Cause) -> TaskRecord {
        TaskRecord {
            id: "b33k0q1x9".to_owned(),
            description: Some(name.to_owned()),
            cause,
            ..TaskRecord::default()
        }
    }
}
