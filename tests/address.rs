//! The plugin from its address: this repository's marketplace, an npm package with a program per platform, and the
//! launcher that replaces itself by the right program.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use support::claude::{Client, NEWEST, is_there, skip};
use support::messages_api::{MessagesApi, Turn};
use support::npm_registry::NpmRegistry;
use support::sandbox::{BG_RUN, Sandbox, read};
use support::terminal::Terminal;

/// The oldest client with the limit, and the newest client.
const CLIENTS: [&str; 2] = ["2.1.200", NEWEST];

const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

fn own_target() -> &'static str {
    let at = match (cfg!(target_os = "macos"), cfg!(target_arch = "aarch64")) {
        (false, false) => 0,
        (false, true) => 1,
        (true, false) => 2,
        (true, true) => 3,
    };
    TARGETS[at]
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Creates the npm package as a folder; the programs for other machines fail.
fn package(sandbox: &Sandbox) -> PathBuf {
    let binaries = sandbox.path("binaries");
    fs::create_dir_all(&binaries).unwrap();
    for target in TARGETS {
        let file = binaries.join(format!("bg-run-{target}"));
        if target == own_target() {
            fs::copy(BG_RUN, &file).unwrap();
        } else {
            write_program(&file, "#!/bin/sh\nexit 9\n");
        }
    }
    let folder = sandbox.path("package");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/npm");
    let made = Command::new(script).args([&folder, &binaries]).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{made:?}");
    folder
}

/// Makes `uname` report another machine.
fn call_the_machine(sandbox: &Sandbox, name: &str) {
    sandbox.program("uname", &format!("printf '%s\\n' '{name}'"));
}

fn run(mut command: Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    support::feed(&mut child, input);
    child.wait_with_output().unwrap()
}

fn hook(sandbox: &Sandbox, launcher: &Path, event: &str) -> Output {
    let mut command = sandbox.command(launcher.to_str().unwrap());
    command.arg("hook");
    let event = sandbox.event(event, &json!({"command": "pytest -x"}));
    run(command, &event.to_string())
}

fn is_script(path: &Path) -> bool {
    fs::read(path).unwrap().starts_with(b"#!")
}

#[test]
fn the_first_call_replaces_the_launcher_and_is_answered() {
    let sandbox = Sandbox::new();
    let launcher = package(&sandbox).join("bin/bg-run");
    assert!(is_script(&launcher));
    for _ in 0..2 {
        let said = hook(&sandbox, &launcher, "PreToolUse");
        let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
        let input = &answer["hookSpecificOutput"]["updatedInput"];
        assert_eq!(input["run_in_background"], true, "{said:?}");
        assert!(!is_script(&launcher), "it isn't replaced");
    }
    let left = fs::read_dir(launcher.parent().unwrap()).unwrap().count();
    assert_eq!(
        left, 2,
        "something is left beside the program and its folder"
    );
}

#[test]
fn concurrent_calls_are_all_answered() {
    let sandbox = Sandbox::new();
    let launcher = package(&sandbox).join("bin/bg-run");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let said = hook(&sandbox, &launcher, "PreToolUse");
                let said = String::from_utf8(said.stdout).unwrap();
                assert!(said.contains("run_in_background"), "{said}");
            });
        }
    });
    assert!(!is_script(&launcher));
    assert_eq!(beside(&launcher), ["bg-run", "targets"]);
}

