//! The contract of the hook: its input, its output, and that it never blocks a call.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::claude::{is_there, skip};
use support::sandbox::{Sandbox, read};
use support::{wait_for_text, wait_until};

fn pre(sandbox: &Sandbox, tool_input: &Value, variables: &[(&str, &str)]) -> Value {
    sandbox.answer(&sandbox.event("PreToolUse", tool_input), variables)
}

/// Returns the input of a call for the background.
fn pytest() -> Value {
    json!({"command": "pytest", "run_in_background": true})
}

fn command_of(answer: &Value) -> Option<&str> {
    answer["hookSpecificOutput"]["updatedInput"]["command"].as_str()
}

#[test]
fn a_long_call_is_moved_with_its_whole_input_and_no_decision() {
    let sandbox = Sandbox::new();
    let input = json!({"command": "cd src && pytest -x | tee log", "timeout": 5000, "description": "Run", "dangerouslyDisableSandbox": true, "future": {"a": [1]}});
    let answer = pre(&sandbox, &input, &[]);
    let expected = json!({
        "command": "cd src && PYTHONUNBUFFERED=1 pytest -x | tee log",
        "timeout": 7_200_000,
        "description": "Run",
        "dangerouslyDisableSandbox": true,
        "future": {"a": [1]},
        "run_in_background": true,
    });
    assert_eq!(answer["hookSpecificOutput"]["updatedInput"], expected);
    assert_eq!(answer["hookSpecificOutput"]["hookEventName"], "PreToolUse");
    assert!(
        !answer.to_string().contains("permissionDecision"),
        "{answer}"
    );
}

#[test]
fn other_calls_get_no_answer() {
    let sandbox = Sandbox::new();
    for input in [
        json!({"command": "ls -la"}),
        json!({"command": "echo pytest"}),
        json!({"command": "pytest --version"}),
        json!({"command": "if pytest"}),
        json!({"command": "sleep 100", "run_in_background": true}),
        json!({"command": ""}),
        json!({}),
        json!({"command": 3}),
    ] {
        assert_eq!(pre(&sandbox, &input, &[]), Value::Null, "{input}");
    }
    let mut other = sandbox.event("PreToolUse", &json!({"command": "pytest"}));
    other["tool_name"] = "Read".into();
    assert_eq!(sandbox.answer(&other, &[]), Value::Null);
    assert_eq!(sandbox.log(), "");
}

#[test]
fn a_call_in_the_background_gets_the_same_output() {
    let sandbox = Sandbox::new();
    let answer = pre(
        &sandbox,
        &json!({"command": "pytest", "run_in_background": true, "timeout": 9_000_000}),
        &[],
    );
    assert_eq!(command_of(&answer), Some("PYTHONUNBUFFERED=1 pytest 2>&1"));
    assert_eq!(
        answer["hookSpecificOutput"]["updatedInput"]["timeout"],
        9_000_000
    );
}

#[test]
fn circumstances_leave_calls_alone() {
    let sandbox = Sandbox::new();
    let input = json!({"command": "pytest"});
    for variables in [
        [("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")],
        [("CLAUDE_CODE_ENTRYPOINT", "sdk-py")],
        [("CLAUDE_CODE_SESSION_ATTENDED", "0")],
        [("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1")],
        [("BG_RUN", "off")],
    ] {
        assert_eq!(
            pre(&sandbox, &input, &variables),
            Value::Null,
            "{variables:?}"
        );
    }
    let mut in_subagent = sandbox.event("PreToolUse", &input);
    in_subagent["agent_id"] = "a1".into();
    assert_eq!(sandbox.answer(&in_subagent, &[]), Value::Null);

    let headless = [
        ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"),
        ("BG_RUN_HEADLESS", "background"),
    ];
    assert!(command_of(&pre(&sandbox, &input, &headless)).is_some());
    sandbox.config("headless = 'background'\nsubagents = 'background'\n");
    assert!(
        command_of(&pre(
            &sandbox,
            &input,
            &[("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")]
        ))
        .is_some()
    );
    assert!(command_of(&sandbox.answer(&in_subagent, &[])).is_some());
}

