//! `bg-run install` and `bg-run uninstall`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::folders;
use crate::registration::{Act, Change};
use crate::settings::{self, Scope};

/// Registers the running binary.
pub(super) fn install(scope: Scope, dry_run: bool) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of bg-run itself isn't known")?;
    warn_about(&program);
    run(Act::Install(&program), scope, dry_run)
}

/// Takes the registration out.
pub(super) fn uninstall(scope: Scope, dry_run: bool) -> Result<ExitCode> {
    run(Act::Uninstall, scope, dry_run)
}

fn run(act: Act<'_>, scope: Scope, dry_run: bool) -> Result<ExitCode> {
    let path = settings_path(scope)?;
    if dry_run {
        print(&act.plan(&path)?);
        return Ok(ExitCode::SUCCESS);
    }
    let change = act.carry_out(&path)?;
    let line = match (act, change.before == change.after) {
        (Act::Install(_), false) => "The hooks are registered in",
        (Act::Install(_), true) => "The hooks are registered already in",
        (Act::Uninstall, false) => "The hooks are taken out of",
        (Act::Uninstall, true) => "No hooks of bg-run are in",
    };
    println!("{line} {}", change.path.display());
    if matches!(act, Act::Uninstall) {
        forget_state();
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the log and the caches, once nothing is registered any more. What can't be removed does no harm.
fn forget_state() {
    let Some(state) = folders::state_dir().filter(|state| !state.join("registrations").exists())
    else {
        return;
    };
    for folder in ["calls", "rules"] {
        let _ = fs::remove_dir_all(state.join(folder));
    }
    for file in ["bg-run.log", "bg-run.log.old"] {
        let _ = fs::remove_file(state.join(file));
    }
    let _ = fs::remove_dir(state);
}

fn settings_path(scope: Scope) -> Result<PathBuf> {
    let project = std::env::current_dir().context("the current folder is gone")?;
    settings::path(scope, &project)
        .context("there is no home folder; set HOME or CLAUDE_CONFIG_DIR")
}

fn warn_about(program: &Path) {
    let in_target = program
        .components()
        .any(|part| part.as_os_str() == "target");
    if in_target || program.starts_with(std::env::temp_dir()) {
        eprintln!(
            "bg-run: warning: {} may vanish; `cargo install --path .` puts bg-run where it stays",
            program.display()
        );
    }
}

fn print(change: &Change) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (before, after) = (text(&change.before), text(&change.after));
    let name = change.path.display().to_string();
    let diff = similar::TextDiff::from_lines(&before, &after);
    print!("{}", diff.unified_diff().header(&name, &name));
}
