//! Waits for changes of files and for the ends of other processes: with inotify and process descriptors on Linux, by
//! polling elsewhere.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getppid};

use super::processes;

/// Polling interval where the system has no notification.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// The caller should check again: something may have changed, or the time is over.
    MayHaveChanged,
    /// The parent process has ended or stopped reading from this one.
    ParentGone,
}

/// The changes of interest, besides the ends of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// No other changes.
    Processes,
    /// Every change of the files since the last wait.
    Files,
}

/// Watches files and the process that started this one.
#[derive(Debug)]
pub struct OutputWatch {
    /// The notification descriptor; `None` if the system has none.
    events: Option<OwnedFd>,
    parent: Parent,
}

impl OutputWatch {
    /// Watches for a writer that closes one of `outputs`, and for every write to `lines`. Missing files are skipped.
    #[cfg(system = "linux")]
    pub fn new(outputs: &[PathBuf], lines: &Path) -> Self {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        let ends = WatchFlags::CLOSE_WRITE | WatchFlags::DELETE_SELF | WatchFlags::ATTRIB;
        if let Some(events) = &events {
            for output in outputs {
                let _ = add_watch(events, output, ends);
            }
            let _ = add_watch(events, lines, WatchFlags::MODIFY);
        }
        Self {
            events,
            parent: Parent::new(),
        }
    }

    /// Watches the parent process.
    #[cfg(not(system = "linux"))]
    pub fn new(_outputs: &[PathBuf], _lines: &Path) -> Self {
        Self {
            events: None,
            parent: Parent::new(),
        }
    }

    /// Ignores the parent's end.
    #[must_use]
    pub fn without_parent(self) -> Self {
        let parent = Parent {
            process: None,
            end: None,
        };
        Self { parent, ..self }
    }

    /// Waits at most `at_most` for one of `processes` to end or, if that is of `interest`, for a file to change.
    pub fn wait(&self, at_most: Duration, interest: Interest, processes: &[u32]) -> WakeReason {
        let stdout = io::stdout();
        // The poll of stdout always reports that its reader is gone, without being asked.
        let mut ready = vec![PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty())];
        let ends = processes.iter().filter_map(|id| processes::exit_fd(*id));
        let ends: Vec<OwnedFd> = ends.collect();
        let events = match interest {
            Interest::Files => self.events.as_ref(),
            Interest::Processes => None,
        };
        let descriptors = ends.iter().chain(&self.parent.end).chain(events);
        ready.extend(descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::IN)));
        // Without notifications, only polling remains.
        let tells = !ends.is_empty() || events.is_some();
        let at_most = if tells {
            at_most
        } else {
            at_most.min(POLL_INTERVAL)
        };
        let timeout = Timespec::try_from(at_most).ok();
        let _ = poll(&mut ready, timeout.as_ref());
        let unread = PollFlags::HUP | PollFlags::ERR;
        let is_unread = ready
            .first()
            .is_some_and(|stdout| stdout.revents().intersects(unread));
        if is_unread || self.parent.is_gone() {
            return WakeReason::ParentGone;
        }
        if let Some(events) = events {
            let mut drained = [0_u8; 4096];
            while rustix::io::read(events, &mut drained).is_ok_and(|read| read > 0) {}
        }
        WakeReason::MayHaveChanged
    }
}

/// The parent process.
#[derive(Debug)]
struct Parent {
    process: Option<Pid>,
    /// Becomes readable when it ends; `None` if the system doesn't report it.
    end: Option<OwnedFd>,
}

impl Parent {
    fn new() -> Self {
        let process = getppid();
        let id = process.map(|process| process.as_raw_nonzero().get());
        let id = id.and_then(|id| u32::try_from(id).ok());
        Self {
            process,
            end: id.and_then(processes::exit_fd),
        }
    }

    /// Whether the parent has ended. The system gives an orphan another parent.
    fn is_gone(&self) -> bool {
        self.process.is_some() && getppid() != self.process
    }
}

/// Polling interval for changes where the system has no notification.
const POLL_CHANGES_INTERVAL: Duration = Duration::from_secs(1);

/// The reason why a wait for activity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitResult {
    /// Something changed, or may have changed if the system doesn't report it.
    Changed,
    /// The time is over, and nothing changed.
    TimeOver,
    /// One of the other descriptors was closed.
    Closed,
}

/// Watches folders and files for any change, and other descriptors for being closed.
#[derive(Debug)]
pub struct ActivityWatch {
    /// The notification descriptor; `None` if the system has none.
    events: Option<OwnedFd>,
}

impl ActivityWatch {
    /// Creates a watch of nothing.
    #[cfg(system = "linux")]
    pub fn new() -> Self {
        use rustix::fs::inotify::{CreateFlags, init};
        Self {
            events: init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
        }
    }

    /// Creates a watch of nothing.
    #[cfg(not(system = "linux"))]
    pub fn new() -> Self {
        Self { events: None }
    }

    /// Adds this folder or file. Adding a path twice has no effect.
    #[cfg(system = "linux")]
    pub fn add(&self, path: &Path) {
        use rustix::fs::inotify::{WatchFlags, add_watch};
        let of_files = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB;
        let of_folders = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE;
        if let Some(events) = &self.events {
            let _ = add_watch(
                events,
                path,
                of_files | of_folders | WatchFlags::DELETE_SELF,
            );
        }
    }

    /// Adds this folder or file.
    #[cfg(not(system = "linux"))]
    pub fn add(&self, _path: &Path) {}

    /// Waits for the next change, for at most this time, or until one of `others` is closed.
    pub fn wait(&self, at_most: Duration, others: &[BorrowedFd<'_>]) -> WaitResult {
        let at_most = if self.events.is_some() {
            at_most
        } else {
            at_most.min(POLL_CHANGES_INTERVAL)
        };
        self.poll(at_most, others, true)
    }

    /// Waits for this time, whatever changes. Returns early if one of `others` is closed; the result is whether all
    /// are open.
    pub fn pause(&self, time: Duration, others: &[BorrowedFd<'_>]) -> bool {
        self.poll(time, others, false) != WaitResult::Closed
    }

    fn poll(&self, at_most: Duration, others: &[BorrowedFd<'_>], for_changes: bool) -> WaitResult {
        let closed = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let timeout = Timespec::try_from(at_most).ok();
        let events = if for_changes {
            self.events.as_ref()
        } else {
            None
        };
        let mut ready: Vec<PollFd<'_>> = others
            .iter()
            .map(|other| PollFd::from_borrowed_fd(*other, PollFlags::empty()))
            .collect();
        ready.extend(events.map(|events| PollFd::new(events, PollFlags::IN)));
        if poll(&mut ready, timeout.as_ref()).is_err() {
            return WaitResult::Changed;
        }
        let mut has_changed = self.events.is_none();
        if let Some(events) = events {
            let mut drained = [0_u8; 16 * 1024];
            while rustix::io::read(events, &mut drained).is_ok_and(|read| read > 0) {
                has_changed = true;
            }
        }
        let mut others = ready.iter().take(others.len());
        if others.any(|other| other.revents().intersects(closed)) {
            WaitResult::Closed
        } else if has_changed {
            WaitResult::Changed
        } else {
            WaitResult::TimeOver
        }
    }
}

impl Default for ActivityWatch {
    fn default() -> Self {
        Self::new()
    }
}