#[test]
fn a_marker_in_the_call_wins() {
    let sandbox = Sandbox::new();
    let answer = pre(&sandbox, &json!({"command": "BG_RUN=off pytest -x"}), &[]);
    assert_eq!(
        answer["hookSpecificOutput"]["updatedInput"],
        json!({"command": "pytest -x"})
    );
    let answer = pre(
        &sandbox,
        &json!({"command": "BG_RUN=on ./odd-script"}),
        &[("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")],
    );
    assert_eq!(
        command_of(&answer),
        Some("PYTHONUNBUFFERED=1 ./odd-script 2>&1")
    );
    let disabled = [("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1")];
    let answer = pre(
        &sandbox,
        &json!({"command": "BG_RUN=on ./odd-script"}),
        &disabled,
    );
    assert_eq!(
        answer["hookSpecificOutput"]["updatedInput"],
        json!({"command": "./odd-script"})
    );
}

/// The client's own limit applies in a dry run too.
#[test]
fn a_dry_run_reports_calls_that_the_limit_moved() {
    let sandbox = Sandbox::new();
    let call = json!({"command": "python train.py", "description": "Train the model"});
    let mut event = sandbox.event("PostToolUse", &call);
    event["tool_response"] = json!({"backgroundTaskId": "b1"});
    let variables = [
        ("BG_RUN_DRY_RUN", "1"),
        ("CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS", "30000"),
    ];
    let said = sandbox.answer(&event, &variables);
    let line = said["systemMessage"].as_str().unwrap();
    assert!(
        line.contains("limit moved \"Train the model\"") && line.contains("after 30 s"),
        "{line}"
    );
    event["tool_input"]["run_in_background"] = true.into();
    assert_eq!(sandbox.answer(&event, &variables), serde_json::Value::Null);
}

#[test]
fn a_dry_run_reports_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let input = json!({"command": "pytest -x"});
    let expect = |answer: Value| {
        let line = answer["systemMessage"].as_str().unwrap();
        assert!(
            line.contains("would run in the background as `PYTHONUNBUFFERED=1 pytest -x 2>&1`"),
            "{line}"
        );
        assert_eq!(answer["hookSpecificOutput"], Value::Null);
    };
    expect(pre(&sandbox, &input, &[("BG_RUN_DRY_RUN", "1")]));
    sandbox.config("dry-run = true\n");
    expect(pre(&sandbox, &input, &[]));
    let (event, _) = sandbox.launched("b1", &pytest());
    assert_eq!(sandbox.answer(&event, &[]), Value::Null);
    sandbox.rules("[[rule]]\nname = 'mine'\nmatch = 'x'\n");
    expect(pre(&sandbox, &input, &[]));
    assert!(!sandbox.state().exists(), "a dry run stored something");
}

#[test]
fn user_and_project_rules_override_the_built_in_ones() {
    let sandbox = Sandbox::new();
    sandbox.rules("off = ['rust']\n[[rule]]\nname = 'mine'\ncommands = ['report']\n");
    sandbox.write("project/.claude/bg-run.toml", "[[rule]]\nname = 'mine'\naction = 'foreground'\n[[rule]]\nname = 'theirs'\nmatch = '^sim\\b'\n");
    let runs =
        |command: &str| command_of(&pre(&sandbox, &json!({"command": command}), &[])).is_some();
    assert!(!runs("cargo test"));
    assert!(!runs("report"));
    assert!(runs("sim --years 5"));
    assert!(runs("pytest"));
}

#[test]
fn a_faulty_file_is_reported_and_the_others_count() {
    let sandbox = Sandbox::new();
    sandbox.rules("[[rule]]\nname = 'mine'\ncommands = ['report']\n");
    sandbox.write("project/.claude/bg-run.toml", "editor = ['rm', '-rf']\n");
    let answer = pre(&sandbox, &json!({"command": "report"}), &[]);
    assert!(command_of(&answer).is_some());
    let said = answer["systemMessage"].as_str().unwrap();
    assert!(
        said.contains(".claude/bg-run.toml:1:1: unknown key `editor`"),
        "{said}"
    );
    assert!(sandbox.log().contains("unknown key `editor`"));
}

