//! A table of the places of settings files: which clients read them, and whether bg-run does.

use std::fs;
use std::path::{Path, PathBuf};

use Owner::{Local, Managed, Project, User};
use Reading::{Certain, Possible, Unread};

use crate::folders::CallSite;
use crate::platform::regular_file;
use crate::{environment, folders};

/// The folder of an administrator's files, which override all others.
const MANAGED: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/ClaudeCode"
} else {
    "etc/claude-code"
};

/// The author of a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user, `user` in the client's `--setting-sources`.
    User,
    /// The project's members, `project`.
    Project,
    /// This user for this project, `local`.
    Local,
    /// An administrator. No option excludes these files.
    Managed,
}

/// The weight that bg-run gives to the rules in a place's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Every client reads them.
    Certain,
    /// Only some clients read them. Their ask and deny rules count; their allow rules don't.
    Possible,
    /// bg-run doesn't read them. If one exists, rules may be hidden.
    Unread,
}

/// One or more files that a client may read.
#[derive(Debug)]
pub struct SettingsPlace {
    /// The path, as shown to the user.
    pub name: &'static str,
    /// The first client version that is known to read it, unless all do.
    pub since: Option<&'static str>,
    /// The weight of the rules in its files.
    pub reading: Reading,
    /// The author of its files.
    pub owner: Owner,
    paths: fn(&Roots<'_>) -> Vec<PathBuf>,
}

/// The folders in which the places are searched.
#[derive(Debug, Clone)]
pub struct Roots<'a> {
    /// The place of the call; its project is the folder that the session was started in.
    pub site: &'a CallSite,
    /// The client's own folder.
    pub claude_dir: Option<PathBuf>,
    /// `/`, except in tests.
    pub root: PathBuf,
    /// The name of the user's account, if known.
    pub user: Option<String>,
}

impl<'a> Roots<'a> {
    /// Returns the folders of this machine for a call.
    pub fn of(site: &'a CallSite) -> Self {
        Self {
            site,
            claude_dir: folders::claude_dir(),
            root: PathBuf::from("/"),
            user: environment::user(),
        }
    }

    fn in_claude_dir(&self, name: &str) -> Vec<PathBuf> {
        let folder = self.claude_dir.iter();
        folder.map(|folder| folder.join(name)).collect()
    }

    fn managed(&self, name: &str) -> PathBuf {
        self.root.join(MANAGED).join(name)
    }
}

