//! Whether a key typed in an output changes it, which the user is told once.

use std::path::Path;

use crate::folders;
use crate::install::editor::{self, Outputs};
use crate::state::reported;
use crate::text::{SHOWN, clipped, one_line};
use crate::viewer::Viewer;

/// Larger settings aren't read, in bytes.
const MAX_SETTINGS: u64 = 1024 * 1024;

/// A name takes so many columns at most.
const NAME: usize = 20;

/// What to tell the user of an output that was opened, where keys typed in it change it and that wasn't told before.
pub(super) fn caution(viewer: &Viewer) -> Option<String> {
    let mark = format!("typing\0{}", viewer.name);
    if reported::was_said(&mark) {
        return None;
    }
    let told = if viewer.is_code {
        if viewer.has_extension() || !lets_type() {
            return None;
        }
        "bg-run: keys typed in it change it; `bg-run install` makes outputs read-only".to_owned()
    } else {
        let name = clipped(&one_line(&viewer.name, SHOWN), NAME);
        format!("bg-run: {name} doesn't open it read-only: keys typed there change it")
    };
    reported::say(&mark).then_some(told)
}

/// Whether the settings of the editor here leave outputs writable, and the user didn't ask for that. Nothing is known of an
/// editor whose folder isn't there.
fn lets_type() -> bool {
    let Some(path) = editor::path() else {
        return true;
    };
    match folders::read_regular(&path, MAX_SETTINGS) {
        Ok(text) => Outputs::in_settings(&text) == Outputs::Unset,
        Err(_) => path.parent().is_some_and(Path::is_dir),
    }
}
