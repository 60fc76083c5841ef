//! Programs on the `PATH`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::bounded;
use crate::platform::files;
use crate::{environment, folders};

/// The path of bg-run itself.
///
/// # Errors
///
/// When the system doesn't tell it.
pub(crate) fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("the path of bg-run itself isn't known")
}

/// The name of an editor and of its command, as the product file of VS Code and its forks has them.
pub(crate) fn product_of(file: &Path) -> Option<(String, String)> {
    let text = crate::folders::read_regular(file, MAX_PRODUCT).ok()?;
    let product: serde_json::Value = serde_json::from_str(&text).ok()?;
    let text = |key: &str| Some(product.get(key)?.as_str()?.to_owned());
    let program = text("applicationName").filter(|name| !name.contains('/'))?;
    Some((text("nameShort")?, program))
}

/// In bytes.
const MAX_PRODUCT: u64 = 1024 * 1024;

/// Most that is read of a program's answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Runs a program that is expected to succeed within `limit`, and returns its standard output.
///
/// # Errors
///
/// Why there is none.
pub fn ask(command: &duct::Expression, limit: Duration) -> Result<String, String> {
    ask_with(command, "", limit)
}

/// Like [`ask`], with `input` as its standard input.
///
/// # Errors
///
/// Like those of [`ask`].
pub fn ask_with(
    command: &duct::Expression,
    input: &str,
    limit: Duration,
) -> Result<String, String> {
    let ended = bounded::run(command, input.as_bytes(), limit, MAX_ANSWER);
    let ended = ended.map_err(|error| format!("{error:#}"))?;
    if !ended.status.success() {
        return Err(format!("it ended with {}", ended.status));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// A folder of the project that this process works for.
static WORKING_IN: OnceLock<PathBuf> = OnceLock::new();

/// Says in which folder this process works, once: no program of the project around it is found by its name.
pub fn work_in(folder: &Path) {
    let _ = WORKING_IN.set(folder.to_owned());
}

/// The first executable file of this name on the `PATH` that no repository brings: the folder is an absolute one, and
/// doesn't lie in the project around.
pub fn find(name: &str) -> Option<PathBuf> {
    let found = environment::search_path()
        .into_iter()
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name));
    let mut found = found.filter(|path| is_executable(path));
    found.find(|path| {
        let folder = WORKING_IN.get();
        !folder.is_some_and(|folder| comes_with(path, &folders::project_dir(folder)))
    })
}

/// Whether a program can be started by this name or path.
pub fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return is_executable(Path::new(program));
    }
    find(program).is_some()
}

/// Whether a program lies there.
pub(crate) fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Whether `program` lies in the project's folder, by its name or by what that leads to: it may have come with a cloned
/// repository. A home folder, and what is above it, is no project in this sense.
pub(crate) fn comes_with(program: &Path, project: &Path) -> bool {
    if environment::home_dir().is_some_and(|home| files::is_below(&home, project))
        || project.parent().is_none()
    {
        return false;
    }
    // The folder that names it counts as well: a link there was put there by the project.
    let folder = program.parent();
    files::is_below(program, project)
        || folder.is_some_and(|folder| files::is_below(folder, project))
}
