//! A separate process that opens a file. The call doesn't wait for the editor, and the process survives the client.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::open_tabs::{self, Claim};
use super::{Viewer, touch_mtime};
use crate::config::Config;
use crate::platform::detach;
use crate::programs;
use crate::state::log;

/// Time that the hook waits for a window's answer. A live window answers in a millisecond (measured).
const HOOK_WAIT: Duration = Duration::from_millis(300);

/// The result of opening a file, which one process prints and the other parses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenOutcome {
    /// The file is open or being opened in this place.
    Opened(String),
    /// The file has been open in this place since an earlier task.
    AlreadyOpen(String),
    /// The file isn't shown, for this reason.
    NotOpened(String),
}

impl fmt::Display for OpenOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(place) => write!(f, "in: {place}"),
            Self::AlreadyOpen(place) => write!(f, "already: {place}"),
            Self::NotOpened(why) => write!(f, "not: {why}"),
        }
    }
}

impl FromStr for OpenOutcome {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (kind, rest) = line.trim().split_once(": ").ok_or(())?;
        match kind {
            "in" => Ok(Self::Opened(rest.to_owned())),
            "already" => Ok(Self::AlreadyOpen(rest.to_owned())),
            "not" => Ok(Self::NotOpened(rest.to_owned())),
            _ => Err(()),
        }
    }
}

/// A request to show one of several files.
#[derive(Debug, Clone)]
pub struct Request {
    /// Candidates; the first existing one is shown.
    pub files: Vec<PathBuf>,
    /// The session whose `max-tabs` includes the tab.
    pub session: String,
    /// The user's project.
    pub project: PathBuf,
}

/// Claims a tab for the first file and starts a process that shows one of the files. Waits for it, at most 300 ms, only if
/// the first method is the extension or a socket.
///
/// # Errors
///
/// Fails if the process can't be started.
pub fn show_detached(viewer: &Viewer, config: &Config, request: &Request) -> Result<OpenOutcome> {
    let Some(first) = request.files.first() else {
        return Ok(OpenOutcome::NotOpened("no file was named".to_owned()));
    };
    match open_tabs::claim(&request.session, first, config) {
        Claim::Granted => {}
        Claim::OpenAlready => return Ok(OpenOutcome::AlreadyOpen(viewer.name.clone())),
        Claim::Refused(why) => return Ok(OpenOutcome::NotOpened(why)),
    }
    start(viewer, request).inspect_err(|_| open_tabs::release(&request.session, first))
}

fn start(viewer: &Viewer, request: &Request) -> Result<OpenOutcome> {
    let program = programs::own_path()?;
    let mut command = Command::new(&program);
    command
        .args(["open", "--detached", "--session", &request.session])
        .arg("--project")
        .arg(&request.project)
        .arg("--")
        .args(&request.files)
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut spawn = |stdout: Stdio| {
        let started = command.stdout(stdout).spawn();
        started.with_context(|| format!("{} can't be started", program.display()))
    };
    let underway = || OpenOutcome::Opened(viewer.name.clone());
    if !viewer.is_quick() {
        spawn(Stdio::null())?;
        return Ok(underway());
    }
    let mut child = spawn(Stdio::piped())?;
    let (sender, receiver) = std::sync::mpsc::channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut printed = String::new();
        if let Some(output) = output
            && output.take(MAX_ANSWER).read_to_string(&mut printed).is_ok()
        {
            // The receiver is gone if this took too long.
            let _ = sender.send(printed);
        }
    });
    let printed = receiver.recv_timeout(HOOK_WAIT).unwrap_or_default();
    Ok(printed.parse().unwrap_or_else(|()| underway()))
}

/// Maximum length of an answer, in bytes.
const MAX_ANSWER: u64 = 4096;

/// Opens the first existing file, reports the outcome to the parent, and makes the editor refresh the file until its
/// task has ended. This is the separate process's work.
pub fn open_detached(config: &Config, request: &Request) {
    detach::leave_session();
    touch_mtime::start_watchdog();
    let viewer = match Viewer::find(config) {
        Ok(viewer) => viewer,
        Err(why) => return answer(&OpenOutcome::NotOpened(why.to_string())),
    };
    let mut why = String::from("no file was named");
    for file in &request.files {
        match viewer.show(file, &request.project) {
            Ok(place) => {
                log::info(&format!("open: {} is open in {place}", file.display()));
                answer(&OpenOutcome::Opened(place));
                return touch_mtime::touch_until_end(file);
            }
            Err(error) => {
                why = format!("{error:#}");
                log::error(&format!("open: {}: {why}", file.display()));
            }
        }
    }
    // Releases the tab, so that a later task with this file isn't reported as open.
    if let Some(first) = request.files.first() {
        open_tabs::release(&request.session, first);
    }
    answer(&OpenOutcome::NotOpened(why));
}

/// Reports to the hook, which may be gone, and detaches from it.
fn answer(shown: &OpenOutcome) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{shown}").and_then(|()| output.flush());
    if let Ok(nothing) = std::fs::File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(nothing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_survives_printing_and_parsing() {
        for shown in [
            OpenOutcome::Opened("VS Code".to_owned()),
            OpenOutcome::AlreadyOpen("Cursor".to_owned()),
            OpenOutcome::NotOpened("`code` opened nothing: x: y".to_owned()),
        ] {
            assert_eq!(format!("{shown}\n").parse(), Ok(shown));
        }
        for line in ["", "in", "so: x"] {
            assert_eq!(line.parse::<OpenOutcome>(), Err(()), "{line}");
        }
    }
}
