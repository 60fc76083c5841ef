//! A change of a settings file: done or shown, and said in a line.

use std::path::Path;

use anyhow::Result;

use super::{diff, print};
use crate::claude::settings;
use crate::config::Mode;
use crate::install::{Act, Change};

/// Does it, or shows it, and says so.
pub(super) fn apply(act: Act<'_>, path: &Path, mode: Mode) -> Result<Change> {
    if mode == Mode::Dry {
        let change = act.plan(path)?;
        show(&change);
        return Ok(change);
    }
    let change = act.carry_out(path)?;
    let line = match (act, change.before == change.after) {
        (Act::Install(wanted), false) if wanted.program.is_some() => "The hooks are registered in",
        (Act::Install(wanted), true) if wanted.program.is_some() => {
            "The hooks are registered already in"
        }
        (Act::Install(_), false) => "The limit is set in",
        (Act::Install(_), true) => "The limit is set already in",
        (Act::Uninstall(_), false) => "The hooks are taken out of",
        (Act::Uninstall(_), true) => "No hooks of bg-run are in",
        (Act::AddToEditor, false) => "Task outputs are read-only and coloured by",
        (Act::AddToEditor, true) => "Task outputs are read-only and coloured already by",
        (Act::TakeFromEditor, _) => "The settings for task outputs are taken out of",
    };
    println!("{line} {}", change.path.display());
    let settings = settings::read(&change.path).unwrap_or_default();
    if matches!(act, Act::Install(..))
        && let Some(why) = settings::no_hooks_because(&settings)
    {
        eprintln!(
            "bg-run: warning: {}: {} until that is mended",
            change.path.display(),
            print::outside(why)
        );
    }
    Ok(change)
}

pub(super) fn show(change: &Change) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (before, after) = (text(&change.before), text(&change.after));
    let name = change.path.display().to_string();
    print!("{}", diff::unified(&name, &before, &after));
}
