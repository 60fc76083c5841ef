//! The supervisor of a job. It runs the job outside of the client's tree, reports its end to the relay, and decides about
//! it if the relay ends first.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use super::events::{Event, start_waiting_threads};
use super::keep_or_end::{ClientState, JobFacts, KeepOrEnd, keep_or_end};
use super::marks::{self, Job, StopRequester};
use super::message::Message;
use super::shell_invocation::ShellInvocation;
use super::{MAX_JOBS, output};
use crate::claude::task::{Footer, read_end};
use crate::config::{Configuration, Mode};
use crate::folders;
use crate::platform::detach;
use crate::platform::processes::{self, FileId, Process};
use crate::state::log;
use crate::tasks::ended_or_lost;
use crate::tasks::record::{End, TaskRecord};
use crate::tasks::status::Status;

/// Interval between checks of the marks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Interval between checks of a job that has outlived its session.
const KEPT_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Interval in which the files about such a job are renewed, because old ones are removed.
const RENEWAL_INTERVAL: Duration = Duration::from_hours(1);

/// Time between SIGTERM and SIGKILL, as in the client (read in 2.1.332).
const KILL_DELAY: Duration = Duration::from_millis(1500);

/// Time between SIGTERM and SIGKILL after `bg-run stop`, which waits somewhat longer.
const KILL_DELAY_OF_USER: Duration = Duration::from_secs(6);

/// Time after a takeover in which a hook of the ending session may overwrite the task's record.
const RETAKE_PERIOD: Duration = Duration::from_secs(30);

/// Time after which a hook that detects the end of a task has recorded it.
const HOOK_GRACE: Duration = Duration::from_secs(3);

/// A job and its supervisor's data.
struct Supervised {
    task: String,
    /// Its first process.
    leader: u32,
    client: Process,
    /// Its output, open to append, until its end.
    output: Option<File>,
    /// The record of a job that has outlived its session. Its file is removed after some days.
    kept: Option<TaskRecord>,
}

/// Runs the source of this shell until it ends. The shell's input is this process's standard error.
pub(super) fn run(shell: u32) -> Result<()> {
    detach::leave_session();
    let mut channel = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut message = [0];
    channel
        .read_exact(&mut message)
        .context("the relay is gone")?;
    let source = ShellInvocation::of(shell).context("the shell is gone")?;
    let client = processes::parent(shell).and_then(Process::of);
    let client = client.context("the client is gone")?;
    let output = output(std::io::stdout()).context("its output isn't a task's")?;
    let task = output.file_stem().and_then(|stem| stem.to_str());
    let task = task.unwrap_or_default().to_owned();
    let descriptors = [
        std::io::stderr().as_fd().try_clone_to_owned()?,
        std::io::stdout().as_fd().try_clone_to_owned()?,
        std::io::stdout().as_fd().try_clone_to_owned()?,
    ];
    let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let own = Process::of(std::process::id()).context("this process isn't known")?;
    let job = Job {
        supervisor: own,
        survived: false,
    };
    anyhow::ensure!(
        marks::admit(&task, job)?,
        "{task} gets no supervisor: {MAX_JOBS} tasks have one"
    );
    let announced = start_waiting_threads(&channel).and_then(|waiting| {
        channel.write_all(&[Message::STARTS])?;
        Ok(waiting)
    });
    let (job_sender, events) = announced.inspect_err(|_| marks::forget(&task))?;
    let job = start(&source, descriptors).inspect_err(|_| {
        Message::NotStarted.send(&channel);
        marks::forget(&task);
    })?;
    Message::Runs(job.id()).send(&channel);
    let supervised = Supervised {
        task,
        leader: job.id(),
        client,
        output: Some(output),
        kept: None,
    };
    job_sender.send(job)?;
    supervised.follow(&events, &channel);
    Ok(())
}

/// Starts the job in a separate process group, with the descriptors of the client's shell. This process closes them.
fn start(source: &ShellInvocation, descriptors: [OwnedFd; 3]) -> Result<Child> {
    let [input, output, errors] = descriptors.map(Stdio::from);
    let mut command = source.command();
    command
        .stdin(input)
        .stdout(output)
        .stderr(errors)
        .process_group(0);
    let null = File::options().read(true).write(true).open("/dev/null")?;
    let job = command.spawn().context("the shell can't be started")?;
    // An error after the start would make the relay start the job once more.
    let _ = rustix::stdio::dup2_stdout(&null);
    let _ = rustix::stdio::dup2_stderr(&null);
    Ok(job)
}

