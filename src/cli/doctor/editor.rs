//! The editor: whether outputs can be shown.

use std::path::Path;

use super::Check;
use crate::config::Config;
use crate::install::editor;
use crate::programs;
use crate::viewer::{self, NoViewer, Viewer};
use crate::{environment, folders};

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
        Err(why @ NoViewer::Unknown { .. }) => {
            return vec![Check::failure(
                "editor",
                format!("No editor: {why}"),
                "Set `editor` in config.toml to one of them.",
            )];
        }
        Err(why) => {
            return vec![Check::warning(
                "editor",
                format!("Outputs aren't opened in an editor: {why}"),
                without_editor(),
            )];
        }
    };
    let was_chosen = config.editor.is_some();
    [ways(&viewer, project, was_chosen)]
        .into_iter()
        .chain(settings())
        .collect()
}

/// What shows outputs without an editor.
fn without_editor() -> String {
    let pane = if environment::is_set("TMUX") {
        "`bg-run config set pane true` opens each in a pane of tmux. "
    } else {
        ""
    };
    format!(
        "{pane}`bg-run tail` follows one, and Claude Code 2.1.286 and newer shows the last lines itself. For an \
         editor, put its command on the PATH, or set `editor`."
    )
}

/// One way is enough; those before it are tried first.
fn ways(viewer: &Viewer, project: &Path, was_chosen: bool) -> Check {
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
    let says = format!(
        "Editor: {}, which can't be reached: {}",
        viewer.name,
        faults.join("; ")
    );
    let fix = "Start Claude Code from a terminal of the window that is to show the outputs, or set `editor`.";
    if was_chosen {
        Check::failure("editor", says, fix)
    } else {
        let without = without_editor();
        let fix = if environment::is_set("TMUX") {
            format!("{without} {fix}")
        } else {
            format!("{fix} {without}")
        };
        Check::warning("editor", says, fix)
    }
}

fn settings() -> Option<Check> {
    let path = editor::path()?;
    let text = folders::read_regular(&path, MAX_SETTINGS);
    Some(if text.is_ok_and(|text| editor::is_read_only(&text)) {
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
