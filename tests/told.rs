//! Messages to people and models about tasks, other than their ends: the usual duration, a program at the end, a
//! command that is already running, large outputs.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::sandbox::{Sandbox, read};
use support::wait_until;

const JOB: &str = "./job --all";

/// A sandbox in which tasks run.
struct World {
    sandbox: Sandbox,
}

impl World {
    fn new(config: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.config(config);
        Self { sandbox }
    }

    fn answer(&self, event: &Value, more: &[(&str, &str)]) -> Value {
        self.sandbox.answer(event, more)
    }

    fn bg_run(&self, arguments: &[&str]) -> String {
        let output = self.sandbox.command_in_tmp(arguments).output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.bg_run(&["tasks", "--json"])).unwrap()
    }

    /// Reports a foreground call of [`JOB`] that took this many seconds.
    fn took(&self, seconds: u32) {
        let mut event = self.sandbox.event("PostToolUse", &json!({"command": JOB}));
        event["duration_ms"] = (seconds * 1000).into();
        event["tool_response"] = json!({"stdout": ""});
        assert_eq!(self.answer(&event, &[]), Value::Null);
    }

    /// Returns the text for the model before a call.
    fn told_before(&self, input: &Value, more: &[(&str, &str)]) -> String {
        let answer = self.answer(&self.sandbox.event("PreToolUse", input), more);
        context(&answer).to_owned()
    }

    fn prompt(&self, text: &str) -> Value {
        let mut event = self.sandbox.event("UserPromptSubmit", &json!({}));
        event["prompt"] = text.into();
        self.answer(&event, &[])
    }
}

/// A task whose output this process writes. It runs while the file is open.
struct Task {
    file: File,
    path: PathBuf,
    told: Value,
}

impl Task {
    fn launch(world: &World, id: &str, more: &[(&str, &str)]) -> Self {
        let path = world.sandbox.output(id, "");
        let file = File::options().append(true).open(&path).unwrap();
        let input = json!({"command": JOB, "description": "Run all", "run_in_background": true});
        let mut event = world.sandbox.event("PostToolUse", &input);
        event["tool_response"] = json!({"backgroundTaskId": id});
        event["duration_ms"] = 20.into();
        let told = world.answer(&event, more);
        Self { file, path, told }
    }

    fn writes(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }

    fn ends(mut self, code: i32) {
        self.writes(&format!("[exited with code {code}]\n"));
    }
}

fn context(answer: &Value) -> &str {
    let context = &answer["hookSpecificOutput"]["additionalContext"];
    context.as_str().unwrap_or_default()
}

fn message(answer: &Value) -> &str {
    answer["systemMessage"].as_str().unwrap_or_default()
}

#[test]
fn the_usual_duration_is_shown_beside_the_one_so_far() {
    let world = World::new("open = 'never'\n");
    for seconds in [100, 121, 140] {
        world.took(seconds);
    }
    let task = Task::launch(&world, "b1", &[]);
    let told = context(&task.told);
    let usual = "Such a command usually takes about 2 min. ";
    assert!(told.contains(usual), "{}", task.told);
    let row = world.rows().remove(0);
    assert_eq!(row["usual_seconds"], 121.0, "{row}");
    let listed = world.bg_run(&["tasks"]);
    assert!(listed.contains(" s of about 2 min"), "{listed}");
    task.ends(0);
    let row = world.rows().remove(0);
    assert_eq!(row["usual_seconds"], 121.0, "{row}");
    let listed = world.bg_run(&["tasks"]);
    assert!(!listed.contains(" of about "), "{listed}");

    let world = World::new("open = 'never'\n");
    let task = Task::launch(&world, "b1", &[]);
    assert!(!context(&task.told).contains("usually"), "{}", task.told);
    assert_eq!(world.rows().remove(0)["usual_seconds"], Value::Null);
    assert!(!world.bg_run(&["tasks"]).contains(" of about "));
}

/// Records the arguments and variables that it gets; the words of the first line are separated by `|`.
const PROBE: &str = "{ printf '%s|' \"$@\"; echo; env | grep '^BG_RUN_TASK_' | sort; } > \"$0.part\"; mv \"$0.part\" \"$0.$$\"\n";

/// Writes the config that runs the probe with all placeholders.
fn probing(world: &World, more: &str) -> PathBuf {
    let probe = world.sandbox.program("probe", PROBE);
    let words =
        "'{name}: {status}', '{seconds}', '{last-line}', '{project}', '{output}', 'x{name}{nam'";
    let config = format!("open = 'never'\non-end = ['probe', {words}]\n{more}");
    world.sandbox.config(&config);
    probe
}

