//! A settings file before and after a change.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::extracted_hooks::ExtractedHook;

/// Values of the settings' `env` by name.
pub type EnvValues = BTreeMap<String, String>;

/// A settings file before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Path of the file with links resolved.
    pub path: PathBuf,
    /// Text before; `None` if there is no file.
    pub before: Option<String>,
    /// Text afterwards; `None` if the file is removed.
    pub after: Option<String>,
    /// bg-run's values in `env` afterwards.
    pub env: EnvValues,
    /// bg-run's command in `statusLine` afterwards, if any.
    pub status_line: Option<String>,
    /// Hooks that an earlier version moved to `chain`.
    pub extracted: Vec<ExtractedHook>,
    /// The text without bg-run's entries.
    pub(super) origin: Option<String>,
}