/// Returns the names of the files beside the launcher.
fn beside(launcher: &Path) -> Vec<String> {
    let entries = fs::read_dir(launcher.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// An update writes a new script over the program. The platform's own program must stay unchanged.
#[test]
fn overwriting_the_program_changes_no_other_file() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = Sandbox::new();
    let launcher = package(&sandbox).join("bin/bg-run");
    let script = fs::read(&launcher).unwrap();
    hook(&sandbox, &launcher, "PreToolUse");
    let own = launcher.with_file_name("targets").join(own_target());
    assert_eq!(fs::metadata(&launcher).unwrap().nlink(), 1);
    fs::write(&launcher, script).unwrap();
    assert!(!is_script(&own));
    assert!(hook(&sandbox, &launcher, "PreToolUse").status.success());
    assert_eq!(beside(&launcher), ["bg-run", "targets"]);
}

/// The caller's shell searches other folders, and there may be none for temporary files. Its `uname` fails, floods or
/// hangs, and a killed call has left a copy.
#[test]
fn the_caller_s_environment_does_not_delay_the_launcher() {
    for (uname, temporary) in [
        ("sleep 1000", "tmp"),
        ("sleep 1000 & wait", "tmp"),
        ("exit 1", "tmp"),
        ("head -c 1000000 /dev/zero && : >whole; exit 1", "tmp"),
        ("sleep 1000", "none"),
    ] {
        let sandbox = Sandbox::new();
        let folder = package(&sandbox);
        sandbox.program("uname", uname);
        fs::write(folder.join("bin/.bg-run.999999999"), "").unwrap();
        fs::create_dir_all(sandbox.path("elsewhere/bin")).unwrap();
        let mut command = sandbox.command("sh");
        command
            .args(["bin/bg-run", "--version"])
            .current_dir(&folder);
        fs::create_dir_all(sandbox.path("tmp")).unwrap();
        command.env("CDPATH", sandbox.path("elsewhere"));
        command.env("TMPDIR", sandbox.path(temporary));
        let started = std::time::Instant::now();
        let said = command.output().unwrap();
        assert!(started.elapsed().as_secs() < 300, "{uname}");
        let version = concat!("bg-run ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(String::from_utf8_lossy(&said.stdout), version, "{said:?}");
        assert!(said.stderr.is_empty(), "{said:?}");
        assert_eq!(beside(&folder.join("bin/bg-run")), ["bg-run", "targets"]);
        let wrote_all = folder.join("whole").exists();
        assert!(!wrote_all, "a flood isn't bounded");
    }
}

#[test]
fn the_launcher_works_through_a_link() {
    let sandbox = Sandbox::new();
    let launcher = package(&sandbox).join("bin/bg-run");
    let link = sandbox.path("bin/bg-run");
    std::os::unix::fs::symlink("../package/bin/bg-run", &link).unwrap();
    for _ in 0..2 {
        let said = sandbox.command("bg-run").arg("--version").output().unwrap();
        let version = concat!("bg-run ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(String::from_utf8(said.stdout).unwrap(), version);
    }
    assert!(!is_script(&launcher));
    assert!(link.is_symlink());
}

#[test]
fn a_read_only_folder_only_costs_time() {
    const NOBODY: u32 = 65534;
    let sandbox = Sandbox::new();
    let folder = package(&sandbox);
    let launcher = folder.join("bin/bg-run");
    let open = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // Root can write everywhere, so root runs this as another user.
    let is_root = rustix::process::geteuid().is_root();
    open(&sandbox.path(""), 0o755);
    open(&folder.join("bin"), 0o555);
    for _ in 0..2 {
        let mut command = sandbox.command(launcher.to_str().unwrap());
        command.arg("--version");
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let said = command.output().unwrap();
        let version = concat!("bg-run ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(String::from_utf8(said.stdout.clone()).unwrap(), version);
        assert!(said.stderr.is_empty(), "{said:?}");
    }
    assert!(is_script(&launcher));
    open(&folder.join("bin"), 0o755);
}

#[test]
fn each_machine_gets_its_own_program() {
    for (machine, target) in [
        ("Linux x86_64", TARGETS[0]),
        ("Linux aarch64", TARGETS[1]),
        ("Darwin x86_64", TARGETS[2]),
        ("Darwin arm64", TARGETS[3]),
    ] {
        let sandbox = Sandbox::new();
        let folder = package(&sandbox);
        for target in TARGETS {
            let program = folder.join("bin/targets").join(target);
            write_program(&program, &format!("#!/bin/sh\necho {target}\n"));
        }
        call_the_machine(&sandbox, machine);
        let said = hook(&sandbox, &folder.join("bin/bg-run"), "PreToolUse");
        assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), target);
    }
}

/// Machines without a program, and one whose program doesn't start.
#[test]
fn without_a_fitting_program_a_message_appears_and_no_hook_fails() {
    let other = TARGETS.iter().find(|target| **target != own_target());
    let other = match *other.unwrap() {
        "x86_64-unknown-linux-musl" => "Linux x86_64",
        _ => "Linux aarch64",
    };
    for machine in ["FreeBSD amd64", "Linux riscv64", other, "a \"b\" \\c"] {
        let sandbox = Sandbox::new();
        let launcher = package(&sandbox).join("bin/bg-run");
        call_the_machine(&sandbox, machine);
        let said = hook(&sandbox, &launcher, "SessionStart");
        let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
        let line = answer["systemMessage"].as_str().unwrap();
        assert!(
            line.contains(machine) && line.contains("cargo install bg-run") && !line.contains('\n'),
            "{line}"
        );
        for event in ["PreToolUse", "PostToolUse", "Stop", "Whatever"] {
            let said = hook(&sandbox, &launcher, event);
            assert!(
                said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(),
                "{said:?}"
            );
        }
        let large = format!("{{\"tool_input\":\"{}\"}}", "x".repeat(1_000_000));
        let mut command = sandbox.command(launcher.to_str().unwrap());
        command.arg("hook");
        assert!(run(command, &large).status.success());
        let mut command = sandbox.command(launcher.to_str().unwrap());
        let said = command.arg("doctor").output().unwrap();
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        assert!(
            String::from_utf8(said.stderr)
                .unwrap()
                .contains("cargo install bg-run")
        );
        assert!(is_script(&launcher));
    }
}

#[test]
fn the_source_says_how_to_build_the_plugin() {
    let sandbox = Sandbox::new();
    let launcher = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/bin/bg-run"));
    let said = hook(&sandbox, launcher, "SessionStart");
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
    let line = answer["systemMessage"].as_str().unwrap();
    let (_, script) = line.split_once("Run: ").unwrap();
    assert!(Path::new(script).is_file(), "{line}");
}

#[test]
fn the_program_itself_is_silent_when_a_session_starts() {
    let sandbox = Sandbox::new();
    let answer = sandbox.answer(&sandbox.event("SessionStart", &json!({})), &[]);
    assert_eq!(answer, Value::Null);
    assert_eq!(sandbox.log(), "");
}

#[test]
fn the_npm_package_contains_exactly_the_needed_files() {
    if !is_there("npm") {
        return skip("there is no npm");
    }
    let sandbox = Sandbox::new();
    let registry = NpmRegistry::start(&sandbox);
    let packed = registry.publish(&sandbox, &package(&sandbox));
    let files = packed["files"].as_array().unwrap().iter();
    let mut files: Vec<&str> = files.map(|file| file["path"].as_str().unwrap()).collect();
    files.sort_unstable();
    let mut expected: Vec<String> = [
        ".claude-plugin/plugin.json",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "bin/bg-run",
        "hooks/hooks.json",
        "package.json",
        "skills/bg-run/.claude-plugin/icon.png",
        "skills/bg-run/.claude-plugin/plugin.json",
        "skills/bg-run/README.md",
        "skills/bg-run/SKILL.md",
        "skills/bg-run/hooks/hooks.json",
        "skills/bg-run/hooks/program.ts",
        "skills/bg-run/hooks/state.d.ts",
        "skills/bg-run/hooks/view.tsx",
        "skills/bg-run/tests/view.test.tsx",
    ]
    .map(str::to_owned)
    .to_vec();
    expected.extend(TARGETS.map(|target| format!("bin/targets/{target}")));
    expected.sort();
    assert_eq!(files, expected);
}

/// Installs the plugin from this repository's marketplace in the client.
fn install(client: &Client, sandbox: &Sandbox) {
    let api = MessagesApi::start(Vec::new());
    for arguments in [
        // Like the README's command for a clone: the client refuses a dot without a slash.
        &["plugin", "marketplace", "add", "./"][..],
        &["plugin", "install", "bg-run@bg-run"],
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = client.run_in(folder, sandbox, &api, arguments);
        assert!(output.status.success(), "{output:?}");
    }
}

/// Returns the folder in which the client installed this version of the plugin.
fn installed(sandbox: &Sandbox, version: &str) -> PathBuf {
    let cache = sandbox.home().join(".claude/plugins/cache/bg-run/bg-run");
    let folder = cache.join(version);
    assert!(
        folder.is_dir(),
        "{} isn't there, but {:?}",
        folder.display(),
        fs::read_dir(cache).map(Iterator::collect::<Vec<_>>)
    );
    folder
}

/// Runs a session with a test suite, and returns the text that the model got.
fn session(client: &Client, sandbox: &Sandbox) -> String {
    let said = sandbox.fake_editor();
    let _ = fs::remove_file(&said);
    // The scripted ids are the same in each session, and the suite must not be known as quick.
    for folder in ["calls", "history"] {
        let _ = fs::remove_dir_all(sandbox.state().join(folder));
    }
    let api = MessagesApi::start(vec![
        Turn::bash("pytest -x"),
        Turn::bash(&format!("await-file {}", said.display())),
        Turn::Say("done".to_owned()),
    ]);
    let output = client.run_headless(sandbox, &api, &[("BG_RUN_HEADLESS", "background")]);
    let results = api.tool_results();
    let shown = format!("{results:?} {output:?} log: {}", sandbox.log());
    assert!(
        results.len() == 2 && results.iter().all(|result| !result.is_error),
        "{shown}"
    );
    assert!(!read(&said).is_empty(), "nothing was opened: {shown}");
    results[0].text.clone()
}

fn prepared() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program("pytest", "exec sleep 1");
    sandbox.program("await-file", "i=0; while [ ! -s \"$1\" ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done; [ -s \"$1\" ]");
    sandbox.write_settings(
        &json!({"permissions": {"allow": ["Bash(pytest:*)", "Bash(await-file:*)"]}}),
    );
    sandbox
}

#[test]
fn the_plugin_installs_moves_a_call_and_updates() {
    for version in CLIENTS {
        let Some(client) = Client::find(version) else {
            return;
        };
        let sandbox = prepared();
        let registry = NpmRegistry::start(&sandbox);
        let folder = package(&sandbox);
        registry.publish(&sandbox, &folder);
        install(&client, &sandbox);
        let launcher = installed(&sandbox, env!("CARGO_PKG_VERSION")).join("bin/bg-run");
        assert!(is_script(&launcher), "{version}");
        let told = session(&client, &sandbox);
        assert!(told.contains("running in background"), "{version}: {told}");
        assert!(!is_script(&launcher), "{version}");

        for file in ["package.json", ".claude-plugin/plugin.json"] {
            let file = folder.join(file);
            let newer =
                read(&file).replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"99.0.0\"");
            fs::write(&file, newer).unwrap();
        }
        registry.publish(&sandbox, &folder);
        let api = MessagesApi::start(Vec::new());
        let output = client.run(&sandbox, &api, &["plugin", "update", "bg-run@bg-run"]);
        assert!(output.status.success(), "{version}: {output:?}");
        let launcher = installed(&sandbox, "99.0.0").join("bin/bg-run");
        assert!(is_script(&launcher), "{version}");
        let told = session(&client, &sandbox);
        assert!(told.contains("running in background"), "{version}: {told}");
        assert!(!is_script(&launcher), "{version}: the old one was called");
    }
}

