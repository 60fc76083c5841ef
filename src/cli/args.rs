//! The command line's words.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

use super::completion_candidates;
use crate::claude::settings::Scope;
use crate::config::Mode;
use crate::limit::LIMIT;

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
    /// Set bg-run up: hooks, the limit, the view inside Claude Code, editors
    Install {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        limit: LimitOptions,
        /// Register `bg-run` by its name, to be found on the PATH of whoever works in the project
        #[arg(long)]
        by_name: bool,
        /// Write no folder with the skill and the view into Claude Code's configuration
        #[arg(long)]
        no_view: bool,
        /// Leave editors as they are: no read-only outputs, no extension
        #[arg(long)]
        no_editor: bool,
        /// Do nothing but make task outputs read-only and coloured in an editor's settings.json
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
        editor_settings: Option<Option<PathBuf>>,
        /// Do nothing but install the extension that follows task outputs in the editor
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "editor_settings")]
        editor_extension: Option<Option<PathBuf>>,
    },
    /// Say what works here and what doesn't, each with a fix
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Only what has to do with the editor
        #[arg(long)]
        editor: bool,
    },
    /// Show what would become of a command, and why
    Explain {
        /// Print JSON: decision, rule, reason, command, edits
        #[arg(long)]
        json: bool,
        /// Decide as in this folder
        #[arg(long, value_name = "DIR")]
        cwd: Option<PathBuf>,
        /// The command, best in single quotes
        #[arg(
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "COMMAND"
        )]
        command: Vec<String>,
    },
    /// List this project's background tasks, the newest last
    Tasks(TasksArgs),
    /// Follow the output of a background task here, and end with its exit status
    Tail {
        /// A task's id or the start of it, a part of its name, or a file; without it, this project's newest
        #[arg(value_name = "TASK|PATH", add = ArgValueCandidates::new(completion_candidates::tasks))]
        target: Option<String>,
        /// In a pane of its own: wait for a key at the end
        #[arg(long, hide = true)]
        pane: bool,
    },
    /// Print what a background task has written by now
    Logs {
        /// A task's id or the start of it, a part of its name, or a file; without it, this project's newest
        #[arg(value_name = "TASK|PATH", add = ArgValueCandidates::new(completion_candidates::tasks))]
        target: Option<String>,
        /// Only the last N lines
        #[arg(short = 'n', value_name = "N")]
        number: Option<usize>,
    },
    /// Ask a background task to end
    Stop {
        /// A task's id or the start of it, or a part of its name
        #[arg(value_name = "TASK", add = ArgValueCandidates::new(completion_candidates::running))]
        target: String,
    },
    /// Open the output of a background task; without an argument, of this project's newest
    Open {
        /// A task's id or the start of it, a part of its name, or a file
        #[arg(value_name = "TASK|PATH", add = ArgValueCandidates::new(completion_candidates::tasks))]
        target: Vec<String>,
        /// Started by the hook: log instead of printing
        #[arg(long, hide = true, requires = "project")]
        detached: bool,
        /// Where the user works
        #[arg(long, hide = true)]
        project: Option<PathBuf>,
        /// The session that the tab counts for
        #[arg(long, hide = true)]
        session: Option<String>,
    },
    /// Started at the launch of a task, to wait for its end, and at its end, to run the user's program
    #[command(hide = true)]
    OnEnd {
        /// The task that is waited for
        #[arg(long, value_name = "TASK")]
        wait: Option<String>,
        /// The program with its arguments
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// List the rules in force, or work on your own
    Rules {
        #[command(subcommand)]
        command: Option<RulesCommand>,
    },
    /// Show the settings in force, and change yours
    Config {
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Show how long this project's commands took, or forget it
    History(HistoryArgs),
    /// Learn how long commands took from the transcripts of earlier sessions; nothing leaves this machine
    Learn {
        /// Only say what would be learnt
        #[arg(long)]
        dry_run: bool,
    },
    /// Follow changes of background tasks: one JSON object a line (the view inside Claude Code reads it)
    Watch(WatchArgs),
    /// Print the running task in one line, for the status line of Claude Code, which gives its session on stdin
    Statusline {
        /// Whatever follows: a status line never fails
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
    /// See it work: a long command goes to the background and its output opens, without Claude Code
    Demo,
    /// Take the hooks out of a settings.json again
    Uninstall {
        #[command(flatten)]
        target: Target,
        /// Leave nothing: out of every settings file and editor, with your rules, your settings and all that was noted
        #[arg(long, conflicts_with = "scope")]
        purge: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Answer one hook event: JSON on stdin, JSON or nothing on stdout (Claude Code calls this)
    Hook {
        /// Say what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Whatever follows: the hook never fails
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
}

/// Takes `--json` out of what follows `explain`, where no `--` says that all of it is the command.
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
        // A command needs a word.
        Some(at) if !is_literal && command.len() > 1 => {
            command.remove(at);
            true
        }
        _ => false,
    }
}

/// By what the rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    /// The last run first.
    Last,
    /// The longest median first.
    Median,
    /// The most often run first.
    Runs,
    /// By the command's text.
    Command,
}

#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    /// Of all projects
    #[arg(long)]
    pub(super) all: bool,
    /// By what to sort
    #[arg(long, value_enum, default_value = "last")]
    pub(super) sort: Sort,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Forget the commands that match this regular expression
    #[arg(long, value_name = "PATTERN", conflicts_with = "clear")]
    pub(super) forget: Option<String>,
    /// Forget everything about this project, with --all about all of them
    #[arg(long)]
    pub(super) clear: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    /// Print JSON, which is the only form
    #[arg(long, required = true)]
    json: bool,
    /// Of this session, instead of this project's; may be given more than once
    #[arg(long, value_name = "ID")]
    pub(super) session: Vec<String>,
    /// End when no task runs any more
    #[arg(long)]
    pub(super) until_idle: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct TasksArgs {
    /// Only the newest N
    #[arg(short = 'n', value_name = "N")]
    pub(super) number: Option<usize>,
    /// Only running ones
    #[arg(long)]
    pub(super) running: bool,
    /// Those of all projects; `-` stands for what isn't known
    #[arg(long)]
    pub(super) all: bool,
    /// Print JSON, the newest first
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(super) struct LimitOptions {
    /// Let Claude Code (2.1.200 and newer) move to the background what takes longer than this, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(2..=7200))]
    pub(super) limit: u64,
    /// Don't set a limit; take out one that bg-run set
    #[arg(long, conflicts_with = "limit")]
    pub(super) no_limit: bool,
    /// Register no hooks: for the plugin, which has them but can't set the limit
    #[arg(long)]
    pub(super) limit_only: bool,
    /// Let Claude Code stop background tasks when memory is short
    #[arg(long)]
    pub(super) no_reaper: bool,
    /// Show the running task in Claude Code's status line, where that file sets no other
    #[arg(long)]
    pub(super) status_line: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Which settings.json
    #[arg(long, value_enum, default_value = "user")]
    pub(super) scope: Scope,
    /// Print the change, and write nothing
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
    /// Each key, its value, and where that comes from; or only the value of KEY (the default)
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
    /// Where your config.toml is
    Path,
    /// Look for faults in it
    Check,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum RulesCommand {
    /// Each rule, where it comes from, and what it does (the default)
    List,
    /// Where your rules file is
    Path,
    /// Write a commented rules file to start from
    Init,
    /// Say which rule decides each command of COMMAND
    Test {
        /// The command, best in single quotes
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Look for faults in a rules file; without FILE, in yours and the project's
    Check {
        /// The file
        file: Option<PathBuf>,
    },
}
