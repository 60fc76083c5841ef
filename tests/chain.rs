//! Other hooks that rewrite Bash calls, run by bg-run. Their rewrites and decisions count, and none of them can break
//! a call.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::claude::{Client, NEWEST};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{BG_RUN, Sandbox, read};

/// Returns a hook that puts `word` before the command, and adds these parts of JSON objects to its answer.
fn prefixing(word: &str, specific: &str, top: &str) -> String {
    format!(
        r#"event=$(cat); echo "$event" >>"$HOME/events"
command=$(printf %s "$event" | sed -n 's/.*"command":"\([^"]*\)".*/\1/p')
printf '{{"hookSpecificOutput":{{"hookEventName":"PreToolUse",{specific}"updatedInput":{{"command":"{word} %s","description":"x"}}}}{top}}}' "$command""#
    )
}

fn chained(sandbox: &Sandbox, programs: &[&str]) {
    let commands = programs.iter().map(|program| json!([program, "hook"]));
    let commands = Value::from(commands.collect::<Vec<_>>());
    sandbox.config(&format!("chain = {commands}\n"));
}

fn pre(sandbox: &Sandbox, command: &str, variables: &[(&str, &str)]) -> Value {
    let event = sandbox.event("PreToolUse", &json!({"command": command}));
    sandbox.answer(&event, variables)
}

fn command_of(answer: &Value) -> &str {
    let updated = &answer["hookSpecificOutput"]["updatedInput"];
    updated["command"].as_str().unwrap_or_default()
}

#[test]
fn each_hook_gets_the_result_of_the_one_before() {
    let sandbox = Sandbox::new();
    sandbox.program("first", &prefixing("nice", "", ""));
    sandbox.program("second", &prefixing("time", "", ""));
    chained(&sandbox, &["first", "second"]);
    let answer = pre(&sandbox, "pytest -x", &[]);
    assert_eq!(command_of(&answer), "time nice pytest -x 2>&1");
    let updated = &answer["hookSpecificOutput"]["updatedInput"];
    assert_eq!(updated["run_in_background"], true);
    assert_eq!(updated["description"], "x");
    let decision = &answer["hookSpecificOutput"]["permissionDecision"];
    assert_eq!(*decision, Value::Null);
    // The first hook saw the client's own event.
    let events = read(&sandbox.home().join("events"));
    let seen: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    let mut sent = sandbox.event("PreToolUse", &json!({"command": "pytest -x"}));
    sent["tool_use_id"] = seen["tool_use_id"].clone();
    assert_eq!(seen, sent);
    // A call that stays has their rewrite too, whatever is switched off in bg-run.
    for (command, variables) in [
        ("ls", &[][..]),
        ("pytest -x", &[("BG_RUN", "off")]),
        ("pytest -x", &[("BG_RUN_DRY_RUN", "1")]),
    ] {
        let answer = pre(&sandbox, command, variables);
        assert_eq!(command_of(&answer), format!("time nice {command}"));
        let updated = &answer["hookSpecificOutput"]["updatedInput"];
        assert_eq!(updated["run_in_background"], Value::Null, "{answer}");
    }
}