/// Without the plugin, the command that npm installs registers the program itself, not the script or Node.
#[test]
fn the_npm_command_registers_the_program_itself() {
    if !is_there("npm") {
        return skip("there is no npm");
    }
    let sandbox = prepared();
    let registry = NpmRegistry::start(&sandbox);
    registry.publish(&sandbox, &package(&sandbox));
    let prefix = sandbox.home().join("npm");
    let npm = |arguments: &[&str]| {
        let mut npm = sandbox.command("npm");
        npm.args(arguments).arg("--prefix").arg(&prefix);
        let output = npm.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    npm(&["install", "--global", "bg-run"]);
    let command = prefix.join("bin/bg-run");
    let output = sandbox
        .command(command.to_str().unwrap())
        .arg("install")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let settings = read(&sandbox.home().join(".claude/settings.json"));
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let registered = &settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"];
    let program = Path::new(registered.as_str().unwrap());
    assert!(
        program.starts_with(&prefix) && !is_script(program),
        "{registered}"
    );
    let output = sandbox
        .command(program.to_str().unwrap())
        .args(["explain", "pytest -x"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("Runs in the background"),
        "{output:?}"
    );
    // The program contains the extension.
    sandbox.program(
        "code",
        "cp \"$2\" \"$HOME/asked\"; echo was successfully installed",
    );
    let output = sandbox
        .command(program.to_str().unwrap())
        .args(["install", "--editor-extension"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let asked = fs::read(sandbox.home().join("asked")).unwrap();
    assert!(asked.starts_with(b"PK\x03\x04"));
    npm(&["uninstall", "--global", "bg-run"]);
    assert!(!program.exists());
}

#[test]
fn on_a_machine_without_a_program_the_user_is_told_when_a_session_starts() {
    for version in CLIENTS {
        let Some(client) = Client::find(version) else {
            return;
        };
        if !is_there("tmux") {
            return skip("there is no tmux");
        }
        let sandbox = prepared();
        let registry = NpmRegistry::start(&sandbox);
        registry.publish(&sandbox, &package(&sandbox));
        install(&client, &sandbox);
        // The client asks the kernel; the launcher asks this program.
        call_the_machine(&sandbox, "Linux riscv64");
        let api = MessagesApi::start(vec![
            Turn::bash("pytest -x"),
            Turn::Say("all done".to_owned()),
        ]);
        let words = client.interactive(&sandbox, &api);
        let terminal = Terminal::start(&format!("address-{version}"), &words, &sandbox.project());
        terminal.wait_for("bg-run does nothing here");
        terminal.submit("go", || !api.requests().is_empty());
        let screen = terminal.wait_for("all done");
        assert!(!screen.contains("hook error"), "{version}: {screen}");
    }
}
