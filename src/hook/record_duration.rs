//! Records the duration of a foreground call in the history.

use jiff::Timestamp;

use super::deadline::Deadline;
use crate::claude::input::Input;
use crate::claude::transcript;
use crate::config::{Configuration, Mode};
use crate::decision;
use crate::folders::CallSite;
use crate::foreground_limit::is_long;
use crate::history::{self, Observation, RunEnd, repository_of};
use crate::shell::Script;
use crate::tasks::status::Status;
use crate::{environment, shell};

/// Returns the script of a call that can run long; `None` if nothing needs recording. Most calls end at once and cost
/// no more than this check.
pub(super) fn script_to_record(input: &Input, mode: Mode) -> Option<Script> {
    let command = input.bash_command()?;
    if mode == Mode::Dry || environment::switched_off() {
        return None;
    }
    let script = shell::parse(command).ok()?;
    decision::can_run_long(&script).then_some(script)
}

/// Records a call that ran to its end in the foreground, successful or not.
pub(super) fn record(input: &Input, script: &Script, mode: Mode) {
    let _deadline = Deadline::start();
    let site = CallSite::new(&input.cwd);
    let configuration = Configuration::load(&site, mode);
    if !configuration.settings.history || configuration.settings.dry_run {
        return;
    }
    let repository = repository_of(&site);
    let kind = decision::kind_of_script(script, &configuration.rules, repository);
    if !kind.keys.is_empty()
        && let Some(observation) = observed(input)
    {
        history::record(&input.tool_use_id, &kind.keys, observation);
    }
}

/// Returns the duration measured by the client. For an older client, returns the time since the model made the call if
/// it is short. That time includes the wait for the user's approval, so the command itself was short too.
fn observed(input: &Input) -> Option<Observation> {
    let code = input.error.strip_prefix("Exit code ");
    let code = code.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let was_killed = code.is_some_and(|code| Status::of_exit(code).is_cut());
    let end = if input.is_interrupt || was_killed {
        RunEnd::CutOff
    } else if input.hook_event_name == "PostToolUseFailure" {
        RunEnd::Failure
    } else {
        RunEnd::Success
    };
    if let Some(milliseconds) = input.duration_ms {
        let seconds = seconds(milliseconds);
        return Some(Observation { seconds, end });
    }
    let called = transcript::called_at(&input.transcript_path, &input.tool_use_id)?;
    let since = Timestamp::now().duration_since(called).as_millis_f64();
    let seconds = seconds(since);
    let end = match end {
        _ if input.permission_mode == "bypassPermissions" => end,
        _ if is_long(seconds) => return None,
        RunEnd::Success => RunEnd::AtMost,
        end => end,
    };
    Some(Observation { seconds, end })
}

#[expect(clippy::cast_possible_truncation, reason = "the store clamps")]
fn seconds(milliseconds: f64) -> f32 {
    (milliseconds / 1000.0) as f32
}