#[test]
fn a_changed_rules_file_counts_at_once() {
    let sandbox = Sandbox::new();
    let rules = "home/.config/bg-run/rules.toml";
    let moves =
        |command: &str| command_of(&pre(&sandbox, &json!({"command": command}), &[])).is_some();

    sandbox.write(rules, "[[rule]]\nname = 'mine'\nmatch = '^report\\b'\n");
    assert!(moves("report") && moves("report") && !moves("digest"));
    sandbox.write(rules, "[[rule]]\nname = 'mine'\nmatch = '^digest\\b'\n");
    assert!(!moves("report") && moves("digest"));
    fs::remove_file(sandbox.path(rules)).unwrap();
    assert!(!moves("digest"));
}

#[test]
fn a_rules_file_is_read_once_without_a_state_folder() {
    if !is_there("strace") {
        return skip("strace isn't installed");
    }
    let sandbox = Sandbox::new();
    sandbox.rules("[[rule]]\nname = 'mine'\nmatch = '^report\\b'\n");
    let blocked = sandbox.write("file", "").join("state");
    let event = sandbox.event("PreToolUse", &json!({"command": "report"}));
    let variables = [("BG_RUN_STATE_DIR", blocked.to_str().unwrap())];
    let (openings, answer) = sandbox.openings(
        &["hook"],
        event.to_string().as_bytes(),
        &variables,
        "rules.toml",
    );
    assert!(answer.contains("run_in_background"), "{answer}");
    assert_eq!(openings, 1);
}

#[test]
fn explain_reads_the_permission_rules_once() {
    if !is_there("strace") {
        return skip("strace isn't installed");
    }
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash(pytest:*)"]}}));
    let (openings, said) = sandbox.openings(
        &["explain", "pytest"],
        b"",
        &[],
        "/home/.claude/settings.json",
    );
    assert!(said.contains("Your permission rules: 1 "), "{said}");
    // Two more openings are for the settings' `env`: the limit and Python's buffer.
    assert_eq!(openings, 3);
}

const LOCAL: &str = "project/.claude/settings.local.json";

