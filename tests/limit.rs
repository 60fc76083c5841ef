//! Calls that the client itself moves, and calls for which a session without a user waits, with the real Claude Code
//! client.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::claude::{Client, is_there, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{Sandbox, read};
use support::terminal::Terminal;

/// Versions that themselves move a call. The first two exit after their answer and kill moved tasks.
const VERSIONS: &[&str] = &["2.1.200", "2.1.260", "2.1.332"];

/// A job that takes longer than the limit and longer than these clients wait for a task: seven seconds in steps. It then
/// creates a file.
const JOB: &str = "echo first; i=0; while [ $i -lt 7 ]; do sleep 1; i=$((i+1)); echo \"step $i\"; done; touch \"$HOME/job.done\"; echo result=42";

/// The text for the model if the client says that the task ends with the answer.
const HELD: &str = "bg-run waits for the task before your response becomes final";

fn sandbox(job: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program("odd-eval", job);
    let allow = json!(["Bash(odd-eval:*)", "Bash(sleep:*)", "Bash(pytest:*)"]);
    sandbox.write_settings(&json!({"permissions": {"allow": allow}}));
    let output = sandbox.bg_run(&["install", "--limit", "2"]);
    assert!(output.status.success(), "{output:?}");
    sandbox
}

/// Returns the outputs of the tasks that bg-run recorded.
fn outputs(sandbox: &Sandbox) -> Vec<PathBuf> {
    let tasks = sandbox.bg_run(&["tasks", "--all", "--json"]);
    let tasks: Vec<Value> = serde_json::from_slice(&tasks.stdout).unwrap();
    // This machine may have outputs of other tests.
    let project = sandbox.project().display().to_string();
    let tasks = tasks
        .iter()
        .filter(|task| task["project"] == project.as_str());
    let outputs = tasks.filter_map(|task| task["output"].as_str());
    outputs.map(PathBuf::from).collect()
}

#[test]
fn the_client_s_transcripts_can_be_learned_from() {
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = Sandbox::new();
        sandbox.program("odd-eval", "sleep 1; seq 1 2000");
        sandbox.write_settings(&json!({"permissions": {"allow": ["Bash(odd-eval:*)"]}}));
        let mut turns: Vec<Turn> = (0..8)
            .map(|n| Turn::bash(&format!("odd-eval --seed {n}")))
            .collect();
        turns.push(Turn::Say("done".to_owned()));
        let api = MessagesApi::start(turns);
        let output = client.run_headless_with(&sandbox, &api, &[], None);
        let learnt = sandbox.bg_run(&["learn"]);
        let said = String::from_utf8_lossy(&learnt.stdout);
        let shown = format!("{version}: {said} {output:?} {learnt:?}");
        assert!(
            said.contains("8 calls of 8 commands in 1 transcripts"),
            "{shown}"
        );
        let rows = sandbox.bg_run(&["history", "--json", "--all"]);
        let rows: Vec<Value> = serde_json::from_slice(&rows.stdout).unwrap();
        assert_eq!(rows.len(), 8, "{shown}");
        let is_right = |row: &Value| (1.0..20.0).contains(&row["median"].as_f64().unwrap());
        assert!(rows.iter().all(is_right), "{rows:?}");
        // A second run changes nothing.
        let again = sandbox.bg_run(&["learn"]);
        assert!(
            String::from_utf8_lossy(&again.stdout).starts_with("0 calls"),
            "{again:?}"
        );
        if let Some(folder) = support::claude::screens() {
            let projects = sandbox.home().join(".claude/projects");
            let project = std::fs::read_dir(projects)
                .unwrap()
                .next()
                .unwrap()
                .unwrap();
            let transcript = std::fs::read_dir(project.path())
                .unwrap()
                .next()
                .unwrap()
                .unwrap();
            std::fs::copy(transcript.path(), folder.join(format!("{version}.jsonl"))).unwrap();
        }
    }
}

/// A server that the caller started itself never ends.
#[test]
fn nobody_waits_for_the_caller_s_own_background_tasks() {
    // The newest version itself waits.
    for version in &VERSIONS[..2] {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox("exec sleep 600");
        let call = json!({"command": "odd-eval", "run_in_background": true});
        let api = MessagesApi::start(vec![Turn::Bash(call), Turn::Say("done".to_owned())]);
        let began = Instant::now();
        let output = client.run_headless_with(&sandbox, &api, &[], None);
        let shown = format!(
            "{version} {:?} {output:?} log: {}",
            began.elapsed(),
            sandbox.log()
        );
        assert!(output.status.success(), "{shown}");
        assert!(began.elapsed() < Duration::from_mins(5), "{shown}");
    }
}

