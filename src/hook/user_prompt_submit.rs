//! `UserPromptSubmit`: the client announces a task's end in a prompt; the hook looks for other ends itself.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::{messages, notify};
use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::claude::session::Session;
use crate::claude::task;
use crate::config::{Config, Configuration, Mode};
use crate::environment;
use crate::history::store::Store;
use crate::history::{Level, RunEnd};
use crate::state::call_claims;
use crate::tasks::end_messages;
use crate::tasks::ended_or_lost::{self, Notice};
use crate::tasks::output_size;
use crate::tasks::record::{End, TaskRecord};
use crate::tasks::status::Status;
use crate::tasks::wait;

/// Time within which the client announces an end with its status. It announces several ends one after the other
/// (measured, 2.1.331).
const NOTICE_WAIT: SignedDuration = SignedDuration::from_secs(10);

/// Maximum wait for a task's last writers after the client announced its end.
const MAX_LAST_WRITES: Duration = Duration::from_millis(300);

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
    // Nothing asks about these tasks again before the next prompt.
    let mut late = tasks.clone();
    late.retain(|task| notices.iter().any(|notice| notice.id == task.id));
    ended_or_lost::drop_ended(&mut late, &found);
    if !late.is_empty() {
        wait::until_unwritten(&late, MAX_LAST_WRITES);
        found.extend(ended_or_lost::of(&late, &notices));
    }
    ended_or_lost::drop_ended(&mut tasks, &found);
    let told = found
        .into_iter()
        .filter(|(record, end)| is_due(record, end, &notices));
    let ended = ended_or_lost::mark_finished(told.collect(), &config);
    let earlier = seen_before_notice(&notices, &ended);
    // `bg-run stop` ended it before the client noticed.
    let stopped = earlier.iter().filter(|record| {
        record
            .ended
            .is_some_and(|ended| ended.status == Status::Stopped)
    });
    let mut lines = end_messages::ended(ended.iter().chain(stopped));
    let for_model: Vec<TaskRecord> = ended.iter().cloned().chain(earlier).collect();
    let sizes = output_size::unreported_warnings(&tasks, &input.session_id);
    lines.extend(sizes.iter().map(|told| told.line.clone()));
    lines.extend(tasks.into_iter().filter_map(|task| silent(task, &config)));
    let context = messages::ended_for_model(&for_model).into_iter();
    let context = context.chain(sizes.into_iter().map(|told| told.for_model));
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
fn is_due(record: &TaskRecord, end: &End, notices: &[Notice]) -> bool {
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

/// Returns tasks whose end was reported to the user before the client's notice told the model. Before 2.1.260, only
/// the notice contains the exit status.
fn seen_before_notice(notices: &[Notice], ended: &[TaskRecord]) -> Vec<TaskRecord> {
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

/// Returns a one-time message about a task that has been silent for longer than a similar task took.
fn silent(mut task: TaskRecord, config: &Config) -> Option<String> {
    if task.called_silent || task.endless {
        return None;
    }
    let output = task.output.as_deref()?;
    let changed = task::open(output).ok()?.metadata().ok()?.modified().ok()?;
    let silence = SystemTime::now().duration_since(changed).ok()?;
    if silence < config.stuck_after.0 || !similar_tasks_ended(&task, silence) {
        return None;
    }
    task.called_silent = true;
    task.write().ok()?;
    Some(end_messages::silent(&task, silence))
}

/// Whether similar tasks are known to have ended within the time for which this one has been silent.
fn similar_tasks_ended(task: &TaskRecord, silence: Duration) -> bool {
    let keys = &task.keys;
    let from = keys.iter().position(|key| key.level == Level::Target as u8);
    let keys = keys.get(from.unwrap_or(keys.len())..).unwrap_or_default();
    let known = Store::own()
        .and_then(|store| store.known(keys))
        .unwrap_or_default();
    let mut seen = known.iter().flat_map(|known| &known.observations);
    seen.any(|seen| seen.end != RunEnd::CutOff && seen.seconds < silence.as_secs_f32())
}
