//! The end of a hook that hangs: on a state folder that doesn't answer, say.

use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::state::log;

/// A hook that doesn't wait for a task ends itself after this time, whatever time-out it is registered with.
const WITHIN: Duration = Duration::from_secs(9);

/// Ends this process after a time, unless it is dropped before.
pub(super) struct Deadline {
    _dropped: Option<Sender<()>>,
}

impl Deadline {
    /// Starts the clock.
    pub(super) fn start() -> Self {
        Self::start_with(WITHIN, || process::exit(0))
    }

    fn start_with(within: Duration, end: impl FnOnce() + Send + 'static) -> Self {
        let (sender, receiver) = channel::<()>();
        let watch = move || {
            if receiver.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
                // The log may be on what hangs.
                thread::spawn(|| log::line("hook: gave up, the call is left as it was"));
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
    fn what_hangs_is_ended_and_what_does_not_is_left() {
        let (sender, receiver) = channel();
        let hanging = sender.clone();
        let _deadline = Deadline::start_with(Duration::ZERO, move || {
            let _ = hanging.send("hangs");
        });
        assert_eq!(receiver.recv(), Ok("hangs"));
        drop(Deadline::start_with(Duration::from_mins(1), move || {
            let _ = sender.send("done");
        }));
        // The clock's thread is over, and with it the sender.
        assert!(receiver.recv().is_err());
    }
}
