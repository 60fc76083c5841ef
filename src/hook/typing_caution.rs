//! A one-time warning that typing in an output changes it.

use std::path::Path;

use crate::install::editor::{self, OutputProtection};
use crate::platform::regular_file;
use crate::state::announcements;
use crate::text::{MAX_COMMAND_LENGTH, clipped, one_line};
use crate::viewer::Viewer;

/// Maximum size in bytes of a settings file that is read.
const MAX_SETTINGS: u64 = 1024 * 1024;

/// Maximum width of a name, in columns.
const MAX_NAME_WIDTH: usize = 20;

/// Returns the warning about an opened output, if typing in it would change it and the user hasn't been warned. Records
/// that the user gets it.
pub(super) fn unreported_caution(viewer: &Viewer) -> Option<String> {
    let mark = format!("typing\0{}", viewer.name);
    if announcements::is_message_claimed(&mark) {
        return None;
    }
    let message = if viewer.is_code {
        if viewer.has_extension() || !lets_type() {
            return None;
        }
        "bg-run: typing in this tab changes the output file; `bg-run install` makes outputs read-only".to_owned()
    } else {
        let name = clipped(&one_line(&viewer.name, MAX_COMMAND_LENGTH), MAX_NAME_WIDTH);
        format!("bg-run: {name} opens the output writable: typing there changes the file")
    };
    announcements::claim_message(&mark).then_some(message)
}

/// Whether the editor's settings leave outputs writable, unless the user chose that. An editor without a settings
/// folder counts as unknown.
fn lets_type() -> bool {
    let Some(path) = editor::path() else {
        return true;
    };
    match regular_file::read(&path, MAX_SETTINGS) {
        Ok(text) => OutputProtection::in_settings(&text) == OutputProtection::Unset,
        Err(_) => path.parent().is_some_and(Path::is_dir),
    }
}
