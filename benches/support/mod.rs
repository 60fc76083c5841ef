//! Shared by both benchmarks: the released program and the events.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    clippy::format_collect,
    reason = "each measurement uses another part of it, and a fault may end it"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bg_run::folders::CallSite;
use bg_run::history::store::{Key, Run, Store};
use bg_run::history::{Observation, repository_of};
use serde_json::{Value, json};

/// Folders and programs of a benchmark.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub bg_run: PathBuf,
}

/// The folders and files that are embedded in the program as they are.
const EMBEDDED: [&str; 6] = [
    "docs/config.schema.json",
    "docs/rules.schema.json",
    "editors/vscode",
    "skills/bg-run",
    "src/cli/starter_rules.toml",
    "src/history/shares.tsv",
];

/// The size of the embedded files, in bytes.
pub fn embedded() -> u64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sizes = EMBEDDED.iter().map(|name| size(&root.join(name)));
    sizes.sum()
}

fn size(path: &Path) -> u64 {
    // The icon and the tests of the view are only in the plugin.
    if path.ends_with("icon.png") || path.ends_with("tests") {
        return 0;
    }
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| size(&entry.unwrap().path())).sum(),
        Err(_) => fs::metadata(path).unwrap().len(),
    }
}

pub fn is_quiet(status: std::process::ExitStatus, what: &str) {
    assert!(status.success(), "{what}: {status}");
}

impl Bench {
    /// Builds the program as it is released, and as `cargo install` builds it.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("bg-run-bench")
            .tempdir()
            .unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let release = Command::new(root.join("scripts/release"))
            .arg(folder.path())
            .status()
            .unwrap();
        is_quiet(release, "scripts/release");
        // The program beside this bench has the features that tests ask of its dependencies, and is 0.3 MB larger.
        let beside = Path::new(env!("CARGO_BIN_EXE_bg-run"));
        let install = Command::new(env!("CARGO"))
            .args(["install", "--locked", "--path"])
            .arg(root)
            .arg("--root")
            .arg(folder.path())
            .arg("--target-dir")
            .arg(beside.parent().and_then(Path::parent).unwrap())
            .status()
            .unwrap();
        is_quiet(install, "cargo install");
        let mut built = fs::read_dir(folder.path().join("programs")).unwrap();
        let bg_run = built.next().unwrap().unwrap().path();
        for dir in ["home", "empty", "hundred", "state", "tmp", "editor"] {
            fs::create_dir(folder.path().join(dir)).unwrap();
        }
        let bench = Self { folder, bg_run };
        let editor = bench.path("editor/code");
        fs::write(&editor, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(bench.path("hundred/rules.toml"), hundred_rules()).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the program as `cargo install` builds it: on Linux, linked statically against glibc with its allocator.
    pub fn installed_by_cargo(&self) -> PathBuf {
        self.path("bin/bg-run")
    }

    /// Returns a hook call without user rules.
    pub fn hook(&self, event: Value) -> Case {
        Case {
            words: vec![self.bg_run.display().to_string(), "hook".to_owned()],
            stdin: event.to_string().into_bytes(),
            environment: self.environment("empty"),
        }
    }

    /// Returns a hook call of the program built from source.
    pub fn hook_as_installed_by_cargo(&self, event: Value) -> Case {
        let mut case = self.hook(event);
        case.words[0] = self.installed_by_cargo().display().to_string();
        case
    }

    /// Returns a hook call with a hundred user rules in addition to the built-in ones.
    pub fn hook_with_rules(&self, event: Value) -> Case {
        Case {
            environment: self.environment("hundred"),
            ..self.hook(event)
        }
    }

    pub fn other(&self, words: &[&str], event: &Value) -> Case {
        Case {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            stdin: event.to_string().into_bytes(),
            environment: self.environment("empty"),
        }
    }

    fn environment(&self, config: &str) -> Vec<(String, String)> {
        let at = |name: &str| self.path(name).display().to_string();
        vec![
            ("HOME".to_owned(), at("home")),
            (
                "PATH".to_owned(),
                format!(
                    "{}:{}",
                    at("editor"),
                    std::env::var("PATH").unwrap_or_default()
                ),
            ),
            ("BG_RUN_CONFIG_DIR".to_owned(), at(config)),
            ("BG_RUN_STATE_DIR".to_owned(), at("state")),
            ("CLAUDE_CODE_TMPDIR".to_owned(), at("tmp")),
            ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned()),
        ]
    }

