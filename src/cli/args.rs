//! The types of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

use super::completion_candidates;
use crate::claude::settings::SettingsScope;
use crate::config::Mode;
use crate::foreground_limit::LIMIT;

/// Moves long-running commands of Claude Code to the background and opens their live output in VS Code.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(
    clippy::option_option,
    reason = "an option with an optional value, as clap has it"
)]
pub(super) enum Command {
    /// Set up bg-run: hooks, the limit, the view inside Claude Code, editors
    Install {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        limit: LimitOptions,
        /// Register `bg-run` by name instead of by path, so that each user's PATH finds it
        #[arg(long)]
        by_name: bool,
        /// Don't add the folder with the skill and the view to Claude Code's configuration
        #[arg(long)]
        no_view: bool,
        /// Don't change editors: no read-only outputs, no extension
        #[arg(long)]
        no_editor: bool,
        /// Only make task outputs read-only and coloured in an editor's settings.json
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
        editor_settings: Option<Option<PathBuf>>,
        /// Only install the editor extension that follows task outputs
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "editor_settings")]
        editor_extension: Option<Option<PathBuf>>,
    },
    /// Check the installation, and show a fix for each problem
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Check only the editor
        #[arg(long)]
        editor: bool,
    },
    /// Show how bg-run would handle a command, and why
    Explain {
        /// Print JSON: decision, rule, reason, command, edits
        #[arg(long)]
        json: bool,
        /// Decide as if the command ran in this folder
        #[arg(long, value_name = "DIR")]
        cwd: Option<PathBuf>,
        /// The command, preferably in single quotes
        #[arg(
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "COMMAND"
        )]
        command: Vec<String>,
    },
    /// List this project's background tasks, newest last
    Tasks(TasksArgs),
    /// Follow a background task's output in the terminal, and exit with its exit status
    Tail {
        /// A task's id or the start of it, words of its name, or a file (default: this project's newest task)
        #[arg(value_name = "TASK|PATH", add = ArgValueCandidates::new(completion_candidates::tasks))]
        target: Option<String>,
        /// In a pane of its own: wait for a key at the end
        #[arg(long, hide = true)]
        pane: bool,
    },
    /// Print a background task's output so far
    Logs {
        /// A task's id or the start of it, words of its name, or a file (default: this project's newest task)
        #[arg(value_name = "TASK|PATH", add = ArgValueCandidates::new(completion_candidates::tasks))]
        target: Option<String>,
        /// Print only the last N lines
        #[arg(short = 'n', value_name = "N")]
        number: Option<usize>,
    },
    /// Stop a background task with SIGTERM
    Stop {
        /// A task's id or the start of it, or words of its name
        #[arg(value_name = "TASK", add = ArgValueCandidates::new(completion_candidates::running))]
        target: String,
    },
    /// Open a background task's output (default: this project's newest task)
    Open {
        /// A task's id or the start of it, words of its name, or a file
        #[arg(value_name = "TASK|PATH", add = ArgValueCandidates::new(completion_candidates::tasks))]
        target: Vec<String>,
        /// Started by the hook: log instead of printing
        #[arg(long, hide = true, requires = "project")]
        detached: bool,
        /// The folder in which the user works
        #[arg(long, hide = true)]
        project: Option<PathBuf>,
        /// The session whose `max-tabs` includes the tab
        #[arg(long, hide = true)]
        session: Option<String>,
    },
    /// Wait for a task's end, or run the user's program after it (started by bg-run itself)
    #[command(hide = true)]
    OnEnd {
        /// The task to wait for
        #[arg(long, value_name = "TASK")]
        wait: Option<String>,
        /// The program with its arguments
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Started by a shell of Claude Code, to run its command where it outlives the session
    #[command(hide = true)]
    Relay {
        /// The state folder
        state: PathBuf,
        /// Only claim the note of the shell's command
        #[arg(long)]
        claim: bool,
        /// Start the supervisor of this shell's command
        #[arg(long, value_name = "SHELL")]
        fork: Option<u32>,
        /// Supervise this shell's command
        #[arg(long, value_name = "SHELL")]
        supervise: Option<u32>,
    },
    /// List the rules in force, or create, check and test your own
    Rules {
        #[command(subcommand)]
        command: Option<RulesCommand>,
    },
    /// Show the settings in force, or change yours
    Config {
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Show how long this project's commands took, or delete these records
    History(HistoryArgs),
    /// Read command durations from the transcripts of earlier sessions; nothing leaves this machine
    Learn {
        /// Only show what bg-run would learn
        #[arg(long)]
        dry_run: bool,
    },
    /// Print changes of background tasks, one JSON object per line (for the view inside Claude Code)
    Watch(WatchArgs),
    /// Print the running task in one line, for Claude Code's status line (session JSON on stdin)
    Statusline {
        /// Ignored, so that a status line never fails
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
    /// Move a sample command to the background and open its output, without Claude Code
    Demo,
    /// Remove the hooks and everything else that install added
    Uninstall {
        #[command(flatten)]
        target: Target,
        /// Remove bg-run's entries from every settings file and editor, and delete your rules, settings and records
        #[arg(long, conflicts_with = "scope")]
        purge: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Answer one hook event (called by Claude Code): JSON on stdin, JSON or nothing on stdout
    Hook {
        /// Only report what bg-run would do
        #[arg(long)]
        dry_run: bool,
        /// Ignored, so that the hook never fails
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
}

/// Finds and removes `--json` after `explain`, unless a `--` marks everything as the command.
pub(super) fn take_json(
    command: &mut Vec<String>,
    arguments: impl IntoIterator<Item = String>,
) -> bool {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let before = arguments.len().checked_sub(command.len() + 1);
    let is_literal = before
        .and_then(|at| arguments.get(at))
        .is_some_and(|word| word == "--");
    let end = command
        .iter()
        .position(|word| word == "--")
        .unwrap_or(command.len());
    let at = command.iter().take(end).position(|word| word == "--json");
    match at {
        // A command needs at least one word.
        Some(at) if !is_literal && command.len() > 1 => {
            command.remove(at);
            true
        }
        _ => false,
    }
}

/// The sort order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    /// Latest run first.
    Last,
    /// Longest median first.
    Median,
    /// Most runs first.
    Runs,
    /// By command.
    Command,
}

#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    /// Show all projects
    #[arg(long)]
    pub(super) all: bool,
    /// Sort order
    #[arg(long, value_enum, default_value = "last")]
    pub(super) sort: Sort,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Delete the records of commands that match this regular expression
    #[arg(long, value_name = "PATTERN", conflicts_with = "clear")]
    pub(super) forget: Option<String>,
    /// Delete all records of this project, or of all projects with --all
    #[arg(long)]
    pub(super) clear: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    /// Print JSON, the only format
    #[arg(long, required = true)]
    json: bool,
    /// Follow the tasks of this session instead of this project's; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) session: Vec<String>,
    /// Exit when no task is running
    #[arg(long)]
    pub(super) until_idle: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct TasksArgs {
    /// List only the newest N
    #[arg(short = 'n', value_name = "N")]
    pub(super) number: Option<usize>,
    /// List only running tasks
    #[arg(long)]
    pub(super) running: bool,
    /// List the tasks of all projects
    #[arg(long)]
    pub(super) all: bool,
    /// Print JSON, newest first
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct LimitOptions {
    /// Seconds after which Claude Code (2.1.200 and newer) moves a call to the background
    #[arg(long, value_name = "SECONDS", default_value_t = LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(2..=7200))]
    pub(super) limit: u64,
    /// Don't set a limit, and remove one that bg-run set
    #[arg(long, conflicts_with = "limit")]
    pub(super) no_limit: bool,
    /// Set the limit, but register no hooks (for the plugin, which can't set it)
    #[arg(long)]
    pub(super) limit_only: bool,
    /// Let Claude Code stop background tasks when memory is short
    #[arg(long)]
    pub(super) no_reaper: bool,
    /// Show the running task in Claude Code's status line, unless the file already sets one
    #[arg(long)]
    pub(super) status_line: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The settings.json to change
    #[arg(long, value_enum, default_value = "user")]
    pub(super) scope: SettingsScope,
    /// Print the change without writing it
    #[arg(long)]
    dry_run: bool,
}

impl Target {
    pub(super) fn mode(&self) -> Mode {
        if self.dry_run { Mode::Dry } else { Mode::Real }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show each key with its value and source, or only the value of KEY (the default subcommand)
    #[command(visible_alias = "list")]
    Get {
        /// The key
        key: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a value into your config.toml
    Set {
        /// The key
        key: String,
        /// The value: `true`, `5`, `cursor`, `["vi", "{file}"]`
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Print the path of your config.toml
    Path,
    /// Check your config.toml for errors
    Check,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum RulesCommand {
    /// List each rule with its source and action (the default)
    List,
    /// Print the path of your rules file
    Path,
    /// Write a commented rules file to start from
    Init,
    /// Show which rule decides each simple command of COMMAND
    Test {
        /// The command, preferably in single quotes
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Check a rules file for errors (default: yours and the project's)
    Check {
        /// The file
        file: Option<PathBuf>,
    },
}
