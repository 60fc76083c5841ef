//! A one-time warning that typing in an output changes it.

use std::path::Path;

use crate::folders;
use crate::install::editor::{self, Outputs};
use crate::state::reported;
use crate::text::{SHOWN, clipped, one_line};
use crate::viewer::Viewer;

/// Maximum size in bytes of a settings file that is read.
const MAX_SETTINGS: u64 = 1024 * 1024;

/// Maximum width of a name, in columns.
const NAME: usize = 20;

/// Returns the warning about an opened output, if typing in it would change it and the user hasn't been warned.
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

/// Whether the editor's settings leave outputs writable, unless the user chose that. An editor without a settings
/// folder counts as unknown.
fn lets_type() -> bool {
    let Some(path) = editor::path() else {
        return true;
    };
    match folders::read_regular(&path, MAX_SETTINGS) {
        Ok(text) => Outputs::in_settings(&text) == Outputs::Unset,
        Err(_) => path.parent().is_some_and(Path::is_dir),
    }
}
