//! The commands of `../shared/corpus`, if that folder exists. They name absolute paths and would write there, so they
//! run in a root folder of their own, without a network.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use bg_run::programs::GnuTools;
use bg_run::rules::Rules;

use crate::compare::Verdict;
use crate::decided;
use crate::run::{Sandbox, Shell, System};

/// The argument that turns the test's own binary into a worker.
pub(crate) const WORKER: &str = "--corpus";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/commands.jsonl")
}

/// Runs the worker with its own mounts and network.
pub(crate) fn run(shell: Shell) {
    if !corpus().is_file() {
        return println!("meaning: no corpus here");
    }
    if !rustix::process::geteuid().is_root() {
        return println!("meaning: the corpus needs root, for `chroot`");
    }
    let root = tempfile::Builder::new().prefix("bgc").tempdir().unwrap();
    lay_out(shell, root.path());
    let mut worker = Command::new("unshare");
    worker.args(["--mount", "--net", "sh", "-c"]);
    worker.arg("mount -t proc proc \"$1/proc\" -o ro && exec \"$2\" \"$3\" \"$1\" \"$4\"");
    worker
        .arg("sh")
        .arg(root.path())
        .arg(std::env::current_exe().unwrap())
        .arg(WORKER)
        .arg(shell.name());
    assert!(worker.status().unwrap().success());
}

/// Creates the shell, the stub, their libraries, and the devices that commands name.
fn lay_out(shell: Shell, root: &Path) {
    for dir in ["bin", "dev", "proc", "tmp"] {
        fs::create_dir(root.join(dir)).unwrap();
    }
    let copy = |file: &str, to: &Path| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    };
    let binary = std::env::current_exe().unwrap();
    copy(binary.to_str().unwrap(), &root.join("bin/stub"));
    let program = bg_run::programs::find(shell.name()).unwrap();
    copy(
        program.to_str().unwrap(),
        &root.join("bin").join(shell.name()),
    );
    copy_modules(root);
    for program in [&binary, &program] {
        let libraries = Command::new("ldd").arg(program).output().unwrap();
        for path in String::from_utf8_lossy(&libraries.stdout)
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
        {
            copy(path, &root.join(path.trim_start_matches('/')));
        }
    }
    let null = Command::new("mknod")
        .arg("-m666")
        .arg(root.join("dev/null"))
        .args(["c", "1", "3"])
        .status();
    assert!(null.unwrap().success());
    for (link, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        std::os::unix::fs::symlink(to, root.join("dev").join(link)).unwrap();
    }
}

/// Copies zsh's modules, which it loads when needed.
fn copy_modules(root: &Path) {
    let lists = [
        "/usr/lib/x86_64-linux-gnu/zsh",
        "/usr/lib/aarch64-linux-gnu/zsh",
        "/usr/lib/zsh",
    ];
    for folder in lists.iter().map(Path::new).filter(|folder| folder.is_dir()) {
        let to = root.join(folder.strip_prefix("/").unwrap());
        fs::create_dir_all(&to).unwrap();
        let copied = Command::new("cp")
            .arg("-r")
            .arg(folder.join("."))
            .arg(&to)
            .status();
        assert!(copied.unwrap().success());
    }
}

#[derive(Default)]
struct Counts {
    commands: usize,
    edited: usize,
    not_comparable: usize,
    different: Vec<String>,
}

/// Compares every command.
pub(crate) fn work(arguments: &[String]) {
    let root = Path::new(&arguments[0]);
    let shell = [Shell::Bash, Shell::Zsh];
    let shell = shell.into_iter().find(|shell| shell.name() == arguments[1]);
    let shell = shell.unwrap();
    let text = fs::read_to_string(corpus()).unwrap();
    let commands: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["command"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let counts = Mutex::new(Counts::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (commands, counts) = (&commands, &counts);
            scope.spawn(move || {
                let rules = Rules::built_in();
                for command in commands.iter().skip(thread).step_by(4) {
                    let sandbox = Sandbox::in_chroot(shell, root);
                    add_programs(&sandbox, command);
                    let verdict = sandbox.compare(
                        command,
                        &decided(command, &rules, &GnuTools),
                        System::Stubs,
                    );
                    let mut counts = counts.lock().unwrap();
                    counts.commands += 1;
                    match verdict {
                        Verdict::NotEdited => {}
                        Verdict::Same => counts.edited += 1,
                        Verdict::NotComparable => counts.not_comparable += 1,
                        Verdict::Different(how) => counts.different.push(how),
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    println!(
        "meaning: {}: {} commands of the corpus, {} of them edited and the same, {} differences, {} not comparable",
        shell.name(),
        counts.commands,
        counts.edited,
        counts.different.len(),
        counts.not_comparable
    );
    assert!(
        counts.different.is_empty(),
        "{}",
        counts.different.join("\n\n")
    );
    assert!(
        counts.not_comparable < counts.edited / 10,
        "too many can't be compared"
    );
}

/// Adds a stub for each program that `command` names.
fn add_programs(sandbox: &Sandbox, command: &str) {
    let script = bg_run::shell::parse(command).unwrap_or_default();
    let mut names: BTreeSet<String> = script
        .simple_commands
        .iter()
        .filter_map(bg_run::shell::SimpleCommand::program)
        .collect();
    names.extend(["pytest", "stdbuf"].map(str::to_owned));
    for name in names.iter().filter(|name| {
        name.len() < 200 && !name.contains(['/', '\0']) && !matches!(name.as_str(), "" | "." | "..")
    }) {
        let _ = std::os::unix::fs::symlink("/bin/stub", sandbox.path("bin").join(name));
    }
}
