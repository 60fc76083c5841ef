//! The decision about one Bash call: a pure function of the call, the rules and the context.

mod call;
mod findings;
mod for_session;
mod foresight;
mod gates;
mod marker;
mod outcome;

use crate::claude::parameter_rules::{RUN_IN_BACKGROUND, TIMEOUT};
use crate::claude::permissions::PermissionRules;
use crate::claude::timeout;
use crate::history::Expectation;
use crate::programs::CommandForms;
use crate::rewrite::{self, EditSet, Rewrite, RewriteContext, RewriteInput};
use crate::rules::Rules;
use crate::shell;
use marker::{MarkerValue, Markers};
use outcome::GateResult;

pub use call::{Call, Context, History};
pub use findings::{main_command, own_log, status_of};
pub use foresight::{CallKind, can_run_long, kind_of, kind_of_script, moves_first_call};
pub use marker::unknown_words;
pub use outcome::Outcome;

/// The decision about a call, with its reason.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The place where the call runs.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The reason, as shown to the user.
    pub reason: String,
    /// The edited command.
    pub rewrite: Rewrite,
    /// The call's new time-out in milliseconds; `None` keeps its own.
    pub timeout: Option<u64>,
    /// Whether the call would change the session's folder in the foreground.
    pub changes_folder: bool,
    /// The expected duration, if the history was consulted.
    pub expected: Option<Expectation>,
}

impl Decision {
    /// Whether the answer changes anything about the call.
    pub fn changes(&self, call: Call<'_>) -> bool {
        self.rewrite.command != call.command
            || (self.outcome == Outcome::Background && !call.run_in_background)
    }
}

/// Decides about `call`.
pub fn decide(call: Call<'_>, rules: &Rules, context: &Context<'_>) -> Decision {
    let script = match shell::parse(call.command) {
        Ok(script) => script,
        Err(error) => return left_alone(call.command, error.to_string()),
    };
    let markers = Markers::of(&script, call.command);
    let input = RewriteInput {
        source: call.command,
        script: &script,
        markers: &markers.spans,
    };
    let mut result = gates::judge(call, rules, context, &script, &markers);
    if result.outcome != Outcome::Background && markers.spans.is_empty() {
        let rewrite = rewrite::without_markers(input, &PermissionRules::default());
        return decision(result, rewrite, script.changes_folder);
    }
    let permissions = (context.permissions)();
    let mut new_timeout = None;
    if result.outcome == Outcome::Background {
        new_timeout = Some(
            call.timeout
                .unwrap_or_default()
                .max(timeout::MAX_IN_BACKGROUND),
        );
        match rule_of_parameters(call, new_timeout, &permissions) {
            Some(_) if call.run_in_background => new_timeout = None,
            Some(rule) => {
                let reason = format!(
                    "the permission rule `{rule}` concerns a parameter that the move would change"
                );
                result = GateResult::new(Outcome::Foreground, reason);
            }
            None => {}
        }
    }
    let rewrite = if result.outcome == Outcome::Background {
        let rewrite_context = rewrite_context(EditSet::All, &permissions, &result.forms, context);
        rewrite::rewrite(input, &result.targets, rewrite_context)
    } else {
        rewrite::without_markers(input, &permissions)
    };
    Decision {
        timeout: new_timeout,
        ..decision(result, rewrite, script.changes_folder)
    }
}

/// Returns an ask or deny rule whose outcome would change if the call ran in the background with this time-out.
fn rule_of_parameters(
    call: Call<'_>,
    timeout: Option<u64>,
    permissions: &PermissionRules,
) -> Option<String> {
    let now = call.run_in_background.then_some("true");
    let moved = permissions.telling_apart(RUN_IN_BACKGROUND, now, "true");
    let own = call.timeout.map(|timeout| timeout.to_string());
    let raised = timeout.and_then(|timeout| {
        permissions.telling_apart(TIMEOUT, own.as_deref(), &timeout.to_string())
    });
    moved.or(raised).map(str::to_owned)
}

/// Decides about a Monitor's command. The client already runs it in the background, and each line that it prints is an
/// event (2.1.331). A buffer would delay events, so the command is unbuffered and otherwise unchanged.
pub fn decide_monitor(command: &str, rules: &Rules, context: &Context<'_>) -> Decision {
    let script = match shell::parse(command) {
        Ok(script) => script,
        Err(error) => return left_alone(command, error.to_string()),
    };
    let markers = Markers::of(&script, command);
    if context.switched_off || markers.value == Some(MarkerValue::Off) {
        return left_alone(command, "BG_RUN=off switches bg-run off");
    }
    let input = RewriteInput {
        source: command,
        script: &script,
        markers: &[],
    };
    let permissions = (context.permissions)();
    let forms = CommandForms::of_all(&script, &rules.wrappers);
    let rewrite_context = rewrite_context(EditSet::Unbuffered, &permissions, &forms, context);
    let all: Vec<usize> = (0..script.simple_commands.len()).collect();
    let rewrite = rewrite::rewrite(input, &all, rewrite_context);
    let result = GateResult::new(Outcome::Pass, "each line of a Monitor is an event");
    decision(result, rewrite, script.changes_folder)
}

