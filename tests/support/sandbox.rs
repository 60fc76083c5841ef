//! A separate home for a test: settings, programs and a project that nothing else sees.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use bg_run::viewer::Editor;
use serde_json::{Value, json};

/// Whether a link is part of the folder's path. If the tests' temporary folder is a link, as on macOS, each sandbox's
/// is one too.
fn is_linked(folder: &Path) -> bool {
    fs::canonicalize(folder).unwrap() != *folder
}

/// Returns the programs that bg-run searches for. It would find the machine's own editor or client, ask it, and
/// install the extension in it.
fn looked_for() -> impl Iterator<Item = &'static str> {
    Editor::names().chain(["trae-cn", "zeditor", "claude", "bg-run"])
}

/// Returns the machine's `PATH` without these programs. A folder with one is replaced by a folder of links to its
/// other programs.
fn path_without_editors() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).map(|folder| {
        let holds_one = looked_for().any(|name| folder.join(name).exists());
        if holds_one {
            links_to_others(&folder)
        } else {
            folder
        }
    });
    let path = std::env::join_paths(folders).unwrap();
    path.into_string().unwrap()
}

/// Returns a folder of links to the other programs in `folder`, created once for each state of it.
fn links_to_others(folder: &Path) -> PathBuf {
    let changed = fs::metadata(folder).unwrap().modified().unwrap();
    let mut hasher = DefaultHasher::new();
    (folder, changed).hash(&mut hasher);
    // Not in the target folder, where a program would count as the project's own.
    let kept = std::env::temp_dir();
    let links = kept.join(format!("bg-run-tests-path-{:x}", hasher.finish()));
    if !links.exists() {
        let new = tempfile::tempdir_in(&kept).unwrap();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name();
            if !looked_for().any(|program| name == program) {
                symlink(entry.path(), new.path().join(name)).unwrap();
            }
        }
        // Another test may have created it meanwhile.
        let _ = fs::rename(new.path(), &links);
    }
    links
}

/// A sandbox; everything in it is removed when it is dropped.
pub struct Sandbox {
    root: tempfile::TempDir,
    path: String,
}

static COUNT: AtomicUsize = AtomicUsize::new(1);

pub const BG_RUN: &str = env!("CARGO_BIN_EXE_bg-run");

impl Sandbox {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("bgr").tempdir().unwrap();
        for dir in ["home/.claude", "project", "bin"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        let tmp = root.path().join("tmp");
        if is_linked(&std::env::temp_dir()) {
            let real = root.path().join("private-tmp");
            fs::create_dir(&real).unwrap();
            symlink(real, tmp).unwrap();
        } else {
            fs::create_dir(tmp).unwrap();
        }
        Self {
            root,
            path: path_without_editors(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        // The client names resolved paths.
        fs::canonicalize(self.root.path()).unwrap().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub fn project(&self) -> PathBuf {
        self.path("project")
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Creates an executable shell script, first on the sandbox's `PATH`.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Creates a fake `code` that writes its arguments, one per line, to the returned file.
    pub fn fake_editor(&self) -> PathBuf {
        let said = self.path("code.said");
        let (part, whole) = (said.with_extension("part"), said.display());
        self.program(
            "code",
            &format!(
                "printf '%s\\n' \"$@\" >>{0} && mv {0} {whole}",
                part.display()
            ),
        );
        said
    }

    /// Creates an editor's command that accepts and lists extensions.
    pub fn editor_with_extensions(&self) {
        let version = env!("CARGO_PKG_VERSION");
        let script = format!(
            r#"folder="$HOME/.vscode/extensions/bg-run.bg-run-{version}"
case "$1" in
  --install-extension) mkdir -p "$folder" && cp "$2" "$folder" && echo "Extension 'bg-run.vsix' was successfully installed." ;;
  --uninstall-extension) rm -r "$folder" && rmdir "$HOME/.vscode/extensions" "$HOME/.vscode" ;;
  --list-extensions) if [ -d "$folder" ]; then echo other.one@1.0.0; echo bg-run.bg-run@{version}; fi ;;
  *) echo 1.139.1 ;;
esac"#
        );
        self.program("code", &script);
    }

