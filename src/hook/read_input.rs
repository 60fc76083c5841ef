//! Reads the hook's input: one event on stdin, with limits on time and size.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::claude::input::Input;

/// Maximum size of an event, in bytes.
const MAX_INPUT: usize = 8 * 1024 * 1024;

/// Maximum number of bytes to read of an oversized event. The client is still writing, and a broken pipe would
/// disturb it.
const MAX_DRAINED: usize = 64 * 1024 * 1024;

/// Size of one read in bytes. Nearly all events are smaller, and the allocator's first 64 KiB hold the buffer.
const READ_SIZE: usize = 32 * 1024;

/// Maximum time to wait for the input. The client gives up on a hook after ten seconds.
const INPUT_TIMEOUT: Duration = Duration::from_secs(8);

/// Reads an event and returns it with its text as soon as it is complete. Stdin may stay open.
///
/// # Errors
///
/// Fails if stdin contains no event, or none in time.
pub(super) fn read_input() -> Result<(Input, Vec<u8>)> {
    let stdin = io::stdin().lock();
    let end = Instant::now() + INPUT_TIMEOUT;
    let mut text: Vec<u8> = Vec::new();
    let mut length = 0;
    loop {
        wait_for(&stdin, end)?;
        text.reserve(READ_SIZE);
        let read = rustix::io::read(&stdin, spare_capacity(&mut text));
        let read = read.context("stdin can't be read")?;
        length += read;
        if length > MAX_INPUT {
            if read == 0 || length > MAX_DRAINED {
                bail!("stdin contains more than {MAX_INPUT} bytes");
            }
            text.clear();
            continue;
        }
        if read == 0 {
            let input = serde_json::from_slice(&text).context("stdin isn't hook input")?;
            return Ok((input, text));
        }
        if read < READ_SIZE && text.trim_ascii_end().ends_with(b"}") {
            match serde_json::from_slice(&text) {
                Ok(input) => return Ok((input, text)),
                Err(error) if error.is_eof() => {}
                Err(error) => return Err(error).context("stdin isn't hook input"),
            }
        }
    }
}

fn wait_for(stdin: &io::StdinLock<'_>, end: Instant) -> Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    let mut ready = [PollFd::new(stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(left).ok();
    if poll(&mut ready, timeout.as_ref()).is_ok_and(|ready| ready == 0) {
        bail!("no event came within {} s", INPUT_TIMEOUT.as_secs());
    }
    Ok(())
}
