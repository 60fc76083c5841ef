//! `bg-run uninstall`: undoes `install`; with `--purge`, it removes everything of bg-run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::apply::apply;
use super::install::settings_path;
use super::rules::SCHEMAS;
use super::{config, editors, print, skill};
use crate::claude::settings::{self, SettingsScope};
use crate::config::Mode;
use crate::folders;
use crate::install::editor::EXTENSION;
use crate::install::extracted_hooks::{self, ExtractedHook};
use crate::install::{self, SettingsChange, editor_files, editors_with_extension, settings_files};
use crate::programs;
use crate::state::{self, Folder, Kind};

/// Removes the registration from one settings file and, for the user's file, the additions to editors.
pub(super) fn run(scope: SettingsScope, mode: Mode) -> Result<ExitCode> {
    if scope == SettingsScope::User {
        remove_from_editors(mode)?;
        skill::remove(&programs::own_path()?, mode);
    }
    let is_whole = remove_from(&settings_path(scope)?, mode)?;
    if mode == Mode::Real {
        forget_state();
    }
    Ok(print::exit_code(is_whole))
}

/// Removes everything from all places, including the user's own rules and settings.
pub(super) fn purge(mode: Mode) -> Result<ExitCode> {
    remove_from_editors(mode)?;
    skill::remove(&programs::own_path()?, mode);
    let mut files: BTreeSet<PathBuf> = settings_files().into_iter().collect();
    for scope in [
        SettingsScope::User,
        SettingsScope::Project,
        SettingsScope::Local,
    ] {
        let path = settings_path(scope)?;
        files.insert(fs::canonicalize(&path).unwrap_or(path));
    }
    let mut is_whole = true;
    for file in files.iter().filter(|file| file.is_file()) {
        is_whole &= remove_from(file, mode).unwrap_or_else(|error| {
            eprintln!("bg-run: {error:#}");
            false
        });
    }
    for file in own_files() {
        remove(&file, mode)?;
    }
    if mode == Mode::Real {
        // This fails unless the folder is empty.
        if let Some(config) = folders::config_dir() {
            folders::remove_own(&config);
        }
        // The journals stay if a file couldn't be changed, so that the next uninstall can restore it.
        let kept = (!is_whole).then_some(Kind::Registrations);
        state::forget_all_but(kept);
    }
    for left in [folders::config_dir(), state::dir()].into_iter().flatten() {
        if mode == Mode::Real && is_whole && left.exists() {
            print::line(format_args!(
                "{} contains other files, so it stays",
                left.display()
            ));
        }
    }
    print_plugin_hint();
    let program = programs::own_path()?;
    print::line(format_args!(
        "The program stays: {}; `cargo uninstall bg-run` removes it",
        program.display()
    ));
    Ok(print::exit_code(is_whole))
}

/// Removes bg-run's entries from the file. Returns whether nothing of bg-run is left in it.
fn remove_from(file: &Path, mode: Mode) -> Result<bool> {
    let change = apply(
        SettingsChange::Uninstall(&programs::own_path()?),
        file,
        mode,
    )?;
    if mode == Mode::Real {
        unchain_hooks(&change.extracted)?;
    }
    let left = install::malformed_events(change.after.as_deref().unwrap_or_default());
    for event in &left {
        eprintln!(
            "bg-run: {}: `hooks.{}` still contains a malformed entry of bg-run; remove it by hand",
            change.path.display(),
            print::outside(event)
        );
    }
    Ok(left.is_empty())
}

fn remove_from_editors(mode: Mode) -> Result<()> {
    for file in editor_files() {
        apply(SettingsChange::TakeFromEditor, &file, mode)?;
    }
    for command in editors_with_extension() {
        if mode == Mode::Dry {
            println!("{} --uninstall-extension {EXTENSION}", command.display());
            continue;
        }
        match uninstall_extension(&command) {
            Ok(()) => print::line(format_args!(
                "The extension is removed by {}",
                command.display()
            )),
            Err(error) => print::warning(format_args!(
                "the extension may remain: {error:#}; `{} --uninstall-extension {EXTENSION}` removes it",
                command.display()
            )),
        }
        install::forget_extension(&command);
    }
    Ok(())
}

fn uninstall_extension(command: &Path) -> Result<()> {
    let (status, said) =
        editors::run_command(command, "--uninstall-extension", EXTENSION.as_ref())?;
    ensure!(
        status.success(),
        "{status}: {}",
        print::outside(said.trim())
    );
    Ok(())
}

/// Removes the hooks from `chain`, because Claude Code runs them again.
fn unchain_hooks(extracted: &[ExtractedHook]) -> Result<()> {
    if extracted.is_empty() {
        return Ok(());
    }
    let config = config::file()?;
    let change = install::edit_text(&config, |path, text| {
        extracted_hooks::without(text, extracted).with_context(|| path.display().to_string())
    })?;
    if change.after.is_none() {
        // The folder may contain other files.
        if let Some(folder) = config.parent() {
            folders::remove_own(folder);
        }
    }
    let commands = print::commands(extracted.iter().map(|hook| &hook.words));
    print::line(format_args!("{commands} is run by Claude Code again"));
    Ok(())
}

/// Returns bg-run's files in the settings folder.
fn own_files() -> Vec<PathBuf> {
    let files = [folders::config_file(), folders::user_rules_file()];
    let schemas = SCHEMAS
        .iter()
        .map(|(name, _)| Some(folders::config_dir()?.join(name)));
    files.into_iter().chain(schemas).flatten().collect()
}

fn remove(file: &Path, mode: Mode) -> Result<()> {
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    if mode == Mode::Dry {
        print::line(format_args!("{} would be removed", file.display()));
        return Ok(());
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} can't be removed", file.display()));
        }
        _ => print::line(format_args!("{} is removed", file.display())),
    }
    Ok(())
}

/// Explains how to remove the plugin, which only the client's own commands can do.
fn print_plugin_hint() {
    let Some(plugins) = folders::claude_dir().map(|dir| dir.join("plugins")) else {
        return;
    };
    let read = |name: &str| settings::read(&plugins.join(name)).unwrap_or_default();
    let installed = read("installed_plugins.json");
    let installed = installed.get("plugins").and_then(Value::as_object);
    let names = installed.into_iter().flatten().map(|(name, _)| name);
    for name in names.filter(|name| name.split('@').next() == Some("bg-run")) {
        let name = print::outside(name);
        print::line(format_args!(
            "The plugin is still there: `claude plugin uninstall {name}`"
        ));
    }
    if read("known_marketplaces.json").get("bg-run").is_some() {
        print::line(format_args!(
            "The plugin's marketplace is still there: `claude plugin marketplace remove bg-run`"
        ));
    }
}

/// Removes the log and the caches if no registration is left.
fn forget_state() {
    let registered = Folder::open(Kind::Registrations);
    if registered.is_err() || registered.is_ok_and(|folder| folder.names(1).is_empty()) {
        state::forget_all_but(Some(Kind::Registrations));
    }
}
