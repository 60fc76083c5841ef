//! Marks for the supervisors of jobs: the end of a client with its reason, the request to stop a job, and the jobs
//! themselves.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MAX_JOBS;
use crate::platform::processes::Process;
use crate::state::{CLIENT, Folder, JOB, Kind, STOP, is_id, log};
pub use crate::tasks::supervised::{Job, job};

/// Maximum number of files that are examined.
const MAX_FILES: usize = 1000;

/// Maximum wait for other supervisors that start.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The reasons of `SessionEnd` after which the client continues with another session.
const CONTINUES: [&str; 2] = ["clear", "resume"];

/// A client that has ended.
#[derive(Debug, Serialize, Deserialize)]
struct ClientEnd {
    client: Process,
    reason: String,
}

/// Records the end of a client with the reason from `SessionEnd`. Does nothing if there is no job, because only supervisors
/// read it.
pub fn record_client_end(client: Process, reason: &str) {
    if CONTINUES.contains(&reason) || jobs().is_empty() {
        return;
    }
    let reason = reason.to_owned();
    write(
        &client.id.to_string(),
        CLIENT,
        &ClientEnd { client, reason },
    );
}

/// Returns the reason for this client's end, if its hook reported one.
pub fn session_end_reason(client: Process) -> Option<String> {
    let end: ClientEnd = read(&client.id.to_string(), CLIENT)?;
    (end.client == client).then_some(end.reason)
}

/// The origin of a request to stop a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopRequester {
    /// The user, by `bg-run stop`.
    User,
    /// The model, by `TaskStop`.
    Model,
}

/// Records a request to stop a job. Does nothing for a task without a supervisor.
pub fn request_stop(task: &str, by: StopRequester) {
    if job(task).is_some() {
        write(task, STOP, &by);
    }
}

/// Withdraws the request to stop a job, which continues.
pub fn withdraw_stop(task: &str) {
    remove(task, &[STOP]);
}

/// Returns the origin of the request to stop the job, if there is one.
pub fn stop_request(task: &str) -> Option<StopRequester> {
    read(task, STOP)
}

/// Records a new job; `false` if [`MAX_JOBS`] run. Calls of one turn start at the same time.
///
/// # Errors
///
/// Fails if the folder can't be made, locked or written.
pub fn admit(task: &str, job: Job) -> io::Result<bool> {
    let folder = Folder::make(Kind::Survivors)?;
    let _lock = folder.lock(LOCK_TIMEOUT)?;
    let has_room = jobs().len() < MAX_JOBS;
    if has_room {
        try_write(task, JOB, &job)?;
    }
    Ok(has_room)
}

/// Records a job.
pub fn record(task: &str, job: Job) {
    write(task, JOB, &job);
}

/// Forgets a job.
pub fn forget(task: &str) {
    remove(task, &[JOB, STOP]);
}

/// Returns the jobs whose supervisors run, with the ids of their tasks.
pub fn jobs() -> Vec<(String, Job)> {
    let mut jobs = all();
    jobs.retain(|(_, job)| job.supervisor.is_alive());
    jobs
}

/// Returns the jobs that outlived their session, running or ended.
pub fn survivors() -> Vec<(String, Job)> {
    let mut jobs = all();
    jobs.retain(|(_, job)| job.survived);
    jobs
}

fn all() -> Vec<(String, Job)> {
    let Ok(folder) = Folder::open(Kind::Survivors) else {
        return Vec::new();
    };
    let names = folder.names(MAX_FILES).into_iter();
    let jobs = names.filter_map(|name| {
        let task = name.strip_suffix(JOB)?.strip_suffix('.')?;
        Some((task.to_owned(), job(task)?))
    });
    jobs.collect()
}

fn try_write(name: &str, ending: &str, value: &impl Serialize) -> io::Result<()> {
    if !is_id(name) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let folder = Folder::make(Kind::Survivors)?;
    folder.clear_daily();
    folder.replace(&format!("{name}.{ending}"), &[&serde_json::to_vec(value)?])
}

fn write(name: &str, ending: &str, value: &impl Serialize) {
    if let Err(error) = try_write(name, ending, value) {
        log::error(&format!(
            "survive: {name}.{ending} can't be written: {error}"
        ));
    }
}

fn remove(name: &str, endings: &[&str]) {
    if let (true, Ok(folder)) = (is_id(name), Folder::open(Kind::Survivors)) {
        for ending in endings {
            folder.remove(&format!("{name}.{ending}"));
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(name: &str, ending: &str) -> Option<T> {
    if !is_id(name) {
        return None;
    }
    let folder = Folder::open(Kind::Survivors).ok()?;
    serde_json::from_slice(&folder.read(&format!("{name}.{ending}")).ok()?).ok()
}
