//! The journal of a settings file. It contains the text before the registration, which `uninstall` restores if nothing
//! else changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::extracted_hooks::ExtractedHook;
use super::file_change::{EnvValues, FileChange};
use crate::folders;
use crate::state::{self, Folder, Kind, hashed_name};

/// The journal of one settings file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) before: Option<String>,
    pub(super) after: String,
    pub(super) made_folder: bool,
    /// Values that were added to `env`.
    #[serde(default)]
    pub(super) env: EnvValues,
    /// The command that was set as `statusLine`, if any.
    #[serde(default)]
    pub(super) status_line: Option<String>,
    /// Hooks of other tools that an earlier version moved to `chain`.
    #[serde(default, rename = "moved")]
    pub(super) extracted: Vec<ExtractedHook>,
    /// The file's path, if it is an editor's.
    #[serde(default)]
    editor: Option<PathBuf>,
    /// The file's path, if it is one of the client's.
    #[serde(default)]
    settings: Option<PathBuf>,
}

/// An editor in which the extension was installed.
#[derive(Debug, Serialize, Deserialize)]
struct WithExtension {
    extension_by: PathBuf,
}

/// Maximum number of journals that are read.
const MAX_JOURNALS: usize = 1000;

/// Returns the editors' settings files to which bg-run added something.
pub fn editor_files() -> Vec<PathBuf> {
    all::<Journal>()
        .filter_map(|journal| journal.editor)
        .collect()
}

/// Returns the client's settings files in which bg-run is registered.
pub fn settings_files() -> Vec<PathBuf> {
    all::<Journal>()
        .filter_map(|journal| journal.settings)
        .collect()
}

/// Returns the commands of the editors in which the extension was installed.
pub fn editors_with_extension() -> Vec<PathBuf> {
    all::<WithExtension>()
        .map(|editor| editor.extension_by)
        .collect()
}

/// Reads all records of this type.
fn all<T: DeserializeOwned>() -> impl Iterator<Item = T> {
    let folder = Folder::open(Kind::Registrations).ok();
    let names = folder.as_ref().map(|folder| folder.names(MAX_JOURNALS));
    let names = names.unwrap_or_default().into_iter();
    names.filter_map(move |name| serde_json::from_slice(&folder.as_ref()?.read(&name).ok()?).ok())
}

/// Records that this command of an editor installed the extension.
///
/// # Errors
///
/// Fails if the state folder can't be written.
pub fn record_extension(command: &Path) -> Result<()> {
    let extension_by = command.to_owned();
    let text = serde_json::to_vec(&WithExtension { extension_by })?;
    Folder::make(Kind::Registrations)
        .and_then(|folder| folder.replace(&hashed_name(command), &[&text]))
        .context("the state folder can't be written")
}

/// Removes the record of this editor.
pub fn forget_extension(command: &Path) {
    forget(command);
}

/// Removes the journal of this path.
pub(super) fn forget(path: &Path) {
    Journal::forget(path, false);
}

impl Journal {
    pub(super) fn load(settings: &Path) -> Option<Self> {
        let folder = Folder::open(Kind::Registrations).ok()?;
        serde_json::from_slice(&folder.read(&hashed_name(settings)).ok()?).ok()
    }

    /// Removes exactly the inserted text, if it is still unchanged. Other people's changes around it stay as they are.
    pub(super) fn undo(&self, text: &str) -> Option<String> {
        let before = self.before.as_deref()?;
        let same = |(one, other): &(char, char)| one == other;
        let head: usize = before
            .chars()
            .zip(self.after.chars())
            .take_while(same)
            .map(|(c, _)| c.len_utf8())
            .sum();
        let (old, new) = (before.get(head..)?, self.after.get(head..)?);
        let tail: usize = old
            .chars()
            .rev()
            .zip(new.chars().rev())
            .take_while(same)
            .map(|(c, _)| c.len_utf8())
            .sum();
        let (old, new) = (old.get(..old.len() - tail)?, new.get(..new.len() - tail)?);
        (text.matches(new).count() == 1).then(|| text.replacen(new, old, 1))
    }

    /// Whether `text` still has the line breaks that the registration added to a one-line file. `false` if `text` has
    /// comments, which can't be joined to one line.
    pub(super) fn has_added_line_breaks(&self, text: &str) -> bool {
        let was_one_line = self
            .before
            .as_ref()
            .is_some_and(|before| !before.trim_end().contains('\n'));
        let mut ours = self.after.lines().filter(|line| line.contains("\"args\""));
        let has_comments = text.contains("//") || text.contains("/*");
        was_one_line && !has_comments && ours.all(|line| text.lines().any(|other| other == line))
    }

    /// Writes the journal before the change itself. Without it, the change couldn't be undone exactly.
    pub(super) fn write(
        change: &FileChange,
        earlier: Option<&Self>,
        made_folder: bool,
        editor: bool,
    ) -> Result<()> {
        let (Some(after), Some(_)) = (&change.after, state::dir()) else {
            return Ok(());
        };
        let untouched = earlier.filter(|earlier| change.before.as_ref() == Some(&earlier.after));
        let journal = Self {
            before: change.origin.clone(),
            after: after.clone(),
            made_folder: untouched.map_or(made_folder, |earlier| earlier.made_folder),
            env: change.env.clone(),
            status_line: change.status_line.clone(),
            extracted: change.extracted.clone(),
            editor: editor.then(|| change.path.clone()),
            settings: (!editor).then(|| change.path.clone()),
        };
        let text = serde_json::to_vec(&journal)?;
        // Another uninstall may remove the folder in between.
        let mut written = Ok(());
        for _ in 0..10 {
            written = Folder::make(Kind::Registrations)
                .and_then(|folder| folder.replace(&hashed_name(&change.path), &[&text]));
            if written.is_ok() {
                break;
            }
        }
        written.with_context(|| {
            let dir = state::dir().unwrap_or_default();
            format!(
                "bg-run can't write its own folder {}; nothing was changed. Fix the folder, or set BG_RUN_STATE_DIR to another one",
                dir.display()
            )
        })
    }

    /// Removes the journal and empty folders. A remaining folder does no harm.
    pub(super) fn forget(settings: &Path, made_folder: bool) {
        if let Ok(folder) = Folder::open(Kind::Registrations) {
            folder.remove(&hashed_name(settings));
        }
        if made_folder && let Some(folder) = settings.parent() {
            let _ = fs::remove_dir(folder);
        }
        if let Some(state) = state::dir() {
            let _ = fs::remove_dir(state.join(Kind::Registrations.name()));
            folders::remove_own(&state);
        }
    }
}
