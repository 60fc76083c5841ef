//! The choice of an editor and the ways to reach it. An editor that opens nothing counts as a failure. The windows
//! here are sockets of the test; `tests/editor/` uses the real VS Code.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use support::sandbox::{BG_RUN, Sandbox, read};

/// Creates a live window's socket; the channel returns the files that it is asked to open.
fn window(sandbox: &Sandbox, name: &str) -> (PathBuf, Receiver<Value>) {
    let path = sandbox.path("tmp").join(format!("vscode-ipc-{name}.sock"));
    let listener = UnixListener::bind(&path).unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut part = [0; 4096];
            while !text.ends_with('}') {
                let read = stream.read(&mut part).unwrap();
                text.push_str(std::str::from_utf8(&part[..read]).unwrap());
            }
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            if body["type"] == "open" {
                sender.send(body).unwrap();
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                .unwrap();
        }
    });
    (path, receiver)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_live_window_is_contacted_directly() {
    let sandbox = Sandbox::new();
    let code = sandbox.fake_editor();
    let file = sandbox.write("project/a b#é.log", "x\n");
    let (socket, asked) = window(&sandbox, "own");
    let output = sandbox.open(
        &file,
        &[
            ("VSCODE_IPC_HOOK_CLI", socket.to_str().unwrap()),
            ("TERM_PROGRAM", "vscode"),
        ],
    );
    assert!(output.status.success(), "{}", said(&output));
    let body = asked.recv_timeout(Duration::from_mins(1)).unwrap();
    let folder = sandbox.project().display().to_string();
    assert_eq!(
        body["fileURIs"][0],
        format!("file://{folder}/a%20b%23%C3%A9.log:999999")
    );
    assert_eq!(body["gotoLineMode"], true);
    assert_eq!(body["forceReuseWindow"], true);
    assert_eq!(read(&code), "", "the command isn't needed");
}

#[test]
fn the_only_other_window_replaces_a_closed_one() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/a.log", "x\n");
    let stale = sandbox.path("tmp/vscode-ipc-gone.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let (_, asked) = window(&sandbox, "other");
    for own in [stale.to_str().unwrap(), "/nowhere/vscode-ipc-x.sock"] {
        let output = sandbox.open(&file, &[("VSCODE_IPC_HOOK_CLI", own)]);
        assert!(output.status.success(), "{}", said(&output));
        asked.recv_timeout(Duration::from_mins(1)).unwrap();
    }
    // Without the variable and without any command, as in a tmux that was started outside.
    let output = sandbox.open(&file, &[]);
    assert!(output.status.success(), "{}", said(&output));
    asked.recv_timeout(Duration::from_mins(1)).unwrap();
}

