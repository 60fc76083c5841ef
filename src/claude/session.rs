//! The client's session around this process.

use std::path::Path;

use super::arguments::CommandLine;
use super::permissions::PermissionRules;
use super::settings;
use crate::environment;

/// The client's kind of session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// `claude -p` or an SDK: nobody watches.
    pub headless: bool,
    /// The call comes from a subagent.
    pub subagent: bool,
    /// Its permission mode asks nobody.
    pub bypasses_permissions: bool,
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
        }
    }

    /// The permission rules of the project in `project` and of the client's command line.
    pub fn permissions(self, project: &Path, command_line: &CommandLine) -> PermissionRules {
        let mut rules = settings::permission_rules(project);
        command_line.add_to(&mut rules);
        if self.bypasses_permissions {
            rules.bypass();
        }
        rules
    }
}
