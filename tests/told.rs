//! What people and models are told of tasks beside their ends: the usual time.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::File;
use std::io::Write as _;

use serde_json::{Value, json};
use support::sandbox::{BG_RUN, Sandbox};

const CONFIG: &str = "home/.config/bg-run/config.toml";
const JOB: &str = "./job --all";

/// The sandbox, and the client's temporary folder in it.
struct World {
    sandbox: Sandbox,
    tmp: String,
}

impl World {
    fn new(config: &str) -> Self {
        let sandbox = Sandbox::new();
        let tmp = sandbox.path("tmp").display().to_string();
        sandbox.write(CONFIG, config);
        Self { sandbox, tmp }
    }

    fn answer(&self, event: &Value, more: &[(&str, &str)]) -> Value {
        let tmp = self.tmp.as_str();
        let mut variables = vec![("CLAUDE_CODE_TMPDIR", tmp), ("TMPDIR", tmp)];
        variables.extend(more);
        self.sandbox.answer(event, &variables)
    }

    fn bg_run(&self, arguments: &[&str]) -> String {
        let mut command = self.sandbox.command(BG_RUN);
        command
            .args(arguments)
            .env("CLAUDE_CODE_TMPDIR", &self.tmp)
            .env("TMPDIR", &self.tmp);
        let output = command.output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.bg_run(&["tasks", "--json"])).unwrap()
    }

    /// A call of [`JOB`] in the foreground that took so long.
    fn took(&self, seconds: u32) {
        let mut event = self.sandbox.event("PostToolUse", &json!({"command": JOB}));
        event["duration_ms"] = (seconds * 1000).into();
        event["tool_response"] = json!({"stdout": ""});
        assert_eq!(self.answer(&event, &[]), Value::Null);
    }
}

/// A task whose output this process writes: it runs while the file is open.
struct Task {
    file: File,
    told: Value,
}

impl Task {
    fn launch(world: &World, id: &str, more: &[(&str, &str)]) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let name = format!("tmp/claude-{uid}/-p/5e551014/tasks/{id}.output");
        let path = world.sandbox.write(&name, "");
        let file = File::options().append(true).open(&path).unwrap();
        let input = json!({"command": JOB, "description": "Run all", "run_in_background": true});
        let mut event = world.sandbox.event("PostToolUse", &input);
        event["tool_response"] = json!({"backgroundTaskId": id});
        event["duration_ms"] = 20.into();
        let told = world.answer(&event, more);
        Self { file, told }
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

#[test]
fn the_usual_time_stands_beside_the_one_so_far() {
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
    assert!(listed.contains("0 s of about 2 min"), "{listed}");
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
