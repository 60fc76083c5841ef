//! The client's session around this process.

use std::path::Path;

use super::arguments::CommandLine;
use super::permissions::PermissionRules;
use super::places::{Owner, Surroundings};
use super::settings;
use crate::environment;

/// The client's kind of session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of a session"
)]
pub struct Session {
    /// `claude -p` or an SDK: nobody watches.
    pub headless: bool,
    /// The call comes from a subagent.
    pub subagent: bool,
    /// Its permission mode asks nobody.
    pub bypasses_permissions: bool,
    /// The client moves a call by itself after so many milliseconds; not a subagent's.
    pub limit: Option<u64>,
    /// `PYTHONUNBUFFERED` reaches every command.
    pub python_unbuffered: bool,
}

impl Session {
    /// The session that this process was started in. `permission_mode` is the hook input's.
    pub fn around(subagent: bool, permission_mode: &str) -> Self {
        let headless = match environment::session_attended() {
            Some(attended) => !attended,
            None => environment::claude_entrypoint()
                .is_some_and(|entrypoint| entrypoint.starts_with("sdk")),
        };
        Self {
            headless,
            subagent,
            bypasses_permissions: permission_mode == "bypassPermissions",
            limit: environment::auto_background_ms().filter(|_| !subagent),
            python_unbuffered: environment::python_unbuffered(),
        }
    }

    /// The session that would be started in `project`: with what the settings' `env` says, which hooks find in their
    /// environment (measured, 2.1.200 and 2.1.331).
    pub fn started_in(project: &Path) -> Self {
        let around = Self::around(false, "");
        let limit = settings::variable(environment::AUTO_BACKGROUND, project);
        let limit = limit.map(|variable| variable.value.trim().parse().ok().filter(|ms| *ms > 0));
        let unbuffered = settings::variable(environment::PYTHON_UNBUFFERED, project);
        Self {
            limit: limit.unwrap_or(around.limit),
            python_unbuffered: unbuffered
                .map_or(around.python_unbuffered, |set| !set.value.is_empty()),
            ..around
        }
    }

    /// The permission rules of the project in `project` and of the client's command line.
    pub fn permissions(self, project: &Path, command_line: &CommandLine) -> PermissionRules {
        let around = Surroundings::of(project);
        let mut rules = settings::permission_rules(&around, &|owner| {
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
