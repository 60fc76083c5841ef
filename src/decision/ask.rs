//! The question about a call, as a session has it: the hook, its dry run and `explain` all ask here.

use super::{Call, Context, Decision, decide};
use crate::claude::arguments::CommandLine;
use crate::claude::permissions::PermissionRules;
use crate::claude::session::Session;
use crate::config::{Config, Configuration, Treatment};
use crate::folders::CallSite;
use crate::{environment, programs};

impl Session {
    /// Whether the settings say to leave its headless calls alone.
    pub fn leave_headless(self, config: &Config) -> bool {
        self.headless && config.headless == Treatment::Leave
    }

    /// Whether the settings say to leave its subagents' calls alone.
    pub fn leave_subagent(self, config: &Config) -> bool {
        self.subagent && config.subagents == Treatment::Leave
    }

    /// Decides about a call made at `site`.
    pub fn decide(
        self,
        call: Call<'_>,
        site: &CallSite,
        configuration: &Configuration,
    ) -> Decision {
        let permissions = || self.permissions(&site.project, &CommandLine::around());
        self.decide_with(call, configuration, &permissions)
    }

    /// The same by permission rules that the caller gives.
    pub fn decide_with(
        self,
        call: Call<'_>,
        configuration: &Configuration,
        permissions: &dyn Fn() -> PermissionRules,
    ) -> Decision {
        let context = Context {
            leave_headless: self.leave_headless(&configuration.settings),
            leave_subagent: self.leave_subagent(&configuration.settings),
            no_background_tasks: environment::background_tasks_disabled(),
            switched_off: environment::switched_off(),
            permissions,
            python_unbuffered: environment::python_unbuffered(),
            tools: &programs::text_tools,
        };
        decide(call, &configuration.rules, &context)
    }
}
