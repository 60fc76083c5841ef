//! The gates of a decision, in their order.

use super::call::{Call, Context};
use super::findings::{Findings, Match};
use super::foresight::Prediction;
use super::marker::{MarkerValue, Markers};
use super::outcome::{GateResult, Outcome};
use crate::claude::output_folder;
use crate::history::Expectation;
use crate::rules::Rules;
use crate::shell::Script;

/// Applies the gates: the call's own marker, obstacles to a background task, the kind of session, and at last the
/// rules and past durations.
pub(super) fn judge(
    call: Call<'_>,
    rules: &Rules,
    context: &Context<'_>,
    script: &Script,
    markers: &Markers,
) -> GateResult {
    if markers.value == Some(MarkerValue::Off) {
        let reason = "BG_RUN=off asks for the foreground";
        return GateResult::new(Outcome::Foreground, reason);
    }
    if context.no_background_tasks {
        let reason = "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS switches background tasks off";
        return GateResult::new(Outcome::Pass, reason);
    }
    if output_folder::names_task_outputs(call.command) {
        let reason = "it names the folder of the tasks' outputs, which would include its own";
        return GateResult::new(Outcome::Pass, reason);
    }
    let findings = Findings::of(script, rules);
    if markers.value == Some(MarkerValue::On) {
        let targets = findings.targets(script, &markers.commands);
        return GateResult {
            targets,
            forms: findings.forms,
            ..GateResult::new(Outcome::Background, "BG_RUN=on asks for the background")
        };
    }
    if context.switched_off {
        let reason = "BG_RUN=off in the environment switches bg-run off";
        return GateResult::new(Outcome::Pass, reason);
    }
    if context.leave_headless {
        let reason =
            "a headless session is left alone: Claude Code may end the task with its answer";
        return GateResult::new(Outcome::Pass, reason);
    }
    if context.leave_subagent {
        let reason = "a subagent is left alone: Claude Code ends its tasks with its answer";
        return GateResult::new(Outcome::Pass, reason);
    }
    let result = judge_by_rules(call, context, script, (&findings, rules));
    GateResult {
        forms: findings.forms,
        ..result
    }
}

/// Applies the rules. Those of the user and the project decide first, then built-in rules that request the foreground.
/// A built-in rule that requests the background decides until a short call contradicts it. Otherwise the prediction
/// decides.
fn judge_by_rules(
    call: Call<'_>,
    context: &Context<'_>,
    script: &Script,
    (findings, rules): (&Findings, &Rules),
) -> GateResult {
    let found = findings.background.as_ref();
    let background = |reason: String, expected: Option<Expectation>| GateResult {
        rule: found.map(|found| found.rule.clone()),
        targets: findings.targets(script, &[]),
        expected,
        ..GateResult::new(Outcome::Background, reason)
    };
    match (found, &findings.foreground) {
        (Some(found), _) if found.is_own || call.run_in_background => {
            return background(found.reason.clone(), None);
        }
        (None, Some(found)) => return foreground(found),
        (None, None) if call.run_in_background => {
            return background("the call asks for the background itself".to_owned(), None);
        }
        _ => {}
    }
    let history = match findings.short {
        None => context.history,
        Some(_) => None,
    };
    let prediction = history.and_then(|history| Prediction::new(&history, found, findings));
    let stays = || {
        let moves = prediction.as_ref()?.moves();
        moves.then(|| findings.foreground_rule(rules))?
    };
    if let Some(found) = found.is_none().then(stays).flatten() {
        return foreground(&found);
    }
    match (prediction, found) {
        (Some(prediction), _) if prediction.moves() => {
            background(prediction.why(), Some(prediction.expectation()))
        }
        (Some(prediction), _) => GateResult {
            expected: Some(prediction.expectation()),
            ..GateResult::new(Outcome::Pass, prediction.why())
        },
        (None, Some(found)) => background(found.reason.clone(), None),
        (None, None) => GateResult::new(Outcome::Pass, findings.short.unwrap_or("no rule matches")),
    }
}

fn foreground(found: &Match) -> GateResult {
    GateResult {
        rule: Some(found.rule.clone()),
        ..GateResult::new(Outcome::Foreground, found.reason.clone())
    }
}
