//! `survive = true`: a task outlives the session in which it was started.
//!
//! A *job* is the process group of a task that has a supervisor.
//!
//! The client ends a task by SIGTERM to the task's process group and to each process of its tree (measured, 2.1.200 to
//! 2.1.332), and by SIGKILL to what is left after 1.5 s (read in 2.1.332). A process that was forked twice has left that tree and gets no signal. So the hook leaves a note with the exact
//! text of a call ([`note`]), and a line in the session's environment file ([`environment_line`]) hands a call with such a
//! note to the relay ([`relay`]). The relay stays in the client's tree and waits. A supervisor outside of it
//! ([`supervisor`]) runs the same source in the same shell. When the relay ends before the job, [`keep_or_end`] decides
//! about the job, from the marks that hooks and `bg-run stop` leave ([`marks`]).

use std::os::fd::AsFd;
use std::path::PathBuf;

use crate::claude::task;
use crate::platform::files;

pub mod environment_line;
mod events;
mod keep_or_end;
pub mod marks;
mod message;
pub mod note;
pub mod relay;
mod shell_invocation;
mod supervisor;

/// Whether jobs can outlive their session on this system. macOS hides the environment of its own shells, and a socket of
/// the standard library that loses its reader there ends the process.
pub const IS_SUPPORTED: bool = cfg!(target_os = "linux");

/// Maximum number of jobs at a time. A further task runs as without the setting.
pub const MAX_JOBS: usize = 16;

/// Returns the task's output to which this descriptor writes.
fn output(descriptor: impl AsFd) -> Option<PathBuf> {
    files::path_of(descriptor).filter(|path| task::is_output(path))
}
