//! `PostToolUse` in a headless session: waits for a call that the client moved at the limit, for as long as the
//! foreground would have waited, and replaces the client's result by the real one.

use std::time::Duration;

use super::deadline::Deadline;
use super::foreground_result::{self, ForegroundOutput};
use super::{model_messages, wait_at_end};
use crate::claude::answer::{Answer, HookSpecificOutput};
use crate::claude::input::Input;
use crate::claude::session::Session;
use crate::config::Config;
use crate::folders::MAX_PATH;
use crate::shell;
use crate::state::{call_claims, log};
use crate::tasks::ended_or_lost;
use crate::tasks::record::{Cause, End, TaskRecord};
use crate::tasks::wait::{self, WaitOutcome};
use crate::text::for_model;

/// Whether the call would have finished in the foreground if no limit were set.
pub(super) fn is_waited_call(record: &TaskRecord, session: Session, config: &Config) -> bool {
    let leaves = session.leave_headless(config) && record.agent.is_none();
    leaves && record.cause == Cause::Limit && wait_at_end::is_awaited(record)
}

/// Whether to tell the user about calls and tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotifyUser {
    /// Tells the user.
    Yes,
    /// Tells only the result: bg-run is switched off or in a dry run.
    No,
}

/// Waits for the task of a call and returns its result; `None` keeps the client's result.
pub(super) fn answer(
    input: &Input,
    record: &TaskRecord,
    config: &Config,
    telling: NotifyUser,
) -> Option<Answer> {
    let mut found = None;
    let left = record.timeout.unwrap_or_default();
    let left = Duration::from_millis(left.saturating_sub(record.ran_before));
    let tasks = vec![record.clone()];
    let waited = wait::each_end(tasks, &input.transcript_path, left, |_, end| {
        found = Some(end);
    });
    let _deadline = Deadline::start();
    match (found, waited) {
        (Some(end), _) => {
            if telling == NotifyUser::Yes {
                ended_or_lost::mark_finished(vec![(record.clone(), end)], config);
                // The result makes the client's notice redundant for the model.
                call_claims::claim("Noticed", &record.id);
            }
            ended(input, record, end)
        }
        (None, WaitOutcome::Finished) => Some(still_running(input, record, telling)),
        (None, WaitOutcome::ClientGone) => None,
    }
}

fn ended(input: &Input, record: &TaskRecord, end: End) -> Option<Answer> {
    let path = record.output.as_deref()?;
    let output = ForegroundOutput::of(path, end.status).unwrap_or_else(|error| {
        log::error(&format!("PostToolUse: {}: {error}", path.display()));
        ForegroundOutput::NotText
    });
    let note = folder_note(input, record);
    let response = &input.tool_response;
    let result = foreground_result::ended(response, (&output, path), end.status, note.as_deref());
    Some(match result {
        Some(result) => Answer {
            hook_specific_output: Some(HookSpecificOutput {
                updated_tool_output: Some(result),
                ..HookSpecificOutput::of("PostToolUse")
            }),
            ..Answer::default()
        },
        None => model_messages::ended_unread(record, end),
    })
}

/// Returns the message to the model that a `cd` of the call had no effect on the session's folder; `None` without a `cd`.
fn folder_note(input: &Input, record: &TaskRecord) -> Option<String> {
    let script = shell::parse(&record.command).ok()?;
    let folder = for_model(&input.cwd.display().to_string(), MAX_PATH);
    script.changes_folder.then(|| {
        format!("bg-run: the session's folder is still {folder}; the `cd` of this call doesn't carry over.")
    })
}

/// Returns the answer about a task that has reached the call's own time-out. It continues in the background, as it would
/// without the limit.
fn still_running(input: &Input, record: &TaskRecord, telling: NotifyUser) -> Answer {
    let mut answer = match telling {
        NotifyUser::Yes => model_messages::launched_unattended(record),
        NotifyUser::No => Answer::default(),
    };
    let timeout = record.timeout.unwrap_or_default();
    if let Some(result) = foreground_result::timed_out(&input.tool_response, timeout) {
        let for_model = answer
            .hook_specific_output
            .get_or_insert(HookSpecificOutput::of("PostToolUse"));
        for_model.updated_tool_output = Some(result);
    }
    answer
}
