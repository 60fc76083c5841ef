//! `bg-run tasks` and `bg-run tail`: running tasks, how others ended, and a growing output.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::sandbox::{BG_RUN, Sandbox};

#[test]
fn tasks_are_listed_with_their_states() {
    let sandbox = Sandbox::new();
    sandbox.output("bfine", "ok\n[exited with code 0]\n");
    sandbox.output("bfailed", "no\n[exited with code 3]\n");
    sandbox.output("bkilled", "x\n[killed]\n");
    sandbox.output("blost", "x\n");
    let running = sandbox.output("brunning", "");
    let held = File::options().append(true).open(&running).unwrap();
    let mut event = sandbox.event(
        "PostToolUse",
        &json!({"command": "pytest -x", "run_in_background": true}),
    );
    event["tool_response"] = json!({"backgroundTaskId": "brunning"});
    sandbox.answer(&event, &[]);

    let said = sandbox
        .command_in_tmp(&["tasks", "--all", "--json"])
        .output()
        .unwrap();
    let tasks: Vec<Value> = serde_json::from_slice(&said.stdout).unwrap();
    let real = std::fs::canonicalize(sandbox.path("tmp")).unwrap();
    let of = |id: &str| {
        let is_it = |task: &&Value| {
            let file = Path::new(task["output"].as_str().unwrap());
            task["id"] == id && file.starts_with(&real)
        };
        let found: Vec<&Value> = tasks.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{id} is listed once: {tasks:?}");
        found[0]
    };
    for (id, state, exit) in [
        ("bfine", "done", json!(0)),
        ("bfailed", "exit", json!(3)),
        ("bkilled", "killed", Value::Null),
        ("brunning", "running", Value::Null),
        ("blost", "lost", Value::Null),
    ] {
        assert_eq!(
            (&of(id)["state"], &of(id)["exit"]),
            (&json!(state), &exit),
            "{id}"
        );
    }
    assert_eq!(of("brunning")["command"], "pytest -x");
    assert_eq!(of("brunning")["output"], running.to_str().unwrap());
    assert_eq!(of("brunning")["session"], "5e551014");
    assert_eq!(of("brunning")["cwd"], sandbox.project().to_str().unwrap());
    drop(held);

    let said = sandbox
        .command_in_tmp(&["tasks", "--all"])
        .output()
        .unwrap();
    let table = String::from_utf8(said.stdout).unwrap();
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("bfailed") && line.contains("exit 3")),
        "{table}"
    );
}

#[test]
fn a_task_is_followed_to_its_end_and_status() {
    let sandbox = Sandbox::new();
    let path = sandbox.output("bgrows", "\u{1b}[31mred\u{1b}[0m\n");
    let mut tail = sandbox
        .command_in_tmp(&["tail", "bgr"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "\u{1b}[31mred\u{1b}[0m");
    let mut file = File::options().append(true).open(&path).unwrap();
    for line in ["one", "[exited with code 0]", "two"] {
        writeln!(file, "{line}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), line);
    }
    writeln!(file, "[exited with code 7]").unwrap();
    drop(file);
    assert_eq!(lines.next().unwrap().unwrap(), "[exited with code 7]");
    assert!(lines.next().is_none());
    assert_eq!(tail.wait().unwrap().code(), Some(7));
}

#[test]
fn a_file_that_is_replaced_is_followed_from_its_start() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("project/train.log", "old\n");
    let mut tail = sandbox
        .command_in_tmp(&["tail", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "old");
    let other = sandbox.write("project/other.log", "new\n[killed]\n");
    std::fs::rename(other, &path).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "new");
    assert_eq!(tail.wait().unwrap().code(), Some(143));
}

#[test]
fn an_unknown_task_is_reported() {
    let sandbox = Sandbox::new();
    for what in ["tail", "open", "logs", "stop"] {
        let said = sandbox.command_in_tmp(&[what, "bnone"]).output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{what}");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("no task has \"bnone\""), "{what}: {said}");
        let takes_files = what != "stop";
        assert_eq!(said.contains("no such file"), takes_files, "{what}: {said}");
    }
}

/// Writes a record like the hook's.
fn note(sandbox: &Sandbox, id: &str, more: &Value) {
    let mut note = json!({
        "id": id,
        "command": "make",
        "project": sandbox.project(),
        "started": jiff::Timestamp::now().to_string(),
    });
    for (key, value) in more.as_object().unwrap() {
        note[key] = value.clone();
    }
    sandbox.write(&format!("state/tasks/{id}.json"), &note.to_string());
}

