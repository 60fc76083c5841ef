//! Where bg-run's own files and the client's are.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::{BaseDirs, ProjectDirs};

use crate::environment;

fn project_dirs() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "bg-run")
}

/// The folder of `config.toml` and `rules.toml`; `None` where there is no home folder.
pub fn config_dir() -> Option<PathBuf> {
    environment::config_dir().or_else(|| Some(project_dirs()?.config_dir().to_owned()))
}

/// The folder of the log; `None` where there is no home folder.
pub fn state_dir() -> Option<PathBuf> {
    environment::state_dir().or_else(|| {
        let dirs = project_dirs()?;
        Some(dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned())
    })
}

/// The user's `config.toml`.
pub fn config_file() -> Option<PathBuf> {
    config_dir().map(|dir| dir.join("config.toml"))
}

/// The user's `rules.toml`.
pub fn user_rules_file() -> Option<PathBuf> {
    config_dir().map(|dir| dir.join("rules.toml"))
}

/// The client's own folder: `CLAUDE_CONFIG_DIR`, else `~/.claude`.
pub fn claude_dir() -> Option<PathBuf> {
    environment::claude_config_dir().or_else(|| Some(BaseDirs::new()?.home_dir().join(".claude")))
}

/// The project around `cwd`: the client's word, else the nearest folder up from `cwd` with a `.claude`, else
/// `cwd` itself.
pub fn project_dir(cwd: &Path) -> PathBuf {
    let nearest = || {
        cwd.ancestors()
            .find(|dir| dir.join(".claude").is_dir())
            .map(Path::to_owned)
    };
    environment::claude_project_dir()
        .or_else(nearest)
        .unwrap_or_else(|| cwd.to_owned())
}

/// A project's own rules.
pub fn project_rules_file(project: &Path) -> PathBuf {
    project.join(".claude").join("bg-run.toml")
}

/// `path` as the shell would take it in `cwd`: absolute, with a leading `~/`, or from there.
pub fn resolve(cwd: &Path, path: &str) -> PathBuf {
    let home = path.strip_prefix("~/").zip(BaseDirs::new());
    match home {
        Some((rest, dirs)) => dirs.home_dir().join(rest),
        None => cwd.join(path),
    }
}

/// Removes what lies in `folder` and hasn't changed for `age`.
pub fn forget_older(folder: &Path, age: Duration) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let unchanged = metadata
            .modified()
            .ok()
            .and_then(|modified| modified.elapsed().ok());
        if unchanged.is_some_and(|unchanged| unchanged > age) {
            // Another process may have been faster.
            let _ = if metadata.is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
        }
    }
}
