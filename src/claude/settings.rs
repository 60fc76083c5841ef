//! Claude Code's settings files: where they are, and the permission rules in them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use super::permissions::PermissionRules;
use crate::folders;

/// The folder of an administrator's files, which win over all others.
const MANAGED: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode"
} else {
    "/etc/claude-code"
};

/// A settings file that a user may edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// `~/.claude/settings.json`: all projects.
    User,
    /// `.claude/settings.json`: this project, shared with others.
    Project,
    /// `.claude/settings.local.json`: this project, yours alone.
    Local,
}

/// The path of a scope's file for the project in `project`; `None` where there is no home folder.
pub fn path(scope: Scope, project: &Path) -> Option<PathBuf> {
    match scope {
        Scope::User => folders::claude_dir().map(|dir| dir.join("settings.json")),
        Scope::Project => Some(project.join(".claude").join("settings.json")),
        Scope::Local => Some(project.join(".claude").join("settings.local.json")),
    }
}

/// An administrator's files in `folder`: `managed-settings.json` and its drop-ins.
fn managed(folder: &Path) -> Vec<PathBuf> {
    let drop_ins = fs::read_dir(folder.join("managed-settings.d"));
    let drop_ins = drop_ins.into_iter().flatten().flatten();
    let drop_ins = drop_ins
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    [folder.join("managed-settings.json")]
        .into_iter()
        .chain(drop_ins)
        .collect()
}

/// An administrator's files on this machine.
pub fn managed_files() -> Vec<PathBuf> {
    managed(Path::new(MANAGED))
}

/// Larger files aren't read, in bytes.
pub(super) const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// The settings in the file at `path`; `Null` where it is missing or no JSON, which the client takes for none.
///
/// # Errors
///
/// When there is something that can't be read: not a regular file, too large, not ours to read.
pub fn read(path: &Path) -> io::Result<Value> {
    let text = match folders::read_regular(path, MAX_SIZE) {
        Ok(text) => text,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(Value::Null),
                _ => Err(error),
            };
        }
    };
    let parsed = jsonc_parser::parse_to_serde_value::<Option<Value>>(
        &text,
        &jsonc_parser::ParseOptions::default(),
    );
    Ok(parsed.ok().flatten().unwrap_or_default())
}

/// The permission rules of all files for the project in `project`. One that is missing or no JSON adds none, as in the
/// client.
pub fn permission_rules(project: &Path) -> PermissionRules {
    let scopes = [Scope::User, Scope::Project, Scope::Local];
    let files = scopes.into_iter().filter_map(|scope| path(scope, project));
    rules_in(files.chain(managed(Path::new(MANAGED))))
}

/// A value of the settings' `env`, and the file that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// As text; the client takes numbers, too.
    pub value: String,
    /// Where.
    pub file: PathBuf,
}

/// What the settings' `env` says of `name` for the project in `project`: the last file that names it wins, from the user's
/// over the project's to the administrator's (hooks reference; measured for the first three, 2.1.200 and 2.1.331).
pub fn variable(name: &str, project: &Path) -> Option<Variable> {
    let scopes = [Scope::User, Scope::Project, Scope::Local];
    let files = scopes.into_iter().filter_map(|scope| path(scope, project));
    let files: Vec<PathBuf> = files.chain(managed(Path::new(MANAGED))).collect();
    let files = files.into_iter();
    let mut values = files.rev().filter_map(|file| {
        let settings = read(&file).ok()?;
        let value = match settings.get("env")?.get(name)? {
            Value::String(text) => text.clone(),
            other @ (Value::Number(_) | Value::Bool(_)) => other.to_string(),
            _ => return None,
        };
        Some(Variable { value, file })
    });
    values.next()
}

fn rules_in(files: impl Iterator<Item = PathBuf>) -> PermissionRules {
    let mut rules = PermissionRules::default();
    for file in files {
        match read(&file) {
            Ok(settings) => rules.add_settings(&settings),
            Err(error) => rules.may_be_more(format!("{} can't be read: {error}", file.display())),
        }
    }
    rules
}

/// Why the client runs no hook of a file with these settings: they are switched off, or an entry has another shape.
pub fn no_hooks_because(settings: &Value) -> Option<String> {
    if disables_hooks(settings) == Some(true) {
        return Some("`disableAllHooks` is on".to_owned());
    }
    malformed_hook(settings)
}

/// What these settings say of switching all hooks off. The last file that says it has the word for the hooks of all files
/// (measured, 2.1.20 to 2.1.331).
pub fn disables_hooks(settings: &Value) -> Option<bool> {
    settings.get("disableAllHooks")?.as_bool()
}

/// The entry of another shape, which switches all hooks of its file off without a word (measured, 2.1.20 to 2.1.331).
pub fn malformed_hook(settings: &Value) -> Option<String> {
    let events = settings.get("hooks")?.as_object()?;
    events.iter().find_map(|(event, entries)| {
        let entries = entries.as_array()?.iter().enumerate();
        let mut faults = entries.filter_map(|(index, entry)| Some((index, fault_of(entry)?)));
        let (index, fault) = faults.next()?;
        Some(format!("`hooks.{event}[{index}]` {fault}"))
    })
}

fn fault_of(entry: &Value) -> Option<&'static str> {
    let Some(entry) = entry.as_object() else {
        return Some("is not an object with `hooks`");
    };
    if entry
        .get("matcher")
        .is_some_and(|matcher| !matcher.is_string())
    {
        return Some("has a `matcher` that is not a string");
    }
    let Some(hooks) = entry.get("hooks").and_then(Value::as_array) else {
        return Some("has no list `hooks`");
    };
    let is_whole = |hook: &Value| hook.get("type").is_some_and(Value::is_string);
    (!hooks.iter().all(is_whole)).then_some("holds a hook without a `type`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_s_drop_ins_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, rule: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!(r#"{{"permissions": {{"deny": ["Bash({rule})"]}}}}"#);
            fs::write(path, text).unwrap();
        };
        write("managed-settings.json", "a");
        write("managed-settings.d/10-team.json", "b");
        write("managed-settings.d/notes.txt", "c");
        let rules = rules_in(managed(folder.path()).into_iter());
        let restricted = ["a", "b", "c"].map(|text| rules.may_restrict(text));
        assert_eq!(restricted, [true, true, false]);
    }

    #[test]
    fn an_entry_of_another_shape_switches_all_off() {
        let of = |hooks: &str| no_hooks_because(&serde_json::from_str(hooks).unwrap());
        for (settings, part) in [
            (
                r#"{"hooks": {"PreToolUse": [{"type": "command", "command": "x"}]}}"#,
                "no list `hooks`",
            ),
            (
                r#"{"hooks": {"Stop": [], "PreToolUse": [{"hooks": ["node /x.js"]}]}}"#,
                "without a `type`",
            ),
            (
                r#"{"hooks": {"Stop": ["node /x.js"]}}"#,
                "`hooks.Stop[0]` is not an object",
            ),
            (
                r#"{"hooks": {"Stop": [{"matcher": {}, "hooks": []}]}}"#,
                "`matcher` that is not a string",
            ),
            (r#"{"disableAllHooks": true}"#, "`disableAllHooks` is on"),
        ] {
            assert!(
                of(settings).is_some_and(|why| why.contains(part)),
                "{settings}: {:?}",
                of(settings)
            );
        }
        for settings in [
            "{}",
            r#"{"disableAllHooks": false}"#,
            r#"{"hooks": {"preEditHook": {"command": "x"}}}"#,
            r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "x"}]}]}}"#,
        ] {
            assert_eq!(of(settings), None, "{settings}");
        }
    }
}
