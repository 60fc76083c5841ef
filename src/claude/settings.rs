//! Claude Code's settings files: their locations, and the permission rules in them.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::permissions::{PermissionRules, RuleOrigin};
use super::settings_file::{self, SettingsFault, Validation};
use super::settings_places::{self, Owner, PLACES, Reading, Roots, SettingsPlace};
use crate::folders::CallSite;
use crate::{environment, folders};

/// A settings file that a user may edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SettingsScope {
    /// `~/.claude/settings.json`, for all projects.
    User,
    /// `.claude/settings.json`, for this project, shared with others.
    Project,
    /// `.claude/settings.local.json`, for this project and this user only.
    Local,
}

impl SettingsScope {
    /// Returns the scope's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
            Self::Local => "local",
        }
    }
}

/// Returns the path of a scope's file for the project in `project`; `None` without a home folder.
pub fn path(scope: SettingsScope, project: &Path) -> Option<PathBuf> {
    match scope {
        SettingsScope::User => folders::claude_dir().map(|dir| dir.join("settings.json")),
        SettingsScope::Project => Some(project.join(settings_places::PROJECT)),
        SettingsScope::Local => Some(project.join(settings_places::LOCAL)),
    }
}

/// Reads the settings in the file at `path`. A file that is missing or isn't JSON gives `Null`, because the client
/// ignores it.
///
/// # Errors
///
/// Fails if the content can't be known: the file isn't regular, is too large, isn't readable, or contains more than
/// the parser accepts.
pub fn read(path: &Path) -> io::Result<Value> {
    match settings_file::judge_at(path) {
        Validation::Accepted(settings) => Ok(settings),
        Validation::Ignored(fault) => fault.settings.ok_or(io::ErrorKind::FileTooLarge.into()),
        Validation::Unknown { why, .. } => Err(io::Error::other(why)),
    }
}

/// Whether a session loads an owner's files.
pub type IsLoaded<'a> = &'a dyn Fn(Owner) -> bool;

/// Reads the permission rules from all places around a project.
pub fn permission_rules(roots: &Roots<'_>, is_loaded: IsLoaded<'_>) -> PermissionRules {
    let mut rules = PermissionRules::default();
    let mut managed_only = false;
    // An administrator's files come first because they can exclude all others.
    for place in PLACES.iter().rev() {
        for path in place.paths(roots) {
            if place.reading == Reading::Unread {
                if let Some(why) = settings_places::presence(&path) {
                    rules.record_hidden_rules(why);
                }
                continue;
            }
            let (settings, is_whole) = match settings_file::judge_at(&path) {
                Validation::Accepted(settings) => (settings, true),
                // An unknown version of the client may accept the file.
                Validation::Ignored(SettingsFault {
                    settings: Some(settings),
                    ..
                }) => (settings, false),
                Validation::Ignored(fault) => {
                    rules.record_hidden_rules(format!("{}: {}", path.display(), fault.cause));
                    continue;
                }
                Validation::Unknown { why, partial } => {
                    rules.record_hidden_rules(format!("{}: {why}", path.display()));
                    (partial, false)
                }
            };
            if settings.is_null() {
                continue;
            }
            let is_managed = place.owner == Owner::Managed;
            if is_managed && sets(&settings, "allowManagedPermissionRulesOnly") {
                managed_only = true;
                rules.distrust_the_command_line();
            }
            if is_managed && HELPERS.iter().any(|name| settings.get(name).is_some()) {
                let path = path.display();
                rules.record_hidden_rules(format!("{path} names a program that gives settings"));
            }
            let origin = RuleOrigin {
                is_certain: is_whole
                    && place.reading == Reading::Certain
                    && is_loaded(place.owner)
                    && (is_managed || !managed_only)
                    && has_well_formed_rules(&settings),
                folder: path.parent().map(Path::to_owned),
            };
            rules.add_settings_from(&settings, &origin);
        }
    }
    rules
}

/// An administrator's settings that name a program whose output is settings.
const HELPERS: &[&str] = &["policyHelper", "policyHelpers"];

fn sets(settings: &Value, name: &str) -> bool {
    settings.get(name).and_then(Value::as_bool) == Some(true)
}

/// Whether every entry of `permissions` is well-formed. The client may ignore a file with any other.
fn has_well_formed_rules(settings: &Value) -> bool {
    let Some(permissions) = settings.get("permissions") else {
        return true;
    };
    let is_list = |name: &&str| match permissions.get(name) {
        None => true,
        Some(rules) => rules
            .as_array()
            .is_some_and(|rules| rules.iter().all(Value::is_string)),
    };
    permissions.is_object() && ["allow", "ask", "deny"].iter().all(is_list)
}

/// A value of the settings' `env`, and the file that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The value as text; the client accepts numbers too.
    pub value: String,
    /// The file.
    pub file: PathBuf,
}

