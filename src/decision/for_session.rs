//! The decision about a call in a session. The hook, its dry run and `explain` all call these functions.

use std::io;

use super::{Call, Context, Decision, History, decide, decide_monitor};
use crate::claude::command_line::CommandLine;
use crate::claude::permissions::PermissionRules;
use crate::claude::session::{Session, UnbufferedSource};
use crate::config::{Config, Configuration, Treatment};
use crate::environment;
use crate::folders::CallSite;
use crate::history::store::{Key, Store};
use crate::history::{self, Limit, PastRuns};
use crate::programs::{Tools, ToolsOnPath};
use crate::state::log;

/// Looks up past runs. An unreadable store counts as empty, so that the call goes on.
fn known(store: Option<&io::Result<Store>>, keys: &[Key]) -> Vec<PastRuns> {
    let read = match store {
        Some(Ok(store)) => store.known(keys).map_err(|error| error.to_string()),
        Some(Err(error)) => Err(error.to_string()),
        None => return Vec::new(),
    };
    read.unwrap_or_else(|error| {
        log::error(&format!("history: it can't be read: {error}"));
        Vec::new()
    })
}

impl Session {
    /// Whether `headless` is `leave`, and this session is headless.
    pub fn leave_headless(self, config: &Config) -> bool {
        self.headless && config.headless == Treatment::Leave
    }

    /// Whether `subagents` is `leave`, and this call comes from a subagent.
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
        let permissions = || self.permissions(site, &CommandLine::from_env());
        self.decide_with(call, site, configuration, &permissions)
    }

    /// Decides by the given permission rules.
    pub fn decide_with(
        self,
        call: Call<'_>,
        site: &CallSite,
        configuration: &Configuration,
        permissions: &dyn Fn() -> PermissionRules,
    ) -> Decision {
        let store = configuration.settings.history.then(Store::own);
        let known = |keys: &[Key]| known(store.as_ref(), keys);
        let repository = || history::repository_of(site);
        let history = store.as_ref().map(|_| History {
            repository: &repository,
            known: &known,
            limit: self.limit.map_or(Limit::None, |_| Limit::InForce),
        });
        let tools = ToolsOnPath::new(site);
        let unbuffered = || self.unbuffered_by(&site.session);
        let context = Context {
            history,
            ..self.context(&configuration.settings, permissions, &unbuffered, &tools)
        };
        decide(call, &configuration.rules, &context)
    }

    /// Decides about the command of a Monitor call made at `site`.
    pub fn decide_monitor(
        self,
        command: &str,
        site: &CallSite,
        configuration: &Configuration,
    ) -> Decision {
        let permissions = || self.permissions(site, &CommandLine::from_env());
        let tools = ToolsOnPath::new(site);
        let unbuffered = || self.unbuffered_by(&site.session);
        let context = self.context(&configuration.settings, &permissions, &unbuffered, &tools);
        decide_monitor(command, &configuration.rules, &context)
    }

    /// Returns the context of a call, without its history.
    fn context<'a>(
        self,
        config: &Config,
        permissions: &'a dyn Fn() -> PermissionRules,
        unbuffered: &'a dyn Fn() -> Option<UnbufferedSource>,
        tools: &'a dyn Tools,
    ) -> Context<'a> {
        Context {
            leave_headless: self.leave_headless(config),
            leave_subagent: self.leave_subagent(config),
            no_background_tasks: environment::background_tasks_disabled(),
            switched_off: environment::switched_off(),
            permissions,
            python_unbuffered: unbuffered,
            history: None,
            tools,
        }
    }
}
