//! The prediction of a call's duration. Measured durations of similar calls count most; a name is only a guess.

use super::call::History;
use super::findings::{Findings, Match};
use crate::foreground_limit::LIMIT;
use crate::history::store::Key;
use crate::history::{
    self, CallCounts, Expectation, Forecast, Level, Limit, Observation, long_or_all,
};
use crate::programs::is_quick;
use crate::rules::Rules;
use crate::shell::{self, Script};
use crate::text::{MAX_COMMAND_LENGTH, one_line};

/// Number of durations shown in a reason.
const MAX_SHOWN: usize = 3;

/// The prediction for a call, from its past runs and the name of its rule.
pub(super) struct Prediction<'a> {
    found: Option<&'a Match>,
    /// The numbers of calls elsewhere.
    counts: CallCounts,
    limit: Limit,
    keys: Vec<Key>,
    forecast: Forecast,
}

impl<'a> Prediction<'a> {
    /// Looks up the past runs of a call; `None` if nothing in it can run long.
    pub(super) fn new(
        history: &History<'_>,
        found: Option<&'a Match>,
        findings: &Findings,
    ) -> Option<Self> {
        let rule = found.map(|found| found.rule.as_str());
        let counts = CallCounts::of(rule);
        let keys = keys_of(findings, rule, history.repository);
        (!keys.is_empty()).then(|| Self {
            found,
            counts,
            limit: history.limit,
            forecast: Forecast::new(counts, &(history.known)(&keys)),
            keys,
        })
    }

    /// Whether the call is to be moved.
    pub(super) fn moves(&self) -> bool {
        self.is_likely() || self.is_guessed()
    }

    fn is_likely(&self) -> bool {
        self.forecast.probability() >= self.limit.threshold()
    }

    /// Whether the rule's name alone moves the call.
    fn is_guessed(&self) -> bool {
        let by_name = |found: &Match| moves_first_call(self.counts, found.endless, self.limit);
        self.found.is_some_and(by_name) && self.forecast.is_uncontradicted()
    }

    fn level(&self) -> Option<usize> {
        self.forecast.deciding(self.moves(), self.limit)
    }

    /// Returns the expected duration, with the durations that decided.
    pub(super) fn expectation(&self) -> Expectation {
        self.forecast.expectation(self.level())
    }

    /// Returns the reason for the decision: the durations that decided, or the rule's name.
    pub(super) fn why(&self) -> String {
        let Some(level) = self.level() else {
            return self.by_name();
        };
        let durations = format_durations(self.forecast.seen(Some(level)), self.moves());
        let kind = self.kind(level);
        if self.moves() {
            return format!("{kind} took {durations} here");
        }
        let although = self.found.map_or_else(String::new, |found| {
            format!(", although rule {} matches", found.rule)
        });
        let numbers = match self.keys.get(level) {
            Some(key) if key.level == Level::Shape as u8 && has_number(&key.text) => {
                "; numbers don't tell calls apart"
            }
            _ => "",
        };
        format!("{kind} took {durations} here{although}{numbers}")
    }

    fn by_name(&self) -> String {
        let Some(found) = self.found else {
            return "no rule matches".to_owned();
        };
        let share = self.counts.percent();
        match (self.moves(), self.is_guessed()) {
            (true, true) => found.reason.clone(),
            (true, false) => format!(
                "{}; {share:.0} of 100 such calls took {} s or longer elsewhere",
                found.reason,
                LIMIT.as_secs()
            ),
            (false, _) => format!(
                "{}, but only {share:.0} of 100 such calls took {} s or longer elsewhere",
                found.reason,
                LIMIT.as_secs()
            ),
        }
    }

    /// Describes the group of calls at a level.
    fn kind(&self, level: usize) -> String {
        let key = self.keys.get(level);
        match (key, self.found) {
            (Some(key), _) if key.level != Level::Rule as u8 => {
                format!("`{}`", one_line(&key.text, MAX_COMMAND_LENGTH))
            }
            (_, Some(found)) => format!("calls of rule {}", found.rule),
            (_, None) => "calls that no rule matches".to_owned(),
        }
    }
}

/// Whether the name of this built-in rule moves a call without past runs.
pub fn moves_first_call(counts: CallCounts, endless: bool, limit: Limit) -> bool {
    limit == Limit::None || endless || counts.is_worth_a_guess()
}

/// Formats the newest durations as a list. For a call that moves, the list includes a long one.
fn format_durations(seen: &[Observation], moves: bool) -> String {
    let mut shown: Vec<Observation> = seen.iter().take(MAX_SHOWN).copied().collect();
    if moves && !shown.iter().any(|seen| seen.is_long()) {
        let long = seen.iter().copied().find(|seen| seen.is_long());
        if let (Some(last), Some(long)) = (shown.last_mut(), long) {
            *last = long;
        }
    }
    let shown = shown.iter().map(ToString::to_string);
    shown.collect::<Vec<_>>().join(", ")
}

/// Whether a shape contains a number.
fn has_number(shape: &str) -> bool {
    shape.split(' ').any(|word| word.contains('#'))
}

fn keys_of(findings: &Findings, rule: Option<&str>, repository: impl FnOnce() -> u64) -> Vec<Key> {
    let indices = long_or_all(&findings.forms, &findings.long);
    if indices.is_empty() {
        return Vec::new();
    }
    let commands = indices
        .iter()
        .filter_map(|index| findings.forms.get(*index));
    history::keys(commands, rule, repository())
}

/// Facts about a call that follow from its command alone.
#[derive(Debug, Default)]
pub struct CallKind {
    /// The keys of its durations; empty if the command doesn't parse or can't run long.
    pub keys: Vec<Key>,
    /// The matching background rule.
    pub rule: Option<String>,
    /// Whether the command never ends by itself.
    pub endless: bool,
}

/// Returns the kind of the call `command` in the repository with this number.
pub fn kind_of(command: &str, rules: &Rules, repository: u64) -> CallKind {
    match shell::parse(command) {
        Ok(script) => kind_of_script(&script, rules, repository),
        Err(_) => CallKind::default(),
    }
}

/// Whether any program of the script may run long. This check needs no rules.
pub fn can_run_long(script: &Script) -> bool {
    let mut commands = script.simple_commands.iter();
    commands.any(|command| {
        command.program_word().is_some_and(|program| {
            let runs_another = ["eval", "exec"].contains(&program.as_ref());
            !is_quick(&program) || runs_another && command.words.len() > 1
        })
    })
}

/// Returns the kind of an already parsed command.
pub fn kind_of_script(script: &Script, rules: &Rules, repository: u64) -> CallKind {
    let findings = Findings::of(script, rules);
    let found = findings.background.as_ref();
    let rule = found.map(|found| found.rule.clone());
    CallKind {
        keys: keys_of(&findings, rule.as_deref(), || repository),
        endless: found.is_some_and(|found| found.endless),
        rule,
    }
}
