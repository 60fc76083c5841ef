//! Where nobody said where a call runs: what was measured of its like decides, names only guess.

use super::findings::Findings;
use super::{Call, Context, Outcome, Verdict, verdict};
use crate::history::store::{Key, Known};
use crate::history::{CallKeys, Expectation, Limit, expect, long_or_all};
use crate::programs::is_quick;
use crate::rules::Rules;
use crate::shell::{self, Script, SimpleCommand};
use crate::text::{SHOWN, one_line};

/// What was measured in a repository.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// Its number.
    pub repository: u64,
    /// What is known of each key; called only for a call about which nobody said where it runs.
    pub known: &'a dyn Fn(&[Key]) -> Vec<Known>,
    /// Whether the client moves by itself what takes long.
    pub limit: Limit,
}

/// So many durations are told.
const TOLD: usize = 3;

/// The user's and the project's rules decide, and built-in ones that ask for the foreground. A built-in one that asks for
/// the background decides where nothing is known of it here; else what was measured does.
pub(super) fn judge(
    call: Call<'_>,
    context: &Context<'_>,
    script: &Script,
    findings: &Findings,
) -> Verdict {
    let found = findings.background.as_ref();
    let rule = found.map(|found| found.rule.clone());
    let background = |reason: String, expected| Verdict {
        rule: rule.clone(),
        targets: findings.targets(script, &[]),
        expected,
        ..verdict(Outcome::Background, reason)
    };
    match (found, &findings.foreground) {
        (Some(found), _) if found.is_own || call.run_in_background => {
            return background(found.reason.clone(), None);
        }
        (None, Some(found)) => {
            return Verdict {
                rule: Some(found.rule.clone()),
                ..verdict(Outcome::Foreground, found.reason.clone())
            };
        }
        (None, None) if call.run_in_background => {
            return background("the call asks for the background itself".to_owned(), None);
        }
        _ => {}
    }
    let ruled = || match found {
        Some(found) => background(found.reason.clone(), None),
        None => verdict(Outcome::Pass, findings.short.unwrap_or("no rule matches")),
    };
    let Some(history) = context.history.filter(|_| findings.short.is_none()) else {
        return ruled();
    };
    let keys = keys_of(findings, rule.as_deref(), history.repository);
    if keys.is_empty() {
        return ruled();
    }
    let known = (history.known)(&keys);
    let expected = expect(rule.as_deref(), &known);
    let goes = expected.probability >= history.limit.threshold();
    let told = expected.seconds.iter().take(TOLD).copied();
    let told = told.map(duration).collect::<Vec<_>>().join(", ");
    let name = keys.get(expected.level).map_or("", |key| &key.text);
    let name = one_line(name, SHOWN);
    match (found, known.first()) {
        (Some(_), None) => ruled(),
        (Some(found), Some(known)) if known.observations.is_empty() => {
            background(found.reason.clone(), Some(expected))
        }
        _ if goes => background(format!("`{name}` took {told} here"), Some(expected)),
        _ => Verdict {
            expected: Some(expected.clone()),
            ..verdict(
                Outcome::Pass,
                stays(&expected, rule.as_deref(), &name, &told),
            )
        },
    }
}

fn stays(expected: &Expectation, rule: Option<&str>, name: &str, told: &str) -> String {
    match (expected.observations, rule) {
        (0, _) => "no rule matches".to_owned(),
        (_, None) => format!("`{name}` took {told} here"),
        (_, Some(rule)) => format!("`{name}` took {told} here, although rule {rule} matches"),
    }
}

/// `2.1 s`, `140 s`, `95 min`.
fn duration(seconds: f32) -> String {
    match seconds {
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 600.0 => format!("{seconds:.0} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

fn keys_of(findings: &Findings, rule: Option<&str>, repository: u64) -> Vec<Key> {
    let indices = long_or_all(&findings.views, &findings.long);
    let commands = indices
        .iter()
        .filter_map(|index| findings.views.get(*index));
    CallKeys::of(commands, rule, repository).keys
}

/// What is known of a call by its command alone.
#[derive(Debug, Default)]
pub struct Kind {
    /// What its duration is kept under; nothing where it doesn't parse or can't run long.
    pub keys: Vec<Key>,
    /// The background rule that matches.
    pub rule: Option<String>,
    /// It doesn't end by itself.
    pub endless: bool,
}

/// What kind of call `command` is, in the repository of this number.
pub fn kind_of(command: &str, rules: &Rules, repository: u64) -> Kind {
    match shell::parse(command) {
        Ok(script) => kind_of_script(&script, rules, repository),
        Err(_) => Kind::default(),
    }
}

/// Whether one of the script's programs is none that ends at once. Asked before any rule is read.
pub fn can_run_long(script: &Script) -> bool {
    let mut programs = script
        .simple_commands
        .iter()
        .filter_map(SimpleCommand::program_word);
    programs.any(|program| !is_quick(&program))
}

/// The same of a command that is parsed.
pub fn kind_of_script(script: &Script, rules: &Rules, repository: u64) -> Kind {
    let findings = Findings::of(script, rules);
    let found = findings.background.as_ref();
    let rule = found.map(|found| found.rule.clone());
    Kind {
        keys: keys_of(&findings, rule.as_deref(), repository),
        endless: found.is_some_and(|found| found.endless),
        rule,
    }
}
