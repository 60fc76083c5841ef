//! The message to the model that the command of a call already runs.

use super::model_messages;
use crate::claude::input::Input;
use crate::claude::session::Session;
use crate::config::Configuration;
use crate::decision::{self, Decision, Outcome};
use crate::folders::CallSite;
use crate::shell;
use crate::tasks::ended_or_lost;
use crate::tasks::record::TaskRecord;

/// Returns a message to the model if the same command still runs in the same folder. No record is read for a call
/// that ends at once.
pub(super) fn message_if_running(
    input: &Input,
    site: &CallSite,
    session: Session,
    decision: &Decision,
    configuration: &Configuration,
) -> Option<String> {
    let settings = &configuration.settings;
    let command = input.bash_command()?;
    let can_run_long = || match decision.expected {
        Some(_) => true,
        // With the history on, a call that can run long has an expectation.
        None if settings.history => false,
        None => shell::parse(command).is_ok_and(|script| decision::can_run_long(&script)),
    };
    let is_background = decision.outcome == Outcome::Background;
    let is_moved = is_background || session.limit.is_some() && can_run_long();
    if session.headless || settings.dry_run || !is_moved {
        return None;
    }
    let mut same = TaskRecord::unended();
    same.retain(|task| {
        task.session == input.session_id
            && task.cwd == site.cwd
            && task.has_words_of([command, &decision.rewrite.command])
    });
    let running = ended_or_lost::still_running(same);
    running.last().map(model_messages::still_runs)
}
