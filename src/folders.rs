//! The locations of bg-run's own files and the client's.

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use directories::ProjectDirs;

use crate::environment;
use crate::platform::{files, regular_file};

pub(crate) fn project_dirs() -> Option<&'static ProjectDirs> {
    // Cached, because it is needed several times per call.
    static DIRS: OnceLock<Option<ProjectDirs>> = OnceLock::new();
    DIRS.get_or_init(|| ProjectDirs::from("", "", "bg-run"))
        .as_ref()
}

/// Returns the folder of `config.toml` and `rules.toml`; `None` without a home folder.
pub fn config_dir() -> Option<PathBuf> {
    environment::config_dir().or_else(|| Some(project_dirs()?.config_dir().to_owned()))
}

/// Returns the path of the user's `config.toml`.
pub fn config_file() -> Option<PathBuf> {
    config_dir().map(|dir| dir.join("config.toml"))
}

/// Returns the path of the user's `rules.toml`.
pub fn user_rules_file() -> Option<PathBuf> {
    config_dir().map(|dir| dir.join("rules.toml"))
}

/// Returns the client's own folder: `CLAUDE_CONFIG_DIR`, or else `~/.claude`.
pub fn claude_dir() -> Option<PathBuf> {
    environment::claude_config_dir().or_else(|| Some(environment::home_dir()?.join(".claude")))
}

/// Name of the file that lists the parent folders that were created together with a folder of bg-run.
const CREATED_PARENTS: &str = ".made";

/// Creates a folder of bg-run with missing parents, and records those parents in it.
///
/// # Errors
///
/// Fails if it can't be created.
pub fn make_own(dir: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = fs::DirBuilder::new();
    builder.mode(mode);
    match builder.create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        done => return done,
    }
    let above = dir.ancestors().skip(1);
    let missing: Vec<String> = above
        .take_while(|above| above.symlink_metadata().is_err())
        .map(|above| format!("{}\n", above.display()))
        .collect();
    builder.recursive(true).create(dir)?;
    // If this fails, the uninstallation leaves empty parent folders.
    let _ = fs::write(dir.join(CREATED_PARENTS), missing.concat());
    Ok(())
}

/// Removes an empty folder of bg-run, and the empty parents that were created with it.
pub fn remove_own(dir: &Path) {
    let note = dir.join(CREATED_PARENTS);
    let mut inside = fs::read_dir(dir).into_iter().flatten().flatten();
    if inside.any(|entry| entry.path() != note) {
        return;
    }
    let made = regular_file::read(&note, 8 * MAX_PATH as u64).unwrap_or_default();
    let _ = fs::remove_file(&note);
    let own = fs::remove_dir(dir);
    let mut above = made.lines().filter(|above| dir.starts_with(above));
    if own.is_ok() {
        // This stops at the first folder that isn't empty.
        let _ = above.try_for_each(fs::remove_dir);
    }
}

/// The place of a call: its folders and its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    /// The command's working folder.
    pub cwd: PathBuf,
    /// The project around it.
    pub project: PathBuf,
    /// The id of the client's session; empty outside of one.
    pub session: String,
    git: OnceCell<Option<GitFolder>>,
}

impl CallSite {
    /// Returns the call site for `cwd`. Its project is the client's project folder, or else the nearest folder at or above
    /// `cwd` with a `.claude`, or else the nearest with a `.git`, or else `cwd` itself.
    pub fn new(cwd: &Path) -> Self {
        let has_git = |dir: &Path| dir.join(".git").exists();
        let of_git = || nearest(cwd, |dir| has_git(dir).then(|| dir.to_owned()));
        let (project, git) = match settings_project(cwd).or_else(of_git) {
            Some(project) => (project, OnceCell::new()),
            // There is no `.git` to search for again.
            None => (cwd.to_owned(), OnceCell::from(None)),
        };
        Self {
            cwd: cwd.to_owned(),
            git,
            ..Self::of_project(project)
        }
    }

    /// Returns the call site of a command that starts in the project's own folder.
    pub fn of_project(project: PathBuf) -> Self {
        Self {
            cwd: project.clone(),
            project,
            session: String::new(),
            git: OnceCell::new(),
        }
    }

    /// Returns the call site in a session.
    #[must_use]
    pub fn in_session(self, session: &str) -> Self {
        Self {
            session: session.to_owned(),
            ..self
        }
    }

    /// Returns the repository around the project, searched once.
    pub fn git(&self) -> Option<&GitFolder> {
        let git = self.git.get_or_init(|| GitFolder::around(&self.project));
        git.as_ref()
    }

    /// Returns the `.git` folder that all worktrees of the repository share; without one, the project.
    pub fn repository(&self) -> PathBuf {
        match self.git() {
            Some(git) => git.shared.clone(),
            None => one_spelling(self.project.clone()),
        }
    }
}

