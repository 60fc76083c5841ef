//! The hooks in a settings.json.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::json;

use super::file::{split_mark, wrong_shape};
use crate::claude::hooks::HookSource;
use crate::programs;
use crate::shell;

/// The events that bg-run answers, each with a matcher for tools. The matcher of events without tools is empty.
pub(crate) const EVENTS: &[(&str, &str)] = &[
    ("SessionStart", ""),
    ("PreToolUse", "Bash|Monitor"),
    ("PostToolUse", "Bash"),
    ("PostToolUseFailure", "Bash"),
    ("UserPromptSubmit", ""),
    ("Stop", ""),
    ("SubagentStop", ""),
];

/// Further events that bg-run answers if tasks may outlive their session: its end, and the stop of a task.
const FOR_SURVIVE: &[(&str, &str)] = &[("SessionEnd", ""), ("PostToolUse", "TaskStop")];

/// The events that bg-run answers with these settings, each for the tools that match.
fn events(survive: bool) -> Vec<(&'static str, String)> {
    let own = EVENTS
        .iter()
        .map(|(event, tools)| (*event, (*tools).to_owned()));
    let mut events: Vec<(&str, String)> = own.collect();
    let more = if survive { FOR_SURVIVE } else { &[] };
    for (event, tools) in more {
        match events.iter_mut().find(|(own, _)| own == event) {
            Some((_, own)) => *own = format!("{own}|{tools}"),
            None => events.push((event, (*tools).to_owned())),
        }
    }
    events
}

/// Returns the events that the registrations in these files lack for tasks that outlive their session.
pub(crate) fn missing_for_survive(sources: &[HookSource]) -> Vec<&'static str> {
    let own = programs::own_path().unwrap_or_default();
    let own = own.to_str().unwrap_or_default();
    let is_there = |event: &str, tool: &str| {
        let hooks = sources.iter().filter(|source| source.fault.is_none());
        let mut hooks = hooks.flat_map(HookSource::hooks);
        hooks.any(|hook| {
            let first = hook.arguments.as_ref().and_then(|words| words.first());
            hook.event == event
                && (tool.is_empty() || hook.is_for(tool))
                && calls_bg_run(&hook.command, first.map(String::as_str), own)
        })
    };
    let missing = FOR_SURVIVE
        .iter()
        .filter(|(event, tool)| !is_there(event, tool));
    missing.map(|(event, _)| *event).collect()
}

/// Returns the seconds after which the client gives up on a hook. A hook that waits for a task may need two hours, the
/// longest time-out of a call.
pub(crate) fn hook_timeout(event: &str) -> u64 {
    match event {
        "PostToolUse" | "Stop" | "SubagentStop" => 7500,
        _ => 10,
    }
}

/// Names that identify a registration of bg-run, whatever the program's folder.
const PROGRAMS: &[&str] = &["bg-run", "bg-run.exe"];

/// Registers `program`, and removes its hooks for `survive` if that is off.
pub(super) fn add(
    path: &Path,
    text: &str,
    root: &CstRootNode,
    (program, survive): (&str, Option<bool>),
) -> Result<()> {
    let hooks = hooks_of(path, text, root)?;
    let is_registered_for = |event: &str| {
        let entries = hooks.array_value(event).map(|entries| entries.elements());
        let mut entries = entries.into_iter().flatten();
        entries.any(|entry| !our_hooks(&entry, program).is_empty())
    };
    let is_on = || {
        FOR_SURVIVE
            .iter()
            .any(|(event, tools)| tools.is_empty() && is_registered_for(event))
    };
    let events = events(survive.unwrap_or_else(is_on));
    for (event, matcher) in &events {
        let entries = hooks
            .array_value_or_create(event)
            .with_context(|| wrong_shape(path, text, &["hooks", event], "an array"))?;
        if is_registered(&entries, event, matcher, program) {
            continue;
        }
        remove_ours(&entries, program);
        entries.ensure_multiline();
        entries.append(entry(event, matcher, program));
    }
    // `survive` may have been on at an earlier installation.
    let is_unwanted = |event: &str| events.iter().all(|(wanted, _)| *wanted != event);
    for property in hooks.properties() {
        let name = property.decoded_name().unwrap_or_default();
        if FOR_SURVIVE.iter().any(|(event, _)| *event == name)
            && is_unwanted(&name)
            && let Some(entries) = property.array_value()
            && remove_ours(&entries, program)
            && entries.elements().is_empty()
        {
            property.remove();
        }
    }
    Ok(())
}

