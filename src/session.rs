//! The session around this process: what kind it is, and what is decided about its calls.

use std::path::Path;

use crate::claude::arguments::CommandLine;
use crate::configuration::{Config, Configuration, Treatment};
use crate::decision::{self, Call, Context, Decision};
use crate::policy::PermissionRules;
use crate::{environment, folders, programs, settings};

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

    /// Whether the settings say to leave its headless calls alone.
    pub fn leave_headless(self, config: &Config) -> bool {
        self.headless && config.headless == Treatment::Leave
    }

    /// Whether the settings say to leave its subagents' calls alone.
    pub fn leave_subagent(self, config: &Config) -> bool {
        self.subagent && config.subagents == Treatment::Leave
    }

    /// The permission rules for a call made in `cwd`.
    pub fn permissions(self, cwd: &Path, command_line: &CommandLine) -> PermissionRules {
        let mut rules = settings::permission_rules(&folders::project_dir(cwd), command_line);
        if self.bypasses_permissions {
            rules.bypass();
        }
        rules
    }

    /// Decides about a call made in `cwd`. The hook, its dry run and `explain` all ask here.
    pub fn decide(self, call: Call<'_>, cwd: &Path, configuration: &Configuration) -> Decision {
        let permissions = || self.permissions(cwd, &CommandLine::around());
        let context = Context {
            leave_headless: self.leave_headless(&configuration.config),
            leave_subagent: self.leave_subagent(&configuration.config),
            no_background_tasks: environment::background_tasks_disabled(),
            switched_off: environment::switched_off(),
            permissions: &permissions,
            python_unbuffered: environment::python_unbuffered(),
            tools: &programs::text_tools,
        };
        decision::decide(call, &configuration.rules, &context)
    }
}
