//! Detaches a process, so that it survives its caller and terminal.

/// Leaves the caller's session and process group.
pub fn leave_session() {
    // It fails for the leader of a process group, which is detached already.
    let _ = rustix::process::setsid();
}
