//! The outcome for a call, before any edit.

use serde::Serialize;

use crate::history::Expectation;
use crate::programs::Views;

/// The place where a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// In the background, with the edits.
    Background,
    /// In the foreground, because a rule or the call says so.
    Foreground,
    /// Unchanged, because nothing here concerns bg-run.
    Pass,
}

/// The outcome of the gates, before any edit.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) rule: Option<String>,
    pub(super) reason: String,
    /// The long-running simple commands.
    pub(super) targets: Vec<usize>,
    /// The views of each simple command, of a call that goes to the background.
    pub(super) views: Vec<Views>,
    pub(super) expected: Option<Expectation>,
}

/// Returns a verdict without a rule.
pub(super) fn verdict(outcome: Outcome, reason: impl Into<String>) -> Verdict {
    Verdict {
        outcome,
        rule: None,
        reason: reason.into(),
        targets: Vec::new(),
        views: Vec::new(),
        expected: None,
    }
}
