//! `SessionStart`: unbuffers Python for every command of the session without changing their text, and reports tasks of
//! earlier sessions.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use super::model_messages;
use crate::claude::answer::Answer;
use crate::claude::hooks::sources;
use crate::claude::input::Input;
use crate::claude::session::{self, Session};
use crate::config::{Configuration, Mode};
use crate::environment;
use crate::folders::CallSite;
use crate::install;
use crate::platform::{files, regular_file};
use crate::programs;
use crate::state::{self, call_claims, log, sessions};
use crate::survive::{self, environment_line, marks};
use crate::tasks::record::TaskRecord;
use crate::tasks::{ended_or_lost, supervised, user_messages};

/// Maximum size in bytes of an environment file that is changed.
const MAX_FILE: u64 = 256 * 1024;

/// Answers the start of a session.
pub(super) fn answer(input: &Input, mode: Mode) -> Option<Answer> {
    unbuffer_python(input, mode);
    // A dry run reports no fault here, because the first call does.
    let survive = Configuration::without_rules(Mode::Dry).settings.survive;
    if survive {
        add_relay_line(input, mode);
    }
    report_left_over(input, mode, survive)
}

/// Returns the answer about the tasks of this project's earlier sessions: those still running, and ended ones that haven't
/// been reported.
fn report_left_over(input: &Input, mode: Mode, survive: bool) -> Option<Answer> {
    let begins = matches!(input.source.as_str(), "startup" | "resume");
    if !begins || environment::switched_off() {
        return None;
    }
    let mut tasks = TaskRecord::unended();
    let survivors = if survive {
        ended_survivors()
    } else {
        Vec::new()
    };
    let is_none = tasks.is_empty() && survivors.is_empty();
    if is_none || Session::from_env(false, &input.permission_mode).headless {
        return None;
    }
    let project = CallSite::new(&input.cwd).project;
    let is_here = |task: &TaskRecord| files::is_same(&task.project, &project);
    tasks.retain(|task| is_here(task) && is_left_over(task, input));
    for task in &mut tasks {
        task.survived = supervised::survives(task);
    }
    let survivors: Vec<TaskRecord> = survivors.into_iter().filter(is_here).collect();
    if tasks.is_empty() && survivors.is_empty() {
        return None;
    }
    let config = Configuration::without_rules(mode).settings;
    if config.dry_run {
        return None;
    }
    // Another registration's hook reports the same tasks.
    let client = environment::claude_pid().unwrap_or_default();
    let start = format!("{}-{client}-{}", input.session_id, input.source);
    if client != 0 && !call_claims::claim("SessionStart", &start) {
        return None;
    }
    let found = ended_or_lost::of(&tasks, &[]);
    ended_or_lost::drop_ended(&mut tasks, &found);
    let mut ended = ended_or_lost::mark_finished(found, &config);
    for survivor in survivors {
        marks::forget(&survivor.id);
        ended.push(survivor);
    }
    let for_user = user_messages::left_over(&tasks, &ended)?;
    let for_model = model_messages::left_over(&tasks, &ended);
    Some(Answer::telling("SessionStart", Some(for_user), for_model))
}

/// Returns the tasks that outlived their session and have ended. Their supervisors recorded the ends, which nobody has
/// reported.
fn ended_survivors() -> Vec<TaskRecord> {
    let survivors = marks::survivors().into_iter();
    let records = survivors.filter_map(|(id, _)| TaskRecord::of(&id));
    records.filter(|record| record.ended.is_some()).collect()
}

/// Whether the session that started the task has ended. A running client looks after its own tasks, except those of a
/// session that it left for this one.
fn is_left_over(task: &TaskRecord, input: &Input) -> bool {
    match task.client {
        _ if task.survived => true,
        Some(client) if client.is_alive() => {
            task.session != input.session_id && client.is_ancestor_or_self(std::process::id())
        }
        _ => true,
    }
}

/// Writes the variable to the session's environment file. A value that the user set, in the settings' `env` or
/// elsewhere, stays.
fn unbuffer_python(input: &Input, mode: Mode) {
    let Some(file) = environment::claude_env_file() else {
        return;
    };
    if environment::has_python_unbuffered() || environment::switched_off() {
        return;
    }
    if Configuration::load(&CallSite::new(&input.cwd), mode)
        .settings
        .dry_run
    {
        return;
    }
    let written = append_unless_set(&file).and_then(|is_set| {
        if is_set {
            sessions::record(&input.session_id, &file)?;
        }
        Ok(())
    });
    if let Err(error) = written {
        log::error(&format!("SessionStart: {}: {error}", file.display()));
    }
}

/// Writes the line with which tasks outlive the session, if the hooks that report a stop are registered.
fn add_relay_line(input: &Input, mode: Mode) {
    let Some(file) = environment::claude_env_file() else {
        return;
    };
    let session = Session::from_env(false, &input.permission_mode);
    let project = CallSite::new(&input.cwd).project;
    if !survive::IS_SUPPORTED
        || environment::switched_off()
        || !session.is_in_terminal()
        || Configuration::without_rules(mode).settings.dry_run
        || !install::missing_for_survive(&sources(&project, None)).is_empty()
    {
        return;
    }
    let (Some(state), Ok(program)) = (state::dir(), programs::own_path()) else {
        return;
    };
    let written = read(&file).and_then(|text| match environment_line::line(&program, &state) {
        Some(line) if !environment_line::is_in(&text, &line) => append(&file, &text, &line),
        _ => Ok(()),
    });
    if let Err(error) = written {
        log::error(&format!("SessionStart: {}: {error}", file.display()));
    }
}

/// Appends [`session::UNBUFFERED_LINE`] unless the file mentions the variable. Returns whether the file sets the variable
/// now.
fn append_unless_set(file: &Path) -> io::Result<bool> {
    let text = read(file)?;
    if text.contains(environment::PYTHON_UNBUFFERED) {
        return Ok(session::sets_python_unbuffered(&text));
    }
    append(file, &text, session::UNBUFFERED_LINE)?;
    Ok(true)
}

fn read(file: &Path) -> io::Result<String> {
    match regular_file::read(file, MAX_FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

/// Appends a line to the file, which contains this text.
fn append(file: &Path, text: &str, line: &str) -> io::Result<()> {
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(format!("{gap}{line}\n").as_bytes())
}
