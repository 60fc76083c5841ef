//! What is kept of a task in the state folder: its output file says nothing of its command.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::last_output::LastOutput;
use super::status::Status;
use crate::history::store::Key;
use crate::platform::processes::{FileId, Process, TrackedFile};
use crate::state::{Folder, Kind, is_id, log};
use crate::text::{SHOWN, one_line};

/// At most so many records are read.
const MAX_RECORDS: usize = 5000;

/// At most so many tasks are looked after.
const MAX_UNENDED: usize = 200;

/// A task, as it was launched and as it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct TaskRecord {
    /// As the client named it.
    pub id: String,
    /// The command after its edits.
    pub command: String,
    /// What the model said that it is.
    pub description: Option<String>,
    /// Where it was started.
    pub cwd: PathBuf,
    /// The project around that.
    pub project: PathBuf,
    /// The client's session.
    pub session: String,
    /// The subagent, where one started it.
    pub agent: Option<String>,
    /// Its session has no user.
    pub unattended: bool,
    /// When it was found in the background.
    pub started: Timestamp,
    /// How long it had run by then, in milliseconds.
    pub ran_before: u64,
    /// Who put it there.
    pub cause: Cause,
    /// The call's own time-out, in milliseconds, where it went over it.
    pub timeout: Option<u64>,
    /// The client that started it tells how long calls take (2.1.200 and newer).
    pub timed: bool,
    /// It has no end of its own: a server, a watcher.
    pub endless: bool,
    /// The log that it writes itself.
    pub log: Option<PathBuf>,
    /// The file of its output, as the client names it.
    pub output: Option<PathBuf>,
    /// That file on its disk: the name may come to mean another.
    pub file: Option<FileId>,
    /// The client that started it.
    pub client: Option<Process>,
    /// The rule that matches it.
    pub rule: Option<String>,
    /// The program whose exit status stands for the task's, where that isn't the command's own.
    pub status_of: Option<String>,
    /// The `| tail …` at its end that shows nothing before it.
    pub held_back: Option<String>,
    /// Its long command alone, where more stands around it than one line says.
    pub main: Option<String>,
    /// What its duration is kept under; none where durations aren't kept.
    pub keys: Vec<Key>,
    /// The user was told that it is silent.
    pub called_silent: bool,
    /// When no process wrote any more, for the first time, and nothing told how it ended.
    pub unended_since: Option<Timestamp>,
    /// Its end, where that was seen.
    pub ended: Option<End>,
    /// What it wrote last; not kept.
    #[serde(skip)]
    pub last_output: LastOutput,
}

/// Who put a task in the background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// bg-run did.
    Moved,
    /// The call asked for it.
    #[default]
    Caller,
    /// The client did, when it took longer than the limit.
    Limit,
    /// The client did, at the call's own time-out.
    TimeOut,
    /// The user did, with Ctrl+B.
    User,
}

/// The end of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// How.
    pub status: Status,
    /// How long it ran in all, in milliseconds, where both ends are known.
    pub ran: Option<u64>,
}

impl End {
    /// How long it ran in all.
    pub fn ran(&self) -> Option<Duration> {
        self.ran.map(Duration::from_millis)
    }
}

impl TaskRecord {
    /// Writes it to the state folder.
    ///
    /// # Errors
    ///
    /// When the state folder can't be written.
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

    /// Writes it as that of a task that hasn't ended.
    ///
    /// # Errors
    ///
    /// When the state folder can't be written.
    pub fn launch(&self) -> Result<()> {
        self.write()?;
        let folder = Folder::make(Kind::Running).context("the state folder can't be written")?;
        folder.clear_daily();
        // Another registration's hook may have made it.
        let _ = folder.create(&self.id, b"");
        Ok(())
    }

    /// Records ends. Returns the tasks of which this process is the first that does.
    pub fn end(ended: Vec<(Self, End)>) -> Vec<Self> {
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

    /// Records the status of an end that was recorded without one, or without the reason for it.
    pub fn learn_status(&mut self, status: Status) {
        if let Some(ended) = &mut self.ended
            && (ended.status == Status::Lost && status != Status::Lost
                || matches!(ended.status, Status::Killed(_)) && status == Status::MemoryShort)
        {
            ended.status = status;
            log_failure(self.write());
        }
    }

    /// Those whose end nobody has recorded, the oldest first.
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

    /// The record of the task with this id; `None` where there is none that can be read.
    pub fn of(id: &str) -> Option<Self> {
        if !is_id(id) {
            return None;
        }
        Self::read(&Folder::open(Kind::Tasks).ok()?, id)
    }

    /// All of them that can be read, in no order.
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

    /// What people call it: the description, else the command, on one line.
    pub fn name(&self) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        match one_line(description, SHOWN) {
            name if name.is_empty() => {
                let command = without_edits(&self.command);
                one_line(self.main.as_deref().unwrap_or(command), SHOWN)
            }
            name => name,
        }
    }

    /// Whether its command has the words of one of these, but for the edits that stand around every command.
    pub fn has_words_of(&self, commands: [&str; 2]) -> bool {
        let own = || without_edits(&self.command).split_whitespace();
        let mut others = commands.into_iter().map(without_edits);
        others.any(|other| own().eq(other.split_whitespace()))
    }

    /// The file that it fills: its own log, where that is there, else its output.
    pub fn file(&self) -> Option<&Path> {
        let log = self.log.as_deref().filter(|log| log.is_file());
        log.or(self.output.as_deref())
    }

    /// Its output, as a file whose writers can be looked for.
    pub fn tracked_file(&self) -> Option<TrackedFile> {
        Some(TrackedFile {
            path: self.output.clone()?,
            file: self.file,
        })
    }

    /// When its command began.
    pub fn began(&self) -> Timestamp {
        let before = Duration::from_millis(self.ran_before);
        self.started.checked_sub(before).unwrap_or(self.started)
    }
}

const UNWRITTEN: &str = "the record of a task can't be written to the state folder";

fn log_failure(written: Result<()>) {
    if let Err(error) = written {
        log::line(&format!("{error:#}"));
    }
}

/// The edits that stand around every command say nothing of this one.
fn without_edits(command: &str) -> &str {
    let command = command.trim();
    let command = command
        .strip_prefix("PYTHONUNBUFFERED=1 ")
        .unwrap_or(command);
    command.strip_suffix(" 2>&1").unwrap_or(command)
}

/// Forgets, at most once a day, records that haven't changed for so long, and the links that belong to them.
pub fn clear_daily(kept: Duration) {
    if let Ok(folder) = Folder::open(Kind::Tasks) {
        folder.clear_daily_after(kept);
    }
}

fn file_of(id: &str) -> String {
    format!("{id}.json")
}

/// Records for the tests of what is told of tasks.
#[cfg(test)]
pub(crate) mod examples {
    use super::{Cause, TaskRecord};

    /// Names of many widths.
    pub(crate) const NAMES: [&str; 4] = [
        "Run e2e tests",
        "Train the model for 10 epochs on all of the data",
        "日本語の名前がついた長いタスクを実行する",
        "x",
    ];

    /// The record of a task with this name.
    pub(crate) fn record(name: &str, cause: Cause) -> TaskRecord {
        TaskRecord {
            id: "b33k0q1x9".to_owned(),
            description: Some(name.to_owned()),
            cause,
            ..TaskRecord::default()
        }
    }
}
