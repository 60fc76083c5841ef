//! `bg-run explain`: the decision about a command, as text and as JSON.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::{diff, doctor, print};
use crate::claude::command_line::CommandLine;
use crate::claude::permissions::PermissionRules;
use crate::claude::session::Session;
use crate::config::{Configuration, Mode};
use crate::decision::{self, Call, Decision, Outcome};
use crate::environment;
use crate::folders::{self, CallSite};
use crate::history::Expectation;
use crate::hook;
use crate::rewrite::{LeftOut, PlannedEdit};
use crate::shell::{self, ParseError};
use crate::text::clean_lines;

/// Explains `command` as if it were called in `cwd`.
pub(super) fn run(command: &str, cwd: Option<PathBuf>, json: bool) -> Result<ExitCode> {
    let cwd = match cwd {
        Some(cwd) if !cwd.is_dir() => bail!("{} is not a folder", cwd.display()),
        Some(cwd) => std::path::absolute(cwd)?,
        None => std::env::current_dir().context("the current folder is gone")?,
    };
    let session = environment::claude_session_id().unwrap_or_default();
    let site = CallSite::new(&cwd).in_session(&session);
    let configuration = Configuration::load(&site, Mode::Real);
    let called = command;
    let others = &configuration.settings.chain;
    let command = &match hook::chained(others, command, &cwd) {
        Some(command) => command,
        None => bail!("a hook in `chain` refuses it: {}", print::commands(others)),
    };
    let call = Call {
        command,
        ..Call::default()
    };
    let session = Session::started_in(&site.project);
    let command_line = CommandLine::from_env();
    // The explanation must use the same rules as the decision.
    let rules = session.permissions(&site, &command_line);
    let decision = session.decide_with(call, &site, &configuration, &|| rules.clone());
    let logs = Logs::of(&decision, &site, &rules);
    let rules = PermissionSources::of(&rules, &command_line);
    print::problems(&configuration.problems);
    for word in decision::unknown_words(command) {
        eprintln!("bg-run: {}", print::outside(word));
    }
    if json {
        let explanation = Explanation {
            chained: (called != command).then_some(command),
            ..as_json(command, &decision, logs, rules)
        };
        println!("{}", serde_json::to_string_pretty(&explanation)?);
    } else {
        if called != command {
            println!(
                "{} first changes it to: {}\n",
                print::commands(others),
                print::outside(command)
            );
        }
        print!(
            "{}",
            as_text(command, &decision, &logs, &rules, session.limit)
        );
        print!("{}", at_the_limit(command, &decision, session.limit));
        if std::io::stderr().is_terminal() && !doctor::hooks_are_in_force(&site.project) {
            print::warning(
                "no hook of bg-run is registered for this project, so this happens only after `bg-run install`",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Explanation<'a> {
    decision: Outcome,
    rule: Option<&'a str>,
    reason: &'a str,
    command: &'a str,
    edits: Vec<ExplainedEdit<'a>>,
    left_out: &'a [LeftOut],
    /// Logs that the command writes itself.
    logs: Vec<PathBuf>,
    /// The expected duration, if the history was consulted.
    expected: Option<&'a Expectation>,
    permission_rules: PermissionSources,
    /// The command as hooks in `chain` changed it, if they did. The edits apply to this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    chained: Option<&'a str>,
}

/// The permission rules with which edits were compared.
#[derive(Serialize)]
struct PermissionSources {
    count: usize,
    /// Whether the client has no others.
    all_known: bool,
    /// The reason why it may have others.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    command_line: String,
}

impl PermissionSources {
    fn of(rules: &PermissionRules, command_line: &CommandLine) -> Self {
        Self {
            count: rules.count(),
            all_known: rules.unknown().is_none(),
            unknown: rules.unknown().map(str::to_owned),
            command_line: command_line.to_string(),
        }
    }
}

#[derive(Serialize)]
struct ExplainedEdit<'a> {
    kind: crate::rewrite::EditKind,
    /// Start of the edit in the original command, in bytes.
    start: usize,
    end: usize,
    delete: &'a str,
    insert: &'a str,
}

fn as_json<'a>(
    source: &'a str,
    decision: &'a Decision,
    logs: Logs,
    permission_rules: PermissionSources,
) -> Explanation<'a> {
    let edits = decision.rewrite.edits.iter().map(|planned| ExplainedEdit {
        kind: planned.kind,
        start: planned.edit.span.start,
        end: planned.edit.span.end,
        delete: deleted(source, planned),
        insert: &planned.edit.insert,
    });
    Explanation {
        decision: decision.outcome,
        rule: decision.rule.as_deref(),
        reason: &decision.reason,
        command: &decision.rewrite.command,
        edits: edits.collect(),
        left_out: &decision.rewrite.left_out,
        logs: logs.shown,
        expected: decision.expected.as_ref(),
        permission_rules,
        chained: None,
    }
}

/// Logs that the command writes itself.
struct Logs {
    shown: Vec<PathBuf>,
    /// The withheld logs, each with the reason.
    withheld: Vec<(PathBuf, String)>,
}

impl Logs {
    fn of(decision: &Decision, site: &CallSite, rules: &PermissionRules) -> Self {
        let mut logs = Self {
            shown: Vec::new(),
            withheld: Vec::new(),
        };
        for log in &decision.rewrite.own_logs {
            let log = folders::resolve(&site.cwd, log);
            match rules.reason_to_withhold(&log, &site.project) {
                Some(why) => logs.withheld.push((log, why)),
                None => logs.shown.push(log),
            }
        }
        logs
    }
}

