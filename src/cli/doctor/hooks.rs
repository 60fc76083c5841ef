//! Checks that the client runs bg-run's hooks, and no other hook that changes calls. The checks examine the effect, not
//! only the entry.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::check::Check;
use super::program;
use crate::claude::hooks::{Hook, HookSource};
use crate::claude::settings::{self, SettingsScope};
use crate::folders::{self, CallSite};
use crate::install::{EVENTS, calls_bg_run, hook_timeout};
use crate::programs;

/// Seconds after which the client gives up on a hook that sets no time-out (hooks reference).
const TIMEOUT: u64 = 60;

const INSTALL: &str = "`bg-run install` registers it.";

pub(super) fn checks(sources: &[HookSource], site: &CallSite, chain: &[Vec<String>]) -> Vec<Check> {
    let mut checks = ignored_files(sources);
    checks.extend(switched_off_hooks(sources));
    checks.extend(managed_only(sources));
    let ours = effective_hooks(sources);
    if ours.is_empty() {
        // Otherwise the reason has been reported.
        if checks.is_empty() {
            let message = "No hook of bg-run is registered for this project";
            checks.push(Check::failure("hooks", message, INSTALL));
        }
    } else {
        checks.push(registered(&ours, site));
        checks.extend(program::checks(&ours, site));
    }
    checks.extend(sources.iter().filter_map(skipped_entry));
    checks.extend(others(sources, chain));
    checks
}

/// Returns the events for which a hook of bg-run runs.
pub(super) fn events_in_force(sources: &[HookSource]) -> BTreeSet<String> {
    let ours = effective_hooks(sources).into_iter();
    ours.map(|(_, hook)| hook.event).collect()
}

fn is_ours(hook: &Hook) -> bool {
    let program = programs::own_path().unwrap_or_default();
    let first = hook.arguments.as_ref().and_then(|words| words.first());
    calls_bg_run(
        &hook.command,
        first.map(String::as_str),
        &program.to_string_lossy(),
    )
}

fn ours_in(source: &HookSource) -> Vec<Hook> {
    source.hooks().into_iter().filter(is_ours).collect()
}

/// Returns bg-run's hooks that the client runs, each with its file.
fn effective_hooks(sources: &[HookSource]) -> Vec<(PathBuf, Hook)> {
    let only_managed = sources.iter().any(allows_only_managed);
    let is_off = disabling_source(sources).is_some();
    sources
        .iter()
        .filter(|source| !is_off && source.fault.is_none() && (source.is_managed || !only_managed))
        .flat_map(|source| {
            let ours = ours_in(source).into_iter();
            ours.map(|hook| (source.path.clone(), hook))
        })
        .filter(|(_, hook)| {
            let event = EVENTS.iter().find(|(event, _)| *event == hook.event);
            event.is_some_and(|(_, tools)| tools.split('|').any(|tool| matches_tool(hook, tool)))
        })
        .collect()
}

/// Whether the hook applies to `tool`. An empty name stands for an event without tools.
fn matches_tool(hook: &Hook, tool: &str) -> bool {
    tool.is_empty() || hook.is_for(tool)
}

/// Returns the parts that an older registration lacks: an event, a tool, or time to wait.
fn missing_parts(ours: &[(PathBuf, Hook)]) -> Vec<String> {
    let hooks = |event: &'static str| ours.iter().filter(move |(_, hook)| hook.event == event);
    let lacks = EVENTS.iter().flat_map(|(event, tools)| {
        if hooks(event).next().is_none() {
            return vec![format!("{event} isn't among them")];
        }
        let tools = tools.split('|');
        let missing = tools.filter(|tool| !hooks(event).any(|(_, hook)| matches_tool(hook, tool)));
        let missing = missing.map(|tool| format!("{event} isn't for {tool}"));
        let seconds = hook_timeout(event);
        let short = hooks(event).filter(|(_, hook)| hook.timeout.unwrap_or(TIMEOUT) < seconds);
        let short = short.map(|_| format!("{event} has a time-out below {seconds} s"));
        missing.chain(short).collect()
    });
    lacks.collect()
}

/// Returns a check for each file that the client ignores.
fn ignored_files(sources: &[HookSource]) -> Vec<Check> {
    let none_in_force = effective_hooks(sources).is_empty();
    let faulty = sources
        .iter()
        .filter_map(|source| Some((source, source.fault.as_ref()?)));
    faulty
        .map(|(source, why)| {
            let path = source.path.display();
            let message = format!("{path}: {why}");
            let fix = source.fix.clone();
            let fix = fix.unwrap_or_else(|| format!("Fix {path}."));
            if none_in_force {
                Check::failure("hooks-silent", message, fix)
            } else {
                Check::warning("hooks-silent", message, fix)
            }
        })
        .collect()
}

/// Returns the check for an entry that the client skips while it runs the others of the file.
fn skipped_entry(source: &HookSource) -> Option<Check> {
    let why = source.skipped_entry.as_ref()?;
    let path = source.path.display();
    Some(Check::warning(
        "hooks-left-out",
        format!(
            "{path}: {why}: Claude Code skips this entry; before 2.1.260 it runs no hook of the file"
        ),
        format!("Fix {path}."),
    ))
}

