//! `bg-run doctor`: checks this machine and shows a fix for each problem.

mod check;
mod client;
mod configuration;
mod editor;
mod hooks;
mod program;
mod state;
mod survive;
mod view;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::check::{Check, CheckState};
use super::print;
use crate::claude::client::{self as claude, Version};
use crate::claude::hooks::sources;
use crate::claude::settings;
use crate::config::{Configuration, Mode};
use crate::folders::CallSite;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    works: bool,
    checks: Vec<Check>,
}

/// Whether Claude Code runs the hook before Bash calls in this project.
pub(super) fn hooks_are_in_force(project: &Path) -> bool {
    hooks::events_in_force(&sources(project, None)).contains("PreToolUse")
}

/// Runs all checks, or only those of the editor. It opens and changes nothing.
pub(super) fn run(json: bool, editor_only: bool) -> Result<ExitCode> {
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    let site = CallSite::new(&cwd);
    // A dry run keeps these faults unreported for the next call.
    let configuration = Configuration::load(&site, Mode::Dry);
    let mut checks = Vec::new();
    if !editor_only {
        let client = claude::program().map(|program| (claude::version_of(&program), program));
        let version: Option<Version> = client
            .as_ref()
            .and_then(|(version, _)| version.clone().ok());
        let sources = sources(&site.project, version);
        checks.extend(hooks::checks(
            &sources,
            &site,
            &configuration.settings.chain,
        ));
        checks.extend(hooks::chained(&configuration.settings.chain));
        let in_force = hooks::events_in_force(&sources);
        checks.extend(client::checks(client.as_ref(), &site));
        // A previous check has reported that nothing is moved.
        if settings::background_disabled_by(&site.project).is_none() {
            checks.push(client::limit(version, &site.project, &in_force));
        }
        checks.extend(client::values(version, &site.project));
        checks.extend(view::check(&sources, client.as_ref()));
        checks.extend(view::status_line(&sources));
        checks.extend(survive::check(&configuration.settings, &sources, version));
        checks.extend(configuration::checks(&configuration, &site));
    }
    checks.extend(editor::checks(&configuration.settings, &site.project));
    if !editor_only {
        checks.extend(state::checks(&configuration.settings));
    }
    let works = !checks
        .iter()
        .any(|check| check.state == CheckState::Failure);
    if json {
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            works,
            checks,
        };
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        show(&checks);
    }
    Ok(print::exit_code(works))
}

fn show(checks: &[Check]) {
    for check in checks {
        let sign = match check.state {
            CheckState::Ok => '✓',
            CheckState::Warning => '!',
            CheckState::Failure => '✗',
        };
        let column = |text: &str| print::paragraph(&print::outside(text), 2);
        println!("{sign} {}", column(&check.message));
        if let Some(fix) = &check.fix {
            println!("  {}", column(fix));
        }
    }
}
