//! `PostToolUse`: opens the output of a call that went to the background, tells the user and the model, and records
//! the duration of any other call.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::call_messages::{self, Launch};
use super::deadline::Deadline;
use super::waited_call::{self, NotifyUser};
use super::{model_messages, record_duration, typing_caution, wait_at_end};
use crate::claude::answer::Answer;
use crate::claude::command_line::CommandLine;
use crate::claude::input::Input;
use crate::claude::session::{self, Session};
use crate::claude::task::{ClientSession, TaskId};
use crate::claude::timeout;
use crate::config::{Config, Configuration, Mode};
use crate::decision::{self, own_log};
use crate::folders::{self, CallSite};
use crate::history::repository_of;
use crate::platform::processes::FileId;
use crate::shell::{Script, Word};
use crate::state::call_claims::{self, CallOutcome};
use crate::state::{self, log};
use crate::survive::marks;
use crate::tasks::durations::{self, UsualTimes};
use crate::tasks::on_end;
use crate::tasks::output_size;
use crate::tasks::record::{self, Cause, TaskRecord};
use crate::text::{MAX_COMMAND_LENGTH, one_line};
use crate::viewer::{self, OpenOutcome, Request, Viewer};
use crate::{environment, shell};

/// Answers the event; `None` if there is nothing to report.
pub(super) fn answer(input: &Input, mode: Mode) -> Option<Answer> {
    if let Some(task) = input.stopped_task() {
        marks::request_stop(task, marks::StopRequester::Model);
        return None;
    }
    input.bash_command()?;
    let id = input
        .tool_response
        .get("backgroundTaskId")
        .filter(|id| !id.is_null());
    let Some(id) = id else {
        return record_duration::script_to_record(input, mode).and_then(|script| {
            record_duration::record(input, &script, mode);
            size_warnings(input, mode)
        });
    };
    let Some(task) = id.as_str().and_then(TaskId::new) else {
        log::error(&format!("PostToolUse: {id} is not a task id"));
        return None;
    };
    let deadline = Deadline::start();
    let site = CallSite::new(&input.cwd);
    let configuration = Configuration::load(&site, mode);
    let config = &configuration.settings;
    let session = Session::from_env(input.agent_id.is_some(), &input.permission_mode);
    let done = call_claims::recorded_outcome("PreToolUse", &input.tool_use_id).unwrap_or_default();
    let record = || TaskRecord {
        unattended: session.headless,
        ..task_record(input, &site, &task, &configuration, (&done, session.limit))
    };
    if config.dry_run || environment::switched_off() {
        // The limit applies nevertheless, and some clients would lose the task because of it.
        if session.leave_headless(config) {
            let record = record();
            if waited_call::is_waited_call(&record, session, config) {
                drop(deadline);
                return waited_call::answer(input, &record, config, NotifyUser::No);
            }
        }
        let by_client = cause(input, &CallOutcome::default(), session.limit) == Cause::Limit;
        let is_told = by_client && !environment::switched_off();
        return is_told.then(|| call_messages::limit_in_a_dry_run(input, session.limit));
    }
    if !call_claims::claim("PostToolUse", &input.tool_use_id) {
        return None;
    }
    let record = record();
    if let Err(error) = record.create() {
        log::error(&format!("PostToolUse: {error:#}"));
    }
    if !config.on_end.is_empty()
        && !record.unattended
        && let Err(error) = on_end::wait_detached(&record)
    {
        log::error(&format!("on-end: {error:#}"));
    }
    record::clear_daily(config.keep.0);
    state::record_program_path();
    if waited_call::is_waited_call(&record, session, config) {
        drop(deadline);
        return waited_call::answer(input, &record, config, NotifyUser::Yes);
    }
    let is_awaited = wait_at_end::is_awaited(&record)
        && match record.agent {
            Some(_) => wait_at_end::is_awaited_for_subagent(&record, config),
            None => session.headless,
        };
    // Nothing is opened or shown: no user watches, or `subagents` is `leave`. The model is told only about a task for
    // which a hook waits.
    if session.leave_headless(config) || session.leave_subagent(config) {
        return is_awaited.then(|| model_messages::launched_unattended(&record));
    }
    let files: Vec<PathBuf> = record.log.iter().chain(&record.output).cloned().collect();
    let (shown, caution) = match files.first() {
        Some(_) => show(input, &site, config, &files),
        None => (
            OpenOutcome::NotOpened("its output file wasn't found".to_owned()),
            None,
        ),
    };
    Some(call_messages::launched(&Launch {
        record: &record,
        usual: UsualTimes::own().of(&record),
        limit: session.limit,
        tails: &done.tails,
        shown: &shown,
        caution: caution.as_deref(),
        is_awaited,
    }))
}

