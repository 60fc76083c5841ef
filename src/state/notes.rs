//! What is noted of a task, in the state folder: its output file says nothing of its command.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Folder, Kind, is_id};
use crate::text::{SHOWN, one_line};

/// At most so many notes are read.
const MAX_NOTES: usize = 5000;

/// At most so many tasks are looked after.
const MAX_RUNNING: usize = 200;

/// A task, as it was launched and as it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
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
    /// RFC 3339: when it was found in the background.
    pub started: String,
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
    /// The rule that matches it.
    pub rule: Option<String>,
    /// The user was told that it is silent.
    pub called_silent: bool,
    /// RFC 3339: when nobody wrote any more, for the first time, and nothing told how it ended.
    pub left: Option<String>,
    /// Its end, where that was seen.
    pub ended: Option<Ended>,
}

impl Default for Note {
    fn default() -> Self {
        Self {
            id: String::new(),
            command: String::new(),
            description: None,
            cwd: PathBuf::new(),
            project: PathBuf::new(),
            session: String::new(),
            agent: None,
            started: String::new(),
            ran_before: 0,
            cause: Cause::Caller,
            timeout: None,
            timed: false,
            endless: false,
            log: None,
            output: None,
            rule: None,
            called_silent: false,
            left: None,
            ended: None,
        }
    }
}

/// Who put a task in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// bg-run did.
    Moved,
    /// The call asked for it.
    Caller,
    /// The client did, when it took longer than the limit.
    Limit,
    /// The client did, at the call's own time-out.
    TimeOut,
    /// The user did, with Ctrl+B.
    User,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// By itself, with this exit status.
    Exited(i32),
    /// It was killed.
    Killed,
    /// Nobody knows how.
    Unknown,
}

impl Status {
    /// Something ended it before it was done. Of a signal, shells make 128 and its number.
    pub fn is_killed(self) -> bool {
        matches!(self, Self::Killed | Self::Exited(129..=159))
    }
}

/// The end of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// RFC 3339.
    pub at: String,
    /// How.
    pub status: Status,
    /// How long it ran in all, in milliseconds, where both ends are known.
    pub ran: Option<u64>,
}

impl Note {
    /// Writes it down.
    ///
    /// # Errors
    ///
    /// When the state folder can't be written.
    pub fn write(&self) -> Result<()> {
        ensure!(is_id(&self.id), "{:?} is not a task id", self.id);
        let write = || {
            let folder = Folder::make(Kind::Tasks)?;
            let text = serde_json::to_vec(self)?;
            folder.replace(&file_of(&self.id), &[&text])
        };
        write().context("the note of a task can't be written to the state folder")
    }

    /// Writes it down, as one that hasn't ended.
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

    /// Notes its end; whether this process is the first that does.
    pub fn end(&mut self, ended: Ended) -> bool {
        let folder = Folder::open(Kind::Running).ok().filter(|_| is_id(&self.id));
        let is_first = folder.is_some_and(|folder| folder.take(&self.id));
        if is_first {
            self.ended = Some(ended);
            if let Err(error) = self.write() {
                super::log::line(&format!("{error:#}"));
            }
        }
        is_first
    }

    /// Notes the status of an end that was noted without one.
    pub fn learn_status(&mut self, status: Status) {
        let unknown = self
            .ended
            .as_mut()
            .filter(|ended| ended.status == Status::Unknown);
        let Some(ended) = unknown.filter(|_| status != Status::Unknown) else {
            return;
        };
        ended.status = status;
        if let Err(error) = self.write() {
            super::log::line(&format!("{error:#}"));
        }
    }

    /// Those whose end nobody has noted, the oldest first.
    pub fn running() -> Vec<Self> {
        let Ok(folder) = Folder::open(Kind::Running) else {
            return Vec::new();
        };
        let names = folder.names(MAX_RUNNING).into_iter();
        let mut notes: Vec<Self> = names.filter_map(|id| Self::of(&id)).collect();
        notes.sort_by(|a, b| a.started.cmp(&b.started));
        notes
    }

    /// The note of the task with this id; `None` where there is none that can be read.
    pub fn of(id: &str) -> Option<Self> {
        let folder = Folder::open(Kind::Tasks).ok().filter(|_| is_id(id))?;
        serde_json::from_slice(&folder.read(&file_of(id)).ok()?).ok()
    }

    /// All of them that can be read, in no order.
    pub fn all() -> Vec<Self> {
        let Ok(folder) = Folder::open(Kind::Tasks) else {
            return Vec::new();
        };
        let names = folder.names(MAX_NOTES).into_iter();
        names
            .filter(|name| Kind::Tasks.owns(name))
            .filter_map(|name| serde_json::from_slice(&folder.read(&name).ok()?).ok())
            .collect()
    }

    /// What people call it: the description, else the command, on one line.
    pub fn name(&self) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        match one_line(description, SHOWN) {
            name if name.is_empty() => one_line(without_edits(&self.command), SHOWN),
            name => name,
        }
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

/// Forgets, at most once a day, notes that haven't changed for so long, and the links that belong to them.
pub fn clear_daily(kept: Duration) {
    if let Ok(folder) = Folder::open(Kind::Tasks) {
        folder.clear_daily_after(kept);
    }
}

fn file_of(id: &str) -> String {
    format!("{id}.json")
}
