//! Recorded durations and their effects, through the hook, as the client calls it.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::sandbox::{Sandbox, read};

const LIMIT: (&str, &str) = ("CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS", "30000");

/// Reports a finished foreground call like a client of 2.1.200 or newer.
fn took(sandbox: &Sandbox, command: &str, seconds: f64, id: &str) {
    let mut event = sandbox.event("PostToolUse", &json!({"command": command}));
    event["tool_use_id"] = id.into();
    event["duration_ms"] = (seconds * 1000.0).into();
    event["tool_response"] = json!({"stdout": "", "stderr": "", "interrupted": false});
    assert_eq!(sandbox.answer(&event, &[]), Value::Null);
}

fn failed(sandbox: &Sandbox, command: &str, seconds: f64, error: &str) {
    let mut event = sandbox.event("PostToolUseFailure", &json!({"command": command}));
    event["tool_use_id"] = format!("toolu_{}", rand(command, seconds)).into();
    event["duration_ms"] = (seconds * 1000.0).into();
    event["error"] = error.into();
    assert_eq!(sandbox.answer(&event, &[]), Value::Null);
}

fn rand(command: &str, seconds: f64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (command, seconds.to_bits()).hash(&mut hasher);
    hasher.finish()
}

fn moves(sandbox: &Sandbox, command: &str) -> bool {
    let event = sandbox.event("PreToolUse", &json!({"command": command}));
    let answer = sandbox.answer(&event, &[LIMIT]);
    answer["hookSpecificOutput"]["updatedInput"]["run_in_background"] == true
}

