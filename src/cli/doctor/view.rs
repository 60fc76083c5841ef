//! Checks of the view inside Claude Code, whose folder must exist, be current, and be loaded by the client; and of the
//! status line.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::check::Check;
use crate::claude::client::{self as claude, Version};
use crate::claude::hooks::HookSource;
use crate::install::skill::{SkillFolder, SkillState};
use crate::install::status_line::{self, command_in};
use crate::programs;

const NAME: &str = "view";
/// The client's name for the folder.
const FOLDER: &str = "bg-run@skills-dir";

const INSTALL: &str = "`bg-run install` writes it.";

pub(super) fn check(
    sources: &[HookSource],
    client: Option<&(Result<Version, String>, PathBuf)>,
) -> Option<Check> {
    let folder = SkillFolder::new(&programs::own_path().ok()?)?;
    let path = folder.path().display();
    let from_plugin = has_plugin(sources);
    let check = match folder.state() {
        SkillState::Missing if from_plugin => {
            Check::ok(NAME, "The plugin contains the skill and the view")
        }
        SkillState::Missing => Check::ok(
            NAME,
            "The skill and the view aren't installed; `bg-run install` writes them",
        ),
        SkillState::Foreign => Check::warning(
            NAME,
            format!("bg-run didn't create {path}, so the skill and the view aren't installed"),
            "Move it away and run `bg-run install`, or leave it.".to_owned(),
        ),
        SkillState::Changed(files) => Check::warning(
            NAME,
            format!(
                "{path} was changed since bg-run wrote it: {}",
                listed(&files)
            ),
            "Move it away, then `bg-run install` writes this version's; or leave it.",
        ),
        SkillState::Outdated => Check::warning(
            NAME,
            format!("{path} is from another version, or names another program path"),
            INSTALL,
        ),
        SkillState::Current => current(&folder, sources, client, from_plugin),
    };
    Some(check)
}

fn listed(files: &[PathBuf]) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    files.join(", ")
}

fn current(
    folder: &SkillFolder,
    sources: &[HookSource],
    client: Option<&(Result<Version, String>, PathBuf)>,
    from_plugin: bool,
) -> Check {
    let path = folder.path().display();
    if from_plugin {
        return Check::ok(
            NAME,
            format!(
                "The plugin contains the skill and the view; Claude Code ignores {path} beside it"
            ),
        );
    }
    if let Some(source) = sources.iter().find(|source| is_off(&source.settings)) {
        return Check::warning(
            NAME,
            format!("`{FOLDER}` is switched off in {}", source.path.display()),
            "Remove it from `enabledPlugins` there.",
        );
    }
    let Some((Ok(version), program)) = client else {
        return Check::ok(NAME, format!("The skill and the view are in {path}"));
    };
    if *version < Version::SUPPORTS_VIEW {
        return Check::ok(
            NAME,
            format!(
                "The skill is in {path}; the view beside it needs Claude Code {} or newer",
                Version::SUPPORTS_VIEW
            ),
        );
    }
    match claude::plugin_fault(program, folder.path()) {
        Some(why) => Check::warning(
            NAME,
            format!("Claude Code {version} refuses the view in {path}: {why}"),
            format!(
                "Hooks and skill work without it. `claude plugin validate {path}` shows the reason."
            ),
        ),
        None => Check::ok(NAME, format!("The skill and the view are in {path}")),
    }
}

fn is_off(settings: &Value) -> bool {
    let enabled = settings.get("enabledPlugins");
    enabled.and_then(|enabled| enabled.get(FOLDER)) == Some(&Value::Bool(false))
}

/// Whether the plugin itself is enabled. The client then ignores a skills folder with the same name.
fn has_plugin(sources: &[HookSource]) -> bool {
    let enabled = sources
        .iter()
        .filter_map(|source| source.settings.get("enabledPlugins")?.as_object());
    enabled.flatten().any(|(name, is_on)| {
        name.starts_with("bg-run@") && name != FOLDER && *is_on == Value::Bool(true)
    })
}

/// Checks the status line that Claude Code shows. The user's own is fine, and is mentioned only if bg-run is part of
/// it.
pub(super) fn status_line(sources: &[HookSource]) -> Option<Check> {
    let last = sources.iter().rev().find_map(|source| match source.fault {
        None => Some((&source.path, command_in(&source.settings)?)),
        Some(_) => None,
    });
    let (path, command) = last?;
    let words = command.strip_suffix(" statusline")?;
    let program = words.trim_matches('\'').replace(r"'\''", "'");
    let program = Path::new(&program);
    if program.file_name()? != "bg-run" {
        return None;
    }
    let path = path.display();
    if !programs::is_executable_name(program.to_str()?) {
        return Some(Check::warning(
            "status-line",
            format!("The status line in {path} starts {words}, and there is no such program"),
            "`bg-run install --status-line` fixes one that it set.",
        ));
    }
    let own = programs::own_path().ok();
    let is_own = own.as_deref().and_then(status_line::command).as_deref() == Some(command);
    let whose = if is_own { "" } else { ", by another bg-run" };
    Some(Check::ok(
        "status-line",
        format!("The status line shows the running task, set in {path}{whose}"),
    ))
}