fn said(output: &std::process::Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(all).unwrap()
}

#[test]
fn a_task_is_found_by_its_name_and_its_remains() {
    let sandbox = Sandbox::new();
    let elsewhere = json!({"project": "/elsewhere", "description": "Train the model"});
    for (id, more) in [
        ("ba1", json!({"description": "Run e2e tests"})),
        ("ba2", json!({"description": "Train the model"})),
        ("ba3", elsewhere.clone()),
        ("zq1", elsewhere),
    ] {
        sandbox.output(id, &format!("this is {id}\n[exited with code 0]\n"));
        note(&sandbox, id, &more);
    }
    let logs = |target: &str| sandbox.command_in_tmp(&["logs", target]).output().unwrap();
    for (target, id) in [
        ("ba1", "ba1"),
        ("e2e", "ba1"),
        // Of two projects, this one's task.
        ("train the", "ba2"),
        ("ba3", "ba3"),
        ("zq", "zq1"),
    ] {
        assert!(
            said(&logs(target)).starts_with(&format!("this is {id}\n")),
            "{target}"
        );
    }
    // A record of another session's task with the same id doesn't describe this one.
    let other = sandbox.write("tmp/claude-x/other.output", "");
    sandbox.output("bd1", "this is bd1\n[exited with code 0]\n");
    note(
        &sandbox,
        "bd1",
        &json!({"description": "Not this one", "output": other}),
    );
    assert!(
        said(&logs("bd1")).contains("is gone"),
        "this project's first"
    );
    let listed = said(
        &sandbox
            .command_in_tmp(&["tasks", "--all", "--json"])
            .output()
            .unwrap(),
    );
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let both: Vec<&Value> = listed.iter().filter(|task| task["id"] == "bd1").collect();
    assert_eq!(both.len(), 2);
    let unnamed = both.iter().find(|task| task["name"].is_null()).unwrap();
    assert_eq!(unnamed["last_line"], "this is bd1");
    let unclear = logs("ba");
    assert_eq!(unclear.status.code(), Some(1));
    let unclear = said(&unclear);
    assert!(
        unclear.contains("\"ba\" is ambiguous")
            && unclear.contains("ba2  Train the model  (done, "),
        "{unclear}"
    );
    assert!(!unclear.contains("ba3"), "{unclear}");
    let last = sandbox
        .command_in_tmp(&["logs", "ba1", "-n", "1"])
        .output()
        .unwrap();
    assert_eq!(said(&last), "this is ba1\n");
}

