//! Shell completions.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Cli;

/// The variable with which a shell requests completions.
const VARIABLE: &str = "BG_RUN_COMPLETE";

/// Answers a shell's request for completions; `false` if there is none.
pub(super) fn answer() -> bool {
    let words = std::env::args_os();
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    // Without an answer, the shell offers nothing.
    asked.try_complete(words, folder.as_deref()).unwrap_or(true)
}

/// Prints the script that makes the shell request completions.
pub(super) fn print(shell: Shell) -> Result<ExitCode> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let shell = shells.completer(&name).context("no such shell")?;
    let mut stdout = std::io::stdout();
    shell.write_registration(VARIABLE, "bg-run", "bg-run", "bg-run", &mut stdout)?;
    Ok(ExitCode::SUCCESS)
}
