//! A session without a user behaves as without bg-run, with the real Claude Code client.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

#[cfg(target_os = "linux")]
use std::process::{Child, Stdio};
use std::sync::Mutex;
#[cfg(target_os = "linux")]
use std::time::Instant;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use support::claude::Client;
use support::messages_api::{MessagesApi, Turn};
#[cfg(target_os = "linux")]
use support::sandbox::BG_RUN;
use support::sandbox::{Sandbox, read};
#[cfg(target_os = "linux")]
use support::wait_until;

/// Versions that themselves move a call. The first writes no footer, and the first two kill moved tasks with their
/// answer.
const VERSIONS: &[&str] = &["2.1.200", "2.1.260", "2.1.332"];

/// The limit in seconds.
const LIMIT: &str = "3";

/// Number of concurrent sessions. A client takes about a second of one core to start.
const AT_ONCE: usize = 6;

/// The client's arguments and stdin.
type Format = (&'static [&'static str], Option<&'static str>);

const FORMATS: &[Format] = &[
    (&[], None),
    (&["--output-format", "json"], None),
    STREAM,
    (
        &[
            "--input-format",
            "stream-json",
            "--output-format",
            "stream-json",
            "--verbose",
        ],
        Some("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"go\"}}\n"),
    ),
];

const STREAM: Format = (&["--output-format", "stream-json", "--verbose"], None);

/// The model's turns and the command.
#[derive(Clone)]
struct Case {
    name: &'static str,
    job: &'static str,
    turns: Vec<Turn>,
    format: Format,
    variables: &'static [(&'static str, &'static str)],
}

impl Case {
    fn new(name: &'static str, job: &'static str) -> Self {
        Self {
            name,
            job,
            turns: vec![Turn::bash("odd-eval"), Turn::Say("done".to_owned())],
            format: STREAM,
            variables: &[],
        }
    }
}

fn sandbox(job: &str, is_installed: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program(
        "odd-eval",
        &format!("trap 'date +%s.%N >\"$HOME/ended\"' EXIT\n{job}"),
    );
    sandbox.program("vite", "exec sleep 15");
    sandbox.program("odd-serve", "exec sleep 15");
    sandbox.write("project/sub/file", "");
    let allow = json!([
        "Bash(odd-eval:*)",
        "Bash(cd sub && odd-eval:*)",
        "Bash(vite:*)",
        "Bash(odd-serve:*)"
    ]);
    sandbox.write_settings(&json!({"permissions": {"allow": allow}}));
    if is_installed {
        let output = sandbox.bg_run(&["install", "--limit", LIMIT]);
        assert!(output.status.success(), "{output:?}");
    }
    sandbox
}

/// Observations of a session.
#[derive(Debug, PartialEq)]
struct Seen {
    /// The session's output, without parts that differ from run to run.
    said: Vec<Value>,
    /// The results of its calls, as the model got them.
    results: Vec<String>,
    /// Number of requests to the model.
    requests: usize,
}

/// A session that has ended.
#[derive(Debug)]
struct Run {
    seen: Seen,
    /// Time from the job's end to the session's end.
    late: Duration,
    shown: String,
}

fn run(version: &str, client: &Client, case: &Case, is_installed: bool) -> Run {
    let sandbox = sandbox(case.job, is_installed);
    let api = MessagesApi::start(case.turns.clone());
    let (arguments, stdin) = case.format;
    let output = client.run_headless_as(&sandbox, &api, arguments, stdin, case.variables);
    let ended = SystemTime::now();
    let at = read(&sandbox.home().join("ended"));
    let at = at
        .trim()
        .parse()
        .map_or(Duration::ZERO, Duration::from_secs_f64);
    let late = ended.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let results = api.tool_results().into_iter();
    let shown = format!(
        "{version} {} {arguments:?} installed: {is_installed}\n{output:?}\n{}",
        case.name,
        sandbox.log()
    );
    assert!(output.status.success(), "{shown}");
    Run {
        seen: Seen {
            said: said.lines().filter_map(lasting).collect(),
            results: results.map(|result| unplaced(&result.text)).collect(),
            requests: api.requests().len(),
        },
        late: late.saturating_sub(at),
        shown,
    }
}

