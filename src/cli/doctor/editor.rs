//! Checks whether an editor can show outputs.

use std::path::Path;
use std::time::Duration;

use super::check::Check;
use crate::config::Config;
use crate::environment;
use crate::install::editor::{self, EXTENSION, OutputProtection};
use crate::platform::regular_file;
use crate::programs;
use crate::viewer::{self, Editor, NoViewer, Viewer};

/// Maximum size in bytes of a settings file that is read.
const MAX_SETTINGS: u64 = 16 * 1024 * 1024;

/// Time limit for an editor's command to list its extensions.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn checks(config: &Config, project: &Path) -> Vec<Check> {
    programs::set_working_project(project);
    let viewer = match Viewer::find(config) {
        Ok(viewer) => viewer,
        Err(NoViewer::Off) => {
            return vec![Check::ok(
                "editor",
                "Outputs don't open, and messages give their paths: `open` is \"never\"",
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
    [methods(&viewer, project, was_chosen)]
        .into_iter()
        .chain(settings())
        .chain(extensions())
        .collect()
}

/// Describes ways to show outputs without an editor.
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

/// Checks the methods of opening a file. One is enough; the earlier ones are tried first.
fn methods(viewer: &Viewer, project: &Path, was_chosen: bool) -> Check {
    let mut faults = Vec::new();
    for viewer::MethodCheck { what, fault } in viewer.check(project) {
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
            Some(fault) => faults.push(fault),
        }
    }
    let message = format!(
        "Editor: {}, which can't be reached: {}",
        viewer.name,
        faults.join("; ")
    );
    let fix = "Start Claude Code from a terminal of the window that is to show the outputs, or set `editor`.";
    if was_chosen {
        Check::failure("editor", message, fix)
    } else {
        let without = without_editor();
        let fix = if environment::is_set("TMUX") {
            format!("{without} {fix}")
        } else {
            format!("{fix} {without}")
        };
        Check::warning("editor", message, fix)
    }
}

/// Checks that outputs are read-only in every editor of the VS Code family here.
fn settings() -> Option<Check> {
    let name = "editor-settings";
    let mut files = editor::all_files();
    files.extend(editor::path().filter(|path| !files.contains(path)));
    if files.is_empty() {
        return None;
    }
    let found: Vec<(OutputProtection, String)> = files
        .iter()
        .map(|file| {
            let text = regular_file::read(file, MAX_SETTINGS).unwrap_or_default();
            (
                OutputProtection::in_settings(&text),
                file.display().to_string(),
            )
        })
        .collect();
    let of = |wanted| {
        let files = found.iter().filter(|(outputs, _)| *outputs == wanted);
        files
            .map(|(_, file)| file.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (unset, writable) = (of(OutputProtection::Unset), of(OutputProtection::Writable));
    Some(if !unset.is_empty() {
        Check::warning(
            name,
            format!(
                "Outputs aren't read-only: a key pressed by mistake edits one, and it no longer refreshes ({unset})"
            ),
            "`bg-run install` makes them read-only in all editors, `bg-run install --editor-settings` in one.",
        )
    } else if writable.is_empty() {
        Check::ok(
            name,
            format!(
                "Outputs are read-only by {}",
                of(OutputProtection::ReadOnly)
            ),
        )
    } else {
        Check::ok(
            name,
            format!("Outputs can be written, because of `files.readonlyInclude` in {writable}"),
        )
    })
}

/// Checks that each editor with extensions has this version of bg-run's extension.
fn extensions() -> Vec<Check> {
    let editors = Editor::with_extensions().into_iter();
    editors.filter_map(|editor| extension(&editor)).collect()
}

fn extension(editor: &Editor) -> Option<Check> {
    let name = "editor-extension";
    let command = editor.command()?;
    let install = "`bg-run install` installs it, so that outputs open without taking the keyboard.";
    let list = duct::cmd!(&command, "--list-extensions", "--show-versions").stdin_null();
    let listed = match programs::output_of(&list, LIST_TIMEOUT) {
        Ok(listed) => listed,
        Err(why) => {
            let message = format!("{} may lack the extension: {why}", editor.name);
            return Some(Check::warning(
                name,
                message,
                format!(
                    "`{} --list-extensions` shows the extensions that it has.",
                    command.display()
                ),
            ));
        }
    };
    // The check of the editor has reported this.
    if listed.contains("Command is only available") {
        return None;
    }
    let own = listed
        .lines()
        .find_map(|line| line.trim().strip_prefix(EXTENSION)?.strip_prefix('@'));
    Some(match own {
        None => Check::warning(
            name,
            format!("{} doesn't have the extension", editor.name),
            install,
        ),
        Some(env!("CARGO_PKG_VERSION")) => {
            Check::ok(name, format!("{} has the extension", editor.name))
        }
        Some(version) => Check::warning(
            name,
            format!("{} has the extension of bg-run {version}", editor.name),
            "`bg-run install` installs this version's.",
        ),
    })
}
