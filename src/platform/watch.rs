//! Waits until something happens to files: by inotify on Linux, by looking again elsewhere.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
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
