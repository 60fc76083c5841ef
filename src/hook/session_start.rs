//! `SessionStart`: Python prints at once in every command of the session, without a word in their text.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::claude::session;
use crate::config::{Configuration, Mode};
use crate::environment;
use crate::folders::{self, CallSite};
use crate::state::{log, sessions};

/// A longer environment file is left alone, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// The answer to a session's start.
pub(super) fn answer(input: &Input, mode: Mode) -> Option<Answer> {
    unbuffer(input, mode);
    None
}

/// Leaves the variable in the session's environment file. A value of the user's, in the settings' `env` or elsewhere, stays.
fn unbuffer(input: &Input, mode: Mode) {
    let Some(file) = environment::claude_env_file() else {
        return;
    };
    if environment::names_python_unbuffered() || environment::switched_off() {
        return;
    }
    if Configuration::load(&CallSite::new(&input.cwd), mode)
        .settings
        .dry_run
    {
        return;
    }
    let left = leave(&file).and_then(|is_left| {
        if is_left {
            sessions::record(&input.session_id, &file)?;
        }
        Ok(())
    });
    if let Err(error) = left {
        log::line(&format!("SessionStart: {}: {error}", file.display()));
    }
}

/// Whether the file holds the line then: it doesn't where it names the variable otherwise.
fn leave(file: &Path) -> io::Result<bool> {
    let text = match folders::read_regular(file, MAX_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if text.contains(environment::PYTHON_UNBUFFERED) {
        return Ok(session::sets_python_unbuffered(&text));
    }
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(format!("{gap}{}\n", session::UNBUFFERED_LINE).as_bytes())?;
    Ok(true)
}