fn parsed(text: &str) -> Option<CstRootNode> {
    CstRootNode::parse(split_mark(text).1, &ParseOptions::default()).ok()
}

/// Whether two settings files are equal apart from layout, comments and empty hooks.
pub(super) fn has_same_content(one: &str, other: &str) -> bool {
    let value = |text: &str| {
        let mut value = parsed(text)?.to_serde_value()?;
        let settings = value.as_object_mut()?;
        if let Some(hooks) = settings
            .get_mut("hooks")
            .and_then(serde_json::Value::as_object_mut)
        {
            hooks.retain(|_, entries| entries.as_array().is_none_or(|entries| !entries.is_empty()));
            if hooks.is_empty() {
                settings.remove("hooks");
            }
        }
        Some(value)
    };
    value(one).is_some_and(|one| Some(one) == value(other))
}

/// The user's own `hooks` before the registration.
#[derive(Debug, Default)]
pub(super) struct OwnHooks {
    is_there: bool,
    events: Vec<String>,
}

/// Whether the settings `before` have a property with this name.
pub(super) fn has_property(before: Option<&str>, name: &str) -> bool {
    let settings = before.and_then(parsed).and_then(|root| root.object_value());
    settings.is_some_and(|settings| settings.get(name).is_some())
}

/// Returns the `hooks` of the settings `before` the registration: the events that it names.
pub(super) fn hooks_before(before: Option<&str>) -> OwnHooks {
    let settings = before.and_then(parsed).and_then(|root| root.object_value());
    let hooks = settings.and_then(|settings| settings.get("hooks"));
    let Some(hooks) = hooks else {
        return OwnHooks::default();
    };
    let events = hooks
        .object_value()
        .map(|hooks| hooks.properties())
        .unwrap_or_default();
    OwnHooks {
        is_there: true,
        events: events
            .iter()
            .filter_map(jsonc_parser::cst::CstObjectProp::decoded_name)
            .collect(),
    }
}

/// Removes bg-run's hooks, and objects that become empty unless they were there before.
pub(super) fn take_out(root: &CstRootNode, own: &OwnHooks, program: &str) {
    let property = root
        .object_value()
        .and_then(|settings| settings.get("hooks"));
    let Some(property) = property else { return };
    let Some(hooks) = property.object_value() else {
        return;
    };
    let mut removed = false;
    for event in hooks.properties() {
        if let Some(entries) = event.array_value()
            && remove_ours(&entries, program)
        {
            removed = true;
            let is_own = event
                .decoded_name()
                .is_some_and(|name| own.events.contains(&name));
            if entries.elements().is_empty() && !is_own {
                event.remove();
            }
        }
    }
    if removed && !own.is_there && hooks.properties().is_empty() {
        property.remove();
    }
}

/// Returns the events with a malformed entry that names bg-run. PowerShell leaves such entries: it replaces a list of
/// one by its element, and deep objects by a text, `@{type=command; command=…}`.
pub(crate) fn malformed_events(text: &str) -> Vec<String> {
    use serde_json::Value;
    fn odd<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
        match value.get(key).and_then(Value::as_array) {
            Some(list) => list.iter().collect(),
            None => vec![value],
        }
    }
    let settings = parsed(text).and_then(|root| root.to_serde_value());
    let hooks = settings.as_ref().and_then(|settings| settings.get("hooks"));
    let events = hooks.and_then(Value::as_object).into_iter().flatten();
    let is_left = |entries: &Value| {
        let Some(entries) = entries.as_array() else {
            return names_bg_run(entries);
        };
        let mut parts = entries.iter().flat_map(|entry| odd(entry, "hooks"));
        parts.any(|part| {
            // A well-formed hook of another tool may name bg-run.
            let is_whole = part.get("type").is_some_and(Value::is_string);
            !is_whole && names_bg_run(part)
        })
    };
    events
        .filter(|(_, entries)| is_left(entries))
        .map(|(event, _)| event.clone())
        .collect()
}

