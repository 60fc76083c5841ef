//! `bg-run open`: a task's output in the editor.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::configuration::Configuration;
use crate::log;
use crate::task::{self, TaskId};
use crate::viewer::{self, Viewer};

/// Opens the output of a task (by id, else the newest), or a file.
pub(super) fn run(target: Option<&str>, detached: bool) -> Result<ExitCode> {
    if detached {
        return Ok(open_for_hook(target));
    }
    let path = find(target)?;
    let configuration = Configuration::settings();
    for problem in &configuration.problems {
        eprintln!("bg-run: {problem}");
    }
    match Viewer::find(&configuration.config) {
        Viewer::Editor { name, command } => {
            viewer::open(&command, &path)?;
            println!("Opened {} in {name}", path.display());
            Ok(ExitCode::SUCCESS)
        }
        Viewer::Nothing { why } => {
            bail!(
                "{} is not opened: {why}; set `editor` in config.toml, or follow it with `tail -F`",
                path.display()
            )
        }
    }
}

/// In a session of its own, so that the end of the client doesn't end it; what happens goes to the log.
fn open_for_hook(target: Option<&str>) -> ExitCode {
    // It fails for a leader of a process group, which is on its own already.
    let _ = rustix::process::setsid();
    let path = target.map(PathBuf::from).unwrap_or_default();
    match Viewer::find(&Configuration::settings().config) {
        Viewer::Editor { name, command } => match viewer::open(&command, &path) {
            Ok(()) => log::line(&format!("open: {} is open in {name}", path.display())),
            Err(error) => log::line(&format!("open: {error:#}")),
        },
        Viewer::Nothing { why } => log::line(&format!("open: {}: {why}", path.display())),
    }
    ExitCode::SUCCESS
}

fn find(target: Option<&str>) -> Result<PathBuf> {
    let Some(target) = target else {
        let newest = task::outputs().into_iter().next();
        return Ok(newest.context("no task has written any output yet")?.path);
    };
    if Path::new(target).is_file() {
        return Ok(std::path::absolute(target)?);
    }
    let Some(task) = TaskId::new(target) else {
        bail!("{target} is neither a file nor a task's id");
    };
    let of_task = |output: &task::Output| {
        output
            .path
            .file_stem()
            .is_some_and(|stem| stem == task.as_str())
    };
    let output = task::outputs().into_iter().find(of_task);
    Ok(output
        .with_context(|| format!("no output of a task {target} was found, and no such file"))?
        .path)
}
