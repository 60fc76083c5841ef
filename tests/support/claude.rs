//! The real Claude Code client, in the versions that `.ci/install-clients` installs in a cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::messages_api::MessagesApi;
use super::sandbox::Sandbox;

/// Each lacks something that the next has. They are the first to apply a rewrite without a decision, the last one run
/// by Node, the first native one, and the newest.
pub const VERSIONS: &[&str] = &["2.1.20", "2.1.90", "2.1.200", "2.1.331"];
pub const NEWEST: &str = "2.1.331";

/// The first version that loads a hooks module from the skills folder, and the newest that was tried.
pub const DRAWING: &[&str] = &["2.1.286", "2.1.332"];

/// A key for the loopback server, which checks none.
pub const KEY: &str = "sk-ant-dummy-key-for-a-loopback-server";

pub struct Client {
    words: Vec<String>,
}

/// Prints the reason why a test can't run, unless `BG_RUN_E2E=require` is set.
///
/// # Panics
///
/// If the test has to run.
pub fn skip(why: &str) {
    let required = std::env::var("BG_RUN_E2E").is_ok_and(|value| value == "require");
    assert!(!required, "BG_RUN_E2E=require, but {why}");
    eprintln!("skipped: {why}");
}

pub fn cache() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("BG_RUN_E2E_CACHE") {
        return Some(dir.into());
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(base.join("bg-run-e2e"))
}

impl Client {
    /// Finds this version; `None`, with a printed reason, if it isn't installed.
    pub fn find(version: &str) -> Option<Self> {
        let dir = cache()?
            .join("claude-code")
            .join(version)
            .join("node_modules/@anthropic-ai");
        let native = dir.join(format!("claude-code-{}/claude", platform()));
        let script = dir.join("claude-code/cli.js");
        let words = if native.is_file() {
            vec![native.display().to_string()]
        } else if script.is_file() {
            vec!["node".to_owned(), script.display().to_string()]
        } else {
            skip(&format!(
                "Claude Code {version} isn't installed; `.ci/install-clients` does it"
            ));
            return None;
        };
        Some(Self { words })
    }

    /// Returns the words that start it.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether it overwrites its arguments with its title, so that no hook can read them. Clients run by Node do.
    pub fn hides_its_arguments(&self) -> bool {
        self.words.len() > 1
    }

