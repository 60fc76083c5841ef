//! Checks of the client: its version, its settings, the limit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::check::Check;
use crate::claude::client::Version;
use crate::claude::settings;
use crate::environment::{
    self, AUTO_BACKGROUND as LIMIT_VARIABLE, NO_PRESSURE_REAP, PYTHON_UNBUFFERED as UNBUFFERED,
};
use crate::folders::{self, CallSite};
use crate::platform::regular_file;

/// Minimum that the client accepts, in milliseconds (read in the code of 2.1.331).
const MIN_LIMIT: u64 = 2000;

const UPDATE: &str = "Update it: `claude update`, or as you installed it.";

/// Runs all checks except that of the limit.
pub(super) fn checks(
    client: Option<&(Result<Version, String>, PathBuf)>,
    site: &CallSite,
) -> Vec<Check> {
    let switches = [disabled(&site.project), switched_off(&site.project)];
    [version(client), trust(&site.project)]
        .into_iter()
        .chain(switches.into_iter().flatten())
        .collect()
}

fn version(client: Option<&(Result<Version, String>, PathBuf)>) -> Check {
    let name = "client";
    match client {
        None => Check::warning(
            name,
            "Claude Code: there is no `claude` on the PATH, so its version isn't known",
            format!("It has to be {} or newer.", Version::SUPPORTS_REWRITES),
        ),
        Some((Err(why), program)) => Check::warning(
            name,
            format!("Claude Code: {}: {why}", program.display()),
            "Start it by hand; its version isn't known.",
        ),
        Some((Ok(version), _)) if *version < Version::SUPPORTS_REWRITES => Check::failure(
            name,
            format!("Claude Code {version} ignores what bg-run does to a call"),
            format!(
                "{} or newer is needed. {UPDATE}",
                Version::SUPPORTS_REWRITES
            ),
        ),
        Some((Ok(version), _)) if *version < Version::SUPPORTS_LIMIT => Check::warning(
            name,
            format!("Claude Code {version}: calls are moved by rules only"),
            format!(
                "{} and newer also have the limit. {UPDATE}",
                Version::SUPPORTS_LIMIT
            ),
        ),
        Some((Ok(version), _)) => Check::ok(name, format!("Claude Code {version}")),
    }
}

/// Checks that the folder is trusted. An interactive client runs no hook elsewhere.
fn trust(project: &Path) -> Check {
    let file = environment::claude_config_dir()
        .or_else(|| folders::claude_dir()?.parent().map(Path::to_owned))
        .map(|dir| dir.join(".claude.json"));
    let text = file.and_then(|file| regular_file::read(&file, MAX_STATE).ok());
    let state: Value = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let accepted = |folder: &Path| {
        let project = state.get("projects")?.get(folder.to_str()?)?;
        project.get("hasTrustDialogAccepted")?.as_bool()
    };
    if project
        .ancestors()
        .any(|folder| accepted(folder) == Some(true))
    {
        Check::ok("trust", format!("{} is trusted", project.display()))
    } else {
        Check::warning(
            "trust",
            format!(
                "{} isn't trusted yet: Claude Code runs no hook there until you trust the folder",
                project.display()
            ),
            "Start `claude` there once, and answer its question.",
        )
    }
}

/// Maximum size in bytes of the client's own state that is read.
const MAX_STATE: u64 = 64 * 1024 * 1024;

fn disabled(project: &Path) -> Option<Check> {
    let name = settings::DISABLES_BACKGROUND;
    let by = settings::background_disabled_by(project)?;
    Some(Check::failure(
        "background-tasks",
        format!(
            "{name} is set: Claude Code runs nothing in the background, so bg-run moves nothing"
        ),
        format!("Remove it from {by}."),
    ))
}

fn switched_off(project: &Path) -> Option<Check> {
    let is_off = |value: &str| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "0" | "off" | "false" | "no"
        )
    };
    let set = settings::variable("BG_RUN", project).filter(|set| is_off(&set.value));
    let who = match set {
        Some(set) => set.file.display().to_string(),
        None if environment::switched_off() => "the environment".to_owned(),
        None => return None,
    };
    Some(Check::warning(
        "switched-off",
        "BG_RUN=off is set: bg-run changes no call",
        format!("Remove it from {who}."),
    ))
}

