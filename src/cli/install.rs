//! `bg-run install` and `bg-run uninstall`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::registration::{self, Change};
use crate::settings::{self, Scope};

/// Registers the running binary.
pub(super) fn install(scope: Scope, dry_run: bool) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of bg-run itself isn't known")?;
    warn_about(&program);
    let path = settings_path(scope)?;
    let change = registration::install(&path, &program)?;
    carry_out(
        &change,
        dry_run,
        "The hooks are registered in",
        "The hooks are registered already in",
    )
}

/// Takes the registration out.
pub(super) fn uninstall(scope: Scope, dry_run: bool) -> Result<ExitCode> {
    let path = settings_path(scope)?;
    let change = registration::uninstall(&path)?;
    carry_out(
        &change,
        dry_run,
        "The hooks are taken out of",
        "No hooks of bg-run are in",
    )
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

fn carry_out(change: &Change, dry_run: bool, done: &str, nothing: &str) -> Result<ExitCode> {
    let path = change.path.display();
    if change.before.as_deref() == change.after.as_deref() {
        println!("{nothing} {path}");
    } else if dry_run {
        let (before, after) = (change.before.as_deref(), change.after.as_deref());
        let diff =
            similar::TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default());
        let name = path.to_string();
        print!("{}", diff.unified_diff().header(&name, &name));
    } else {
        registration::write(change)?;
        println!("{done} {path}");
    }
    Ok(ExitCode::SUCCESS)
}
