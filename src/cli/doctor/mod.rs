//! `bg-run doctor`: whether outputs can be shown here, and what to do where they can't.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::print;
use crate::claude::arguments::CommandLine;
use crate::claude::session::Session;
use crate::claude::settings::{self, Scope};
use crate::claude::task::PATTERN;
use crate::config::{Configuration, Mode};
use crate::folders::{self, CallSite};
use crate::install::editor;
use crate::viewer::{Check, Viewer};

/// In bytes.
const MAX_SETTINGS: u64 = 16 * 1024 * 1024;

/// Looks at the editor; nothing is opened.
#[expect(clippy::unnecessary_wraps, reason = "as all subcommands")]
pub(super) fn run() -> Result<ExitCode> {
    let configuration = Configuration::without_rules(Mode::Real);
    for problem in &configuration.problems {
        println!("✗ {}", print::outside(problem));
    }
    let project = CallSite::new(&std::env::current_dir().unwrap_or_default()).project;
    let command_line = CommandLine::around();
    let rules = Session::around(false, "").permissions(&project, &command_line);
    let sign = if rules.unknown().is_none() {
        '✓'
    } else {
        '-'
    };
    println!(
        "{sign} Permission rules: {} in the settings files; {command_line}",
        rules.count()
    );
    let runs_hooks = hooks_run(&project);
    let viewer = match Viewer::find(&configuration.settings) {
        Ok(viewer) => viewer,
        Err(why) => {
            println!("✗ No editor: {why}");
            println!(
                "  Set `editor` in config.toml, or put its command on the PATH; `bg-run tail` works without."
            );
            return Ok(ExitCode::FAILURE);
        }
    };
    println!("✓ Editor: {}", viewer.name);
    let mut works = false;
    for Check { what, fault } in viewer.check(&project) {
        match fault {
            // One way is enough; those before it are tried first.
            None => {
                works = true;
                println!("✓ {what}");
            }
            Some(fault) => println!("✗ {what}: {}", print::outside(fault)),
        }
    }
    if !works {
        println!(
            "  Start Claude Code from a terminal of the window that is to show the outputs, or set `editor`."
        );
    }
    match editor::path() {
        Some(path)
            if folders::read_regular(&path, MAX_SETTINGS)
                .is_ok_and(|text| text.contains(PATTERN)) =>
        {
            println!("✓ Outputs are read-only by {}", path.display());
        }
        Some(_) => println!(
            "- A stray key in an output stops it from refreshing; `bg-run install --editor-settings` prevents that."
        ),
        None => {}
    }
    Ok(if works && runs_hooks {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether the client runs the hooks of all settings files; says which it doesn't.
fn hooks_run(project: &Path) -> bool {
    let mut all = true;
    for scope in [Scope::User, Scope::Project, Scope::Local] {
        let Some(path) = settings::path(scope, project) else {
            continue;
        };
        let why = match settings::read(&path) {
            Ok(settings) => settings::no_hooks_because(&settings),
            Err(error) => Some(format!("it can't be read: {error}")),
        };
        if let Some(why) = why {
            all = false;
            println!("✗ {}: {}", path.display(), print::outside(why));
            println!("  Claude Code runs no hook of this file until that is mended.");
        }
    }
    all
}
