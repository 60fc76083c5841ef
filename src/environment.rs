//! All environment variables that bg-run reads, one function each. No other module reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use directories::BaseDirs;

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

/// Whether VS Code's remote command can reach a window from this terminal: through the window's socket, or in WSL
/// through Windows' `code`.
pub fn can_reach_vscode_window() -> bool {
    vscode_socket().is_some() || is_set("VSCODE_CLIENT_COMMAND")
}

/// `BG_RUN_CONFIG_DIR`: the folder of `config.toml` and `rules.toml`.
pub fn config_dir() -> Option<PathBuf> {
    path("BG_RUN_CONFIG_DIR")
}

/// `BG_RUN_STATE_DIR`: the folder of the log and the records.
pub fn state_dir() -> Option<PathBuf> {
    path("BG_RUN_STATE_DIR")
}

/// `BG_RUN_DRY_RUN=1`: bg-run only reports what it would do.
pub fn dry_run() -> bool {
    is_on("BG_RUN_DRY_RUN")
}

/// `BG_RUN=off` in the environment of the session: bg-run leaves every call alone.
pub fn switched_off() -> bool {
    text("BG_RUN").is_some_and(|value| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "0" | "off" | "false" | "no"
        )
    })
}

/// `BG_RUN_HEADLESS`: `leave` or `background`, overriding the setting `headless`.
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

/// `BG_RUN_TASK_PROJECT`: the project of the ended task for which this process runs a program.
pub fn task_project() -> Option<PathBuf> {
    path("BG_RUN_TASK_PROJECT")
}

/// Whether `PYTHONUNBUFFERED` is set in the environment, and so for every command. Any text switches it on.
pub fn python_unbuffered() -> bool {
    is_set(PYTHON_UNBUFFERED)
}

/// Whether `PYTHONUNBUFFERED` exists at all. An empty value switches it off.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub fn has_python_unbuffered() -> bool {
    std::env::var_os(PYTHON_UNBUFFERED).is_some()
}

/// `CLAUDE_CODE_SESSION_ID`: the id of the session (measured in hooks, 2.1.331).
pub fn claude_session_id() -> Option<String> {
    text("CLAUDE_CODE_SESSION_ID")
}

/// The variable that keeps the client from stopping background tasks when memory is short. The client never stops
/// foreground commands for that (read in the code of 2.1.193 and newer).
pub const NO_PRESSURE_REAP: &str = "CLAUDE_CODE_DISABLE_BG_SHELL_PRESSURE_REAP";

/// `CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS`: the client moves a call that runs longer than this many milliseconds to
/// the background (measured, 2.1.200 and later).
pub fn auto_background_ms() -> Option<u64> {
    positive(AUTO_BACKGROUND)
}

/// The name of the variable for [`auto_background_ms`].
pub const AUTO_BACKGROUND: &str = "CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS";

/// The variable that is set for hooks in `chain`. If bg-run is one of them, it runs no further hooks.
pub const CHAINED: &str = "BG_RUN_CHAINED";

/// The name of the variable that unbuffers Python.
pub const PYTHON_UNBUFFERED: &str = "PYTHONUNBUFFERED";