/// Returns the value of `name` in the settings' `env` for the project in `project`. The last file that names it wins:
/// user, project, local, administrator (hooks reference; measured for the first three, 2.1.200 and 2.1.331).
pub fn variable(name: &str, project: &Path) -> Option<Variable> {
    let site = CallSite::of_project(project.to_owned());
    let files = settings_places::read_files(&Roots::of(&site)).into_iter();
    let mut values = files.rev().filter_map(|(_, file)| {
        // The client ignores all values of a file that has one invalid value.
        let Validation::Accepted(settings) = settings_file::judge_at(&file) else {
            return None;
        };
        let value = match settings.get("env")?.get(name)? {
            Value::String(text) => text.clone(),
            other @ (Value::Number(_) | Value::Bool(_)) => other.to_string(),
            _ => return None,
        };
        Some(Variable { value, file })
    });
    values.next()
}

/// The variable that keeps the client from running anything in the background.
pub const DISABLES_BACKGROUND: &str = "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS";

/// Describes the file or environment that sets [`DISABLES_BACKGROUND`].
pub fn background_disabled_by(project: &Path) -> Option<String> {
    let is_on = |value: &str| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "1" | "on" | "true" | "yes"
        )
    };
    match variable(DISABLES_BACKGROUND, project).filter(|set| is_on(&set.value)) {
        Some(set) => Some(set.file.display().to_string()),
        None => environment::background_tasks_disabled().then(|| "the environment".to_owned()),
    }
}

/// Returns the files whose hooks clients run; later ones win.
pub fn files(project: &Path) -> Vec<(&'static SettingsPlace, PathBuf)> {
    settings_places::read_files(&Roots::of(&CallSite::of_project(project.to_owned())))
}

/// Returns a sentence with the reason why the client runs no hook of a file with these settings: they are switched
/// off, or an entry is malformed.
pub fn reason_without_hooks(settings: &Value) -> Option<String> {
    if disables_hooks(settings) == Some(true) {
        let why = "`disableAllHooks` is on: Claude Code runs no hook of this file";
        return Some(why.to_owned());
    }
    let why = malformed_hook(settings)?;
    Some(format!(
        "{why}: Claude Code before 2.1.260 runs no hook of this file"
    ))
}

/// Returns whether these settings switch all hooks off, if they mention it. The last file that mentions it decides for
/// the hooks of all files (measured, 2.1.20 to 2.1.331).
pub fn disables_hooks(settings: &Value) -> Option<bool> {
    settings.get("disableAllHooks")?.as_bool()
}

