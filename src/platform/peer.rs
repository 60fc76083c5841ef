//! The process at the other end of a socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The process that answers on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its id. If the system doesn't report it, the socket's own number, which identifies one process only.
    pub process: u64,
    /// The user that runs the process or made the socket.
    pub user: u32,
}

/// Returns the process behind the socket at `path`.
///
/// # Errors
///
/// Fails if the system refuses.
#[cfg(system = "linux")]
pub fn of(_path: &Path, stream: &UnixStream) -> io::Result<Peer> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(Peer {
        process: u64::from(peer.pid.as_raw_nonzero().get().unsigned_abs()),
        user: peer.uid.as_raw(),
    })
}

/// Returns the process behind the socket at `path`, as far as the socket itself shows it.
///
/// # Errors
///
/// Fails if the socket is gone.
#[cfg(not(system = "linux"))]
pub fn of(path: &Path, _stream: &UnixStream) -> io::Result<Peer> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    Ok(Peer {
        process: metadata.ino(),
        user: metadata.uid(),
    })
}
