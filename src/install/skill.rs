//! The folder `skills/bg-run` in Claude Code's configuration: the skill, and the module that draws live output.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::journal;
use crate::folders;
use crate::platform::regular_file;
use crate::state::{self, Folder, Kind, fingerprint, hashed_name};

/// Packs one file of the folder.
macro_rules! packed {
    ($name:literal) => {
        ($name, include_str!(concat!("../../skills/bg-run/", $name)))
    };
}

/// The files, unchanged from the repository. The plugin contains the same ones.
const FILES: [(&str, &str); 6] = [
    packed!("SKILL.md"),
    packed!("README.md"),
    packed!(".claude-plugin/plugin.json"),
    packed!("hooks/hooks.json"),
    packed!("hooks/state.d.ts"),
    packed!("hooks/view.tsx"),
];

/// The file that contains the program's path. The plugin's copy has no path.
const PROGRAM: &str = "hooks/program.ts";

/// The state of the folder on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkillState {
    /// There is no such folder.
    Missing,
    /// The files equal those that this version writes.
    Current,
    /// An earlier version wrote the files, or they name another program path.
    Outdated,
    /// bg-run wrote the folder, and these files have been changed since.
    Changed(Vec<PathBuf>),
    /// bg-run didn't write the folder.
    Foreign,
}

/// The folder, and the text of each file for one program.
#[derive(Debug)]
pub struct SkillFolder {
    path: PathBuf,
    files: BTreeMap<&'static str, String>,
}

/// The journal of a folder that bg-run wrote.
#[derive(Debug, Serialize, Deserialize)]
struct SkillJournal {
    skill_folder: PathBuf,
    /// A hash of each file's text.
    files: BTreeMap<String, String>,
    /// Whether bg-run created `skills` too.
    made_parent: bool,
}

impl SkillFolder {
    /// Returns the folder of this user for `program`; `None` if there is no home folder or the path isn't UTF-8.
    pub fn new(program: &Path) -> Option<Self> {
        let path = folders::claude_dir()?.join("skills").join("bg-run");
        let program = serde_json::to_string(program.to_str()?).ok()?;
        let module = format!(
            "/** The program's path, as `bg-run install` found it. */\nexport const PROGRAM = {program}\n"
        );
        let mut files: BTreeMap<_, _> = FILES
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect();
        files.insert(PROGRAM, module);
        Some(Self { path, files })
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the folder with the files that this version writes and that an earlier version wrote.
    pub fn state(&self) -> SkillState {
        if self.path.symlink_metadata().is_err() {
            return SkillState::Missing;
        }
        if !is_real_folder(&self.path) {
            return SkillState::Foreign;
        }
        let is_current =
            |name: &str, text: &str| self.files.get(name).is_some_and(|own| own == text);
        let journal = SkillJournal::load(&self.path);
        let names = self.names(journal.as_ref());
        let found: Vec<(String, Option<String>)> = names
            .into_iter()
            .map(|name| {
                let text = read(&self.path.join(&name));
                (name, text)
            })
            .collect();
        if self.files.iter().all(|(name, own)| {
            found
                .iter()
                .any(|(found, text)| found == name && text.as_ref() == Some(own))
        }) {
            return SkillState::Current;
        }
        let Some(journal) = journal else {
            // An interrupted write leaves only files of bg-run.
            let present = found
                .iter()
                .filter_map(|(name, text)| Some((name, text.as_ref()?)));
            let is_ours = present.clone().count() > 0
                && present
                    .into_iter()
                    .all(|(name, text)| is_current(name, text))
                && self.others().is_empty();
            return if is_ours {
                SkillState::Outdated
            } else {
                SkillState::Foreign
            };
        };
        let changed: Vec<PathBuf> = found
            .iter()
            .filter(|(name, text)| {
                let text = text.as_deref().unwrap_or_default();
                journal.files.get(name) != Some(&fingerprint(text.as_bytes()))
                    && !is_current(name, text)
            })
            .filter(|(name, _)| journal.files.contains_key(name) || self.path.join(name).exists())
            .map(|(name, _)| self.path.join(name))
            .collect();
        if changed.is_empty() {
            SkillState::Outdated
        } else {
            SkillState::Changed(changed)
        }
    }

    /// Writes the folder if it is missing, or bg-run wrote it and it is unchanged. Returns the previous state.
    ///
    /// # Errors
    ///
    /// Fails if a file can't be written.
    pub fn write(&self) -> Result<SkillState> {
        let state = self.state();
        if !matches!(state, SkillState::Missing | SkillState::Outdated) {
            return Ok(state);
        }
        let earlier = SkillJournal::load(&self.path);
        let parent = self.path.parent();
        let made_parent = earlier.as_ref().map_or_else(
            || parent.is_some_and(|parent| !parent.exists()),
            |earlier| earlier.made_parent,
        );
        for (name, text) in &self.files {
            let path = self.path.join(name);
            replace(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
        }
        let left_over = earlier.iter().flat_map(|earlier| earlier.files.keys());
        for name in left_over.filter(|name| !self.files.contains_key(name.as_str())) {
            let _ = fs::remove_file(self.path.join(name));
        }
        SkillJournal {
            skill_folder: self.path.clone(),
            files: self
                .files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), fingerprint(text.as_bytes())))
                .collect(),
            made_parent,
        }
        .store()?;
        Ok(state)
    }

    /// Removes the files that bg-run wrote, and the folders if they become empty. A changed or foreign folder stays.
    /// Returns the previous state.
    ///
    /// # Errors
    ///
    /// Fails if a file can't be removed.
    pub fn remove(&self) -> Result<SkillState> {
        let journal = SkillJournal::load(&self.path);
        let state = self.state();
        if matches!(state, SkillState::Current | SkillState::Outdated) {
            for name in self.names(journal.as_ref()) {
                let path = self.path.join(&name);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error)
                            .with_context(|| format!("{} can't be removed", path.display()));
                    }
                    _ => {}
                }
                // This fails unless the folder is empty.
                let _ = path.parent().map(fs::remove_dir);
            }
            let _ = fs::remove_dir(&self.path);
            if journal.is_some_and(|journal| journal.made_parent) {
                let _ = self.path.parent().map(fs::remove_dir);
            }
        }
        journal::forget(&self.path);
        Ok(state)
    }

    /// Returns the names of all of bg-run's files, from this version and the one that wrote the folder.
    fn names(&self, journal: Option<&SkillJournal>) -> Vec<String> {
        let earlier = journal.iter().flat_map(|journal| journal.files.keys());
        let mut names: Vec<String> = earlier.filter(|name| is_inside(name)).cloned().collect();
        names.extend(self.files.keys().map(|name| (*name).to_owned()));
        names.sort();
        names.dedup();
        names
    }

    /// Returns files in the folder that this version doesn't write.
    pub fn others(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.path.clone()];
        let mut others = Vec::new();
        while let Some(folder) = folders.pop() {
            let entries: Vec<DirEntry> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .collect();
            for path in entries.iter().map(DirEntry::path) {
                if is_real_folder(&path) {
                    folders.push(path);
                } else if !self.files.keys().any(|name| self.path.join(name) == path) {
                    others.push(path);
                }
            }
        }
        others
    }
}

