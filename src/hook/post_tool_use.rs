//! `PostToolUse`: the output of a call that went to the background is opened, and both the user and the model
//! are told where it is.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::answer::{Answer, ForModel};
use super::input::Input;
use crate::configuration::{Config, Configuration};
use crate::decision::Call;
use crate::folders;
use crate::log;
use crate::once;
use crate::session::Session;
use crate::task::{ClientSession, TaskId};
use crate::task_notes::Note;
use crate::viewer::{self, Allowance, Underway, Viewer};

/// The answer to a call; `None` where it didn't go to the background.
pub(super) fn answer(input: &Input, dry_run: bool) -> Option<Answer> {
    input.bash_command()?;
    let id = input.tool_response.get("backgroundTaskId")?;
    let Some(task) = id.as_str().and_then(TaskId::new) else {
        log::line(&format!("PostToolUse: {id} is no task id"));
        return None;
    };
    let configuration = ManuallyDrop::new(Configuration::load(&input.cwd, dry_run));
    let config = &configuration.config;
    if config.dry_run || crate::environment::switched_off() {
        return None;
    }
    let session = Session::around(input.agent_id.is_some(), &input.permission_mode);
    if session.leave_headless(config) || session.leave_subagent(config) {
        return None;
    }
    if !once::is_first("PostToolUse", &input.tool_use_id) {
        return None;
    }
    let client = ClientSession::new(&input.session_id, &input.transcript_path);
    let output = client.output_of(&task);
    if output.is_none() {
        log::line(&format!(
            "PostToolUse: no output file of task {} was found",
            task.as_str()
        ));
    }
    let own_log = own_log(input, session, &configuration);
    note(input, &task, own_log.clone());
    let files: Vec<&Path> = [&own_log, &output]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    let Some(first) = files.first() else {
        return Some(without_file(input, &task));
    };
    let shown = show(input, config, &files);
    let told_files = Files {
        shown: first,
        rest: own_log.as_ref().and(output.as_deref()),
    };
    Some(told(input, &task, &told_files, &shown))
}

/// Starts the opener for the first of `files` that is there, where the session may have one more.
fn show(input: &Input, config: &Config, files: &[&Path]) -> Shown {
    let viewer = match Viewer::find(config) {
        Ok(viewer) => viewer,
        Err(why) => return Shown::Not(why),
    };
    let first = files.first().copied().unwrap_or(Path::new(""));
    match viewer::allow(&input.session_id, first, config) {
        Allowance::Granted => {}
        Allowance::OpenAlready => return Shown::Already(viewer.name),
        Allowance::Refused(why) => return Shown::Not(why),
    }
    match viewer::show_detached(&viewer, files, &folders::project_dir(&input.cwd)) {
        Ok(Underway::In(name)) => Shown::In(name),
        Ok(Underway::Not(why)) => Shown::Not(why),
        Err(error) => {
            log::line(&format!("PostToolUse: {error:#}"));
            Shown::Not(error.to_string())
        }
    }
}

/// For `bg-run tasks`.
fn note(input: &Input, task: &TaskId, log: Option<PathBuf>) {
    let note = Note {
        id: task.as_str().to_owned(),
        command: input.bash_command().unwrap_or_default().to_owned(),
        cwd: input.cwd.clone(),
        started: jiff::Timestamp::now().to_string(),
        log,
    };
    if let Err(error) = note.write() {
        log::line(&format!("PostToolUse: {error:#}"));
    }
}

/// The first log that the command writes itself.
fn own_log(input: &Input, session: Session, configuration: &Configuration) -> Option<PathBuf> {
    let call = Call {
        command: input.bash_command()?,
        run_in_background: true,
    };
    let decision = session.decide(call, &input.cwd, configuration);
    let log = decision.rewrite.own_logs.first()?;
    Some(folders::resolve(&input.cwd, log))
}

/// Where a task writes.
struct Files<'a> {
    /// What is worth looking at.
    shown: &'a Path,
    /// The task's output, where the command writes a log of its own.
    rest: Option<&'a Path>,
}

enum Shown {
    /// Open in this editor since an earlier task.
    Already(String),
    /// Being opened in this editor.
    In(String),
    /// Not opened, for this reason.
    Not(String),
}

fn told(input: &Input, task: &TaskId, files: &Files<'_>, shown: &Shown) -> Answer {
    let id = task.as_str();
    let file = files.shown.display();
    let what = if files.rest.is_some() {
        "log"
    } else {
        "output"
    };
    let rest = files.rest.map_or_else(String::new, |rest| {
        format!(
            " What the command doesn't write there goes to {}.",
            rest.display()
        )
    });
    let (for_user, for_model) = match shown {
        Shown::In(editor) => (
            format!("opening its {what} in {editor}: {file}"),
            format!("and is being opened in the user's {editor}"),
        ),
        Shown::Already(editor) => (
            format!("its {what} is open in {editor} already: {file}"),
            format!("and is open in the user's {editor} already"),
        ),
        Shown::Not(why) => (
            format!("{what}: {file} (not opened: {why}; follow it with `bg-run tail {id}`)"),
            "which the user can follow".to_owned(),
        ),
    };
    answer_of(
        format!(
            "bg-run: task {id} runs in the background{}; {for_user}",
            cause(&input.tool_response)
        ),
        format!(
            "Task {id} runs in the background. Its output goes to {file}, {for_model}.{rest} You will be notified \
             when it ends: do not poll and do not sleep. Go on with other work or end your turn; read that file \
             when you need to see how far it is. Tell the user the task id and the file."
        ),
    )
}

fn without_file(input: &Input, task: &TaskId) -> Answer {
    let id = task.as_str();
    answer_of(
        format!(
            "bg-run: task {id} runs in the background{}; its output file wasn't found",
            cause(&input.tool_response)
        ),
        format!(
            "Task {id} runs in the background. You will be notified when it ends: do not poll and do not sleep. \
             Go on with other work or end your turn."
        ),
    )
}

/// Why the task is in the background, where that wasn't asked for in the call.
fn cause(response: &Value) -> &'static str {
    if response.get("backgroundedByUser").and_then(Value::as_bool) == Some(true) {
        " (moved there by you)"
    } else if response
        .get("timedOutAfterMs")
        .is_some_and(|value| !value.is_null())
    {
        " (moved there at its time-out)"
    } else {
        ""
    }
}

fn answer_of(for_user: String, for_model: String) -> Answer {
    Answer {
        hook_specific_output: Some(ForModel {
            hook_event_name: "PostToolUse",
            updated_input: None,
            additional_context: Some(for_model),
        }),
        system_message: Some(for_user),
    }
}
