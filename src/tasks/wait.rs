//! Waits for the ends of tasks without using the processor.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::ended_or_lost::{self, AwaitedTask, Notice};
use super::on_end;
use super::output_cache::OutputCache;
use super::record::{End, TaskRecord};
use super::status::Status;
use crate::claude::transcript;
use crate::config::{Config, Configuration, Mode};
use crate::platform::detach;
use crate::platform::processes::Process;
use crate::platform::watch::{Interest, OutputWatch, WakeReason};

/// Interval at which everything is checked again regardless of events, because a process may close its output and
/// continue.
const RECHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Time for the client to report the exit status after the last writer has gone: in the output's last line, or in the
/// transcript (2.1.200).
const STATUS_DELAY: Duration = Duration::from_secs(3);

/// Time without a change after which a last line counts as the client's footer, unless the transcript contains the status.
/// The command may have printed the line itself, and the real footer may follow.
const FOOTER_AGE: Duration = Duration::from_millis(300);

/// Maximum time between the last write of the command and the client's footer. An earlier last line is the command's own.
const FOOTER_DELAY: Duration = Duration::from_secs(1);

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitOutcome {
    /// All tasks have ended, or the time is over.
    Finished,
    /// The client has gone, so nobody reads an answer.
    ClientGone,
}

/// Waits until none of `tasks` has a writer, for at most this time.
pub fn until_unwritten(tasks: &[TaskRecord], at_most: Duration) {
    let watch = watch_of(tasks, Path::new(""));
    until_unwritten_by(&watch, Interest::Processes, tasks, at_most);
}

fn watch_of(tasks: &[TaskRecord], transcript: &Path) -> OutputWatch {
    let outputs = tasks.iter().filter_map(|record| record.output.clone());
    OutputWatch::new(&outputs.collect::<Vec<PathBuf>>(), transcript)
}

fn until_unwritten_by(
    watch: &OutputWatch,
    interest: Interest,
    tasks: &[TaskRecord],
    at_most: Duration,
) {
    let start = Instant::now();
    let mut awaited: Vec<AwaitedTask> = tasks.iter().map(AwaitedTask::of).collect();
    loop {
        awaited.retain_mut(|task| task.check().status == Status::Running);
        let left = at_most.saturating_sub(start.elapsed());
        if awaited.is_empty() || left.is_zero() {
            return;
        }
        let writers: Vec<u32> = awaited.iter().filter_map(AwaitedTask::writer).collect();
        // A program can close its output a thousand times a second; a process ends once.
        let (interest, pause) = if writers.len() == awaited.len() {
            (Interest::Processes, left.min(RECHECK_INTERVAL))
        } else {
            (interest, left)
        };
        if watch.wait(pause, interest, &writers) == WakeReason::ParentGone {
            return;
        }
    }
}

/// Time for others to record an end. They may know more about it: `bg-run stop`, or the hook that gets the client's
/// notice.
const OTHERS_DELAY: Duration = Duration::from_secs(2);

/// Time within which the client's notice reports the status of a task without a footer.
const NOTICE_DELAY: Duration = Duration::from_secs(10);

/// Interval between scans of all processes.
const SCAN_INTERVAL: Duration = Duration::from_mins(1);

/// Waits for the end of the task with this id, and runs the user's program if no hook records the end. This is the work
/// of a separate process, because no session may be open by then.
pub fn run_on_end_after(id: &str) {
    detach::leave_session();
    let Some(record) = TaskRecord::of(id) else {
        return;
    };
    let tasks = [record];
    let watch = watch_of(&tasks, Path::new("")).without_parent();
    loop {
        until_unwritten_by(&watch, Interest::Files, &tasks, SCAN_INTERVAL);
        let [record] = &tasks;
        if is_recorded(id) {
            return;
        }
        if let Some(end) = lasting_end(record) {
            let config = Configuration::without_rules(Mode::Real).settings;
            let record = TaskRecord {
                ended: Some(end),
                ..record.clone()
            };
            return on_end::run(&record, &config);
        }
    }
}

/// Whether somebody has recorded the end of the task or removed its record.
fn is_recorded(id: &str) -> bool {
    TaskRecord::of(id).is_none_or(|record| record.ended.is_some())
}

/// Returns the end of a task if nobody else records it for a while; `None` if somebody does, or the task runs.
fn lasting_end(record: &TaskRecord) -> Option<End> {
    const INTERVAL: Duration = Duration::from_millis(200);
    let mut awaited = AwaitedTask::of(record);
    let start = Instant::now();
    loop {
        let found = awaited.check();
        let patience = match found.status {
            Status::Running => return None,
            Status::Lost if record.client.is_some_and(Process::is_alive) => NOTICE_DELAY,
            _ => OTHERS_DELAY,
        };
        if is_recorded(&record.id) {
            return None;
        }
        if start.elapsed() >= patience {
            return Some(ended_or_lost::end_of_task(
                record,
                found.status,
                found.changed,
            ));
        }
        std::thread::sleep(INTERVAL);
    }
}

struct PendingTask {
    record: TaskRecord,
    awaited: AwaitedTask,
    /// Whether it had a writer at an earlier look.
    had_writer: bool,
    /// Time at which it first had no writer, by the monotonic clock and by the system's.
    unwritten_since: Option<(Instant, SystemTime)>,
    /// Time to wait from then on for evidence of its end.
    patience: Duration,
}