#[test]
fn an_editor_that_opens_nothing_counts_as_a_failure() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/a.log", "x\n");
    let silent = sandbox.path("tmp/vscode-ipc-silent.sock");
    let _listening = UnixListener::bind(&silent).unwrap();
    let output = sandbox.open(&file, &[("VSCODE_IPC_HOOK_CLI", silent.to_str().unwrap())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("doesn't answer"),
        "{}",
        said(&output)
    );

    sandbox.program(
        "code",
        "echo 'Command is only available in WSL or inside a Visual Studio Code terminal.'",
    );
    let output = sandbox.open(&file, &[("VSCODE_IPC_HOOK_CLI", "/nowhere")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("opened nothing"),
        "{}",
        said(&output)
    );

    sandbox.program("code", "echo 'Unable to connect' >&2; exit 1");
    let output = sandbox.open(&file, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("Unable to connect"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_hook_reports_at_once_that_no_window_is_left() {
    let sandbox = Sandbox::new();
    let call = serde_json::json!({"command": "pytest", "run_in_background": true});
    let (event, _) = sandbox.launched("b1", &call);
    let tmp = sandbox.path("tmp").display().to_string();
    let answer = sandbox.answer(
        &event,
        &[
            ("VSCODE_IPC_HOOK_CLI", "/nowhere/x.sock"),
            ("XDG_RUNTIME_DIR", &tmp),
            ("TMPDIR", &tmp),
        ],
    );
    let line = answer["systemMessage"].as_str().unwrap();
    assert!(
        line.contains("not opened (/nowhere/x.sock is dead"),
        "{line}"
    );
    assert!(line.contains("bg-run tail b1"), "{line}");
}

#[test]
fn a_file_above_the_editors_limit_is_not_opened() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/big.log", "");
    std::fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(11 * 1024 * 1024)
        .unwrap();
    let (socket, _asked) = window(&sandbox, "own");
    let output = sandbox.open(&file, &[("VSCODE_IPC_HOOK_CLI", socket.to_str().unwrap())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("larger than the editor opens unasked (10 MB)"),
        "{}",
        said(&output)
    );
}

type Variables = &'static [(&'static str, &'static str)];

/// An editor's command, its name, and the variables of its terminal.
const AROUND: &[(&str, &str, Variables)] = &[
    ("code", "VS Code", &[("TERM_PROGRAM", "vscode")]),
    ("code", "VS Code", &[]),
    (
        "code-insiders",
        "VS Code Insiders",
        &[
            ("TERM_PROGRAM", "vscode"),
            ("TERM_PROGRAM_VERSION", "1.140.0-insider"),
        ],
    ),
    (
        "codium",
        "VSCodium",
        &[
            ("TERM_PROGRAM", "vscode"),
            (
                "VSCODE_GIT_ASKPASS_MAIN",
                "/usr/share/codium/resources/app/extensions/git/dist/askpass-main.js",
            ),
        ],
    ),
    (
        "cursor",
        "Cursor",
        &[("TERM_PROGRAM", "vscode"), ("CURSOR_TRACE_ID", "x")],
    ),
    (
        "windsurf",
        "Windsurf",
        &[
            ("TERM_PROGRAM", "vscode"),
            (
                "VSCODE_GIT_ASKPASS_MAIN",
                "/opt/Windsurf/resources/app/extensions/git/dist/askpass-main.js",
            ),
        ],
    ),
    (
        "antigravity",
        "Antigravity",
        &[
            ("TERM_PROGRAM", "vscode"),
            (
                "VSCODE_GIT_ASKPASS_MAIN",
                "/opt/antigravity/resources/app/extensions/x.js",
            ),
        ],
    ),
    // A process that an extension starts has no terminal.
    (
        "cursor",
        "Cursor",
        &[
            (
                "VSCODE_ESM_ENTRYPOINT",
                "vs/workbench/api/node/extensionHostProcess",
            ),
            (
                "VSCODE_NLS_CONFIG",
                r#"{"defaultMessagesFile":"/opt/Cursor/resources/app/out/nls.messages.json"}"#,
            ),
        ],
    ),
    (
        "code",
        "VS Code",
        &[
            ("CLAUDE_CODE_ENTRYPOINT", "claude-vscode"),
            ("VSCODE_NLS_CONFIG", "{"),
        ],
    ),
    // Application identifiers must match completely: that of iTerm2 contains "code".
    (
        "cursor",
        "Cursor",
        &[("__CFBundleIdentifier", "com.todesktop.230313mzl4w4u92")],
    ),
    (
        "kiro",
        "Kiro",
        &[("__CFBundleIdentifier", "dev.kiro.desktop")],
    ),
    (
        "phpstorm",
        "PhpStorm",
        &[("TERMINAL_EMULATOR", "JetBrains-JediTerm")],
    ),
    (
        "rider",
        "Rider",
        &[
            ("TERMINAL_EMULATOR", "JetBrains-JediTerm"),
            ("__CFBundleIdentifier", "com.jetbrains.rider"),
        ],
    ),
    ("zeditor", "Zed", &[("TERM_PROGRAM", "zed")]),
    (
        "code-server",
        "code-server",
        &[(
            "VSCODE_GIT_ASKPASS_MAIN",
            "/usr/lib/code-server/lib/vscode/extensions/git/dist/askpass-main.js",
        )],
    ),
];

#[test]
fn the_editor_of_the_terminal_is_recognised() {
    for (program, name, variables) in AROUND {
        let sandbox = Sandbox::new();
        for other in ["code", "cursor"] {
            sandbox.program(other, "exit 9");
        }
        sandbox.program(program, "exit 0");
        let file = sandbox.write("project/a.log", "x\n");
        let output = sandbox.open(&file, variables);
        assert!(
            said(&output).contains(&format!("in {name}\n")),
            "{program}: {}",
            said(&output)
        );
    }
}

#[test]
fn another_application_s_identifier_is_not_an_editor() {
    for id in [
        "com.googlecode.iterm2",
        "com.apple.dt.Xcode",
        "com.openai.codex",
    ] {
        let sandbox = Sandbox::new();
        let file = sandbox.write("project/a.log", "x\n");
        let output = sandbox.open(&file, &[("__CFBundleIdentifier", id)]);
        assert!(
            said(&output).contains("no editor found"),
            "{id}: {}",
            said(&output)
        );
    }
}

#[test]
fn an_editor_is_found_by_its_command_alone() {
    for (program, name) in [
        ("kiro", "Kiro"),
        ("trae", "Trae"),
        ("positron", "Positron"),
        ("void", "Void"),
        ("windsurf", "Windsurf"),
        ("zeditor", "Zed"),
        ("phpstorm", "PhpStorm"),
        ("rider", "Rider"),
        ("idea", "IntelliJ IDEA"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.program(program, "exit 0");
        let file = sandbox.write("project/a.log", "x\n");
        let output = sandbox.open(&file, &[]);
        assert!(
            said(&output).contains(&format!("in {name}\n")),
            "{program}: {}",
            said(&output)
        );
    }
}

#[test]
fn an_editor_s_command_is_found_in_the_folder_of_applications() {
    for (application, program, name) in [
        ("Visual Studio Code", "code", "VS Code"),
        ("Kiro", "code", "Kiro"),
        ("Cursor", "cursor", "Cursor"),
    ] {
        let sandbox = Sandbox::new();
        let bin = format!("home/Applications/{application}.app/Contents/Resources/app/bin");
        let file = sandbox.write(&format!("{bin}/{program}"), "#!/bin/sh\nexit 0\n");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let log = sandbox.write("project/a.log", "x\n");
        let output = sandbox.open(&log, &[]);
        assert!(
            said(&output).contains(&format!("in {name}\n")),
            "{application}: {}",
            said(&output)
        );
    }
}

/// In WSL, the `code` of Windows is a script around a program that Linux can't run if interop is off.
#[test]
fn a_command_of_another_system_is_reported_with_the_fix() {
    for script in [
        "#!/bin/sh\necho 'Code.exe: cannot execute binary file: Exec format error' >&2\nexit 126\n",
        "MZ\u{90}",
    ] {
        let sandbox = Sandbox::new();
        let code = sandbox.program("code", "");
        std::fs::write(&code, script).unwrap();
        let file = sandbox.write("project/a.log", "x\n");
        let output = sandbox.open(&file, &[]);
        assert!(!output.status.success());
        for part in ["another system", "/etc/wsl.conf", "wsl.exe --shutdown"] {
            assert!(said(&output).contains(part), "{}", said(&output));
        }
    }
}

/// A state folder with a blank in its name, a temporary folder with a trailing slash as on macOS, and the PATH of an
/// editor started from the Dock.
#[test]
fn unusual_folders_of_macos_work() {
    let sandbox = Sandbox::new();
    let asked = sandbox.path("asked");
    let code = sandbox.write(
        "home/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code",
        &format!("#!/bin/sh\necho \"$3\" >'{}'\n", asked.display()),
    );
    std::fs::set_permissions(&code, std::fs::Permissions::from_mode(0o755)).unwrap();
    let state = sandbox.path("home/Library/Application Support/bg-run");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    let state = state.display().to_string();
    let uid = rustix::process::geteuid().as_raw();
    let output = sandbox.write(
        &format!("var/folders/zz/y0/T/claude-{uid}/-p/5e551014/tasks/b1.output"),
        "x\n",
    );
    let tmp = format!("{}/", sandbox.path("var/folders/zz/y0/T").display());
    let variables = [
        ("TMPDIR", tmp.as_str()),
        ("CLAUDE_CODE_TMPDIR", ""),
        ("BG_RUN_STATE_DIR", &state),
        ("PATH", sandbox.search_path()),
    ];
    let mut event = sandbox.event(
        "PostToolUse",
        &serde_json::json!({"command": "make all", "run_in_background": true}),
    );
    event["tool_response"] = serde_json::json!({"backgroundTaskId": "b1"});
    let answer = sandbox.answer(&event, &variables);
    let line = answer["systemMessage"].as_str().unwrap();
    assert!(line.contains("VS Code"), "{line}");
    let asked = support::wait_for_text("code is called", &asked);
    let tab = asked.trim().strip_suffix(":999999").unwrap();
    assert!(tab.starts_with(&state), "{tab}");
    assert_eq!(std::fs::canonicalize(tab).unwrap(), output);
    let mut listed = sandbox.command(BG_RUN);
    listed.args(["tasks", "--all", "--json"]).envs(variables);
    let listed: Value = serde_json::from_slice(&listed.output().unwrap().stdout).unwrap();
    let listed = listed.as_array().unwrap().iter();
    assert_eq!(listed.filter(|task| task["id"] == "b1").count(), 1);
}

#[test]
fn a_name_is_not_a_pattern() {
    let sandbox = Sandbox::new();
    let code = sandbox.fake_editor();
    let file = sandbox.write("project/{line} {file}.log", "x\n");
    assert!(sandbox.open(&file, &[]).status.success());
    assert_eq!(read(&code), format!("-r\n-g\n{}:999999\n", file.display()));
}

#[test]
fn an_editor_can_be_named_in_the_settings() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/a.log", "x\n");
    let said_by = sandbox.path("said");
    for (name, words) in [("zed", "FILE:999999"), ("idea", "--line 999999 FILE")] {
        sandbox.program(name, &format!("echo \"$@\" >{}", said_by.display()));
        sandbox.config(&format!("editor = '{name}'\n"));
        let output = sandbox.open(&file, &[]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(
            read(&said_by).trim(),
            words.replace("FILE", file.to_str().unwrap())
        );
    }
    sandbox.config("editor = 'notepad'\n");
    let output = sandbox.open(&file, &[]);
    assert!(
        said(&output).contains("known ones are cursor, windsurf"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_command_is_found_beside_the_editors_files() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/a.log", "x\n");
    let app = sandbox.path("app/Resources/app");
    std::fs::create_dir_all(app.join("bin")).unwrap();
    let code = sandbox.program("code", "exit 0");
    std::fs::rename(code, app.join("bin/code")).unwrap();
    let app = app.display();
    let askpass = format!("{app}/extensions/git/dist/askpass-main.js");
    let messages = format!(r#"{{"defaultMessagesFile":"{app}/out/nls.messages.json"}}"#);
    for variables in [
        [
            ("TERM_PROGRAM", "vscode"),
            ("VSCODE_GIT_ASKPASS_MAIN", askpass.as_str()),
        ],
        [
            ("CLAUDE_CODE_ENTRYPOINT", "claude-vscode"),
            ("VSCODE_NLS_CONFIG", messages.as_str()),
        ],
    ] {
        let output = sandbox.open(&file, &variables);
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn a_pane_stands_in_where_no_editor_opens_the_file() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/a.log", "x\n");
    let called = sandbox.path("called");
    sandbox.program(
        "tmux",
        &format!("printf '%s\\n' \"$@\" >{}", called.display()),
    );
    let in_tmux = [("TMUX", "/tmp/x,1,0")];
    let output = sandbox.open(&file, &in_tmux);
    assert_eq!(output.status.code(), Some(1), "off by default");
    sandbox.config("pane = true\n");
    let output = sandbox.open(&file, &in_tmux);
    assert!(
        said(&output).contains("in a pane of tmux"),
        "{}",
        said(&output)
    );
    let words = read(&called);
    let words: Vec<&str> = words.lines().collect();
    assert_eq!(&words[..3], ["split-window", "-d", "-h"]);
    assert_eq!(
        &words[4..],
        ["tail", "--pane", "--", file.to_str().unwrap()]
    );
    let output = sandbox.open(&file, &[]);
    assert!(
        said(&output).contains("isn't tmux, zellij, kitty or WezTerm"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_opener_refreshes_the_file_without_changing_it() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("project/tasks/b1.output", "x\n");
    let written = || std::fs::metadata(&file).unwrap().modified().unwrap();
    let (socket, _asked) = window(&sandbox, "own");
    let mut command = sandbox.command(BG_RUN);
    command
        .args(["open", "--detached", "--project", "/", "--"])
        .arg(&file);
    command.env("VSCODE_IPC_HOOK_CLI", socket);
    let first = written();
    let mut opener = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    support::wait_until("the file is touched", || (written() > first).then_some(()));
    assert_eq!(read(&file), "x\n");
    let text = "x\n[exited with code 0]\n";
    std::fs::write(&file, text).unwrap();
    let ended = written();
    support::wait_until("the file is touched after the end", || {
        (written() > ended).then_some(())
    });
    assert!(opener.wait().unwrap().success());
    assert_eq!(read(&file), text);
}

/// Returns the hook's message about a task that has just started, from a terminal of the window with this socket.
fn launch(sandbox: &Sandbox, id: &str, input: &Value, socket: &Path) -> (PathBuf, String) {
    let (event, output) = sandbox.launched(id, input);
    let tmp = sandbox.path("tmp").display().to_string();
    let answer = sandbox.answer(
        &event,
        &[
            ("VSCODE_IPC_HOOK_CLI", socket.to_str().unwrap()),
            ("XDG_RUNTIME_DIR", &tmp),
            ("TMPDIR", &tmp),
        ],
    );
    let said = answer["systemMessage"].as_str().unwrap().to_owned();
    (output, said)
}

fn asked_for(asked: &Receiver<Value>) -> String {
    let body = asked.recv_timeout(Duration::from_mins(1)).unwrap();
    body["fileURIs"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_tab_is_named_after_its_task_and_messages_name_the_real_file() {
    let sandbox = Sandbox::new();
    let (socket, asked) = window(&sandbox, "own");
    let call = serde_json::json!({"command": "PYTHONUNBUFFERED=1 pytest -x 2>&1", "description": "Run e2e: a/b"});
    let (output, _) = launch(&sandbox, "b44x", &call, &socket);
    let state = sandbox.state().display().to_string();
    let name = "Run%20e2e%E2%88%B6%20a%E2%88%95b%20%C2%B7%20b44x.output";
    assert_eq!(
        asked_for(&asked),
        format!("file://{state}/tasks/{name}:999999")
    );
    let link = sandbox.state().join("tasks/Run e2e∶ a∕b · b44x.output");
    assert_eq!(std::fs::read_link(&link).unwrap(), output);
    let note: Value =
        serde_json::from_str(&read(&sandbox.state().join("tasks/b44x.json"))).unwrap();
    assert_eq!(note["output"], output.to_str().unwrap());

    // Opening it again gives the same tab. Another editor, or the setting, opens the file itself.
    let variables = [("VSCODE_IPC_HOOK_CLI", socket.to_str().unwrap())];
    let tmp = sandbox.path("tmp").display().to_string();
    let again = [variables[0], ("CLAUDE_CODE_TMPDIR", tmp.as_str())];
    let told = said(&sandbox.open(&output, &again));
    assert!(told.contains(output.to_str().unwrap()), "{told}");
    assert!(asked_for(&asked).ends_with(&format!("/{name}:999999")));
    // By the link, as copied from the tab.
    sandbox.open(&link, &again);
    assert!(asked_for(&asked).ends_with(&format!("/{name}:999999")));
    // A record of another session's task with this id doesn't name this one.
    let other = sandbox.write(
        &output
            .strip_prefix(sandbox.path(""))
            .unwrap()
            .display()
            .to_string()
            .replace("5e551014", "other"),
        "",
    );
    sandbox.open(&other, &again);
    assert_eq!(
        asked_for(&asked),
        format!("file://{}:999999", other.display())
    );
    sandbox.config("tab-names = 'id'\n");
    sandbox.open(&output, &again);
    assert_eq!(
        asked_for(&asked),
        format!("file://{}:999999", output.display())
    );
    let zed = sandbox.path("zed.said");
    sandbox.program("zed", &format!("echo \"$@\" >{}", zed.display()));
    sandbox.config("editor = 'zed'\n");
    sandbox.open(&output, &again);
    assert_eq!(read(&zed).trim(), format!("{}:999999", output.display()));
}

#[test]
fn a_command_s_own_log_opens_by_a_link_that_is_read_only() {
    let sandbox = Sandbox::new();
    let (socket, asked) = window(&sandbox, "own");
    let log = sandbox.write("project/train.log", "epoch 1\n");
    let call =
        serde_json::json!({"command": "python train.py > train.log 2>&1", "description": "Train"});
    launch(&sandbox, "b45x", &call, &socket);
    let state = sandbox.state().display().to_string();
    let name = "Train%20%C2%B7%20b45x.output";
    assert_eq!(
        asked_for(&asked),
        format!("file://{state}/tasks/{name}:999999")
    );
    let link = sandbox.state().join("tasks/Train · b45x.output");
    assert_eq!(std::fs::read_link(link).unwrap(), log);
}

#[test]
fn a_writable_output_causes_one_warning() {
    let call = serde_json::json!({"command": "make"});
    let says = |sandbox: &Sandbox, id: &str| {
        let (socket, _asked) = window(sandbox, id);
        launch(sandbox, id, &call, &socket).1
    };
    let install =
        "typing in this tab changes the output file; `bg-run install` makes outputs read-only";
    for (settings, is_told) in [
        (Some("{}"), true),
        (
            Some("{\"files.readonlyInclude\": {\"**/claude-*/*/*/tasks/*.output\": false}}"),
            false,
        ),
        (None, false),
    ] {
        let sandbox = Sandbox::new();
        sandbox.fake_editor();
        if let Some(settings) = settings {
            sandbox.write("home/.config/Code/User/settings.json", settings);
        }
        let said = says(&sandbox, "b46");
        assert_eq!(
            said.lines()
                .nth(1)
                .is_some_and(|line| line.contains(install)),
            is_told,
            "{said}"
        );
        assert_eq!(says(&sandbox, "b47").lines().count(), 1);
    }
    // Settings that make outputs read-only, as `install` writes them.
    let sandbox = Sandbox::new();
    sandbox.fake_editor();
    sandbox.write("home/.config/Code/User/settings.json", "{}");
    assert!(sandbox.bg_run(&["install", "--no-view"]).status.success());
    assert_eq!(says(&sandbox, "b46").lines().count(), 1);
    // An editor of another kind.
    let sandbox = Sandbox::new();
    sandbox.program("vi", "exit 0");
    sandbox.config("editor = [\"vi\", \"{file}\"]");
    let said = says(&sandbox, "b46");
    assert!(
        said.ends_with("\nbg-run: vi opens the output writable: typing there changes the file"),
        "{said}"
    );
    assert_eq!(says(&sandbox, "b47").lines().count(), 1);
}

#[test]
fn ended_tasks_free_their_tabs() {
    let sandbox = Sandbox::new();
    let (socket, asked) = window(&sandbox, "own");
    let call = serde_json::json!({"command": "make"});
    let mut running = std::collections::VecDeque::new();
    let start = |at: usize| {
        let (output, said) = launch(&sandbox, &format!("b{at}"), &call, &socket);
        let writer = std::fs::File::options().append(true).open(&output).unwrap();
        (output, writer, said)
    };
    let mut outputs = Vec::new();
    for at in 0..5 {
        let (output, writer, _) = start(at);
        outputs.push(output);
        running.push_back(writer);
        asked_for(&asked);
    }
    let mut is_refused = |at: usize| {
        let (_, writer, said) = start(at);
        running.push_back(writer);
        let refused = said.contains("(max-tabs = 5)");
        assert_eq!(refused, said.contains("max-tabs"), "{said}");
        if !refused {
            asked_for(&asked);
        }
        refused
    };
    assert!(is_refused(5));
    // A line printed by a running task is no end.
    std::fs::write(&outputs[0], "[exited with code 0]\n").unwrap();
    assert!(is_refused(6));
    let note = sandbox.state().join("tasks/b2.json");
    let mut ended: Value = serde_json::from_str(&read(&note)).unwrap();
    ended["ended"] =
        serde_json::json!({"at": "2026-01-01T00:00:00Z", "status": {"killed": null}, "ran": null});
    std::fs::write(&note, ended.to_string()).unwrap();
    assert!(!is_refused(7), "one by its record");
    assert!(is_refused(8));
    std::fs::remove_file(&outputs[3]).unwrap();
    assert!(is_refused(9), "it writes still");
    // One task has a footer; the other has no writer any more.
    for at in [10, 11] {
        running.pop_front();
        let (_, _writer, said) = start(at);
        assert!(!said.contains("max-tabs"), "{said}");
        asked_for(&asked);
    }
}
