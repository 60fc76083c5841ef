//! `bg-run open`: opens a task's output in the editor.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::print;
use crate::config::{Configuration, Mode};
use crate::programs;
use crate::tasks::list;
use crate::viewer::{self, Request, Viewer};

/// Opens the output of a task, named by id or name (default: this project's newest), or a file.
pub(super) fn run(target: Option<&str>) -> Result<ExitCode> {
    let path = list::file(target)?;
    let configuration = Configuration::without_rules(Mode::Real);
    print::problems(&configuration.problems);
    programs::set_working_project(&list::project());
    let shown = Viewer::find(&configuration.settings)
        .map_err(anyhow::Error::from)
        .and_then(|viewer| viewer.show(&path, &list::project()));
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

/// Opens the first existing file in a separate process, for the hook.
pub(super) fn run_detached(request: &Request) -> ExitCode {
    programs::set_working_project(&request.project);
    viewer::open_detached(&Configuration::without_rules(Mode::Real).settings, request);
    ExitCode::SUCCESS
}
