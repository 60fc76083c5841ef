//! Every environment variable that bg-run reads, a function each. Nothing else reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

fn path(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

fn is_on(name: &str) -> bool {
    text(name).is_some_and(|value| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "1" | "on" | "true" | "yes"
        )
    })
}

/// `BG_RUN_CONFIG_DIR`: the folder of `config.toml` and `rules.toml`.
pub fn config_dir() -> Option<PathBuf> {
    path("BG_RUN_CONFIG_DIR")
}

/// `BG_RUN_STATE_DIR`: the folder of the log.
pub fn state_dir() -> Option<PathBuf> {
    path("BG_RUN_STATE_DIR")
}

/// `BG_RUN_DRY_RUN=1`: say what would be done and do nothing.
pub fn dry_run() -> bool {
    is_on("BG_RUN_DRY_RUN")
}

/// `BG_RUN=off` in the environment of the session: leave every call alone.
pub fn switched_off() -> bool {
    text("BG_RUN").is_some_and(|value| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "0" | "off" | "false" | "no"
        )
    })
}

/// `BG_RUN_HEADLESS`: `leave` or `background`, before the setting `headless`.
pub fn headless() -> Option<String> {
    text("BG_RUN_HEADLESS")
}

/// `CLAUDE_CODE_ENTRYPOINT`: `cli` in the terminal, `sdk-…` in headless sessions (measured, 2.1.20 to 2.1.330).
pub fn claude_entrypoint() -> Option<String> {
    text("CLAUDE_CODE_ENTRYPOINT")
}

/// `CLAUDE_PID`: the client's process (measured, 2.1.260 and 2.1.331).
pub fn claude_pid() -> Option<u32> {
    text("CLAUDE_PID")?.parse().ok()
}

/// `PYTHONUNBUFFERED` is in the environment, and so in that of every command. Any text switches it on.
pub fn python_unbuffered() -> bool {
    is_set("PYTHONUNBUFFERED")
}

/// `CLAUDE_CODE_SESSION_ATTENDED`: whether somebody watches the session (measured, 2.1.330).
pub fn session_attended() -> Option<bool> {
    match text("CLAUDE_CODE_SESSION_ATTENDED")?.as_str() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// `CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1`: the client ignores `run_in_background`.
pub fn background_tasks_disabled() -> bool {
    is_on("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS")
}

/// `CLAUDE_CODE_TMPDIR`: where the client keeps its temporary files instead of `/tmp`.
pub fn claude_tmp_dir() -> Option<PathBuf> {
    path("CLAUDE_CODE_TMPDIR")
}

/// `CLAUDE_CODE_CHILD_NOTES_DIR`: a sibling of the folder with the task outputs (measured, 2.1.330).
pub fn claude_notes_dir() -> Option<PathBuf> {
    path("CLAUDE_CODE_CHILD_NOTES_DIR")
}

/// `CLAUDE_CONFIG_DIR`: the client's settings, instead of `~/.claude`.
pub fn claude_config_dir() -> Option<PathBuf> {
    path("CLAUDE_CONFIG_DIR")
}

/// `CLAUDE_PROJECT_DIR`: the project's folder, in a hook.
pub fn claude_project_dir() -> Option<PathBuf> {
    path("CLAUDE_PROJECT_DIR")
}

/// `PATH`, split.
pub fn search_path() -> Vec<PathBuf> {
    variable("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

/// `VSCODE_IPC_HOOK_CLI`: the socket of the window around, in a remote window and in code-server.
pub fn vscode_socket() -> Option<PathBuf> {
    path("VSCODE_IPC_HOOK_CLI")
}

/// `VSCODE_GIT_ASKPASS_MAIN`: a file of the editor whose terminal this is.
pub fn vscode_askpass() -> Option<PathBuf> {
    path("VSCODE_GIT_ASKPASS_MAIN")
}

/// What the variables of an editor's terminal say of it, in one text (measured and read in VS Code 1.139; the forks
/// from memory). All forks set `TERM_PROGRAM=vscode`.
pub fn editor_marks() -> String {
    let cursor = variable("CURSOR_TRACE_ID").map(|_| "cursor".to_owned());
    let names = [
        "VSCODE_GIT_ASKPASS_MAIN",
        "__CFBundleIdentifier",
        "TERM_PROGRAM",
    ]
    .map(text);
    let version = text("TERM_PROGRAM_VERSION").filter(|version| version.ends_with("-insider"));
    let marks = [cursor, version].into_iter().chain(names).flatten();
    marks.collect::<Vec<_>>().join("\n")
}

/// The folders in which VS Code makes its sockets: `XDG_RUNTIME_DIR`, `TMPDIR`, `/tmp`.
pub fn socket_dirs() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    let all = [
        path("XDG_RUNTIME_DIR"),
        path("TMPDIR"),
        Some(PathBuf::from("/tmp")),
    ];
    for dir in all.into_iter().flatten() {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs
}

/// Whether a variable of this name is set: the marks of terminal multiplexers.
pub fn is_set(name: &str) -> bool {
    variable(name).is_some()
}
