//! A folder in which commands run with only stubs on their `PATH`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bg_run::decision::Decision;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};

use crate::compare::{self, Verdict};
use crate::stub::{self, Noted};

/// Time after which a command isn't comparable. It is generous because a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(4);
const LONG_LIMIT: Duration = Duration::from_mins(1);

/// Number of consecutive crashes that can't be coincidence.
const CRASHES: usize = 20;

/// A shell that runs commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
}

impl Shell {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
        }
    }

    /// Returns its arguments, which exclude the user's start files.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Bash => &["--norc", "--noprofile"],
            Self::Zsh => &["-o", "NO_GLOBAL_RCS"],
        }
    }

    /// Returns the text that it reads first: a builtin `kill` would affect processes outside, and missing programs
    /// become stubs.
    fn prelude(self) -> &'static str {
        match self {
            Self::Bash => {
                "cd \"$BG_RUN_WORK\" || exit 99\nenable -n kill\ncommand_not_found_handle() { exec -a \"$1\" -- \"$BG_RUN_STUB\" \"${@:2}\"; }\n"
            }
            Self::Zsh => {
                "cd \"$BG_RUN_WORK\" || exit 99\ndisable kill\ncommand_not_found_handler() { local name=$1; shift; ARGV0=$name exec \"$BG_RUN_STUB\" \"$@\"; }\n"
            }
        }
    }
}

/// Programs that the generator names.
const PROGRAMS: &[&str] = &[
    "awk", "bash", "cargo", "cat", "conda", "cut", "date", "docker", "env", "grep", "head", "jq",
    "ls", "make", "nice", "npm", "pytest", "python", "python3", "rg", "sed", "sort", "stdbuf",
    "sudo", "tail", "tee", "timeout", "tr", "uniq", "uv", "wc",
];

/// The system whose text tools come first on the `PATH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Stubs in place of GNU's.
    Stubs,
    /// This machine's.
    Own,
    /// busybox's.
    Busybox,
}

impl System {
    /// Returns the systems that this machine has.
    pub(crate) fn all() -> Vec<Self> {
        let busybox = bg_run::programs::find("busybox").map(|_| Self::Busybox);
        [Self::Stubs, Self::Stubs, Self::Own]
            .into_iter()
            .chain(busybox)
            .collect()
    }

    /// Returns the name of its folder in the sandbox.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Stubs => "bin",
            Self::Own => "own",
            Self::Busybox => "busybox",
        }
    }
}

/// Text tools that a system brings itself; all end with their input.
const TEXT_TOOLS: &[&str] = &["awk", "cut", "grep", "sed", "stdbuf", "tr", "uniq"];

pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    kind: Shell,
    /// The words that start the shell, its path last.
    shell: Vec<String>,
    /// The folder as the shell sees it.
    seen_as: PathBuf,
}

/// Finds a program on the test's own `PATH`, not on that of the stubs.
fn program(name: &str) -> String {
    bg_run::programs::find(name).unwrap().display().to_string()
}

/// The effects of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) noted: Vec<Noted>,
    /// Files with sorted lines, because concurrent writers may come in any order.
    pub(crate) files: BTreeMap<PathBuf, Vec<String>>,
    pub(crate) status: Option<i32>,
    /// Lines of both streams.
    pub(crate) lines: BTreeSet<String>,
    /// Whether it was killed from outside.
    pub(crate) ended: bool,
}

impl Sandbox {
    pub(crate) fn new(kind: Shell) -> Self {
        adopt_orphans();
        let root = tempfile::Builder::new().prefix("bgm").tempdir().unwrap();
        let seen_as = root.path().to_owned();
        let sandbox = Self {
            root,
            kind,
            shell: vec![program(kind.name())],
            seen_as,
        };
        let binary = std::env::current_exe().unwrap();
        fs::create_dir(sandbox.path("bin")).unwrap();
        for program in PROGRAMS {
            std::os::unix::fs::symlink(&binary, sandbox.path("bin").join(program)).unwrap();
        }
        for system in System::all() {
            let _ = fs::create_dir(sandbox.path(system.folder()));
            for tool in TEXT_TOOLS {
                let real = match system {
                    System::Stubs => continue,
                    System::Own => bg_run::programs::find(tool),
                    System::Busybox => bg_run::programs::find("busybox"),
                };
                if let Some(real) = real {
                    let link = sandbox.path(system.folder()).join(tool);
                    let _ = std::os::unix::fs::symlink(real, link);
                }
            }
        }
        sandbox.write_prelude();
        sandbox
    }

    /// Creates it in a folder that `chroot` makes the root.
    pub(crate) fn in_chroot(kind: Shell, root: &Path) -> Self {
        adopt_orphans();
        let inside = tempfile::Builder::new()
            .prefix("s")
            .tempdir_in(root.join("tmp"))
            .unwrap();
        fs::create_dir(inside.path().join("bin")).unwrap();
        let seen_as = Path::new("/").join(inside.path().strip_prefix(root).unwrap());
        let shell = vec![
            program("chroot"),
            root.display().to_string(),
            format!("/bin/{}", kind.name()),
        ];
        let sandbox = Self {
            root: inside,
            kind,
            shell,
            seen_as,
        };
        sandbox.write_prelude();
        sandbox
    }

