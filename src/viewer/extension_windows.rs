//! Windows of the VS Code family that run bg-run's extension, which opens a file without taking the keyboard focus.
//!
//! Each window keeps a lease in the state folder and renews it. A request is a file beside it. The extension takes a
//! request by renaming it, and removes it once the file is open (`editors/vscode/windows.js`).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::platform::files;
use crate::platform::watch::ActivityWatch;
use crate::state::{self, Folder, Kind};

/// Age at which a lease expires. A window renews its lease every 10 s.
const LEASE_LIFETIME: Duration = Duration::from_secs(30);

/// Time limit for a window to take a request.
const TAKE_TIMEOUT: Duration = Duration::from_millis(300);

/// Time limit for a window to open the file, from the request on.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of windows that are examined.
const MAX_WINDOWS: usize = 100;

/// A window, as its extension describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Lease {
    /// The machine's name, because several machines can share a home folder.
    host: String,
    /// The folders that are open in it.
    folders: Vec<PathBuf>,
    /// Time of its last focus, in milliseconds since 1970.
    focused: u64,
}

#[derive(Serialize)]
struct Request<'a> {
    file: &'a Path,
}

/// Whether there is a window with the extension.
pub(super) fn is_any_there() -> bool {
    !leases().is_empty()
}

/// Makes the window that contains `project` open `file`. Of several, it chooses the one with the nearest folder, then
/// the last used one.
///
/// # Errors
///
/// Fails if no window takes the request, or the window reports a failure.
pub(super) fn open(project: &Path, file: &Path) -> Result<()> {
    request(&window_for(project)?, file)
}

/// Returns the name of the lease of the window that contains `project`.
///
/// # Errors
///
/// Fails if there is no such window.
pub(super) fn window_for(project: &Path) -> Result<String> {
    let depth = |lease: &Lease| {
        let around = lease
            .folders
            .iter()
            .filter(|folder| files::is_below(project, folder));
        let depth = around.map(|folder| folder.components().count()).max();
        // A window on a part of the project is acceptable too.
        depth.or_else(|| {
            lease
                .folders
                .iter()
                .any(|folder| files::is_below(folder, project))
                .then_some(0)
        })
    };
    let windows = leases().into_iter();
    let windows = windows.filter_map(|(name, lease)| Some((depth(&lease)?, lease.focused, name)));
    let nearest = windows
        .max()
        .context("no window with the extension has this project")?;
    Ok(nearest.2)
}

/// Returns the names and leases of this machine's windows.
fn leases() -> Vec<(String, Lease)> {
    let Ok(folder) = Folder::open(Kind::Windows) else {
        return Vec::new();
    };
    folder.clear_daily();
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let names = folder.names(MAX_WINDOWS * 4).into_iter();
    let lease = |name: &String| -> Option<Lease> {
        let file = folder.file(name).ok()?;
        let renewed = file.metadata().ok()?.modified().ok()?;
        let age = SystemTime::now()
            .duration_since(renewed)
            .unwrap_or_default();
        let lease: Lease = serde_json::from_slice(&folder.read(name).ok()?).ok()?;
        (age < LEASE_LIFETIME && lease.host == host).then_some(lease)
    };
    names
        .filter(|name| name.ends_with(state::LEASE))
        .take(MAX_WINDOWS)
        .filter_map(|name| Some((name.clone(), lease(&name)?)))
        .collect()
}

/// Requests `file` from the window with this lease, and waits until it is open, at most [`OPEN_TIMEOUT`].
fn request(window: &str, file: &Path) -> Result<()> {
    let folder = Folder::make(Kind::Windows).context("the state folder can't be written")?;
    let name = format!(
        "{}.{}",
        window.trim_end_matches(state::LEASE),
        std::process::id()
    );
    let name_in = |state: &str| format!("{name}{state}");
    let is_there = |state: &str| folder.file(&name_in(state)).is_ok();
    let text = serde_json::to_vec(&Request { file })?;
    folder
        .replace(&name_in(state::ASKED), &[&text])
        .context("the window can't be asked")?;
    let watch = ActivityWatch::new();
    if let Some(dir) = state::dir() {
        watch.add(&dir.join(Kind::Windows.name()));
    }
    let asked = Instant::now();
    while is_there(state::ASKED) && asked.elapsed() < TAKE_TIMEOUT {
        watch.wait(TAKE_TIMEOUT.saturating_sub(asked.elapsed()), &[]);
    }
    // Only one of the two processes can take the request away.
    if folder.take(&name_in(state::ASKED)) {
        bail!(
            "the extension didn't answer within {} ms",
            TAKE_TIMEOUT.as_millis()
        );
    }
    let end = asked + OPEN_TIMEOUT;
    while is_there(state::TAKEN) && Instant::now() < end {
        watch.wait(end.saturating_duration_since(Instant::now()), &[]);
    }
    if folder.take(&name_in(state::FAILED)) {
        bail!("the extension couldn't open it");
    }
    folder.remove(&name_in(state::TAKEN));
    Ok(())
}
