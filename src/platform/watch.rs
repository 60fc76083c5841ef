//! Waits until something happens to files: by inotify on Linux, by looking again elsewhere.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// So often one looks where the system doesn't tell.
const STEP: Duration = Duration::from_millis(250);

/// Watches files.
#[derive(Debug)]
pub struct Watch {
    /// `None`: the system doesn't tell.
    events: Option<OwnedFd>,
}

impl Watch {
    /// Of these files; one that isn't there is passed over.
    #[cfg(system = "linux")]
    pub fn new(files: &[PathBuf]) -> Self {
        use rustix::fs::inotify;
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let events = inotify::init(flags).ok();
        let kinds = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::DELETE_SELF;
        let kinds = kinds | inotify::WatchFlags::ATTRIB;
        for file in files {
            if let Some(events) = &events {
                let _ = inotify::add_watch(events, file, kinds);
            }
        }
        Self { events }
    }

    /// Of these files.
    #[cfg(not(system = "linux"))]
    pub fn new(_files: &[PathBuf]) -> Self {
        Self { events: None }
    }

    /// Waits for the next event, at most so long.
    pub fn wait(&self, at_most: Duration) {
        let Some(events) = &self.events else {
            return std::thread::sleep(at_most.min(STEP));
        };
        let timeout = Timespec::try_from(at_most).ok();
        let mut ready = [PollFd::new(events, PollFlags::IN)];
        if poll(&mut ready, timeout.as_ref()).is_ok_and(|ready| ready > 0) {
            let mut drained = [0_u8; 4096];
            let _ = rustix::io::read(events, &mut drained);
        }
    }
}

/// So often one looks for changes where the system doesn't tell of them.
const LOOK: Duration = Duration::from_secs(1);

/// Watches folders and files for every change, and other descriptors for their end.
#[derive(Debug)]
pub struct Activity {
    /// `None`: the system doesn't tell.
    events: Option<OwnedFd>,
}

impl Activity {
    /// Watches nothing yet.
    #[cfg(system = "linux")]
    pub fn new() -> Self {
        use rustix::fs::inotify::{CreateFlags, init};
        Self {
            events: init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
        }
    }

    /// Watches nothing yet.
    #[cfg(not(system = "linux"))]
    pub fn new() -> Self {
        Self { events: None }
    }

    /// Watches this folder or file, too. A path that is watched already counts once.
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

    /// Watches this folder or file, too.
    #[cfg(not(system = "linux"))]
    pub fn add(&self, _path: &Path) {}

    /// Waits for the next change, at most so long. Returns whether all of `others` are still open.
    pub fn wait(&self, at_most: Duration, others: &[BorrowedFd<'_>]) -> bool {
        let at_most = if self.events.is_some() {
            at_most
        } else {
            at_most.min(LOOK)
        };
        self.poll(at_most, others, true)
    }

    /// Waits so long, whatever changes. Returns as soon as one of `others` is closed, and whether none is.
    pub fn rest(&self, time: Duration, others: &[BorrowedFd<'_>]) -> bool {
        self.poll(time, others, false)
    }

    fn poll(&self, at_most: Duration, others: &[BorrowedFd<'_>], for_changes: bool) -> bool {
        let closed = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let timeout = Timespec::try_from(at_most).ok();
        let events = self.events.as_ref().filter(|_| for_changes);
        let mut ready: Vec<PollFd<'_>> = others
            .iter()
            .map(|other| PollFd::from_borrowed_fd(*other, PollFlags::empty()))
            .collect();
        ready.extend(events.map(|events| PollFd::new(events, PollFlags::IN)));
        if poll(&mut ready, timeout.as_ref()).is_err() {
            return true;
        }
        if let Some(events) = events {
            let mut drained = [0_u8; 16 * 1024];
            while rustix::io::read(events, &mut drained).is_ok_and(|read| read > 0) {}
        }
        let mut others = ready.iter().take(others.len());
        others.all(|other| !other.revents().intersects(closed))
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}
