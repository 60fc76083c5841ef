//! Checks of the settings, the rules, and the permission rules that prevent edits.

use super::check::Check;
use crate::claude::command_line::CommandLine;
use crate::claude::session::Session;
use crate::config::{Config, Configuration};
use crate::environment;
use crate::folders::{self, CallSite};
use crate::platform::regular_file;
use crate::rules::{FaultOrigin, Problem, lint};

/// Maximum size in bytes of a file that is read.
const MAX_FILE: u64 = 1024 * 1024;

pub(super) fn checks(configuration: &Configuration, site: &CallSite) -> Vec<Check> {
    let mut checks: Vec<Check> = configuration.problems.iter().map(problem).collect();
    checks.extend(dry_run());
    checks.extend(lint_findings());
    if checks.is_empty() {
        let count = configuration.rules.iter().count();
        checks.push(Check::ok(
            "rules",
            format!("The settings and {count} rules have no errors"),
        ));
    }
    checks.push(permissions(site));
    checks
}

/// Returns the check for a fault. A faulty `config.toml` counts as a dry run; a faulty rules file is ignored.
fn problem(problem: &Problem) -> Check {
    let message = problem.to_string();
    let is_config = |origin: &FaultOrigin| match origin {
        FaultOrigin::File(path) => Some(path) == folders::config_file().as_ref(),
        FaultOrigin::Environment | FaultOrigin::BuiltIn => false,
    };
    match &problem.origin {
        origin if is_config(origin) => Check::failure(
            "config",
            format!("{message}; until you fix it, bg-run only reports what it would do"),
            "`bg-run config check` shows if errors remain.",
        ),
        FaultOrigin::Environment => Check::warning("config", message, "Correct or unset it."),
        FaultOrigin::File(_) | FaultOrigin::BuiltIn => Check::warning(
            "rules",
            format!("{message}; bg-run ignores the file"),
            "`bg-run rules check` shows if errors remain.",
        ),
    }
}

fn dry_run() -> Option<Check> {
    let file = folders::config_file();
    let text = file
        .as_ref()
        .and_then(|file| regular_file::read(file, MAX_FILE).ok());
    let in_file = text
        .and_then(|text| Config::parse(&text).ok())
        .is_some_and(|config| config.dry_run);
    if environment::dry_run() {
        let message = "BG_RUN_DRY_RUN is set: bg-run only reports what it would do";
        return Some(Check::warning(
            "dry-run",
            message,
            "Unset it to end the dry run.",
        ));
    }
    in_file.then(|| {
        let message = "`dry-run` is on: bg-run only reports what it would do";
        Check::warning(
            "dry-run",
            message,
            "`bg-run config set dry-run false` ends the dry run.",
        )
    })
}

/// Returns a check for each rule of the user that is probably a mistake.
fn lint_findings() -> Vec<Check> {
    let Some(file) = folders::user_rules_file() else {
        return Vec::new();
    };
    let text = regular_file::read(&file, MAX_FILE).unwrap_or_default();
    let findings = lint(&text).into_iter();
    findings
        .map(|finding| {
            let finding = Problem {
                origin: FaultOrigin::File(file.clone()),
                ..finding
            };
            Check::warning(
                "rules",
                finding.to_string(),
                "`bg-run rules check` shows if errors remain.",
            )
        })
        .collect()
}

fn permissions(site: &CallSite) -> Check {
    let command_line = CommandLine::from_env();
    let rules = Session::from_env(false, "").permissions(site, &command_line);
    let message = format!(
        "Permission rules: {} in the settings files; {command_line}",
        rules.count()
    );
    if let Some(why) = rules.unknown() {
        return Check::warning(
            "permissions",
            format!("{message}; some aren't known: {why}"),
            "Calls are still moved, but bg-run doesn't edit their text.",
        );
    }
    let named = rules.naming_edits();
    if named.is_empty() {
        return Check::ok("permissions", message);
    }
    let named: Vec<String> = named.iter().map(|rule| format!("`Bash({rule})`")).collect();
    Check::warning(
        "permissions",
        format!(
            "Permission rules contain text that bg-run inserts: {}; if one matches, bg-run leaves out the edit",
            named.join(", ")
        ),
        "Write them without `PYTHONUNBUFFERED=1` and `2>&1`: Claude Code sees through both.",
    )
}