fn explained(sandbox: &Sandbox, command: &str) -> Value {
    let output = sandbox.bg_run(&["explain", "--json", "--", command]);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rows(sandbox: &Sandbox) -> Vec<Value> {
    let output = sandbox.bg_run(&["history", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_impossible_duration_breaks_nothing() {
    let sandbox = Sandbox::new();
    for (at, seconds) in [1e305, 1e308, -1.0, 0.0, f64::MIN_POSITIVE]
        .into_iter()
        .enumerate()
    {
        took(&sandbox, "make odd", seconds, &format!("toolu_odd{at}"));
    }
    for row in rows(&sandbox) {
        let longest = row["median"].as_f64();
        assert!(
            longest.is_none_or(|seconds| (0.0..1e7).contains(&seconds)),
            "{row}"
        );
    }
    let listed = sandbox.bg_run(&["history"]);
    assert!(listed.status.success(), "{listed:?}");
    assert!(!explained(&sandbox, "make odd").is_null());
}

#[test]
fn a_rule_decides_the_first_time_and_then_the_history() {
    let sandbox = Sandbox::new();
    assert!(moves(&sandbox, "pytest"));
    took(&sandbox, "pytest", 2.1, "toolu_a");
    assert!(!moves(&sandbox, "pytest"));
    let explained = explained(&sandbox, "pytest");
    assert_eq!(
        explained["reason"],
        "`pytest` took 2.1 s here, although rule python-tests matches"
    );
    assert_eq!(explained["decision"], "pass");
    assert_eq!(explained["expected"]["observations"], 1);
    for id in ["toolu_b", "toolu_c", "toolu_d"] {
        took(&sandbox, "cd sub && pytest 2>&1 | tail -5", 140.0, id);
    }
    assert!(moves(&sandbox, "pytest"), "it got slow");
}

/// If the client itself moves long calls, a name that is seldom right moves nothing.
#[test]
fn a_rule_that_is_seldom_right_is_measured_first() {
    let sandbox = Sandbox::new();
    assert!(!moves(&sandbox, "npm test"));
    let with_limit = |name: &str, value: &str| {
        let settings = json!({"env": {name: value}}).to_string();
        sandbox.write("home/.claude/settings.json", &settings);
        let output = sandbox.bg_run(&["explain", "npm test | tail -20"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let text = with_limit(LIMIT.0, LIMIT.1);
    assert!(text.contains("only 5 of 100 such calls"), "{text}");
    assert!(
        text.contains("`| tail -20`") && text.contains("BG_RUN=on"),
        "{text}"
    );
    let text = with_limit("OTHER", "1");
    assert!(text.contains("Runs in the background"), "{text}");
    // A rule that a file repeats belongs to the user.
    sandbox.rules("[[rule]]\nname = 'node-scripts'\n");
    assert!(moves(&sandbox, "npm test"));
}

#[test]
fn a_crash_counts_little_and_weights_are_shown() {
    let sandbox = Sandbox::new();
    failed(
        &sandbox,
        "pytest -x",
        0.9,
        "Exit code 1\nModuleNotFoundError",
    );
    assert!(moves(&sandbox, "pytest -x"));
    let newest = &rows(&sandbox)[0]["newest"];
    assert_eq!(newest[0]["end"], "failure");
    assert_eq!(newest[0]["weight"], 0.25);
    let output = sandbox.bg_run(&["history"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0.9 s (failed), counts 0.25"), "{text}");
}

#[test]
fn commands_without_a_rule_are_learned_and_failing_runs_count() {
    let sandbox = Sandbox::new();
    assert!(!moves(&sandbox, "./odd-job --all"));
    failed(&sandbox, "./odd-job --all", 95.0, "Exit code 3\nno");
    failed(&sandbox, "./odd-job --all", 133.0, "Exit code 1");
    assert!(moves(&sandbox, "./odd-job --all"));
    let explained = explained(&sandbox, "./odd-job --all");
    assert_eq!(explained["decision"], "background");
    assert_eq!(
        explained["reason"],
        "`./odd-job --all` took 133 s, 95 s here"
    );
    assert_eq!(explained["rule"], Value::Null);
}

#[test]
fn a_run_that_was_killed_early_does_not_count() {
    let sandbox = Sandbox::new();
    failed(&sandbox, "pytest -x", 5.0, "Exit code 143\nkilled");
    assert!(explained(&sandbox, "pytest -x")["expected"]["observations"] == 0);
}

#[test]
fn the_user_s_choice_overrides_the_history() {
    let sandbox = Sandbox::new();
    for id in ["toolu_a", "toolu_b"] {
        took(&sandbox, "make report", 1.0, id);
    }
    assert!(!moves(&sandbox, "make report"));
    let rule = "[[rule]]\nname = 'report'\ncommands = ['make report']\n";
    sandbox.rules(rule);
    assert!(moves(&sandbox, "make report"));
    assert!(moves(&sandbox, "BG_RUN=on make other"));
    for id in ["toolu_c", "toolu_d"] {
        took(&sandbox, "./slow", 300.0, id);
    }
    assert!(moves(&sandbox, "./slow") && !moves(&sandbox, "BG_RUN=off ./slow"));
}

#[test]
fn history_can_be_switched_off_and_a_dry_run_keeps_nothing() {
    let sandbox = Sandbox::new();
    sandbox.config("history = false\n");
    took(&sandbox, "npm test", 2.0, "toolu_a");
    assert!(moves(&sandbox, "npm test"));
    assert!(rows(&sandbox).is_empty());
    sandbox.config("dry-run = true\n");
    took(&sandbox, "npm test", 2.0, "toolu_b");
    assert!(rows(&sandbox).is_empty());
}

#[test]
fn a_call_reported_twice_counts_once() {
    let sandbox = Sandbox::new();
    for id in ["toolu_a", "toolu_a", "toolu_b"] {
        took(&sandbox, "npm test", 2.0, id);
    }
    assert_eq!(rows(&sandbox)[0]["runs"], 2);
}

#[test]
fn nothing_secret_reaches_the_disk() {
    let sandbox = Sandbox::new();
    let secret = "hunter2-4f9a8b7c6d5e4f3a2b1c";
    for (index, command) in [
        format!("./deploy.sh --token {secret}"),
        format!("API_KEY={secret} ./deploy.sh"),
        format!("curl -H 'Authorization: Bearer {secret}' https://u:{secret}@h/x"),
        format!("./deploy.sh '{secret}'"),
    ]
    .iter()
    .enumerate()
    {
        took(&sandbox, command, 40.0, &format!("toolu_{index}"));
    }
    assert!(rows(&sandbox).len() >= 3);
    for file in fs::read_dir(sandbox.state().join("history")).unwrap() {
        let store = fs::read(file.unwrap().path()).unwrap();
        let store = String::from_utf8_lossy(&store);
        assert!(!store.contains("hunter2") && !store.contains("4f9a8b7c"));
    }
}

#[test]
fn a_damaged_file_is_replaced_and_the_call_continues() {
    for text in ["", "x", "bg-run of another version, and much more text"] {
        let sandbox = Sandbox::new();
        took(&sandbox, "pytest", 300.0, "toolu_a");
        let folder = sandbox.state().join("history");
        let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        let file = names
            .map(|entry| entry.path())
            .find(|path| !path.ends_with("lock"));
        fs::write(file.unwrap(), text).unwrap();
        assert!(moves(&sandbox, "pytest"), "{text}");
        took(&sandbox, "pytest", 2.0, "toolu_b");
        assert!(!moves(&sandbox, "pytest"), "{text}");
        assert_eq!(rows(&sandbox)[0]["runs"], 1);
    }
}

#[test]
fn unusual_durations_and_clocks_do_no_harm() {
    let sandbox = Sandbox::new();
    for (index, seconds) in [0.0, -3.0, 1e12, 60.0].iter().enumerate() {
        took(&sandbox, "make x", *seconds, &format!("toolu_{index}"));
    }
    let row = &rows(&sandbox)[0];
    assert_eq!(row["runs"], 4);
    assert_eq!(row["seconds"], json!([60.0, 604_800.0, 0.0, 0.0]));
}

#[test]
fn worktrees_share_their_history_and_repositories_do_not() {
    let sandbox = Sandbox::new();
    let main = sandbox.path("project");
    let inside = main.join(".git/worktrees/fix");
    fs::create_dir_all(&inside).unwrap();
    fs::write(inside.join("commondir"), "../..\n").unwrap();
    let worktree = sandbox.path("fix");
    fs::create_dir_all(&worktree).unwrap();
    fs::write(
        worktree.join(".git"),
        format!("gitdir: {}\n", inside.display()),
    )
    .unwrap();
    for id in ["toolu_a", "toolu_b"] {
        took(&sandbox, "./odd", 90.0, id);
    }
    let at = |folder: &Path| {
        let mut event = sandbox.event("PreToolUse", &json!({"command": "./odd"}));
        event["cwd"] = folder.display().to_string().into();
        !sandbox.answer(&event, &[]).is_null()
    };
    let other = sandbox.path("other");
    fs::create_dir_all(other.join(".git")).unwrap();
    assert!(at(&main) && at(&worktree) && !at(&other));
}

/// Launches a session's background task with its output.
fn launch(sandbox: &Sandbox, id: &str, command: &str, more: &Value) -> (Value, std::path::PathBuf) {
    let mut event = sandbox.event(
        "PostToolUse",
        &json!({"command": command, "run_in_background": true}),
    );
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    let session = event["session_id"].as_str().unwrap().to_owned();
    let slug = Path::new(event["transcript_path"].as_str().unwrap())
        .parent()
        .and_then(Path::file_name)
        .unwrap()
        .to_owned();
    let uid = rustix::process::geteuid().as_raw();
    let tasks = sandbox
        .path("tmp")
        .join(format!("claude-{uid}"))
        .join(slug)
        .join(session)
        .join("tasks");
    fs::create_dir_all(&tasks).unwrap();
    let output = tasks.join(format!("{id}.output"));
    fs::write(&output, "collected\n").unwrap();
    event["tool_use_id"] = format!("toolu_{id}").into();
    event["tool_response"]["backgroundTaskId"] = id.into();
    let answer = sandbox.answer(&event, &[LIMIT]);
    (answer, output)
}

fn prompt(sandbox: &Sandbox, text: &str) -> Value {
    let mut event = sandbox.event("UserPromptSubmit", &json!({}));
    event["prompt"] = text.into();
    sandbox.answer(&event, &[("TERM_PROGRAM", "WezTerm")])
}

fn notice(id: &str, status: &str, summary: &str) -> String {
    format!(
        "<task-notification>\n<task-id>{id}</task-id>\n<output-file>/x</output-file>\n<status>{status}</status>\n\
         <summary>Background command \"x\" {summary}</summary>\n</task-notification>"
    )
}

#[test]
fn an_end_is_reported_once_to_both_and_recorded() {
    let sandbox = Sandbox::new();
    let (_, output) = launch(&sandbox, "b1", "./odd --all", &json!({}));
    fs::write(&output, "collected\n\u{1b}[31mFAILED tests/a.py\u{1b}[0m\n").unwrap();
    let answer = prompt(
        &sandbox,
        &notice("b1", "failed", "failed with exit code (exit code 3)"),
    );
    let line = answer["systemMessage"].as_str().unwrap();
    assert!(
        line.starts_with("bg-run: \"./odd --all\" exit 3 after "),
        "{line}"
    );
    assert!(line.ends_with(": FAILED tests/a.py"), "{line}");
    let context = answer["hookSpecificOutput"]["additionalContext"]
        .as_str()
        .unwrap();
    assert!(
        context.contains("exit status 3") && context.contains("| collected\n| FAILED tests/a.py"),
        "{context}"
    );
    assert_eq!(prompt(&sandbox, "go on"), Value::Null);
    assert_eq!(rows(&sandbox)[0]["command"], "./odd --all");
}

#[test]
fn an_end_is_described_correctly() {
    let sandbox = Sandbox::new();
    for (id, command, text, status, summary, said) in [
        (
            "b1",
            "./a",
            "x\n[killed]\n",
            "killed",
            "was stopped",
            "\" killed after",
        ),
        (
            "b2",
            "./b",
            "x\n",
            "failed",
            "failed (exit code 143)",
            "\" killed (143) after",
        ),
        (
            "b3",
            "./c",
            "x\n[exited with code 0]\n",
            "completed",
            "completed (exit code 0)",
            "\" done after",
        ),
        (
            "b4",
            "./d | tee log",
            "x\n",
            "completed",
            "completed (exit code 0)",
            "\" ended (status of `tee`) after",
        ),
    ] {
        let (_, output) = launch(&sandbox, id, command, &json!({}));
        fs::write(&output, text).unwrap();
        let answer = prompt(&sandbox, &notice(id, status, summary));
        let line = answer["systemMessage"].as_str().unwrap();
        assert!(line.contains(said), "{command}: {line}");
        let context = answer["hookSpecificOutput"]["additionalContext"]
            .as_str()
            .unwrap();
        assert_eq!(
            context.contains("that is the status of `tee`"),
            id == "b4",
            "{context}"
        );
    }
}

#[test]
fn an_end_without_a_notice_is_reported_at_the_next_prompt() {
    let sandbox = Sandbox::new();
    let (_, output) = launch(&sandbox, "b1", "./odd", &json!({}));
    fs::write(&output, "x\n[exited with code 0]\n").unwrap();
    let answer = prompt(&sandbox, "and now?");
    assert!(
        answer["systemMessage"]
            .as_str()
            .unwrap()
            .contains("\" done after"),
        "{answer}"
    );
}

/// A log in the project is shown. A log elsewhere may contain other programs' output.
#[test]
fn no_line_of_a_log_outside_the_project_is_reported() {
    for (log, told) in [
        ("run.log", true),
        ("../secrets", false),
        ("linked.log", false),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("project/run.log", "a line\n");
        sandbox.write("secrets", "a line\n");
        std::os::unix::fs::symlink(sandbox.path("secrets"), sandbox.path("project/linked.log"))
            .unwrap();
        let (_, output) = launch(&sandbox, "b1", &format!("./odd >> {log} 2>&1"), &json!({}));
        fs::write(&output, "").unwrap();
        let answer = prompt(
            &sandbox,
            &notice("b1", "completed", "completed (exit code 0)"),
        );
        assert_eq!(
            answer.to_string().contains("a line"),
            told,
            "{log}: {answer}"
        );
    }
}

/// The client announces several simultaneous ends one after the other.
#[test]
fn an_end_without_evidence_is_left_to_the_client_for_a_while() {
    let sandbox = Sandbox::new();
    let (_, output) = launch(&sandbox, "b1", "./odd", &json!({}));
    fs::write(&output, "x\n").unwrap();
    assert_eq!(prompt(&sandbox, "and now?"), Value::Null);
    let said = |answer: &Value| answer["systemMessage"].as_str().unwrap().to_owned();
    let answer = prompt(&sandbox, &notice("b1", "failed", "failed (exit code 3)"));
    assert!(said(&answer).contains("\" exit 3 after"), "{answer}");

    let (_, output) = launch(&sandbox, "b2", "./odd", &json!({}));
    fs::write(&output, "x\n").unwrap();
    for _ in 0..2 {
        assert_eq!(prompt(&sandbox, "and now?"), Value::Null);
    }
    let note = sandbox.state().join("tasks/b2.json");
    let mut left: Value = serde_json::from_str(&fs::read_to_string(&note).unwrap()).unwrap();
    let earlier = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(11);
    left["unended_since"] = earlier.to_string().into();
    fs::write(&note, left.to_string()).unwrap();
    let answer = prompt(&sandbox, "and now?");
    assert!(said(&answer).contains("\" ended after"), "{answer}");
    assert_eq!(prompt(&sandbox, "and now?"), Value::Null);
}

#[test]
fn a_long_task_s_end_notifies_the_desktop() {
    let sandbox = Sandbox::new();
    sandbox.config("notify-after = '0s'\n");
    let (_, output) = launch(&sandbox, "b1", "./odd", &json!({}));
    fs::write(&output, "x\n[exited with code 0]\n").unwrap();
    let answer = prompt(&sandbox, "");
    let sequence = answer["terminalSequence"].as_str().unwrap();
    assert!(
        sequence.starts_with("\u{1b}]777;notify;bg-run;\"./odd\" is done"),
        "{sequence:?}"
    );
    sandbox.config("notify-after = '0s'\nnotify = false\n");
    let (_, output) = launch(&sandbox, "b2", "./odd", &json!({}));
    fs::write(&output, "x\n[exited with code 0]\n").unwrap();
    assert_eq!(prompt(&sandbox, "")["terminalSequence"], Value::Null);
}

#[test]
fn a_silent_task_is_mentioned_once_if_similar_ones_ended() {
    let sandbox = Sandbox::new();
    sandbox.config("stuck-after = '10m'\n");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_mins(25);
    let silent = |output: &Path| {
        let file = fs::File::options().append(true).open(output).unwrap();
        file.set_modified(long_ago).unwrap();
        file
    };
    // This test holds it open for writing.
    let (_, output) = launch(&sandbox, "b1", "./odd --all", &json!({}));
    let _held = silent(&output);
    assert_eq!(
        prompt(&sandbox, "a"),
        Value::Null,
        "nothing is known of its like"
    );
    took(&sandbox, "./odd --all", 90.0, "toolu_x");
    let said = prompt(&sandbox, "b");
    let line = said["systemMessage"].as_str().unwrap();
    assert!(
        line.contains("silent for 25 min") && line.contains("bg-run stop b1"),
        "{line}"
    );
    assert_eq!(prompt(&sandbox, "c"), Value::Null);
}

#[test]
fn the_cause_of_a_background_task_is_reported() {
    let sandbox = Sandbox::new();
    for (id, more, said) in [
        (
            "b1",
            json!({"tool_input": {"command": "./odd", "description": "Run it all"}, "duration_ms": 30_010}),
            "\"Run it all\" in background after 30 s",
        ),
        (
            "b2",
            json!({"tool_input": {"command": "./odd", "timeout": 5000}}),
            "\"./odd\" in background: time-out",
        ),
        (
            "b3",
            json!({"tool_input": {"command": "./odd"}, "tool_response": {"backgroundedByUser": true}}),
            "\"./odd\" in background by you",
        ),
        (
            "b4",
            json!({"tool_input": {"command": "./odd", "run_in_background": true}}),
            "\"./odd\" not opened (no editor found)",
        ),
    ] {
        let (answer, _) = launch(&sandbox, id, "./odd", &more);
        let line = answer["systemMessage"].as_str().unwrap();
        assert!(line.starts_with(&format!("bg-run: {said}")), "{line}");
        let model = answer["hookSpecificOutput"]["additionalContext"]
            .as_str()
            .unwrap();
        assert_eq!(
            model.contains("hasn't failed and isn't finished"),
            id < "b3",
            "{model}"
        );
    }
}

#[test]
fn commands_are_shown_sorted_and_deleted() {
    let sandbox = Sandbox::new();
    took(&sandbox, "./slow", 90.0, "toolu_a");
    took(&sandbox, "./quick", 1.0, "toolu_b");
    took(&sandbox, "./quick", 3.0, "toolu_c");
    let shown = |arguments: &[&str]| {
        let output = sandbox.bg_run(&[&["history"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let first = |text: String| {
        text.lines()
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(first(shown(&["--sort", "median"])), "./slow");
    assert_eq!(first(shown(&["--sort", "runs"])), "./quick");
    assert!(shown(&["--forget", "^./slow"]).contains("deleted"));
    assert!(!shown(&[]).contains("slow"));
    shown(&["--clear"]);
    assert!(shown(&[]).contains("There are no records yet"));
    let output = sandbox.bg_run(&["history", "--forget", "("]);
    assert!(!output.status.success());
}

/// Returns a transcript of a session with two calls, as the client writes it.
fn transcript(sandbox: &Sandbox, project: &str, calls: &[(&str, &str, &str, Value)]) -> String {
    let cwd = sandbox.path(project).display().to_string();
    let lines = calls.iter().flat_map(|(id, command, ended, result)| {
        let call = json!([{"type": "tool_use", "id": id, "name": "Bash", "input": {"command": command}}]);
        let given = json!([{"type": "tool_result", "tool_use_id": id, "content": "x"}]);
        [
            json!({"type": "assistant", "timestamp": "2026-01-01T00:00:00Z", "cwd": cwd, "message": {"content": call}}),
            json!({"type": "user", "timestamp": format!("2026-01-01T00:00:{ended}Z"), "message": {"content": given}, "toolUseResult": result}),
        ]
    });
    lines
        .flat_map(|line| [line.to_string(), "\n".to_owned()])
        .collect()
}

#[test]
fn learning_names_projects_and_excludes_approval_times() {
    let sandbox = Sandbox::new();
    for project in ["one", "two"] {
        fs::create_dir_all(sandbox.path(project).join(".git")).unwrap();
    }
    let ok = || json!({"stdout": "", "interrupted": false});
    let denied = json!("Error: The user doesn't want to proceed with this tool use.");
    let long = "part ".repeat(14);
    let first = transcript(
        &sandbox,
        "one",
        &[
            ("toolu_1", "./fetch", "16", ok()),
            ("toolu_2", "./denied", "09", denied),
            ("toolu_3", &format!("./long {long} a"), "02", ok()),
            ("toolu_4", &format!("./long {long} b"), "02", ok()),
        ],
    );
    let second = transcript(&sandbox, "two", &[("toolu_5", "./fetch", "03", ok())]);
    sandbox.write("home/.claude/projects/one/a.jsonl", &first);
    // A resumed session contains the same calls again.
    sandbox.write("home/.claude/projects/one/b.jsonl", &first);
    sandbox.write("home/.claude/projects/two/c.jsonl", &second);
    let output = sandbox.bg_run(&["learn"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("4 calls of 3 commands in 3 transcripts"),
        "{text}"
    );
    assert_eq!(text.matches("./long").count(), 1, "{text}");
    let row = |project: &str| {
        let mut rows = text.lines().filter(|line| line.starts_with(project));
        rows.find(|row| row.contains("./fetch")).unwrap().to_owned()
    };
    assert!(row("one").contains("at most 16 s"), "{text}");
    assert!(row("two").contains("at most 3.0 s"), "{text}");
    assert!(!text.contains("denied"), "{text}");
}

/// A command that was always killed, after more time than a call gets.
#[test]
fn a_server_is_recognised_by_its_history() {
    let sandbox = Sandbox::new();
    let is_endless = |id: &str| {
        let mut event = sandbox.event("PostToolUse", &json!({"command": "./odd-serve"}));
        event["duration_ms"] = 30_000.into();
        event["tool_response"] = json!({"stdout": "", "stderr": "", "backgroundTaskId": id});
        sandbox.answer(&event, &[LIMIT]);
        let record = sandbox.state().join(format!("tasks/{id}.json"));
        let record: Value = serde_json::from_str(&read(&record)).unwrap();
        record["endless"] == true
    };
    assert!(!is_endless("b1"));
    failed(&sandbox, "./odd-serve", 300.0, "Exit code 143");
    assert!(!is_endless("b2"), "once");
    failed(&sandbox, "./odd-serve", 400.0, "Exit code 143");
    assert!(is_endless("b3"));
    took(&sandbox, "./odd-serve", 200.0, "toolu_ended");
    assert!(!is_endless("b4"), "it ended by itself");
}
