//! The editor: whether outputs can be shown.

use std::path::Path;

use super::Check;
use crate::claude::task::PATTERN;
use crate::config::Config;
use crate::folders;
use crate::install::editor;
use crate::programs;
use crate::viewer::{self, NoViewer, Viewer};

/// In bytes.
const MAX_SETTINGS: u64 = 16 * 1024 * 1024;

pub(super) fn checks(config: &Config, project: &Path) -> Vec<Check> {
    programs::work_in(project);
    let viewer = match Viewer::find(config) {
        Ok(viewer) => viewer,
        Err(NoViewer::Off) => {
            return vec![Check::ok(
                "editor",
                "Outputs are told and not opened: `open` is \"never\"",
            )];
        }
        Err(why) => {
            return vec![Check::failure(
                "editor",
                format!("No editor: {why}"),
                "Set `editor` in config.toml, or put its command on the PATH; `bg-run tail` works without.",
            )];
        }
    };
    [ways(&viewer, project)]
        .into_iter()
        .chain(settings())
        .collect()
}

/// One way is enough; those before it are tried first.
fn ways(viewer: &Viewer, project: &Path) -> Check {
    let mut faults = Vec::new();
    for viewer::Check { what, fault } in viewer.check(project) {
        match fault {
            None => {
                let instead = if faults.is_empty() {
                    String::new()
                } else {
                    format!(" (because {})", faults.join("; "))
                };
                return Check::ok(
                    "editor",
                    format!("Editor: {}, by {what}{instead}", viewer.name),
                );
            }
            Some(fault) => faults.push(format!("{what} {fault}")),
        }
    }
    Check::failure(
        "editor",
        format!(
            "Editor: {}, which can't be reached: {}",
            viewer.name,
            faults.join("; ")
        ),
        "Start Claude Code from a terminal of the window that is to show the outputs, or set `editor`.",
    )
}

fn settings() -> Option<Check> {
    let path = editor::path()?;
    let text = folders::read_regular(&path, MAX_SETTINGS);
    Some(if text.is_ok_and(|text| text.contains(PATTERN)) {
        Check::ok(
            "editor-settings",
            format!("Outputs are read-only by {}", path.display()),
        )
    } else {
        Check::warning(
            "editor-settings",
            "A stray key in an output stops it from refreshing",
            "`bg-run install --editor-settings` prevents that.",
        )
    })
}