/// Returns the answer with warnings about large outputs, after a call that took a while.
fn size_warnings(input: &Input, mode: Mode) -> Option<Answer> {
    let mut tasks = TaskRecord::unended();
    tasks.retain(|task| task.session == input.session_id);
    if tasks.is_empty() || Configuration::without_rules(mode).settings.dry_run {
        return None;
    }
    let warnings = output_size::unreported_warnings(&tasks, &input.session_id);
    let join = |texts: Vec<String>| texts.join("\n");
    if warnings.is_empty() {
        return None;
    }
    let (for_user, for_model) = warnings
        .into_iter()
        .map(|warning| (warning.line, warning.for_model))
        .unzip();
    Some(Answer::telling(
        "PostToolUse",
        Some(join(for_user)),
        Some(join(for_model)),
    ))
}

/// Starts the opener for the first existing file in `files`, if the session may have another tab. Also returns a
/// warning about typing there.
fn show(
    input: &Input,
    site: &CallSite,
    config: &Config,
    files: &[PathBuf],
) -> (OpenOutcome, Option<String>) {
    let viewer = match Viewer::find(config) {
        Ok(viewer) => viewer,
        Err(why) => return (OpenOutcome::NotOpened(why.to_string()), None),
    };
    let request = Request {
        files: files.to_vec(),
        session: input.session_id.clone(),
        project: site.project.clone(),
    };
    let shown = viewer::show_detached(&viewer, config, &request).unwrap_or_else(|error| {
        log::error(&format!("PostToolUse: {error:#}"));
        OpenOutcome::NotOpened(error.to_string())
    });
    // A terminal pane is read-only anyway.
    let in_editor = matches!(&shown, OpenOutcome::Opened(place) if *place == viewer.name);
    let caution = in_editor
        .then(|| typing_caution::unreported_caution(&viewer))
        .flatten();
    (shown, caution)
}

/// Returns the command's own log, unless a Read rule may deny it to the model.
fn shown_log(site: &CallSite, log: &str) -> Option<PathBuf> {
    let log = folders::resolve(&site.cwd, log);
    let around = Session::from_env(false, "");
    let rules = around.permissions(site, &CommandLine::from_env());
    match rules.reason_to_withhold(&log, &site.project) {
        None => Some(log),
        Some(why) => {
            log::error(&format!(
                "PostToolUse: {} isn't shown: {why}",
                log.display()
            ));
            None
        }
    }
}

