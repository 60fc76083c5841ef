//! `UserPromptSubmit`: the client announces a task's end in a prompt; the hook looks for other ends itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{model_messages, notify};
use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::claude::session::Session;
use crate::config::{Configuration, Mode};
use crate::environment;
use crate::state::call_claims;
use crate::tasks::ended_or_lost::{self, Notice};
use crate::tasks::output_size;
use crate::tasks::record::{End, TaskRecord};
use crate::tasks::silence;
use crate::tasks::status::Status;
use crate::tasks::user_messages;
use crate::tasks::wait;

/// Time within which the client announces an end with its status. It announces several ends one after the other
/// (measured, 2.1.331).
const NOTICE_WAIT: SignedDuration = SignedDuration::from_secs(10);

/// Maximum wait for a task's last writers after the client announced its end.
const LAST_WRITES_TIMEOUT: Duration = Duration::from_millis(300);

/// Returns the news about the session's tasks for user and model; `None` if there is none.
pub(super) fn answer(input: &Input, mode: Mode) -> Option<Answer> {
    if environment::switched_off() {
        return None;
    }
    let notices = Notice::in_prompt(&input.prompt);
    let mut tasks = TaskRecord::unended();
    tasks.retain(|record| record.session == input.session_id);
    if tasks.is_empty() && notices.is_empty() {
        return None;
    }
    let config = Configuration::without_rules(mode).settings;
    if config.dry_run {
        return None;
    }
    let mut found = ended_or_lost::of(&tasks, &notices);
    // Waits briefly for tasks whose notice has come but whose writers remain: the next check is only at the next prompt.
    let mut late = tasks.clone();
    late.retain(|task| notices.iter().any(|notice| notice.id == task.id));
    ended_or_lost::drop_ended(&mut late, &found);
    if !late.is_empty() {
        wait::until_unwritten(&late, LAST_WRITES_TIMEOUT);
        found.extend(ended_or_lost::of(&late, &notices));
    }
    ended_or_lost::drop_ended(&mut tasks, &found);
    let due = found
        .into_iter()
        .filter(|(record, end)| check_due(record, end, &notices));
    let ended = ended_or_lost::mark_finished(due.collect(), &config);
    let earlier = learn_noticed_statuses(&notices, &ended);
    // Tasks that `bg-run stop` ended before the client noticed.
    let stopped = earlier.iter().filter(|record| {
        record
            .ended
            .is_some_and(|ended| ended.status == Status::Stopped)
    });
    let mut lines = user_messages::ended(ended.iter().chain(stopped));
    let for_model: Vec<TaskRecord> = ended.iter().cloned().chain(earlier).collect();
    let sizes = output_size::unreported_warnings(&tasks, &input.session_id);
    lines.extend(sizes.iter().map(|warning| warning.line.clone()));
    let silent = |task| silence::unreported_warning(task, config.stuck_after.0);
    lines.extend(tasks.into_iter().filter_map(silent));
    let context = model_messages::ended(&for_model).into_iter();
    let context = context.chain(sizes.into_iter().map(|warning| warning.for_model));
    let context = Some(context.collect::<Vec<_>>().join("\n\n"));
    let context = context.filter(|context| !context.is_empty());
    if lines.is_empty() && context.is_none() {
        return None;
    }
    let is_watched = !Session::from_env(false, &input.permission_mode).headless;
    let terminal_sequence = is_watched
        .then(|| notify::sequence(&ended, &config))
        .flatten();
    let for_user = (!lines.is_empty()).then(|| lines.join("\n"));
    Some(Answer {
        terminal_sequence,
        ..Answer::telling("UserPromptSubmit", for_user, context)
    })
}

/// Decides whether to report an end now. An end of unknown status waits up to [`NOTICE_WAIT`] for the client's notice, if
/// the output still exists; the start of this wait is recorded.
fn check_due(record: &TaskRecord, end: &End, notices: &[Notice]) -> bool {
    let is_noticed = notices.iter().any(|notice| notice.id == record.id);
    if end.status != Status::Lost || end.ran.is_none() || is_noticed {
        return true;
    }
    let now = Timestamp::now();
    let Some(since) = record.unended_since else {
        let record = TaskRecord {
            unended_since: Some(now),
            ..record.clone()
        };
        // If the record can't be written, waiting for the notice would leave the end unreported.
        return record.write().is_err();
    };
    now.duration_since(since) >= NOTICE_WAIT
}

/// Adds the notices' statuses to tasks whose end was reported to the user before the client's notice reached the model,
/// and returns these tasks. Before 2.1.260, only the notice contains the exit status.
fn learn_noticed_statuses(notices: &[Notice], ended: &[TaskRecord]) -> Vec<TaskRecord> {
    let earlier = notices
        .iter()
        .filter(|notice| ended.iter().all(|record| record.id != notice.id));
    earlier
        .filter_map(|notice| Some((TaskRecord::of(&notice.id)?, notice.status)))
        .filter(|(record, _)| record.ended.is_some() && call_claims::claim("Noticed", &record.id))
        .map(|(mut record, status)| {
            record.learn_status(status);
            record
        })
        .collect()
}
