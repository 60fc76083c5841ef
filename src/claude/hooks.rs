//! The hooks that the client would run, from all settings files and enabled plugins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::bytes::RegexBuilder;
use serde_json::Value;

use super::client::Version;
use super::settings;
use super::settings_file::{self, Validation};
use super::settings_places::{Owner, Reading};
use crate::folders;

/// A settings file, or the hooks of a plugin.
#[derive(Debug)]
pub struct HookSource {
    /// Path of the file.
    pub path: PathBuf,
    /// Whether an administrator wrote it.
    pub is_managed: bool,
    /// The plugin's folder, if the source is a plugin.
    pub plugin: Option<PathBuf>,
    /// Its content; `Null` where there is no file.
    pub settings: Value,
    /// The reason why the client ignores it, if it does.
    pub fault: Option<String>,
    /// The fix for that fault, where one is known.
    pub fix: Option<String>,
    /// The entry that the client skips because it is malformed.
    pub skipped_entry: Option<String>,
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The event that starts it.
    pub event: String,
    /// The tools that it applies to; `None` means all.
    pub matcher: Option<String>,
    /// A program if there are arguments, otherwise shell text.
    pub command: String,
    /// The program's arguments.
    pub arguments: Option<Vec<String>>,
    /// Whether the client doesn't wait for it, so that it can't change a call.
    pub is_async: bool,
    /// The time limit in seconds, if the entry sets one.
    pub timeout: Option<u64>,
}

/// Returns all sources for the project in `project` as this client version reads them; later ones win. An unknown
/// version counts as an old one.
pub fn sources(project: &Path, client: Option<Version>) -> Vec<HookSource> {
    let files = settings::files(project).into_iter();
    // A file that only some clients read may contain hooks that never run.
    let files = files.filter(|(place, _)| place.reading == Reading::Certain);
    let mut sources: Vec<HookSource> = files
        .map(|(place, path)| source(path, place.owner == Owner::Managed, client))
        .collect();
    let plugins = plugins(&sources, client);
    sources.splice(0..0, plugins);
    sources
}

fn source(path: PathBuf, is_managed: bool, client: Option<Version>) -> HookSource {
    let no_hook = |why| format!("{why}: Claude Code runs no hook of this file");
    let (mut fault, mut fix, mut skipped_entry) = (None, None, None);
    let settings = match settings_file::judge_at(&path) {
        Validation::Accepted(settings) => {
            match settings::malformed_hook(&settings) {
                Some(why) if client >= Some(Version::SKIPS_MALFORMED_HOOKS) => {
                    skipped_entry = Some(why);
                }
                Some(why) => fault = Some(no_hook(why)),
                None => {}
            }
            settings
        }
        Validation::Ignored(dead) => {
            fault = Some(dead.to_string());
            fix = Some(dead.fix);
            Value::Null
        }
        Validation::Unknown { why, .. } => {
            fault = Some(no_hook(why));
            Value::Null
        }
    };
    HookSource {
        path,
        is_managed,
        plugin: None,
        settings,
        fault,
        fix,
        skipped_entry,
    }
}

/// Returns the enabled plugins that have hooks.
fn plugins(files: &[HookSource], client: Option<Version>) -> Vec<HookSource> {
    let mut enabled: BTreeMap<String, bool> = BTreeMap::new();
    for file in files {
        let named = file
            .settings
            .get("enabledPlugins")
            .and_then(Value::as_object);
        for (name, value) in named.into_iter().flatten() {
            enabled.insert(name.clone(), value.as_bool() == Some(true));
        }
    }
    let installed = folders::claude_dir().map(|dir| dir.join("plugins/installed_plugins.json"));
    let installed = installed
        .and_then(|path| settings::read(&path).ok())
        .unwrap_or_default();
    let names = enabled.into_iter().filter(|(_, is_on)| *is_on);
    let folder = |name: &str| {
        let places = installed.get("plugins")?.get(name)?;
        let place = places.as_array().and_then(|places| places.last())?;
        Some(PathBuf::from(place.get("installPath")?.as_str()?))
    };
    names
        .filter_map(|(name, _)| folder(&name))
        .map(|folder| HookSource {
            plugin: Some(folder.clone()),
            ..source(folder.join("hooks/hooks.json"), false, client)
        })
        .filter(|source| !source.settings.is_null() || source.fault.is_some())
        .collect()
}

impl HookSource {
    /// Returns the well-formed hooks of the source, active or not.
    pub fn hooks(&self) -> Vec<Hook> {
        let events = self.settings.get("hooks").and_then(Value::as_object);
        let entries = events.into_iter().flatten().flat_map(|(event, entries)| {
            let entries = entries.as_array().into_iter().flatten();
            entries.map(move |entry| (event, entry))
        });
        entries
            .flat_map(|(event, entry)| {
                let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
                let matcher = text(entry, "matcher");
                let hooks = entry.get("hooks").and_then(Value::as_array);
                let hooks = hooks.into_iter().flatten();
                hooks.filter_map(move |hook| {
                    let arguments = hook.get("args").and_then(Value::as_array);
                    Some(Hook {
                        event: event.clone(),
                        matcher: matcher.clone(),
                        command: self.filled(&text(hook, "command")?),
                        arguments: arguments.map(|words| {
                            let words = words.iter().filter_map(Value::as_str);
                            words.map(str::to_owned).collect()
                        }),
                        is_async: hook.get("async").and_then(Value::as_bool) == Some(true),
                        timeout: hook.get("timeout").and_then(Value::as_u64),
                    })
                })
            })
            .collect()
    }

    fn filled(&self, command: &str) -> String {
        match &self.plugin {
            Some(folder) => command.replace("${CLAUDE_PLUGIN_ROOT}", &folder.display().to_string()),
            None => command.to_owned(),
        }
    }
}

/// Whether the expression matches. Its classes contain only ASCII, as in JavaScript.
fn is_match(expression: &str, text: &str) -> bool {
    let expression = RegexBuilder::new(expression).unicode(false).build();
    expression.is_ok_and(|expression| expression.is_match(text.as_bytes()))
}

impl Hook {
    /// Whether the hook runs for this tool.
    pub fn is_for(&self, tool: &str) -> bool {
        match self.matcher.as_deref() {
            None | Some("" | "*") => true,
            Some(matcher) => {
                matcher.split('|').any(|name| name == tool)
                    || !matcher.bytes().all(|byte| byte.is_ascii_alphanumeric())
                        && is_match(matcher, tool)
            }
        }
    }

    /// Returns the hook's command line as a user would type it.
    pub fn shown(&self) -> String {
        let words = self.arguments.iter().flatten().map(String::as_str);
        let all: Vec<&str> = [self.command.as_str()].into_iter().chain(words).collect();
        all.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_a_name_a_list_or_an_expression() {
        for (matcher, is_for) in [
            (None, true),
            (Some(""), true),
            (Some("*"), true),
            (Some("Bash"), true),
            (Some("Edit|Bash"), true),
            (Some("Ba.*"), true),
            (Some("Bas"), false),
            (Some("Read"), false),
            (Some("("), false),
        ] {
            let hook = Hook {
                event: "PreToolUse".to_owned(),
                matcher: matcher.map(str::to_owned),
                command: "x".to_owned(),
                arguments: None,
                is_async: false,
                timeout: None,
            };
            assert_eq!(hook.is_for("Bash"), is_for, "{matcher:?}");
        }
    }
}
