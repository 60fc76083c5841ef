//! Claude Code's settings files: where they are, and the permission rules in them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::folders;
use crate::policy::PermissionRules;

/// The file of an administrator, which wins over all others.
const MANAGED: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode/managed-settings.json"
} else {
    "/etc/claude-code/managed-settings.json"
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

/// The permission rules of all layers. A file that is missing or no JSON adds none, as in the client.
pub fn permission_rules(project: &Path) -> PermissionRules {
    let mut rules = PermissionRules::default();
    let scopes = [Scope::User, Scope::Project, Scope::Local];
    let paths = scopes.into_iter().filter_map(|scope| path(scope, project));
    for path in paths.chain([PathBuf::from(MANAGED)]) {
        if let Ok(text) = fs::read_to_string(&path)
            && let Ok(Some(settings)) = jsonc_parser::parse_to_serde_value::<Option<Value>>(
                &text,
                &jsonc_parser::ParseOptions::default(),
            )
        {
            rules.add_settings(&settings);
        }
    }
    rules
}
