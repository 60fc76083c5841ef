//! The command line.

mod apply;
mod args;
mod complete;
mod completion_candidates;
mod config;
mod demo;
mod diff;
mod doctor;
mod editors;
mod explain;
mod history;
mod install;
mod learn;
mod logs;
mod open;
mod print;
mod rules;
mod skill;
mod statusline;
mod stop;
mod suggest;
mod tail;
mod tasks;
mod uninstall;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{CommandFactory as _, Parser};

use crate::config::Mode;
use crate::survive::relay;
use crate::viewer::Request;
use args::{Cli, Command, RulesCommand};

/// Runs the command line. Failures are printed with their causes. The exit status is 1 for a failure and 2 for a usage
/// error.
pub fn run() -> ExitCode {
    if complete::answer() {
        return ExitCode::SUCCESS;
    }
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => suggest::with_suggestion(error).exit(),
    };
    // `bg-run rules | head` should end quietly. The opener continues after the hook that reads its output has gone.
    if !matches!(command, Command::Open { detached: true, .. }) {
        sigpipe::reset();
    }
    match dispatch(command) {
        Ok(code) => code,
        Err(error) => {
            print::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Returns the command line's definition, for completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Hook { dry_run, .. } => Ok(crate::hook::run(if dry_run {
            Mode::Dry
        } else {
            Mode::Real
        })),
        Command::Explain {
            json,
            cwd,
            mut command,
        } => {
            let json = args::take_json(&mut command, std::env::args()) || json;
            explain::run(&command.join(" "), cwd, json)
        }
        Command::Install {
            target,
            editor_settings: Some(file),
            ..
        } => editors::add_settings(file.as_deref(), target.mode()),
        Command::Install {
            target,
            editor_extension: Some(file),
            ..
        } => editors::install_extension(file.as_deref(), target.mode()),
        Command::Install {
            target,
            limit,
            by_name,
            no_view,
            no_editor,
            ..
        } => install::install(
            &limit,
            by_name,
            (!no_view, !no_editor),
            target.scope,
            target.mode(),
        ),
        Command::Doctor { json, editor } => doctor::run(json, editor),
        Command::Uninstall {
            target,
            purge: true,
        } => uninstall::purge(target.mode()),
        Command::Uninstall { target, .. } => uninstall::run(target.scope, target.mode()),
        Command::Rules { command } => rules::run(command.unwrap_or(RulesCommand::List)),
        Command::Config { command } => config::run(command),
        Command::Open {
            target,
            detached: true,
            project,
            session,
        } => Ok(open::run_detached(&Request {
            files: target.into_iter().map(Into::into).collect(),
            session: session.unwrap_or_default(),
            project: project.unwrap_or_default(),
        })),
        Command::Open { target, .. } => match target.as_slice() {
            [] => open::run(None),
            [target] => open::run(Some(target)),
            [_, second, ..] => bail!("`open` takes one file; leave out {second}"),
        },
        Command::OnEnd { wait, command } => {
            match wait {
                Some(task) => crate::tasks::wait::run_on_end_after(&task),
                None => crate::tasks::on_end::run_detached(&command),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Relay {
            state,
            claim,
            fork,
            supervise,
        } => {
            crate::state::use_dir(state.clone());
            Ok(match (claim, fork, supervise) {
                (true, ..) => relay::claim(),
                (_, Some(shell), _) => relay::fork(&state, shell),
                (_, _, Some(shell)) => relay::supervise(shell),
                _ => relay::run(&state),
            })
        }
        Command::Tail { target, pane } => tail::run(target.as_deref(), pane),
        Command::Tasks(wanted) => tasks::run(&wanted),
        Command::Watch(wanted) => Ok(watch::run(wanted)),
        Command::Statusline { .. } => Ok(statusline::run()),
        Command::Logs { target, number } => logs::run(target.as_deref(), number),
        Command::Stop { target } => stop::run(&target),
        Command::History(wanted) => history::run(&wanted),
        Command::Learn { dry_run } => learn::run(dry_run),
        Command::Demo => demo::run(),
        Command::Completions { shell } => complete::print(shell),
    }
}
