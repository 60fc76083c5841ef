//! Runs programs with limits on their time and output.

use std::io::{PipeReader, Read as _, Seek as _, Write as _, pipe};
use std::os::unix::process::CommandExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use duct::{Expression, Handle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

use crate::platform::processes;

/// The result of a program that ended within its limits.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Whether a process that it started keeps running.
    pub(crate) left_some: bool,
    /// The processes that it left running, as far as the system shows them.
    pub(crate) left: Vec<u32>,
}

/// Runs `command` with `input` as its standard input, for at most `wait`, and until a stream exceeds `limit` bytes.
/// Then it is killed with all its descendants.
///
/// # Errors
///
/// Fails if it can't be started, takes too long, or prints too much.
pub(crate) fn run(
    command: &Expression,
    input: &[u8],
    wait: Duration,
    limit: usize,
) -> Result<ProgramOutput> {
    let deadline = Instant::now() + wait;
    let mut stdin =
        tempfile::tempfile().context("no temporary file can be created for its input")?;
    stdin.write_all(input)?;
    stdin.rewind()?;
    let (stdout, to_stdout) = pipe()?;
    let (stderr, to_stderr) = pipe()?;
    let mut streams = [PipedStream::new(stdout)?, PipedStream::new(stderr)?];
    processes::adopt_orphans();
    let earlier = processes::descendants_except(&[]);
    let started = command
        .stdin_file(stdin)
        .stdout_file(to_stdout)
        .stderr_file(to_stderr)
        // A separate process group can be killed as a whole.
        .before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
        .unchecked()
        .start();
    let handle = Arc::new(started.map_err(|error| anyhow!("it can't be started: {error}"))?);
    let followed = follow(&handle, &mut streams, deadline, limit);
    let status = followed.and_then(|followed| match followed {
        FollowResult::ToItsEnd(status) => Ok(status),
        FollowResult::OutOfTime => bail!("it didn't end within {} s", wait.as_secs_f32()),
        FollowResult::TooMuch => bail!("it printed more than {limit} bytes"),
    });
    let leaders = handle.pids();
    let kill_all = |leader: &u32| processes::kill_all(*leader, &earlier);
    let status = status.inspect_err(|_| leaders.iter().for_each(kill_all))?;
    let left = processes::descendants_except(&earlier);
    let left_some = !left.is_empty()
        || streams.iter().any(|stream| stream.is_open)
        || leaders
            .iter()
            .any(|leader| processes::may_have_members(*leader));
    let [stdout, stderr] = streams.map(|stream| stream.printed);
    Ok(ProgramOutput {
        status,
        stdout,
        stderr,
        left_some,
        left,
    })
}

/// Maximum size of the output that [`output_of`] returns, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;

/// Runs a program that should succeed within `wait`, and returns its standard output.
///
/// # Errors
///
/// Returns the reason for the failure.
pub fn output_of(command: &Expression, wait: Duration) -> std::result::Result<String, String> {
    output_with_input(command, "", wait)
}

/// Runs a program like [`output_of`], with `input` as its standard input.
///
/// # Errors
///
/// Returns the reason for the failure.
pub fn output_with_input(
    command: &Expression,
    input: &str,
    wait: Duration,
) -> std::result::Result<String, String> {
    let ended = run(command, input.as_bytes(), wait, MAX_OUTPUT);
    let ended = ended.map_err(|error| format!("{error:#}"))?;
    if !ended.status.success() {
        return Err(format!("it ended with {}", ended.status));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// The reading end of a stream's pipe, and the bytes read from it.
struct PipedStream {
    pipe: PipeReader,
    is_open: bool,
    printed: Vec<u8>,
}

impl PipedStream {
    fn new(pipe: PipeReader) -> Result<Self> {
        ioctl_fionbio(&pipe, true)?;
        Ok(Self {
            pipe,
            is_open: true,
            printed: Vec::new(),
        })
    }

    /// Reads the available bytes, at most one more than `limit` in total.
    fn read(&mut self, limit: usize) -> Result<()> {
        let left = (limit + 1).saturating_sub(self.printed.len());
        let left = u64::try_from(left)?;
        match (&mut self.pipe).take(left).read_to_end(&mut self.printed) {
            Ok(_) => self.is_open = self.printed.len() > limit,
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

enum FollowResult {
    ToItsEnd(ExitStatus),
    OutOfTime,
    TooMuch,
}

/// Reads the streams until the program has ended. By then, the pipes contain its last output.
fn follow(
    handle: &Arc<Handle>,
    streams: &mut [PipedStream; 2],
    deadline: Instant,
    limit: usize,
) -> Result<FollowResult> {
    // This pipe closes when the program ends.
    let (end, at_the_end) = pipe()?;
    let waiting = Arc::clone(handle);
    thread::spawn(move || {
        let _ = waiting.wait();
        drop(at_the_end);
    });
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(FollowResult::OutOfTime);
        }
        let has_ended = wait_for_any(&end, streams, left)?;
        for stream in streams.iter_mut().filter(|stream| stream.is_open) {
            stream.read(limit)?;
            if stream.printed.len() > limit {
                return Ok(FollowResult::TooMuch);
            }
        }
        if has_ended {
            let output = handle.try_wait()?.context("its end isn't known")?;
            return Ok(FollowResult::ToItsEnd(output.status));
        }
    }
}

/// Waits until a stream has data or closes, or the program ends. Returns whether it ended.
fn wait_for_any(end: &PipeReader, streams: &[PipedStream; 2], left: Duration) -> Result<bool> {
    let open = streams.iter().filter(|stream| stream.is_open);
    let pipes = [end].into_iter().chain(open.map(|stream| &stream.pipe));
    let mut events: Vec<PollFd<'_>> = pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
    match poll(&mut events, Some(&Timespec::try_from(left)?)) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(events.first().is_some_and(|end| !end.revents().is_empty()))
}
