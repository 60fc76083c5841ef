//! The lock of the file, waited for so long at most.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Somebody holds it for microseconds, unless he was stopped in the middle.
const WAIT: Duration = Duration::from_secs(1);

/// Held until it is dropped, or the process ends.
pub(super) struct Lock<'a>(&'a File);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl<'a> Lock<'a> {
    /// For who writes.
    pub(super) fn exclusive(file: &'a File) -> io::Result<Self> {
        Self::take(file, File::try_lock, File::lock)
    }

    /// For who reads what nobody may write meanwhile.
    pub(super) fn shared(file: &'a File) -> io::Result<Self> {
        Self::take(file, File::try_lock_shared, File::lock_shared)
    }

    fn take(
        file: &'a File,
        now: fn(&File) -> Result<(), TryLockError>,
        later: fn(&File) -> io::Result<()>,
    ) -> io::Result<Self> {
        match now(file) {
            Ok(()) => return Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The system's queue is fair, and knows no end of waiting.
        let waiting = file.try_clone()?;
        let (sender, receiver) = sync_channel(0);
        std::thread::Builder::new().spawn(move || {
            let taken = later(&waiting);
            // Nobody waits any more.
            if sender.send(taken).is_err() {
                let _ = waiting.unlock();
            }
        })?;
        match receiver.recv_timeout(WAIT) {
            Ok(taken) => taken.map(|()| Self(file)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("another process has held its lock for {WAIT:?}"),
            )),
        }
    }
}
