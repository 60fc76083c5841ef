//! The ends of a relay and of its job, as events.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::Result;

pub(super) enum Event {
    RelayEnded,
    JobEnded(ExitStatus),
}

/// Starts the threads that wait for the relay and for the job. They start before the job, so that no job runs without them.
/// Returns the sender for the job, and the receiver of the events.
pub(super) fn start_waiting_threads(
    channel: &UnixStream,
) -> Result<(Sender<Child>, Receiver<Event>)> {
    let (job_sender, job) = mpsc::channel::<Child>();
    let (sender, events) = mpsc::channel();
    let ended = sender.clone();
    thread::Builder::new().spawn(move || {
        if let Ok(status) = job
            .recv()
            .map_err(io::Error::other)
            .and_then(|mut job| job.wait())
        {
            let _ = ended.send(Event::JobEnded(status));
        }
    })?;
    let mut relay = channel.try_clone()?;
    thread::Builder::new().spawn(move || {
        // The relay sends nothing more, so this thread ends with it.
        let _ = relay.read(&mut [0]);
        let _ = sender.send(Event::RelayEnded);
    })?;
    Ok((job_sender, events))
}
