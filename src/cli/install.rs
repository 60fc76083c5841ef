//! `bg-run install` and `bg-run uninstall`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::print;
use crate::claude::settings::{self, Scope};
use crate::config::Mode;
use crate::folders::CallSite;
use crate::install::{Act, Change, editor, editor_files};
use crate::programs;
use crate::state::{self, Folder, Kind};
use crate::viewer::Editor;

/// Registers the running binary.
pub(super) fn install(scope: Scope, mode: Mode) -> Result<ExitCode> {
    let program = programs::own_path()?;
    warn_about(&program);
    run(Act::Install(&program), scope, mode)
}

/// Takes the registration out, and what was added to editors.
pub(super) fn uninstall(scope: Scope, mode: Mode) -> Result<ExitCode> {
    if scope == Scope::User {
        for file in editor_files() {
            apply(Act::TakeFromEditor, &file, mode)?;
        }
    }
    run(Act::Uninstall(&programs::own_path()?), scope, mode)
}

/// Adds the settings for task outputs to an editor's file: `file`, else that of the editor around.
pub(super) fn editor_settings(file: Option<&Path>, mode: Mode) -> Result<ExitCode> {
    let file = match file {
        Some(file) => std::path::absolute(file)?,
        None => editor::path().context(
            "which editor's settings isn't known; name the file: --editor-settings=FILE",
        )?,
    };
    apply(Act::AddToEditor, &file, mode)
}

/// Hands the packed extension to the editor's own command.
pub(super) fn editor_extension(file: Option<&Path>, mode: Mode) -> Result<ExitCode> {
    let beside = || Some(programs::own_path().ok()?.parent()?.join("bg-run.vsix"));
    let file = file
        .map(Path::to_owned)
        .or_else(beside)
        .filter(|file| file.is_file());
    let file = file.context(
        "there is no bg-run.vsix beside bg-run; `scripts/extension` makes one, then --editor-extension=FILE",
    )?;
    let editor = Editor::here().context("there is no editor's command on the PATH")?;
    let command = editor.command().with_context(|| {
        format!(
            "the command `{}` of {} isn't on the PATH",
            editor.program, editor.name
        )
    })?;
    if mode == Mode::Dry {
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
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !printed.contains("successfully installed") {
        bail!(
            "{} didn't install it ({}): {}",
            editor.name,
            output.status,
            printed.trim()
        );
    }
    println!("The extension is installed in {}", editor.name);
    Ok(ExitCode::SUCCESS)
}

fn run(act: Act<'_>, scope: Scope, mode: Mode) -> Result<ExitCode> {
    let done = apply(act, &settings_path(scope)?, mode)?;
    if matches!(act, Act::Uninstall(_)) && mode == Mode::Real {
        forget_state();
    }
    Ok(done)
}

fn apply(act: Act<'_>, path: &Path, mode: Mode) -> Result<ExitCode> {
    if mode == Mode::Dry {
        show(&act.plan(path)?);
        return Ok(ExitCode::SUCCESS);
    }
    let change = act.carry_out(path)?;
    let line = match (act, change.before == change.after) {
        (Act::Install(_), false) => "The hooks are registered in",
        (Act::Install(_), true) => "The hooks are registered already in",
        (Act::Uninstall(_), false) => "The hooks are taken out of",
        (Act::Uninstall(_), true) => "No hooks of bg-run are in",
        (Act::AddToEditor, false) => "Task outputs are read-only and coloured by",
        (Act::AddToEditor, true) => "Task outputs are read-only and coloured already by",
        (Act::TakeFromEditor, _) => "The settings for task outputs are taken out of",
    };
    println!("{line} {}", change.path.display());
    let settings = settings::read(&change.path).unwrap_or_default();
    if matches!(act, Act::Install(_))
        && let Some(why) = settings::no_hooks_because(&settings)
    {
        eprintln!(
            "bg-run: warning: {}: {}: Claude Code runs no hook of this file until that is mended",
            change.path.display(),
            print::outside(why)
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the log and the caches, once nothing is registered any more.
fn forget_state() {
    let registered = Folder::open(Kind::Registrations);
    if registered.is_err() || registered.is_ok_and(|folder| folder.names(1).is_empty()) {
        state::forget_all();
    }
}

fn settings_path(scope: Scope) -> Result<PathBuf> {
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    settings::path(scope, &CallSite::new(&cwd).project)
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

fn show(change: &Change) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (before, after) = (text(&change.before), text(&change.after));
    let name = change.path.display().to_string();
    let diff = similar::TextDiff::from_lines(&before, &after);
    print!("{}", diff.unified_diff().header(&name, &name));
}
