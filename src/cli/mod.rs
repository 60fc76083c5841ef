//! The command line.

mod demo;
mod doctor;
mod explain;
mod install;
mod open;
mod rules;
mod tail;
mod tasks;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{CommandFactory, Parser, Subcommand};

use crate::settings::Scope;

/// Moves long-running commands of Claude Code to the background and opens their live output in VS Code.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(
    clippy::option_option,
    reason = "an option with an optional value, as clap has it"
)]
enum Command {
    /// Answer one hook event: JSON on stdin, JSON or nothing on stdout (Claude Code calls this)
    Hook {
        /// Say what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
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
    /// Register the hooks in a settings.json of Claude Code
    Install {
        #[command(flatten)]
        target: Target,
        /// Instead: make task outputs read-only and coloured in an editor's settings.json
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
        editor_settings: Option<Option<PathBuf>>,
        /// Instead: install the extension that follows task outputs in the editor
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, conflicts_with = "editor_settings")]
        editor_extension: Option<Option<PathBuf>>,
    },
    /// Say what works here and what doesn't, each with its mend
    Doctor {
        /// Only what has to do with the editor (all there is so far)
        #[arg(long)]
        editor: bool,
    },
    /// Take the hooks out of a settings.json again
    Uninstall {
        #[command(flatten)]
        target: Target,
    },
    /// List the rules in force, or work on your own
    Rules {
        #[command(subcommand)]
        command: Option<RulesCommand>,
    },
    /// Open the output of a background task; without an argument, of the newest
    Open {
        /// A task's id or the start of it, or a file
        #[arg(value_name = "TASK|PATH")]
        target: Vec<String>,
        /// Started by the hook: log instead of printing
        #[arg(long, hide = true, requires = "project")]
        detached: bool,
        /// Where the user works
        #[arg(long, hide = true)]
        project: Option<PathBuf>,
    },
    /// Follow the output of a background task here, and end with its exit status
    Tail {
        /// A task's id or the start of it, or a file; without it, the newest
        #[arg(value_name = "TASK|PATH")]
        target: Option<String>,
        /// In a pane of its own: wait for a key at the end
        #[arg(long, hide = true)]
        pane: bool,
    },
    /// List the background tasks, the newest first
    Tasks {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// See it work: a long command goes to the background and its output opens, without Claude Code
    Demo,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Which settings.json
    #[arg(long, value_enum, default_value = "user")]
    scope: Scope,
    /// Print the change, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Subcommand)]
enum RulesCommand {
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

/// Runs the command line. Failures are printed with their causes; the exit status is 1 for them, 2 for a wrong
/// use.
pub fn run() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bg-run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Hook { dry_run } => Ok(crate::hook::run(dry_run)),
        Command::Explain { json, cwd, command } => explain::run(&command.join(" "), cwd, json),
        Command::Install {
            target,
            editor_settings: Some(file),
            ..
        } => install::editor_settings(file.as_deref(), target.dry_run),
        Command::Install {
            target,
            editor_extension: Some(file),
            ..
        } => install::editor_extension(file.as_deref(), target.dry_run),
        Command::Install { target, .. } => install::install(target.scope, target.dry_run),
        Command::Doctor { .. } => doctor::run(),
        Command::Uninstall { target } => install::uninstall(target.scope, target.dry_run),
        Command::Rules { command } => rules::run(command.unwrap_or(RulesCommand::List)),
        Command::Open {
            target,
            detached: true,
            project,
        } => Ok(open::run_detached(&target, &project.unwrap_or_default())),
        Command::Open { target, .. } => match target.as_slice() {
            [] => open::run(None),
            [target] => open::run(Some(target)),
            [_, second, ..] => bail!("one file at a time: {second} is too much"),
        },
        Command::Tail { target, pane } => tail::run(target.as_deref(), pane),
        Command::Tasks { json } => tasks::run(json),
        Command::Demo => demo::run(),
        Command::Completions { shell } => {
            let mut cli = Cli::command();
            clap_complete::generate(shell, &mut cli, "bg-run", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
