//! Waiting for the ends of tasks, at no cost while they run.

use std::time::{Duration, Instant};

use super::end::{self, Awaited};
use super::record::TaskRecord;
use super::status::Status;
use crate::platform::processes;
use crate::platform::watch::Watch;

/// What is looked at again after so long, whatever happens: a process may close its output and go on.
const AGAIN: Duration = Duration::from_secs(2);

/// After nobody writes any more, the client's own last line may be on its way.
const LAST_LINE: Duration = Duration::from_millis(700);

struct Open {
    record: TaskRecord,
    awaited: Awaited,
    /// When nobody wrote any more, for the first time, and nothing told how it ended.
    lost_since: Option<Instant>,
}

/// Waits until each of `tasks` has ended, but not longer than `at_most` by a clock that never goes back, and not for a client
/// that is gone. Records their ends and returns them.
pub fn until_ended(tasks: Vec<TaskRecord>, at_most: Duration) -> Vec<TaskRecord> {
    let client = rustix::process::getppid();
    let start = Instant::now();
    let mut open: Vec<Open> = tasks.into_iter().map(Open::new).collect();
    let mut ended = Vec::new();
    loop {
        let mut found = Vec::new();
        open.retain_mut(|task| match task.look() {
            Some(end) => {
                found.push((task.record.clone(), end));
                false
            }
            None => true,
        });
        ended.extend(end::settle(found));
        let left = at_most.saturating_sub(start.elapsed());
        if open.is_empty() || left.is_zero() || rustix::process::getppid() != client {
            return ended;
        }
        wait(&open, left);
    }
}

impl Open {
    fn new(record: TaskRecord) -> Self {
        Self {
            awaited: Awaited::of(&record),
            record,
            lost_since: None,
        }
    }

    fn look(&mut self) -> Option<super::record::End> {
        let found = self.awaited.look();
        let is_over = match found.status {
            Status::Running => {
                self.lost_since = None;
                false
            }
            Status::Lost => {
                let since = self.lost_since.get_or_insert_with(Instant::now);
                since.elapsed() >= LAST_LINE
            }
            _ => true,
        };
        is_over.then(|| end::end(&self.record, found.status, found.changed))
    }
}

/// Waits for what can change something: the last line of a task that nobody writes to, else the end of a process.
fn wait(open: &[Open], left: Duration) {
    let lost = open.iter().filter(|task| task.lost_since.is_some());
    let outputs: Vec<_> = lost.filter_map(|task| task.record.output.clone()).collect();
    if !outputs.is_empty() {
        return Watch::new(&outputs).wait(LAST_LINE.min(left));
    }
    let writers = open.iter().filter_map(|task| task.awaited.writer());
    processes::wait_for_an_end(&writers.collect::<Vec<_>>(), AGAIN.min(left));
}
