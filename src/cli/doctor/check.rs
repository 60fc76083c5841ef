//! The result of one check.

use serde::Serialize;

/// The result of a check in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It works.
    Ok,
    /// Something is missing, but the main job works.
    Warning,
    /// The main job can't work, or work would be lost.
    Failure,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) says: String,
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Ok,
            says: says.into(),
            fix: None,
        }
    }

    pub(super) fn warning(
        name: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Warning,
            fix: Some(fix.into()),
            ..Self::ok(name, says)
        }
    }

    pub(super) fn failure(
        name: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failure,
            ..Self::warning(name, says, fix)
        }
    }
}
