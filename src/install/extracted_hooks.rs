//! Other tools' hooks that an earlier version moved from settings.json to `chain`. `uninstall` puts them back.

use anyhow::Result;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml_edit::{DocumentMut, Item};

const EVENT: &str = "PreToolUse";

/// The only matcher whose hooks were moved.
const MATCHER: &str = "Bash";

const KEY: &str = "chain";

/// A moved hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractedHook {
    /// The entry of settings.json.
    hook: Value,
    /// The command in `chain`.
    pub words: Vec<String>,
}

/// Adds the hooks to settings.json, except those that are already there again.
pub(super) fn put_back(root: &CstRootNode, extracted: &[ExtractedHook]) {
    for ExtractedHook { hook, .. } in extracted {
        let settings = root.object_value_or_create();
        let hooks = settings.and_then(|settings| settings.object_value_or_create("hooks"));
        let Some(entries) = hooks.and_then(|hooks| hooks.array_value_or_create(EVENT)) else {
            return;
        };
        let present = entries.to_serde_value().unwrap_or_default();
        let present = present.as_array().into_iter().flatten();
        let mut present = present.filter_map(|entry| entry.get("hooks")?.as_array());
        if present.any(|hooks| hooks.contains(hook)) {
            continue;
        }
        entries.ensure_multiline();
        let entry = serde_json::json!({"matcher": MATCHER, "hooks": [hook]});
        entries.append(to_input(&entry));
    }
}

fn to_input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(is) => CstInputValue::Bool(*is),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(to_input).collect()),
        Value::Object(values) => {
            let values = values
                .iter()
                .map(|(name, value)| (name.clone(), to_input(value)));
            CstInputValue::Object(values.collect())
        }
    }
}

/// Returns the text of a `config.toml` without these commands in `chain`; `None` if nothing remains.
///
/// # Errors
///
/// Fails if the text isn't TOML.
pub fn without(text: &str, extracted: &[ExtractedHook]) -> Result<Option<String>> {
    let mut document: DocumentMut = text.parse()?;
    let Some(chain) = document.get_mut(KEY).and_then(Item::as_array_mut) else {
        return Ok(Some(text.to_owned()));
    };
    chain.retain(|command| !extracted.iter().any(|hook| hook.is(command)));
    if chain.is_empty() {
        document.remove(KEY);
    }
    let text = document.to_string();
    Ok((!text.trim().is_empty()).then_some(text))
}

impl ExtractedHook {
    fn is(&self, command: &toml_edit::Value) -> bool {
        let words = command.as_array().into_iter().flatten();
        words
            .map(toml_edit::Value::as_str)
            .eq(self.words.iter().map(|word| Some(word.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_config_stays() {
        let extracted = |words: &[&str]| ExtractedHook {
            hook: Value::Null,
            words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        let both = [extracted(&["rtk", "hook"]), extracted(&["tokf"])];
        for (text, left) in [
            ("chain = [[\"rtk\", \"hook\"], [\"tokf\"]]\n", None),
            (
                "# mine\nopen = 'first'\nchain = [[\"rtk\", \"hook\"], [\"tokf\"]]\n",
                Some("# mine\nopen = 'first'\n"),
            ),
            (
                "chain = [['a', 'b'], [\"tokf\"]] # theirs\n",
                Some("chain = [['a', 'b']] # theirs\n"),
            ),
            ("open = 'first'\n", Some("open = 'first'\n")),
        ] {
            assert_eq!(without(text, &both).unwrap().as_deref(), left);
        }
        assert!(without("=", &both).is_err());
    }
}