/// Returns the parts of an output line that don't differ from run to run; `None` for lines about hooks, and about the
/// client's own tasks, of which there are more if the client moves a call.
fn lasting(line: &str) -> Option<Value> {
    let Ok(message) = serde_json::from_str::<Value>(line) else {
        return Some(line.into());
    };
    let subtype = message["subtype"].as_str().unwrap_or_default();
    let is_of = |kind: &str| subtype.starts_with(kind);
    if is_of("task_") || is_of("hook_") || subtype == "background_tasks_changed" {
        return None;
    }
    let kept = ["type", "subtype", "is_error", "num_turns", "result"];
    let mut kept: serde_json::Map<String, Value> = kept
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), message.get(*key)?.clone())))
        .collect();
    let result = &message["tool_use_result"];
    // A failed call has only a text.
    let text = match result {
        Value::String(text) => text.strip_prefix("Error: ").map(str::to_owned),
        fields => fields["stdout"].as_str().map(str::to_owned),
    };
    kept.insert("text".to_owned(), text.into());
    Some(kept.into())
}

/// Removes the path at which the client keeps a long output.
fn unplaced(text: &str) -> String {
    let Some((start, rest)) = text.split_once("Full output saved to: ") else {
        return text.to_owned();
    };
    let end = rest.split_once('\n').map_or("", |(_, end)| end);
    format!("{start}\n{end}")
}