/// Returns the probe's records so far, one text per run.
fn runs(probe: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(probe.parent().unwrap()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let left = paths.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.strip_prefix("probe.")
            .is_some_and(|rest| rest != "part")
    });
    left.map(|path| read(&path)).collect()
}

fn run_of(probe: &Path) -> String {
    wait_until("the program is run", || runs(probe).pop())
}

const AT_ONCE: &str = "on-end-after = '0s'\n";

#[test]
fn a_program_is_run_at_the_end_of_a_task() {
    let world = World::new("");
    let probe = probing(&world, AT_ONCE);
    let mut task = Task::launch(&world, "b1", &[]);
    task.writes("3 failed $(touch pwned) {output}\n");
    let path = task.path.display().to_string();
    task.ends(3);
    world.prompt("and now?");
    let run = run_of(&probe);
    let project = world.sandbox.project().display().to_string();
    let last = "3 failed $(touch pwned) {output}";
    let mut lines = run.lines();
    assert_eq!(
        lines.next().unwrap(),
        format!("Run all: exit 3|0|{last}|{project}|{path}|xRun all{{nam|")
    );
    let variables: Vec<&str> = lines.collect();
    assert_eq!(
        variables,
        [
            format!("BG_RUN_TASK_LAST_LINE={last}"),
            "BG_RUN_TASK_NAME=Run all".to_owned(),
            format!("BG_RUN_TASK_OUTPUT={path}"),
            format!("BG_RUN_TASK_PROJECT={project}"),
            "BG_RUN_TASK_SECONDS=0".to_owned(),
            "BG_RUN_TASK_STATUS=exit 3".to_owned(),
        ]
    );
    assert_eq!(world.sandbox.log(), "");
}

#[test]
fn the_program_is_run_if_no_hook_detects_the_end() {
    let world = World::new("");
    let probe = probing(&world, AT_ONCE);
    Task::launch(&world, "b1", &[]).ends(0);
    assert!(run_of(&probe).starts_with("Run all: done|0|"));
    // The next prompt reports the end, as without `on-end`.
    let told = world.prompt("and now?");
    assert!(message(&told).contains("\"Run all\" done after"), "{told}");
    // A second run would come before the one for this task.
    Task::launch(&world, "b2", &[]).ends(0);
    world.prompt("and now?");
    wait_until("two runs", || (runs(&probe).len() > 1).then_some(()));
    assert_eq!(runs(&probe).len(), 2);
}

#[test]
fn the_program_is_run_once_for_a_stopped_task() {
    let world = World::new("");
    let probe = probing(&world, AT_ONCE);
    let task = Task::launch(&world, "b1", &[]);
    let mut job = Command::new("sleep")
        .arg("60")
        .stdout(task.file.try_clone().unwrap())
        .process_group(0)
        .spawn()
        .unwrap();
    drop(task);
    let reaped = std::thread::spawn(move || job.wait());
    assert!(world.bg_run(&["stop", "b1"]).contains("Stopped"));
    reaped.join().unwrap().unwrap();
    assert!(run_of(&probe).starts_with("Run all: stopped|"));
}

#[test]
fn the_program_is_for_long_tasks_of_attended_sessions() {
    const HEADLESS: &[(&str, &str)] = &[
        ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"),
        ("BG_RUN_HEADLESS", "background"),
    ];
    let none: &[(&str, &str)] = &[];
    for (config, more) in [
        ("", none),
        ("notify-after = '0s'\non-end-after = '1m'\n", none),
        (AT_ONCE, HEADLESS),
    ] {
        let world = World::new("");
        let probe = probing(&world, config);
        Task::launch(&world, "b1", more).ends(0);
        world.prompt("and now?");
        assert!(world.rows()[0]["ended"].is_string());
        assert!(!world.sandbox.state().join("told").exists(), "{config}");
        assert!(runs(&probe).is_empty());
    }
    let world = World::new("");
    let probe = probing(&world, "notify-after = '0s'\n");
    Task::launch(&world, "b1", &[]).ends(0);
    world.prompt("and now?");
    assert!(run_of(&probe).starts_with("Run all: done|0|"));
}

