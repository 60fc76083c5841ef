//! Checks the programs that are registered as bg-run's hooks, whatever their names are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::check::Check;
use crate::claude::hooks::Hook;
use crate::folders::{self, CallSite};
use crate::install::calls_bg_run;
use crate::programs;
use crate::shell;

/// Time limit for a hook's answer, and for a program to print its version.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Checks each registered program: it exists, has this version, and answers.
pub(super) fn checks(ours: &[(PathBuf, Hook)], site: &CallSite) -> Vec<Check> {
    let mut seen: BTreeMap<String, &(PathBuf, Hook)> = BTreeMap::new();
    for found in ours.iter().filter(|(_, hook)| hook.event == "PreToolUse") {
        seen.entry(found.1.shown()).or_insert(found);
    }
    let each = seen.into_values();
    each.map(|(file, hook)| program_check(file, hook, site))
        .collect()
}

fn program_check(file: &Path, hook: &Hook, site: &CallSite) -> Check {
    let name = "program";
    let at = format!("registered in {}", file.display());
    let again = "`bg-run install` registers the one that you call now.";
    let Some(program) = program_of(hook) else {
        return Check::failure(
            name,
            format!("`{}`, {at}: there is no such program", hook.shown()),
            again,
        );
    };
    let version = programs::output_of(&duct::cmd!(&program, "--version"), TIMEOUT);
    let ours = concat!("bg-run ", env!("CARGO_PKG_VERSION"));
    match version.as_deref().map(str::trim) {
        Ok(version) if version == ours => {}
        Ok(version) => {
            return Check::warning(
                name,
                format!(
                    "{}, {at}, is {version}, and this is {ours}",
                    program.display()
                ),
                again,
            );
        }
        Err(why) => {
            return Check::failure(name, format!("{}, {at}: {why}", program.display()), again);
        }
    }
    match check_answer(hook, site) {
        Ok(()) => Check::ok(name, format!("{} answers a call", program.display())),
        Err(why) => Check::failure(
            name,
            format!("`{}`, {at}, doesn't answer a call: {why}", hook.shown()),
            again,
        ),
    }
}

/// Returns the file that a hook runs.
fn program_of(hook: &Hook) -> Option<PathBuf> {
    let word = if hook.arguments.is_some() {
        hook.command.clone()
    } else {
        let script = shell::parse(&hook.command).ok()?;
        let words = script
            .simple_commands
            .iter()
            .flat_map(|command| &command.words);
        let mut words = words.map(shell::Word::text);
        words.find(|word| {
            calls_bg_run(
                word,
                None,
                &programs::own_path().unwrap_or_default().to_string_lossy(),
            )
        })?
    };
    // Only the shell can expand such a word.
    let word = if word.contains('$') {
        let line = format!("printf %s \"{word}\"");
        programs::output_of(&duct::cmd!("/bin/sh", "-c", line), TIMEOUT).ok()?
    } else {
        word
    };
    let path = folders::resolve(Path::new("/"), &word);
    if word.contains('/') {
        programs::is_executable(&path).then_some(path)
    } else {
        programs::find(&word)
    }
}

/// Sends the hook a call that should be moved, as a dry run. The hook's records go to a temporary folder.
fn check_answer(hook: &Hook, site: &CallSite) -> Result<(), String> {
    let event = json!({
        "session_id": "doctor",
        "transcript_path": "",
        "cwd": site.cwd,
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "BG_RUN=on true"},
        "tool_use_id": "doctor",
    });
    let records = tempfile::tempdir().map_err(|error| error.to_string())?;
    let command = if let Some(arguments) = &hook.arguments {
        duct::cmd(&hook.command, arguments)
    } else {
        duct::cmd!("/bin/sh", "-c", &hook.command)
    };
    let command = command
        .env("BG_RUN_DRY_RUN", "1")
        .env("BG_RUN_STATE_DIR", records.path())
        .env_remove("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS");
    let printed = programs::output_with_input(&command, &event.to_string(), TIMEOUT)?;
    let answer: Value =
        serde_json::from_str(&printed).map_err(|_| format!("it printed {printed:?}"))?;
    let line = answer
        .get("systemMessage")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if line.contains("would run in the background") {
        Ok(())
    } else {
        Err(format!("it printed {printed:?}"))
    }
}
