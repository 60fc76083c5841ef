//! Runs an editor's command.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use rustix::io::Errno;

use super::editor_table::{LAST_LINE, LIKE_CODE};
use super::editors::Editor;
use super::no_viewer::NoViewer;
use crate::config::EditorChoice;
use crate::{environment, programs};

/// Time after which a command that hasn't returned counts as an editor in the foreground, which has opened the file.
const RETURN_TIMEOUT: Duration = Duration::from_secs(20);

/// Output of the remote command when it exits with 0 but opens nothing (measured, VS Code 1.139).
const NOT_IN_A_WINDOW: &str = "Command is only available in";

/// Maximum number of bytes that are read of its output.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Returns the editor that `config.toml` names: its name, its command line, and whether it is VS Code or a fork of it.
pub(super) fn configured(choice: &EditorChoice) -> Result<(String, Vec<String>, bool), NoViewer> {
    match choice {
        EditorChoice::Command(command) => {
            let program = command.first().map(Path::new).and_then(Path::file_name);
            let name = program.unwrap_or_default().to_string_lossy().into_owned();
            let is_code = Editor::named(&name).is_some_and(|editor| editor.has_windows);
            Ok((name, command.clone(), is_code))
        }
        EditorChoice::Name(name) => {
            let editor = Editor::named(name).ok_or_else(|| NoViewer::Unknown {
                name: name.clone(),
                known: Editor::names().collect::<Vec<_>>().join(", "),
            })?;
            let program = editor.command().map(PathBuf::into_os_string);
            let program = program.map(|program| program.to_string_lossy().into_owned());
            let program = program.unwrap_or_else(|| editor.program.clone());
            let words = editor.line_of(program);
            Ok((editor.name, words, editor.has_windows))
        }
    }
}

/// Returns the reason why the command can't open anything, as a whole sentence. A command like VS Code's is asked for
/// its version, which opens nothing.
pub(super) fn fault_of(program: &str, words: &[String]) -> Option<String> {
    let path = Path::new(program);
    let path = if program.contains('/') {
        Some(path.to_owned()).filter(|path| programs::is_executable(path))
    } else {
        programs::find(program)
    };
    let Some(path) = path else {
        return Some(format!("the command {program} isn't there"));
    };
    let is_like_code = words.iter().skip(1).eq(LIKE_CODE);
    if is_like_code && is_remote(&path) && !environment::can_reach_vscode_window() {
        return Some(format!(
            "the command {program} opens nothing outside a terminal of VS Code: VSCODE_IPC_HOOK_CLI isn't set"
        ));
    }
    let asked = || programs::output_of(&duct::cmd!(path, "--version"), RETURN_TIMEOUT).err();
    let why = is_like_code.then(asked).flatten()?;
    Some(format!("the command {program} doesn't work: {why}"))
}

/// Whether `path` is the command of VS Code's server, which uses a window's socket.
fn is_remote(path: &Path) -> bool {
    let real = path.canonicalize();
    let mut parts = real.as_deref().unwrap_or(path).components();
    parts.any(|part| part.as_os_str() == "remote-cli")
}

/// A shell's message about a program for another system.
const EXEC_FORMAT: &str = "Exec format error";

/// Error for a program of another system. In WSL, `code` is the Windows program until VS Code has been used there.
const OTHER_SYSTEM: &str = "it starts a program of another system. In WSL, programs of Windows are switched off: \
     `[interop] enabled = true` in /etc/wsl.conf and `wsl.exe --shutdown` switch them on, and a folder that VS Code \
     opens by its WSL extension brings a `code` of its own";

/// Runs an editor's command and waits for it. Its exit status alone says little. It is never killed, because a command
/// that stays in the foreground is the editor itself.
pub(super) fn run(words: &[String], file: &Path) -> Result<()> {
    let file = file
        .to_str()
        .with_context(|| format!("{} is not UTF-8", file.display()))?;
    let words: Vec<String> = words
        .iter()
        .map(|word| word.replace("{line}", LAST_LINE).replace("{file}", file))
        .collect();
    let Some((program, arguments)) = words.split_first() else {
        bail!("the editor's command is empty; set `editor` in config.toml");
    };
    // Output goes to a file, because a pipe without a reader would end an editor that stays open. The file goes when
    // the editor ends.
    let output = tempfile::tempfile().context("no temporary file can be made")?;
    let found = programs::locate(program)?;
    let started = duct::cmd(found, arguments)
        .stdin_null()
        .stderr_to_stdout()
        .stdout_file(output.try_clone()?)
        .unchecked()
        .start()
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOEXEC) => anyhow!("`{program}` can't be started: {OTHER_SYSTEM}"),
            _ => Error::new(error).context(format!("`{program}` can't be started")),
        })?;
    let Some(ended) = started.wait_timeout(RETURN_TIMEOUT)? else {
        return Ok(());
    };
    let status = ended.status;
    let printed = printed(output)?;
    if printed.contains(EXEC_FORMAT) {
        bail!("`{program}` opened nothing: {OTHER_SYSTEM}");
    }
    if !status.success() || printed.contains(NOT_IN_A_WINDOW) {
        bail!(
            "`{}` opened nothing ({status}): {}",
            words.join(" "),
            printed.trim()
        );
    }
    Ok(())
}

fn printed(mut output: File) -> Result<String> {
    output.rewind()?;
    let mut bytes = Vec::new();
    output.take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
