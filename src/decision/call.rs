//! A call, and the context of the decision about it.

use crate::claude::permissions::PermissionRules;
use crate::claude::session::UnbufferedSource;
use crate::history::store::Key;
use crate::history::{Limit, PastRuns};
use crate::programs::{GnuTools, Tools};

/// A Bash call, reduced to the fields that the decision needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// The command.
    pub command: &'a str,
    /// Whether the caller itself asked for the background.
    pub run_in_background: bool,
    /// The call's own time-out, in milliseconds.
    pub timeout: Option<u64>,
}

/// Measured durations in a repository.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// Returns the repository's number. It is called only if the past runs are looked up.
    pub repository: &'a dyn Fn() -> u64,
    /// Looks up the past runs of each key. It is called only if no rule or marker decides.
    pub known: &'a dyn Fn(&[Key]) -> Vec<PastRuns>,
    /// Whether the client itself moves long calls.
    pub limit: Limit,
}

/// The context of the decision about a call.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each a gate of its own"
)]
pub struct Context<'a> {
    /// Whether `headless` is `leave`, and this session is headless.
    pub leave_headless: bool,
    /// Whether `subagents` is `leave`, and the call comes from a subagent.
    pub leave_subagent: bool,
    /// Whether the client runs no background tasks (`CLAUDE_CODE_DISABLE_BACKGROUND_TASKS`).
    pub no_background_tasks: bool,
    /// Whether `BG_RUN=off` is set in the environment.
    pub switched_off: bool,
    /// Reads the user's permission rules; called only for a call that is rewritten.
    pub permissions: &'a dyn Fn() -> PermissionRules,
    /// Finds the place that sets `PYTHONUNBUFFERED` for every command; called only for a call that is rewritten.
    pub python_unbuffered: &'a dyn Fn() -> Option<UnbufferedSource>,
    /// The measured durations; `None` if the history is switched off.
    pub history: Option<History<'a>>,
    /// The programs of the machine. They are examined only for a call that is rewritten, and only if an edit depends on
    /// them.
    pub tools: &'a dyn Tools,
}

impl<'a> Context<'a> {
    /// Returns the context in an interactive session that leaves no call alone, on a machine with the GNU tools.
    pub fn ordinary(permissions: &'a dyn Fn() -> PermissionRules) -> Self {
        Self {
            leave_headless: false,
            leave_subagent: false,
            no_background_tasks: false,
            switched_off: false,
            permissions,
            python_unbuffered: &|| None,
            history: None,
            tools: &GnuTools,
        }
    }
}
