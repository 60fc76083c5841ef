//! The hook's answer to Claude Code.

use serde::Serialize;
use serde_json::{Map, Value};

/// An answer. It must never contain a `permissionDecision` of bg-run itself: that would skip the user's approval.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hook_specific_output: Option<HookSpecificOutput>,
    /// Keeps a subagent from ending: `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<&'static str>,
    /// The reason for the subagent to continue, which it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Bytes that the client sends to the user's terminal as they are (measured, 2.1.330).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) terminal_sequence: Option<String>,
    /// One line for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system_message: Option<String>,
    /// Other fields from the answers of hooks in `chain`.
    #[serde(flatten)]
    pub(crate) passed: Map<String, Value>,
}

impl Answer {
    /// Returns an answer to `event` with texts for the user and the model.
    pub(crate) fn telling(
        event: &'static str,
        user: Option<String>,
        model: Option<String>,
    ) -> Self {
        Self {
            hook_specific_output: model.map(|text| HookSpecificOutput {
                additional_context: Some(text),
                ..HookSpecificOutput::of(event)
            }),
            system_message: user,
            ..Self::default()
        }
    }
}

/// The part that depends on the event.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HookSpecificOutput {
    pub(crate) hook_event_name: &'static str,
    /// Replaces all of `tool_input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_input: Option<Map<String, Value>>,
    /// Replaces the result of a call (measured, 2.1.200 to 2.1.332).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_tool_output: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) additional_context: Option<String>,
    /// Other fields from the answers of hooks in `chain`, including their permission decisions.
    #[serde(flatten)]
    pub(crate) passed: Map<String, Value>,
}

impl HookSpecificOutput {
    /// Returns an empty part for `event`.
    pub(crate) fn of(event: &'static str) -> Self {
        Self {
            hook_event_name: event,
            ..Self::default()
        }
    }
}