impl SkillJournal {
    fn load(path: &Path) -> Option<Self> {
        let folder = Folder::open(Kind::Registrations).ok()?;
        serde_json::from_slice(&folder.read(&hashed_name(path)).ok()?).ok()
    }

    fn store(&self) -> Result<()> {
        if state::dir().is_none() {
            return Ok(());
        }
        let text = serde_json::to_vec(self)?;
        Folder::make(Kind::Registrations)
            .and_then(|folder| folder.replace(&hashed_name(&self.skill_folder), &[&text]))
            .context("the state folder can't be written")
    }
}

/// Maximum size in bytes of a file in the folder.
const MAX_SIZE: u64 = 1024 * 1024;

fn read(path: &Path) -> Option<String> {
    regular_file::read(path, MAX_SIZE).ok()
}

fn is_real_folder(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir())
}

/// Whether a journal's path is below the folder.
fn is_inside(name: &str) -> bool {
    Path::new(name)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Replaces the file as a whole.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut part, text.as_bytes())?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    part.as_file().set_permissions(readable)?;
    part.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_packed_but_its_tests_and_the_icon_of_directories() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("skills/bg-run");
        let mut files: BTreeMap<_, _> = FILES
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect();
        files.insert(PROGRAM, String::new());
        let folder = SkillFolder {
            path: root.clone(),
            files,
        };
        let others = folder.others();
        let left: Vec<_> = others
            .iter()
            .filter(|path| !path.starts_with(root.join("tests")) && !path.ends_with("icon.png"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn the_skill_has_the_program_s_version_and_only_modules() {
        let text = |wanted: &str| FILES.iter().find(|(name, _)| *name == wanted).unwrap().1;
        let manifest: serde_json::Value =
            serde_json::from_str(text(".claude-plugin/plugin.json")).unwrap();
        assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
        let hooks: serde_json::Value = serde_json::from_str(text("hooks/hooks.json")).unwrap();
        // A second set of hooks would run everything twice.
        assert!(hooks.get("hooks").is_none());
        assert_eq!(hooks["modules"][0], "./view.tsx");
    }
}