fn names_bg_run(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::String(text) => {
            let separates = |c: char| c.is_whitespace() || "=;{}@'\"".contains(c);
            text.split(separates)
                .any(|word| PROGRAMS.contains(&shell::base_name(word)))
        }
        Value::Array(list) => list.iter().any(names_bg_run),
        Value::Object(object) => object.values().any(names_bg_run),
        _ => false,
    }
}

fn hooks_of(path: &Path, text: &str, root: &CstRootNode) -> Result<CstObject> {
    let Some(settings) = root.object_value_or_create() else {
        bail!(wrong_shape(path, text, &[], "an object"));
    };
    let named = settings
        .properties()
        .into_iter()
        .filter(|property| property.decoded_name().as_deref() == Some("hooks"));
    if named.count() > 1 {
        bail!(
            "{}: `hooks` occurs twice; nothing was changed. Remove one and try again",
            path.display()
        );
    }
    settings
        .object_value_or_create("hooks")
        .with_context(|| wrong_shape(path, text, &["hooks"], "an object"))
}

fn entry(event: &str, matcher: &str, program: &str) -> CstInputValue {
    let timeout = hook_timeout(event);
    if matcher.is_empty() {
        return json!({
            "hooks": [{ "type": "command", "command": program, "args": ["hook"], "timeout": timeout }]
        });
    }
    json!({
        "matcher": matcher,
        "hooks": [{ "type": "command", "command": program, "args": ["hook"], "timeout": timeout }]
    })
}

fn is_registered(entries: &CstArray, event: &str, matcher: &str, program: &str) -> bool {
    let hook = serde_json::json!(
        { "type": "command", "command": program, "args": ["hook"], "timeout": hook_timeout(event) }
    );
    let wanted = if matcher.is_empty() {
        serde_json::json!({ "hooks": [hook] })
    } else {
        serde_json::json!({ "matcher": matcher, "hooks": [hook] })
    };
    let elements = entries.elements();
    let ours = elements
        .iter()
        .filter(|element| !our_hooks(element, program).is_empty());
    let ours: Vec<_> = ours.filter_map(CstNode::to_serde_value).collect();
    ours == [wanted]
}

/// Removes bg-run's hooks, and returns whether there were any.
fn remove_ours(entries: &CstArray, program: &str) -> bool {
    let mut any = false;
    for element in entries.elements() {
        let ours = our_hooks(&element, program);
        let found = !ours.is_empty();
        any |= found;
        for hook in ours {
            hook.remove();
        }
        let hooks = element
            .as_object()
            .and_then(|entry| entry.array_value("hooks"));
        if found && hooks.is_some_and(|hooks| hooks.elements().is_empty()) {
            element.remove();
        }
    }
    any
}

/// Returns the hooks of an entry that call bg-run, under its name or as `program`.
fn our_hooks(entry: &CstNode, program: &str) -> Vec<CstNode> {
    let hooks = entry
        .as_object()
        .and_then(|entry| entry.array_value("hooks"));
    let hooks = hooks.map(|hooks| hooks.elements()).unwrap_or_default();
    let is_ours = |hook: &CstNode| {
        let hook = hook.to_serde_value().unwrap_or_default();
        let command = hook.get("command").and_then(serde_json::Value::as_str);
        let first = hook.get("args").and_then(|arguments| arguments.get(0));
        command.is_some_and(|command| {
            calls_bg_run(command, first.and_then(serde_json::Value::as_str), program)
        })
    };
    hooks.into_iter().filter(is_ours).collect()
}

/// Whether a hook calls bg-run. `command` is a program if `args` follow, otherwise shell text:
/// `$HOME/.cargo/bin/bg-run hook 2>/dev/null || true`.
pub(crate) fn calls_bg_run(command: &str, first_argument: Option<&str>, program: &str) -> bool {
    let is_bg_run = |word: &str| PROGRAMS.contains(&shell::base_name(word)) || word == program;
    if is_bg_run(command) {
        return first_argument.is_none_or(|argument| argument == "hook");
    }
    let Ok(script) = shell::parse(command) else {
        return false;
    };
    script.simple_commands.iter().any(|simple| {
        let mut words = simple.words.iter().map(shell::Word::text);
        let ours = words.find(|word| is_bg_run(word)).is_some();
        ours && words.next().is_none_or(|word| word == "hook")
    })
}