/// The kind of a job's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The job ended by itself while its session ran, or while the session's state was unknown.
    ByItself,
    /// The job ended by itself, after its session.
    AfterSession,
    /// The job was asked to end.
    Terminated,
}

impl Supervised {
    fn follow(mut self, events: &Receiver<Event>, channel: &UnixStream) {
        let Some((status, ended)) = self.wait_for_end(events) else {
            return;
        };
        self.end_rest(events, status);
        Message::Ended(code(status)).send(channel);
        match ended {
            // A running client writes the end itself.
            Ended::ByItself if self.client.is_alive() => marks::forget(&self.task),
            Ended::ByItself | Ended::AfterSession => self.finish(status),
            Ended::Terminated => self.finish_terminated(),
        }
    }

    /// Waits for the job's end, and decides about it if the relay ends first.
    fn wait_for_end(&mut self, events: &Receiver<Event>) -> Option<(ExitStatus, Ended)> {
        match events.recv().ok()? {
            Event::JobEnded(status) => return Some((status, Ended::ByItself)),
            Event::RelayEnded => {}
        }
        let since = Instant::now();
        let continued = client_is_running(self.client);
        let mut is_closed = false;
        loop {
            let reason = marks::session_end_reason(self.client);
            is_closed |= !processes::has_terminal(self.client.id) && self.client.is_alive();
            let facts = JobFacts {
                in_background: self.record().is_some(),
                stop_asked: marks::stop_request(&self.task).is_some(),
                reason: reason.as_deref(),
                client: match continued {
                    true if is_closed => ClientState::TerminalClosed,
                    true if client_is_running(self.client) => ClientState::Running,
                    _ => ClientState::Unknown,
                },
                since: since.elapsed(),
            };
            let decision = keep_or_end(facts);
            if decision != KeepOrEnd::Undecided {
                log::info(&format!("survive: {}: {decision:?}: {facts:?}", self.task));
            }
            match decision {
                KeepOrEnd::Undecided => match events.recv_timeout(POLL_INTERVAL) {
                    Ok(Event::JobEnded(status)) => return Some((status, Ended::ByItself)),
                    Ok(Event::RelayEnded) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return None,
                },
                KeepOrEnd::Terminate => {
                    return Some((self.terminate(events, None)?, Ended::Terminated));
                }
                KeepOrEnd::Keep => {
                    return Some((self.wait_after_session(events)?, Ended::AfterSession));
                }
            }
        }
    }

