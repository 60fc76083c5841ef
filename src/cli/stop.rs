//! `bg-run stop`: asks a task to end.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, getpgid, kill_process_group};

use super::known;
use super::say::{self, State};
use crate::claude::holders;
use crate::hook;

/// How long to wait for it, and how often to look.
const PATIENCE: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(100);

/// Asks the process group of the task that `target` names to end, as the client does (SIGTERM), and waits for it.
pub(super) fn run(target: &str) -> Result<ExitCode> {
    let task = known::find(Some(target))?;
    let name = task.name().unwrap_or_else(|| task.id.clone());
    let id = &task.id;
    let Some(output) = task.output.as_deref() else {
        bail!(known::gone(&task));
    };
    if task.state != State::Running {
        bail!("\"{name}\" ({id}) doesn't run: {}", say::state(task.state));
    }
    for &group in &groups(output)? {
        kill_process_group(group, Signal::TERM)
            .with_context(|| format!("the processes of \"{name}\" ({id}) can't be asked to end"))?;
    }
    let end = Instant::now() + PATIENCE;
    while holders::groups_of(output).is_some_and(|groups| !groups.is_empty()) {
        if Instant::now() > end {
            bail!(
                "\"{name}\" ({id}) was asked to end and still runs after {} s; stop it in Claude Code, which kills it",
                PATIENCE.as_secs()
            );
        }
        std::thread::sleep(EVERY);
    }
    if let Some(note) = task.note {
        hook::note_stopped(note);
    }
    println!("Stopped \"{name}\" ({id}).");
    Ok(ExitCode::SUCCESS)
}

/// The groups that write their stdout or stderr there, but not the one that this process runs in.
fn groups(output: &Path) -> Result<Vec<Pid>> {
    let Some(groups) = holders::groups_of(output) else {
        bail!("this system doesn't tell which process it is; stop it in Claude Code");
    };
    let own = getpgid(None)?.as_raw_nonzero().get();
    let groups: Vec<Pid> = groups
        .into_iter()
        .filter(|&group| group != own)
        .filter_map(Pid::from_raw)
        .collect();
    if groups.is_empty() {
        bail!("no process of yours has {} as its output", output.display());
    }
    Ok(groups)
}
