//! The source that a shell of the client runs.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::platform::processes;

/// The command line and the environment with which a shell was started.
pub(super) struct ShellInvocation {
    arguments: Vec<String>,
    environment: Vec<String>,
}

impl ShellInvocation {
    pub(super) fn of(shell: u32) -> Option<Self> {
        Some(Self {
            arguments: processes::arguments(shell)?,
            environment: processes::environment(shell)?,
        })
    }

    /// Returns the command that starts the shell again.
    pub(super) fn command(&self) -> Command {
        let (program, arguments) = self
            .arguments
            .split_first()
            .map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
        let mut command = Command::new(program);
        let variables = self
            .environment
            .iter()
            .filter_map(|variable| variable.split_once('='));
        command
            .arg0(program)
            .args(arguments)
            .env_clear()
            .envs(variables);
        command
    }
}
