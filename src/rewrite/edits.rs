//! The kinds of edit, and the edits that are planned or left out.

use serde::Serialize;

use crate::shell::Edit;

/// A kind of edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditKind {
    /// Removes `BG_RUN=on` or `BG_RUN=off`.
    TakeOutMarker,
    /// Inserts `PYTHONUNBUFFERED=1` in front.
    UnbufferedVariable,
    /// Inserts `-u` after the Python interpreter.
    UnbufferedOption,
    /// Inserts the option with which a filter prints line by line.
    LineBuffered,
    /// Inserts `stdbuf -oL` in front of a filter without such an option.
    Stdbuf,
    /// Appends `2>&1`.
    JoinStderr,
    /// Removes a final `| tail`.
    DropTail,
}

impl EditKind {
    /// Returns the edit's name, as shown to the user.
    pub fn name(self) -> &'static str {
        match self {
            Self::TakeOutMarker => "BG_RUN=…",
            Self::UnbufferedVariable => "PYTHONUNBUFFERED=1",
            Self::UnbufferedOption => "-u",
            Self::LineBuffered => "line by line",
            Self::Stdbuf => "stdbuf -oL",
            Self::JoinStderr => "2>&1",
            Self::DropTail => "| tail",
        }
    }

    /// Returns the purpose of the edit, as shown to the user.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::TakeOutMarker => "an instruction to bg-run; the shell doesn't see it",
            Self::UnbufferedVariable | Self::UnbufferedOption => "Python prints at once",
            Self::LineBuffered | Self::Stdbuf => "it prints line by line",
            Self::JoinStderr => "errors go into the output, too",
            Self::DropTail => {
                "it would hold all output back until the end; read the end of the file instead"
            }
        }
    }
}

/// An edit with its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedEdit {
    /// The kind.
    pub kind: EditKind,
    /// The edit.
    pub edit: Edit,
}

/// An edit that isn't made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The kind.
    pub kind: EditKind,
    /// The reason.
    pub why: String,
}

/// The reason for making no edit if comparing the rules would take too long.
pub(super) const TOO_MUCH: &str =
    "comparing the permission rules with this command would take too long";

/// Whether a comment follows on the same line. Clients ask about a redirection right before one (measured, 2.1.200 to
/// 2.1.331).
pub(super) fn comment_follows(source: &str, end: usize) -> bool {
    let rest = source.get(end..).unwrap_or_default();
    rest.trim_start_matches([' ', '\t']).starts_with('#')
}
