//! The input of a rewrite: the command and its context.

use crate::claude::permissions::PermissionRules;
use crate::claude::session::UnbufferedSource;
use crate::programs::{CommandForms, Tools};
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
    /// All edits: against buffering, for errors, and of a final `tail`.
    All,
    /// Only edits against buffering. Each stream keeps its destination.
    Unbuffered,
}

/// The context of a rewrite: the facts besides the command.
#[derive(Clone, Copy)]
pub struct RewriteContext<'a> {
    /// The allowed edits.
    pub wanted: EditSet,
    /// The user's permission rules.
    pub permissions: &'a PermissionRules,
    /// The place that already sets `PYTHONUNBUFFERED`.
    pub python_unbuffered: Option<UnbufferedSource>,
    /// The forms of each simple command.
    pub forms: &'a [CommandForms],
    /// The programs of this machine. Only those that an edit depends on are examined.
    pub tools: &'a dyn Tools,
}
