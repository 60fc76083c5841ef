//! Runs the user's program at the end of a task: `on-end` of `config.toml`, without a shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use duct::cmd;

use super::output_summary::summary_of;
use super::record::{End, TaskRecord};
use crate::config::Config;
use crate::platform::detach;
use crate::programs::bounded;
use crate::state::{Announcement, announcements, log};
use crate::text::{MAX_MESSAGE, one_line};
use crate::{environment, programs};

/// Time limit of the program.
const LIMIT: Duration = Duration::from_secs(10);

/// Maximum output of the program per stream, in bytes.
const MAX_PRINTED: usize = 1024 * 1024;

/// Placeholders for a task's values, and the variables with the same values.
pub const PLACEHOLDERS: [(&str, &str); 6] = [
    ("{name}", "BG_RUN_TASK_NAME"),
    ("{status}", "BG_RUN_TASK_STATUS"),
    ("{seconds}", "BG_RUN_TASK_SECONDS"),
    ("{last-line}", "BG_RUN_TASK_LAST_LINE"),
    ("{project}", "BG_RUN_TASK_PROJECT"),
    ("{output}", "BG_RUN_TASK_OUTPUT"),
];

/// Runs the user's program once for an ended task that took long enough.
pub fn run(record: &TaskRecord, config: &Config) {
    let Some(end) = &record.ended else { return };
    let after = config.on_end_after.unwrap_or(config.notify_after).0;
    let is_long = end.ran().is_none_or(|ran| ran >= after);
    let is_wanted = !config.on_end.is_empty() && !config.dry_run && !record.unattended;
    if !is_wanted || !is_long || !announcements::claim(Announcement::OnEnd, &record.id) {
        return;
    }
    if let Err(error) = start(&config.on_end, &values(record, end)) {
        log::error(&format!("on-end: {error:#}"));
    }
}

/// Returns the task's values in the order of [`PLACEHOLDERS`].
fn values(record: &TaskRecord, end: &End) -> [OsString; PLACEHOLDERS.len()] {
    let seconds = end.ran().map(|ran| format!("{:.0}", ran.as_secs_f64()));
    let last = summary_of(record).unwrap_or_default();
    let output = record.output.as_deref().unwrap_or(Path::new(""));
    [
        record.name().into(),
        end.status.label(record.status_of.as_deref()).into(),
        // The time is unknown after a restart.
        seconds.unwrap_or_else(|| "?".to_owned()).into(),
        one_line(&last, MAX_MESSAGE).into(),
        record.project.clone().into(),
        output.into(),
    ]
}

/// Replaces the placeholders in a word by the values. Placeholders within values stay text.
fn filled(word: &str, values: &[OsString]) -> OsString {
    let mut rest = word;
    let mut filled = OsString::new();
    loop {
        let places = PLACEHOLDERS.iter().zip(values);
        let next = places
            .filter_map(|((name, _), value)| Some((rest.find(name)?, name.len(), value)))
            .min_by_key(|(at, _, _)| *at);
        let Some((at, length, value)) = next else {
            filled.push(rest);
            return filled;
        };
        filled.push(rest.get(..at).unwrap_or_default());
        filled.push(value);
        rest = rest.get(at + length..).unwrap_or_default();
    }
}

/// Starts a separate process that runs the program.
fn start(words: &[String], values: &[OsString]) -> Result<()> {
    let words: Vec<OsString> = words.iter().map(|word| filled(word, values)).collect();
    let variables = PLACEHOLDERS.iter().map(|(_, variable)| *variable);
    spawn(|command| {
        command
            .arg("--")
            .args(words)
            .envs(variables.zip(values.iter()));
    })
}

/// Starts a separate process that waits for the task's end.
///
/// # Errors
///
/// Fails if the process can't be started.
pub fn wait_detached(record: &TaskRecord) -> Result<()> {
    spawn(|command| {
        command.args(["--wait", &record.id]);
    })
}

fn spawn(with: impl FnOnce(&mut Command)) -> Result<()> {
    let own = programs::own_path()?;
    let mut command = Command::new(&own);
    command
        .arg("on-end")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    with(&mut command);
    let started = command.spawn();
    started.with_context(|| format!("{} can't be started", own.display()))?;
    Ok(())
}

