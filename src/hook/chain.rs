//! Other tools' hooks that rewrite Bash calls. The client accepts only the answer of the hook that finishes last. So
//! bg-run itself runs the hooks in `chain`, one after the other, before it decides about their result.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

use crate::claude::answer::{Answer, HookSpecificOutput};
use crate::environment;
use crate::platform::processes;
use crate::programs::{self, bounded};
use crate::state::log;
use crate::text::{MAX_MESSAGE, one_line};

/// Time limit of each hook; all together have twice that. The client gives bg-run ten seconds.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum size in bytes of a hook's answer. A hook that prints more is stopped.
const MAX_ANSWER: usize = 1024 * 1024;

/// The exit status with which a hook refuses a call (hooks reference, "Exit code output").
const REFUSAL_STATUS: i32 = 2;

/// The combined result of the hooks.
#[derive(Debug, Default)]
pub(super) struct Chained {
    /// The call as the hooks changed it, if any did.
    pub(super) tool_input: Option<Map<String, Value>>,
    /// Other fields of the hooks' answers, passed on unchanged.
    top: Map<String, Value>,
    specific: Map<String, Value>,
}

/// Runs `commands` on the event, each on the result of the one before. A hook that fails or is too slow is skipped and
/// logged.
pub(super) fn run(commands: &[Vec<String>], event: &[u8]) -> Chained {
    let mut chained = Chained::default();
    let Ok(mut event) = serde_json::from_slice::<Value>(event) else {
        return chained;
    };
    let end = Instant::now() + 2 * TIMEOUT;
    for command in commands {
        let wait = TIMEOUT.min(end.saturating_duration_since(Instant::now()));
        match answer_of(command, &event, wait) {
            Ok(Some(answer)) => chained.add(answer, &mut event),
            Ok(None) => {}
            Err(error) => log::error(&format!(
                "chain: `{}` is skipped: {error:#}",
                one_line(&command.join(" "), MAX_MESSAGE)
            )),
        }
        if chained.refuses() {
            break;
        }
    }
    chained
}

/// Runs one hook and returns its answer; `None` if it printed nothing.
fn answer_of(command: &[String], event: &Value, wait: Duration) -> Result<Option<Value>> {
    let (program, arguments) = command.split_first().context("no program is named")?;
    let command = duct::cmd(programs::locate(program)?, arguments).env(environment::CHAINED, "1");
    let ended = bounded::run(&command, &serde_json::to_vec(event)?, wait, MAX_ANSWER)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ended.left_some {
        log::error(&format!(
            "chain: `{}` left running: {}",
            one_line(program, MAX_MESSAGE),
            names_of(&ended.left)
        ));
    }
    match ended.status.code() {
        Some(0) => {}
        Some(REFUSAL_STATUS) => return Ok(Some(refusal(&text(&ended.stderr)))),
        _ => bail!(
            "it ended with {}: {}",
            ended.status,
            one_line(&text(&ended.stderr), MAX_MESSAGE)
        ),
    }
    let text = text(&ended.stdout);
    // The client shows other text only in its own log.
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let answer: Value = serde_json::from_str(&text).context("its answer isn't JSON")?;
    let updated = answer.pointer("/hookSpecificOutput/updatedInput");
    let has_command = |input: &Value| input.get("command").is_some_and(Value::is_string);
    if updated.is_some_and(|updated| !has_command(updated)) {
        bail!("its `updatedInput` has no command");
    }
    Ok(Some(answer))
}

/// Number of processes that a message names.
const MAX_NAMED: usize = 3;

fn names_of(left: &[u32]) -> String {
    let named = left.iter().take(MAX_NAMED).map(|&process| {
        let arguments = processes::arguments(process).unwrap_or_default().join(" ");
        format!(
            "process {process} (`{}`)",
            one_line(&arguments, MAX_MESSAGE)
        )
    });
    let more = left.len().saturating_sub(MAX_NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    let named: Vec<String> = named.chain(more).collect();
    if named.is_empty() {
        return "a process".to_owned();
    }
    named.join(", ")
}

/// Expresses a refusal as an answer, because bg-run itself always exits with 0.
fn refusal(why: &str) -> Value {
    serde_json::json!({"hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": "deny",
        "permissionDecisionReason": why.trim(),
    }})
}