#[test]
fn the_program_s_errors_are_logged() {
    for (program, script, expected) in [
        (
            "fails",
            "echo first >&2; echo 'no network' >&2; exit 4",
            "on-end: `fails`: it ended with exit status: 4: no network",
        ),
        (
            "missing",
            "",
            "on-end: `missing`: it isn't found on the PATH",
        ),
        ("./here", "", "on-end: `./here`: it can't be started"),
    ] {
        let world = World::new(&format!(
            "open = 'never'\non-end = ['{program}']\n{AT_ONCE}"
        ));
        if !script.is_empty() {
            world.sandbox.program(program, script);
        }
        Task::launch(&world, "b1", &[]).ends(0);
        world.prompt("and now?");
        wait_until(expected, || {
            world.sandbox.log().contains(expected).then_some(())
        });
        let doctor = world.sandbox.bg_run(&["doctor"]);
        let doctor = String::from_utf8(doctor.stdout).unwrap();
        assert!(doctor.contains(expected), "{doctor}");
    }
}

#[test]
fn a_placeholder_in_shell_text_causes_a_warning() {
    let world = World::new("on-end = ['sh', '-c', 'notify {name}']\n");
    let checked = world.sandbox.bg_run(&["config", "check"]);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(
        said.contains("`notify {name}`, which is run as code"),
        "{said}"
    );
    world
        .sandbox
        .config("on-end = ['sh', '-c', 'notify \"$1\"', 'sh', '{name}']\n");
    assert!(world.sandbox.bg_run(&["config", "check"]).status.success());
}

#[test]
fn a_project_cannot_name_a_program() {
    let world = World::new("open = 'never'\n");
    world
        .sandbox
        .write("project/.claude/bg-run.toml", "on-end = ['touch', '/x']\n");
    let checked = world.sandbox.bg_run(&["rules", "check"]);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("on-end"), "{said}");
}

const LIMIT: (&str, &str) = ("CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS", "30000");

#[test]
fn a_running_duplicate_is_mentioned_and_not_blocked() {
    const SAID: [&str; 2] = [
        "bg-run: that still runs as b1, for ",
        " s now: the same command in the same folder.",
    ];
    let world = World::new("open = 'never'\n");
    let same = json!({"command": JOB});
    assert_eq!(world.told_before(&same, &[LIMIT]), "");
    let task = Task::launch(&world, "b1", &[LIMIT]);
    let spaced = json!({"command": "./job   --all"});
    let moved = json!({"command": "BG_RUN=on ./job --all"});
    let asked = json!({"command": JOB, "run_in_background": true});
    for call in [&same, &spaced, &moved, &asked] {
        let told = world.told_before(call, &[LIMIT]);
        assert!(
            SAID.iter().all(|said| told.contains(said)),
            "{call}: {told}"
        );
    }
    // The call isn't blocked, and nothing else about it changes.
    let answer = world.answer(&world.sandbox.event("PreToolUse", &same), &[LIMIT]);
    let said = answer["hookSpecificOutput"].as_object().unwrap();
    let keys: Vec<&String> = said.keys().collect();
    assert_eq!(keys, ["hookEventName", "additionalContext"], "{answer}");

    let other = json!({"command": "./job --some"});
    let quick = json!({"command": "ls -la"});
    let headless = ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli");
    for (call, more) in [
        (&other, &[LIMIT][..]),
        (&quick, &[LIMIT]),
        (&same, &[LIMIT, headless]),
        (
            &asked,
            &[LIMIT, headless, ("BG_RUN_HEADLESS", "background")],
        ),
        (&same, &[LIMIT, ("BG_RUN", "off")]),
        (&same, &[LIMIT, ("BG_RUN_DRY_RUN", "1")]),
        // Calls that nothing moves.
        (&same, &[]),
    ] {
        let told = world.told_before(call, more);
        assert!(!told.contains("still runs"), "{call} {more:?}: {told}");
    }
    let mut event = world.sandbox.event("PreToolUse", &same);
    event["cwd"] = world.sandbox.home().display().to_string().into();
    assert_eq!(context(&world.answer(&event, &[LIMIT])), "");
    let mut event = world.sandbox.event("PreToolUse", &same);
    event["session_id"] = "another".into();
    assert_eq!(context(&world.answer(&event, &[LIMIT])), "");
    task.ends(0);
    assert_eq!(world.told_before(&same, &[LIMIT]), "");
}

#[test]
fn a_running_duplicate_is_mentioned_without_a_history_too() {
    let world = World::new("open = 'never'\nhistory = false\n");
    let _task = Task::launch(&world, "b1", &[LIMIT]);
    let told = world.told_before(&json!({"command": JOB}), &[LIMIT]);
    assert!(told.contains("still runs as b1"), "{told}");
    assert_eq!(
        world.told_before(&json!({"command": "ls -la"}), &[LIMIT]),
        ""
    );
}

