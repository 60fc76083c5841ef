//! `bg-run rules`: shows the rules in force, and creates, checks and tests the user's own.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::args::RulesCommand;
use super::print;
use crate::claude::session::Session;
use crate::config::{Configuration, Mode};
use crate::decision::moves_first_call;
use crate::folders::{self, CallSite};
use crate::history::{CallCounts, Limit};
use crate::platform::regular_file;
use crate::programs::CommandForms;
use crate::rules::{Action, FaultOrigin, Layer, Problem, Rule, Rules, lint};
use crate::shell;
use crate::text::columns;

const STARTER: &str = include_str!("starter_rules.toml");

/// JSON schemas. They are written beside the files that they describe, so that editors offer completions.
pub(super) const SCHEMAS: &[(&str, &str)] = &[
    (
        "rules.schema.json",
        include_str!("../../docs/rules.schema.json"),
    ),
    (
        "config.schema.json",
        include_str!("../../docs/config.schema.json"),
    ),
];

/// Runs one of the subcommands.
pub(super) fn run(command: RulesCommand) -> Result<ExitCode> {
    match command {
        RulesCommand::List => list(),
        RulesCommand::Path => {
            println!("{}", user_file()?.display());
            Ok(ExitCode::SUCCESS)
        }
        RulesCommand::Init => init(),
        RulesCommand::Test { command } => test(&command.join(" ")),
        RulesCommand::Check { file } => check(file),
    }
}

fn user_file() -> Result<PathBuf> {
    folders::user_rules_file().context("there is no home folder; set HOME or BG_RUN_CONFIG_DIR")
}

fn here() -> Result<CallSite> {
    let cwd = std::env::current_dir().context("the current folder is gone")?;
    Ok(CallSite::new(&cwd))
}

fn list() -> Result<ExitCode> {
    let site = here()?;
    let configuration = Configuration::load(&site, Mode::Real);
    print::problems(&configuration.problems);
    let limit = if configuration.settings.history {
        Session::started_in(&site.project).limit
    } else {
        None
    };
    let rows: Vec<Vec<String>> = configuration
        .rules
        .iter()
        .map(|rule| {
            let name = print::outside(&rule.name);
            let reason = print::outside(&rule.reason);
            vec![
                name,
                format!("{:10}", state(rule)),
                first_call(rule, limit),
                layers(rule),
                reason,
            ]
        })
        .collect();
    print!("{}", columns(&rows));
    Ok(ExitCode::SUCCESS)
}

/// Returns the time at which a rule's first call, without past runs, is moved: at once, or at the limit.
fn first_call(rule: &Rule, limit: Option<u64>) -> String {
    let is_own = rule.layer != Layer::BuiltIn;
    match (rule.enabled, rule.action, limit) {
        (false, _, _) | (_, Action::Foreground, _) => String::new(),
        (_, _, Some(milliseconds))
            if !is_own
                && !moves_first_call(
                    CallCounts::of(Some(&rule.name)),
                    rule.endless,
                    Limit::InForce,
                ) =>
        {
            let limit = Duration::from_millis(milliseconds).as_secs_f64();
            format!("from {limit} s on")
        }
        _ => "at once".to_owned(),
    }
}

/// Returns the source of a rule and the layer that it replaces: `user, over built-in`.
fn layers(rule: &Rule) -> String {
    let earlier = rule
        .over
        .iter()
        .rev()
        .map(|earlier| format!(", over {}", layer(earlier)));
    format!("{}{}", layer(&rule.layer), earlier.collect::<String>())
}

/// Shows each simple command with its rule, including commands inside `$(…)`.
fn test(command: &str) -> Result<ExitCode> {
    let configuration = Configuration::load(&here()?, Mode::Real);
    print::problems(&configuration.problems);
    let script = shell::parse(command).context("the command can't be checked")?;
    for simple in script
        .simple_commands
        .iter()
        .filter(|simple| !simple.words.is_empty())
    {
        let words: Vec<&str> = simple.words.iter().map(|word| word.raw.as_str()).collect();
        let forms = CommandForms::of(simple, &configuration.rules.wrappers);
        let verdict = match configuration.rules.winner(&forms) {
            None => "no rule".to_owned(),
            Some((rule, form)) => format!(
                "{}, by {} ({}), which matches `{}`",
                state(rule),
                rule.name,
                layers(rule),
                form.full.text
            ),
        };
        println!(
            "{}: {}",
            print::outside(words.join(" ")),
            print::outside(verdict)
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn state(rule: &Rule) -> &'static str {
    match (rule.enabled, rule.action) {
        (false, _) => "off",
        (true, Action::Background) => "background",
        (true, Action::Foreground) => "foreground",
    }
}

fn layer(layer: &Layer) -> &'static str {
    match layer {
        Layer::BuiltIn => "built-in",
        Layer::User(_) => "user",
        Layer::Project(_) => "project",
    }
}

fn init() -> Result<ExitCode> {
    let path = user_file()?;
    let why = || format!("{} can't be written", path.display());
    let folder = path.parent().with_context(why)?;
    folders::make_own(folder, 0o777).with_context(why)?;
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(STARTER.as_bytes()).with_context(why)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} already exists; left unchanged", path.display())
        }
        Err(error) => return Err(error).with_context(why),
    }
    for (name, schema) in SCHEMAS {
        fs::write(folder.join(name), schema).with_context(why)?;
    }
    println!("Wrote {}", path.display());
    Ok(ExitCode::SUCCESS)
}

fn check(file: Option<PathBuf>) -> Result<ExitCode> {
    let files = if let Some(file) = file {
        vec![file]
    } else {
        let project = folders::project_rules_file(&here()?.project);
        let mut files = vec![user_file()?, project];
        files.retain(|path| path.exists());
        files
    };
    if files.is_empty() {
        println!("There are only built-in rules; `bg-run rules init` creates a file for yours.");
    }
    let mut faults = 0;
    let mut rules = Rules::built_in();
    for file in files {
        faults += check_file(&mut rules, &file)?;
    }
    Ok(print::exit_code(faults == 0))
}

/// Maximum size in bytes of a file that is read.
const MAX_SIZE: u64 = 1024 * 1024;

fn check_file(rules: &mut Rules, file: &Path) -> Result<usize> {
    let text = regular_file::read(file, MAX_SIZE)
        .with_context(|| format!("{} can't be read", file.display()))?;
    match rules.add_layer(&text, &Layer::User(file.to_owned())) {
        Ok(()) => {
            let findings = lint(&text);
            for finding in &findings {
                let finding = Problem {
                    origin: FaultOrigin::File(file.to_owned()),
                    ..finding.clone()
                };
                eprintln!("{}", print::outside(finding));
            }
            if findings.is_empty() {
                println!("{}: no errors", file.display());
            }
            Ok(findings.len())
        }
        Err(problems) => {
            for problem in &problems {
                eprintln!("{}", print::outside(problem));
            }
            Ok(problems.len())
        }
    }
}
