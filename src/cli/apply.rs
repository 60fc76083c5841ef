//! Changes a settings file, or shows the change, and reports it in a line.

use std::path::Path;

use anyhow::Result;

use super::{diff, print};
use crate::claude::settings;
use crate::config::Mode;
use crate::install::{FileChange, SettingsChange};

/// Carries the change out or shows it, and reports it.
pub(super) fn apply(change: SettingsChange<'_>, path: &Path, mode: Mode) -> Result<FileChange> {
    if mode == Mode::Dry {
        let file_change = change.plan(path)?;
        show(&file_change);
        return Ok(file_change);
    }
    let file_change = change.carry_out(path)?;
    let line = match (change, file_change.before == file_change.after) {
        (SettingsChange::Install(wanted), false) if wanted.program.is_some() => {
            "The hooks are registered in"
        }
        (SettingsChange::Install(wanted), true) if wanted.program.is_some() => {
            "The hooks are already registered in"
        }
        (SettingsChange::Install(_), false) => "The limit is set in",
        (SettingsChange::Install(_), true) => "The limit is already set in",
        (SettingsChange::Uninstall(_), false) => "The hooks are removed from",
        (SettingsChange::Uninstall(_), true) => "No hooks of bg-run are in",
        (SettingsChange::AddToEditor, false) => "Task outputs are read-only and coloured by",
        (SettingsChange::AddToEditor, true) => "Task outputs are already read-only and coloured by",
        (SettingsChange::TakeFromEditor, _) => "The settings for task outputs are removed from",
    };
    print::line(format_args!("{line} {}", file_change.path.display()));
    let settings = settings::read(&file_change.path).unwrap_or_default();
    if matches!(change, SettingsChange::Install(..))
        && let Some(why) = settings::reason_without_hooks(&settings)
    {
        print::warning(format_args!(
            "{}: {} until you fix it",
            file_change.path.display(),
            print::outside(why)
        ));
    }
    Ok(file_change)
}

pub(super) fn show(file_change: &FileChange) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (before, after) = (text(&file_change.before), text(&file_change.after));
    let name = file_change.path.display().to_string();
    print!("{}", diff::unified(&name, &before, &after));
}
