//! Jobs: the process groups of tasks that have a supervisor outside of the client's tree, and so may outlive their session.

use serde::{Deserialize, Serialize};

use super::record::TaskRecord;
use crate::platform::processes::Process;
use crate::state::{Folder, JOB, Kind, is_id};

/// The record of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its supervisor.
    pub supervisor: Process,
    /// Whether it has continued after its session's end.
    pub survived: bool,
}

/// Returns the job of this task, if the task has or had a supervisor.
pub fn job(task: &str) -> Option<Job> {
    if !is_id(task) {
        return None;
    }
    let folder = Folder::open(Kind::Survivors).ok()?;
    serde_json::from_slice(&folder.read(&format!("{task}.{JOB}")).ok()?).ok()
}

/// Whether the task outlives its session, because the client is gone and its supervisor isn't.
pub fn survives(record: &TaskRecord) -> bool {
    let is_alive = |process: Option<Process>| process.is_some_and(Process::is_alive);
    record.survived || is_alive(supervisor(record)) && !is_alive(record.client)
}

/// Returns the supervisor of this task, if it has one.
pub(super) fn supervisor(record: &TaskRecord) -> Option<Process> {
    if !record.supervised {
        return None;
    }
    job(&record.id).map(|job| job.supervisor)
}
