//! The prediction of a call's duration if no rule or override of the user decides. Measured durations of similar calls
//! count most; a name is only a guess.

use super::call::{Call, Context, History};
use super::findings::{Findings, Match};
use super::verdict::{Outcome, Verdict, verdict};
use crate::foreground_limit::LIMIT;
use crate::history::store::Key;
use crate::history::{self, Expectation, Forecast, Level, Limit, Observation, Share, long_or_all};
use crate::programs::is_quick;
use crate::rules::Rules;
use crate::shell::{self, Script, SimpleCommand};
use crate::text::{SHOWN, one_line};

/// Number of durations shown in a reason.
const MAX_SHOWN: usize = 3;

/// Decides whether a call runs in the background. The rules of the user and the project decide first, then built-in
/// rules that request the foreground. A built-in rule that requests the background decides until a short call
/// contradicts it. Otherwise the measured durations decide.
pub(super) fn judge(
    call: Call<'_>,
    context: &Context<'_>,
    script: &Script,
    (findings, rules): (&Findings, &Rules),
) -> Verdict {
    let found = findings.background.as_ref();
    let background = |reason: String, expected| Verdict {
        rule: found.map(|found| found.rule.clone()),
        targets: findings.targets(script, &[]),
        expected,
        ..verdict(Outcome::Background, reason)
    };
    match (found, &findings.foreground) {
        (Some(found), _) if found.is_own || call.run_in_background => {
            return background(found.reason.clone(), None);
        }
        (None, Some(found)) => return foreground(found),
        (None, None) if call.run_in_background => {
            return background("the call asks for the background itself".to_owned(), None);
        }
        _ => {}
    }
    let history = match findings.short {
        None => context.history,
        Some(_) => None,
    };
    let asked = history.and_then(|history| HistoryLookup::new(&history, found, findings));
    let stays = || asked.as_ref()?.moves().then(|| findings.stays(rules))?;
    if let Some(found) = found.is_none().then(stays).flatten() {
        return foreground(&found);
    }
    match (asked, found) {
        (Some(asked), _) if asked.moves() => background(asked.why(), Some(asked.expectation())),
        (Some(asked), _) => Verdict {
            expected: Some(asked.expectation()),
            ..verdict(Outcome::Pass, asked.why())
        },
        (None, Some(found)) => background(found.reason.clone(), None),
        (None, None) => verdict(Outcome::Pass, findings.short.unwrap_or("no rule matches")),
    }
}

fn foreground(found: &Match) -> Verdict {
    Verdict {
        rule: Some(found.rule.clone()),
        ..verdict(Outcome::Foreground, found.reason.clone())
    }
}

/// Past runs of a call and the forecast from them.
struct HistoryLookup<'a> {
    found: Option<&'a Match>,
    /// The share of long calls elsewhere.
    share: Share,
    limit: Limit,
    keys: Vec<Key>,
    forecast: Forecast,
}

impl<'a> HistoryLookup<'a> {
    /// Looks them up; `None` if nothing in the call can run long.
    fn new(history: &History<'_>, found: Option<&'a Match>, findings: &Findings) -> Option<Self> {
        let rule = found.map(|found| found.rule.as_str());
        let share = Share::of(rule);
        let keys = keys_of(findings, rule, history.repository);
        (!keys.is_empty()).then(|| Self {
            found,
            share,
            limit: history.limit,
            forecast: Forecast::new(share, &(history.known)(&keys)),
            keys,
        })
    }

    fn moves(&self) -> bool {
        self.is_likely() || self.is_guessed()
    }

    fn is_likely(&self) -> bool {
        self.forecast.probability() >= self.limit.threshold()
    }

    /// Whether the rule's name alone moves it.
    fn is_guessed(&self) -> bool {
        let by_name = |found: &Match| guesses(self.share, found.endless, self.limit);
        self.found.is_some_and(by_name) && self.forecast.name_stands()
    }

    fn level(&self) -> Option<usize> {
        self.forecast.deciding(self.moves(), self.limit)
    }

    fn expectation(&self) -> Expectation {
        self.forecast.expectation(self.level())
    }

    /// Returns the reason for the decision: the durations that decided, or the rule's name.
    fn why(&self) -> String {
        let Some(level) = self.level() else {
            return self.by_name();
        };
        let told = told(self.forecast.seen(Some(level)), self.moves());
        let kind = self.kind(level);
        if self.moves() {
            return format!("{kind} took {told} here");
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
        format!("{kind} took {told} here{although}{numbers}")
    }

    fn by_name(&self) -> String {
        let Some(found) = self.found else {
            return "no rule matches".to_owned();
        };
        let share = self.share.percent();
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
                format!("`{}`", one_line(&key.text, SHOWN))
            }
            (_, Some(found)) => format!("calls of rule {}", found.rule),
            (_, None) => "calls that no rule matches".to_owned(),
        }
    }
}

/// Whether the name of this built-in rule moves a call without past runs.
pub fn guesses(share: Share, endless: bool, limit: Limit) -> bool {
    limit == Limit::None || endless || share.is_worth_a_guess()
}

/// Lists the newest durations. For a call that moves, the list includes a long one.
fn told(seen: &[Observation], moves: bool) -> String {
    let mut told: Vec<Observation> = seen.iter().take(MAX_SHOWN).copied().collect();
    if moves && !told.iter().any(|seen| seen.is_long()) {
        let long = seen.iter().copied().find(|seen| seen.is_long());
        if let (Some(last), Some(long)) = (told.last_mut(), long) {
            *last = long;
        }
    }
    let told = told.iter().map(ToString::to_string);
    told.collect::<Vec<_>>().join(", ")
}

/// Whether a shape contains a number.
fn has_number(shape: &str) -> bool {
    shape.split(' ').any(|word| word.contains('#'))
}

fn keys_of(findings: &Findings, rule: Option<&str>, repository: impl FnOnce() -> u64) -> Vec<Key> {
    let indices = long_or_all(&findings.views, &findings.long);
    if indices.is_empty() {
        return Vec::new();
    }
    let commands = indices
        .iter()
        .filter_map(|index| findings.views.get(*index));
    history::keys(commands, rule, repository())
}

/// Facts about a call that follow from its command alone.
#[derive(Debug, Default)]
pub struct Kind {
    /// The keys of its durations; empty if the command doesn't parse or can't run long.
    pub keys: Vec<Key>,
    /// The matching background rule.
    pub rule: Option<String>,
    /// Whether it never ends by itself.
    pub endless: bool,
}

/// Returns the kind of the call `command` in the repository with this number.
pub fn kind_of(command: &str, rules: &Rules, repository: u64) -> Kind {
    match shell::parse(command) {
        Ok(script) => kind_of_script(&script, rules, repository),
        Err(_) => Kind::default(),
    }
}

/// Whether any program of the script may run long. This check needs no rules.
pub fn can_run_long(script: &Script) -> bool {
    let mut programs = script
        .simple_commands
        .iter()
        .filter_map(SimpleCommand::program_word);
    programs.any(|program| !is_quick(&program))
}

/// Returns the kind of an already parsed command.
pub fn kind_of_script(script: &Script, rules: &Rules, repository: u64) -> Kind {
    let findings = Findings::of(script, rules);
    let found = findings.background.as_ref();
    let rule = found.map(|found| found.rule.clone());
    Kind {
        keys: keys_of(&findings, rule.as_deref(), || repository),
        endless: found.is_some_and(|found| found.endless),
        rule,
    }
}