/// A call that ends at once examines no task.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs strace")]
fn a_quick_call_examines_no_task() {
    if Command::new("strace").arg("-V").output().is_err() {
        return eprintln!("skipped: strace isn't installed");
    }
    let world = World::new("open = 'never'\n");
    let _task = Task::launch(&world, "b1", &[LIMIT]);
    for (command, expected) in [("ls -la", 0), (JOB, 1)] {
        let event = world
            .sandbox
            .event("PreToolUse", &json!({"command": command}));
        let event = event.to_string();
        let (openings, _) =
            world
                .sandbox
                .openings(&["hook"], event.as_bytes(), &[LIMIT], "running");
        assert_eq!(openings, expected, "{command}");
    }
}

/// Sets a size without using disk space.
fn grow(task: &Task, size: u64) {
    task.file.set_len(size).unwrap();
}

#[test]
fn a_size_is_listed_from_100_mb_on() {
    let world = World::new("open = 'never'\n");
    let (small, large) = (
        Task::launch(&world, "b1", &[]),
        Task::launch(&world, "b2", &[]),
    );
    grow(&small, 99_999_999);
    assert!(!world.bg_run(&["tasks"]).contains("SIZE"));
    grow(&large, 640_000_000);
    let listed = world.bg_run(&["tasks"]);
    assert!(
        listed.contains("SIZE") && listed.contains("640 MB"),
        "{listed}"
    );
    assert!(listed.contains("<100 MB"), "{listed}");
}

#[test]
fn an_output_above_1_gb_is_reported_once_to_both() {
    const LINE: &str = "bg-run: \"Run all\" has written 1.5 GB, stop it? `bg-run stop b1`";
    const TOLD: &str = "bg-run: the output of task b1 has reached 1.5 GB and keeps growing.";
    let told = |answer: &Value| message(answer).contains(LINE) && context(answer).contains(TOLD);
    let ran = |world: &World, command: &str| {
        let mut event = world
            .sandbox
            .event("PostToolUse", &json!({"command": command}));
        event["tool_response"] = json!({"stdout": ""});
        world.answer(&event, &[])
    };
    for by_prompt in [true, false] {
        let world = World::new("open = 'never'\n");
        let task = Task::launch(&world, "b1", &[]);
        grow(&task, 999_999_999);
        assert_eq!(world.prompt("and now?"), Value::Null);
        assert_eq!(ran(&world, "./other"), Value::Null);
        grow(&task, 1_500_000_000);
        assert_eq!(ran(&world, "ls -la"), Value::Null);
        let answer = if by_prompt {
            world.prompt("and now?")
        } else {
            ran(&world, "./other")
        };
        assert!(told(&answer), "{answer}");
        assert_eq!(world.prompt("and now?"), Value::Null);
        assert_eq!(ran(&world, "./other"), Value::Null);
        task.ends(0);
        assert!(!told(&world.prompt("and now?")));
    }
    // No warning about an ended task, or in an unattended session.
    let headless: &[(&str, &str)] = &[
        ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"),
        ("BG_RUN_HEADLESS", "background"),
    ];
    let world = World::new("open = 'never'\n");
    let ended = Task::launch(&world, "b1", &[]);
    grow(&ended, 1_500_000_000);
    ended.ends(0);
    assert!(!told(&world.prompt("and now?")));
    let world = World::new("open = 'never'\n");
    let task = Task::launch(&world, "b1", headless);
    grow(&task, 1_500_000_000);
    assert_eq!(world.prompt("and now?"), Value::Null);
}

#[test]
fn a_task_stopped_for_memory_is_reported_as_such() {
    const HOW: &str = "stopped by Claude Code: memory was short";
    let notice = "<task-notification>\n<task-id>b1</task-id>\n<status>killed</status>\n<summary>Background command \"Run all\" \
                  was stopped because the system is running low on memory</summary>\n</task-notification>";
    for is_seen_before in [false, true] {
        let world = World::new("open = 'never'\n");
        let mut task = Task::launch(&world, "b1", &[]);
        task.writes("epoch 3\n[killed]\n");
        drop(task);
        if is_seen_before {
            let stop = world.answer(&world.sandbox.event("Stop", &json!({})), &[]);
            assert!(
                message(&stop).contains("\"Run all\" killed after"),
                "{stop}"
            );
        }
        let told = world.prompt(notice);
        let line = format!("bg-run: \"Run all\" {HOW}");
        assert_eq!(message(&told) == line, !is_seen_before, "{told}");
        let sentence = "because memory was short: the command didn't fail";
        assert!(context(&told).contains(sentence), "{told}");
        let row = world.rows().remove(0);
        assert_eq!(
            (&row["state"], &row["words"]),
            (&json!("killed"), &json!(HOW))
        );
    }
}