/// `CLAUDE_CODE_SESSION_ATTENDED`: whether somebody watches the session (measured, 2.1.330).
pub fn session_attended() -> Option<bool> {
    match text("CLAUDE_CODE_SESSION_ATTENDED")?.as_str() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// `CLAUDE_JOB_DIR`: set in sessions of `claude --bg`, to which a user can attach at any time (measured, 2.1.332).
pub fn claude_job_dir() -> Option<PathBuf> {
    path("CLAUDE_JOB_DIR")
}

/// `BASH_DEFAULT_TIMEOUT_MS`: the time-out in milliseconds of a call that names none.
pub fn bash_default_timeout_ms() -> Option<u64> {
    positive("BASH_DEFAULT_TIMEOUT_MS")
}

/// `BASH_MAX_TIMEOUT_MS`: the longest time-out in milliseconds of a foreground call.
pub fn bash_max_timeout_ms() -> Option<u64> {
    positive("BASH_MAX_TIMEOUT_MS")
}

/// `BASH_MAX_OUTPUT_LENGTH`: the number of characters up to which the client returns an output complete.
pub fn bash_max_output_length() -> Option<u64> {
    positive("BASH_MAX_OUTPUT_LENGTH")
}

fn positive(name: &str) -> Option<u64> {
    text(name)?.trim().parse().ok().filter(|value| *value > 0)
}

/// `CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1`: the client ignores `run_in_background`.
pub fn background_tasks_disabled() -> bool {
    is_on("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS")
}

/// `CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS` as text, even if it isn't a number.
pub fn auto_background_text() -> Option<String> {
    text(AUTO_BACKGROUND)
}

/// The client's possible folders for temporary files, the likeliest first: `CLAUDE_CODE_TMPDIR`, `TMPDIR` (measured,
/// 2.1.150 to 2.1.331), `TMP` (2.1.331), `/tmp`.
pub fn claude_tmp_dirs() -> Vec<PathBuf> {
    let variables = ["CLAUDE_CODE_TMPDIR", "TMPDIR", "TMP"].map(path);
    once_each(variables.into_iter().flatten().chain(["/tmp".into()]))
}

fn once_each(paths: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut kept = Vec::new();
    for path in paths.filter(|path| path.is_absolute()) {
        if !kept.contains(&path) {
            kept.push(path);
        }
    }
    kept
}

/// `CLAUDE_CODE_CHILD_NOTES_DIR`: a folder beside the one with the task outputs (measured, 2.1.330).
pub fn claude_notes_dir() -> Option<PathBuf> {
    path("CLAUDE_CODE_CHILD_NOTES_DIR")
}

/// `CLAUDE_CONFIG_DIR`: the folder of the client's settings instead of `~/.claude`.
pub fn claude_config_dir() -> Option<PathBuf> {
    path("CLAUDE_CONFIG_DIR")
}

/// `CLAUDE_PROJECT_DIR`: the project's folder, set in hooks.
pub fn claude_project_dir() -> Option<PathBuf> {
    path("CLAUDE_PROJECT_DIR")
}

/// `HOME`, or else the home folder from the system's list of users.
pub fn home_dir() -> Option<PathBuf> {
    path("HOME").or_else(|| Some(BaseDirs::new()?.home_dir().to_owned()))
}

/// `USER`, else `LOGNAME`: the name of the user's account.
pub fn user() -> Option<String> {
    text("USER").or_else(|| text("LOGNAME"))
}

/// `CLAUDE_ENV_FILE`: a file that the client runs before each command of the session (measured in a `SessionStart`
/// hook, 2.1.200 to 2.1.332).
pub fn claude_env_file() -> Option<PathBuf> {
    path("CLAUDE_ENV_FILE")
}

/// `ZDOTDIR`: the folder of zsh's start files instead of the home folder.
pub fn zsh_dir() -> Option<PathBuf> {
    path("ZDOTDIR")
}

/// `BASH_ENV`: a file that bash reads before a command.
pub fn bash_env() -> Option<PathBuf> {
    path("BASH_ENV")
}

/// Whether bash exported a function called `name`, which a shell that it starts takes over.
pub fn has_function(name: &str) -> bool {
    ["%%", "()"]
        .iter()
        .any(|end| path(&format!("BASH_FUNC_{name}{end}")).is_some())
}

/// The folders in `PATH`.
pub fn search_path() -> Vec<PathBuf> {
    variable("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

/// `VSCODE_IPC_HOOK_CLI`: the socket of this terminal's window, in a remote window and in code-server.
pub fn vscode_socket() -> Option<PathBuf> {
    path("VSCODE_IPC_HOOK_CLI")
}

/// The path of a file of the running editor: `VSCODE_GIT_ASKPASS_MAIN` in its terminals, or the file with its messages
/// in processes of its extensions (`VSCODE_NLS_CONFIG`; measured, VS Code 1.139).
pub fn vscode_file() -> Option<PathBuf> {
    path("VSCODE_GIT_ASKPASS_MAIN").or_else(|| {
        let messages: serde_json::Value = serde_json::from_str(&text("VSCODE_NLS_CONFIG")?).ok()?;
        Some(messages.get("defaultMessagesFile")?.as_str()?.into())
    })
}

/// Whether a VS Code extension started this process, as Claude Code's own extension does. There is no terminal then,
/// and none of its variables are set (measured, VS Code 1.139).
fn in_extension_host() -> bool {
    let is_host = |entry: String| entry.ends_with("extensionHostProcess");
    text("VSCODE_ESM_ENTRYPOINT").is_some_and(is_host)
        || claude_entrypoint().is_some_and(|entrypoint| entrypoint == "claude-vscode")
}

/// Signs of the editor to which a terminal belongs (measured and read in VS Code 1.139; others from the editors'
/// documentation).
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
pub struct EditorTerminal {
    /// `TERM_PROGRAM=vscode`: VS Code and all its forks. Processes of their extensions count too.
    pub is_vscode: bool,
    /// `CURSOR_TRACE_ID` is set.
    pub is_cursor: bool,
    /// `ZED_TERM` is set, or `TERM_PROGRAM=zed`.
    pub is_zed: bool,
    /// `TERMINAL_EMULATOR=JetBrains-JediTerm`.
    pub is_jet_brains: bool,
    /// `TERM_PROGRAM_VERSION`.
    pub version: Option<String>,
    /// `__CFBundleIdentifier` (macOS).
    pub bundle: Option<String>,
}

/// Returns the signs in this process's environment.
pub fn editor_terminal() -> EditorTerminal {
    let program = text("TERM_PROGRAM").unwrap_or_default();
    EditorTerminal {
        is_vscode: program == "vscode" || in_extension_host(),
        is_cursor: is_set("CURSOR_TRACE_ID"),
        is_zed: program.eq_ignore_ascii_case("zed") || is_set("ZED_TERM"),
        is_jet_brains: text("TERMINAL_EMULATOR").is_some_and(|name| name.contains("JetBrains")),
        version: text("TERM_PROGRAM_VERSION"),
        bundle: text("__CFBundleIdentifier"),
    }
}

/// The names of the terminal: `TERM_PROGRAM`, `LC_TERMINAL`, `TERM`.
pub fn terminal_names() -> Vec<String> {
    let names = ["TERM_PROGRAM", "LC_TERMINAL", "TERM"];
    names.into_iter().filter_map(text).collect()
}

/// The folders in which VS Code creates its sockets: `XDG_RUNTIME_DIR`, `TMPDIR`, `/tmp`.
pub fn socket_dirs() -> Vec<PathBuf> {
    let variables = ["XDG_RUNTIME_DIR", "TMPDIR"].map(path);
    once_each(variables.into_iter().flatten().chain(["/tmp".into()]))
}

/// Columns that the client leaves for the output of `!` commands in a terminal of 80 (measured, 2.1.332).
const WIDTH_IN_CLIENT: usize = 70;

/// The number of columns of a line: the terminal's, or else `COLUMNS`, or else those of the client's screen; `None` if
/// the output isn't shown on one.
pub fn width() -> Option<usize> {
    if let Some((width, _)) = terminal_size::terminal_size_of(std::io::stdout()) {
        return Some(width.0.into());
    }
    let columns = text("COLUMNS").and_then(|columns| columns.parse().ok());
    let columns = columns.filter(|&columns| columns > 0);
    columns.or_else(|| is_shown_by_client().then_some(WIDTH_IN_CLIENT))
}

/// Whether the client shows the standard output, which it reads from one file with the standard error. `CLAUDECODE` is
/// set in its shell (measured, 2.1.332).
pub fn is_shown_by_client() -> bool {
    use rustix::fs::{FileType, Stat, fstat};
    let is_file = |out: &Stat| FileType::from_raw_mode(out.st_mode) == FileType::RegularFile;
    let file = |stat: Stat| (stat.st_dev, stat.st_ino);
    let out = fstat(std::io::stdout()).ok().filter(is_file).map(file);
    is_set("CLAUDECODE") && out.is_some() && out == fstat(std::io::stderr()).ok().map(file)
}

/// Whether a variable with this name is set, to detect terminal multiplexers.
pub fn is_set(name: &str) -> bool {
    variable(name).is_some()
}
