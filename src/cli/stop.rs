//! `bg-run stop`: stops a task with SIGTERM.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::config::{Configuration, Mode};
use crate::platform::processes::{self, TrackedFile};
use crate::survive::marks;
use crate::tasks::status::Status;
use crate::tasks::{ended_or_lost, list};
use crate::text;

/// Maximum time to wait for the task's end.
const MAX_WAIT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends SIGTERM, like the client, to the process group of the task named by `target`, and waits for its end.
pub(super) fn run(target: &str) -> Result<ExitCode> {
    let task = list::find(Some(target))?;
    let name = task.name().unwrap_or_else(|| task.id.clone());
    let id = &task.id;
    if task.status != Status::Running {
        if task.output.is_none() {
            bail!(list::gone(&task));
        }
        let after = task
            .ran
            .map(|ran| format!(" after {}", text::format_duration(ran)));
        let how = task
            .status
            .sentence(task.status_of(), &after.unwrap_or_default());
        bail!("\"{name}\" ({id}) isn't running: it {how}");
    }
    let Some(output) = task.tracked_file() else {
        bail!(list::gone(&task));
    };
    marks::request_stop(id, marks::StopRequester::User);
    if let Err(error) = terminate(id, &output) {
        marks::withdraw_stop(id);
        return Err(error.context(format!("\"{name}\" ({id}) isn't stopped")));
    }
    if let Some(record) = task.record {
        let config = Configuration::without_rules(Mode::Real).settings;
        ended_or_lost::mark_finished(vec![ended_or_lost::stopped(record)], &config);
    }
    println!("Stopped \"{name}\" ({id}).");
    Ok(ExitCode::SUCCESS)
}

/// Sends SIGTERM to the processes that print to the output, and waits until none is left. A supervisor ends the rest of
/// its job.
fn terminate(task: &str, output: &TrackedFile) -> Result<()> {
    let has_supervisor = || marks::job(task).is_some_and(|job| job.supervisor.is_alive());
    let is_supervised = has_supervisor();
    let groups = match groups(output) {
        // The job prints elsewhere.
        Err(_) if is_supervised => BTreeSet::new(),
        groups => groups?,
    };
    for &group in &groups {
        processes::terminate_group(group).context("its processes can't be signalled")?;
    }
    let is_running = || {
        if groups.is_empty() {
            has_supervisor()
        } else {
            processes::groups_printing_to(output).is_some_and(|groups| !groups.is_empty())
        }
    };
    let end = Instant::now() + MAX_WAIT;
    while is_running() {
        if Instant::now() > end {
            bail!(
                "it is still running {} s after SIGTERM{}",
                MAX_WAIT.as_secs(),
                if is_supervised {
                    ""
                } else {
                    "; stop it in Claude Code, which kills it"
                }
            );
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

/// Returns the process groups that print to the output, except this process's own.
fn groups(output: &TrackedFile) -> Result<BTreeSet<i32>> {
    let Some(groups) = processes::groups_printing_to(output) else {
        bail!("bg-run can't find the task's processes on this system; stop it in Claude Code");
    };
    if groups.is_empty() {
        bail!(
            "no process of yours has {} as its output",
            output.path.display()
        );
    }
    Ok(groups)
}