/// Checks the other values that `install` writes to the settings.
pub(super) fn values(version: Option<Version>, project: &Path) -> Vec<Check> {
    let set_by = |name: &str| {
        let set = settings::variable(name, project).map(|set| set.file.display().to_string());
        set.or_else(|| environment::is_set(name).then(|| "the environment".to_owned()))
    };
    let python = match set_by(UNBUFFERED) {
        Some(file) => format!("Python writes without a buffer ({UNBUFFERED} is set by {file})"),
        None => format!("bg-run writes {UNBUFFERED} before commands: no settings set it"),
    };
    let python = Check::ok("python", python);
    if version.is_some_and(|version| version < Version::STOPS_TASKS_FOR_MEMORY) {
        return vec![python];
    }
    let memory = match set_by(NO_PRESSURE_REAP) {
        Some(file) => Check::ok(
            "memory",
            format!("Tasks stay when memory is short ({NO_PRESSURE_REAP} is set by {file})"),
        ),
        None => Check::warning(
            "memory",
            format!(
                "Claude Code stops background tasks when memory is short and nobody has typed for half an hour: {NO_PRESSURE_REAP} isn't set"
            ),
            "`bg-run install` sets it, unless you add `--no-reaper`.",
        ),
    };
    vec![python, memory]
}

/// Checks whether the client itself moves long calls, and whether that is safe.
pub(super) fn limit(
    version: Option<Version>,
    project: &Path,
    in_force: &BTreeSet<String>,
) -> Check {
    let name = "limit";
    let set = settings::variable(LIMIT_VARIABLE, project);
    let set = set.map(|set| (set.value, set.file.display().to_string()));
    let set = set.or_else(|| {
        Some((
            environment::auto_background_text()?,
            "the environment".to_owned(),
        ))
    });
    let Some((value, who)) = set else {
        return Check::warning(
            name,
            "No limit is set: a long call that no rule names blocks until it ends",
            "`bg-run install` sets it; beside the plugin, `bg-run install --limit-only` does.",
        );
    };
    let Some(limit) = value
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|limit| *limit >= MIN_LIMIT)
    else {
        return Check::warning(
            name,
            format!("{LIMIT_VARIABLE} is `{value}`, set by {who}"),
            format!("It takes milliseconds, {MIN_LIMIT} or more: 30000."),
        );
    };
    let seconds = limit.div_ceil(1000);
    let holds = ["PostToolUse", "Stop"]
        .iter()
        .all(|event| in_force.contains(*event));
    match version {
        Some(version) if version < Version::SUPPORTS_LIMIT => Check::warning(
            name,
            format!(
                "The limit of {seconds} s, set by {who}, does nothing in Claude Code {version}"
            ),
            format!("It works from {} on. {UPDATE}", Version::SUPPORTS_LIMIT),
        ),
        Some(version) if !holds && version < Version::WAITS_HEADLESS => Check::failure(
            name,
            format!(
                "The limit of {seconds} s is in force, set by {who}, and bg-run's PostToolUse and Stop hooks aren't: \
                 `claude -p` of Claude Code {version} ends with its answer and kills what the limit moved"
            ),
            format!("`bg-run install` registers the hooks; or take {LIMIT_VARIABLE} out of {who}."),
        ),
        None if !holds => Check::warning(
            name,
            format!(
                "The limit of {seconds} s is set by {who}, and bg-run's PostToolUse and Stop hooks aren't in force: \
                 `claude -p` of some versions loses what the limit moved"
            ),
            format!("`bg-run install` registers the hooks; or take {LIMIT_VARIABLE} out of {who}."),
        ),
        _ => Check::ok(
            name,
            format!("Claude Code moves calls to the background after {seconds} s (set by {who})"),
        ),
    }
}
