//! The sockets of VS Code's remote windows, which the `code` command uses too.
//!
//! They speak HTTP: `POST /` with a JSON body. Each window has one socket, and each of its terminals has one. Dead
//! sockets stay behind, and some with the same kind of name never answer (measured, VS Code 1.139).

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, socket};
use serde_json::{Value, json};

use super::editor_table::LAST_LINE;
use crate::environment;
use crate::platform::{files, peer, processes};
use crate::text::{MAX_COMMAND_LENGTH, one_line};

/// Time limit for a window's answer. A live window answers in a millisecond (measured).
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// Maximum length of a window's answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Maximum number of sockets that are asked. Each costs a connection, and dead ones accumulate.
const MAX_ASKED: usize = 64;

/// The socket of a window that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LiveSocket {
    pub(super) path: PathBuf,
    /// The process behind it, which is the same for all sockets of a window.
    process: u64,
}

/// Checks that a window answers on the socket.
///
/// # Errors
///
/// Fails if nobody answers within a second.
pub(super) fn probe(path: &Path) -> Result<LiveSocket> {
    let process = post(path, &json!({"type": "status"}))?;
    Ok(LiveSocket {
        path: path.to_owned(),
        process,
    })
}

/// Makes the window open `file` at its end.
///
/// # Errors
///
/// Fails unless the window confirms it.
pub(super) fn open(live: &LiveSocket, file: &Path) -> Result<()> {
    let request = json!({
        "type": "open",
        "fileURIs": [format!("{}:{}", file_uri(file), LAST_LINE)],
        "folderURIs": [],
        "gotoLineMode": true,
        "forceReuseWindow": true,
    });
    post(&live.path, &request).map(|_| ())
}

/// Formats a file URI (RFC 8089), with reserved bytes (RFC 3986) percent-encoded.
fn file_uri(file: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut uri = "file://".to_owned();
    for &byte in file.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Sends a request and returns the id of the process that answered.
fn post(path: &Path, body: &Value) -> Result<u64> {
    let shown = path.display();
    let end = Instant::now() + ANSWER_WAIT;
    let mut stream = connect(path)?;
    let process = owner(path, &stream)?;
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    let left = || {
        let left = end.saturating_duration_since(Instant::now());
        (!left.is_zero())
            .then_some(left)
            .with_context(|| format!("{shown} doesn't answer: no window is connected to it"))
    };
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while !answer.contains(&b'\n') {
        if answer.len() > MAX_ANSWER {
            bail!("{shown} sends an answer without a line end");
        }
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(part.get(..read).unwrap_or_default()),
            Err(_) => bail!("{shown} doesn't answer: no window is connected to it"),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some("200") {
        bail!("{shown} answers `{}`", one_line(line, MAX_COMMAND_LENGTH));
    }
    Ok(process)
}

/// Connects to a socket of this user. A socket with a full backlog refuses at once, like a dead one.
fn connect(path: &Path) -> Result<UnixStream> {
    let shown = path.display();
    if !path.exists() {
        bail!("{shown} is dead");
    }
    if !is_own_socket(path) {
        bail!("{shown} is not a socket of yours");
    }
    // In separate steps, because macOS creates no socket with flags.
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(true)?;
    let address = SocketAddrUnix::new(path).with_context(|| format!("{shown} can't be reached"))?;
    rustix::net::connect(&stream, &address).with_context(|| format!("{shown} is dead"))?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Whether this user made the socket. It is checked before anything is sent.
fn is_own_socket(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let own = rustix::process::geteuid().as_raw();
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.file_type().is_socket() && metadata.uid() == own)
}

/// Returns the process behind the socket, which must belong to this user.
fn owner(path: &Path, stream: &UnixStream) -> Result<u64> {
    let peer = peer::of(path, stream)?;
    if peer.user != rustix::process::geteuid().as_raw() {
        bail!("{} belongs to another user", path.display());
    }
    Ok(peer.process)
}

/// Returns the window in which to open a file of `project`: the one of `VSCODE_IPC_HOOK_CLI`, or else this user's only
/// window, or else the one with a terminal in a folder around the project.
///
/// # Errors
///
/// Fails if there is no such window, or several.
pub(super) fn window_for(project: &Path) -> Result<LiveSocket> {
    let own = environment::vscode_socket().map(|path| probe(&path));
    let why = match own {
        Some(Ok(live)) => return Ok(live),
        Some(Err(error)) => format!("{error:#}"),
        None => "VSCODE_IPC_HOOK_CLI isn't set".to_owned(),
    };
    let live = live_sockets();
    let mut windows: Vec<&LiveSocket> = Vec::new();
    for socket in &live {
        if !windows
            .iter()
            .any(|window| window.process == socket.process)
        {
            windows.push(socket);
        }
    }
    match windows.as_slice() {
        [] => bail!("{why}, and no other VS Code window answers"),
        [only] => Ok((*only).clone()),
        several => {
            let holding = holding(&live, project);
            let mut held = several
                .iter()
                .filter(|window| holding.contains(&window.process));
            match (held.next(), held.next()) {
                (Some(one), None) => Ok((*one).clone()),
                _ => bail!(
                    "{why}, and it isn't clear which of the {} other VS Code windows belongs to {}",
                    several.len(),
                    project.display()
                ),
            }
        }
    }
}

/// Whether VS Code's socket folders contain any socket. It is cheap because nothing is asked.
pub(super) fn is_any_there() -> bool {
    !candidates().is_empty()
}

fn candidates() -> Vec<PathBuf> {
    let is_socket = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.starts_with("vscode-ipc-") && name.strip_suffix(".sock").is_some()
    };
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = environment::socket_dirs()
        .iter()
        .flat_map(|dir| fs::read_dir(dir).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(is_socket)
        .filter(|path| is_own_socket(path))
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found
        .into_iter()
        .map(|(_, path)| path)
        .take(MAX_ASKED)
        .collect()
}

/// Asks all sockets at once, because a silent one takes a full second.
fn live_sockets() -> Vec<LiveSocket> {
    let candidates = candidates();
    std::thread::scope(|scope| {
        let asked: Vec<_> = candidates
            .iter()
            .map(|path| scope.spawn(|| probe(path)))
            .collect();
        asked
            .into_iter()
            .filter_map(|asked| asked.join().ok()?.ok())
            .collect()
    })
}

/// Returns the processes whose windows have a terminal that started in the innermost folder around `project`,
/// according to the environment of the terminals' shells.
fn holding(live: &[LiveSocket], project: &Path) -> Vec<u64> {
    let mut found: Vec<(usize, u64)> = Vec::new();
    for variables in processes::environments() {
        let value = |name: &str| {
            let mut variables = variables.iter();
            variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='))
        };
        // The window's own helpers have the socket too, but their folder means nothing.
        if value("TERM_PROGRAM") != Some("vscode") {
            continue;
        }
        let (Some(socket), Some(folder)) = (value("VSCODE_IPC_HOOK_CLI"), value("PWD")) else {
            continue;
        };
        if let Some(live) = live.iter().find(|live| live.path == Path::new(socket))
            && files::is_below(project, Path::new(folder))
        {
            found.push((folder.len(), live.process));
        }
    }
    let innermost = found.iter().map(|(length, _)| *length).max();
    found.retain(|(length, _)| Some(*length) == innermost);
    found.into_iter().map(|(_, process)| process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_escapes_reserved_bytes() {
        assert_eq!(
            file_uri(Path::new("/tmp/a b/é#?:%.output")),
            "file:///tmp/a%20b/%C3%A9%23%3F%3A%25.output"
        );
    }
}
