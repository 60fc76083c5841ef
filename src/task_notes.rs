//! What is noted of a task when it starts, in the state folder: its output file says nothing of its command.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::folders;
use crate::task::TaskId;

/// After this a note is forgotten.
const KEPT: Duration = Duration::from_hours(30 * 24);

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

fn folder() -> Option<PathBuf> {
    folders::state_dir().map(|dir| dir.join("tasks"))
}

impl Note {
    /// Writes it down, for the task's output at `output`.
    ///
    /// # Errors
    ///
    /// When the state folder can't be written.
    pub fn write(&self) -> Result<()> {
        let folder = folder().context("there is no home folder")?;
        let cannot = || format!("{} can't be written", folder.display());
        fs::create_dir_all(&folder).with_context(cannot)?;
        folders::forget_older(&folder, KEPT);
        let text = serde_json::to_string(self)?;
        fs::write(folder.join(format!("{}.json", self.id)), text).with_context(cannot)
    }

    /// The note of a task; `None` where there is none that can be read.
    pub fn of(task: &TaskId) -> Option<Self> {
        let text = fs::read_to_string(folder()?.join(format!("{}.json", task.as_str()))).ok()?;
        serde_json::from_str(&text).ok()
    }
}
