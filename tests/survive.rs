//! `survive = true`: the fate of a job when its session ends, and that nothing else changes for it.
//!
//! `BG_RUN_SURVIVE=all` plays every situation in each client and shell, instead of three in one client.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod support;

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::claude::{Client, NEWEST, is_there, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{Sandbox, read};
use support::terminal::Terminal;
use support::wait_until;

const IN_TERMINAL: (&str, &str) = ("CLAUDE_CODE_ENTRYPOINT", "cli");

fn sandbox(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("home/.config/bg-run/config.toml", config);
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash", "TaskStop"]}}));
    let installed = sandbox.bg_run(&["install", "--no-view", "--no-editor"]);
    assert!(installed.status.success(), "{installed:?}");
    sandbox
}

/// Returns the text of a session's environment file after its start.
fn environment_file(sandbox: &Sandbox, variables: &[(&str, &str)]) -> String {
    let file = sandbox.path("env.sh");
    let _ = fs::remove_file(&file);
    let path = file.display().to_string();
    let mut all = vec![("CLAUDE_ENV_FILE", path.as_str()), IN_TERMINAL];
    all.push(("PYTHONUNBUFFERED", "1"));
    all.extend(variables);
    sandbox.answer(&sandbox.event("SessionStart", &json!({})), &all);
    read(&file)
}

#[test]
fn the_line_is_left_only_where_jobs_can_outlive_the_session() {
    let on = sandbox("survive = true\n");
    let line = environment_file(&on, &[]);
    assert!(line.contains(" relay --claim "), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    for variables in [
        ("BG_RUN", "off"),
        ("BG_RUN_DRY_RUN", "1"),
        ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"),
        ("CLAUDE_CODE_ENTRYPOINT", "claude-vscode"),
        ("CLAUDE_CODE_SESSION_ATTENDED", "0"),
        ("CLAUDE_JOB_DIR", "/tmp"),
    ] {
        assert_eq!(environment_file(&on, &[variables]), "", "{variables:?}");
    }
    let off = sandbox("");
    assert_eq!(environment_file(&off, &[]), "");
    // The hooks were registered before it was switched on, so none reports a stop.
    off.write("home/.config/bg-run/config.toml", "survive = true\n");
    assert_eq!(environment_file(&off, &[]), "");
    let off = sandbox("");
    let names = |sandbox: &Sandbox| {
        let settings = read(&sandbox.home().join(".claude/settings.json"));
        ["SessionEnd", "|TaskStop"].map(|name| settings.contains(name))
    };
    assert_eq!((names(&on), names(&off)), ([true; 2], [false; 2]));
}

/// Whether the hook writes a note of this call.
fn has_note(sandbox: &Sandbox, input: &Value, variables: &[(&str, &str)]) -> bool {
    let mut event = sandbox.event("PreToolUse", input);
    let mut all = vec![
        IN_TERMINAL,
        ("CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS", "30000"),
    ];
    for &(name, value) in variables {
        if name == "agent_id" {
            event[name] = value.into();
        } else {
            all.push((name, value));
        }
    }
    sandbox.answer(&event, &all);
    let notes = sandbox.state().join("relays");
    let left = fs::read_dir(&notes).into_iter().flatten().count();
    let _ = fs::remove_dir_all(notes);
    left == 1
}

#[test]
fn only_long_background_calls_get_a_note() {
    let on = sandbox("survive = true\n");
    for (input, variables, expected) in [
        (json!({"command": "python train.py"}), &[][..], true),
        (json!({"command": "./odd"}), &[], true),
        (
            json!({"command": "./odd", "run_in_background": true}),
            &[],
            true,
        ),
        (json!({"command": "exec python train.py"}), &[], true),
        (json!({"command": "eval './odd'"}), &[], true),
        (json!({"command": "exec 3>x; echo x"}), &[], false),
        (json!({"command": "echo x"}), &[], false),
        (
            json!({"command": "npm run dev", "run_in_background": true}),
            &[],
            false,
        ),
        (json!({"command": "./odd"}), &[("agent_id", "a1")], false),
        (
            json!({"command": "./odd"}),
            &[("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")],
            false,
        ),
        (
            json!({"command": "./odd"}),
            &[("CLAUDE_JOB_DIR", "/tmp")],
            false,
        ),
        (json!({"command": "./odd"}), &[("BG_RUN", "off")], false),
        (
            json!({"command": "./odd"}),
            &[("BG_RUN_DRY_RUN", "1")],
            false,
        ),
    ] {
        let is_left = has_note(&on, &input, variables);
        assert_eq!(is_left, expected, "{input} {variables:?}");
    }
    assert!(!has_note(
        &sandbox(""),
        &json!({"command": "python train.py"}),
        &[]
    ));
}

/// The result of a command that the client runs: its output, its status, and its last folder.
#[derive(Debug, PartialEq)]
struct Ran {
    printed: String,
    code: Option<i32>,
    signal: Option<i32>,
    folder: String,
}

const CLIENT: &str = "claude-code_2-1-332_agent";

/// Acts as the client: calls the hook and starts the shell.
fn run(sandbox: &Sandbox, shell: &str, command: &str, input: &str, id: &str) -> Ran {
    run_as(sandbox, shell, [command, command], input, id, CLIENT)
}

/// Acts as another client. The hook sees the first command, and the shell runs the second.
fn run_as(
    sandbox: &Sandbox,
    shell: &str,
    [seen, command]: [&str; 2],
    input: &str,
    id: &str,
    client: &str,
) -> Ran {
    call_hook(sandbox, seen);
    let mut started = prepared(sandbox, shell, command, !input.is_empty(), id, client).start();
    support::feed(&mut started.shell, input);
    started.wait(sandbox)
}

/// Calls the hook before the command, as a session in a terminal does.
fn call_hook(sandbox: &Sandbox, command: &str) {
    let variables = [
        IN_TERMINAL,
        ("CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS", "30000"),
    ];
    let event = sandbox.event("PreToolUse", &json!({"command": command}));
    sandbox.answer(&event, &variables);
}

/// A command that a client has started.
struct Started {
    shell: Child,
    output: PathBuf,
    folder: PathBuf,
}

impl Started {
    fn wait(mut self, sandbox: &Sandbox) -> Ran {
        let status = self.shell.wait().unwrap();
        let root = sandbox.path("").display().to_string();
        let ran = Ran {
            printed: read(&self.output),
            code: status.code(),
            signal: status.signal(),
            folder: read(&self.folder).replace(&root, ""),
        };
        let _ = fs::remove_file(self.folder);
        ran
    }
}

/// A command that a client is about to start.
struct Prepared {
    shell: Command,
    output: PathBuf,
    folder: PathBuf,
}

impl Prepared {
    fn start(mut self) -> Started {
        let file = File::options().append(true).open(&self.output).unwrap();
        self.shell.stdout(file.try_clone().unwrap()).stderr(file);
        Started {
            shell: self.shell.spawn().unwrap(),
            output: self.output,
            folder: self.folder,
        }
    }
}

/// Prepares the command's shell as this client does.
fn prepared(
    sandbox: &Sandbox,
    shell: &str,
    command: &str,
    has_input: bool,
    id: &str,
    client: &str,
) -> Prepared {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@:,./=+-".contains(c);
    let quote = |text: &str| {
        if text.chars().all(is_plain) {
            text.to_owned()
        } else {
            format!("'{}'", text.replace('\'', r#"'"'"'"#))
        }
    };
    let output = sandbox.output(id, "");
    let snapshot = sandbox.path("snapshot.sh");
    let folder = sandbox.path(&format!("claude-{id}-cwd"));
    let line = environment_file(sandbox, &[]);
    let line = if line.is_empty() {
        "export NOTHING=\n"
    } else {
        &line
    };
    let source = format!(
        "source {} 2>/dev/null || true && {line}: && true && eval {}{} && pwd -P >| {}",
        snapshot.display(),
        quote(command),
        if has_input { "" } else { " < /dev/null" },
        folder.display(),
    );
    let mut command = sandbox.command(shell);
    command
        .args(["-c", &source])
        .env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"))
        .env("AI_AGENT", client)
        .stdin(Stdio::piped());
    Prepared {
        shell: command,
        output,
        folder,
    }
}

const SHELLS: [&str; 2] = ["/bin/bash", "/usr/bin/zsh"];

#[test]
fn a_command_does_the_same_under_a_supervisor() {
    let snapshot = "shopt -s expand_aliases 2>/dev/null || true\nalias greet='echo hello'\nsay() { echo \"says $1\"; }\nexport SET=yes\n";
    let commands = [
        ("alias", "greet; job"),
        ("function", "say x; job"),
        ("folder", "cd sub && job"),
        ("status", "job; (exit 7)"),
        ("exit", "job; exit 9"),
        ("unknown", "job; nosuchprogram"),
        ("stdin", "cat; job"),
        ("pipe", "job | tr a-z A-Z"),
        ("here-document", "cat <<'E'\nit's\nE\njob"),
        ("background", "job & wait; echo \"$?\""),
        ("trap", "trap 'echo bye' EXIT; job"),
        ("exec", "exec job"),
        (
            "megabyte",
            "job; i=0; while [ $i -lt 16 ]; do cat \"$HOME/big\"; i=$((i+1)); done",
        ),
        ("environment", "job; env | grep -vE '^(_|NOTHING)=' | sort"),
        ("shell", "job; echo \"$0 $# $-\"; umask; ulimit -n"),
        ("a word", "job"),
        ("quotes", "job \"it's\" 'a \"b\"' \\$x `echo y`"),
        ("errors", "job; echo error >&2; false"),
    ];
    for shell in SHELLS {
        if !PathBuf::from(shell).exists() {
            skip(shell);
            continue;
        }
        let [with, without] = ["survive = true\n", ""].map(sandbox);
        for sandbox in [&with, &without] {
            sandbox.program("job", "echo \"job $*\"");
            sandbox.write("snapshot.sh", snapshot);
            sandbox.write("home/big", &"x".repeat(64 * 1024));
            fs::create_dir(sandbox.project().join("sub")).unwrap();
        }
        for (at, (what, command)) in commands.iter().enumerate() {
            let input = if *what == "stdin" { "input\n" } else { "" };
            let id = format!("b{at}");
            let [mut ran, plain] =
                [&with, &without].map(|sandbox| run(sandbox, shell, command, input, &id));
            let root = |sandbox: &Sandbox| sandbox.path("").display().to_string();
            ran.printed = ran.printed.replace(&root(&with), &root(&without));
            assert!(!plain.printed.is_empty(), "{what}");
            assert_eq!(ran, plain, "{shell}: {what}");
            assert!(
                !with.state().join("relays").exists(),
                "{what}: no relay took it"
            );
        }
        assert_eq!(with.log(), "");
        assert!(
            with.state().join("survivors").exists() && !without.state().join("survivors").exists()
        );
    }
}

#[test]
fn a_command_without_an_exact_note_runs_unchanged() {
    for (what, commands, client) in [
        ("another command", ["job a", "job b"], CLIENT),
        ("more around it", ["job a", "true && job a"], CLIENT),
        (
            "an older client",
            ["job a", "job a"],
            "claude-code_2-1-150_agent",
        ),
        ("another agent", ["job a", "job a"], ""),
    ] {
        let sandbox = sandbox("survive = true\n");
        sandbox.program("job", "echo \"job $*\"");
        let ran = run_as(&sandbox, SHELLS[0], commands, "", "b1", client);
        let printed = format!("job {}\n", commands[1].rsplit(' ').next().unwrap());
        assert_eq!((ran.printed, ran.code), (printed, Some(0)), "{what}");
        assert!(sandbox.state().join("relays").exists(), "{what}");
        assert!(!sandbox.state().join("survivors").exists(), "{what}");
    }
}

/// Whatever a relay or its supervisor lacks, the command runs exactly once.
#[test]
fn a_command_runs_once_even_if_its_supervisor_cannot_start() {
    let copied = |sandbox: &Sandbox| {
        let is_there = |path: &&&str| PathBuf::from(path).exists();
        let mktemp = ["/usr/bin/mktemp", "/bin/mktemp"];
        let mktemp = mktemp.iter().find(is_there).unwrap();
        fs::copy(mktemp, sandbox.path("bin/job")).unwrap();
    };
    for shell in SHELLS {
        if !PathBuf::from(shell).exists() {
            skip(shell);
            continue;
        }
        // Each run makes a file. Returns the status and the number of runs.
        let run = |sandbox: &Sandbox, first: &str| {
            sandbox.write("snapshot.sh", first);
            fs::create_dir(sandbox.home().join("made")).unwrap();
            let command = "job -q \"$HOME/made/XXXXXX\"; sh -c 'exit 3'";
            let code = run(sandbox, shell, command, "", "b1").code;
            let made = fs::read_dir(sandbox.home().join("made")).unwrap().count();
            fs::remove_dir_all(sandbox.home().join("made")).unwrap();
            (code, made)
        };
        for in_the_way in ["survivors", "survivors/b1.job/folder", "survivors/locked"] {
            let sandbox = sandbox("survive = true\n");
            copied(&sandbox);
            sandbox.write(&format!("state/{in_the_way}"), "");
            let survivors = File::open(sandbox.state().join("survivors")).unwrap();
            if in_the_way == "survivors/locked" {
                survivors.lock().unwrap();
            }
            assert_eq!(run(&sandbox, ""), (Some(3), 1), "{shell}: {in_the_way}");
            assert!(
                sandbox.log().contains("relay: the supervisor has ended"),
                "{}",
                sandbox.log()
            );
        }
        let aliased = sandbox("survive = true\n");
        copied(&aliased);
        for exit in [
            "exit() { :; }",
            "alias exit=:",
            "exit() { builtin exit 5; }",
        ] {
            let first = format!("shopt -s expand_aliases 2>/dev/null || true\n{exit}");
            assert_eq!(run(&aliased, &first), (Some(3), 1), "{shell}: {exit}");
        }
        // With few open files, different steps fail.
        let [with, without] = ["survive = true\n", ""].map(sandbox);
        copied(&with);
        copied(&without);
        let mut had_supervisor = Vec::new();
        for files in 4..20 {
            let limit = format!("ulimit -n {files}");
            let before = with.log();
            assert_eq!(
                run(&with, &limit),
                run(&without, &limit),
                "{shell}: {limit}"
            );
            had_supervisor.push(with.log() == before);
        }
        assert!(
            had_supervisor.contains(&true) && had_supervisor.contains(&false),
            "{had_supervisor:?}"
        );
    }
}

#[test]
fn at_most_sixteen_tasks_have_a_supervisor_and_each_can_be_stopped() {
    let sandbox = sandbox("survive = true\n");
    let job = format!("touch \"$HOME/$1\"; {WAITS}; echo \"job $*\"");
    sandbox.program("job", &job);
    let ids: Vec<String> = (10..30).map(|at| format!("bjob{at}")).collect();
    let command = |id: &str| format!("job {id}");
    for id in &ids {
        call_hook(&sandbox, &command(id));
    }
    // All start at once, like the calls of one turn.
    let prepare = |id: &String| prepared(&sandbox, SHELLS[0], &command(id), false, id, CLIENT);
    let prepared: Vec<Prepared> = ids.iter().map(prepare).collect();
    let started: Vec<Started> = prepared.into_iter().map(Prepared::start).collect();
    for id in &ids {
        wait_until("the job runs", || {
            sandbox.home().join(id).exists().then_some(())
        });
        let (event, _) = sandbox.launched(id, &json!({"command": command(id)}));
        sandbox.answer(&event, &[IN_TERMINAL]);
    }
    sandbox.program("last", "echo last");
    let ran = run(&sandbox, SHELLS[0], "last", "", "blast");
    assert_eq!((ran.printed, ran.code), ("last\n".to_owned(), Some(0)));
    assert!(
        !sandbox.state().join("relays").exists(),
        "a later call would take a note that is left"
    );
    let doctor = sandbox.bg_run(&["doctor", "--json"]).stdout;
    let doctor: Value = serde_json::from_slice(&doctor).unwrap();
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "survive");
    let told = check.unwrap().to_string();
    let has_supervisor = |id: &String| told.contains(id.as_str());
    let supervised = ids.iter().filter(|id| has_supervisor(id)).count();
    assert_eq!(
        (supervised, relays(&sandbox, "--supervise").len()),
        (16, 16),
        "{told}"
    );
    for id in ids.iter().filter(|id| has_supervisor(id)) {
        let stopped = sandbox.bg_run(&["stop", id]);
        assert!(stopped.status.success(), "{stopped:?}");
    }
    sandbox.write("home/go", "");
    for (id, started) in ids.iter().zip(started) {
        let ran = started.wait(&sandbox);
        let (code, last) = if has_supervisor(id) {
            (143, String::new())
        } else {
            (0, format!("{}\n", command(id)))
        };
        let printed = format!("x\n{last}");
        assert_eq!((ran.printed, ran.code), (printed, Some(code)), "{id}");
    }
}

/// Runs this command in the background until its session ends, and its program has said that it runs.
fn outlive(sandbox: &Sandbox, command: &str, id: &str) {
    let mut started = start(sandbox, command, id);
    let (event, _) = sandbox.launched(id, &json!({"command": command}));
    sandbox.answer(&event, &[IN_TERMINAL]);
    let mut event = sandbox.event("SessionEnd", &json!({}));
    event["reason"] = "other".into();
    sandbox.answer(&event, &[IN_TERMINAL]);
    end_relay(sandbox, &mut started);
    let record = sandbox.state().join(format!("tasks/{id}.json"));
    wait_until("the job is kept", || {
        read(&record).contains("\"survived\":true").then_some(())
    });
}

/// Starts this command, and waits until its program runs.
fn start(sandbox: &Sandbox, command: &str, id: &str) -> Started {
    call_hook(sandbox, command);
    let started = prepared(sandbox, SHELLS[0], command, false, id, CLIENT).start();
    let name = sandbox.home().join("runs");
    wait_until("the job runs", || name.exists().then_some(()));
    started
}

/// Ends the relay and its shell, as the client ends a task.
fn end_relay(sandbox: &Sandbox, started: &mut Started) {
    for process in relays(sandbox, "").into_iter().chain([started.shell.id()]) {
        signal(process, rustix::process::Signal::TERM);
    }
    started.shell.wait().unwrap();
}

/// Returns the state and the exit status of the sandbox's only task, once it has ended.
fn end_of_task(sandbox: &Sandbox) -> (String, Option<u64>) {
    let task = wait_until("the task's end", || {
        let listed = sandbox.bg_run(&["tasks", "--json"]);
        let tasks: Vec<Value> = serde_json::from_slice(&listed.stdout).ok()?;
        let mut tasks = tasks.into_iter();
        tasks.next().filter(|task| task["state"] != "running")
    });
    let state = task["state"].as_str().unwrap().to_owned();
    (state, task["exit"].as_u64())
}

/// The shell code of a program that runs until the test lets it end, but for five minutes at most.
const WAITS: &str = "echo $$ >\"$HOME/pid\"; touch \"$HOME/runs\"; i=0; until [ -e \"$HOME/go\" ] || [ $i -gt 3000 ]; do sleep 0.1; i=$((i+1)); done";

#[test]
fn a_stopped_job_ends_even_if_it_ignores_sigterm() {
    for (what, command, is_in_session) in [
        ("in its session", "job", true),
        ("after its session", "job", false),
        (
            "after its session, with another output",
            "exec job > \"$HOME/log\" 2>&1",
            false,
        ),
    ] {
        let sandbox = sandbox("survive = true\n");
        sandbox.program("job", &format!("trap '' TERM; {WAITS}"));
        if is_in_session {
            end_relay(&sandbox, &mut start(&sandbox, command, "b1"));
        } else {
            outlive(&sandbox, command, "b1");
            let stopped = sandbox.bg_run(&["stop", "b1"]);
            assert!(stopped.status.success(), "{what}: {stopped:?}");
            assert_eq!(end_of_task(&sandbox).0, "stopped", "{what}");
        }
        let job = read(&sandbox.home().join("pid")).trim().parse().unwrap();
        wait_until("the job has ended", || (!runs(job)).then_some(()));
    }
}

#[test]
fn the_end_of_a_long_job_is_known_although_its_record_was_cleared() {
    let sandbox = sandbox("survive = true\non-end = ['told']\non-end-after = '0s'\n");
    sandbox.program("told", "echo told >> \"$HOME/told\"");
    sandbox.program("job", &format!("{WAITS}; exit 3"));
    outlive(&sandbox, "job", "b1");
    for file in ["running/b1", "tasks/b1.json"] {
        fs::remove_file(sandbox.state().join(file)).unwrap();
    }
    sandbox.write("home/go", "");
    assert_eq!(end_of_task(&sandbox), ("exit".to_owned(), Some(3)));
    wait_until("no supervisor is left", || {
        relays(&sandbox, "--supervise").is_empty().then_some(())
    });
    let told = sandbox.home().join("told");
    assert_eq!(support::wait_for_text("on-end", &told), "told\n");
}

/// Returns this sandbox's relays with this option, or those without options.
fn relays(sandbox: &Sandbox, option: &str) -> Vec<u32> {
    let state = sandbox.state().display().to_string();
    let is_it = |entry: &fs::DirEntry| {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let rest = words.split_once(&format!("relay {state}"));
        rest.is_some_and(|(_, rest)| rest.trim().split(' ').next() == Some(option))
    };
    let entries = fs::read_dir("/proc").unwrap().flatten().filter(is_it);
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// An act on a session with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    CloseTerminal,
    Hangup,
    /// SIGHUP to the shell from which the client was started, as editors close their terminals.
    HangupShell,
    Terminate,
    Kill,
    /// The number of the answer.
    Exit(usize),
    TaskStop,
    StopInList,
    /// Like the previous act, but the terminal is closed within the same second.
    StopInListAndClose,
    BgRunStop,
    Interrupt,
    /// The client moves the call at its time-out, then the terminal is closed.
    TimeOut,
    /// The client moves the call at the limit, then the terminal is closed.
    Limit,
    /// The user moves the call with Ctrl+B, then the terminal is closed.
    CtrlB,
    CloseInForeground,
}

/// The fate of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    RunsOn,
    Ends,
}

const SITUATIONS: &[(Act, Fate)] = &[
    (Act::CloseTerminal, Fate::RunsOn),
    (Act::StopInListAndClose, Fate::Ends),
    (Act::Exit(1), Fate::Ends),
    (Act::Hangup, Fate::RunsOn),
    (Act::HangupShell, Fate::RunsOn),
    (Act::Terminate, Fate::RunsOn),
    (Act::Kill, Fate::RunsOn),
    (Act::Exit(2), Fate::RunsOn),
    (Act::Exit(3), Fate::RunsOn),
    (Act::TaskStop, Fate::Ends),
    (Act::StopInList, Fate::Ends),
    (Act::BgRunStop, Fate::Ends),
    (Act::Interrupt, Fate::Ends),
    (Act::TimeOut, Fate::RunsOn),
    (Act::Limit, Fate::RunsOn),
    (Act::CtrlB, Fate::RunsOn),
    (Act::CloseInForeground, Fate::Ends),
];

/// Returns the fate of the job with this client.
fn expected(version: &str, act: Act, fate: Fate, seen: Fate) -> Fate {
    match (version, act) {
        // After a signal to its process alone, it often runs no `SessionEnd` hook, and rarely after one to its shell.
        ("2.1.260", Act::Hangup | Act::HangupShell | Act::Terminate) => seen,
        // This client doesn't end such a command, with or without bg-run.
        ("2.1.200", Act::CloseInForeground) => Fate::RunsOn,
        _ => fate,
    }
}

/// A session with a job that runs until the test lets it end.
struct Session<'a> {
    program: &'a Client,
    sandbox: Sandbox,
    api: MessagesApi,
    terminal: Terminal,
    /// The first process in the terminal: the client, or the shell from which it was started.
    first: u32,
    job: u32,
}

fn runs(process: u32) -> bool {
    let stat = read(&PathBuf::from(format!("/proc/{process}/stat")));
    !stat.is_empty() && !stat.contains(") Z ")
}

fn signal(process: u32, signal: rustix::process::Signal) {
    let process = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    rustix::process::kill_process(process, signal).unwrap();
}

fn is_in_foreground(act: Act) -> bool {
    matches!(
        act,
        Act::Interrupt | Act::TimeOut | Act::Limit | Act::CtrlB | Act::CloseInForeground
    )
}

/// Returns the words that start the client, with this shell and the sandbox's programs.
fn words(
    client: &Client,
    sandbox: &Sandbox,
    api: &MessagesApi,
    shell: &str,
    more: &[&str],
) -> Vec<String> {
    let mut arguments = vec!["--permission-mode", "default"];
    arguments.extend(more);
    let mut words = client.in_terminal(sandbox, api, &arguments);
    words.insert(2, format!("SHELL={shell}"));
    words
}

impl<'a> Session<'a> {
    fn start(program: &'a Client, shell: &str, act: Act) -> Self {
        let sandbox = sandbox("survive = true\nopen = \"never\"\n");
        if act == Act::Limit {
            let done = sandbox.bg_run(&["install", "--no-view", "--no-editor", "--limit", "2"]);
            assert!(done.status.success(), "{done:?}");
        }
        let (go, job) = (sandbox.path("go"), sandbox.path("job.pid"));
        // It runs for a minute and a half at most, so a failing test leaves nothing behind.
        let script = format!(
            "echo $$ >{0}.part; mv {0}.part {0}; i=0; until [ -e {1} ] || [ $i -gt 900 ]; do sleep 0.1; i=$((i+1)); done; echo last; exit 3",
            job.display(),
            go.display()
        );
        sandbox.program("train", &script);
        sandbox.program("odd", &script);
        // A call in the foreground needs `odd`: bg-run would move `train` at once because of its name.
        let command = if is_in_foreground(act) {
            "odd --epochs 3"
        } else {
            "train --epochs 3"
        };
        let mut input = json!({"command": command, "description": "Train"});
        if !is_in_foreground(act) {
            input["run_in_background"] = true.into();
        } else if act == Act::TimeOut {
            input["timeout"] = 2000.into();
        }
        let mut turns = vec![Turn::Bash(input)];
        if act == Act::TaskStop {
            turns.push(Turn::StopTask);
        }
        turns.push(Turn::Say("It runs.".to_owned()));
        let api = MessagesApi::start(turns);
        let mut words = words(program, &sandbox, &api, shell, &[]);
        if act == Act::HangupShell {
            let outer = [shell, "-i", "-c", "\"$@\"; exit", "shell"].map(str::to_owned);
            words.splice(0..0, outer);
        }
        let terminal = Terminal::start("survive", &words, &sandbox.project());
        terminal.wait_for("? for shortcuts");
        terminal.submit("go", || !api.requests().is_empty());
        let job = wait_until("the job runs", || read(&job).trim().parse().ok());
        if !is_in_foreground(act) {
            terminal.wait_for("It runs.");
        }
        let first = terminal.process();
        Self {
            program,
            sandbox,
            api,
            terminal,
            first,
            job,
        }
    }

    fn act(&mut self, act: Act) {
        use rustix::process::Signal;
        let terminal = &self.terminal;
        match act {
            Act::CloseTerminal | Act::CloseInForeground => terminal.close(),
            Act::Hangup | Act::HangupShell => signal(self.first, Signal::HUP),
            Act::Terminate => signal(self.first, Signal::TERM),
            Act::Kill => signal(self.first, Signal::KILL),
            Act::Exit(answer) => {
                terminal.keys(&["/exit"]);
                terminal.wait_for("/exit");
                terminal.press_until_shown("Enter", "Background work is running");
                for at in 2..=answer {
                    terminal.press_until_shown("Down", &format!("❯ {at}."));
                }
                terminal.press_until_gone("Enter", "Background work is running");
                if answer == 3 {
                    terminal.close();
                }
            }
            Act::TaskStop => {}
            Act::StopInList | Act::StopInListAndClose => {
                terminal.keys(&["/tasks"]);
                terminal.wait_for("/tasks");
                terminal.press_until_shown("Enter", "x to stop");
                terminal.keys(&["x"]);
                if act == Act::StopInListAndClose {
                    wait_until("the relay has ended", || {
                        relays(&self.sandbox, "").is_empty().then_some(())
                    });
                    terminal.close();
                }
            }
            Act::BgRunStop => {
                let stopped = self.sandbox.bg_run(&["stop", "Train"]);
                assert!(stopped.status.success(), "{stopped:?}");
            }
            Act::Interrupt => terminal.press_until_shown("Escape", "Interrupted"),
            Act::TimeOut | Act::Limit | Act::CtrlB => {
                if act == Act::CtrlB {
                    terminal.wait_for("ctrl+b to run in background");
                    terminal.press_until_shown("C-b", "It runs.");
                }
                terminal.wait_for("It runs.");
                self.task();
                terminal.close();
            }
        }
    }

    fn task(&self) -> Value {
        wait_until("the task", || {
            let listed = self.sandbox.bg_run(&["tasks", "--json"]);
            let tasks: Vec<Value> = serde_json::from_slice(&listed.stdout).ok()?;
            tasks.into_iter().next()
        })
    }

    /// Returns `Ends` if the job ends within 9 s, else `RunsOn`.
    fn fate(&self) -> Fate {
        // The supervisor waits for five seconds at most.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(9);
        while std::time::Instant::now() < end {
            if !runs(self.job) {
                return Fate::Ends;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Fate::RunsOn
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.sandbox.write("go", "");
        self.terminal.close();
        // A session that was moved to the background has one.
        self.program
            .run(&self.sandbox, &self.api, &["daemon", "stop", "--any"]);
        if !std::thread::panicking() {
            wait_until("no supervisor is left", || {
                relays(&self.sandbox, "--supervise")
                    .is_empty()
                    .then_some(())
            });
        }
    }
}

/// Tests one situation.
fn play(version: &str, shell: &str, act: Act, fate: Fate) {
    let Some(client) = Client::find(version) else {
        return;
    };
    let what = format!("{version} {shell} {act:?}");
    let mut session = Session::start(&client, shell, act);
    session.act(act);
    let seen = session.fate();
    for line in session.sandbox.log().lines() {
        println!("  {what}: {line}");
    }
    assert_eq!(seen, expected(version, act, fate, seen), "{what}");
    if seen == Fate::Ends || act == Act::CloseInForeground {
        return;
    }
    let task = session.task();
    assert_eq!(task["state"], "running", "{what}: {task}");
    let with_next = matches!(act, Act::CloseTerminal | Act::Kill);
    if with_next {
        tells_the_next(&client, &session, shell, "still runs after", &[]);
    }
    session.sandbox.write("go", "");
    wait_until("the job has ended", || (!runs(session.job)).then_some(()));
    let task = wait_until("its end is known", || {
        Some(session.task()).filter(|task| task["state"] != "running")
    });
    assert_eq!(
        (&task["state"], &task["exit"]),
        (&json!("exit"), &json!(3)),
        "{what}: {task}"
    );
    let output = read(&PathBuf::from(task["output"].as_str().unwrap()));
    assert!(
        output.contains("last\n\n[exited with code 3]\n"),
        "{what}: {output:?}"
    );
    if with_next {
        tells_the_next(
            &client,
            &session,
            shell,
            "\"Train\" exit 3",
            &["--continue"],
        );
    }
}

/// Checks that the next session tells the user and the model about the job.
fn tells_the_next(client: &Client, session: &Session, shell: &str, told: &str, more: &[&str]) {
    let api = MessagesApi::start(vec![Turn::Say("I see.".to_owned())]);
    let words = words(client, &session.sandbox, &api, shell, more);
    let terminal = Terminal::start("next", &words, &session.sandbox.project());
    terminal.wait_for("? for shortcuts");
    terminal.wait_for(told);
    terminal.submit("go on", || !api.requests().is_empty());
    terminal.wait_for("I see.");
    let model = api.model_was_told();
    assert!(model.contains("outlived their session"), "{model}");
    terminal.close();
}

#[test]
fn a_job_outlives_its_session_in_these_situations() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let all = std::env::var("BG_RUN_SURVIVE").unwrap_or_default();
    if all.is_empty() {
        for &(act, fate) in SITUATIONS.iter().take(3) {
            play(NEWEST, SHELLS[0], act, fate);
        }
        return;
    }
    // The variable is `all`, or parts of a line: `2.1.260 zsh TaskStop`.
    let mut failed = Vec::new();
    for version in ["2.1.200", "2.1.260", "2.1.332"] {
        for shell in SHELLS {
            for &(act, fate) in SITUATIONS {
                let line = format!("{version} {shell} {act:?}");
                if all == "all" || all.split_whitespace().all(|part| line.contains(part)) {
                    let start = std::time::Instant::now();
                    let played = std::panic::catch_unwind(|| play(version, shell, act, fate));
                    let how = if played.is_ok() { "holds" } else { "FAILS" };
                    println!("{line}: {how} ({:.0} s)", start.elapsed().as_secs_f32());
                    if played.is_err() {
                        failed.push(line);
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
