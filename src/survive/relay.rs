//! The relay: a process in the client's tree that represents a job outside of it.
//!
//! The session's shell starts it, waits for it and exits with its status. If the supervisor can't be started, or can't
//! start the job, this process runs the same source itself.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::message::Message;
use super::note;
use super::shell_invocation::ShellInvocation;
use super::supervisor;
use crate::platform::processes::Process;
use crate::programs;
use crate::state::log;

/// A shell's exit status for a program that can't be started.
const NOT_STARTED: u8 = 126;

/// The exit status of a job whose own status is unknown.
const UNKNOWN: u8 = 1;

/// Interval between checks of a job that lost its supervisor.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Takes the note of the command of the shell that started this process.
pub fn claim() -> ExitCode {
    if note::claim(parent_id()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the source of the shell that started this process.
pub fn run(state: &Path) -> ExitCode {
    let shell = parent_id();
    let Some(source) = ShellInvocation::of(shell) else {
        eprintln!("bg-run: the command can't be run: its shell is gone");
        return ExitCode::from(NOT_STARTED);
    };
    match start(state, shell) {
        Ok(channel) => wait(channel, &source),
        Err(error) => {
            log::error(&format!("relay: {error:#}"));
            exec_directly(&source)
        }
    }
}

/// Starts the supervisor outside of the client's tree. Returns the channel to it.
fn start(state: &Path, shell: u32) -> Result<UnixStream> {
    let own = programs::own_path()?;
    let (mut ours, theirs) = UnixStream::pair().context("no socket can be made")?;
    let input: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned()?;
    // Standard output and standard error are the same file, so that one can carry the job's input.
    let mut between = Command::new(&own)
        .arg("relay")
        .arg(state)
        .args(["--fork", &shell.to_string()])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::from(input))
        .spawn()
        .with_context(|| format!("{} can't be started", own.display()))?;
    let ended = between.wait()?;
    anyhow::ensure!(ended.success(), "the supervisor can't be started");
    ours.write_all(&[Message::GO])?;
    let mut answer = [0];
    ours.read_exact(&mut answer)
        .context("the supervisor has ended")?;
    anyhow::ensure!(
        answer == [Message::STARTS],
        "the supervisor can't run the job"
    );
    Ok(ours)
}

/// Runs the process between relay and supervisor. Its end takes the supervisor out of the client's tree.
pub fn fork(state: &Path, shell: u32) -> ExitCode {
    let started = programs::own_path().and_then(|own| {
        let supervisor: Child = Command::new(own)
            .arg("relay")
            .arg(state)
            .args(["--supervise", &shell.to_string()])
            .spawn()?;
        drop(supervisor);
        Ok(())
    });
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error(&format!("relay: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the supervisor.
pub fn supervise(shell: u32) -> ExitCode {
    if let Err(error) = supervisor::run(shell) {
        log::error(&format!("relay: {error:#}"));
    }
    ExitCode::SUCCESS
}

/// Waits for the end of the job and returns its status.
fn wait(mut channel: UnixStream, source: &ShellInvocation) -> ExitCode {
    let mut job = None;
    while let Some(message) = Message::read(&mut channel) {
        match message {
            Message::NotStarted => return exec_directly(source),
            Message::Runs(process) => job = Process::of(process),
            Message::Ended(status) => return ExitCode::from(status),
        }
    }
    eprintln!("bg-run: the supervisor of this command was killed, so its exit status is unknown");
    while job.is_some_and(Process::is_alive) {
        std::thread::sleep(POLL_INTERVAL);
    }
    ExitCode::from(UNKNOWN)
}

/// Replaces this process by the shell again.
fn exec_directly(source: &ShellInvocation) -> ExitCode {
    let error = source.command().exec();
    eprintln!("bg-run: the command can't be run: {error}");
    ExitCode::from(NOT_STARTED)
}