    /// zsh reads `.zshenv` in `ZDOTDIR`.
    fn write_prelude(&self) {
        for name in ["prelude", ".zshenv"] {
            fs::write(self.path(name), self.kind.prelude()).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Runs `command` before and after its edits.
    pub(crate) fn compare(&self, command: &str, decision: &Decision, system: System) -> Verdict {
        let after = &decision.rewrite.command;
        if after == command {
            return Verdict::NotEdited;
        }
        if self.parses(command) != Some(true) {
            return Verdict::NotComparable;
        }
        if let Some(what) = match self.parses(after) {
            Some(true) => None,
            Some(false) => Some("no shell any more"),
            None => Some("the shell crashes"),
        } {
            return Verdict::Different(format!("{what}:\n{command}\n---\n{after}"));
        }
        let mut original = self.run(command, LIMIT, system);
        let mut edited = self.run(after, LIMIT, system);
        if original.ended && edited.ended {
            return Verdict::NotComparable;
        }
        if original.ended || edited.ended {
            original = self.run(command, LONG_LIMIT, system);
            edited = self.run(after, LONG_LIMIT, system);
        }
        let Some(how) = compare::difference(&original, &edited, &decision.rewrite.edits) else {
            return Verdict::Same;
        };
        // A result that differs from run to run can't be compared.
        for _ in 0..3 {
            if self.run(command, LONG_LIMIT, system) != original
                || self.run(after, LONG_LIMIT, system) != edited
            {
                return Verdict::NotComparable;
            }
        }
        Verdict::Different(format!("{how}\n{command}\n---\n{after}"))
    }

    /// Whether the shell can parse it; `None` if each attempt ends by a signal. zsh 5.9 forks for a list before `&`
    /// even with `-n`, and sometimes crashes when the fork ends: once in fifty times for some lists.
    fn parses(&self, command: &str) -> Option<bool> {
        let mut shell = Command::new(program(self.kind.name()));
        shell
            .args(self.kind.arguments())
            .args(["-n", "-c", command])
            .env("ZDOTDIR", self.path("none"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        (0..CRASHES).find_map(|_| Some(shell.status().unwrap().code()? == 0))
    }

    fn run(&self, command: &str, limit: Duration, system: System) -> Run {
        let work = self.path("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(work.join("sub")).unwrap();
        fs::write(work.join("in"), "one\ntwo\n").unwrap();
        let stub = self.seen_as.join("bin/pytest");
        for name in ["run.sh", "tail", "sub/tail", "sub/grep"] {
            std::os::unix::fs::symlink(&stub, work.join(name)).unwrap();
        }
        fs::write(
            work.join("start"),
            "grep() { cat >kept; }\ntail() { cat >kept; }\n",
        )
        .unwrap();
        let log = self.path("log");
        let _ = fs::remove_file(&log);
        let seen = |name: &str| self.seen_as.join(name);
        let (output, writer) = std::io::pipe().unwrap();
        let mut shell = Command::new(&self.shell[0]);
        shell
            .args(&self.shell[1..])
            .args(self.kind.arguments())
            .args(["-c", command, "sh"])
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths([seen(system.folder()), seen("bin")]).unwrap(),
            )
            .env("HOME", seen("work"))
            .env("TIMEFORMAT", "")
            .env("BASH_ENV", seen("prelude"))
            .env("ZDOTDIR", seen(""))
            .env("TIMEFMT", "")
            .env("BG_RUN_WORK", seen("work"))
            .env("BG_RUN_STUB", seen("bin/pytest"))
            .env(stub::LOG, seen("log"))
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .process_group(0);
        let (ended, status, said) = finish(shell, output, limit);
        Run {
            noted: noted(&log),
            files: files(&work),
            status,
            lines: said
                .lines()
                .filter(|line| !compare::is_noise(line))
                .map(compare::without_line_number)
                .collect(),
            ended,
        }
    }
}

/// Only Linux can do this; elsewhere, processes that a shell leaves behind aren't awaited.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
}

/// Waits until the last process of the group has gone.
fn finish(
    mut shell: Command,
    mut output: std::io::PipeReader,
    limit: Duration,
) -> (bool, Option<i32>, String) {
    let mut child = shell.spawn().unwrap();
    // Its copy of the pipe's end would keep the reader waiting.
    drop(shell);
    let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watched = std::sync::Arc::clone(&over);
    let watch = std::thread::spawn(move || {
        let end = Instant::now() + limit;
        while !watched.load(std::sync::atomic::Ordering::Relaxed) {
            if Instant::now() > end {
                let _ = kill_process_group(group, Signal::KILL);
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
        false
    });
    let mut said = Vec::new();
    let _ = output.read_to_end(&mut said);
    let status = child.wait().unwrap();
    // Processes started by `&` are now children of this one.
    while waitpgid(group, WaitOptions::empty()).is_ok() {}
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    watch.thread().unpark();
    let ended = watch.join().unwrap() || status.code().is_none();
    (
        ended,
        status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn noted(log: &Path) -> Vec<Noted> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut noted: Vec<Noted> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    noted.sort();
    noted
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                dirs.push(path);
            } else if entry.file_type().unwrap().is_file() {
                let bytes = fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                let mut lines: Vec<String> = text
                    .lines()
                    .filter(|line| !compare::is_noise(line))
                    .map(str::to_owned)
                    .collect();
                lines.sort();
                found.insert(path, lines);
            }
        }
    }
    found
}