#[test]
fn a_task_without_its_output_is_still_listed() {
    let sandbox = Sandbox::new();
    let gone = sandbox.path("tmp/gone.output");
    let ended =
        json!({"at": jiff::Timestamp::now().to_string(), "status": {"exit": 2}, "ran": 240_000});
    note(
        &sandbox,
        "bended",
        &json!({"output": gone, "description": "Build all", "ended": ended}),
    );
    note(
        &sandbox,
        "blost",
        &json!({"output": gone, "description": "Train", "ended": null}),
    );

    let listed = said(&sandbox.command_in_tmp(&["tasks"]).output().unwrap());
    let line = listed.lines().find(|line| line.starts_with("bended"));
    let line = line.unwrap_or_else(|| panic!("{listed}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        words[1..7],
        ["Build", "all", "exit", "2", "4", "min"],
        "{line}"
    );
    assert!(line.ends_with("(its output is gone)"), "{line}");
    for (target, why) in [
        ("bended", "it ended: exit 2 after 4 min"),
        ("blost", "its exit status isn't known"),
    ] {
        for what in ["tail", "open", "logs", "stop"] {
            let output = sandbox.command_in_tmp(&[what, target]).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{what}");
            assert!(said(&output).contains(why), "{what}: {output:?}");
        }
    }
}

/// A recorded status, the program whose status it is, the state and the exit status in JSON, the words for people, and
/// the sentence for the model.
type Shown = (
    Value,
    Option<&'static str>,
    &'static str,
    Value,
    &'static str,
    &'static str,
);

fn statuses() -> [Shown; 9] {
    [
        (
            json!("done"),
            None,
            "done",
            json!(0),
            "done",
            "is done after 4 min.",
        ),
        (
            json!("done"),
            Some("tee"),
            "exit",
            json!(0),
            "ended (status of `tee`)",
            "has ended after 4 min with exit status 0; that is the status of `tee`",
        ),
        (
            json!({"exit": 3}),
            None,
            "exit",
            json!(3),
            "exit 3",
            "failed with exit status 3 after 4 min.",
        ),
        (
            json!({"exit": 3}),
            Some("tee"),
            "exit",
            json!(3),
            "exit 3 (status of `tee`)",
            "failed with exit status 3 after 4 min; that is the status of `tee`",
        ),
        (
            json!({"killed": 143}),
            None,
            "killed",
            json!(143),
            "killed (143)",
            "was killed (exit status 143) after 4 min.",
        ),
        (
            json!({"killed": null}),
            None,
            "killed",
            Value::Null,
            "killed",
            "was killed after 4 min.",
        ),
        (
            json!("stopped"),
            None,
            "stopped",
            Value::Null,
            "stopped",
            "was stopped by the user with `bg-run stop` after 4 min.",
        ),
        (
            json!("lost"),
            None,
            "lost",
            Value::Null,
            "lost",
            "has ended after 4 min; its exit status is unknown.",
        ),
        (
            json!("detached"),
            None,
            "detached",
            Value::Null,
            "detached",
            "has ended after 4 min; its session had left it, so its exit status is unknown.",
        ),
    ]
}

/// Every recorded status, with the one state and the one text that all of bg-run shows for it.
#[test]
fn a_status_is_shown_consistently() {
    let sandbox = Sandbox::new();
    let gone = sandbox.path("tmp/gone.output");
    let extension = include_str!("../editors/vscode/extension.js");
    for (status, status_of, state, exit, words, for_model) in statuses() {
        let at = jiff::Timestamp::now().to_string();
        let ended = json!({"at": at, "status": status, "ran": 240_000});
        let more = json!({"output": gone, "description": "Build all", "status_of": status_of, "ended": ended});
        note(&sandbox, "b1", &more);
        let listed = sandbox
            .command_in_tmp(&["tasks", "--json"])
            .output()
            .unwrap();
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let row = &listed[0];
        assert_eq!(
            (
                &row["state"],
                &row["exit"],
                &row["words"],
                &row["status_of"]
            ),
            (&json!(state), &exit, &json!(words), &json!(status_of)),
            "{row}"
        );
        let table = said(&sandbox.command_in_tmp(&["tasks"]).output().unwrap());
        assert!(table.contains(words), "{words}: {table}");
        let logs = said(&sandbox.command_in_tmp(&["logs", "b1"]).output().unwrap());
        let known = match state {
            "lost" => "its exit status isn't known",
            "stopped" => "it was stopped after 4 min",
            _ => &format!("it ended: {words} after 4 min"),
        };
        assert!(logs.contains(known), "{known}: {logs}");
        let stop = said(&sandbox.command_in_tmp(&["stop", "b1"]).output().unwrap());
        assert!(stop.contains(known), "{known}: {stop}");
        // The model hears the client's own message once.
        std::fs::remove_dir_all(sandbox.state().join("calls")).ok();
        let mut event = sandbox.event("UserPromptSubmit", &json!({}));
        event["prompt"] = "<task-notification>\n<task-id>b1</task-id>\n<status>failed</status>\n\
                           <summary>Background command \"x\" failed</summary>\n</task-notification>"
            .into();
        let told = sandbox.answer(&event, &[]);
        let told = told["hookSpecificOutput"]["additionalContext"].as_str();
        let told = told.unwrap_or_default();
        let sentence = format!("bg-run: task b1 {for_model}");
        assert!(told.starts_with(&sentence), "{sentence}: {told}");
        assert!(
            extension.contains(&format!("\n  {state}: {{ icon")),
            "{state}"
        );
    }
}

#[test]
fn a_word_means_the_task_that_begins_with_it() {
    let sandbox = Sandbox::new();
    for (id, more) in [
        ("b1", json!({"command": "cargo test"})),
        ("b2", json!({"command": "go test ./..."})),
        (
            "b3",
            json!({"command": "pytest -x tests", "description": "Run e2e tests"}),
        ),
        (
            "b4",
            json!({"command": "set -euo pipefail\ncd x\nmake", "main": "make all"}),
        ),
    ] {
        sandbox.output(id, &format!("this is {id}\n[exited with code 0]\n"));
        note(&sandbox, id, &more);
    }
    for (word, id) in [
        ("go", "b2"),
        ("cargo", "b1"),
        ("pytest", "b3"),
        ("e2e", "b3"),
        ("make all", "b4"),
    ] {
        let logs = said(&sandbox.command_in_tmp(&["logs", word]).output().unwrap());
        assert!(
            logs.starts_with(&format!("this is {id}\n")),
            "{word}: {logs}"
        );
    }
    // Letters within a word name no task: `stop` would end another one.
    for within in ["argo", "2e", "ake all"] {
        let logs = sandbox.command_in_tmp(&["logs", within]).output().unwrap();
        assert_eq!(logs.status.code(), Some(1), "{within}");
    }
}

#[test]
fn records_and_their_links_are_kept_as_long_as_configured() {
    let sandbox = Sandbox::new();
    let days =
        |days: u64| std::time::SystemTime::now() - std::time::Duration::from_hours(24 * days);
    for (id, age) in [("bold", 3), ("bnew", 1)] {
        note(&sandbox, id, &json!({}));
        let note = sandbox.path(&format!("state/tasks/{id}.json"));
        let note = File::options().append(true).open(note).unwrap();
        note.set_modified(days(age)).unwrap();
        let link = sandbox.path(&format!("state/tasks/make · {id}.output"));
        std::os::unix::fs::symlink("/nowhere", link).unwrap();
    }
    std::os::unix::fs::symlink("/nowhere", sandbox.path("state/tasks/own.output.d")).unwrap();
    sandbox.config("keep = '2d'\n");
    let mut event = sandbox.event("PostToolUse", &json!({"command": "make"}));
    event["tool_response"] = json!({"backgroundTaskId": "bnow"});
    sandbox.answer(&event, &[]);
    let mut left: Vec<String> = std::fs::read_dir(sandbox.path("state/tasks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "bnew.json",
            "bnow.json",
            "make · bnew.output",
            "own.output.d"
        ]
    );
}

#[test]
fn stop_ends_the_task_and_nothing_else() {
    use std::os::unix::process::CommandExt as _;
    let sandbox = Sandbox::new();
    let path = sandbox.output("bstop", "");
    note(&sandbox, "bstop", &json!({"description": "Serve"}));
    sandbox.write("state/running/bstop", "");
    let append = || File::options().append(true).open(&path).unwrap();
    // Started like by the client, with children.
    let mut task = Command::new("bash")
        .args(["-c", "sleep 300 & sleep 300; true"])
        .stdout(append())
        .stderr(append())
        .process_group(0)
        .spawn()
        .unwrap();
    // A reader, and a process that writes through another descriptor, like the client.
    let reader = File::open(&path).unwrap();
    let mut other = Command::new("sleep")
        .arg("300")
        .stdin(append())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    // The process that asks is never asked itself.
    let mut own = Command::new("bash");
    own.args(["-c", "\"$0\" stop bstalone 2>&1; echo still here", BG_RUN]);
    own.envs(sandbox.environment())
        .current_dir(sandbox.project());
    own.env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"));
    let alone = sandbox.output("bstalone", "");
    note(&sandbox, "bstalone", &json!({"description": "Alone"}));
    own.stdout(File::options().append(true).open(&alone).unwrap());
    assert!(own.process_group(0).status().unwrap().success());
    let told = std::fs::read_to_string(&alone).unwrap();
    assert!(
        told.contains("no process of yours") && told.ends_with("still here\n"),
        "{told}"
    );
    let stopped = sandbox.command_in_tmp(&["stop", "bstop"]).output().unwrap();
    assert_eq!(said(&stopped), "Stopped \"Serve\" (bstop).\n");
    assert!(!task.wait().unwrap().success());
    assert!(other.try_wait().unwrap().is_none(), "it was no part of it");
    let again = sandbox.command_in_tmp(&["stop", "bstop"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(
        said(&again).contains("isn't running: it was stopped by the user"),
        "{again:?}"
    );
    // Without a record it counts as running, because a process writes there.
    std::fs::remove_file(sandbox.state().join("tasks/bstop.json")).unwrap();
    let foreign = sandbox.command_in_tmp(&["stop", "bstop"]).output().unwrap();
    assert!(
        said(&foreign).contains("no process of yours has"),
        "{foreign:?}"
    );
    other.kill().unwrap();
    other.wait().unwrap();
    let lost = sandbox.command_in_tmp(&["stop", "bstop"]).output().unwrap();
    assert!(
        said(&lost).contains("isn't running: it has ended"),
        "{lost:?}"
    );
    drop(reader);
}

/// The client keeps the output of its shell in a file like a task's, and shows the first lines.
#[test]
fn a_list_in_the_client_fits_its_screen_and_leaves_itself_out() {
    use std::os::unix::process::CommandExt as _;
    let sandbox = Sandbox::new();
    let shown = sandbox.output("bshown", "");
    let long = "a last line that is longer than the client's screen is wide ".repeat(3);
    for (id, started) in [
        ("bold", "2025-01-01T00:00:00Z"),
        ("bnew", "2025-01-02T00:00:00Z"),
    ] {
        let path = sandbox.output(id, &format!("{long}\n"));
        let more = json!({"output": path, "started": started, "description": "Run the tests"});
        note(&sandbox, id, &more);
    }
    for script in [
        "\"$0\" tasks",
        "\"$0\" tasks | cat",
        "\"$0\" tasks >list; cat list",
    ] {
        let mut asks = sandbox.command("bash");
        asks.args(["-c", &format!("{script}; true"), BG_RUN])
            .envs([("CLAUDECODE", "1")])
            .env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"));
        let output = File::create(&shown).unwrap();
        asks.stdout(output.try_clone().unwrap()).stderr(output);
        assert!(asks.process_group(0).status().unwrap().success());
        let told = std::fs::read_to_string(&shown).unwrap();
        let rows: Vec<&str> = told.lines().collect();
        assert_eq!(rows.len(), 3, "{told}");
        let is_on_screen = !script.contains("cat");
        assert_eq!(rows[1].starts_with("bnew"), is_on_screen, "{told}");
        let fits = rows.iter().all(|row| row.chars().count() <= 70);
        assert_eq!(fits, is_on_screen, "{told}");
    }
}

#[test]
fn the_demo_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let tmp = sandbox.path("tmp");
    std::fs::create_dir_all(&tmp).unwrap();
    let demo = || {
        let shown = sandbox
            .command_in_tmp(&["demo"])
            .env("TMPDIR", &tmp)
            .output()
            .unwrap();
        assert!(shown.status.success(), "{shown:?}");
        assert!(!sandbox.state().exists());
        assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0, "{tmp:?}");
        said(&shown)
    };
    assert!(demo().contains("No editor"));
    let opened = sandbox.fake_editor();
    assert!(demo().contains("open in VS Code"));
    assert!(demo().trim_end().ends_with("type: bg-run install"));
    assert!(sandbox.bg_run(&["install"]).status.success());
    std::fs::remove_dir_all(sandbox.state()).unwrap();
    assert!(demo().contains("bg-run is installed"));
    assert!(support::sandbox::read(&opened).contains("Train the model"));
}

#[test]
fn shells_complete_task_names() {
    let sandbox = Sandbox::new();
    sandbox.output("bx1", "");
    note(&sandbox, "bx1", &json!({"description": "Train"}));
    let script = said(
        &sandbox
            .command_in_tmp(&["completions", "bash"])
            .output()
            .unwrap(),
    );
    assert!(script.contains("BG_RUN_COMPLETE=\"bash\""), "{script}");
    // bash calls the function that the script registers with the words of the line.
    let line = "source <(bg-run completions bash); COMP_WORDS=(bg-run tail b); COMP_CWORD=2; COMP_TYPE=9; \
                _clap_complete_bg_run bg-run b tail; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let folder = std::path::Path::new(BG_RUN).parent().unwrap().display();
    let mut bash = sandbox.command("bash");
    bash.args(["-c", line])
        .env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"));
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let offered = said(&bash.env("PATH", path).output().unwrap());
    assert!(
        offered.lines().any(|line| line.trim() == "bx1"),
        "{script}\n{offered}"
    );
}

/// After "Move to background and exit", the client continues in a session of its own, with a link to the old output.
#[test]
fn a_task_that_the_real_client_hands_on_is_one_task() {
    use support::claude::{Client, NEWEST, is_there, skip};
    use support::messages_api::{MessagesApi, Turn};
    use support::terminal::Terminal;
    use support::wait_until;
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash(pytest:*)"]}}));
    assert!(sandbox.bg_run(&["install"]).status.success());
    let ended = sandbox.path("tmp/end");
    sandbox.program(
        "pytest",
        &format!(
            "echo started; until [ -e {} ]; do sleep 1; done; echo ended",
            ended.display()
        ),
    );
    let api = MessagesApi::start(vec![
        Turn::Bash(json!({"command": "pytest -x", "description": "Run the tests"})),
        Turn::Say("The tests run.".to_owned()),
    ]);
    let terminal = Terminal::start(
        "hands-on",
        &client.interactive(&sandbox, &api),
        &sandbox.project(),
    );
    terminal.wait_for("? for shortcuts");
    terminal.submit("run the tests", || !api.requests().is_empty());
    terminal.wait_for("The tests run.");
    let _left = Left(sandbox.home());
    terminal.submit("/exit", || terminal.screen().contains("Move to background"));
    terminal.keys(&["Down"]);
    terminal.wait_for("❯ 2. Move to background and exit");
    terminal.keys(&["Enter"]);

    let tasks = || {
        let listed = sandbox.bg_run(&["tasks", "--json"]);
        serde_json::from_slice::<Vec<Value>>(&listed.stdout).unwrap()
    };
    let told = tasks();
    let output = PathBuf::from(told[0]["output"].as_str().unwrap());
    let name = output.file_name().unwrap();
    let project = output.ancestors().nth(3).unwrap();
    let link = wait_until("the new session has a link", || {
        std::fs::read_dir(project)
            .unwrap()
            .map(|session| session.unwrap().path().join("tasks").join(name))
            .find(|path| path.is_symlink())
    });
    let handed_on = tasks();
    assert_eq!(handed_on.len(), 1, "{handed_on:?}");
    assert_eq!(handed_on[0]["state"], "running");
    assert_eq!(handed_on[0]["output"], told[0]["output"]);
    let logs = sandbox.bg_run(&["logs", link.to_str().unwrap()]);
    assert_eq!(said(&logs), "started\n");
    std::fs::write(&ended, "").unwrap();
    let over = wait_until("the task is over", || {
        tasks().pop().filter(|task| task["state"] != "running")
    });
    assert_eq!(over["last_line"], "ended", "{over}");
}

/// A closed terminal ends the client, which kills its tasks, `nohup` or not.
#[test]
#[cfg(target_os = "linux")]
fn a_closed_terminal_kills_its_tasks() {
    use support::claude::{Client, NEWEST, is_there, skip};
    use support::messages_api::{MessagesApi, Turn};
    use support::terminal::Terminal;
    use support::wait_until;
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(NEWEST) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash"]}}));
    assert!(sandbox.bg_run(&["install"]).status.success());
    let pids = sandbox.path("tmp");
    sandbox.program(
        "pytest",
        &format!(
            "echo $$ > {}/$1.pid; while :; do sleep 1; done",
            pids.display()
        ),
    );
    let api = MessagesApi::start(vec![
        Turn::Bash(json!({"command": "pytest plain", "description": "Plain"})),
        Turn::Bash(json!({"command": "nohup pytest held", "description": "Held"})),
        Turn::Say("Both run.".to_owned()),
    ]);
    let _left = Left(sandbox.home());
    let terminal = Terminal::start(
        "closed",
        &client.interactive(&sandbox, &api),
        &sandbox.project(),
    );
    terminal.wait_for("? for shortcuts");
    terminal.submit("go", || !api.requests().is_empty());
    terminal.wait_for("Both run.");
    let pids = ["plain", "held"].map(|name| {
        let file = pids.join(name).with_extension("pid");
        wait_until("the job runs", || {
            std::fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
    });
    let runs = |pid: &u32| Path::new("/proc").join(pid.to_string()).exists();
    assert!(pids.iter().all(runs));
    drop(terminal);
    wait_until("both are killed", || (!pids.iter().any(runs)).then_some(()));
    let listed = sandbox.bg_run(&["tasks", "--json"]);
    let tasks: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(tasks.len(), 2, "{tasks:?}");
    for task in &tasks {
        let state = task["state"].as_str().unwrap();
        assert!(["killed", "lost"].contains(&state), "{task}");
    }
}

/// Processes that the client leaves behind, identified by the test's home.
struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        let home = format!("HOME={}", self.0.display());
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let variables = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let is_left = variables
                .split(|byte| *byte == 0)
                .any(|variable| variable == home.as_bytes());
            let id = entry.file_name().to_str().and_then(|id| id.parse().ok());
            if let Some(id) = id
                .and_then(rustix::process::Pid::from_raw)
                .filter(|_| is_left)
            {
                let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            }
        }
    }
}