fn deleted<'a>(source: &'a str, planned: &PlannedEdit) -> &'a str {
    let span = planned.edit.span;
    source.get(span.start..span.end).unwrap_or_default()
}

fn as_text(
    source: &str,
    decision: &Decision,
    logs: &Logs,
    rules: &PermissionSources,
    limit: Option<u64>,
) -> String {
    let headline = match decision.outcome {
        Outcome::Background => "Runs in the background",
        Outcome::Foreground => "Stays in the foreground",
        Outcome::Pass => "Left as it is",
    };
    let reason = print::outside(&decision.reason);
    let mut text = paragraph(&format!("{headline}: {reason}"));
    let rewrite = &decision.rewrite;
    if rewrite.command != source {
        text.push('\n');
        for line in diff::lines(source, &rewrite.command) {
            let (mark, line) = line.parts();
            // Writing to a string can't fail.
            let _ = writeln!(text, "  {mark} {}", clean_lines(line));
        }
    }
    let edits = rewrite.edits.iter().map(|planned| {
        let (sign, edited) = match deleted(source, planned) {
            "" => ('+', planned.edit.insert.trim()),
            deleted => ('-', deleted.trim()),
        };
        (
            format!("{sign} {edited}"),
            planned.kind.purpose().to_owned(),
        )
    });
    text.push_str(&section("Edits", &edits.collect::<Vec<_>>()));
    let left_out = rewrite
        .left_out
        .iter()
        .map(|left| (left.kind.name().to_owned(), left.why.clone()));
    text.push_str(&section("Edits left out", &left_out.collect::<Vec<_>>()));
    for log in &logs.shown {
        text.push('\n');
        text.push_str(&paragraph(&format!(
            "The command writes its own log, so that is opened: {}",
            log.display()
        )));
    }
    for (log, why) in &logs.withheld {
        text.push('\n');
        text.push_str(&paragraph(&format!(
            "The command's own log isn't opened: {}: {}",
            log.display(),
            print::outside(why)
        )));
    }
    if decision.outcome == Outcome::Background {
        text.push('\n');
        text.push_str(&paragraph(&match &rules.unknown {
            None => format!(
                "Your permission rules: {} in the settings files; {}.",
                rules.count, rules.command_line
            ),
            Some(why) => format!(
                "Your permission rules aren't all known, so the text stays as it is: {}.",
                print::outside(why)
            ),
        }));
        text.push_str(&foreground_hint(limit));
    }
    text
}

/// Returns the text about keeping a call in the foreground, with the limit.
fn foreground_hint(limit: Option<u64>) -> String {
    let off = "tell Claude to put BG_RUN=off in front of it.";
    match limit {
        None => paragraph(&format!("To keep a call in the foreground, {off}")),
        Some(limit) => {
            let keep = format!(
                "To keep a call in the foreground for its first {} s, {off}",
                seconds(limit)
            );
            let no_limit =
                "`bg-run install --no-limit` keeps Claude Code from moving calls at that time.";
            paragraph(&keep) + &paragraph(no_limit)
        }
    }
}

/// Formats a paragraph on its own lines, wrapped for the terminal.
fn paragraph(text: &str) -> String {
    print::paragraph(text, 0) + "\n"
}

fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}

/// Whether the shell may wait for a part of the command: it parses, and some of it isn't behind a `&`.
fn is_waited_for(command: &str) -> bool {
    match shell::parse(command) {
        Ok(script) => {
            let mut commands = script.simple_commands.iter();
            commands.any(|command| !command.context.asynchronous)
        }
        Err(ParseError::Syntax(_)) => false,
        // Text that can't be parsed may still be a command.
        Err(_) => true,
    }
}

/// Returns the text about the limit for a call that stays, and about moving the call at once.
fn at_the_limit(command: &str, decision: &Decision, limit: Option<u64>) -> String {
    let (false, Some(limit)) = (decision.outcome == Outcome::Background, limit) else {
        return String::new();
    };
    if !is_waited_for(command) {
        return String::new();
    }
    let limit = seconds(limit);
    let held = last_tail(command).map_or_else(String::new, |tail| {
        format!(": `| {tail}` then holds all output back until the end")
    });
    let mut text = paragraph(&format!(
        "If it runs for {limit} s, Claude Code moves it to the background, unedited{held}."
    ));
    if decision.expected.is_some() {
        text.push_str(&paragraph(
            "To move it at once, tell Claude to put BG_RUN=on in front of it, or name it in a rule of yours \
             (`bg-run rules init`).",
        ));
    }
    format!("\n{text}")
}

/// Returns the `tail` in a pipe at the end of the command.
fn last_tail(command: &str) -> Option<String> {
    let script = shell::parse(command).ok()?;
    let [.., _, last] = script.simple_commands.as_slice() else {
        return None;
    };
    let words = last.words.iter().map(|word| word.raw.as_str());
    let is_tail = last.program().as_deref() == Some("tail");
    is_tail.then(|| words.collect::<Vec<_>>().join(" "))
}

fn section(title: &str, rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let width = rows
        .iter()
        .map(|(left, _)| left.chars().count())
        .max()
        .unwrap_or_default();
    let lines = rows.iter().map(|(left, right)| {
        let right = print::paragraph(right, 2 + width + 3);
        format!("  {left:width$}   {right}\n")
    });
    format!("\n{title}:\n{}", lines.collect::<String>())
}