/// Waits like [`each_end`], records the ends and returns the tasks.
pub fn until_ended(
    tasks: Vec<TaskRecord>,
    transcript: &Path,
    at_most: Duration,
    config: &Config,
) -> Vec<TaskRecord> {
    let mut ended = Vec::new();
    let waited = each_end(tasks, transcript, at_most, |record, end| {
        ended.extend(ended_or_lost::mark_finished(vec![(record, end)], config));
    });
    match waited {
        WaitOutcome::Finished => ended,
        WaitOutcome::ClientGone => Vec::new(),
    }
}

/// Waits until each of `tasks` has ended, the monotonic time `at_most` has passed, or the client has gone. Calls
/// `on_end` for each end. The client's `transcript` may contain the exit status.
pub fn each_end(
    tasks: Vec<TaskRecord>,
    transcript: &Path,
    at_most: Duration,
    mut on_end: impl FnMut(TaskRecord, End),
) -> WaitOutcome {
    let watch = watch_of(&tasks, transcript);
    let start = Instant::now();
    let mut pending: Vec<PendingTask> = tasks.into_iter().map(PendingTask::new).collect();
    loop {
        pending.retain_mut(|task| match task.check(transcript) {
            Some(end) => {
                on_end(task.record.clone(), end);
                false
            }
            None => true,
        });
        let left = at_most.saturating_sub(start.elapsed());
        let pause = pending.iter().map(|task| task.pause().min(left)).min();
        let Some(pause) = pause.filter(|pause| !pause.is_zero()) else {
            return WaitOutcome::Finished;
        };
        let writers = pending.iter().filter_map(|task| task.awaited.writer());
        let writers: Vec<u32> = writers.collect();
        let is_unwritten = pending.iter().any(|task| task.unwritten_since.is_some());
        let interest = if is_unwritten {
            Interest::Files
        } else {
            Interest::Processes
        };
        if watch.wait(pause, interest, &writers) == WakeReason::ParentGone {
            return WaitOutcome::ClientGone;
        }
    }
}

impl PendingTask {
    fn new(record: TaskRecord) -> Self {
        Self {
            awaited: AwaitedTask::of(&record),
            record,
            had_writer: false,
            unwritten_since: None,
            patience: STATUS_DELAY,
        }
    }

    /// Returns the task's end as soon as that is final.
    fn check(&mut self, transcript: &Path) -> Option<End> {
        let found = self.awaited.check();
        if found.status == Status::Running {
            self.had_writer = true;
            self.unwritten_since = None;
            return None;
        }
        let now = || (Instant::now(), SystemTime::now());
        let (since, ended) = *self.unwritten_since.get_or_insert_with(now);
        // The client writes its line only after the last writer has gone.
        let latest = found.changed.and_then(|at| at.checked_add(FOOTER_DELAY));
        let is_of_command = self.had_writer && latest.is_some_and(|latest| latest < ended);
        self.patience = match found.status {
            Status::Lost => STATUS_DELAY,
            _ if is_of_command => STATUS_DELAY,
            _ if !found.is_unchanged_for(FOOTER_AGE) => FOOTER_AGE,
            _ => Duration::ZERO,
        };
        let reported = self.status_in(transcript);
        if reported.is_none() && since.elapsed() < self.patience {
            return None;
        }
        self.record.output_cache = OutputCache::of(found.ending);
        let status = reported.unwrap_or(found.status);
        Some(ended_or_lost::end_of_task(
            &self.record,
            status,
            found.changed,
        ))
    }

    fn status_in(&self, transcript: &Path) -> Option<Status> {
        let queued = transcript::queued(transcript).into_iter();
        let mut notices = queued.flat_map(|text| Notice::in_prompt(&text));
        let its = notices.find(|notice| notice.id == self.record.id)?;
        (its.status != Status::Lost).then_some(its.status)
    }

    fn pause(&self) -> Duration {
        match self.unwritten_since {
            // After the patience, one more check is due.
            Some((since, _)) => self
                .patience
                .saturating_sub(since.elapsed())
                .max(Duration::from_millis(1)),
            None => RECHECK_INTERVAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_line_that_was_written_just_now_may_not_be_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("b1.log");
        std::fs::write(&output, "x\n[exited with code 0]\n").unwrap();
        let record = TaskRecord {
            id: "b1".to_owned(),
            output: Some(output.clone()),
            ..TaskRecord::default()
        };
        let mut task = PendingTask::new(record.clone());
        let transcript = folder.path().join("none.jsonl");
        assert_eq!(task.check(&transcript), None);
        assert!(task.pause() <= FOOTER_AGE);
        let file = std::fs::File::options().append(true).open(&output).unwrap();
        std::io::Write::write_all(&mut &file, b"\n[exited with code 3]\n").unwrap();
        file.set_modified(SystemTime::now() - 2 * FOOTER_AGE)
            .unwrap();
        let end = task.check(&transcript).unwrap();
        assert_eq!(end.status, Status::Exit(3));

        // It ran until now, so that the line is too old for the client's.
        let mut task = PendingTask::new(record);
        task.had_writer = true;
        file.set_modified(SystemTime::now() - 2 * FOOTER_DELAY)
            .unwrap();
        assert_eq!(task.check(&transcript), None);
        assert!(task.pause() > FOOTER_AGE);
    }
}