    /// Takes the job over, and waits for its end.
    fn wait_after_session(&mut self, events: &Receiver<Event>) -> Option<ExitStatus> {
        self.take_over();
        let start = Instant::now();
        let mut renewed = start;
        loop {
            match events.recv_timeout(KEPT_POLL_INTERVAL) {
                Ok(Event::JobEnded(status)) => return Some(status),
                Ok(Event::RelayEnded) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    if marks::stop_request(&self.task).is_some() {
                        return self.terminate(events, None);
                    }
                    let is_retaken = start.elapsed() < RETAKE_PERIOD && self.is_overwritten();
                    if is_retaken || renewed.elapsed() > RENEWAL_INTERVAL {
                        self.take_over();
                        renewed = Instant::now();
                    }
                }
            }
        }
    }

    /// Ends what is left of a job that was asked to stop, and whose first process has ended.
    fn end_rest(&self, events: &Receiver<Event>, status: ExitStatus) {
        if marks::stop_request(&self.task).is_some() && processes::has_members(self.leader) {
            self.terminate(events, Some(status));
        }
    }

    /// Ends the job as the client does: SIGTERM, and some time later SIGKILL to what is left. Returns the status of its
    /// first process, which may already have ended.
    fn terminate(
        &self,
        events: &Receiver<Event>,
        mut status: Option<ExitStatus>,
    ) -> Option<ExitStatus> {
        let delay = match marks::stop_request(&self.task) {
            Some(StopRequester::User) => KILL_DELAY_OF_USER,
            Some(StopRequester::Model) | None => KILL_DELAY,
        };
        let tree = processes::terminate_tree(self.leader);
        let end = Instant::now() + delay;
        let is_alive =
            || tree.iter().any(|process| process.is_alive()) || processes::has_members(self.leader);
        while is_alive() && Instant::now() < end {
            // The channel is empty after the job's end, while processes that it started may still run.
            match events.recv_timeout(POLL_INTERVAL) {
                Ok(Event::JobEnded(ended)) => status = Some(ended),
                Ok(Event::RelayEnded) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(POLL_INTERVAL),
            }
        }
        processes::kill_tree(self.leader, &tree);
        while status.is_none() {
            if let Event::JobEnded(ended) = events.recv().ok()? {
                status = Some(ended);
            }
        }
        status
    }

    /// Returns the record of the call, if the hook has seen it go to the background.
    fn record(&self) -> Option<TaskRecord> {
        let file = FileId::of_file(self.output.as_ref()?)?;
        TaskRecord::of(&self.task).filter(|record| record.file == Some(file))
    }

    /// Whether a hook of the ending session has written the record after the takeover.
    fn is_overwritten(&self) -> bool {
        let record = self.record();
        record.is_some_and(|record| !record.survived || record.ended.is_some())
    }

    /// Records this process in place of the client, so that its child processes belong to the task. Clears an end that a
    /// hook of the ending session recorded, and renews files that were removed because of their age.
    fn take_over(&mut self) -> Option<TaskRecord> {
        let own = Process::of(std::process::id())?;
        // Without the job's mark, the user has removed all of bg-run's files.
        let kept = || marks::job(&self.task).and_then(|_| self.kept.clone());
        let record = self.record().or_else(kept)?;
        let (supervisor, survived) = (own, true);
        marks::record(
            &self.task,
            Job {
                supervisor,
                survived,
            },
        );
        let record = TaskRecord {
            client: Some(own),
            survived,
            ended: None,
            unended_since: None,
            ..record
        };
        if let Err(error) = record.create() {
            log::error(&format!("survive: {error:#}"));
        }
        self.kept = Some(record.clone());
        Some(record)
    }

    /// Writes the end as the client does, and records it.
    fn finish(&mut self, status: ExitStatus) {
        let code = code(status).into();
        let is_stopped = marks::stop_request(&self.task).is_some();
        self.write_footer(&if is_stopped {
            KILLED.to_owned()
        } else {
            format!("[exited with code {code}]")
        });
        let ended = match marks::stop_request(&self.task) {
            Some(StopRequester::User) => Status::Stopped,
            Some(StopRequester::Model) => Status::Killed(None),
            None => Status::of_exit(code),
        };
        if let Some(record) = self.take_over() {
            record_end(record, ended);
        }
    }

    /// Records the end of a job that was asked to end, unless the client or its hooks record it within 3 s.
    fn finish_terminated(&mut self) {
        if !self.client.is_alive() && !self.has_footer() {
            self.write_footer(KILLED);
        }
        self.output = None;
        thread::sleep(HOOK_GRACE);
        if let Some(record) = TaskRecord::of(&self.task).filter(|record| record.ended.is_none()) {
            record_end(
                record,
                match marks::stop_request(&self.task) {
                    Some(StopRequester::User) => Status::Stopped,
                    _ => Status::Killed(None),
                },
            );
        }
        marks::forget(&self.task);
    }

    fn has_footer(&self) -> bool {
        let path = self.output.as_ref().and_then(output);
        let end = path.and_then(|path| read_end(&File::open(path).ok()?).ok());
        end.is_some_and(|end| Footer::of(&end).is_some())
    }

    /// Appends the footer as the client does: an empty line, then the footer on its own line (measured, 2.1.260 to 2.1.332).
    fn write_footer(&self, footer: &str) {
        let Some(mut output) = self.output.as_ref() else {
            return;
        };
        if let Err(error) = output.write_all(format!("\n{footer}\n").as_bytes()) {
            log::error(&format!("survive: {}: {error}", self.task));
        }
    }
}

/// Records the end of the job now.
fn record_end(record: TaskRecord, status: Status) {
    let at = Timestamp::now();
    let ran = u64::try_from(at.duration_since(record.began()).as_millis()).ok();
    let config = Configuration::without_rules(Mode::Real).settings;
    ended_or_lost::mark_finished(vec![(record, End { at, status, ran })], &config);
}

/// The footer of a task that was stopped.
const KILLED: &str = "[killed]";

/// Whether the client has its terminal, and its file among the running sessions: `sessions/PID.json` of its folder
/// (measured, 2.1.200 to 2.1.332).
fn client_is_running(client: Process) -> bool {
    let file = format!("sessions/{}.json", client.id);
    processes::has_terminal(client.id)
        && folders::claude_dir().is_some_and(|folder| folder.join(file).exists())
}

/// Returns the status as a shell reports it: for a signal, 128 plus its number.
fn code(status: ExitStatus) -> u8 {
    let signal = || 128 + status.signal().unwrap_or_default();
    let code = status.code().unwrap_or_else(signal);
    u8::try_from(code).unwrap_or(u8::MAX)
}
