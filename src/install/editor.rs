//! Entries for an editor's settings.json. They make task outputs read-only, so that a stray key doesn't stop them from
//! refreshing (measured, VS Code 1.139), and colour them as logs.

use std::fs;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde_json::Value;

use crate::claude::task;
use crate::environment;
use crate::state::{self, Kind, OUTPUT};
use crate::viewer::Editor;

/// The extension's publisher and name, as in its package.json.
pub const EXTENSION: &str = "bg-run.bg-run";

/// The settings that get bg-run's patterns, with the values from [`value_of`].
const SETTINGS: [&str; 2] = [READ_ONLY, "files.associations"];

const READ_ONLY: &str = "files.readonlyInclude";

/// Returns the patterns of the client's outputs and of bg-run's links to them. They don't match a `tasks` folder of the
/// user's own.
pub fn patterns() -> Vec<String> {
    let links = state::dir().map(|dir| dir.join(Kind::Tasks.name()));
    let links = links.map(|dir| format!("{}/*{OUTPUT}", dir.display()));
    task::PATTERNS
        .map(str::to_owned)
        .into_iter()
        .chain(links)
        .collect()
}

/// Whether an editor's settings make outputs read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputProtection {
    /// The settings make them read-only.
    ReadOnly,
    /// The settings don't contain some of bg-run's patterns.
    Unset,
    /// The user has set one of bg-run's patterns to another value.
    Writable,
}

impl OutputProtection {
    /// Reads the state from the settings in `text`.
    pub fn in_settings(text: &str) -> Self {
        let settings: Option<Value> =
            jsonc_parser::parse_to_serde_value(text, &ParseOptions::default()).ok();
        let read_only = settings
            .as_ref()
            .and_then(|settings| settings.get(READ_ONLY));
        let values: Vec<Option<bool>> = patterns()
            .iter()
            .map(|pattern| read_only?.get(pattern)?.as_bool())
            .collect();
        if values.contains(&Some(false)) {
            Self::Writable
        } else if values.contains(&None) {
            Self::Unset
        } else {
            Self::ReadOnly
        }
    }
}

fn value_of(setting: &str) -> CstInputValue {
    match setting {
        "files.associations" => CstInputValue::String("log".to_owned()),
        _ => CstInputValue::Bool(true),
    }
}

/// Adds the settings. The error names a setting with an unexpected shape.
pub(crate) fn add(root: &CstRootNode) -> Result<(), &'static str> {
    let settings = root.object_value_or_create().ok_or("the file")?;
    for setting in SETTINGS {
        let patterns = settings.object_value_or_create(setting).ok_or(setting)?;
        for pattern in self::patterns() {
            if patterns.get(&pattern).is_none() {
                patterns.ensure_multiline();
                patterns.append(&pattern, value_of(setting));
            }
        }
    }
    Ok(())
}

/// Removes the settings, and objects that become empty.
pub(crate) fn take_out(root: &CstRootNode) {
    let Some(settings) = root.object_value() else {
        return;
    };
    for setting in SETTINGS {
        let Some(property) = settings.get(setting) else {
            continue;
        };
        let Some(patterns) = property.object_value() else {
            continue;
        };
        let ours = self::patterns();
        let ours: Vec<_> = ours
            .iter()
            .filter_map(|pattern| patterns.get(pattern))
            .collect();
        if ours.is_empty() {
            continue;
        }
        for pattern in ours {
            pattern.remove();
        }
        if patterns.properties().is_empty() {
            property.remove();
        }
    }
}

/// Returns the settings.json of the editor around this terminal, or else of the one on the `PATH`; `None` if there is
/// no such editor. For a remote window it is the machine's file, because the user's file is on the other side.
pub fn path() -> Option<PathBuf> {
    let editor = Editor::here()?;
    if let Some(server) = environment::vscode_file().and_then(|file| server_folder(&file)) {
        return Some(server.join("data/Machine/settings.json"));
    }
    let dirs = BaseDirs::new()?;
    let folder = match editor.program.as_str() {
        "code-server" => dirs.data_local_dir().join("code-server"),
        _ => dirs.config_dir().join(editor.settings_folder?),
    };
    Some(folder.join("User/settings.json"))
}

/// Returns the settings files of all editors of the VS Code family here, including profiles and remote machines. A
/// file may be missing, but its folder exists.
pub fn all_files() -> Vec<PathBuf> {
    let Some(dirs) = BaseDirs::new() else {
        return Vec::new();
    };
    let inside = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<PathBuf>>()
    };
    let users = Editor::settings_folders().map(|name| dirs.config_dir().join(name).join("User"));
    let users = users.chain([dirs.data_local_dir().join("code-server/User")]);
    let users: Vec<PathBuf> = users.collect();
    let profiles = users.iter().flat_map(|user| inside(&user.join("profiles")));
    let servers = inside(dirs.home_dir());
    let servers = servers
        .into_iter()
        .filter(|dir| server_folder(dir).as_ref() == Some(dir));
    let machines = servers.map(|dir| dir.join("data/Machine"));
    let mut files: Vec<PathBuf> = users
        .iter()
        .cloned()
        .chain(profiles)
        .chain(machines)
        .filter(|dir| dir.is_dir())
        .map(|dir| dir.join("settings.json"))
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Returns `~/.vscode-server`, `~/.cursor-server` and so on for a file of the server.
fn server_folder(file: &Path) -> Option<PathBuf> {
    let mut folders = file.ancestors();
    let is_server = |dir: &&Path| {
        let name = dir.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with('.') && name.contains("-server"))
    };
    folders.find(is_server).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&CstRootNode)) -> String {
        let root = CstRootNode::parse(text, &ParseOptions::default()).unwrap();
        edit(&root);
        root.to_string()
    }

    #[test]
    fn the_settings_are_added_and_removed_beside_others() {
        let text = "{\n  // mine\n  \"files.associations\": {\n    \"*.foo\": \"json\"\n  }\n}\n";
        let with = edited(text, |root| add(root).unwrap());
        assert!(
            with.contains("// mine") && with.contains("\"*.foo\": \"json\""),
            "{with}"
        );
        assert_eq!(
            with.matches("/tasks/*.output").count(),
            2 * patterns().len(),
            "{with}"
        );
        assert_eq!(edited(&with, |root| add(root).unwrap()), with);
        assert_eq!(OutputProtection::in_settings(text), OutputProtection::Unset);
        assert_eq!(
            OutputProtection::in_settings(&with),
            OutputProtection::ReadOnly
        );
        let writable = with.replacen("true", "false", 1);
        assert_eq!(
            OutputProtection::in_settings(&writable),
            OutputProtection::Writable
        );
        let without: serde_json::Value =
            jsonc_parser::parse_to_serde_value(&edited(&with, take_out), &ParseOptions::default())
                .unwrap();
        assert_eq!(
            without,
            serde_json::json!({"files.associations": {"*.foo": "json"}})
        );
    }

    #[test]
    fn a_setting_with_another_shape_is_named() {
        let root =
            CstRootNode::parse("{\"files.readonlyInclude\": 3}", &ParseOptions::default()).unwrap();
        assert_eq!(add(&root), Err("files.readonlyInclude"));
    }
}
