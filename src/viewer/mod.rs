//! Showing a file live: which editor, how to reach it, and whether it did.

mod editors;
mod opened;
mod pane;
mod socket;
mod watcher;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::configuration::{Config, EditorChoice, Open};
use crate::environment;

pub use editors::Editor;
pub use opened::{Allowance, allow};
pub use watcher::heal;

/// Past the end of any file: the editor puts the cursor on the last line.
const LAST_LINE: &str = "999999";

/// How long to wait for the file: a file that doesn't exist yet becomes a phantom tab.
const FILE_WAIT: Duration = Duration::from_secs(2);

/// How long an editor's command may take.
const EDITOR_WAIT: Duration = Duration::from_secs(20);

/// How long the hook waits to hear whether a window opened the file. A live one answers in a millisecond (measured).
const HOOK_WAIT: Duration = Duration::from_millis(300);

/// The remote command prints this, exits 0 and opens nothing (measured, VS Code 1.139).
const NOT_IN_A_WINDOW: &str = "Command is only available in";

/// Above this a remote window asks before it opens a file (read in VS Code 1.139).
const REMOTE_LIMIT: u64 = 10 * 1024 * 1024;

/// The same for a window on this machine.
const DESKTOP_LIMIT: u64 = 1024 * 1024 * 1024;

/// One way to show a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// By a window's socket.
    Window,
    /// By a command line, with `{file}` and `{line}` in it.
    Command(Vec<String>),
    /// By a pane of the terminal.
    Pane,
}

/// How files are shown here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The editor, for people.
    pub name: String,
    /// In the order in which they are tried.
    ways: Vec<Way>,
}

impl Viewer {
    /// The viewer that the settings, the terminal around and the machine give.
    ///
    /// # Errors
    ///
    /// When there is none, and why.
    pub fn find(config: &Config) -> Result<Self, String> {
        if config.open == Open::Never {
            return Err("opening is switched off".to_owned());
        }
        let pane = config.pane.then_some(Way::Pane);
        if let Some(choice) = &config.editor {
            let (name, command) = configured(choice)?;
            let ways = [Way::Command(command)].into_iter().chain(pane).collect();
            return Ok(Self { name, ways });
        }
        let editor = Editor::around().or_else(Editor::installed);
        let command = editor.and_then(|editor| {
            let command = editor.command()?.to_str()?.to_owned();
            let arguments = editor.arguments.iter().map(|&word| word.to_owned());
            Some(Way::Command(
                [command].into_iter().chain(arguments).collect(),
            ))
        });
        let window = socket::is_any_there().then_some(Way::Window);
        // In a remote window the command goes by the same socket, only slower.
        let ways: Vec<Way> = if environment::vscode_socket().is_some() {
            [Some(Way::Window), command, pane]
                .into_iter()
                .flatten()
                .collect()
        } else {
            [command, window, pane].into_iter().flatten().collect()
        };
        if ways.is_empty() {
            return Err(match editor {
                Some(editor) => format!(
                    "this is {}, and its command `{}` isn't on the PATH",
                    editor.name, editor.program
                ),
                None => "there is no `code` command on the PATH".to_owned(),
            });
        }
        let name = match (editor, ways.as_slice()) {
            (None, [Way::Pane]) => "a pane",
            (None, _) => "VS Code",
            (Some(editor), _) => editor.name,
        };
        Ok(Self {
            name: name.to_owned(),
            ways,
        })
    }

    /// Whether the outcome is known at once.
    fn is_quick(&self) -> bool {
        self.ways.first() == Some(&Way::Window)
    }

