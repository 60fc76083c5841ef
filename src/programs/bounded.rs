//! Programs that are run with bounds: on their time, and on what they print as they print it.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How a program ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// Of standard output.
    pub(crate) stdout: Vec<u8>,
    /// Of standard error.
    pub(crate) stderr: Vec<u8>,
    /// A process that it started, in a session of its own perhaps, still has its output open.
    pub(crate) left_some: bool,
}

/// How long an output that stays open is waited for once its program has ended: what it printed is in the pipe by then.
const AFTERWARDS: Duration = Duration::from_millis(50);

/// Runs `command` on `input`: for `wait` at most, and only until it has printed more than `limit` bytes on a stream. What
/// goes beyond is ended with all that it started.
///
/// # Errors
///
/// When it can't be started, takes too long or prints too much.
pub(crate) fn run(
    command: &mut Command,
    input: &[u8],
    wait: Duration,
    limit: usize,
) -> Result<Ended> {
    let deadline = Instant::now() + wait;
    let mut stdin = tempfile::tempfile().context("there is no room for its input")?;
    stdin.write_all(input)?;
    stdin.rewind()?;
    adopt_orphans();
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it started ends with it.
        .process_group(0)
        .spawn()
        .context("it can't be started")?;
    let pid = child.id();
    let (sender, events) = channel();
    let streams = [
        child.stdout.take().map(Pipe::Out),
        child.stderr.take().map(Pipe::Err),
    ];
    for pipe in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || pipe.read(limit, &sender));
    }
    thread::spawn(move || wait_for(child, &sender));
    follow(&events, deadline).map_err(|why| {
        end(pid);
        match why {
            Beyond::Time => anyhow::anyhow!("it didn't end within {} s", wait.as_secs_f32()),
            Beyond::Size => anyhow::anyhow!("its answer holds more than {limit} bytes"),
            Beyond::Lost(why) => why,
        }
    })
}

enum Pipe {
    Out(std::process::ChildStdout),
    Err(std::process::ChildStderr),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

enum Event {
    Printed(Stream, Vec<u8>),
    TooMuch,
    Closed,
    Ended(std::io::Result<ExitStatus>),
}

impl Pipe {
    /// Hands on what is printed. The pipe closes with the thread, and whoever prints more is ended by that.
    fn read(self, limit: usize, events: &Sender<Event>) {
        let (stream, mut pipe) = match self {
            Self::Out(pipe) => (Stream::Out, File::from(std::os::fd::OwnedFd::from(pipe))),
            Self::Err(pipe) => (Stream::Err, File::from(std::os::fd::OwnedFd::from(pipe))),
        };
        let mut printed = 0;
        let mut chunk = [0; 16 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            printed += count;
            let event = match chunk.get(..count) {
                Some(bytes) if printed <= limit => Event::Printed(stream, bytes.to_vec()),
                _ => Event::TooMuch,
            };
            // Nobody listens any more once it is over.
            if events.send(event).is_err() || printed > limit {
                return;
            }
        }
        let _ = events.send(Event::Closed);
    }
}

fn wait_for(mut child: Child, events: &Sender<Event>) {
    let _ = events.send(Event::Ended(child.wait()));
}

enum Beyond {
    Time,
    Size,
    Lost(anyhow::Error),
}

fn follow(events: &Receiver<Event>, deadline: Instant) -> Result<Ended, Beyond> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut status = None;
    let mut open = 2;
    while status.is_none() || open > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = status.map_or(left, |_| AFTERWARDS.min(left));
        match events.recv_timeout(wait) {
            Ok(Event::Printed(Stream::Out, bytes)) => stdout.extend(bytes),
            Ok(Event::Printed(Stream::Err, bytes)) => stderr.extend(bytes),
            Ok(Event::TooMuch) => return Err(Beyond::Size),
            Ok(Event::Closed) => open -= 1,
            Ok(Event::Ended(Ok(ended))) => status = Some(ended),
            Ok(Event::Ended(Err(error))) => return Err(Beyond::Lost(error.into())),
            // Something that goes on by itself keeps the pipe.
            Err(_) if status.is_some() => break,
            Err(RecvTimeoutError::Timeout) => return Err(Beyond::Time),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = status.ok_or_else(|| Beyond::Lost(anyhow::anyhow!("its end isn't known")))?;
    Ok(Ended {
        status,
        stdout,
        stderr,
        left_some: open > 0,
    })
}

/// Ends the group of `leader`, and what left that group, where the system tells of it.
fn end(leader: u32) {
    let pid = |number: u32| i32::try_from(number).ok().and_then(Pid::from_raw);
    let left = descendants();
    if let Some(group) = pid(leader) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    for process in left.into_iter().filter_map(pid) {
        let _ = kill_process(process, Signal::KILL);
    }
}

/// Makes what loses its parent a child of this process, so that it is still found.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// This process's children and theirs. Linux tells them; elsewhere there are none to be seen.
fn descendants() -> Vec<u32> {
    const MOST: usize = 1000;
    let mut found = Vec::new();
    let mut parents = vec!["self".to_owned()];
    while let Some(parent) = parents.pop() {
        let threads = std::fs::read_dir(format!("/proc/{parent}/task"));
        let lists = threads.into_iter().flatten().flatten();
        let lists =
            lists.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        let children: Vec<u32> = lists
            .flat_map(|list| {
                let numbers = list.split_whitespace().map(str::parse);
                numbers.flatten().collect::<Vec<u32>>()
            })
            .collect();
        if found.len() + children.len() > MOST {
            break;
        }
        parents.extend(children.iter().map(u32::to_string));
        found.extend(children);
    }
    found
}
