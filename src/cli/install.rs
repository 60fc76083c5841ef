//! `bg-run install` and `bg-run uninstall`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::registration::{self, Act, Change};
use crate::settings::{self, Scope};
use crate::viewer::Editor;
use crate::{editor_settings, folders};

/// Registers the running binary.
pub(super) fn install(scope: Scope, dry_run: bool) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of bg-run itself isn't known")?;
    warn_about(&program);
    run(Act::Install(&program), scope, dry_run)
}

/// Takes the registration out, and what was added to editors.
pub(super) fn uninstall(scope: Scope, dry_run: bool) -> Result<ExitCode> {
    if scope == Scope::User {
        for file in registration::editor_files() {
            apply(Act::TakeFromEditor, &file, dry_run)?;
        }
    }
    run(Act::Uninstall, scope, dry_run)
}

/// Adds the settings for task outputs to an editor's file: `file`, else that of the editor around.
pub(super) fn editor_settings(file: Option<&Path>, dry_run: bool) -> Result<ExitCode> {
    let file = match file {
        Some(file) => std::path::absolute(file)?,
        None => editor_settings::path().context(
            "which editor's settings isn't known; name the file: --editor-settings=FILE",
        )?,
    };
    apply(Act::AddToEditor, &file, dry_run)
}

/// Hands the packed extension to the editor's own command.
pub(super) fn editor_extension(file: Option<&Path>, dry_run: bool) -> Result<ExitCode> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("bg-run.vsix"));
    let file = file
        .map(Path::to_owned)
        .or_else(beside)
        .filter(|file| file.is_file());
    let file = file.context(
        "there is no bg-run.vsix beside bg-run; `scripts/extension` makes one, then --editor-extension=FILE",
    )?;
    let editor = Editor::around().or_else(Editor::installed);
    let editor = editor.context("there is no editor's command on the PATH")?;
    let command = editor.command().with_context(|| {
        format!(
            "the command `{}` of {} isn't on the PATH",
            editor.program, editor.name
        )
    })?;
    if dry_run {
        println!(
            "{} --install-extension {}",
            command.display(),
            file.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let output = duct::cmd!(&command, "--install-extension", &file)
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()
        .with_context(|| format!("{} can't be started", command.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !said.contains("successfully installed") {
        bail!(
            "{} didn't install it ({}): {}",
            editor.name,
            output.status,
            said.trim()
        );
    }
    println!("The extension is installed in {}", editor.name);
    Ok(ExitCode::SUCCESS)
}

fn run(act: Act<'_>, scope: Scope, dry_run: bool) -> Result<ExitCode> {
    let done = apply(act, &settings_path(scope)?, dry_run)?;
    if matches!(act, Act::Uninstall) && !dry_run {
        forget_state();
    }
    Ok(done)
}

fn apply(act: Act<'_>, path: &Path, dry_run: bool) -> Result<ExitCode> {
    if dry_run {
        print(&act.plan(path)?);
        return Ok(ExitCode::SUCCESS);
    }
    let change = act.carry_out(path)?;
    let line = match (act, change.before == change.after) {
        (Act::Install(_), false) => "The hooks are registered in",
        (Act::Install(_), true) => "The hooks are registered already in",
        (Act::Uninstall, false) => "The hooks are taken out of",
        (Act::Uninstall, true) => "No hooks of bg-run are in",
        (Act::AddToEditor, false) => "Task outputs are read-only and coloured by",
        (Act::AddToEditor, true) => "Task outputs are read-only and coloured already by",
        (Act::TakeFromEditor, _) => "The settings for task outputs are taken out of",
    };
    println!("{line} {}", change.path.display());
    Ok(ExitCode::SUCCESS)
}

/// Removes the log and the caches, once nothing is registered any more. What can't be removed does no harm.
fn forget_state() {
    let Some(state) = folders::state_dir().filter(|state| !state.join("registrations").exists())
    else {
        return;
    };
    for folder in ["calls", "rules", "opened", "tasks"] {
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