    fn environment(sandbox: &Sandbox, api: &MessagesApi) -> Vec<(String, String)> {
        let mut environment = sandbox.environment();
        let more = [
            ("ANTHROPIC_BASE_URL", api.url()),
            ("ANTHROPIC_API_KEY", KEY.to_owned()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
            ("DISABLE_AUTOUPDATER", "1".to_owned()),
        ];
        environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
        environment
    }

    /// Runs `claude -p` with these additional variables.
    pub fn run_headless(
        &self,
        sandbox: &Sandbox,
        api: &MessagesApi,
        variables: &[(&str, &str)],
    ) -> Output {
        self.headless(sandbox, api, &[], variables)
            .output()
            .unwrap()
    }

    /// Runs `claude -p` until the model has got `results`, then kills the client, because 2.1.20 sometimes hangs after
    /// several tasks ended.
    pub fn run_headless_until(
        &self,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
        variables: &[(&str, &str)],
        results: usize,
    ) {
        Self::run_until(
            self.headless(sandbox, api, arguments, variables),
            api,
            results,
        );
    }

    fn run_until(mut command: Command, api: &MessagesApi, results: usize) {
        let mut client = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        super::wait_with_progress("the model has all results", || {
            let so_far = api.results_so_far();
            let is_done = so_far >= results || client.try_wait().unwrap().is_some();
            (so_far, is_done.then_some(()))
        });
        client.kill().unwrap();
        client.wait().unwrap();
    }

    /// Runs it like [`Self::run_headless_until`] in another folder than the project's.
    pub fn run_headless_until_in(
        &self,
        folder: &Path,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
        variables: &[(&str, &str)],
        results: usize,
    ) {
        let mut command = self.headless(sandbox, api, arguments, variables);
        command.current_dir(folder);
        Self::run_until(command, api, results);
    }

    /// Runs `claude -p` with these arguments and this stdin; without stdin, an argument tells it "go".
    pub fn run_headless_with(
        &self,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
        stdin: Option<&str>,
    ) -> Output {
        self.run_headless_as(sandbox, api, arguments, stdin, &[])
    }

    /// Runs it like [`Self::run_headless_with`] with these additional variables.
    pub fn run_headless_as(
        &self,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
        stdin: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Output {
        use std::io::Write;
        let mut command = sandbox.command(&self.words[0]);
        command.args(&self.words[1..]).arg("-p").args(arguments);
        command.envs(Self::environment(sandbox, api));
        command.envs(variables.iter().copied());
        let Some(text) = stdin else {
            return command.arg("go").output().unwrap();
        };
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut client = command.spawn().unwrap();
        client
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        client.wait_with_output().unwrap()
    }

    /// Returns the command of `claude -p`.
    pub fn headless(
        &self,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Command {
        let mut command = sandbox.command(&self.words[0]);
        command
            .args(&self.words[1..])
            .args(["-p", "go"])
            .args(arguments);
        command
            .envs(Self::environment(sandbox, api))
            .envs(variables.iter().copied());
        command
    }

    /// Runs `claude` with these arguments: `plugin …`.
    pub fn run(&self, sandbox: &Sandbox, api: &MessagesApi, arguments: &[&str]) -> Output {
        self.run_in(&sandbox.project(), sandbox, api, arguments)
    }

    /// Runs it like [`Self::run`] in another folder.
    pub fn run_in(
        &self,
        folder: &Path,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
    ) -> Output {
        let mut command = sandbox.command(&self.words[0]);
        command.args(&self.words[1..]).args(arguments);
        command.current_dir(folder);
        command.envs(Self::environment(sandbox, api));
        command.output().unwrap()
    }

    /// Returns the interactive client's command for a terminal, as words with its environment.
    pub fn interactive(&self, sandbox: &Sandbox, api: &MessagesApi) -> Vec<String> {
        self.in_terminal(sandbox, api, &["--permission-mode", "default"])
    }

    /// Returns the interactive client's command with these arguments.
    pub fn in_terminal(
        &self,
        sandbox: &Sandbox,
        api: &MessagesApi,
        arguments: &[&str],
    ) -> Vec<String> {
        accept_dialogs(&sandbox.home(), &sandbox.project());
        let mut words = vec!["env".to_owned(), "-i".to_owned()];
        let environment = Self::environment(sandbox, api);
        words.extend(
            environment
                .into_iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        words.extend(self.words.iter().cloned());
        words.extend(arguments.iter().map(|&word| word.to_owned()));
        words
    }
}

fn platform() -> &'static str {
    match (cfg!(target_os = "macos"), cfg!(target_arch = "aarch64")) {
        (true, true) => "darwin-arm64",
        (true, false) => "darwin-x64",
        (false, true) => "linux-arm64",
        (false, false) => "linux-x64",
    }
}

/// Marks the folder as trusted, as after the client's first question there.
pub fn trust(home: &Path, folder: &Path) {
    accept_dialogs(home, folder);
}

/// Answers the client's first questions in advance: onboarding, trust in the folder, the key.
fn accept_dialogs(home: &Path, project: &Path) {
    let tail = KEY.get(KEY.len() - 20..).unwrap();
    let mut projects = serde_json::Map::new();
    projects.insert(
        project.display().to_string(),
        json!({"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}),
    );
    let answers = json!({
        "hasCompletedOnboarding": true,
        "theme": "dark",
        "projects": Value::Object(projects),
        "customApiKeyResponses": {"approved": [tail], "rejected": []},
    });
    fs::write(home.join(".claude.json"), answers.to_string()).unwrap();
}

/// Returns the folder for copies of the screens, if `BG_RUN_SCREENS` sets one.
pub fn screens() -> Option<PathBuf> {
    std::env::var_os("BG_RUN_SCREENS").map(PathBuf::from)
}

/// Whether a program can be started.
pub fn is_there(program: &str) -> bool {
    Command::new(program).arg("-V").output().is_ok()
}
