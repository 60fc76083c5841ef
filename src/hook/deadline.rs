//! A time limit for a hook that hangs, for example on a state folder that doesn't answer.

use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::state::log;

/// Time after which a hook that isn't waiting for a task exits, whatever time-out it is registered with.
const MAX_TIME: Duration = Duration::from_secs(9);

/// Exits this process after a time, unless dropped earlier.
pub(super) struct Deadline {
    _dropped: Option<Sender<()>>,
}

impl Deadline {
    /// Starts the time limit.
    pub(super) fn start() -> Self {
        Self::start_with(MAX_TIME, || process::exit(0))
    }

    fn start_with(within: Duration, end: impl FnOnce() + Send + 'static) -> Self {
        let (sender, receiver) = channel::<()>();
        let watch = move || {
            if receiver.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
                // The log may be on the file system that hangs.
                thread::spawn(|| log::error("hook: gave up, the call stays unchanged"));
                thread::sleep(Duration::from_millis(100));
                end();
            }
        };
        let started = thread::Builder::new().spawn(watch);
        Self {
            _dropped: started.is_ok().then_some(sender),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hanging_process_is_ended() {
        let (sender, receiver) = channel();
        let hanging = sender.clone();
        let _deadline = Deadline::start_with(Duration::ZERO, move || {
            let _ = hanging.send("hangs");
        });
        assert_eq!(receiver.recv(), Ok("hangs"));
        drop(Deadline::start_with(Duration::from_mins(1), move || {
            let _ = sender.send("done");
        }));
        // The timer's thread has ended and dropped the sender.
        assert!(receiver.recv().is_err());
    }
}