/// Runs the words that [`run`] has filled in. This is the separate process's work.
pub fn run_detached(words: &[OsString]) {
    detach::leave_session();
    if let Some((program, arguments)) = words.split_first()
        && let Err(error) = run_bounded(program, arguments)
    {
        let program = one_line(&program.to_string_lossy(), MAX_MESSAGE);
        log::error(&format!("on-end: `{program}`: {error:#}"));
    }
}

fn run_bounded(program: &OsStr, arguments: &[OsString]) -> Result<()> {
    // The task may belong to a cloned repository that contains programs.
    if let Some(project) = environment::task_project() {
        programs::set_working_project(&project);
    }
    let found = match program.to_str() {
        Some(name) if !name.contains('/') => programs::find(name),
        _ => Some(program.into()),
    };
    let found = found.context("it isn't found on the PATH, outside the project")?;
    let ended = bounded::run(&cmd(found, arguments), b"", LIMIT, MAX_PRINTED)?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(ended.stderr.trim_ascii()).into_owned();
        let said = said.lines().next_back().unwrap_or_default();
        bail!(
            "it ended with {}: {}",
            ended.status,
            one_line(said, MAX_MESSAGE)
        );
    }
    Ok(())
}

/// Programs that run a text as code: shells and other interpreters, each with the letters of the options for it.
const INTERPRETERS: &[(&[&str], &str)] = &[
    (
        &[
            "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "nu", "su",
            "pwsh",
        ],
        "c",
    ),
    (&["python", "python3", "pypy3"], "c"),
    (&["perl", "ruby", "osascript", "lua"], "e"),
    (&["node", "bun"], "ep"),
    (&["php"], "r"),
];

/// Returns a word that is run as code although it contains a placeholder, whose value comes from outside.
pub fn code_with_placeholder(words: &[String]) -> Option<&str> {
    let holds = |word: &&String| PLACEHOLDERS.iter().any(|(name, _)| word.contains(name));
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| {
            let name = Path::new(word).file_name()?.as_bytes();
            let rest = words.get(at + 1..)?;
            if name == b"ssh" {
                // The remote shell parses all words.
                return rest.iter().find(holds);
            }
            let (_, letters) = INTERPRETERS
                .iter()
                .find(|(names, _)| names.iter().any(|one| one.as_bytes() == name))?;
            let is_option = |word: &String| {
                let letter = |c| letters.contains(c);
                word.strip_prefix('-')
                    .is_some_and(|rest| !rest.starts_with('-') && rest.contains(letter))
                    || ["--command", "--eval", "--print"].contains(&word.as_str())
            };
            let option = rest.iter().position(is_option)?;
            let code = rest.get(option + 1..)?.iter();
            code.clone()
                .find(|word| !word.starts_with('-'))
                .filter(holds)
        })
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_in_a_value_is_text() {
        let values = PLACEHOLDERS.map(|(name, _)| OsString::from(format!("<{name}>")));
        for (word, expected) in [
            ("{name}: {status}", "<{name}>: <{status}>"),
            ("{name}{name}", "<{name}><{name}>"),
            ("{nam}, {last-line", "{nam}, {last-line"),
            ("", ""),
            ("é{output}é", "é<{output}>é"),
        ] {
            assert_eq!(filled(word, &values), OsString::from(expected), "{word}");
        }
    }

    #[test]
    fn code_with_a_placeholder_is_found() {
        for (words, expected) in [
            (&["ntfy", "publish", "t", "{name}"][..], None),
            (&["sh", "-c", "echo {name}"], Some("echo {name}")),
            (
                &["env", "A=1", "/bin/bash", "-lc", "x {output}"],
                Some("x {output}"),
            ),
            (&["bash", "-e", "-c", "x {status}"], Some("x {status}")),
            (&["sh", "-c", "notify \"$1\"", "sh", "{name}"], None),
            (&["bash", "notify.sh", "{name}"], None),
            (
                &["osascript", "-e", "display \"{name}\""],
                Some("display \"{name}\""),
            ),
            (
                &["python3", "-c", "print('{last-line}')"],
                Some("print('{last-line}')"),
            ),
            (&["ssh", "host", "notify", "{name}"], Some("{name}")),
            (&["ssh", "host", "notify"], None),
            (&["sh", "-c"], None),
            (&[], None),
        ] {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            assert_eq!(code_with_placeholder(&words), expected, "{words:?}");
        }
    }
}
