//! Programs on the `PATH`.

use std::cell::LazyCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use crate::environment;
use crate::folders::{CallSite, GitFolder};
use crate::platform::files;

/// Returns the path of bg-run itself.
///
/// # Errors
///
/// Fails if the system doesn't report it.
pub(crate) fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("the path of bg-run itself isn't known")
}

/// A folder in the project whose programs [`find`] ignores.
static WORKING_IN: OnceLock<PathBuf> = OnceLock::new();

/// Sets the project whose programs [`find`] ignores, by a folder in it. Without a call, it is the project of the
/// current folder.
pub fn set_working_project(folder: &Path) {
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
    let folder = || WORKING_IN.get_or_init(|| std::env::current_dir().unwrap_or_default());
    let site = LazyCell::new(|| CallSite::new(folder()));
    found.find(|path| !is_in_repository(path, &site))
}

/// Finds the program that a setting names: a path, or a name for [`find`].
///
/// # Errors
///
/// Fails if no such program is on the `PATH`.
pub fn locate(program: &str) -> Result<PathBuf> {
    if program.contains('/') {
        return Ok(PathBuf::from(program));
    }
    find(program).with_context(|| format!("no `{program}` is on the PATH outside of the project"))
}

/// Whether a program with this name or path can be started.
pub fn is_executable_name(program: &str) -> bool {
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

/// Whether `program` is in the project of a call, or in the repository around that or around the working folder. It
/// may have come with a cloned repository.
pub(crate) fn is_in_repository(program: &Path, site: &CallSite) -> bool {
    let is_elsewhere = site.cwd != site.project;
    let here = is_elsewhere.then(|| CallSite::of_project(site.cwd.clone()));
    is_in(program, &site.project)
        || [Some(site), here.as_ref()]
            .into_iter()
            .flatten()
            .any(|site| {
                let mut tops = site.git().into_iter().flat_map(GitFolder::tops);
                tops.any(|top| is_in(program, top))
            })
}

/// Whether `program` is in a project's folder, by its path or its link target. A home folder, or a parent of it,
/// doesn't count as a project here.
fn is_in(program: &Path, project: &Path) -> bool {
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
