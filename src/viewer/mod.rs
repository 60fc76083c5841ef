//! Shows a file live: chooses an editor, reaches it, and checks that it opened the file.

mod command;
mod editor_table;
mod editors;
mod extension_windows;
mod find;
mod no_viewer;
mod open_tabs;
mod opener;
mod pane;
mod socket;
mod tab_names;
mod touch_mtime;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::claude::task;
use crate::environment;
use crate::platform::regular_file;

pub use editors::Editor;
pub use find::Viewer;
pub use no_viewer::NoViewer;
pub use opener::{OpenOutcome, Request, open_detached, show_detached};

/// Time to wait for the file to exist. A missing file would become a phantom tab.
const FILE_WAIT: Duration = Duration::from_secs(2);

/// Size in bytes above which a remote window asks before it opens a file (read in VS Code 1.139).
const REMOTE_LIMIT: u64 = 10 * 1024 * 1024;

/// Size in bytes above which a window on this machine asks.
const DESKTOP_LIMIT: u64 = 1024 * 1024 * 1024;

/// A method of showing a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Method {
    /// bg-run's extension, which leaves the keyboard focus unchanged.
    Extension,
    /// A window's socket.
    Window,
    /// A command line with `{file}` and `{line}` in it.
    Command(Vec<String>),
    /// A terminal pane.
    Pane,
}

/// Whether a method works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodCheck {
    /// The method, in words.
    pub what: String,
    /// The reason why it doesn't work, as a whole sentence.
    pub fault: Option<String>,
}

impl Viewer {
    /// Whether the first method answers within milliseconds.
    fn is_quick(&self) -> bool {
        matches!(
            self.methods.first(),
            Some(Method::Extension | Method::Window)
        )
    }

    /// Shows `file` to a user who works in `project`, and returns the place in words.
    ///
    /// # Errors
    ///
    /// Fails if the file is missing or too large, or every method fails. The error contains each method's reason.
    pub fn show(&self, file: &Path, project: &Path) -> Result<String> {
        let size = wait_for(file)?.metadata()?.len();
        let real = resolved(file)?;
        let link = self
            .names_tabs
            .then(|| tab_names::link_to(file, &real))
            .flatten();
        let tab = link.as_deref().unwrap_or(&real);
        let mut reasons = Vec::new();
        for method in &self.methods {
            let shown = match method {
                Method::Extension => check_size(size, self.command_limit())
                    .and_then(|()| extension_windows::open(project, tab))
                    .map(|()| self.name.clone()),
                Method::Window => check_size(size, REMOTE_LIMIT)
                    .and_then(|()| socket::window_for(project))
                    .and_then(|live| socket::open(&live, tab))
                    .map(|()| self.name.clone()),
                Method::Command(words) => check_size(size, self.command_limit())
                    .and_then(|()| command::run(words, tab))
                    .map(|()| self.name.clone()),
                Method::Pane => pane::open(&real).map(|terminal| format!("a pane of {terminal}")),
            };
            match shown {
                Ok(place) => return Ok(place),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        Err(anyhow!(reasons.join("; ")))
    }

    /// Checks each method without opening anything.
    pub fn check(&self, project: &Path) -> Vec<MethodCheck> {
        let check = |method: &Method| match method {
            Method::Extension => MethodCheck {
                what: "the extension of a window".to_owned(),
                fault: extension_windows::window_for(project)
                    .err()
                    .map(|error| format!("{error:#}")),
            },
            Method::Window => MethodCheck {
                what: "a window's socket".to_owned(),
                fault: socket::window_for(project)
                    .err()
                    .map(|error| format!("{error:#}")),
            },
            Method::Command(words) => {
                let program = words.first().map(String::as_str).unwrap_or_default();
                MethodCheck {
                    what: format!("the command {program}"),
                    fault: command::fault_of(program, words),
                }
            }
            Method::Pane => MethodCheck {
                what: "a pane of the terminal".to_owned(),
                fault: pane::terminal()
                    .is_none()
                    .then(|| "this terminal isn't tmux, zellij, kitty or WezTerm".to_owned()),
            },
        };
        self.methods.iter().map(check).collect()
    }

    /// Returns the size limit. A remote window's command has the smaller one.
    fn command_limit(&self) -> u64 {
        let remote = environment::vscode_socket().is_some() || self.name == "code-server";
        if remote { REMOTE_LIMIT } else { DESKTOP_LIMIT }
    }
}

/// Resolves links, because the editor treats another spelling as another file.
fn resolved(file: &Path) -> Result<PathBuf> {
    fs::canonicalize(file).with_context(|| format!("{} can't be resolved", file.display()))
}

fn check_size(size: u64, limit: u64) -> Result<()> {
    if size > limit {
        bail!(
            "the file is larger than the editor opens unasked ({} MB)",
            limit / 1024 / 1024
        );
    }
    Ok(())
}

/// Waits until the file exists and opens it.
fn wait_for(file: &Path) -> Result<File> {
    let end = Instant::now() + FILE_WAIT;
    loop {
        match open_file(file) {
            Ok(open) => return Ok(open),
            Err(error) if Instant::now() > end => {
                bail!("{} can't be shown: {error}", file.display());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Opens a task's output or another regular file, without blocking.
fn open_file(file: &Path) -> io::Result<File> {
    if task::is_output(file) {
        task::open(file)
    } else {
        regular_file::open(file).map(|(file, _)| file)
    }
}