/// Runs `jobs`, several at the same time.
fn side_by_side<T: Send>(jobs: Vec<Box<dyn FnOnce() -> T + Send + '_>>) -> Vec<T> {
    let numbered: Vec<_> = jobs.into_iter().enumerate().rev().collect();
    let (left, done) = (Mutex::new(numbered), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((at, job)) = left.lock().unwrap().pop() else {
                        return;
                    };
                    let result = job();
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn clients() -> Vec<(&'static str, Client)> {
    let found = VERSIONS
        .iter()
        .map(|version| (*version, Client::find(version)));
    found
        .filter_map(|(version, client)| Some((version, client?)))
        .collect()
}

/// Runs each case without bg-run and with it, in each version.
fn both(cases: &[Case]) -> Vec<(Run, Run)> {
    let clients = clients();
    let mut jobs: Vec<Box<dyn FnOnce() -> Run + Send + '_>> = Vec::new();
    for (version, client) in &clients {
        for case in cases {
            for is_installed in [false, true] {
                jobs.push(Box::new(move || run(version, client, case, is_installed)));
            }
        }
    }
    let mut runs = side_by_side(jobs).into_iter();
    std::iter::from_fn(|| runs.next().zip(runs.next())).collect()
}

/// A job that takes twelve seconds, in steps.
const JOB: &str = "echo first; i=0; while [ $i -lt 6 ]; do sleep 2; i=$((i+1)); echo \"step $i\"; done; echo result=42";

#[test]
fn the_answer_equals_that_without_bg_run_in_every_format() {
    let cases: Vec<Case> = FORMATS
        .iter()
        .map(|format| Case {
            format: *format,
            ..Case::new("a job of 12 s", JOB)
        })
        .collect();
    let runs = both(&cases);
    for (without, with) in &runs {
        assert_eq!(without.seen, with.seen, "{}\n{}", without.shown, with.shown);
        assert!(
            with.seen.results[0].ends_with("result=42"),
            "{}",
            with.shown
        );
    }
    // One session may be late because the machine is busy. If it is busy throughout, the session without bg-run is
    // late too.
    for runs in runs.chunks(FORMATS.len()) {
        let is_soon = |(without, with): &(Run, Run)| {
            let late = with.late.saturating_sub(without.late);
            late < without.late.max(Duration::from_secs(1))
        };
        let late = runs.iter().map(|(without, with)| (without.late, with.late));
        let late: Vec<_> = late.collect();
        assert!(runs.iter().any(is_soon), "{late:?} late");
    }
}

#[test]
fn every_kind_of_result_equals_that_of_the_foreground() {
    let calls = |commands: &[&str]| {
        let mut turns: Vec<Turn> = commands.iter().map(|command| Turn::bash(command)).collect();
        turns.push(Turn::Say("done".to_owned()));
        turns
    };
    let two = Turn::Several(vec![
        json!({"command": "odd-eval 5 one"}),
        json!({"command": "odd-eval 4 two"}),
    ]);
    let cases = [
        Case::new("failing", "echo first; sleep 5; echo wrong >&2; exit 3"),
        Case {
            turns: vec![two, Turn::Say("done".to_owned())],
            ..Case::new("two at once", "echo first; sleep $1; echo $2")
        },
        Case {
            turns: calls(&["odd-eval 0", "odd-eval 1"]),
            ..Case::new("silent", "sleep 4; exit $1")
        },
        Case::new(
            "blanks and returns",
            "printf '\\n\\n  a  \\n\\n'; sleep 5; printf ' 10%%\\r20%%  \\n\\n\\n'",
        ),
        Case::new("50 kB", "sleep 4; seq -w 1 50000 | head -c 50000"),
        Case::new(
            "lines like the client's",
            "echo 'worker 3: [killed]'; printf '\\n[exited with code 0]\\n'; sleep 5; exit 3",
        ),
        Case::new("5 MB", "sleep 4; yes 0123456789abcde | head -c 5000000"),
        Case {
            variables: &[("BG_RUN", "off")],
            ..Case::new("switched off", "echo first; sleep 5; echo last")
        },
        Case {
            variables: &[("BG_RUN_DRY_RUN", "1")],
            ..Case::new("a dry run", "echo first; sleep 5; echo last")
        },
    ];
    for (without, with) in both(&cases) {
        assert_eq!(without.seen, with.seen, "{}\n{}", without.shown, with.shown);
        assert!(
            with.shown.contains("task_updated") || with.shown.contains("background"),
            "it wasn't moved: {}",
            with.shown
        );
    }
}

/// The session repeats the text that follows the client's notice.
#[test]
fn differences_from_the_foreground_are_reported() {
    let clients = clients();
    let folder = Case {
        turns: vec![
            Turn::bash("cd sub && odd-eval"),
            Turn::bash("pwd"),
            Turn::Say("done".to_owned()),
        ],
        ..Case::new("a folder", "echo first; sleep 5; echo last")
    };
    let binary = Case::new("no text", "sleep 5; printf 'a\\000b\\n'; exit 3");
    let late = Case {
        turns: vec![
            Turn::Bash(json!({"command": "odd-eval", "timeout": 5000})),
            Turn::Say("done".to_owned()),
        ],
        ..Case::new("its own time-out", "echo first; sleep 9; echo last")
    };
    let mut jobs: Vec<Box<dyn FnOnce() + Send + '_>> = Vec::new();
    for (version, client) in &clients {
        let (folder, binary, late) = (&folder, &binary, &late);
        jobs.push(Box::new(move || {
            let run = run(version, client, folder, true);
            let results = &run.seen.results;
            let note = "last\nbg-run: the session's folder is still ";
            assert!(results[0].starts_with("first\n"), "{}", run.shown);
            assert!(results[0].contains(note), "{results:?} {}", run.shown);
            assert!(results[0].contains(&results[1]), "{results:?}");
        }));
        jobs.push(Box::new(move || {
            let sandbox = sandbox(binary.job, true);
            let api = MessagesApi::start(binary.turns.clone());
            client.run_headless_with(&sandbox, &api, STREAM.0, None);
            let told = api.model_was_told();
            assert!(told.contains("failed with exit status 3"), "{told}");
            assert!(told.contains("isn't text; all of it is in /"), "{told}");
            assert!(!told.contains("a\\u0000b"), "{told}");
        }));
        // A job that isn't finished by then continues in the background, as it would without the limit, and isn't
        // lost.
        jobs.push(Box::new(move || {
            let sandbox = sandbox(late.job, true);
            let api = MessagesApi::start(late.turns.clone());
            client.run_headless_with(&sandbox, &api, STREAM.0, None);
            let first = &api.tool_results()[0].text;
            let told = api.model_was_told();
            assert!(first.contains("background"), "{version} {first}");
            assert!(
                !first.contains("within its 3s timeout"),
                "{version} {first}"
            );
            assert!(
                told.contains("is done after") && told.contains("last"),
                "{version} {told}"
            );
            assert!(!read(&sandbox.home().join("ended")).is_empty(), "{version}");
        }));
    }
    side_by_side(jobs);
}

/// A command that was killed twice, after more time than a call gets.
fn is_known_for_a_server(sandbox: &Sandbox, command: &str) {
    for _ in 0..2 {
        let mut event = sandbox.event("PostToolUseFailure", &json!({"command": command}));
        event["duration_ms"] = 300_000.into();
        event["error"] = "Exit code 143".into();
        assert_eq!(sandbox.answer(&event, &[]), Value::Null);
    }
}

#[test]
fn nobody_waits_for_a_server() {
    let clients = clients();
    let mut jobs: Vec<Box<dyn FnOnce() + Send + '_>> = Vec::new();
    for (version, client) in &clients {
        for server in ["vite", "odd-serve"] {
            jobs.push(Box::new(move || {
                let sandbox = sandbox("", true);
                if server == "odd-serve" {
                    is_known_for_a_server(&sandbox, server);
                }
                let turns = vec![Turn::bash(server), Turn::Say("done".to_owned())];
                let api = MessagesApi::start(turns);
                let output = client.run_headless_with(&sandbox, &api, STREAM.0, None);
                let result = &api.tool_results()[0].text;
                let shown = format!("{version} {result} {output:?} {}", sandbox.log());
                assert!(result.contains("background"), "{shown}");
            }));
        }
    }
    side_by_side(jobs);
}

/// Returns the number of bg-run's processes that were started in `sandbox`.
#[cfg(target_os = "linux")]
fn hooks(sandbox: &Sandbox) -> usize {
    let home = sandbox.home().display().to_string();
    let has = |file: std::path::PathBuf, text: &str| {
        let bytes = std::fs::read(file).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|entry| entry.path())
        .filter(|path| has(path.join("cmdline"), BG_RUN) && has(path.join("environ"), &home))
        .count()
}

#[cfg(target_os = "linux")]
fn start(client: &Client, sandbox: &Sandbox, api: &MessagesApi) -> Child {
    let mut command = client.headless(sandbox, api, STREAM.0, &[]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Returns how long a waiting hook outlives its session, which gets this signal.
#[cfg(target_os = "linux")]
fn outlives(client: &Client, signal: nix::sys::signal::Signal) -> Duration {
    use nix::sys::signal::kill;
    use nix::unistd::Pid;
    let sandbox = sandbox("sleep 40", true);
    let turns = vec![Turn::bash("odd-eval"), Turn::Say("done".to_owned())];
    let api = MessagesApi::start(turns);
    let mut session = start(client, &sandbox, &api);
    let running = sandbox.state().join("running");
    // The task's record exists as soon as the hook waits.
    wait_until("the hook waits", || {
        let has_task = std::fs::read_dir(&running).is_ok_and(|mut tasks| tasks.next().is_some());
        (has_task && hooks(&sandbox) == 1).then_some(())
    });
    kill(Pid::from_raw(i32::try_from(session.id()).unwrap()), signal).unwrap();
    let sent = Instant::now();
    wait_until("no hook is left", || (hooks(&sandbox) == 0).then_some(()));
    let took = sent.elapsed();
    session.wait().unwrap();
    took
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_session_leaves_no_hook_behind() {
    use nix::sys::signal::Signal;
    for (version, client) in clients() {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
            // It may take longer because the machine is busy, but not each time.
            let mut times = (0..3).map(|_| outlives(&client, signal));
            let soon = times.find(|took| *took < Duration::from_secs(1));
            assert!(soon.is_some(), "{version} {signal}");
        }
    }
}
