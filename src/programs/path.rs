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

/// Returns the path of bg-run itself.
///
/// # Errors
///
/// Fails if the system doesn't tell.
pub(crate) fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("the path of bg-run itself isn't known")
}

/// Returns the names of an editor and of its command from the product file of VS Code or a fork.
pub(crate) fn product_of(file: &Path) -> Option<(String, String)> {
    let text = crate::folders::read_regular(file, MAX_PRODUCT).ok()?;
    let product: serde_json::Value = serde_json::from_str(&text).ok()?;
    let text = |key: &str| Some(product.get(key)?.as_str()?.to_owned());
    let program = text("applicationName").filter(|name| !name.contains('/'))?;
    Some((text("nameShort")?, program))
}

/// Maximum size of a product file, in bytes.
const MAX_PRODUCT: u64 = 1024 * 1024;

/// Maximum size of a program's answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Runs a program that should succeed within `limit`, and returns its standard output.
///
/// # Errors
///
/// Returns the reason for the failure.
pub fn ask(command: &duct::Expression, limit: Duration) -> Result<String, String> {
    ask_with(command, "", limit)
}

/// Runs a program like [`ask`], with `input` as its standard input.
///
/// # Errors
///
/// Returns the reason for the failure.
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

/// A folder of the project for which this process works.
static WORKING_IN: OnceLock<PathBuf> = OnceLock::new();

/// Sets the folder in which this process works, once. From then on, no program of the project around it is found by
/// name.
pub fn work_in(folder: &Path) {
    let _ = WORKING_IN.set(folder.to_owned());
}

/// Finds the first executable file with this name on the `PATH` that can't come from a repository: its folder is
/// absolute and outside the current project.
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

/// Whether a program with this name or path can be started.
pub fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return is_executable(Path::new(program));
    }
    find(program).is_some()
}

/// Whether there is an executable file at this path.
pub(crate) fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Whether `program` is in the project's folder, by its path or its link target. It may have come with a cloned
/// repository. A home folder, or a parent of it, doesn't count as a project here.
pub(crate) fn comes_with(program: &Path, project: &Path) -> bool {
    if environment::home_dir().is_some_and(|home| files::is_below(&home, project))
        || project.parent().is_none()
    {
        return false;
    }
    // The folder of a link counts too, because the project put the link there.
    let folder = program.parent();
    files::is_below(program, project)
        || folder.is_some_and(|folder| files::is_below(folder, project))
}