    /// Shows `file`, for somebody who works in `project`; says where.
    ///
    /// # Errors
    ///
    /// When the file isn't there or too large, or every way fails; with the reason of each.
    pub fn show(&self, file: &Path, project: &Path) -> Result<String> {
        wait_for(file)?;
        let file = fs::canonicalize(file)
            .with_context(|| format!("{} can't be resolved", file.display()))?;
        let size = fs::metadata(&file)?.len();
        let mut reasons = Vec::new();
        for way in &self.ways {
            let shown = match way {
                Way::Window => check_size(size, REMOTE_LIMIT)
                    .and_then(|()| socket::window_for(project))
                    .and_then(|live| socket::open(&live, &file))
                    .map(|()| self.name.clone()),
                Way::Command(words) => check_size(size, self.command_limit())
                    .and_then(|()| run(words, &file))
                    .map(|()| self.name.clone()),
                Way::Pane => pane::open(&file).map(|terminal| format!("a pane of {terminal}")),
            };
            match shown {
                Ok(place) => return Ok(place),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        Err(anyhow!(reasons.join("; ")))
    }

    /// Whether each way could be taken now. Nothing is opened.
    pub fn check(&self, project: &Path) -> Vec<Check> {
        let check = |way: &Way| match way {
            Way::Window => Check {
                what: "A window answers on its socket".to_owned(),
                fault: socket::window_for(project)
                    .err()
                    .map(|error| format!("{error:#}")),
            },
            Way::Command(words) => {
                let program = words.first().map(String::as_str).unwrap_or_default();
                let is_there =
                    Path::new(program).is_file() || crate::programs::find(program).is_some();
                Check {
                    what: format!("The command {program}"),
                    fault: (!is_there).then(|| "isn't there".to_owned()),
                }
            }
            Way::Pane => Check {
                what: "A pane of the terminal".to_owned(),
                fault: pane::terminal()
                    .is_none()
                    .then(|| "this is no tmux, zellij, kitty or WezTerm".to_owned()),
            },
        };
        self.ways.iter().map(check).collect()
    }

    /// Through a remote window's command the smaller limit counts.
    fn command_limit(&self) -> u64 {
        let remote = environment::vscode_socket().is_some() || self.name == "code-server";
        if remote { REMOTE_LIMIT } else { DESKTOP_LIMIT }
    }
}

/// Whether one way could be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// For people.
    pub what: String,
    /// Why not.
    pub fault: Option<String>,
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

fn configured(choice: &EditorChoice) -> Result<(String, Vec<String>), String> {
    match choice {
        EditorChoice::Command(command) => {
            let program = command.first().map(Path::new).and_then(Path::file_name);
            let name = program.unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, command.clone()))
        }
        EditorChoice::Name(name) => {
            let editor = Editor::named(name)
                .ok_or_else(|| {
                let known: Vec<&str> = Editor::names().collect();
                format!("`editor` is `{name}` in config.toml; known are {}, and any other is a list: [\"vi\", \"{{file}}\"]", known.join(", "))
            })?;
            let program = editor
                .command()
                .map_or_else(|| editor.program.into(), PathBuf::into_os_string);
            let program = program.to_string_lossy().into_owned();
            let arguments = editor.arguments.iter().map(|&word| word.to_owned());
            Ok((
                editor.name.to_owned(),
                [program].into_iter().chain(arguments).collect(),
            ))
        }
    }
}

/// Runs an editor's command and waits for it; its exit status alone says little.
fn run(words: &[String], file: &Path) -> Result<()> {
    let file = file
        .to_str()
        .with_context(|| format!("{} is no UTF-8", file.display()))?;
    let words: Vec<String> = words
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

/// What the hook can say of a file that a process of its own is opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Underway {
    /// It is on its way into this editor.
    In(String),
    /// It isn't shown, for this reason.
    Not(String),
}

/// Starts a process of its own that shows one of `files`, the first that is there, and waits for it only where the
/// outcome is known at once.
///
/// # Errors
///
/// When the process can't be started.
pub fn show_detached(viewer: &Viewer, files: &[&Path], project: &Path) -> Result<Underway> {
    let program = std::env::current_exe().context("the path of bg-run itself isn't known")?;
    let mut command = Command::new(&program);
    command
        .args(["open", "--detached", "--project"])
        .arg(project)
        .arg("--")
        .args(files)
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    if !viewer.is_quick() {
        command.stdout(Stdio::null());
        let started = command.spawn();
        started.with_context(|| format!("{} can't be started", program.display()))?;
        return Ok(Underway::In(viewer.name.clone()));
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} can't be started", program.display()))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut said = String::new();
        if let Some(mut output) = output
            && output.read_to_string(&mut said).is_ok()
        {
            // Nobody listens any more where it took too long.
            let _ = sender.send(said);
        }
    });
    let said = receiver.recv_timeout(HOOK_WAIT).unwrap_or_default();
    Ok(match said.split_once(": ") {
        Some(("not", why)) => Underway::Not(why.trim().to_owned()),
        Some(("in", place)) => Underway::In(place.trim().to_owned()),
        _ => Underway::In(viewer.name.clone()),
    })
}
