//! The editors' part of `bg-run install`: read-only outputs, and the extension.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::apply::apply;
use super::print;
use crate::config::Mode;
use crate::install::{self, SettingsChange, editor};
use crate::programs::bounded;
use crate::viewer::Editor;

/// The packed extension.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bg-run.vsix"));

/// Time limit for an editor's command to install or remove an extension.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum output of an editor's command, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;

/// Makes task outputs read-only in the settings of every editor of the VS Code family here, and installs the extension
/// with each editor's command. A failure is reported without stopping the rest.
pub(super) fn set_up_all(mode: Mode) {
    let files = editor::all_files();
    let editors = Editor::with_extensions();
    if files.is_empty() && editors.is_empty() {
        print::line(
            "No editor of the VS Code family was found; run `bg-run install` again once its command is on the PATH",
        );
    }
    for file in files {
        if let Err(error) = apply(SettingsChange::AddToEditor, &file, mode) {
            warn("outputs aren't read-only in an editor", &error);
        }
    }
    for editor in editors {
        if let Err(error) = install_extension_in(&editor, None, mode) {
            warn("an editor doesn't have the extension", &error);
        }
    }
}

fn warn(what: &str, error: &anyhow::Error) {
    let error = print::outside(format!("{error:#}"));
    print::warning(format_args!("{what}: {error}"));
}

/// Adds the settings for task outputs to an editor's file: `file`, or else that of the current editor.
pub(super) fn add_settings(file: Option<&Path>, mode: Mode) -> Result<ExitCode> {
    let file = match file {
        Some(file) => std::path::absolute(file)?,
        None => editor::path()
            .context("the editor's settings file isn't known; name it: --editor-settings=FILE")?,
    };
    apply(SettingsChange::AddToEditor, &file, mode)?;
    Ok(ExitCode::SUCCESS)
}

/// Installs the extension from `file`, or else the embedded one, in the current editor.
pub(super) fn install_extension(file: Option<&Path>, mode: Mode) -> Result<ExitCode> {
    let editor = Editor::here().context("there is no editor's command on the PATH")?;
    install_extension_in(&editor, file, mode)?;
    Ok(ExitCode::SUCCESS)
}

/// Passes the packed extension to the editor's own command.
fn install_extension_in(editor: &Editor, file: Option<&Path>, mode: Mode) -> Result<()> {
    let command = editor.command().with_context(|| {
        format!(
            "the command `{}` of {} isn't on the PATH",
            editor.program, editor.name
        )
    })?;
    if mode == Mode::Dry {
        let file = file.map_or_else(|| PathBuf::from("bg-run.vsix"), Path::to_owned);
        println!(
            "{} --install-extension {}",
            command.display(),
            file.display()
        );
        return Ok(());
    }
    let folder = tempfile::tempdir().context("there is no temporary folder")?;
    let own = folder.path().join("bg-run.vsix");
    if file.is_none() {
        fs::write(&own, PACKED).with_context(|| own.display().to_string())?;
    }
    let file = file.unwrap_or(&own);
    let (status, printed) = run_command(&command, "--install-extension", file.as_os_str())?;
    if !status.success() || !printed.contains("successfully installed") {
        bail!(
            "{} didn't install it ({status}): {}",
            editor.name,
            printed.trim()
        );
    }
    print::line(format_args!(
        "The extension is installed in {}",
        editor.name
    ));
    install::record_extension(&command)
}

/// Runs an editor's command and returns its exit status and output.
pub(super) fn run_command(
    command: &Path,
    option: &str,
    extension: &OsStr,
) -> Result<(ExitStatus, String)> {
    let asked = duct::cmd!(command, option, extension);
    let ended = bounded::run(&asked, b"", TIMEOUT, MAX_OUTPUT)
        .with_context(|| command.display().to_string())?;
    let printed = [ended.stdout, ended.stderr].concat();
    Ok((ended.status, String::from_utf8_lossy(&printed).into_owned()))
}
