//! Notes: calls that may be handed to the relay, left by `PreToolUse` and taken by the shell that runs the call.

use std::io;

use serde::{Deserialize, Serialize};

use super::{MAX_JOBS, environment_line, marks, output};
use crate::claude::client::Version;
use crate::platform::processes::{self, Process};
use crate::state::{self, Folder, Kind, is_id};

/// Maximum length in bytes of a command that gets a note.
const MAX_COMMAND: usize = 64 * 1024;

/// Maximum number of notes that are examined.
const MAX_NOTES: usize = 200;

/// A call that may be handed to the relay.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The exact command that will run.
    command: String,
    /// The client that will run it.
    client: Process,
}

/// Writes the note of this call.
///
/// # Errors
///
/// Fails if it can't be written.
pub fn write(tool_use_id: &str, command: &str, client: Process) -> io::Result<()> {
    if !is_id(tool_use_id) || command.len() > MAX_COMMAND {
        return Ok(());
    }
    let command = command.to_owned();
    let text = serde_json::to_vec(&Note { command, client })?;
    let write_note = || {
        let folder = Folder::make(Kind::Relays)?;
        folder.clear_daily();
        folder.replace(tool_use_id, &[&text])
    };
    // A claim of another call may just have removed the empty folder.
    write_note().or_else(|_| write_note())
}

/// Removes the note of the call that this shell runs, and returns whether this process removed it. The shell must be the
/// client's direct child: one that a supervisor or a sandbox started has another parent.
pub fn claim(shell: u32) -> bool {
    let Some(source) = source_of(shell) else {
        return false;
    };
    let Some(client) = processes::parent(shell).and_then(Process::of) else {
        return false;
    };
    let Ok(folder) = Folder::open(Kind::Relays) else {
        return false;
    };
    let (out, errors) = (output(std::io::stdout()), output(std::io::stderr()));
    let is_task = out.is_some() && out == errors;
    let mut is_claimed = false;
    for name in folder.names(MAX_NOTES) {
        let note = folder.read(&name).ok();
        let Some(note) = note.and_then(|text| serde_json::from_slice::<Note>(&text).ok()) else {
            continue;
        };
        let is_it = || note.client == client && environment_line::runs(&source, &note.command);
        if !note.client.is_alive() {
            folder.remove(&name);
        } else if !is_claimed && is_task && is_it() {
            // A note that stayed would be taken by the next call with the same text.
            is_claimed = folder.take(&name) && marks::jobs().len() < MAX_JOBS;
        }
    }
    // This fails as long as the folder contains a note.
    if let Some(state) = state::dir() {
        let _ = std::fs::remove_dir(state.join(Kind::Relays.name()));
    }
    is_claimed
}

/// Returns the source with which a shell was started; `None` unless a tested client started it, and its arguments and its
/// environment are known exactly.
fn source_of(shell: u32) -> Option<String> {
    let arguments = exact(processes::arguments(shell)?)?;
    let environment = exact(processes::environment(shell)?)?;
    if version_in(&environment) < Some(Version::SUPPORTS_LIMIT) {
        return None;
    }
    match arguments.as_slice() {
        [program, option, source] if program.starts_with('/') && option == "-c" => {
            Some(source.clone())
        }
        _ => None,
    }
}

/// Returns the version of the client in the environment of its commands: `AI_AGENT=claude-code_2-1-332_agent` (measured,
/// 2.1.150 to 2.1.332).
fn version_in(environment: &[String]) -> Option<Version> {
    let value = environment
        .iter()
        .find_map(|variable| variable.strip_prefix("AI_AGENT="));
    let version = value?
        .strip_prefix("claude-code_")?
        .strip_suffix("_agent")?;
    Version::parse(&version.replacen('-', ".", 2))
}

/// Returns the texts; `None` if one contains the replacement for invalid UTF-8.
fn exact(texts: Vec<String>) -> Option<Vec<String>> {
    let is_exact = |text: &String| !text.contains('\u{fffd}');
    (!texts.is_empty() && texts.iter().all(is_exact)).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_a_command_names_the_client() {
        let of = |value: &str| version_in(&["A=1".to_owned(), format!("AI_AGENT={value}")]);
        for (value, expected) in [
            ("claude-code_2-1-332_agent", true),
            ("claude-code_2-1-200_agent", true),
            ("claude-code_2-1-150_agent", false),
            ("claude-code_3-0-0-beta-1_agent", true),
            ("claude-code_agent", false),
            ("other", false),
        ] {
            assert_eq!(
                of(value) >= Some(Version::SUPPORTS_LIMIT),
                expected,
                "{value}"
            );
        }
        assert_eq!(version_in(&[]), None);
    }
}