/// Maximum length in bytes of a path that can be opened (Linux's `PATH_MAX`).
pub const MAX_PATH: usize = 4096;

/// Returns the client's project folder, or else the nearest folder at or above `cwd` with a `.claude`.
fn settings_project(cwd: &Path) -> Option<PathBuf> {
    // The `.claude` in the home folder belongs to the user, not to a project.
    let has_settings = |dir: &Path| {
        let settings = dir.join(".claude");
        let is_users = || claude_dir().is_some_and(|users| files::is_same(&settings, &users));
        settings.is_dir() && !is_users()
    };
    environment::claude_project_dir()
        .or_else(|| nearest(cwd, |dir| has_settings(dir).then(|| dir.to_owned())))
}

/// Returns what `find` finds in the nearest folder at or above `folder`.
fn nearest<T>(folder: &Path, find: impl Fn(&Path) -> Option<T>) -> Option<T> {
    // A longer path can't exist.
    if folder.as_os_str().len() > MAX_PATH {
        return None;
    }
    folder.ancestors().find_map(find)
}

/// Maximum size in bytes of a `.git` file that names a folder.
const MAX_GIT_FILE: u64 = 8 * 1024;

/// The folders of a Git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitFolder {
    /// The top folder of the worktree.
    pub top: PathBuf,
    /// The `.git` folder that all worktrees share.
    pub shared: PathBuf,
}

impl GitFolder {
    /// Returns the top folders of the worktree and of the repository that contains it as a worktree or submodule.
    pub fn tops(&self) -> impl Iterator<Item = &Path> {
        let mut above = self.shared.ancestors();
        let main = above.find(|folder| folder.ends_with(".git"));
        [Some(self.top.as_path()), main.and_then(Path::parent)]
            .into_iter()
            .flatten()
    }

    /// Returns the repository of the nearest `.git` at or above `project`.
    fn around(project: &Path) -> Option<Self> {
        let (git, metadata) = nearest(project, |top| {
            let git = top.join(".git");
            let metadata = fs::metadata(&git).ok()?;
            Some((git, metadata))
        })?;
        let top = git.parent()?.to_owned();
        let shared = if metadata.is_dir() {
            one_spelling(git)
        } else {
            // It is a worktree's file, or a submodule's, which is a repository of its own.
            common_folder(&git).unwrap_or(git)
        };
        Some(Self { top, shared })
    }
}

/// Returns the path in the system's spelling: without links, in the original case.
fn one_spelling(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or(path)
}

/// Returns the common folder of a worktree, whose `.git` is a file (gitrepository-layout(5)).
fn common_folder(file: &Path) -> Option<PathBuf> {
    let text = regular_file::read(file, MAX_GIT_FILE).ok()?;
    let folder = file.parent()?.join(text.strip_prefix("gitdir:")?.trim());
    match regular_file::read(&folder.join("commondir"), MAX_GIT_FILE) {
        Ok(common) => fs::canonicalize(folder.join(common.trim())).ok(),
        Err(_) => Some(one_spelling(folder)),
    }
}

/// Returns the path of a project's own rules.
pub fn project_rules_file(project: &Path) -> PathBuf {
    project.join(".claude").join("bg-run.toml")
}

/// Resolves `path` like the shell in `cwd`: absolute, with a leading `~/`, or relative.
pub fn resolve(cwd: &Path, path: &str) -> PathBuf {
    let home = |rest| Some(environment::home_dir()?.join(rest));
    let in_home = path.strip_prefix("~/").and_then(home);
    in_home.unwrap_or_else(|| cwd.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worktrees_share_their_repository() {
        let repository = |project: &Path| CallSite::of_project(project.to_owned()).repository();
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let main = root.join("main");
        let inside = main.join(".git/worktrees/fix");
        fs::create_dir_all(&inside).unwrap();
        fs::create_dir_all(main.join("src")).unwrap();
        fs::write(inside.join("commondir"), "../..\n").unwrap();
        let worktree = root.join("fix");
        fs::create_dir(&worktree).unwrap();
        let text = format!("gitdir: {}\n", inside.display());
        fs::write(worktree.join(".git"), text).unwrap();
        let common = main.join(".git");
        for project in [&main, &main.join("src"), &worktree] {
            assert_eq!(repository(project), common, "{}", project.display());
        }
        let alone = root.join("alone");
        assert_eq!(repository(&alone), alone);
        fs::create_dir(&alone).unwrap();
        // A link in another case simulates a case-insensitive file system.
        for (folder, spelled, expected) in [
            (&main, "Main", &common),
            (&worktree, "Fix", &common),
            (&alone, "Alone", &alone),
        ] {
            std::os::unix::fs::symlink(folder, root.join(spelled)).unwrap();
            assert_eq!(&repository(&root.join(spelled)), expected, "{spelled}");
        }
    }
}
