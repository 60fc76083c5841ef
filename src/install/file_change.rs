//! A settings file before and after a change.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::extracted_hooks::ExtractedHook;

/// Values of the settings' `env` by name.
pub type Values = BTreeMap<String, String>;

/// A settings file before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Path of the file with links resolved.
    pub path: PathBuf,
    /// Text before; `None` if there is no file.
    pub before: Option<String>,
    /// Text afterwards; `None` if the file is removed.
    pub after: Option<String>,
    /// Our values in `env` afterwards.
    pub env: Values,
    /// Our command in `statusLine` afterwards, if any.
    pub status_line: Option<String>,
    /// Hooks that an earlier version moved to `chain`.
    pub extracted: Vec<ExtractedHook>,
    /// The text without anything of ours.
    pub(super) origin: Option<String>,
}
