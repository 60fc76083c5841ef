//! What is noted of a task when it starts, in the state folder: its output file says nothing of its command.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Folder, Kind, is_id};

/// A task, as it was launched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// As the client named it.
    pub id: String,
    /// The command after its edits.
    pub command: String,
    /// Where it was started.
    pub cwd: PathBuf,
    /// RFC 3339.
    pub started: String,
    /// The log that it writes itself.
    pub log: Option<PathBuf>,
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
            folder.clear_daily();
            let text = serde_json::to_vec(self)?;
            folder.replace(&format!("{}.json", self.id), &[&text])
        };
        write().context("the note of a task can't be written to the state folder")
    }

    /// The note of the task with this id; `None` where there is none that can be read.
    pub fn of(id: &str) -> Option<Self> {
        let folder = Folder::open(Kind::Tasks).ok().filter(|_| is_id(id))?;
        serde_json::from_slice(&folder.read(&format!("{id}.json")).ok()?).ok()
    }
}
