//! `bg-run install`: registers bg-run in a settings file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::apply::apply;
use super::args::LimitOptions as Options;
use super::{editors, print, skill};
use crate::claude::settings::{self, DISABLES_BACKGROUND, SettingsScope};
use crate::claude::settings_file::{self, Validation};
use crate::config::{Configuration, Mode};
use crate::folders::CallSite;
use crate::install::{EnvValues, Registration, SettingsChange, settings_env, status_line};
use crate::programs;
use crate::text;

/// The name that `--by-name` registers.
const NAME: &str = "bg-run";

/// Registers the hooks and writes their settings. For the user's scope, it also sets up the view and the editors. The
/// hooks call this program, or with `by_name` the `bg-run` on the `PATH`.
pub(super) fn install(
    options: &Options,
    by_name: bool,
    (view, with_editors): (bool, bool),
    scope: SettingsScope,
    mode: Mode,
) -> Result<ExitCode> {
    let program = if by_name {
        PathBuf::from(NAME)
    } else {
        programs::own_path()?
    };
    if !options.limit_only {
        warn_about(&program, scope);
    }
    let limit = (!options.no_limit).then_some(options.limit);
    let values = settings_env::wanted(limit, !options.no_reaper);
    let hooks = (!options.limit_only).then_some(program.as_path());
    let path = settings_path(scope)?;
    refuse_ignored_file(&path)?;
    warn_about_ignored_files(scope)?;
    let status_line = status_line::command(&program);
    let configuration = Configuration::without_rules(Mode::Real);
    let is_valid = configuration.problems.is_empty();
    let wanted = Registration {
        program: hooks,
        survive: is_valid.then_some(configuration.settings.survive),
        env: &values,
        status_line: status_line.as_deref(),
        adds_status_line: options.status_line,
    };
    let change = apply(SettingsChange::Install(wanted), &path, mode)?;
    if view && hooks.is_some() && scope == SettingsScope::User {
        skill::install(&program, mode);
    }
    if with_editors && hooks.is_some() && scope == SettingsScope::User {
        editors::set_up_all(mode);
    }
    if mode == Mode::Real {
        print_values(&values, &path);
        print_status_line(change.status_line.as_deref(), options.status_line);
        if options.no_limit {
            print_other_limits(&path)?;
        }
        if by_name && scope == SettingsScope::Project {
            print::line(format_args!(
                "Others share this file: without `{NAME}` on their PATH, they see a failed hook at every call, but the call runs"
            ));
        }
        print::line(format_args!(
            "Next: start a new session of Claude Code and let it run something long. `bg-run doctor` shows whether all \
             is well; `bg-run demo` shows it without Claude Code."
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails for a file that the client ignores completely, because changes to it would have no effect.
fn refuse_ignored_file(path: &Path) -> Result<()> {
    if let Validation::Ignored(fault) = settings_file::judge_at(path) {
        bail!(
            "{}: {fault}, and would ignore everything that bg-run adds. Nothing was changed. {} Then run `bg-run install` again",
            path.display(),
            fault.fix
        );
    }
    Ok(())
}

fn warn_about_ignored_files(but: SettingsScope) -> Result<()> {
    for scope in [
        SettingsScope::User,
        SettingsScope::Project,
        SettingsScope::Local,
    ] {
        let path = settings_path(scope)?;
        if scope != but
            && let Validation::Ignored(fault) = settings_file::judge_at(&path)
        {
            let path = path.display().to_string();
            let warning = format!("{path}: {fault}. {}", fault.fix);
            print::warning(print::outside(warning));
        }
    }
    Ok(())
}

/// Prints bg-run's values of `env`, and values that others set.
fn print_values(wanted: &EnvValues, path: &Path) {
    let settings = settings::read(path).unwrap_or_default();
    let now = |name: &str| settings.get("env").and_then(|env| env.get(name)).cloned();
    for (name, value) in wanted {
        let Some(now) = now(name) else { continue };
        if now != *value {
            print::line(format_args!(
                "`{name}` is already set to {now}; left unchanged"
            ));
        }
    }
    if let Some(by) = background_disabled_by() {
        print::line(format_args!(
            "`{DISABLES_BACKGROUND}` is set by {by}: Claude Code moves nothing to the background until you remove it"
        ));
        return;
    }
    let limit = now(crate::environment::AUTO_BACKGROUND);
    let limit = limit.and_then(|limit| limit.as_str()?.parse::<u64>().ok());
    if let Some(milliseconds) = limit {
        print::line(format_args!(
            "Claude Code 2.1.200 and newer moves calls to the background after {}",
            text::format_duration(Duration::from_millis(milliseconds))
        ));
    }
    if now(crate::environment::NO_PRESSURE_REAP).is_some_and(|value| value == "1") {
        print::line(format_args!(
            "Claude Code stops no background task when memory is short"
        ));
    }
}

/// Prints whether the status line is bg-run's, and a hint about another one.
fn print_status_line(ours: Option<&str>, is_wanted: bool) {
    match ours {
        Some(_) => print::line(format_args!(
            "Claude Code's status line shows the running task"
        )),
        None if is_wanted => print::line(format_args!(
            "`statusLine` is already set; left unchanged. In a script of yours, `bg-run statusline <<<\"$input\"` prints the running task"
        )),
        None => {}
    }
}

/// Prints the client's other files that still set the limit, if `path` doesn't.
fn print_other_limits(path: &Path) -> Result<()> {
    let sets_limit = |path: &Path| {
        let settings = settings::read(path).unwrap_or_default();
        let env = settings.get("env");
        env.is_some_and(|env| env.get(crate::environment::AUTO_BACKGROUND).is_some())
    };
    for scope in [
        SettingsScope::User,
        SettingsScope::Project,
        SettingsScope::Local,
    ] {
        let other = settings_path(scope)?;
        if other != path && sets_limit(&other) {
            print::line(format_args!(
                "{} still sets the limit: `bg-run install --scope {} --no-limit` removes one that bg-run set",
                other.display(),
                scope.name()
            ));
        }
    }
    Ok(())
}

fn background_disabled_by() -> Option<String> {
    let cwd = std::env::current_dir().ok()?;
    settings::background_disabled_by(&CallSite::new(&cwd).project)
}

pub(super) fn settings_path(scope: SettingsScope) -> Result<PathBuf> {
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    settings::path(scope, &CallSite::new(&cwd).project)
        .context("there is no home folder; set HOME or CLAUDE_CONFIG_DIR")
}

fn warn_about(program: &Path, scope: SettingsScope) {
    if program == Path::new(NAME) {
        if programs::find(NAME).is_none() {
            print::warning(format_args!(
                "there is no `{NAME}` on your PATH, so the hook won't run here"
            ));
        }
        return;
    }
    let in_target = program
        .components()
        .any(|part| part.as_os_str() == "target");
    if in_target || program.starts_with(std::env::temp_dir()) {
        print::warning(format_args!(
            "{} may vanish; `cargo install --path . --locked` installs it permanently",
            program.display()
        ));
    }
    if scope == SettingsScope::Project {
        print::warning(format_args!(
            "others share this file, and {} is a path of this machine; `bg-run install --scope project \
             --by-name` registers `{NAME}` from the PATH",
            program.display()
        ));
    }
}