fn left_alone(command: &str, reason: impl Into<String>) -> Decision {
    let rewrite = Rewrite {
        command: command.to_owned(),
        ..Rewrite::default()
    };
    decision(GateResult::new(Outcome::Pass, reason), rewrite, false)
}

fn rewrite_context<'a>(
    wanted: EditSet,
    permissions: &'a PermissionRules,
    forms: &'a [CommandForms],
    context: &'a Context<'_>,
) -> RewriteContext<'a> {
    RewriteContext {
        wanted,
        permissions,
        python_unbuffered: (context.python_unbuffered)(),
        forms,
        tools: context.tools,
    }
}

fn decision(result: GateResult, rewrite: Rewrite, changes_folder: bool) -> Decision {
    Decision {
        outcome: result.outcome,
        rule: result.rule,
        reason: result.reason,
        rewrite,
        timeout: None,
        changes_folder,
        expected: result.expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(command: &str) -> Decision {
        let call = Call {
            command,
            ..Call::default()
        };
        decide(
            call,
            &Rules::built_in(),
            &Context::ordinary(&PermissionRules::default),
        )
    }

    #[test]
    fn long_calls_move_and_others_stay() {
        use Outcome::{Background, Foreground, Pass};
        for (command, outcome) in [
            ("pytest", Background),
            ("cd src && pytest -x | tee log", Background),
            (
                "timeout 600 uv run python -m models.segmenter.train --epochs 10",
                Background,
            ),
            ("pytest --version", Foreground),
            ("make -n", Foreground),
            ("make -pn", Foreground),
            ("make -Cn", Background),
            ("snakemake -np", Foreground),
            ("snakemake -npr", Foreground),
            ("snakemake -p", Background),
            ("rsync -navz a b:c", Foreground),
            ("rsync -avz -e 'ssh -n' a b:c", Background),
            ("echo pytest", Pass),
            ("git commit -m 'pytest'", Pass),
            ("ls -la", Pass),
            ("timeout 10 npm run dev", Pass),
            ("npm run dev & sleep 5; curl localhost", Pass),
            ("npm test & wait", Background),
            ("f() { pytest; }", Pass),
            ("f() { pytest; }; f", Background),
            ("which pytest", Pass),
            ("bash -c 'cd x && pytest'", Background),
            ("echo $(pytest)", Background),
            ("cat <<'E' > run.sh\npytest\nE", Pass),
            ("", Pass),
            ("if", Pass),
        ] {
            assert_eq!(decided(command).outcome, outcome, "{command}");
        }
    }

    #[test]
    fn a_marker_decides_and_is_removed() {
        for (command, outcome, expected) in [
            ("BG_RUN=off pytest", Outcome::Foreground, "pytest"),
            (
                "BG_RUN=on ./odd-script",
                Outcome::Background,
                "PYTHONUNBUFFERED=1 ./odd-script 2>&1",
            ),
            (
                "cd x && FOO=1 BG_RUN='off'  pytest",
                Outcome::Foreground,
                "cd x && FOO=1 pytest",
            ),
            (
                "BG_RUN=on cd x && ./run",
                Outcome::Background,
                "cd x && PYTHONUNBUFFERED=1 ./run 2>&1",
            ),
            (
                "BG_RUN=on \\\n pytest",
                Outcome::Background,
                "PYTHONUNBUFFERED=1 pytest 2>&1",
            ),
            ("BG_RUN=maybe ls", Outcome::Pass, "BG_RUN=maybe ls"),
            // The command would read its own output too.
            (
                "BG_RUN=on cat /tmp/claude-0/-p/s/tasks/*.output",
                Outcome::Pass,
                "cat /tmp/claude-0/-p/s/tasks/*.output",
            ),
            (
                "pytest; cat /tmp/claude-0/-p/s/tasks/*.output",
                Outcome::Pass,
                "pytest; cat /tmp/claude-0/-p/s/tasks/*.output",
            ),
            ("BG_RUN=on", Outcome::Pass, "BG_RUN=on"),
            ("BG_RUN=on a; BG_RUN=off b", Outcome::Foreground, "a; b"),
            (
                "echo \"$(BG_RUN=off ls)\"",
                Outcome::Pass,
                "echo \"$(BG_RUN=off ls)\"",
            ),
            ("BG_RUN=on sleep 100", Outcome::Background, "sleep 100"),
            // Without a preceding word, `do` is a reserved word.
            (
                "x\nBG_RUN=on do",
                Outcome::Background,
                "x\nPYTHONUNBUFFERED=1 do 2>&1",
            ),
            ("x\nBG_RUN=off do", Outcome::Foreground, "x\nBG_RUN=off do"),
        ] {
            let decision = decided(command);
            assert_eq!(
                (decision.outcome, decision.rewrite.command.as_str()),
                (outcome, expected),
                "{command}"
            );
        }
    }

    #[test]
    fn the_context_wins_over_the_rules() {
        let permissions = PermissionRules::default;
        let run = |change: fn(&mut Context<'_>), command: &str| {
            let mut context = Context::ordinary(&permissions);
            change(&mut context);
            let call = Call {
                command,
                ..Call::default()
            };
            let decision = decide(call, &Rules::built_in(), &context);
            (decision.outcome, decision.rewrite.command)
        };
        let pass = (Outcome::Pass, "pytest".to_owned());
        assert_eq!(run(|c| c.leave_headless = true, "pytest"), pass);
        assert_eq!(run(|c| c.leave_subagent = true, "pytest"), pass);
        assert_eq!(
            run(|c| c.no_background_tasks = true, "BG_RUN=on pytest"),
            pass
        );
        assert_eq!(run(|c| c.switched_off = true, "pytest"), pass);
        assert_eq!(
            run(|c| c.leave_headless = true, "BG_RUN=on pytest").0,
            Outcome::Background
        );
    }

    #[test]
    fn permission_rules_are_read_only_for_rewritten_calls() {
        let call = Call {
            command: "ls -la",
            ..Call::default()
        };
        let context = Context::ordinary(&|| panic!("read for a call that isn't ours"));
        assert_eq!(
            decide(call, &Rules::built_in(), &context).outcome,
            Outcome::Pass
        );
    }

    #[test]
    fn a_monitor_s_command_is_unbuffered_and_nothing_else() {
        let run = |command: &str, rule: Option<&str>| {
            let permissions = || {
                let mut rules = PermissionRules::default();
                rules.add_settings(&serde_json::json!({"permissions": {"allow": rule.map_or(vec![], |rule| vec![rule])}}));
                rules
            };
            let context = Context::ordinary(&permissions);
            decide_monitor(command, &Rules::built_in(), &context)
        };
        for (command, expected) in [
            (
                "tail -f app.log | grep ERROR",
                "tail -f app.log | grep --line-buffered ERROR",
            ),
            (
                "tail -F a | grep -v x | jq -c .",
                "tail -F a | grep --line-buffered -v x | jq --unbuffered -c .",
            ),
            (
                "python watch.py | grep step",
                "PYTHONUNBUFFERED=1 python -u watch.py | grep --line-buffered step",
            ),
            ("pytest -x", "PYTHONUNBUFFERED=1 pytest -x"),
            (
                "while true; do gh run list | grep -c done; sleep 30; done",
                "while true; do gh run list | grep --line-buffered -c done; sleep 30; done",
            ),
            // The tail stays although it delays output, and no stream is redirected.
            ("pytest | tail -5", "PYTHONUNBUFFERED=1 pytest | tail -5"),
            ("tail -f log | sed s/a/b/", "tail -f log | sed s/a/b/"),
            ("BG_RUN=off pytest | grep x", "BG_RUN=off pytest | grep x"),
            ("tail -f log", "tail -f log"),
            ("if", "if"),
        ] {
            let decision = run(command, None);
            assert_eq!(decision.rewrite.command, expected, "{command}");
            assert_eq!(decision.outcome, Outcome::Pass, "{command}");
        }
        let named = "tail -f log | grep x";
        assert_eq!(run(named, Some("Bash(grep x)")).rewrite.command, named);
    }

    #[test]
    fn a_script_named_like_a_builtin_is_a_program() {
        for name in ["./test", "bin/eval", "/repo/exec"] {
            let decision = decided(&format!("BG_RUN=on {name} | tail -3"));
            let command = format!("PYTHONUNBUFFERED=1 {name} 2>&1");
            assert_eq!(decision.rewrite.command, command);
        }
    }

    #[test]
    fn a_call_already_in_the_background_is_edited_too() {
        let run = |command: &str| {
            let call = Call {
                command,
                run_in_background: true,
                ..Call::default()
            };
            let decision = decide(
                call,
                &Rules::built_in(),
                &Context::ordinary(&PermissionRules::default),
            );
            (decision.rewrite.command.clone(), decision.changes(call))
        };
        assert_eq!(
            run("cd x && pytest"),
            ("cd x && PYTHONUNBUFFERED=1 pytest 2>&1".to_owned(), true)
        );
        assert_eq!(
            run("cd x && ./odd"),
            ("cd x && PYTHONUNBUFFERED=1 ./odd 2>&1".to_owned(), true)
        );
        assert_eq!(run("sleep 100"), ("sleep 100".to_owned(), false));
    }
}
