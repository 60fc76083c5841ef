//! `bg-run open`: a task's output in the editor.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::configuration::Configuration;
use crate::log;
use crate::task::{self, TaskId};
use crate::viewer::{self, Viewer};

/// Opens the output of a task (by id, else the newest), or a file.
pub(super) fn run(target: Option<&str>) -> Result<ExitCode> {
    let path = find(target)?;
    let configuration = Configuration::settings();
    for problem in &configuration.problems {
        eprintln!("bg-run: {problem}");
    }
    let project = std::env::current_dir().unwrap_or_default();
    let shown = Viewer::find(&configuration.config)
        .map_err(|why| anyhow!(why))
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

/// For the hook: the first of `files` that is there, in a session of its own, so that the end of the client doesn't
/// end it. What happens goes to the log, and in a word to the hook.
pub(super) fn run_detached(files: &[String], project: &Path) -> ExitCode {
    // It fails for a leader of a process group, which is on its own already.
    let _ = rustix::process::setsid();
    let viewer = match Viewer::find(&Configuration::settings().config) {
        Ok(viewer) => viewer,
        Err(why) => {
            answer(&format!("not: {why}"));
            return ExitCode::SUCCESS;
        }
    };
    let mut why = String::from("no file was named");
    for file in files.iter().map(Path::new) {
        match viewer.show(file, project) {
            Ok(place) => {
                answer(&format!("in: {place}"));
                log::line(&format!("open: {} is open in {place}", file.display()));
                viewer::heal(file);
                return ExitCode::SUCCESS;
            }
            Err(error) => {
                why = format!("{error:#}");
                log::line(&format!("open: {}: {why}", file.display()));
            }
        }
    }
    answer(&format!("not: {why}"));
    ExitCode::SUCCESS
}

/// Tells the hook, which may be gone, and lets go of it.
fn answer(line: &str) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
    if let Ok(nothing) = std::fs::File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(nothing);
    }
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