/// Returns the file that decides on `disableAllHooks`, if it switches hooks off.
fn disabling_source(sources: &[HookSource]) -> Option<&HookSource> {
    let mut files = sources.iter().rev().filter(|source| source.fault.is_none());
    let last = files.find(|file| settings::disables_hooks(&file.settings).is_some())?;
    (settings::disables_hooks(&last.settings) == Some(true)).then_some(last)
}

fn switched_off_hooks(sources: &[HookSource]) -> Option<Check> {
    let path = disabling_source(sources)?.path.display();
    Some(Check::failure(
        "hooks-off",
        format!("`disableAllHooks` is on in {path}: Claude Code runs no hook of any file"),
        format!("Remove it from {path}."),
    ))
}

fn allows_only_managed(source: &HookSource) -> bool {
    let setting = source.settings.get("allowManagedHooksOnly");
    source.is_managed && setting.and_then(Value::as_bool) == Some(true)
}

fn managed_only(sources: &[HookSource]) -> Option<Check> {
    let source = sources.iter().find(|source| allows_only_managed(source))?;
    let ours = sources.iter().filter(|source| source.is_managed);
    if ours.flat_map(ours_in).next().is_some() {
        return None;
    }
    Some(Check::failure(
        "hooks-managed",
        format!(
            "`allowManagedHooksOnly` is on in {}: Claude Code runs an administrator's hooks only",
            source.path.display()
        ),
        "Ask whoever manages this machine to register bg-run there.",
    ))
}

/// Whether a file shared by a project's members contains a path of this machine.
fn is_shared(file: &Path, site: &CallSite, hook: &Hook) -> bool {
    let shared = settings::path(SettingsScope::Project, &site.project);
    shared.is_some_and(|shared| shared == file) && hook.command.starts_with('/')
}

/// Checks that there is exactly one hook per event.
fn registered(ours: &[(PathBuf, Hook)], site: &CallSite) -> Check {
    let name = "hooks";
    let events = |event: &str| ours.iter().filter(|(_, hook)| hook.event == event).count();
    let files: BTreeSet<String> = ours
        .iter()
        .map(|(file, _)| file.display().to_string())
        .collect();
    let files = files.into_iter().collect::<Vec<_>>().join(", ");
    let changes = |(_, hook): &&(PathBuf, Hook)| hook.event == "PreToolUse" && !hook.is_async;
    if ours.iter().find(changes).is_none() {
        let why = if events("PreToolUse") == 0 {
            "No hook of bg-run runs before Bash calls"
        } else {
            "The hook before Bash calls is `async`, so that it can't change a call"
        };
        return Check::failure(name, format!("{why}: {files}"), INSTALL);
    }
    let missing_parts = missing_parts(ours);
    if !missing_parts.is_empty() {
        let message = format!(
            "The hooks in {files} are an older version's: {}",
            missing_parts.join(", ")
        );
        return Check::warning(name, message, "`bg-run install` brings them up to date.");
    }
    if let Some((file, hook)) = ours.iter().find(|(file, hook)| is_shared(file, site, hook)) {
        return Check::warning(
            name,
            format!(
                "{} is shared with others, and {} is a path of this machine",
                file.display(),
                hook.command
            ),
            "`bg-run install --scope project --by-name` registers `bg-run` from the PATH.",
        );
    }
    if EVENTS.iter().any(|(event, _)| events(event) > 1) {
        return Check::warning(
            name,
            format!(
                "The hooks are registered more than once: {files}; each call starts bg-run once for each"
            ),
            "`bg-run uninstall` with the superfluous `--scope`, or `claude plugin uninstall bg-run@bg-run`.",
        );
    }
    Check::ok(name, format!("The hooks are registered in {files}"))
}

/// Checks the hooks that bg-run runs itself.
pub(super) fn chained(commands: &[Vec<String>]) -> Option<Check> {
    let missing = commands.iter().filter_map(|words| words.first());
    let missing: Vec<&str> = missing
        .map(String::as_str)
        .filter(|program| !programs::is_executable_name(program))
        .collect();
    if !missing.is_empty() {
        return Some(Check::warning(
            "chain",
            format!(
                "`chain` names {}, and there is no such program",
                missing.join(", ")
            ),
            "Install it, or take it out: `bg-run config set chain '[]'`.",
        ));
    }
    let shown: Vec<String> = commands
        .iter()
        .map(|words| format!("`{}`", words.join(" ")))
        .collect();
    (!shown.is_empty()).then(|| {
        Check::ok(
            "chain",
            format!("bg-run runs {} first", shown.join(", then ")),
        )
    })
}

/// Programs known for rewriting Bash calls.
const REWRITERS: &[&str] = &["rtk", "tokf"];

fn rewrites(command: &str) -> bool {
    let mut words = command.split(|c: char| c.is_whitespace() || "/;&|\"'.-_".contains(c));
    words.any(|word| REWRITERS.contains(&word))
}

