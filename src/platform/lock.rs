//! Locks between processes. They end with the process that holds them.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

/// Takes the lock of an open file or folder, waiting for at most `wait`. It lasts until the file is dropped.
///
/// # Errors
///
/// Fails if another process holds the lock all that time, or the file system has none.
pub fn take_within(file: &File, wait: Duration) -> io::Result<()> {
    let start = Instant::now();
    // The system's own queue has no time limit. Different pauses keep many processes from trying in step.
    let mut pause = Duration::from_micros(500 + u64::from(std::process::id() % 16) * 100);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < wait => std::thread::sleep(pause),
            Err(TryLockError::WouldBlock) => {
                let why = format!("another process has held its lock for {wait:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        pause = pause.mul_f32(1.1).min(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let holder = File::open(file.path()).unwrap();
        holder.lock().unwrap();
        let other = File::open(file.path()).unwrap();
        let refused = take_within(&other, Duration::from_millis(20)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        drop(holder);
        take_within(&other, Duration::from_mins(1)).unwrap();
    }
}