#[test]
fn permission_rules_prevent_edits() {
    const RULES: &str = "\"permissions\": {\"allow\": [\"Bash(python -m pytest:*)\"]}}";
    let sandbox = Sandbox::new();
    for (text, expected) in [
        (
            format!("{{{RULES}"),
            "PYTHONUNBUFFERED=1 python -m pytest 2>&1",
        ),
        (
            format!("\u{feff}{{{RULES}"),
            "PYTHONUNBUFFERED=1 python -m pytest 2>&1",
        ),
        // The client ignores a file with a comment.
        (
            format!("{{ // mine\n{RULES}"),
            "PYTHONUNBUFFERED=1 python -u -m pytest 2>&1",
        ),
        // The client accepts this file, but its rules can't be read here.
        (format!("{{\"x\": \"\\ud800\", {RULES}"), "python -m pytest"),
    ] {
        sandbox.write(LOCAL, &text);
        let answer = pre(&sandbox, &json!({"command": "python -m pytest"}), &[]);
        assert_eq!(command_of(&answer), Some(expected), "{text}");
    }
    let explained = sandbox.bg_run(&["explain", "--json", "python -m pytest"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["permission_rules"]["all_known"], false);
    let doctor = sandbox.bg_run(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("some aren't known"), "{said}");
}

#[test]
fn a_rule_for_a_parameter_keeps_the_call_or_its_time_out() {
    let sandbox = Sandbox::new();
    for (rules, input, background, timeout) in [
        (
            json!({"deny": ["Bash(run_in_background:true)"]}),
            json!({"command": "pytest"}),
            None,
            None,
        ),
        (
            json!({"deny": ["Bash(timeout:600000)"]}),
            json!({"command": "pytest", "timeout": 600_000}),
            None,
            None,
        ),
        (
            json!({"deny": ["Bash(timeout:600000)"]}),
            json!({"command": "pytest", "timeout": 5}),
            Some(true),
            Some(7_200_000),
        ),
        (
            json!({"ask": ["Bash(timeout:300000)"]}),
            json!({"command": "pytest", "timeout": 300_000, "run_in_background": true}),
            Some(true),
            Some(300_000),
        ),
        (
            json!({"allow": ["Bash(timeout:*)"]}),
            json!({"command": "pytest"}),
            Some(true),
            Some(7_200_000),
        ),
    ] {
        sandbox.write(LOCAL, &json!({"permissions": rules}).to_string());
        let answer = pre(&sandbox, &input, &[]);
        let updated = &answer["hookSpecificOutput"]["updatedInput"];
        assert_eq!(
            updated["run_in_background"].as_bool(),
            background,
            "{rules}"
        );
        assert_eq!(updated["timeout"].as_u64(), timeout, "{rules}");
    }
    let rules = json!({"permissions": {"ask": ["Bash(run_in_background:*)"]}});
    sandbox.write(LOCAL, &rules.to_string());
    let explained = sandbox.bg_run(&["explain", "pytest"]);
    let said = String::from_utf8(explained.stdout).unwrap();
    assert!(said.contains("`Bash(run_in_background:*)`"), "{said}");
}

#[test]
fn a_marker_stays_if_a_rule_concerns_it() {
    let sandbox = Sandbox::new();
    for (rule, changes) in [("Bash(BG_RUN=*)", false), ("Bash(npm test)", true)] {
        let rules = json!({"permissions": {"deny": [rule]}});
        sandbox.write(LOCAL, &rules.to_string());
        let answer = pre(&sandbox, &json!({"command": "BG_RUN=off npm test"}), &[]);
        assert_eq!(!answer.is_null(), changes, "{rule}: {answer}");
        let answer = pre(&sandbox, &json!({"command": "BG_RUN=on npm test"}), &[]);
        let command = command_of(&answer).unwrap();
        assert_eq!(!command.contains("BG_RUN"), changes, "{rule}: {answer}");
    }
}

#[test]
fn a_log_that_the_model_may_not_read_is_not_shown() {
    let sandbox = Sandbox::new();
    sandbox.fake_editor();
    for (rule, is_told) in [("Read(./logs/**)", false), ("Read(./other/**)", true)] {
        let rules = json!({"permissions": {"deny": [rule]}});
        sandbox.write(LOCAL, &rules.to_string());
        let (mut event, _output) =
            sandbox.launched(if is_told { "btold" } else { "bheld" }, &pytest());
        event["tool_input"]["command"] = "pytest > logs/secret.log 2>&1".into();
        let answer = sandbox.answer(&event, &[]).to_string();
        assert!(!answer.is_empty());
        assert_eq!(answer.contains("secret.log"), is_told, "{answer}");
        let explained = sandbox.bg_run(&["explain", "--json", "pytest > logs/secret.log 2>&1"]);
        let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
        let logs = explained["logs"].as_array().unwrap();
        assert_eq!(!logs.is_empty(), is_told, "{explained}");
    }
}

#[test]
fn the_output_of_a_background_call_is_opened_and_reported() {
    let sandbox = Sandbox::new();
    let said = sandbox.fake_editor();
    for (id, short, key, words) in [
        ("bxatg1f4y", "bxat…", None, "in background"),
        (
            "b2",
            "b2",
            Some("backgroundedByUser"),
            "in background by you",
        ),
    ] {
        let (mut event, output) = sandbox.launched(id, &pytest());
        if let Some(key) = key {
            event["tool_response"][key] = true.into();
        }
        let answer = sandbox.answer(&event, &[]);
        let line = answer["systemMessage"].as_str().unwrap();
        assert!(line.starts_with("bg-run: \"pytest\""), "{line}");
        assert!(
            line.ends_with(&format!("\"pytest\" {words}, open in VS Code ({short})")),
            "{line}"
        );
        let told = answer["hookSpecificOutput"]["additionalContext"]
            .as_str()
            .unwrap();
        for part in ["do not poll", "You will be told"] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(answer["hookSpecificOutput"]["updatedInput"], Value::Null);
        let words = wait_for_text("code is called", &said);
        let tab = sandbox.state().join(format!("tasks/pytest · {id}.output"));
        assert_eq!(words, format!("-r\n-g\n{}:999999\n", tab.display()));
        assert_eq!(fs::read_link(tab).unwrap(), output);
        fs::remove_file(&said).unwrap();
    }
}

#[test]
fn a_command_s_own_log_is_opened_instead_of_its_output() {
    let sandbox = Sandbox::new();
    let said = sandbox.fake_editor();
    let (mut event, _) = sandbox.launched("b7", &pytest());
    let log = sandbox.write("project/runs/a.log", "");
    event["tool_input"]["command"] =
        "cd runs && PYTHONUNBUFFERED=1 python train.py > a.log 2>&1".into();
    let answer = sandbox.answer(&event, &[]);
    let line = answer["systemMessage"].as_str().unwrap();
    assert!(line.ends_with("log in VS Code (b7)"), "{line}");
    let told = answer["hookSpecificOutput"]["additionalContext"]
        .as_str()
        .unwrap();
    assert!(told.contains(log.to_str().unwrap()), "{told}");
    let words = wait_for_text("code is called", &said);
    let tab = words.lines().last().unwrap().strip_suffix(":999999");
    assert_eq!(fs::read_link(tab.unwrap()).unwrap(), log, "{words}");
}

#[test]
fn a_session_opens_a_limited_number_of_distinct_files() {
    let sandbox = Sandbox::new();
    sandbox.fake_editor();
    let mut running = Vec::new();
    let mut told = |id: &str| {
        let (event, output) = sandbox.launched(id, &pytest());
        running.push(fs::File::options().append(true).open(output).unwrap());
        let answer = sandbox.answer(&event, &[]);
        answer["systemMessage"].as_str().unwrap().to_owned()
    };
    sandbox.config("max-tabs = 2\n");
    for (id, part) in [
        ("b1", "open in VS Code"),
        ("b1", "open in VS Code"),
        ("b2", "open in VS Code"),
        ("b3", "not opened (max-tabs = 2): `bg-run tail b3`"),
        ("b2", "open in VS Code"),
    ] {
        let line = told(id);
        assert!(line.contains(part), "{line}");
    }
    sandbox.config("open = 'first'\n");
    let line = told("b4");
    assert!(line.contains("not opened (open = \"first\")"), "{line}");
}

#[test]
fn a_file_that_failed_to_open_is_not_reported_as_open() {
    let sandbox = Sandbox::new();
    let tried = sandbox.path("tried");
    sandbox.program("code", &format!("echo x >>{}; exit 3", tried.display()));
    let told = || {
        let (event, _) = sandbox.launched("b1", &pytest());
        let answer = sandbox.answer(&event, &[]);
        answer["systemMessage"].as_str().unwrap().to_owned()
    };
    assert!(told().contains("open in VS Code"));
    wait_until("the opening has failed", || {
        sandbox.log().contains("opened nothing").then_some(())
    });
    wait_until("the tab is given back", || {
        told().contains("open in VS Code").then_some(())
    });
}

#[test]
fn a_fault_in_the_environment_is_reported_as_such() {
    let sandbox = Sandbox::new();
    let event = sandbox.event("PreToolUse", &json!({"command": "pytest"}));
    let answer = sandbox.answer(&event, &[("BG_RUN_HEADLESS", "maybe")]);
    let line = answer["systemMessage"].as_str().unwrap();
    assert!(
        line.contains("the environment: BG_RUN_HEADLESS is `maybe`"),
        "{line}"
    );
}

#[test]
fn two_registrations_report_and_open_once() {
    let sandbox = Sandbox::new();
    let said = sandbox.fake_editor();
    let (event, _) = sandbox.launched("b1", &pytest());
    let before = sandbox.event("PreToolUse", &json!({"command": "pytest"}));
    let run = |event: &Value| sandbox.answer(event, &[]);
    let (first, second) = (run(&before), run(&before));
    assert_eq!(command_of(&first), command_of(&second));
    assert!(!first["hookSpecificOutput"]["additionalContext"].is_null());
    assert!(second["hookSpecificOutput"]["additionalContext"].is_null());
    let answers = std::thread::scope(|scope| {
        let both = [scope.spawn(|| run(&event)), scope.spawn(|| run(&event))];
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(
        answers.iter().filter(|answer| answer.is_null()).count(),
        1,
        "{answers:?}"
    );
    let words = wait_for_text("code is called", &said);
    let link = sandbox.state().join("tasks/pytest · b1.output");
    assert_eq!(words, format!("-r\n-g\n{}:999999\n", link.display()));
}

#[test]
fn without_an_editor_the_command_to_follow_is_shown() {
    let sandbox = Sandbox::new();
    let (event, _) = sandbox.launched("b1", &pytest());
    let answer = sandbox.answer(&event, &[("PATH", "/nowhere")]);
    let line = answer["systemMessage"].as_str().unwrap();
    assert!(
        line.contains("no editor found") && line.contains("bg-run tail b1"),
        "{line}"
    );
}

#[test]
fn the_editor_can_be_set_and_a_slow_one_delays_nothing() {
    let sandbox = Sandbox::new();
    let done = sandbox.path("done");
    sandbox.program(
        "slow-editor",
        &format!(
            "sleep 2; echo \"$@\" >{0}.part; mv {0}.part {0}",
            done.display()
        ),
    );
    sandbox.config("editor = ['slow-editor', '--at', '{file}']\n");
    let (event, output) = sandbox.launched("b1", &pytest());
    let answer = sandbox.answer(&event, &[]);
    assert!(!done.exists(), "the hook waited for the editor");
    assert!(
        answer["systemMessage"]
            .as_str()
            .unwrap()
            .contains("in slow-editor")
    );
    wait_until("the editor is done", || done.exists().then_some(()));
    assert_eq!(read(&done).trim(), format!("--at {}", output.display()));
}

#[test]
fn ids_and_paths_from_outside_cannot_escape() {
    let sandbox = Sandbox::new();
    let said = sandbox.fake_editor();
    let (event, output) = sandbox.launched("b1", &pytest());
    for id in [
        json!("../b1"),
        json!("b1/../b1"),
        json!(""),
        json!(7),
        json!(null),
        json!("b 1"),
    ] {
        let mut event = event.clone();
        event["tool_response"]["backgroundTaskId"] = id.clone();
        assert_eq!(sandbox.answer(&event, &[]), Value::Null, "{id}");
    }
    let secret = sandbox.write("secret", "x");
    fs::remove_file(&output).unwrap();
    std::os::unix::fs::symlink(&secret, &output).unwrap();
    let answer = sandbox.answer(&event, &[]);
    assert!(
        answer["systemMessage"]
            .as_str()
            .unwrap()
            .contains("wasn't found"),
        "{answer}"
    );
    let foreground = sandbox.event("PostToolUse", &json!({"command": "ls"}));
    assert_eq!(sandbox.answer(&foreground, &[]), Value::Null);
    assert!(!said.exists());
}

#[test]
fn bad_input_gets_no_answer_and_a_line_in_the_log() {
    let mut huge = b"{\"hook_event_name\":\"PreToolUse\",\"x\":\"".to_vec();
    huge.resize(16 * 1024 * 1024, b'a');
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let inputs: Vec<&[u8]> = vec![
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b"{\"hook_event_name\":3}",
        b"{\"hook_event_name\":\"PreCompact\"}",
        b"{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Bash\",\"tool_input\":[]}",
        b"{\"hook_event_name\":\"PreToolUse\",\"tool_name\":{},\"tool_input\":{}}",
        b"{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"\\ud800\"}}",
        b"\xff\xfe{}",
        &huge,
        deep.as_bytes(),
    ];
    for input in inputs {
        let sandbox = Sandbox::new();
        let output = sandbox.hook(input, &[]);
        let start = String::from_utf8_lossy(&input[..input.len().min(80)]).into_owned();
        assert_eq!(output.status.code(), Some(0), "{start}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{start}: {output:?}"
        );
        assert_eq!(
            sandbox.log().lines().count(),
            1,
            "{start}: {}",
            sandbox.log()
        );
    }
}

#[test]
fn commands_that_could_break_the_parser_are_left_alone() {
    let sandbox = Sandbox::new();
    for (open, close) in [
        ("(", ")"),
        ("$(", ")"),
        ("\"$(", ")\""),
        ("{ ", "; }"),
        ("if x; then ", "; fi"),
        ("`", "`"),
        ("'", ""),
        ("pytest <<E\n", ""),
    ] {
        let command = format!("{}pytest{}", open.repeat(10_000), close.repeat(10_000));
        let answer = pre(&sandbox, &json!({"command": command}), &[]);
        if let Some(after) = command_of(&answer) {
            assert!(after.len() >= command.len(), "{open}");
        }
    }
    for command in ["pytest\0", "pytest\r\nls", &"x".repeat(1024 * 1024)] {
        assert_eq!(
            pre(&sandbox, &json!({"command": command}), &[]),
            Value::Null
        );
    }
}

#[test]
fn an_unwritable_state_folder_stops_nothing() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("file", "");
    let blocked = file.join("state").display().to_string();
    let answer = pre(
        &sandbox,
        &json!({"command": "pytest"}),
        &[("BG_RUN_STATE_DIR", &blocked), ("HOME", "/nonexistent")],
    );
    assert!(command_of(&answer).is_some());
    let output = sandbox.hook(b"not json", &[("BG_RUN_STATE_DIR", &blocked)]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn the_dry_run_can_be_registered() {
    let sandbox = Sandbox::new();
    let event = sandbox
        .event("PreToolUse", &json!({"command": "pytest"}))
        .to_string();
    let output = sandbox.hook_with(&["hook", "--dry-run"], event.as_bytes(), &[]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        answer["systemMessage"]
            .as_str()
            .unwrap()
            .contains("would run in the background")
    );
    assert_eq!(answer["hookSpecificOutput"], Value::Null);
}

#[test]
fn a_client_that_omits_the_arguments_is_answered_too() {
    let sandbox = Sandbox::new();
    let event = sandbox
        .event("PreToolUse", &json!({"command": "pytest"}))
        .to_string();
    let output = sandbox.hook_with(&[], event.as_bytes(), &[]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(command_of(&answer).is_some());
}

/// `claude --bg` (2.1.332) reports that nobody watches even while a user is attached; a `claude -p` inside it has no
/// user.
#[test]
fn a_background_session_has_a_user_but_its_children_have_none() {
    for (entrypoint, is_moved) in [("cli", true), ("sdk-cli", false)] {
        let sandbox = Sandbox::new();
        let event = sandbox.event("PreToolUse", &json!({"command": "docker build ."}));
        let job = sandbox.path("job").display().to_string();
        let answer = sandbox.answer(
            &event,
            &[
                ("CLAUDE_CODE_SESSION_ATTENDED", "0"),
                ("CLAUDE_CODE_ENTRYPOINT", entrypoint),
                ("CLAUDE_JOB_DIR", &job),
            ],
        );
        let input = &answer["hookSpecificOutput"]["updatedInput"];
        assert_eq!(
            input["run_in_background"] == true,
            is_moved,
            "{entrypoint} {answer}"
        );
    }
}
