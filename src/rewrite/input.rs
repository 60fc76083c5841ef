//! The input of a rewrite: the command, and facts besides it.

use crate::claude::permissions::PermissionRules;
use crate::claude::session::UnbufferedSource;
use crate::programs::{Tools, Views};
use crate::shell::{Script, Span};

/// The input of a rewrite.
#[derive(Debug, Clone, Copy)]
pub struct RewriteInput<'a> {
    /// The original command.
    pub source: &'a str,
    /// The parsed command.
    pub script: &'a Script,
    /// The `BG_RUN=…` markers to remove, each with the blank after it.
    pub markers: &'a [Span],
}

/// A set of allowed edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditSet {
    /// All edits that show output as it comes.
    All,
    /// Only edits against buffering. Each stream keeps its destination.
    Unbuffered,
}

/// Facts that the plan needs besides the command.
#[derive(Clone, Copy)]
pub struct RewriteContext<'a> {
    /// The allowed edits.
    pub wanted: EditSet,
    /// The user's permission rules.
    pub permissions: &'a PermissionRules,
    /// The place that already sets `PYTHONUNBUFFERED`.
    pub python_unbuffered: Option<UnbufferedSource>,
    /// The views of each simple command.
    pub views: &'a [Views],
    /// The programs of this machine; asked only about those that an edit depends on.
    pub tools: &'a dyn Tools,
}
