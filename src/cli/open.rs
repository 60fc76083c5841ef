//! `bg-run open`: a task's output in the editor.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::print;
use crate::claude::task::{self, TaskId};
use crate::config::{Configuration, Mode};
use crate::folders::CallSite;
use crate::viewer::{self, Request, Viewer};

/// Opens the output of a task (by id, else the newest), or a file.
pub(super) fn run(target: Option<&str>) -> Result<ExitCode> {
    let path = find(target)?;
    let configuration = Configuration::without_rules(Mode::Real);
    print::problems(&configuration.problems);
    let project = CallSite::new(&std::env::current_dir().unwrap_or_default()).project;
    let shown = Viewer::find(&configuration.settings)
        .map_err(anyhow::Error::from)
        .and_then(|viewer| viewer.show(&path, &project));
    match shown {
        Ok(place) => {
            println!("Opened {} in {place}", path.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => bail!(
            "{} is not opened: {why:#}; set `editor` in config.toml, or follow it with `bg-run tail`",
            path.display()
        ),
    }
}

/// For the hook: the first of the files that is there, in a process of its own.
pub(super) fn run_detached(request: &Request) -> ExitCode {
    viewer::open_detached(&Configuration::without_rules(Mode::Real).settings, request);
    ExitCode::SUCCESS
}

/// The file that `target` names: a task's id or the start of one, a path, or nothing for the newest task.
pub(super) fn find(target: Option<&str>) -> Result<PathBuf> {
    let Some(target) = target else {
        let newest = task::outputs().into_iter().next();
        return Ok(newest.context("no task has written any output yet")?.path);
    };
    if Path::new(target).is_file() {
        return Ok(std::path::absolute(target)?);
    }
    let Some(id) = TaskId::new(target) else {
        bail!("{target} is neither a file nor a task's id");
    };
    let output = task::find(&id);
    Ok(output
        .with_context(|| format!("no output of a task {target} was found, and no such file"))?
        .path)
}
