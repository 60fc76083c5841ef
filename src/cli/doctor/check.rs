//! The result of one check.

use serde::Serialize;

/// The result of a check in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckState {
    /// Everything that was checked works.
    Ok,
    /// Something is missing, but bg-run moves calls.
    Warning,
    /// bg-run can't move calls, or work would be lost.
    Failure,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: CheckState,
    #[serde(rename = "says")]
    pub(super) message: String,
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            state: CheckState::Ok,
            message: message.into(),
            fix: None,
        }
    }

    pub(super) fn warning(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            state: CheckState::Warning,
            fix: Some(fix.into()),
            ..Self::ok(name, message)
        }
    }

    pub(super) fn failure(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            state: CheckState::Failure,
            ..Self::warning(name, message, fix)
        }
    }
}
