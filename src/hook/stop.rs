//! `Stop` and `SubagentStop`: waits for tasks that the client would kill after the answer, and reports the ends of
//! tasks.

use super::{model_messages, wait_at_end};
use crate::claude::answer::Answer;
use crate::claude::input::Input;
use crate::claude::session::Session;
use crate::config::{Config, Configuration, Mode};
use crate::environment;
use crate::tasks::record::TaskRecord;
use crate::tasks::status::Status;
use crate::tasks::{ended_or_lost, user_messages};

/// Answers a session that is about to end its turn.
pub(super) fn answer(input: &Input, mode: Mode) -> Option<Answer> {
    let config = config_if_active(mode)?;
    let session = Session::from_env(false, &input.permission_mode);
    let mut tasks = TaskRecord::unended();
    tasks.retain(|record| record.session == input.session_id);
    if tasks.is_empty() {
        return None;
    }
    if session.headless {
        tasks.retain(wait_at_end::is_awaited);
        wait_at_end::until_ended(tasks, &input.transcript_path, &config);
        return None;
    }
    // The client's notice follows, and it knows the status of tasks without a footer.
    let mut ended = ended_or_lost::of(&tasks, &[]);
    ended.retain(|(_, end)| end.status != Status::Lost);
    let ended = ended_or_lost::mark_finished(ended, &config);
    let lines = user_messages::ended(&ended);
    (!lines.is_empty()).then(|| Answer {
        system_message: Some(lines.join("\n")),
        ..Answer::default()
    })
}

/// Answers a subagent that is about to end. The hook waits for the tasks that bg-run moved, then blocks the
/// subagent's end one time, to report their results. A synchronous subagent gets no notice of their ends (measured,
/// 2.1.200 to 2.1.331).
pub(super) fn answer_of_subagent(input: &Input, mode: Mode) -> Option<Answer> {
    let config = config_if_active(mode)?;
    let agent = input.agent_id.as_deref()?;
    if input.stop_hook_active {
        return None;
    }
    let mut tasks = TaskRecord::unended();
    tasks.retain(|record| {
        let is_its = record.session == input.session_id && record.agent.as_deref() == Some(agent);
        is_its && wait_at_end::is_awaited_for_subagent(record, &config)
    });
    if tasks.is_empty() {
        return None;
    }
    let ended = wait_at_end::until_ended(tasks, &input.transcript_path, &config);
    model_messages::ended(&ended).map(|reason| Answer {
        decision: Some("block"),
        reason: Some(reason),
        ..Answer::default()
    })
}

fn config_if_active(mode: Mode) -> Option<Config> {
    if environment::switched_off() {
        return None;
    }
    let config = Configuration::without_rules(mode).settings;
    (!config.dry_run).then_some(config)
}
