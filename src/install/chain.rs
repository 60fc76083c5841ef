//! Hooks of other tools that rewrite Bash calls: taken out of settings.json, so that bg-run runs them itself, and put back.

use anyhow::{Result, anyhow};
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstRootNode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml_edit::{Array, DocumentMut, Item};

use super::hooks::calls_us;
use crate::shell;

/// Programs that are known to rewrite Bash calls.
const REWRITERS: &[&str] = &["rtk", "tokf"];

/// Whether a hook's command, as people write it, is known to rewrite Bash calls.
pub(crate) fn rewrites(command: &str) -> bool {
    let mut words = command.split(|c: char| c.is_whitespace() || "/;&|\"'.-_".contains(c));
    words.any(|word| REWRITERS.contains(&word))
}

/// One that was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// As it stood in settings.json.
    hook: Value,
    /// The same as words, for `chain`.
    pub words: Vec<String>,
}

const EVENT: &str = "PreToolUse";

/// Only of those that are for nothing but Bash: bg-run isn't called for other tools.
const MATCHER: &str = "Bash";

/// Takes them out, and what that leaves empty. `program` is bg-run.
pub(super) fn take_out(root: &CstRootNode, program: &str) -> Vec<Moved> {
    let hooks = root
        .object_value()
        .and_then(|settings| settings.object_value("hooks"));
    let entries = hooks.and_then(|hooks| hooks.array_value(EVENT));
    let mut moved = Vec::new();
    for entry in entries.iter().flat_map(CstArray::elements) {
        let Some(object) = entry.as_object() else {
            continue;
        };
        let matcher = object.get("matcher").and_then(|matcher| matcher.value());
        if matcher.and_then(|matcher| matcher.to_serde_value()) != Some(MATCHER.into()) {
            continue;
        }
        let Some(hooks) = object.array_value("hooks") else {
            continue;
        };
        for hook in hooks.elements() {
            if let Some(found) = of(&hook, program) {
                moved.push(found);
                hook.remove();
            }
        }
        if hooks.elements().is_empty() {
            entry.remove();
        }
    }
    moved
}

fn of(hook: &CstNode, program: &str) -> Option<Moved> {
    let hook = hook.to_serde_value()?;
    let command = hook.get("command")?.as_str()?;
    let arguments = hook.get("args").and_then(Value::as_array);
    let arguments: Option<Vec<&str>> =
        arguments.map(|words| words.iter().filter_map(Value::as_str).collect());
    let words: Vec<String> = match &arguments {
        Some(arguments) => [command]
            .iter()
            .chain(arguments)
            .map(|word| (*word).to_owned())
            .collect(),
        None => words_of(command),
    };
    let is_async = hook.get("async").and_then(Value::as_bool) == Some(true);
    let first = arguments.as_ref().and_then(|words| words.first().copied());
    let is_one = rewrites(&words.join(" ")) && !is_async && !calls_us(command, first, program);
    is_one.then_some(Moved { hook, words })
}

/// What the shell would only split and unquote is split; anything else is left to the shell, as the client does.
fn words_of(command: &str) -> Vec<String> {
    let acts = command.contains([
        '$', '`', '\\', '*', '?', '[', '{', '~', '#', '!', '&', ';', '|', '<', '>', '(', '\n',
    ]);
    let script = shell::parse(command).ok().filter(|_| !acts);
    match script
        .as_ref()
        .map(|script| script.simple_commands.as_slice())
    {
        Some([simple]) if simple.assignments.is_empty() => {
            simple.words.iter().map(shell::Word::text).collect()
        }
        _ => ["sh", "-c", command].map(str::to_owned).into(),
    }
}