#[test]
fn decisions_and_messages_pass_through_and_the_strictest_counts() {
    let allow = r#""permissionDecision":"allow","permissionDecisionReason":"mine","#;
    let ask = r#""permissionDecision":"ask","permissionDecisionReason":"look","additionalContext":"theirs","#;
    for (first, second, decision, reason) in [
        (allow, "", "allow", "mine"),
        (allow, ask, "ask", "look"),
        (ask, allow, "ask", "look"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.program(
            "first",
            &prefixing("nice", first, ",\"systemMessage\":\"a\""),
        );
        sandbox.program(
            "second",
            &prefixing("time", second, ",\"systemMessage\":\"b\""),
        );
        chained(&sandbox, &["first", "second"]);
        let answer = pre(&sandbox, "pytest", &[]);
        let specific = &answer["hookSpecificOutput"];
        assert_eq!(specific["permissionDecision"], decision, "{answer}");
        assert_eq!(specific["permissionDecisionReason"], reason);
        assert_eq!(answer["systemMessage"], "a\nb");
        assert_eq!(command_of(&answer), "time nice pytest 2>&1");
        let context = specific["additionalContext"].as_str().unwrap();
        assert!(context.contains("bg-run moved this call"), "{context}");
        let has_theirs = first == ask || second == ask;
        assert_eq!(context.starts_with("theirs\n"), has_theirs, "{context}");
    }
}

#[test]
fn a_refusal_ends_the_chain() {
    for script in [
        "echo 'not here' >&2; exit 2",
        r#"echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"not here"}}'"#,
        r#"echo '{"decision":"block","reason":"not here"}'"#,
        r#"echo '{"continue":false,"stopReason":"not here"}'"#,
    ] {
        let sandbox = Sandbox::new();
        sandbox.program("gate", script);
        sandbox.program("second", &prefixing("nice", "", ""));
        chained(&sandbox, &["gate", "second"]);
        let answer = pre(&sandbox, "pytest", &[]);
        assert!(answer.to_string().contains("not here"), "{answer}");
        assert_eq!(command_of(&answer), "", "{answer}");
        assert!(!sandbox.home().join("events").exists());
    }
}

#[test]
fn failing_and_slow_hooks_are_skipped_and_logged() {
    let endless = "exec 2>&1; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done | head -c 4000000";
    for (script, why) in [
        (Some("echo broken >&2; exit 1"), "broken"),
        (Some("echo '{broken'"), "isn't JSON"),
        (
            Some(r#"echo '{"hookSpecificOutput":{"updatedInput":{"file":"x"}}}'"#),
            "no command",
        ),
        (Some("kill -9 $$"), "signal"),
        (Some("printf {; head -c 2000000 /dev/zero"), "more than"),
        (Some("sleep 60 & sleep 60"), "didn't end"),
        (Some(endless), "more than"),
        (Some("exec <&- >&- 2>&-"), ""),
        (Some("echo hello"), ""),
        (None, "is on the PATH"),
    ] {
        let sandbox = Sandbox::new();
        if let Some(script) = script {
            sandbox.program("other", script);
        }
        sandbox.program("second", &prefixing("nice", "", ""));
        chained(&sandbox, &["other", "second"]);
        let answer = pre(&sandbox, "pytest", &[]);
        assert_eq!(
            command_of(&answer),
            "PYTHONUNBUFFERED=1 nice pytest 2>&1",
            "{script:?}"
        );
        let log = sandbox.log();
        if why.is_empty() {
            assert_eq!(log, "", "{script:?}");
        } else {
            assert!(
                log.contains("chain: `other hook` is skipped: ") && log.contains(why),
                "{log}"
            );
        }
    }
}

/// Whether the process has ended. Its parent may not have asked for its status yet.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// A slow hook and an endless one are killed with their descendants, even those in another session.
#[test]
fn a_killed_hook_leaves_no_process() {
    for script in [
        "sleep 600 & echo $! >\"$HOME/pid\"; wait",
        "setsid sleep 600 & echo $! >\"$HOME/pid\"; wait",
        "(setsid sh -c 'echo $$ >\"$HOME/pid\"; exec sleep 600' &); sleep 600",
        "setsid sh -c 'echo $$ >\"$HOME/pid\"; exec cat /dev/zero'",
    ] {
        let sandbox = Sandbox::new();
        sandbox.program("other", script);
        chained(&sandbox, &["other"]);
        assert!(!command_of(&pre(&sandbox, "pytest", &[])).is_empty());
        let pid = read(&sandbox.home().join("pid"));
        assert!(pid.trim().parse::<u32>().is_ok(), "{script}: {pid}");
        support::wait_until("it has ended", || is_gone(&pid).then_some(()));
    }
}

/// The endless output must not fill the disk: the writer is killed when its answer becomes too large.
#[test]
fn an_endless_answer_is_cut_off() {
    for stream in ["", " >&2"] {
        let sandbox = Sandbox::new();
        let count = "n=0; while [ $n -lt 2000 ]; do head -c 100000 /dev/zero || exit; n=$((n+1)); echo $n >\"$HOME/n\"; done";
        sandbox.program("other", &format!("({count}){stream}"));
        chained(&sandbox, &["other"]);
        assert!(!command_of(&pre(&sandbox, "pytest", &[])).is_empty());
        let written: u32 = read(&sandbox.home().join("n")).trim().parse().unwrap_or(0);
        assert!(written < 40, "{written} times 100 kB");
        assert!(sandbox.log().contains("more than"), "{}", sandbox.log());
    }
}

/// The log names a process that outlives a successful hook. A later hook that is killed doesn't take it along.
#[test]
fn a_remaining_process_is_logged_and_delays_nothing() {
    let left = "& echo $! >\"$HOME/pid\"";
    for script in [
        format!("sleep 600 {left}"),
        format!("sleep 600 >/dev/null 2>&1 {left}"),
        format!("setsid sleep 600 >/dev/null 2>&1 {left}"),
        format!("setsid sleep 600 >/dev/null 2>&1 {left}; exit 1"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.program("other", &script);
        sandbox.program("endless", "cat /dev/zero");
        chained(&sandbox, &["other", "endless"]);
        let started = Instant::now();
        assert!(!command_of(&pre(&sandbox, "pytest", &[])).is_empty());
        assert!(started.elapsed() < Duration::from_mins(1));
        let pid = read(&sandbox.home().join("pid"));
        let log = sandbox.log();
        assert!(log.contains("`endless hook` is skipped"), "{log}");
        let named = format!("chain: `other` left running: process {} (`", pid.trim());
        assert!(log.contains(&named), "{script}: {log}");
        assert!(!is_gone(&pid), "{script}: it was killed");
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

#[test]
fn explain_shows_the_rewrites_of_chained_hooks() {
    let sandbox = Sandbox::new();
    sandbox.program("first", &prefixing("nice", "", ""));
    chained(&sandbox, &["first"]);
    let said = |arguments: &[&str]| {
        let output = sandbox.bg_run(&[&["explain"], arguments].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = said(&["pytest"]);
    assert!(
        text.starts_with("`first hook` first changes it to: nice pytest\n"),
        "{text}"
    );
    assert!(
        text.contains("- nice pytest") && text.contains("+ PYTHONUNBUFFERED=1 nice pytest 2>&1"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&said(&["--json", "pytest"])).unwrap();
    assert_eq!(json["chained"], "nice pytest");
    sandbox.program("first", "exit 2");
    let output = sandbox.bg_run(&["explain", "pytest"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("a hook in `chain` refuses it: `first hook`"),
        "{said}"
    );
}

#[test]
fn bg_run_in_its_own_chain_runs_once() {
    let sandbox = Sandbox::new();
    let counted = format!("echo x >>\"$HOME/calls\"; exec {BG_RUN} hook");
    let counted = sandbox.program("counted", &counted);
    let commands = json!([[counted], [counted]]);
    sandbox.config(&format!("chain = {commands}\n"));
    assert_eq!(
        command_of(&pre(&sandbox, "pytest", &[])),
        "PYTHONUNBUFFERED=1 pytest 2>&1"
    );
    assert_eq!(read(&sandbox.home().join("calls")), "x\nx\n");
}

/// The real client with a hook that rewrites and one that refuses: both count, and the call is moved.
#[test]
fn the_real_client_takes_their_rewrite_and_ours() {
    for version in ["2.1.20", "2.1.200", NEWEST] {
        let Some(client) = Client::find(version) else {
            continue;
        };
        for (command, runs) in [("pytest -x", true), ("pytest --danger", false)] {
            let sandbox = Sandbox::new();
            sandbox.config("headless = 'background'\nchain = [['rtk', 'hook', 'claude']]\n");
            sandbox.program("pytest", "echo tested");
            let gate = "case \"$event\" in *danger*) echo 'too dangerous' >&2; exit 2;; esac";
            let hook = prefixing("rtk", "", "").replacen('\n', &format!("\n{gate}\n"), 1);
            let run = "if [ \"$1\" != hook ]; then echo \"$*\" >>\"$HOME/ran\"; exec \"$@\"; fi";
            sandbox.program("rtk", &format!("{run}\n{hook}"));
            sandbox.write_settings(&json!({
                "permissions": {"allow": ["Bash(rtk:*)"]}
            }));
            assert!(sandbox.bg_run(&["install"]).status.success());
            let api = MessagesApi::start(vec![Turn::bash(command), Turn::Say("ok".to_owned())]);
            client.run_headless_until(&sandbox, &api, &[], &[], 1);
            let results = api.tool_results();
            let ran = read(&sandbox.home().join("ran"));
            if runs {
                assert!(
                    results[0].text.contains("running in background with ID"),
                    "{version}: {results:?}"
                );
                assert_eq!(ran, "pytest -x\n", "{version}");
            } else {
                assert!(
                    results[0].is_error && results[0].text.contains("too dangerous"),
                    "{version}: {results:?}"
                );
                assert_eq!(ran, "", "{version}");
            }
        }
    }
}
