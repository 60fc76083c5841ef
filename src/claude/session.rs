//! The client's session around this process.

use std::path::Path;

use super::command_line::CommandLine;
use super::permissions::PermissionRules;
use super::settings;
use super::settings_places::{Owner, Roots};
use crate::state::sessions;
use crate::{environment, folders};

/// The client's kind of session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// `claude -p` or an SDK: nobody watches.
    pub headless: bool,
    /// The call comes from a subagent.
    pub subagent: bool,
    /// Its permission mode asks nobody.
    pub bypasses_permissions: bool,
    /// The client moves a call by itself after so many milliseconds; not a subagent's.
    pub limit: Option<u64>,
    /// Where `PYTHONUNBUFFERED` is set for every command, as far as the environment and the settings tell.
    pub python_unbuffered: Option<UnbufferedSource>,
}

/// The place that sets `PYTHONUNBUFFERED` for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnbufferedSource {
    /// `env` of the settings.
    Settings,
    /// The session's environment file.
    SessionFile,
    /// The environment that the client was started in, or one of the others.
    Environment,
}

impl UnbufferedSource {
    /// The reason why no prefix is needed, for people.
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

/// Whether an environment file with this text holds [`UNBUFFERED_LINE`].
pub fn sets_python_unbuffered(text: &str) -> bool {
    text.lines().any(|line| line == UNBUFFERED_LINE)
}

/// A longer environment file isn't read, in bytes.
const MAX_ENVIRONMENT_FILE: u64 = 256 * 1024;

/// Whether the environment file of the session sets the variable, as a `SessionStart` hook left it there.
fn is_in_session_file(session: &str) -> bool {
    let file = sessions::environment_file(session);
    let text = file.and_then(|file| folders::read_regular(&file, MAX_ENVIRONMENT_FILE).ok());
    text.is_some_and(|text| sets_python_unbuffered(&text))
}

impl Session {
    /// The session that this process was started in. `permission_mode` is the hook input's.
    pub fn from_env(subagent: bool, permission_mode: &str) -> Self {
        let is_sdk = environment::claude_entrypoint().is_some_and(|name| name.starts_with("sdk"));
        let headless = match environment::session_attended() {
            // A session of `claude --bg` says so even while a user is attached. What it starts itself, `claude -p` say,
            // inherits the variable and has another entry point.
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

    /// The session that would be started in `project`: with what the settings' `env` says, which hooks find in their
    /// environment (measured, 2.1.200 and 2.1.331).
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

    /// Where `PYTHONUNBUFFERED` is set for every command of the session with this id.
    pub fn unbuffered_by(self, session: &str) -> Option<UnbufferedSource> {
        match self.python_unbuffered {
            Some(UnbufferedSource::Settings) => self.python_unbuffered,
            by => is_in_session_file(session)
                .then_some(UnbufferedSource::SessionFile)
                .or(by),
        }
    }

    /// The permission rules of the project in `project` and of the client's command line.
    pub fn permissions(self, project: &Path, command_line: &CommandLine) -> PermissionRules {
        let roots = Roots::of(project);
        let mut rules = settings::permission_rules(&roots, &|owner| {
            // What a cloned repository allows counts only where the folder is trusted, and nobody was asked there
            // (measured, 2.1.200 to 2.1.332).
            command_line.loads(owner) && !(self.headless && owner == Owner::Project)
        });
        command_line.add_to(&mut rules);
        if self.bypasses_permissions {
            rules.bypass();
        }
        rules
    }
}