/// Puts those back that nobody else put back.
pub(super) fn put_back(root: &CstRootNode, moved: &[Moved]) {
    for moved in moved {
        let settings = root.object_value_or_create();
        let hooks = settings.and_then(|settings| settings.object_value_or_create("hooks"));
        let Some(entries) = hooks.and_then(|hooks| hooks.array_value_or_create(EVENT)) else {
            return;
        };
        let there = entries.to_serde_value().unwrap_or_default();
        let hooks = there.as_array().into_iter().flatten();
        let hooks = hooks.filter_map(|entry| entry.get("hooks")?.as_array());
        if hooks.flatten().any(|hook| *hook == moved.hook) {
            continue;
        }
        entries.ensure_multiline();
        entries.append(CstInputValue::Object(vec![
            (
                "matcher".to_owned(),
                CstInputValue::String(MATCHER.to_owned()),
            ),
            (
                "hooks".to_owned(),
                CstInputValue::Array(vec![input(&moved.hook)]),
            ),
        ]));
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(is) => CstInputValue::Bool(*is),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(values) => {
            let values = values
                .iter()
                .map(|(name, value)| (name.clone(), input(value)));
            CstInputValue::Object(values.collect())
        }
    }
}

const KEY: &str = "chain";

/// The text of a `config.toml` with these in `chain`, behind what is there.
///
/// # Errors
///
/// When the text is no TOML, or `chain` is no list.
pub fn with(text: &str, moved: &[Moved]) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let chain = document
        .entry(KEY)
        .or_insert(Item::Value(Array::new().into()));
    let chain = chain
        .as_array_mut()
        .ok_or_else(|| anyhow!("`{KEY}` is no list"))?;
    for Moved { words, .. } in moved {
        let command: Array = words.iter().map(String::as_str).collect();
        if !chain.iter().any(|there| same(there, words)) {
            chain.push(command);
        }
    }
    Ok(document.to_string())
}

/// The same without them; `None` where nothing is left.
///
/// # Errors
///
/// As [`with`].
pub fn without(text: &str, moved: &[Moved]) -> Result<Option<String>> {
    let mut document: DocumentMut = text.parse()?;
    let Some(chain) = document.get_mut(KEY).and_then(Item::as_array_mut) else {
        return Ok(Some(text.to_owned()));
    };
    chain.retain(|there| !moved.iter().any(|moved| same(there, &moved.words)));
    if chain.is_empty() {
        document.remove(KEY);
    }
    let text = document.to_string();
    Ok((!text.trim().is_empty()).then_some(text))
}

fn same(there: &toml_edit::Value, words: &[String]) -> bool {
    let there = there.as_array().into_iter().flatten();
    there
        .map(toml_edit::Value::as_str)
        .eq(words.iter().map(|word| Some(word.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shell_only_splits_is_split() {
        for (command, words) in [
            ("rtk hook claude", &["rtk", "hook", "claude"][..]),
            ("/opt/rtk  hook", &["/opt/rtk", "hook"]),
            (
                "'/opt/my rtk/hook.sh' \"a b\"",
                &["/opt/my rtk/hook.sh", "a b"],
            ),
            ("$HOME/rtk hook", &["sh", "-c", "$HOME/rtk hook"]),
            ("A=1 rtk hook", &["sh", "-c", "A=1 rtk hook"]),
            ("rtk \"$A\"", &["sh", "-c", "rtk \"$A\""]),
            ("rtk hook || true", &["sh", "-c", "rtk hook || true"]),
        ] {
            assert_eq!(words_of(command), words);
            assert!(rewrites(command));
        }
        for other in ["starter hook", "my-gate", "port-rtks"] {
            assert!(!rewrites(other), "{other}");
        }
    }

    #[test]
    fn the_rest_of_a_config_stays() {
        let moved = |words: &[&str]| Moved {
            hook: Value::Null,
            words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        let (one, two) = (moved(&["rtk", "hook"]), moved(&["tokf"]));
        let both = [one, two];
        for text in [
            "",
            "# mine\nopen = 'first'\n",
            "chain = [['a', 'b']] # theirs\n",
        ] {
            let with_them = with(text, &both).unwrap();
            assert!(
                crate::config::Config::parse(&with_them).is_ok(),
                "{with_them}"
            );
            assert_eq!(with(&with_them, &both).unwrap(), with_them);
            let without = without(&with_them, &both).unwrap().unwrap_or_default();
            assert_eq!(without, text);
        }
        assert!(with("chain = 3", &both).is_err() && with("=", &both).is_err());
    }
}
