//! `PostToolUse`: the output of a call that went to the background is opened, and both the user and the model
//! are told where it is.

use std::path::PathBuf;

use super::messages::{self, Launch};
use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::claude::session::Session;
use crate::claude::task::{ClientSession, TaskId};
use crate::config::{Config, Configuration, Mode};
use crate::decision::own_log;
use crate::folders::{self, CallSite};
use crate::state::notes::{self, Note};
use crate::state::{log, once};
use crate::viewer::{self, Request, Shown, Viewer};
use crate::{environment, shell};

/// The answer to a call; `None` where it didn't go to the background.
pub(super) fn answer(input: &Input, mode: Mode) -> Option<Answer> {
    let command = input.bash_command()?;
    let id = input.tool_response.get("backgroundTaskId")?;
    let Some(task) = id.as_str().and_then(TaskId::new) else {
        log::line(&format!("PostToolUse: {id} is not a task id"));
        return None;
    };
    let config = Configuration::without_rules(mode).settings;
    if config.dry_run || environment::switched_off() {
        return None;
    }
    let session = Session::around(input.agent_id.is_some(), &input.permission_mode);
    if session.leave_headless(&config) || session.leave_subagent(&config) {
        return None;
    }
    if !once::claim("PostToolUse", &input.tool_use_id) {
        return None;
    }
    let site = CallSite::new(&input.cwd);
    let client = ClientSession::new(&input.session_id, &input.transcript_path);
    let output = client.output_of(&task);
    if output.is_none() {
        log::line(&format!(
            "PostToolUse: no output file of task {} was found",
            task.as_str()
        ));
    }
    let script = shell::parse(command).ok();
    let own_log = script.as_ref().and_then(own_log);
    let own_log = own_log.map(|log| folders::resolve(&site.cwd, &log));
    let written = Files {
        log: own_log.clone(),
        output: output.clone(),
    };
    note(input, &site, &task, written);
    notes::clear_daily(config.keep.0);
    let files: Vec<PathBuf> = own_log.iter().chain(&output).cloned().collect();
    let shown = match files.first() {
        Some(_) => show(input, &site, &config, &files),
        None => Shown::Not("its output file wasn't found".to_owned()),
    };
    Some(messages::launched(&Launch {
        task: &task,
        response: &input.tool_response,
        shown_file: files.first().map(PathBuf::as_path),
        other_file: own_log.as_ref().and(output.as_deref()),
        shown: &shown,
    }))
}

/// Starts the opener for the first of `files` that is there, where the session may have one more.
fn show(input: &Input, site: &CallSite, config: &Config, files: &[PathBuf]) -> Shown {
    let viewer = match Viewer::find(config) {
        Ok(viewer) => viewer,
        Err(why) => return Shown::Not(why.to_string()),
    };
    let request = Request {
        files: files.to_vec(),
        session: input.session_id.clone(),
        project: site.project.clone(),
    };
    viewer::show_detached(&viewer, config, &request).unwrap_or_else(|error| {
        log::line(&format!("PostToolUse: {error:#}"));
        Shown::Not(error.to_string())
    })
}

/// For `bg-run tasks`, and for what is to be done at its end.
fn note(input: &Input, site: &CallSite, task: &TaskId, files: Files) {
    let note = Note {
        id: task.as_str().to_owned(),
        command: input.bash_command().unwrap_or_default().to_owned(),
        description: input.description().map(ToOwned::to_owned),
        cwd: site.cwd.clone(),
        project: site.project.clone(),
        session: input.session_id.clone(),
        started: jiff::Timestamp::now().to_string(),
        log: files.log,
        output: files.output,
        ..Note::default()
    };
    if let Err(error) = note.write() {
        log::line(&format!("PostToolUse: {error:#}"));
    }
}

/// Where a task writes.
#[derive(Debug, Clone, Default)]
struct Files {
    /// The log that it writes itself.
    log: Option<PathBuf>,
    output: Option<PathBuf>,
}
