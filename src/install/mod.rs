//! The registration in a settings.json. It is added and removed through a concrete syntax tree, so that everything
//! else in the file stays unchanged.

pub mod editor;
pub mod extracted_hooks;
mod file;
mod file_change;
mod hooks;
mod journal;
pub mod settings_env;
pub mod skill;
pub mod status_line;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};

pub use file::edit_text;
use file::{SettingsFile, on_one_line, split_mark};
pub use file_change::{EnvValues, FileChange};
pub(crate) use hooks::{EVENTS, calls_bg_run, hook_timeout, malformed_events, missing_for_survive};
use journal::Journal;
pub use journal::{
    editor_files, editors_with_extension, forget_extension, record_extension, settings_files,
};

/// Values that an installation writes to a settings file.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// The program to register; `None` for no hooks.
    pub program: Option<&'a Path>,
    /// Whether to register the hooks that `survive` needs, too; `None` leaves them as they are.
    pub survive: Option<bool>,
    /// Values of `env`.
    pub env: &'a EnvValues,
    /// The command for `statusLine`. It replaces one from an earlier installation.
    pub status_line: Option<&'a str>,
    /// Whether to set `statusLine` even if there is none.
    pub adds_status_line: bool,
}

/// A change of a settings file.
#[derive(Debug, Clone, Copy)]
pub enum SettingsChange<'a> {
    /// Registers the program and sets the values.
    Install(Registration<'a>),
    /// Removes the registration of bg-run, also of this program under another name.
    Uninstall(&'a Path),
    /// Adds the settings for task outputs to an editor's file.
    AddToEditor,
    /// Removes the settings for task outputs from an editor's file.
    TakeFromEditor,
}

impl SettingsChange<'_> {
    /// Plans the change without writing anything.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be read or isn't a settings file.
    pub fn plan(self, path: &Path) -> Result<FileChange> {
        let file = SettingsFile::read(path)?;
        let journal = Journal::load(&file.path);
        self.change(&file, journal.as_ref())
    }

    /// Whether the change adds something.
    fn adds(self) -> bool {
        matches!(self, Self::Install(..) | Self::AddToEditor)
    }

    /// Makes the change under a lock on the folder, so that no concurrent change is lost.
    ///
    /// # Errors
    ///
    /// Fails if the change can't be computed or written, or the file has changed meanwhile.
    pub fn carry_out(self, path: &Path) -> Result<FileChange> {
        let path = file::behind_links(path)?;
        let folder = file::folder_of(&path)?;
        let made_folder = !folder.exists();
        if made_folder && !self.adds() {
            return self.plan(&path);
        }
        let _lock = file::lock(folder)?;
        let done = self.carry_out_locked(&path, made_folder);
        if made_folder && done.is_err() {
            // This succeeds only if the folder is empty.
            let _ = fs::remove_dir(folder);
        }
        done
    }

    fn carry_out_locked(self, path: &Path, made_folder: bool) -> Result<FileChange> {
        let file = SettingsFile::read(path)?;
        let journal = Journal::load(&file.path);
        let change = self.change(&file, journal.as_ref())?;
        if change.before != change.after {
            if self.adds() {
                let editor = matches!(self, Self::AddToEditor);
                Journal::write(&change, journal.as_ref(), made_folder, editor)?;
            }
            file.replace(change.after.as_deref())?;
        }
        if !self.adds() {
            Journal::forget(path, journal.is_some_and(|journal| journal.made_folder));
        }
        Ok(change)
    }

    fn change(self, file: &SettingsFile, journal: Option<&Journal>) -> Result<FileChange> {
        let origin = self.origin(file, journal)?;
        let mut env = journal.map_or_else(EnvValues::new, |journal| journal.env.clone());
        let extracted = journal.map_or_else(Vec::new, |journal| journal.extracted.clone());
        let mut status_line = journal.and_then(|journal| journal.status_line.clone());
        let after = match (self, &file.text) {
            (Self::Install(wanted), _) => {
                let program = wanted.program.map(as_text).transpose()?;
                let earlier = env.clone();
                Some(file.edited(|path, text, root| {
                    if let Some(program) = program {
                        hooks::add(path, text, root, (program, wanted.survive))?;
                    }
                    env = settings_env::add(path, text, root, wanted.env, &earlier)?;
                    if let Some(command) = wanted.status_line {
                        let set = (command, wanted.adds_status_line);
                        let ours = status_line.take();
                        status_line = status_line::add((path, text), root, set, ours.as_deref())?;
                    }
                    Ok(())
                })?)
            }
            (Self::AddToEditor, _) => Some(file.edited(|path, _, root| {
                editor::add(root).map_err(|what| {
                    anyhow!(
                        "{}: {what} is not an object; nothing was changed. Fix it and try again",
                        path.display()
                    )
                })
            })?),
            (_, None) => None,
            (_, Some(_)) => origin.clone(),
        };
        Ok(FileChange {
            path: file.path.clone(),
            before: file.text.clone(),
            after,
            env,
            status_line,
            extracted,
            origin,
        })
    }

    /// Returns the file's text without bg-run's entries: exactly the original if nobody changed it since, otherwise
    /// with the changes of others.
    fn origin(self, file: &SettingsFile, journal: Option<&Journal>) -> Result<Option<String>> {
        let Some(text) = &file.text else {
            return Ok(None);
        };
        if let Some(journal) = journal.filter(|journal| journal.after == *text) {
            return Ok(journal.before.clone());
        }
        let program = match self {
            Self::Install(wanted) => {
                let program = wanted.program.map(as_text).transpose()?;
                program.unwrap_or_default()
            }
            Self::Uninstall(program) => as_text(program)?,
            Self::AddToEditor | Self::TakeFromEditor => {
                let (mark, text) = split_mark(text);
                let root = file::parse(&file.path, text)?;
                editor::take_out(&root);
                return Ok(Some(format!("{mark}{root}")));
            }
        };
        without_hooks(file, text, journal, program).map(Some)
    }
}

fn as_text(program: &Path) -> Result<&str> {
    program.to_str().with_context(|| {
        format!(
            "{} is not UTF-8, which settings.json needs; move bg-run",
            program.display()
        )
    })
}

/// Returns the text without bg-run's registration, if others changed it since.
fn without_hooks(
    file: &SettingsFile,
    given: &str,
    journal: Option<&Journal>,
    program: &str,
) -> Result<String> {
    let (mark, text) = split_mark(given);
    let root = file::parse(&file.path, text)?;
    let earlier = journal.and_then(|journal| journal.before.as_deref());
    hooks::take_out(&root, &hooks::hooks_before(earlier), program);
    if let Some(journal) = journal {
        settings_env::take_out(&root, &journal.env, !hooks::has_property(earlier, "env"));
        extracted_hooks::put_back(&root, &journal.extracted);
    }
    // Without a journal, an entry is bg-run's if it names this very program.
    let own = || status_line::command(Path::new(program));
    let status_line = journal.map_or_else(own, |journal| journal.status_line.clone());
    status_line::take_out(&root, status_line.as_deref());
    let mut taken_out = format!("{mark}{root}");
    if journal.is_some_and(|journal| journal.has_added_line_breaks(given)) {
        taken_out = on_one_line(&taken_out);
    }
    let undone = journal.and_then(|journal| journal.undo(given));
    Ok(undone
        .filter(|undone| hooks::has_same_content(undone, &taken_out))
        .unwrap_or(taken_out))
}
