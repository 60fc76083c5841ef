//! How long a call took goes into the store.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::claude::input::Input;
use crate::claude::transcript;
use crate::config::{Configuration, Mode};
use crate::decision::{self, Kind};
use crate::folders::CallSite;
use crate::history::store::{Key, Observation, Store};
use crate::history::{LONG, repository_named, repository_of};
use crate::state::log;
use crate::state::notes::Status;
use crate::{environment, shell};

/// Records a call that ran in the foreground to its end, well or not.
pub(super) fn foreground(input: &Input, mode: Mode) {
    let Some(command) = input.bash_command() else {
        return;
    };
    if mode == Mode::Dry || environment::switched_off() {
        return;
    }
    let Ok(script) = shell::parse(command) else {
        return;
    };
    // Most calls end at once: they cost no more than this.
    if !decision::can_run_long(&script) {
        return;
    }
    let site = CallSite::new(&input.cwd);
    let configuration = Configuration::load(&site, mode);
    if !configuration.settings.history || configuration.settings.dry_run {
        return;
    }
    let repository = repository_of(&site.project);
    let kind = decision::kind_of_script(&script, &configuration.rules, repository);
    if !kind.keys.is_empty()
        && let Some(observation) = observed(input)
    {
        keep(&input.tool_use_id, &kind.keys, observation);
    }
}

/// What kind of call a command is, and what was set, at `site`.
pub(super) fn kind_at(command: &str, site: &CallSite, configuration: &Configuration) -> Kind {
    decision::kind_of(command, &configuration.rules, repository_of(&site.project))
}

/// Adds an observation; what can't be kept is logged.
pub(super) fn keep(call: &str, keys: &[Key], observation: Observation) {
    if keys.is_empty() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
    let kept =
        Store::own().and_then(|store| store.record_of(call_number(call), keys, observation, now));
    if let Err(error) = kept {
        log::line(&format!("history: a duration is lost: {error}"));
    }
}

/// A number for the call of this id; 0 for none.
fn call_number(id: &str) -> u32 {
    let hash = repository_named(&[id]);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of a hash is one, too"
    )]
    let half = hash as u32;
    if id.is_empty() { 0 } else { half.max(1) }
}

/// The duration that the client tells; of an older one, the time since the model made the call, which holds the user's
/// approval, too: where that is short, the command was.
fn observed(input: &Input) -> Option<Observation> {
    let code = input.error.strip_prefix("Exit code ");
    let code = code.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let was_killed = code.is_some_and(|code| Status::Exited(code).is_killed());
    let at_least = input.is_interrupt || was_killed;
    if let Some(milliseconds) = input.duration_ms {
        return Some(Observation {
            seconds: seconds(milliseconds),
            at_least,
        });
    }
    let called = transcript::called_at(&input.transcript_path, &input.tool_use_id)?;
    let since = Timestamp::now().duration_since(called).as_millis_f64();
    let seconds = seconds(since);
    let asks_nobody = input.permission_mode == "bypassPermissions";
    (seconds < LONG || asks_nobody).then_some(Observation { seconds, at_least })
}

#[expect(clippy::cast_possible_truncation, reason = "the store clamps")]
pub(super) fn seconds(milliseconds: f64) -> f32 {
    (milliseconds / 1000.0) as f32
}