/// Decisions from the mildest to the strictest. The client applies the strictest of several.
const DECISIONS: [&str; 3] = ["allow", "ask", "deny"];

fn strictness(decision: Option<&Value>) -> Option<usize> {
    let decision = decision?.as_str()?;
    DECISIONS.iter().position(|known| *known == decision)
}

impl Chained {
    fn add(&mut self, answer: Value, event: &mut Value) {
        let Value::Object(mut answer) = answer else {
            return;
        };
        if let Some(Value::Object(specific)) = answer.remove("hookSpecificOutput") {
            self.add_specific(specific, event);
        }
        for (key, value) in answer {
            add_value(&mut self.top, key, value);
        }
    }

    fn add_specific(&mut self, mut specific: Map<String, Value>, event: &mut Value) {
        if let Some(Value::Object(updated)) = specific.remove("updatedInput") {
            if let Some(event) = event.as_object_mut() {
                event.insert("tool_input".to_owned(), updated.clone().into());
            }
            self.tool_input = Some(updated);
        }
        specific.remove("hookEventName");
        let earlier = strictness(self.specific.get("permissionDecision"));
        if earlier > strictness(specific.get("permissionDecision")) {
            specific.remove("permissionDecision");
            specific.remove("permissionDecisionReason");
        }
        for (key, value) in specific {
            add_value(&mut self.specific, key, value);
        }
    }

    /// Whether a hook keeps the call from running.
    pub(super) fn refuses(&self) -> bool {
        let says = |map: &Map<String, Value>, key: &str, word: &str| {
            map.get(key).and_then(Value::as_str) == Some(word)
        };
        says(&self.specific, "permissionDecision", "deny")
            || says(&self.top, "decision", "block")
            || self.top.get("continue") == Some(&Value::Bool(false))
    }

    /// Merges the hooks' answers and bg-run's `own` into one; `None` if all are empty.
    pub(super) fn merged_with(self, own: Option<Answer>) -> Option<Answer> {
        let is_silent =
            self.tool_input.is_none() && self.top.is_empty() && self.specific.is_empty();
        if is_silent {
            return own;
        }
        let mut answer = own.unwrap_or_default();
        let specific = answer.hook_specific_output.take();
        let mut specific = specific.unwrap_or_else(|| HookSpecificOutput::of("PreToolUse"));
        specific.updated_input = specific.updated_input.or(self.tool_input);
        specific.passed = self.specific;
        join_texts(
            &mut specific.additional_context,
            &mut specific.passed,
            "additionalContext",
        );
        answer.hook_specific_output = Some(specific);
        answer.passed = self.top;
        join_texts(
            &mut answer.system_message,
            &mut answer.passed,
            "systemMessage",
        );
        Some(answer)
    }
}

/// Adds a value. Texts are joined by line breaks; any other value replaces the earlier one.
fn add_value(map: &mut Map<String, Value>, key: String, value: Value) {
    const TEXTS: [&str; 2] = ["systemMessage", "additionalContext"];
    let earlier = map.get(&key).and_then(Value::as_str);
    let value = match (earlier, value.as_str()) {
        (Some(earlier), Some(text)) if TEXTS.contains(&key.as_str()) => {
            format!("{earlier}\n{text}").into()
        }
        _ => value,
    };
    map.insert(key, value);
}

/// Puts the hooks' text above bg-run's own.
fn join_texts(own: &mut Option<String>, passed: &mut Map<String, Value>, key: &str) {
    let Some(Value::String(theirs)) = passed.remove(key) else {
        return;
    };
    *own = Some(match own.take() {
        Some(own) => format!("{theirs}\n{own}"),
        None => theirs,
    });
}
