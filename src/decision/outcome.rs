//! The outcome for a call.

use serde::Serialize;

use crate::history::Expectation;
use crate::programs::CommandForms;

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

/// The result of the gates, before any edit.
pub(super) struct GateResult {
    pub(super) outcome: Outcome,
    pub(super) rule: Option<String>,
    pub(super) reason: String,
    /// The long-running simple commands.
    pub(super) targets: Vec<usize>,
    /// The forms of each simple command, of a call that goes to the background.
    pub(super) forms: Vec<CommandForms>,
    pub(super) expected: Option<Expectation>,
}

impl GateResult {
    /// Creates a result without a rule.
    pub(super) fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            rule: None,
            reason: reason.into(),
            targets: Vec::new(),
            forms: Vec::new(),
            expected: None,
        }
    }
}