/// Returns the first malformed entry. Because of it, clients before [`super::client::Version::SKIPS_MALFORMED_HOOKS`]
/// silently run no hook of the file.
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
    (!hooks.iter().all(is_whole)).then_some("contains a hook without a `type`")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ALL: IsLoaded<'static> = &|_| true;

    /// A simulated machine in a temporary folder.
    struct Machine {
        folder: tempfile::TempDir,
    }

    impl Machine {
        fn with(files: &[(&str, &str)]) -> Self {
            let machine = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            for (name, text) in files {
                let path = machine.folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            machine
        }

        fn rules(&self, is_loaded: IsLoaded<'_>) -> PermissionRules {
            let root = self.folder.path();
            let site = CallSite::of_project(root.join("project/sub"));
            let roots = Roots {
                site: &site,
                claude_dir: Some(root.join("home/.claude")),
                root: root.to_owned(),
                user: Some("ann".to_owned()),
            };
            permission_rules(&roots, is_loaded)
        }
    }

    fn text(list: &str, rule: &str) -> String {
        format!(r#"{{"permissions": {{"{list}": ["Bash({rule})"]}}}}"#)
    }

    #[test]
    fn every_place_counts() {
        let managed = if cfg!(target_os = "macos") {
            "Library/Application Support/ClaudeCode"
        } else {
            "etc/claude-code"
        };
        for (file, counts) in [
            ("home/.claude/settings.json", true),
            ("home/.claude/settings.local.json", false),
            ("project/sub/.claude/settings.json", true),
            ("project/sub/.claude/settings.local.json", true),
            ("project/.claude/settings.local.json", true),
            ("project/.claude/settings.json", false),
            (&format!("{managed}/managed-settings.json"), true),
            (&format!("{managed}/managed-settings.d/10-a.json"), true),
            (&format!("{managed}/managed-settings.d/notes.txt"), false),
        ] {
            let machine = Machine::with(&[(file, &text("deny", "a")), ("project/.git/HEAD", "")]);
            let rules = machine.rules(ALL);
            assert_eq!(rules.comparison().may_restrict("a"), counts, "{file}");
            assert_eq!(rules.unknown(), None, "{file}");
        }
        for file in [
            "home/.claude/remote-settings.json",
            "Library/Managed Preferences/com.anthropic.claudecode.plist",
            "Library/Managed Preferences/ann/com.anthropic.claudecode.plist",
            "mnt/c/Program Files/ClaudeCode/managed-settings.json",
        ] {
            let rules = Machine::with(&[(file, "")]).rules(ALL);
            assert!(rules.unknown().is_some(), "{file}");
        }
    }

    #[test]
    fn an_allow_rule_counts_if_every_client_reads_it() {
        let only_managed =
            r#"{"allowManagedPermissionRulesOnly": true, "permissions": {"allow": ["Bash(m)"]}}"#;
        let managed = if cfg!(target_os = "macos") {
            "Library/Application Support/ClaudeCode/managed-settings.json"
        } else {
            "etc/claude-code/managed-settings.json"
        };
        let odd = r#"{"permissions": {"allow": ["Bash(a)"], "deny": "Bash(b)"}}"#;
        let allow = text("allow", "a");
        let of_project: IsLoaded<'_> = &|owner| owner == Owner::Project;
        for (files, is_loaded, allows) in [
            (&[("home/.claude/settings.json", &*allow)][..], ALL, true),
            (&[("home/.claude/settings.json", &allow)], of_project, false),
            (
                &[("project/sub/.claude/settings.json", &allow)],
                of_project,
                true,
            ),
            (
                &[
                    ("project/.claude/settings.local.json", &allow),
                    ("project/.git/HEAD", ""),
                ],
                ALL,
                false,
            ),
            (&[("home/.claude/settings.json", odd)], ALL, false),
            (
                &[
                    ("home/.claude/settings.json", &allow),
                    (managed, only_managed),
                ],
                ALL,
                false,
            ),
        ] {
            let rules = Machine::with(files).rules(is_loaded);
            assert_eq!(rules.comparison().surely_allow("a"), allows, "{files:?}");
            assert!(rules.comparison().may_allow("a"), "{files:?}");
        }
        assert!(
            Machine::with(&[(managed, only_managed)])
                .rules(ALL)
                .comparison()
                .surely_allow("m")
        );
    }

    #[test]
    fn known_parts_of_a_malformed_file_count() {
        let nested = format!("{}{}", "[".repeat(600), "]".repeat(600));
        for odd in [r#""\ud83d""#, "1e999", &nested] {
            let text = format!(
                r#"{{"note": {odd}, "permissions": {{"allow": ["Bash(a)"], "ask": ["Bash(b)"],
                    "deny": ["Bash(timeout:600000)", "Read(./c)"]}}}}"#
            );
            for file in [
                "home/.claude/settings.json",
                "project/sub/.claude/settings.local.json",
            ] {
                let rules = Machine::with(&[(file, &text)]).rules(ALL);
                assert!(rules.unknown().is_some(), "{file} {odd}");
                assert!(
                    rules.comparison().may_allow("a") && !rules.comparison().surely_allow("a"),
                    "{file} {odd}"
                );
                assert!(rules.comparison().may_restrict("b"), "{file} {odd}");
                let rule = rules.telling_apart("timeout", Some("600000"), "7200000");
                assert!(rule.is_some(), "{file} {odd}");
            }
        }
    }

    #[test]
    fn an_unreadable_file_may_hide_rules() {
        for text in [
            "{\"x\": \"\\udc00\", \"permissions\": {\"deny\": [\"Bash(a)\"]}}",
            "{\"x\": -1e999}",
        ] {
            let rules = Machine::with(&[("home/.claude/settings.json", text)]).rules(ALL);
            assert!(rules.unknown().is_some(), "{text}");
        }
        let machine = Machine::with(&[("home/.claude/settings.json/x", "")]);
        assert!(machine.rules(ALL).unknown().is_some());
        let large = format!("{{}}{}", " ".repeat(settings_file::MAX_SIZE));
        let machine = Machine::with(&[("home/.claude/settings.json", &large)]);
        assert!(machine.rules(ALL).unknown().is_some());
    }

    #[test]
    fn a_file_is_decoded_as_the_client_decodes_it() {
        let machine = Machine::with(&[("home/.claude/settings.json", "")]);
        let file = machine.folder.path().join("home/.claude/settings.json");
        let text = text("allow", "a");
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&file, [&b"\xff\xfe"[..], &utf16].concat()).unwrap();
        assert!(machine.rules(ALL).comparison().surely_allow("a"));
        // One wrong value, and the client takes nothing of the file.
        let wrong = text.replacen('{', "{\"model\": 5, ", 1);
        fs::write(&file, &wrong).unwrap();
        let rules = machine.rules(ALL);
        assert!(!rules.comparison().surely_allow("a") && rules.comparison().may_allow("a"));
        fs::write(&file, [b'{', 0xff, b'}']).unwrap();
        assert_eq!(machine.rules(ALL).unknown(), None);
    }

    #[test]
    fn a_malformed_entry_disables_all_hooks() {
        let of = |hooks: &str| reason_without_hooks(&serde_json::from_str(hooks).unwrap());
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