    /// Writes a file and returns its path without links.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::canonicalize(path).unwrap()
    }

    /// Writes the user's `config.toml` and returns its path.
    pub fn config(&self, text: &str) -> PathBuf {
        self.write("home/.config/bg-run/config.toml", text)
    }

    /// Writes the user's `rules.toml`.
    pub fn rules(&self, text: &str) {
        self.write("home/.config/bg-run/rules.toml", text);
    }

    pub fn write_settings(&self, settings: &Value) {
        self.write(
            "home/.claude/settings.json",
            &serde_json::to_string_pretty(settings).unwrap(),
        );
    }

    /// Returns the machine's `PATH` without the programs that bg-run searches for.
    pub fn search_path(&self) -> &str {
        &self.path
    }

    /// Returns the environment of every program in the sandbox. Nothing of the test's own environment gets through.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = format!("{}:{}", self.path("bin").display(), self.search_path());
        [
            ("HOME", self.home().display().to_string()),
            ("PATH", path),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("BG_RUN_STATE_DIR", self.state().display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.project())
            .stdin(Stdio::null());
        command
    }

    /// Runs bg-run with `folder` as a small, full file system, after the shell commands in `first`. Only these
    /// processes see it. `None` if no file system can be mounted here.
    pub fn on_full_disk(
        &self,
        folder: &Path,
        first: &str,
        arguments: &[&str],
        input: &[u8],
    ) -> Option<Output> {
        const NOT_MOUNTED: i32 = 99;
        let script = format!(
            "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$0\" || exit {NOT_MOUNTED}
             {first}
             cat /dev/zero > \"$0\"/filler 2> /dev/null
             exec \"$@\""
        );
        let mut command = self.command("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        command.arg(folder).arg(BG_RUN).args(arguments);
        command.env("CLAUDE_CODE_TMPDIR", self.path("tmp"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(input).ok();
        let output = child.wait_with_output().unwrap();
        let is_mounted =
            !output.stderr.starts_with(b"unshare") && output.status.code() != Some(NOT_MOUNTED);
        if !is_mounted {
            eprintln!("skipped: no file system can be mounted here: {output:?}");
        }
        is_mounted.then_some(output)
    }

    /// Runs bg-run and returns its output.
    pub fn bg_run(&self, arguments: &[&str]) -> Output {
        self.command(BG_RUN).args(arguments).output().unwrap()
    }

    /// Returns a bg-run command that finds only the outputs in the sandbox's temporary folder.
    pub fn command_in_tmp(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(BG_RUN);
        command
            .args(arguments)
            .env("CLAUDE_CODE_TMPDIR", self.path("tmp"))
            // Another spelling of the path, through a link.
            .env("TMPDIR", fs::canonicalize(self.path("tmp")).unwrap());
        command
    }

    /// Runs `bg-run open` on this file with these additional variables. It finds only the sandbox's sockets.
    pub fn open(&self, file: &Path, variables: &[(&str, &str)]) -> Output {
        let mut command = self.command(BG_RUN);
        command.arg("open").arg(file);
        command.env("XDG_RUNTIME_DIR", self.path("tmp"));
        command.env("TMPDIR", self.path("tmp"));
        command.envs(variables.iter().copied()).output().unwrap()
    }

    /// Runs the hook on these bytes with these additional variables.
    pub fn hook(&self, input: &[u8], variables: &[(&str, &str)]) -> Output {
        self.hook_with(&["hook"], input, variables)
    }

    /// Runs the hook with other arguments.
    pub fn hook_with(
        &self,
        arguments: &[&str],
        input: &[u8],
        variables: &[(&str, &str)],
    ) -> Output {
        use std::io::Write;
        let mut command = self.command(BG_RUN);
        command.args(arguments).envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// Counts how often `command` opens a file whose path has this ending, using strace; also returns its stdout.
    pub fn openings(
        &self,
        arguments: &[&str],
        input: &[u8],
        variables: &[(&str, &str)],
        name: &str,
    ) -> (usize, String) {
        let (trace, stdin) = (self.path("trace"), self.path("stdin"));
        fs::write(&stdin, input).unwrap();
        let mut command = self.command("strace");
        command
            .args(["-f", "-qq", "-e", "trace=open,openat", "-o"])
            .arg(&trace)
            .arg(BG_RUN)
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(fs::File::open(&stdin).unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let opened = format!("{name}\"");
        let count = read(&trace)
            .lines()
            .filter(|line| line.contains(&opened))
            .count();
        (count, String::from_utf8(output.stdout).unwrap())
    }

    /// Returns the hook's answer to one event; `Null` if there is none. The hook finds outputs in the sandbox's temporary
    /// folder. It must exit with 0 and print nothing on stderr.
    pub fn answer(&self, event: &Value, variables: &[(&str, &str)]) -> Value {
        let tmp = self.path("tmp").display().to_string();
        let variables = [&[("CLAUDE_CODE_TMPDIR", tmp.as_str())], variables].concat();
        let output = self.hook(event.to_string().as_bytes(), &variables);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        if output.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Returns an event for a Bash call in the sandbox's project.
    pub fn event(&self, name: &str, tool_input: &Value) -> Value {
        json!({
            "session_id": "5e551014",
            "transcript_path": self.home().join(".claude/projects/-p/5e551014.jsonl"),
            "cwd": self.project(),
            "permission_mode": "default",
            "hook_event_name": name,
            "tool_name": "Bash",
            "tool_input": tool_input,
            "tool_use_id": format!("toolu_{}", COUNT.fetch_add(1, Ordering::Relaxed)),
        })
    }

    /// Writes the output of a task of the session in [`Self::event`] where the client puts it.
    pub fn output(&self, id: &str, text: &str) -> PathBuf {
        let uid = rustix::process::geteuid().as_raw();
        self.write(
            &format!("tmp/claude-{uid}/-p/5e551014/tasks/{id}.output"),
            text,
        )
    }

    /// Returns the event after a launch in the background, and the output where the client puts it.
    pub fn launched(&self, id: &str, input: &Value) -> (Value, PathBuf) {
        let output = self.output(id, "x\n");
        let mut event = self.event("PostToolUse", input);
        event["tool_response"] = serde_json::json!({"stdout": "", "backgroundTaskId": id});
        (event, output)
    }

    pub fn log(&self) -> String {
        read(&self.state().join("bg-run.log"))
    }
}

impl Drop for Sandbox {
    /// The client's task folders are outside, named after the project's path.
    fn drop(&mut self) {
        let name = self
            .root
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let uid = rustix::process::geteuid().as_raw();
        for folder in [format!("/tmp/claude-{uid}"), "/tmp/claude".to_owned()] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().contains(&name) {
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
    }
}

/// Returns the file's text; empty if there is no file.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Makes a named pipe, and the folders above it.
pub fn make_fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success(), "{}", path.display());
}

/// Returns everything below `folder` with its mode, and the text of files.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, String)> {
    let mut tree = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let text = if metadata.is_dir() {
            tree.extend(self::tree(&path));
            String::new()
        } else {
            read(&path)
        };
        tree.insert(path, (metadata.permissions().mode(), text));
    }
    tree
}