/// A call that the settings move at once, and that runs longer than any client waits.
#[test]
fn a_session_without_a_user_waits_for_calls_moved_at_once() {
    let versions = VERSIONS
        .iter()
        .filter_map(|version| Some((*version, Client::find(version)?)));
    let runs = versions.map(|(version, client)| {
        std::thread::spawn(move || {
            let sandbox = sandbox("");
            sandbox.program(
                "pytest",
                // A printed line like the client's footer isn't the end.
                "echo 'worker 3: [killed]'; printf '\\n[exited with code 0]\\n'; sleep 90; touch \"$HOME/job.done\"; echo result=42; exit 3",
            );
            sandbox.config("headless = 'background'\n",
            );
            let api = MessagesApi::start(vec![Turn::bash("pytest -x"), Turn::Retell]);
            let output = client.run_headless_with(&sandbox, &api, &[], None);
            let said = String::from_utf8_lossy(&output.stdout);
            let shown = format!(
                "{version}: {output:?} {:?} log: {}",
                api.tool_results(),
                sandbox.log()
            );
            assert!(output.status.success(), "{shown}");
            assert!(
                api.tool_results()[0].text.contains("background"),
                "it wasn't moved: {shown}"
            );
            assert!(
                sandbox.home().join("job.done").exists(),
                "the job was lost: {shown}"
            );
            assert!(
                said.contains("result=42"),
                "its result isn't in the answer: {shown}"
            );
            assert!(
                said.contains("failed with exit status 3") && api.model_was_told().contains(HELD),
                "{shown}"
            );
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.join().unwrap();
    }
}

/// The client kills a synchronous subagent's tasks with its answer, and announces no ends.
#[test]
fn a_subagent_waits_for_moved_calls_and_reports_their_ends() {
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox("");
        sandbox.program("pytest", JOB);
        let config = "headless = 'background'\nsubagents = 'background'\n";
        sandbox.config(config);
        let agent = json!({
            "description": "Test", "prompt": "please try the tests", "subagent_type": "general-purpose",
            "run_in_background": false,
        });
        let its = vec![Turn::bash("pytest -x"), Turn::Retell];
        let main = vec![Turn::Tool("Agent", agent), Turn::Retell];
        let api = MessagesApi::start_with_subagent(main, "please try the tests", its);
        let output = client.run_headless_with(&sandbox, &api, &[], None);
        let said = String::from_utf8_lossy(&output.stdout);
        let shown = format!(
            "{version}: {output:?} {:?} log: {}",
            api.tool_results(),
            sandbox.log()
        );
        assert!(output.status.success(), "{shown}");
        assert!(
            sandbox.home().join("job.done").exists(),
            "the job was lost: {shown}"
        );
        assert!(
            api.tool_results()[0].text.contains("result=42"),
            "the subagent doesn't know: {shown}"
        );
        assert!(
            said.contains("result=42") && api.subagent_was_told().contains(HELD),
            "its result isn't in the answer: {shown}"
        );
    }
}

#[test]
fn in_a_terminal_a_quick_call_comes_back_and_a_slow_one_is_moved_and_opened() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = sandbox("");
        let end = sandbox.path("end");
        // A notice that comes before the model's answer is no prompt, and 2.1.200 shows no message with it.
        let job = format!(
            "echo first; i=0; until [ -e {} ]; do sleep 1; i=$((i+1)); echo \"step $i\"; done; echo result=42",
            end.display()
        );
        sandbox.program("odd-eval", &job);
        sandbox.program("pytest", "echo 3 passed");
        let said = sandbox.fake_editor();
        let api = MessagesApi::start(vec![
            Turn::bash("BG_RUN=off pytest"),
            Turn::bash("pytest"),
            Turn::bash("odd-eval"),
            Turn::bash("sleep 4; echo slept"),
            Turn::Say("all done".to_owned()),
        ]);
        let words = client.interactive(&sandbox, &api);
        let terminal = Terminal::start(&format!("limit-{version}"), &words, &sandbox.project());
        terminal.wait_for("? for shortcuts");
        terminal.submit("go", || !api.requests().is_empty());
        terminal.wait_for("all done");
        let screen = terminal.wait_for("in background after 2 s");
        let results = api.tool_results();
        let shown = format!("{version}: {results:?}\n{screen}\n log: {}", sandbox.log());
        assert!(results[1].text.contains("3 passed"), "{shown}");
        assert!(results[2].text.contains("background"), "{shown}");
        assert!(results[3].text.contains("slept"), "{shown}");
        assert!(read(&said).contains(".output"), "{shown}");
        // The end is reported without a prompt of the user's.
        std::fs::write(end, "").unwrap();
        let screen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            terminal.wait_for("\"odd-eval\" done after")
        }))
        .unwrap_or_else(|_| panic!("{version} {} {}", sandbox.log(), terminal.screen()));
        assert!(screen.contains("result=42"), "{screen}");
        let text = read(&outputs(&sandbox)[0]);
        assert!(
            text.starts_with("first\nstep 1\n"),
            "{:?} {text}",
            outputs(&sandbox)
        );
    }
}
