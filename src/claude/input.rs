//! A hook's input from Claude Code. Unknown keys are ignored.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One event, read as JSON from stdin (hooks reference of August 2026; measured, 2.1.20 to 2.1.330).
#[expect(clippy::struct_field_names, reason = "the names are the client's")]
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Input {
    pub(crate) hook_event_name: String,
    #[serde(default)]
    pub(crate) session_id: String,
    #[serde(default)]
    pub(crate) transcript_path: PathBuf,
    #[serde(default)]
    pub(crate) cwd: PathBuf,
    #[serde(default)]
    pub(crate) permission_mode: String,
    #[serde(default)]
    pub(crate) tool_name: String,
    #[serde(default)]
    pub(crate) tool_use_id: String,
    #[serde(default)]
    pub(crate) tool_input: Map<String, Value>,
    #[serde(default)]
    pub(crate) tool_response: Value,
    /// Duration of the command in milliseconds (2.1.200 and later).
    #[serde(default)]
    pub(crate) duration_ms: Option<f64>,
    /// Error of a failed call: `Exit code 3`, and the command's output.
    #[serde(default)]
    pub(crate) error: String,
    /// Whether the user interrupted the failed call.
    #[serde(default)]
    pub(crate) is_interrupt: bool,
    /// Whether a hook has already kept the turn or subagent from ending (`Stop`, `SubagentStop`).
    #[serde(default)]
    pub(crate) stop_hook_active: bool,
    /// The prompt (`UserPromptSubmit`).
    #[serde(default)]
    pub(crate) prompt: String,
    /// The kind of start (`SessionStart`): `startup`, `resume`, `clear` or `compact`.
    #[serde(default)]
    pub(crate) source: String,
    /// The reason (`SessionEnd`).
    #[serde(default)]
    pub(crate) reason: String,
    /// The subagent's id; set only in a subagent.
    #[serde(default)]
    pub(crate) agent_id: Option<String>,
}

impl Input {
    /// Returns the command of a Bash call.
    pub(crate) fn bash_command(&self) -> Option<&str> {
        self.command_of("Bash")
    }

    /// Returns the command of a Monitor call (measured, 2.1.331).
    pub(crate) fn monitor_command(&self) -> Option<&str> {
        self.command_of("Monitor")
    }

    /// Returns the task that a call of `TaskStop` names (measured, 2.1.200 to 2.1.332).
    pub(crate) fn stopped_task(&self) -> Option<&str> {
        let is_stop = self.tool_name == "TaskStop";
        is_stop
            .then(|| self.tool_input.get("task_id")?.as_str())
            .flatten()
    }

    fn command_of(&self, tool: &str) -> Option<&str> {
        let is_it = self.tool_name == tool;
        is_it
            .then(|| self.tool_input.get("command")?.as_str())
            .flatten()
    }

    /// Returns the caller's description of the call.
    pub(crate) fn description(&self) -> Option<&str> {
        self.tool_input.get("description")?.as_str()
    }

    /// Returns the call's time-out in milliseconds.
    pub(crate) fn timeout(&self) -> Option<u64> {
        self.tool_input.get("timeout")?.as_u64()
    }

    /// Whether the caller itself asked for the background.
    pub(crate) fn run_in_background(&self) -> bool {
        self.tool_input
            .get("run_in_background")
            .and_then(Value::as_bool)
            .unwrap_or_default()
    }
}