/// Returns the hook's words for `chain`. A command with shell syntax is passed to a shell.
fn words(hook: &Hook) -> Vec<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " /._-+:@%,".contains(c);
    match &hook.arguments {
        Some(arguments) => [vec![hook.command.clone()], arguments.clone()].concat(),
        None if hook.command.chars().all(is_plain) => {
            hook.command.split_whitespace().map(str::to_owned).collect()
        }
        None => ["sh", "-c", &hook.command].map(str::to_owned).into(),
    }
}

/// Returns the line of config.toml that makes bg-run run these hooks after those in `chain`.
fn chain_line(chain: &[Vec<String>], hooks: &[&Hook]) -> String {
    let mut commands = chain.to_vec();
    commands.extend(hooks.iter().map(|hook| words(hook)));
    format!("chain = {}", serde_json::json!(commands))
}

/// Returns the check for other hooks that run before Bash calls, if there are any.
fn others(sources: &[HookSource], chain: &[Vec<String>]) -> Option<Check> {
    let all = sources.iter().filter(|source| source.fault.is_none());
    let others: Vec<Hook> = all
        .flat_map(HookSource::hooks)
        .filter(|hook| hook.event == "PreToolUse" && hook.is_for("Bash") && !hook.is_async)
        .filter(|hook| !is_ours(hook))
        .collect();
    let shown = |hooks: &[&Hook]| {
        let shown: Vec<String> = hooks
            .iter()
            .map(|hook| format!("`{}`", hook.shown()))
            .collect();
        shown.join(", ")
    };
    let rewriting: Vec<&Hook> = others
        .iter()
        .filter(|hook| rewrites(&hook.shown()))
        .collect();
    if !rewriting.is_empty() {
        return Some(Check::warning(
            "other-hooks",
            format!(
                "{} rewrites Bash calls as well: of two, the one that finishes last wins",
                shown(&rewriting)
            ),
            format!(
                "Remove it from the settings and write `{}` into {}: bg-run runs it first, and both count.",
                chain_line(chain, &rewriting),
                folders::config_file().unwrap_or_default().display()
            ),
        ));
    }
    let all: Vec<&Hook> = others.iter().collect();
    (!all.is_empty()).then(|| {
        let message = format!(
            "Other hooks run before Bash calls: {}; if one rewrites them, the one that finishes last wins",
            shown(&all)
        );
        Check::ok("other-hooks", message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::doctor::CheckState;

    fn source(settings: Value, is_managed: bool) -> HookSource {
        HookSource {
            path: PathBuf::from(if is_managed {
                "/etc/managed.json"
            } else {
                "/u/settings.json"
            }),
            is_managed,
            plugin: None,
            settings,
            fault: None,
            fix: None,
            skipped_entry: None,
        }
    }

    fn ours() -> Value {
        let hook = json!([{"matcher": "Bash", "hooks": [{"type": "command", "command": "/x/bg-run", "args": ["hook"]}]}]);
        let hooks = EVENTS
            .iter()
            .map(|(event, _)| ((*event).to_owned(), hook.clone()));
        json!({"hooks": hooks.collect::<serde_json::Map<_, _>>()})
    }

    #[test]
    fn the_line_for_chain_keeps_existing_commands() {
        let hook = |command: &str, arguments: Option<&[&str]>| Hook {
            event: "PreToolUse".to_owned(),
            matcher: None,
            command: command.to_owned(),
            arguments: arguments.map(|words| words.iter().map(|&word| word.to_owned()).collect()),
            is_async: false,
            timeout: None,
        };
        let there = [vec!["a".to_owned()]];
        for (hook, line) in [
            (
                hook("rtk  hook claude", None),
                r#"chain = [["a"],["rtk","hook","claude"]]"#,
            ),
            (
                hook("/opt/my rtk", Some(&["x y"])),
                r#"chain = [["a"],["/opt/my rtk","x y"]]"#,
            ),
            (
                hook("$HOME/rtk \"hook\" || true", None),
                r#"chain = [["a"],["sh","-c","$HOME/rtk \"hook\" || true"]]"#,
            ),
        ] {
            assert!(rewrites(&hook.shown()));
            let text = chain_line(&there, &[&hook]);
            assert_eq!(text, line);
            let config = crate::config::Config::parse(&text).unwrap();
            assert_eq!(config.chain[1..], [words(&hook)]);
        }
        for other in ["starter hook", "my-gate", "port-rtks"] {
            assert!(!rewrites(other), "{other}");
        }
    }

    /// A test can't write to an administrator's folder.
    #[test]
    fn an_administrator_can_exclude_all_other_hooks() {
        let only = json!({"allowManagedHooksOnly": true});
        let mut both = ours();
        both["allowManagedHooksOnly"] = true.into();
        for (managed, user, failure) in [
            (only, ours(), true),
            (both, json!({}), false),
            (json!({}), ours(), false),
        ] {
            let sources = [source(user, false), source(managed, true)];
            let found = managed_only(&sources);
            assert_eq!(
                found.map(|check| check.state),
                failure.then_some(CheckState::Failure)
            );
            assert_eq!(events_in_force(&sources).is_empty(), failure);
        }
    }
}
