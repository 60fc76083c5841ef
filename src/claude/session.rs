//! The client's session that started this process.

use std::path::Path;

use super::command_line::CommandLine;
use super::permissions::PermissionRules;
use super::settings;
use super::settings_places::{Owner, Roots};
use crate::environment;
use crate::folders::CallSite;
use crate::platform::processes::Process;
use crate::platform::regular_file;
use crate::state::sessions;

/// Properties of the client's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Whether the session is `claude -p` or an SDK, with no user watching.
    pub headless: bool,
    /// Whether the call comes from a subagent.
    pub subagent: bool,
    /// Whether the session's permission mode never asks.
    pub bypasses_permissions: bool,
    /// Time in milliseconds after which the client itself moves a call to the background; `None` for a subagent.
    pub limit: Option<u64>,
    /// The place that sets `PYTHONUNBUFFERED` for every command, according to the environment and the settings.
    pub python_unbuffered: Option<UnbufferedSource>,
}

/// The place where `PYTHONUNBUFFERED` is set for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnbufferedSource {
    /// `env` of the settings.
    Settings,
    /// The session's environment file.
    SessionFile,
    /// The environment in which the client was started, or one of the other places.
    Environment,
}

impl UnbufferedSource {
    /// Returns the reason why no prefix is needed, as shown to the user.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Settings => "PYTHONUNBUFFERED is in the settings' `env` already",
            Self::SessionFile => "PYTHONUNBUFFERED is in the session's environment file already",
            Self::Environment => "PYTHONUNBUFFERED is in the environment already",
        }
    }
}

/// The line for a session's environment file.
pub const UNBUFFERED_LINE: &str = "export PYTHONUNBUFFERED=1";

/// Whether an environment file with this text contains [`UNBUFFERED_LINE`].
pub fn sets_python_unbuffered(text: &str) -> bool {
    text.lines().any(|line| line == UNBUFFERED_LINE)
}

/// Maximum size in bytes of an environment file that is read.
const MAX_ENVIRONMENT_FILE: u64 = 256 * 1024;

/// Whether a `SessionStart` hook has set the variable in the session's environment file.
fn session_file_unbuffers_python(session: &str) -> bool {
    let file = sessions::environment_file(session);
    let text = file.and_then(|file| regular_file::read(&file, MAX_ENVIRONMENT_FILE).ok());
    text.is_some_and(|text| sets_python_unbuffered(&text))
}

/// Returns the client that runs this hook.
pub fn client() -> Option<Process> {
    let parent = || Process::of(std::os::unix::process::parent_id());
    environment::claude_pid()
        .and_then(Process::of)
        .or_else(parent)
}

impl Session {
    /// Returns the session that started this process. `permission_mode` comes from the hook's input.
    pub fn from_env(subagent: bool, permission_mode: &str) -> Self {
        let is_sdk = environment::claude_entrypoint().is_some_and(|name| name.starts_with("sdk"));
        let headless = match environment::session_attended() {
            // A session of `claude --bg` is unattended by this variable even while a user is attached. A process that
            // it starts, such as `claude -p`, inherits the variable but has another entry point.
            Some(attended) => !attended && (is_sdk || environment::claude_job_dir().is_none()),
            None => is_sdk,
        };
        Self {
            headless,
            subagent,
            bypasses_permissions: permission_mode == "bypassPermissions",
            limit: if subagent {
                None
            } else {
                environment::auto_background_ms()
            },
            python_unbuffered: environment::python_unbuffered()
                .then_some(UnbufferedSource::Environment),
        }
    }

    /// Returns the session that a client would start in `project`. Hooks find the values of the settings' `env` in
    /// their environment (measured, 2.1.200 and 2.1.331).
    pub fn started_in(project: &Path) -> Self {
        let around = Self::from_env(false, "");
        let limit = settings::variable(environment::AUTO_BACKGROUND, project);
        let limit = limit.map(|variable| variable.value.trim().parse().ok().filter(|ms| *ms > 0));
        let unbuffered = settings::variable(environment::PYTHON_UNBUFFERED, project);
        Self {
            limit: limit.unwrap_or(around.limit),
            python_unbuffered: match unbuffered {
                Some(set) => (!set.value.is_empty()).then_some(UnbufferedSource::Settings),
                None => around.python_unbuffered,
            },
            ..around
        }
    }

    /// Whether a user works in the session, in the client's own terminal interface.
    pub fn is_in_terminal(self) -> bool {
        let is_cli = || environment::claude_entrypoint().is_some_and(|name| name == "cli");
        // `claude stop` ends a session of `claude --bg` as a closed terminal ends others.
        !self.headless && !self.subagent && is_cli() && environment::claude_job_dir().is_none()
    }

    /// Returns the place that sets `PYTHONUNBUFFERED` for every command of the session with this id.
    pub fn unbuffered_by(self, session: &str) -> Option<UnbufferedSource> {
        match self.python_unbuffered {
            Some(UnbufferedSource::Settings) => self.python_unbuffered,
            by => session_file_unbuffers_python(session)
                .then_some(UnbufferedSource::SessionFile)
                .or(by),
        }
    }

    /// Returns the permission rules of the project around a call and of the client's command line.
    pub fn permissions(self, site: &CallSite, command_line: &CommandLine) -> PermissionRules {
        let roots = Roots::of(site);
        let mut rules = settings::permission_rules(&roots, &|owner| {
            // Allow rules of a cloned repository count only in a trusted folder, and a headless session asked nobody
            // about trust (measured, 2.1.200 to 2.1.332).
            command_line.loads(owner) && !(self.headless && owner == Owner::Project)
        });
        command_line.add_to(&mut rules);
        if self.bypasses_permissions {
            rules.set_bypassed();
        }
        rules
    }
}
