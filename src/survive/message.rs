//! The messages between the supervisor and the relay.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// A message between the supervisor and the relay.
pub(super) enum Message {
    /// The job couldn't be started.
    NotStarted,
    /// The job runs as this process.
    Runs(u32),
    /// The job ended with this status, as a shell reports it.
    Ended(u8),
}

impl Message {
    /// The relay's message that the process between the two has ended.
    pub(super) const GO: u8 = b'g';
    /// The supervisor's message that it starts the job now. The relay runs the source itself only after `NotStarted`.
    pub(super) const STARTS: u8 = b's';

    pub(super) fn read(channel: &mut UnixStream) -> Option<Self> {
        let mut kind = [0];
        channel.read_exact(&mut kind).ok()?;
        match kind {
            [b'n'] => Some(Self::NotStarted),
            [b'r'] => {
                let mut process = [0; 4];
                channel.read_exact(&mut process).ok()?;
                Some(Self::Runs(u32::from_be_bytes(process)))
            }
            [b'e'] => {
                let mut status = [0];
                channel.read_exact(&mut status).ok()?;
                Some(Self::Ended(status[0]))
            }
            _ => None,
        }
    }

    /// Sends the message. A relay that has ended reads nothing.
    pub(super) fn send(&self, mut channel: &UnixStream) {
        let _ = match self {
            Self::NotStarted => channel.write_all(b"n"),
            Self::Runs(process) => {
                let bytes = process.to_be_bytes();
                channel.write_all(&[&b"r"[..], &bytes].concat())
            }
            Self::Ended(status) => channel.write_all(&[b'e', *status]),
        };
    }
}