    /// Returns a hook call that consults or extends the history, with this many keys in the store.
    pub fn hook_with_history(&self, event: Value, keys: u32) -> Case {
        let state = self.path(&format!("state-{keys}"));
        if !state.exists() {
            fs::create_dir(&state).unwrap();
            fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
            if keys > 0 {
                fill(
                    &state,
                    repository_of(&CallSite::of_project(self.path("home"))),
                    keys,
                );
            }
        }
        let mut case = self.hook(event);
        for (name, value) in &mut case.environment {
            if name == "BG_RUN_STATE_DIR" {
                *value = state.display().to_string();
            }
        }
        case
    }

    /// Returns the event after a foreground call whose duration is recorded.
    pub fn measured(&self) -> Value {
        let mut event = self.event("PostToolUse", MEASURED, &json!({"stdout": "x"}));
        event["duration_ms"] = 1234.into();
        event
    }

    pub fn event(&self, name: &str, command: &str, response: &Value) -> Value {
        json!({
            "session_id": "5e551014-0000-4000-8000-000000000000",
            "transcript_path": self.path("home/.claude/projects/-home-u-project/5e551014-0000-4000-8000-000000000000.jsonl"),
            "cwd": self.path("home"),
            "permission_mode": "default",
            "hook_event_name": name,
            "tool_name": "Bash",
            "tool_input": {"command": command, "description": "Do it", "timeout": 120_000},
            "tool_response": response,
            "tool_use_id": CALL_ID,
        })
    }
}

/// A process to run.
pub struct Case {
    pub words: Vec<String>,
    pub stdin: Vec<u8>,
    pub environment: Vec<(String, String)>,
}

impl Case {
    /// Returns the input of one run, in which the call has an id of its own.
    pub fn input(&self, run: usize) -> Vec<u8> {
        let text = String::from_utf8_lossy(&self.stdin);
        text.replace(CALL_ID, &format!("toolu_{run:010}"))
            .into_bytes()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .env_clear()
            .envs(self.environment.iter().cloned());
        command
    }
}

/// A placeholder for the id, which differs in each run.
const CALL_ID: &str = "toolu_0123456789";

/// A command that may run long and that no rule matches.
pub const MEASURED: &str = "cd src && ./odd-job --all tests/ 2>&1 | tail -20";
pub const NOT_OURS: &str = "ls -la";
pub const REWRITTEN: &str = "cd src && pytest -x tests/ 2>&1 | tail -20";

pub fn large() -> String {
    format!(
        "cat > notes.txt <<'END'\n{}END\npytest",
        "a line of a document that is written to a file\n".repeat(2080)
    )
}

/// Writes a file with `keys` keys to the state folder, for the repository in which the calls run.
pub fn fill(state: &Path, repository: u64, keys: u32) {
    let store = Store::in_folder(&state.join("history")).unwrap();
    for number in 0..keys {
        let key = Key {
            repository,
            level: u8::try_from(number % 5).unwrap(),
            hash: (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            text: format!("npm run test:unit -- --filter package-{number}"),
        };
        let runs: Vec<Run> = (0..8)
            .map(|run| Run {
                keys: vec![key.clone()],
                observation: Observation::success(3.5),
                at: 1_700_000_000,
                call: number * 8 + run,
            })
            .collect();
        store.learn(&runs).unwrap();
    }
    assert_eq!(store.check().unwrap().unwrap_or_default(), keys as usize);
}

fn hundred_rules() -> String {
    (0..100)
        .map(|n| format!("[[rule]]\nname = \"mine-{n}\"\nmatch = '^tool-{n}( -\\S+)* (build|test)( |$)'\nunless = '--quick'\nreason = \"tool {n}\"\n"))
        .collect()
}
