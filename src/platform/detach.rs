//! A life of its own for a process: neither the caller's end nor its terminal's ends it.

/// Leaves the caller's session and process group.
pub fn leave_session() {
    // It fails for a leader of a process group, which is on its own already.
    let _ = rustix::process::setsid();
}
