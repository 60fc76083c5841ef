//! What was read of a task's output already.

use std::sync::OnceLock;

use crate::claude::OutputEnd;

/// What a task wrote last, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastOutput {
    output: Option<OutputEnd>,
    lines: OnceLock<Vec<String>>,
}

impl LastOutput {
    /// What is known from the end of its output, where that was read.
    pub fn of(output: Option<OutputEnd>) -> Self {
        Self {
            output,
            lines: OnceLock::new(),
        }
    }

    /// The lines that `read` finds, with the end of the output where that is known; they are read once.
    pub fn lines(&self, read: impl FnOnce(Option<&OutputEnd>) -> Vec<String>) -> &[String] {
        self.lines.get_or_init(|| read(self.output.as_ref()))
    }
}
