//! `PreToolUse`: turns a long-running Bash call into a background call, and unbuffers a Monitor's command.

use std::io;
use std::mem::ManuallyDrop;

use serde_json::{Map, Value};

use super::{call_messages, chain, model_messages, same_command};
use crate::claude::answer::{Answer, HookSpecificOutput};
use crate::claude::input::Input;
use crate::claude::session::{self, Session};
use crate::config::{Configuration, Mode};
use crate::decision::{self, Call, Decision, Outcome};
use crate::folders::CallSite;
use crate::history::repository_of;
use crate::state::call_claims::CallOutcome;
use crate::state::{call_claims, log};
use crate::survive::{self, note};
use crate::{environment, shell};

/// Answers the event with this text; `None` leaves the call unchanged.
pub(super) fn answer(input: &Input, text: &[u8], mode: Mode) -> Option<Answer> {
    if let Some(command) = input.monitor_command() {
        return answer_to_monitor(input, command, mode);
    }
    input.bash_command()?;
    let site = CallSite::new(&input.cwd).in_session(&input.session_id);
    // The process exits after this answer, so freeing hundreds of rules would be wasted time.
    let configuration = ManuallyDrop::new(Configuration::load(&site, mode));
    let others = &configuration.settings.chain;
    if others.is_empty() || environment::is_set(environment::CHAINED) {
        return own_answer(input, &site, &configuration);
    }
    let chained = chain::run(others, text);
    let own = match &chained.tool_input {
        _ if chained.refuses() => None,
        None => own_answer(input, &site, &configuration),
        Some(tool_input) => {
            let input = Input {
                tool_input: tool_input.clone(),
                ..input.clone()
            };
            own_answer(&input, &site, &configuration)
        }
    };
    chained.merged_with(own)
}

/// Returns bg-run's own answer, without those of `chain`.
fn own_answer(input: &Input, site: &CallSite, configuration: &Configuration) -> Option<Answer> {
    let call = Call {
        command: input.bash_command()?,
        run_in_background: input.run_in_background(),
        timeout: input.timeout(),
    };
    let session = Session::from_env(input.agent_id.is_some(), &input.permission_mode);
    let decision = session.decide(call, site, configuration);
    if configuration.settings.survive
        && survive::IS_SUPPORTED
        && let Err(error) = write_relay_note(input, site, session, &decision, configuration)
    {
        log::error(&format!("PreToolUse: {error}"));
    }
    let problem = if configuration.has_unreported {
        configuration.problems.first()
    } else {
        None
    };
    if problem.is_some() {
        for problem in &configuration.problems {
            log::error(&format!("settings: {problem}"));
        }
    }
    if !decision.changes(call) {
        let still_runs =
            same_command::message_if_running(input, site, session, &decision, configuration);
        let is_news = problem.is_some() || still_runs.is_some();
        return (is_news && call_claims::claim("PreToolUse", &input.tool_use_id)).then(|| {
            Answer::telling(
                "PreToolUse",
                problem.map(call_messages::faulty_file),
                still_runs,
            )
        });
    }
    if configuration.settings.dry_run {
        let message = call_messages::would_do(&decision, configuration.problems.first());
        return Some(Answer::telling("PreToolUse", Some(message), None));
    }
    // Every registration returns the rewrite, but only one shows the message.
    let done = CallOutcome {
        moved: decision.outcome == Outcome::Background && !call.run_in_background,
        timeout: input.timeout(),
        tails: decision.rewrite.dropped_tails.clone(),
    };
    let first = call_claims::claim_with_outcome("PreToolUse", &input.tool_use_id, &done);
    let for_model = first.then(|| {
        let still_runs =
            same_command::message_if_running(input, site, session, &decision, configuration);
        let message = model_messages::moved(&decision, call, &configuration.rules)
            .into_iter()
            .chain(still_runs);
        message.collect::<Vec<_>>().join("\n")
    });
    let for_model = for_model.filter(|message| !message.is_empty());
    Some(Answer {
        system_message: if first {
            problem.map(call_messages::faulty_file)
        } else {
            None
        },
        ..rewritten(input, &decision, for_model)
    })
}

/// Writes a note of a call that can run long in the background, so that it may outlive its session. Servers and watchers
/// end with it.
fn write_relay_note(
    input: &Input,
    site: &CallSite,
    session: Session,
    decision: &Decision,
    configuration: &Configuration,
) -> io::Result<()> {
    let is_background = decision.outcome == Outcome::Background;
    let is_moved = is_background || session.limit.is_some();
    let can_survive = is_moved && session.is_in_terminal() && !environment::switched_off();
    if !can_survive || configuration.settings.dry_run {
        return Ok(());
    }
    let command = &decision.rewrite.command;
    let (Ok(script), Some(client)) = (shell::parse(command), session::client()) else {
        return Ok(());
    };
    let endless = || {
        let repository = repository_of(site);
        decision::kind_of_script(&script, &configuration.rules, repository).endless
    };
    if !decision::can_run_long(&script) || endless() {
        return Ok(());
    }
    note::write(&input.tool_use_id, command, client)
}

/// Answers a Monitor call without a message, because only its buffering changes.
fn answer_to_monitor(input: &Input, command: &str, mode: Mode) -> Option<Answer> {
    let site = CallSite::new(&input.cwd).in_session(&input.session_id);
    let configuration = ManuallyDrop::new(Configuration::load(&site, mode));
    let session = Session::from_env(input.agent_id.is_some(), &input.permission_mode);
    let decision = session.decide_monitor(command, &site, &configuration);
    if decision.rewrite.command == command {
        return None;
    }
    if configuration.settings.dry_run {
        let message = call_messages::would_do(&decision, None);
        return Some(Answer::telling("PreToolUse", Some(message), None));
    }
    Some(rewritten(input, &decision, None))
}

fn rewritten(input: &Input, decision: &Decision, for_model: Option<String>) -> Answer {
    Answer {
        hook_specific_output: Some(HookSpecificOutput {
            updated_input: Some(updated_input(&input.tool_input, decision)),
            additional_context: for_model,
            ..HookSpecificOutput::of("PreToolUse")
        }),
        ..Answer::default()
    }
}

fn updated_input(tool_input: &Map<String, Value>, decision: &Decision) -> Map<String, Value> {
    let mut updated = tool_input.clone();
    updated.insert(
        "command".to_owned(),
        decision.rewrite.command.clone().into(),
    );
    if decision.outcome == Outcome::Background {
        updated.insert("run_in_background".to_owned(), true.into());
        if let Some(timeout) = decision.timeout {
            updated.insert("timeout".to_owned(), timeout.into());
        }
    }
    updated
}