const fn place(
    name: &'static str,
    since: Option<&'static str>,
    reading: Reading,
    owner: Owner,
    paths: fn(&Roots<'_>) -> Vec<PathBuf>,
) -> SettingsPlace {
    SettingsPlace {
        name,
        since,
        reading,
        owner,
        paths,
    }
}

/// All places; later ones override earlier ones.
#[rustfmt::skip]
pub const PLACES: &[SettingsPlace] = &[
    place("~/.claude/cowork_settings.json", Some("2.1.332"), Possible, User, |roots| roots.in_claude_dir("cowork_settings.json")),
    place("~/.claude/settings.json", None, Certain, User, |roots| roots.in_claude_dir("settings.json")),
    place(".claude/settings.json", None, Certain, Project, |roots| vec![roots.site.project.join(PROJECT)]),
    place(".claude/settings.local.json of the Git top folder and of the main checkout", Some("2.1.260"), Possible, Local, git_folders),
    place(".claude/settings.local.json", None, Certain, Local, |roots| vec![roots.site.project.join(LOCAL)]),
    place("managed-settings.json", None, Certain, Managed, |roots| vec![roots.managed("managed-settings.json")]),
    place("managed-settings.d/*.json", None, Certain, Managed, drop_ins),
    place("~/.claude/remote-settings.json", None, Unread, Managed, |roots| roots.in_claude_dir("remote-settings.json")),
    place("/Library/Managed Preferences/…/com.anthropic.claudecode.plist", None, Unread, Managed, property_lists),
    place("/mnt/c/Program Files/ClaudeCode", None, Unread, Managed, |roots| vec![roots.root.join("mnt/c/Program Files/ClaudeCode")]),
];

/// A project's settings file, relative to the project's folder.
pub(super) const PROJECT: &str = ".claude/settings.json";
/// A user's settings file for one project, relative to the project's folder.
pub(super) const LOCAL: &str = ".claude/settings.local.json";

impl SettingsPlace {
    /// Returns the files of the place, whether they exist or not.
    pub fn paths(&self, roots: &Roots<'_>) -> Vec<PathBuf> {
        (self.paths)(roots)
    }
}

/// Returns the files of all places that bg-run reads; later ones override earlier ones.
pub fn read_files(roots: &Roots<'_>) -> Vec<(&'static SettingsPlace, PathBuf)> {
    let read = PLACES
        .iter()
        .filter(|place| place.reading != Reading::Unread);
    read.flat_map(|place| {
        let paths = place.paths(roots).into_iter();
        paths.map(move |path| (place, path))
    })
    .collect()
}

/// Returns the reason for assuming that something exists at `path`; `None` where nothing does.
pub(super) fn presence(path: &Path) -> Option<String> {
    match fs::symlink_metadata(path) {
        Ok(_) => Some(format!(
            "{} exists and isn't read by bg-run",
            path.display()
        )),
        Err(error) if regular_file::is_missing(&error) => None,
        Err(error) => Some(format!("{} can't be accessed: {error}", path.display())),
    }
}

/// Returns the files of `managed-settings.d`. If its names can't be listed, returns the folder itself: reading it as a file
/// then fails, so its content counts as unknown.
fn drop_ins(roots: &Roots<'_>) -> Vec<PathBuf> {
    let folder = roots.managed("managed-settings.d");
    match fs::read_dir(&folder) {
        Ok(entries) => {
            let paths = entries.flatten().map(|entry| entry.path());
            let mut paths: Vec<PathBuf> = paths
                .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
                .collect();
            paths.sort();
            paths
        }
        Err(error) if regular_file::is_missing(&error) => Vec::new(),
        Err(_) => vec![folder],
    }
}

/// Returns the local settings files of the Git top folder and of the main checkout, except the project's own file,
/// which every client reads.
fn git_folders(roots: &Roots<'_>) -> Vec<PathBuf> {
    let Some(git) = roots.site.git() else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in git.shared.parent().into_iter().chain([&*git.top]) {
        let file = folder.join(LOCAL);
        if folder != roots.site.project && !found.contains(&file) {
            found.push(file);
        }
    }
    found
}

fn property_lists(roots: &Roots<'_>) -> Vec<PathBuf> {
    const NAME: &str = "com.anthropic.claudecode.plist";
    let folder = roots.root.join("Library/Managed Preferences");
    if presence(&folder).is_none() {
        return Vec::new();
    }
    let home = environment::home_dir();
    let home = home.as_ref().and_then(|home| home.file_name()?.to_str());
    let users = roots.user.as_deref().into_iter().chain(home);
    let of_users = users.map(|user| folder.join(user).join(NAME));
    [folder.join(NAME)].into_iter().chain(of_users).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots<'a>(root: &Path, site: &'a CallSite) -> Roots<'a> {
        Roots {
            site,
            claude_dir: Some(root.join("home/.claude")),
            root: root.to_owned(),
            user: Some("ann".to_owned()),
        }
    }

    #[test]
    fn the_top_folder_and_the_main_checkout_have_local_settings() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let inside = root.join("main/.git/worktrees/fix");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("commondir"), "../..\n").unwrap();
        for name in ["main/sub/deep", "fix/sub", "alone/sub"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(
            root.join("fix/.git"),
            format!("gitdir: {}\n", inside.display()),
        )
        .unwrap();
        for (project, wanted) in [
            ("main", &[][..]),
            ("main/sub/deep", &["main"]),
            ("fix", &["main"]),
            ("fix/sub", &["main", "fix"]),
            ("alone/sub", &[]),
        ] {
            let site = CallSite::of_project(root.join(project));
            let found = git_folders(&roots(&root, &site));
            let wanted: Vec<PathBuf> = wanted
                .iter()
                .map(|name| root.join(name).join(LOCAL))
                .collect();
            assert_eq!(found, wanted, "{project}");
        }
    }

    #[test]
    fn an_inaccessible_path_counts_as_present() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(presence(&file).is_some());
        assert_eq!(presence(&file.join("below")), None);
        assert_eq!(presence(&folder.path().join("missing")), None);
        let too_long = folder.path().join("n".repeat(300));
        assert!(presence(&too_long).is_some());
    }
}
