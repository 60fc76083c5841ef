//! A settings file that is read, edited as a syntax tree, and replaced as a whole.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;

use super::file_change::{EnvValues, FileChange};
use crate::claude::settings_file::locate;
use crate::platform::regular_file;

/// Maximum size in bytes of a settings file that is edited.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// Maximum number of links that are followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// A settings file with its current content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SettingsFile {
    /// The path with links resolved, including dangling ones.
    pub(super) path: PathBuf,
    /// The current text; `None` if there is no file.
    pub(super) text: Option<String>,
}

impl SettingsFile {
    /// Reads the file. A missing file isn't an error.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let path = behind_links(path)?;
        let text = match regular_file::read(&path, MAX_SIZE) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{} can't be read; nothing was changed", path.display())
                });
            }
        };
        Ok(Self { path, text })
    }

    /// Returns the text after `edit`, which gets the path, the text and the tree.
    pub(super) fn edited(
        &self,
        edit: impl FnOnce(&Path, &str, &CstRootNode) -> Result<()>,
    ) -> Result<String> {
        let (mark, text) = split_mark(self.text.as_deref().unwrap_or_default());
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        let root = parse(&self.path, text)?;
        edit(&self.path, text, &root)?;
        Ok(format!("{mark}{root}"))
    }

    /// Replaces the file's text by `after`; `None` removes the file. A temporary file is renamed into place, so that
    /// the file is always complete. Mode, owner and links stay. The caller holds the folder's lock.
    pub(super) fn replace(&self, after: Option<&str>) -> Result<()> {
        let path = &self.path;
        let why = || format!("{} can't be written", path.display());
        let folder = path.parent().with_context(why)?;
        let Some(text) = after else {
            return fs::remove_file(path).with_context(why);
        };
        let part = folder.join(part_name(path));
        // A killed process may have left this file.
        let _ = fs::remove_file(&part);
        let written = self
            .write_part(&part, text)
            .and_then(|()| fs::rename(&part, path).with_context(why));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .with_context(why)
    }

    fn write_part(&self, part: &Path, text: &str) -> Result<()> {
        let why = || format!("{} can't be written", part.display());
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(part).with_context(why)?;
        let permissions = match fs::metadata(&self.path) {
            Ok(metadata) => {
                let own = file.metadata().with_context(why)?;
                if own.uid() != metadata.uid() {
                    fchown(&file, Some(metadata.uid()), None).with_context(why)?;
                }
                if own.gid() != metadata.gid() {
                    // Only members of the group may do this. The owner can read the file anyway.
                    let _ = fchown(&file, None, Some(metadata.gid()));
                }
                metadata.permissions()
            }
            Err(_) => Permissions::from_mode(0o644),
        };
        file.set_permissions(permissions).with_context(why)?;
        file.write_all(text.as_bytes()).with_context(why)?;
        file.sync_all().with_context(why)?;
        if Self::read(&self.path)?.text != self.text {
            bail!(
                "{} changed meanwhile; nothing was written, try again",
                self.path.display()
            );
        }
        Ok(())
    }
}

pub(super) fn folder_of(path: &Path) -> Result<&Path> {
    path.parent()
        .with_context(|| format!("{} can't be written", path.display()))
}

/// Locks `folder`, creating it if missing. The lock lasts until the returned file is dropped.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let why = || format!("{} can't be written", folder.display());
    fs::create_dir_all(folder).with_context(why)?;
    let lock = File::open(folder).with_context(why)?;
    lock.lock()
        .with_context(|| format!("{} can't be locked", folder.display()))?;
    Ok(lock)
}

/// Replaces a file's text by the result of `edit`, which gets its path and text; `None` removes the file.
///
/// # Errors
///
/// Fails if `edit` fails, or the file can't be read, can't be written, or has changed meanwhile.
pub fn edit_text(
    path: &Path,
    edit: impl FnOnce(&Path, &str) -> Result<Option<String>>,
) -> Result<FileChange> {
    let path = behind_links(path)?;
    let _lock = lock(folder_of(&path)?)?;
    let file = SettingsFile::read(&path)?;
    let after = edit(&path, file.text.as_deref().unwrap_or_default())?;
    if file.text != after {
        file.replace(after.as_deref())?;
    }
    Ok(FileChange {
        path,
        before: file.text,
        after,
        env: EnvValues::new(),
        status_line: None,
        extracted: Vec::new(),
        origin: None,
    })
}

/// Returns the temporary file's name. It is always the same because only the lock's holder writes it, so the next
/// write replaces the remains of a killed process.
fn part_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.bg-run")
}

/// Returns the target of `path`. Behind a dangling link, it is the path where the file will be created.
pub(super) fn behind_links(path: &Path) -> Result<PathBuf> {
    let mut path = std::path::absolute(path)?;
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            return Ok(without_links(&path));
        };
        path = match path.parent() {
            Some(folder) => folder.join(target),
            None => target,
        };
    }
    bail!("{} is a link that leads to itself", path.display())
}

/// Resolves links among the folders of `path`, even if some of them don't exist yet. Installing and uninstalling must
/// find the same path.
fn without_links(path: &Path) -> PathBuf {
    let mut folders = path.ancestors();
    let found = folders.find_map(|above| Some((fs::canonicalize(above).ok()?, above)));
    match found {
        Some((real, above)) if above == path => real,
        Some((real, above)) => real.join(path.strip_prefix(above).unwrap_or(path)),
        None => path.to_owned(),
    }
}

/// Splits off a byte order mark.
pub(super) fn split_mark(text: &str) -> (&str, &str) {
    text.strip_prefix('\u{feff}')
        .map_or(("", text), |rest| ("\u{feff}", rest))
}

/// Joins the text to one line, except for a final newline. Other white space outside strings becomes at most one
/// blank.
pub(super) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let (mut in_string, mut escaped, mut pending) = (false, false, false);
    for c in text.trim_end().chars() {
        if !in_string && c.is_whitespace() {
            pending = true;
            continue;
        }
        let opened = line.ends_with(['{', '[']) || line.is_empty();
        if std::mem::take(&mut pending) && !in_string && !opened && !matches!(c, '}' | ']' | ',') {
            line.push(' ');
        }
        line.push(c);
        match c {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    if text.ends_with('\n') {
        line.push('\n');
    }
    line
}

pub(super) fn parse(path: &Path, text: &str) -> Result<CstRootNode> {
    // Reject whatever a JSON parser rejects: without a comma, a value would run into the next one.
    let options = ParseOptions {
        allow_missing_commas: false,
        ..ParseOptions::default()
    };
    CstRootNode::parse(text, &options).map_err(|error| {
        anyhow!(
            "{}: {error}; nothing was changed; fix the file and try again",
            path.display()
        )
    })
}

pub(super) fn wrong_shape(path: &Path, text: &str, keys: &[&str], expected: &str) -> String {
    let place = locate(text, keys)
        .map(|(line, column)| format!(":{line}:{column}"))
        .unwrap_or_default();
    let what = if keys.is_empty() {
        "the file".to_owned()
    } else {
        format!("`{}`", keys.join("."))
    };
    format!(
        "{}{place}: {what} is not {expected}, as Claude Code expects; nothing was changed. Fix it and try again",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "{}").unwrap();
        let file = SettingsFile::read(&path).unwrap();
        fs::write(&path, "{\"a\": 1}").unwrap();
        let error = file.replace(Some("{\"b\": 2}")).unwrap_err().to_string();
        assert!(error.contains("changed meanwhile"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\": 1}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