/// Creates the task's record for `bg-run tasks` and for the messages at its end.
fn task_record(
    input: &Input,
    site: &CallSite,
    task: &TaskId,
    configuration: &Configuration,
    (done, limit): (&CallOutcome, Option<u64>),
) -> TaskRecord {
    let command = input.bash_command().unwrap_or_default();
    let script = shell::parse(command).ok();
    let kind = script.as_ref().map(|script| {
        let repository = repository_of(site);
        decision::kind_of_script(script, &configuration.rules, repository)
    });
    let kind = kind.unwrap_or_default();
    let output = ClientSession::new(&input.session_id, &input.transcript_path).output_of(task);
    if output.is_none() {
        log::error(&format!(
            "PostToolUse: no output file of task {} was found",
            task.as_str()
        ));
    }
    let status_of = script
        .as_ref()
        .and_then(decision::status_of)
        .map(|program| one_line(&program, MAX_COMMAND_LENGTH));
    let own_log = script.as_ref().and_then(own_log);
    let cause = cause(input, done, limit);
    let ran = input.duration_ms.map(|milliseconds| milliseconds / 1000.0);
    let ran = ran.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let ran = ran.or(limit.map(Duration::from_millis)).unwrap_or_default();
    // For a call that started in the background, the client measures only the launch.
    let was_there = matches!(cause, Cause::Moved | Cause::Caller);
    let ran = if was_there { Duration::ZERO } else { ran };
    let timeout = match cause {
        Cause::Moved => Some(timeout::in_foreground(done.timeout)),
        Cause::Limit | Cause::TimeOut => Some(timeout::in_foreground(input.timeout())),
        Cause::Caller | Cause::User => input.timeout(),
    };
    let keys = if configuration.settings.history {
        kind.keys
    } else {
        Vec::new()
    };
    let outlasts = || {
        let call = Duration::from_millis(timeout.unwrap_or_default());
        cause == Cause::Limit && durations::outlasts(&keys, call)
    };
    TaskRecord {
        endless: kind.endless || outlasts(),
        id: task.as_str().to_owned(),
        command: command.to_owned(),
        description: input.description().map(ToOwned::to_owned),
        cwd: site.cwd.clone(),
        project: site.project.clone(),
        session: input.session_id.clone(),
        agent: input.agent_id.clone(),
        started: jiff::Timestamp::now(),
        ran_before: u64::try_from(ran.as_millis()).unwrap_or_default(),
        cause,
        timeout,
        reports_durations: input.duration_ms.is_some(),
        rule: kind.rule,
        status_of,
        holding_tail: script
            .as_ref()
            .and_then(|script| holding_tail(script, command)),
        main: script.as_ref().and_then(|script| main_of(script, command)),
        log: own_log.and_then(|log| shown_log(site, &log)),
        file: output.as_deref().and_then(FileId::of),
        output,
        client: session::client(),
        supervised: configuration.settings.survive,
        keys,
        ..TaskRecord::default()
    }
}

/// Returns the `| tail …` at the end of a script, which prints nothing until its input ends.
fn holding_tail(script: &Script, source: &str) -> Option<String> {
    let pipeline = script.pipelines.iter().find(|pipeline| pipeline.is_last)?;
    let stage = pipeline.stages.last()?;
    let last = script.simple_commands.get(stage.simple_command?)?;
    let follows = |word: &Word| {
        let text = word.text();
        text.starts_with("--follow") || text.starts_with("-f") || text.starts_with("-F")
    };
    if last.program().as_deref() != Some("tail") || last.words.iter().any(follows) {
        return None;
    }
    Some(format!(
        "| {}",
        source.get(stage.span.start..stage.span.end)?
    ))
}

/// Returns the main command, to name a script that has several lines or begins with assignments.
fn main_of(script: &Script, source: &str) -> Option<String> {
    let first = script.simple_commands.first()?;
    if !source.trim().contains('\n') && first.assignments.is_empty() {
        return None;
    }
    let main = decision::main_command(script)?;
    let words = main.words.iter().map(|word| word.raw.as_str());
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Returns the reason why the call is in the background.
fn cause(input: &Input, done: &CallOutcome, limit: Option<u64>) -> Cause {
    let response = &input.tool_response;
    if response.get("backgroundedByUser").and_then(Value::as_bool) == Some(true) {
        return Cause::User;
    }
    if done.moved {
        return Cause::Moved;
    }
    if input.run_in_background() {
        return Cause::Caller;
    }
    let own = timeout::in_foreground(input.timeout());
    match limit {
        Some(limit) if limit < own => Cause::Limit,
        _ => Cause::TimeOut,
    }
}
