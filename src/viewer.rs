//! Showing a task's output: which editor, and opening the file there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::configuration::{Config, Open};
use crate::programs;

/// An editor's command line, and its name for people. `{file}` and `{line}` stand for what they say.
///
/// `-r` reuses the window, `-g` goes to the line; any other form of the call can open an empty window instead
/// (measured, VS Code 1.139).
const EDITORS: &[(&str, &[&str])] = &[("VS Code", &["code", "-r", "-g", "{file}:{line}"])];

/// Past the end of any file: the editor puts the cursor on the last line.
const LAST_LINE: &str = "999999";

/// How long to wait for the file: a file that doesn't exist yet becomes a phantom tab.
const FILE_WAIT: Duration = Duration::from_secs(2);

/// How long an editor's command may take.
const EDITOR_WAIT: Duration = Duration::from_secs(20);

/// The remote command prints this, exits 0 and opens nothing (measured, VS Code 1.139).
const NOT_IN_A_WINDOW: &str = "Command is only available in";

/// How outputs are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// By an editor's command.
    Editor {
        /// For people.
        name: String,
        /// The command line, `{file}` and `{line}` in it.
        command: Vec<String>,
    },
    /// Not at all.
    Nothing {
        /// Why not.
        why: &'static str,
    },
}

impl Viewer {
    /// The viewer that the settings and the machine give.
    pub fn find(config: &Config) -> Self {
        if config.open == Open::Never {
            return Self::Nothing {
                why: "opening is switched off",
            };
        }
        if let Some(command) = &config.editor {
            let name = command
                .first()
                .map(|program| base_name(program))
                .unwrap_or_default();
            return Self::Editor {
                name,
                command: command.clone(),
            };
        }
        let installed = EDITORS.iter().find(|(_, command)| {
            command
                .first()
                .is_some_and(|program| programs::find(program).is_some())
        });
        match installed {
            Some((name, command)) => Self::Editor {
                name: (*name).to_owned(),
                command: command.iter().map(|&word| word.to_owned()).collect(),
            },
            None => Self::Nothing {
                why: "there is no `code` command on the PATH",
            },
        }
    }
}

fn base_name(program: &str) -> String {
    let name = Path::new(program).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Starts a process of its own that opens `file`, and doesn't wait for it.
///
/// # Errors
///
/// When the process can't be started.
pub fn open_detached(file: &Path) -> Result<()> {
    let program = std::env::current_exe().context("the path of bg-run itself isn't known")?;
    let mut command = Command::new(&program);
    command
        .args(["open", "--detached", "--"])
        .arg(file)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
        .spawn()
        .with_context(|| format!("{} can't be started", program.display()))?;
    Ok(())
}

/// Opens `file` by the editor's command and waits for that command.
///
/// # Errors
///
/// When the file doesn't appear, or the command fails, takes too long, or says that it opened nothing.
pub fn open(command: &[String], file: &Path) -> Result<()> {
    wait_for(file)?;
    let file =
        fs::canonicalize(file).with_context(|| format!("{} can't be resolved", file.display()))?;
    let file = file
        .to_str()
        .with_context(|| format!("{} is no UTF-8", file.display()))?;
    let words: Vec<String> = command
        .iter()
        .map(|word| word.replace("{file}", file).replace("{line}", LAST_LINE))
        .collect();
    let Some((program, arguments)) = words.split_first() else {
        bail!("the editor's command is empty; set `editor` in config.toml");
    };
    let running = duct::cmd(program, arguments)
        .stdin_null()
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .start()
        .with_context(|| format!("`{program}` can't be started"))?;
    let Some(output) = running.wait_timeout(EDITOR_WAIT)? else {
        running.kill()?;
        bail!(
            "`{program}` didn't return within {} s",
            EDITOR_WAIT.as_secs()
        );
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || said.contains(NOT_IN_A_WINDOW) {
        bail!(
            "`{}` opened nothing ({}): {}",
            words.join(" "),
            output.status,
            said.trim()
        );
    }
    Ok(())
}

fn wait_for(file: &Path) -> Result<()> {
    let end = Instant::now() + FILE_WAIT;
    while !file.is_file() {
        if Instant::now() > end {
            bail!("{} is no file", file.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
