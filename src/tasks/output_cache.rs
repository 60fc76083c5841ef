//! A cache of the end of a task's output, which is read once.

use std::sync::OnceLock;

use crate::claude::OutputEnd;

/// A cache of the last lines of a task's output, which are read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputCache {
    output: Option<OutputEnd>,
    lines: OnceLock<Vec<String>>,
}

impl OutputCache {
    /// Creates the cache from the end of the output, if that was read.
    pub fn of(output: Option<OutputEnd>) -> Self {
        Self {
            output,
            lines: OnceLock::new(),
        }
    }

    /// Returns the lines that `read` finds, given the end of the output if known. `read` is called once.
    pub fn lines(&self, read: impl FnOnce(Option<&OutputEnd>) -> Vec<String>) -> &[String] {
        self.lines.get_or_init(|| read(self.output.as_ref()))
    }
}
