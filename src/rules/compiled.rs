//! A rules file with its expressions built, before it is laid over others.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file::{Action, RuleEntry, RulesFile, Texts};
use super::pattern::{Bytes, Pattern, Patterns, Text, Texts as OwnedTexts, borrowed};
use super::problem::{Fault, Position, Problem, position};
use crate::programs::Wrapper;

/// A rules file with its expressions built, before it is laid over others: what a cache can keep.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(crate) struct CompiledLayer {
    pub(super) rules: Vec<CompiledRule>,
    pub(super) off: Vec<(String, Position)>,
    pub(super) wrappers: Vec<Wrapper>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(super) struct CompiledRule {
    #[serde(deserialize_with = "borrowed::text")]
    pub(super) name: Text,
    pub(super) position: Position,
    pub(super) action: Option<Action>,
    pub(super) enabled: Option<bool>,
    #[serde(deserialize_with = "borrowed::some_texts")]
    pub(super) commands: Option<OwnedTexts>,
    #[serde(deserialize_with = "borrowed::some_texts")]
    pub(super) arguments: Option<OwnedTexts>,
    pub(super) patterns: Option<Patterns>,
    #[serde(deserialize_with = "borrowed::some_texts")]
    pub(super) without: Option<OwnedTexts>,
    pub(super) unless: Option<Patterns>,
    #[serde(deserialize_with = "borrowed::some_text")]
    pub(super) reason: Option<Text>,
    pub(super) in_loop: Option<bool>,
    pub(super) time_limit_from: Option<u64>,
    pub(super) endless: Option<bool>,
}

/// So many rules, expressions and expressions without an automaton a file may hold. Counted, not timed: a file costs the
/// same wherever it is read.
const MAX_RULES: usize = 500;
const MAX_PATTERNS: usize = 300;
const MAX_LARGE: usize = 4;

impl CompiledLayer {
    fn automata(&mut self) -> impl Iterator<Item = &mut Bytes> {
        self.rules
            .iter_mut()
            .flat_map(|rule| [&mut rule.patterns, &mut rule.unless])
            .flatten()
            .flat_map(Cow::to_mut)
            .map(|pattern| &mut pattern.automaton)
    }

    /// Takes the automata out, into one blob.
    pub(crate) fn take_automata(&mut self) -> Vec<u8> {
        let mut blob = Vec::new();
        for bytes in self.automata() {
            bytes.move_to(&mut blob);
        }
        blob
    }

    /// Says where the blob of the automata is: in `file`, from `start` on.
    pub(crate) fn find_automata(&mut self, file: &Arc<File>, start: u64) {
        for bytes in self.automata() {
            bytes.find_in(file, start);
        }
    }

    /// Reads `text` and builds its expressions; with the faults, each without a path.
    pub(crate) fn new(text: &str) -> (Self, Vec<Problem>) {
        let file: RulesFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return (Self::default(), vec![Problem::from_toml(text, &error)]),
        };
        let mut problems = Vec::new();
        if let Some(problem) = too_many(&file) {
            return (Self::default(), vec![problem]);
        }
        let mut rules = Vec::with_capacity(file.rules.len());
        let mut large = 0;
        for entry in &file.rules {
            let rule = CompiledRule::new(entry, text, &mut problems);
            large += rule.patterns().filter(|pattern| pattern.is_large()).count();
            if large > MAX_LARGE {
                let at = position(text, entry.name.span().start);
                let rule = entry.name.get_ref().clone();
                let fault = Fault::LargeExpressions {
                    rule,
                    limit: MAX_LARGE,
                };
                problems.push(Problem::at(at, &fault));
                break;
            }
            // The file doesn't count anyway.
            if !problems.is_empty() && problems.len() >= MAX_PROBLEMS {
                break;
            }
            rules.push(rule);
        }
        let mut names = BTreeSet::new();
        for entry in &file.rules {
            let name = entry.name.get_ref();
            if !names.insert(name) {
                let at = position(text, entry.name.span().start);
                let rule = name.clone();
                problems.push(Problem::at(at, &Fault::Twice { rule }));
            }
        }
        let off = file.off.into_iter().map(|name| {
            let position = position(text, name.span().start);
            (name.into_inner(), position)
        });
        let off = off.collect();
        let wrappers = file.wrappers.into_iter().map(|entry| {
            let name = entry.name.into_inner();
            Wrapper::of_user(name, &entry.options_with_value, entry.operands)
        });
        let wrappers = wrappers.collect();
        let layer = Self {
            rules,
            off,
            wrappers,
        };
        (layer, problems)
    }
}

/// So many faults of a file are looked for.
const MAX_PROBLEMS: usize = 20;

fn too_many(file: &RulesFile) -> Option<Problem> {
    let count = |texts: &Option<Texts>| texts.as_ref().map_or(0, |texts| texts.0.len());
    let patterns = file
        .rules
        .iter()
        .map(|entry| count(&entry.r#match) + count(&entry.unless));
    let (rules, patterns) = (
        file.rules.len() + file.wrappers.len() + file.off.len(),
        patterns.sum::<usize>(),
    );
    let fault = if rules > MAX_RULES {
        Fault::TooManyRules {
            count: rules,
            limit: MAX_RULES,
        }
    } else if patterns > MAX_PATTERNS {
        Fault::TooManyExpressions {
            count: patterns,
            limit: MAX_PATTERNS,
        }
    } else {
        return None;
    };
    Some(Problem {
        position: None,
        ..Problem::at((1, 1), &fault)
    })
}

impl CompiledRule {
    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        let all = [&self.patterns, &self.unless];
        all.into_iter()
            .flatten()
            .flat_map(|patterns| patterns.iter())
    }

    fn new(entry: &RuleEntry, text: &str, problems: &mut Vec<Problem>) -> Self {
        let texts = |texts: &Option<Texts>| {
            texts
                .as_ref()
                .map(|texts| texts.0.iter().cloned().map(Text::Owned).collect())
        };
        let at = entry.name.span().start;
        let name = entry.name.get_ref();
        let mut patterns = |sources: &Option<Texts>| {
            let sources = &sources.as_ref()?.0;
            let mut built = Vec::with_capacity(sources.len());
            for source in sources {
                match Pattern::new(source) {
                    Ok(pattern) => built.push(pattern),
                    Err(error) => {
                        let inside = text.get(at..).and_then(|rest| rest.find(source.as_str()));
                        let fault = Fault::Expression {
                            rule: name.clone(),
                            expression: source.clone(),
                            why: error.lines().last().unwrap_or_default().trim().to_owned(),
                        };
                        problems.push(Problem::at(
                            position(text, at + inside.unwrap_or(0)),
                            &fault,
                        ));
                    }
                }
            }
            Some(Patterns::Owned(built))
        };
        Self {
            name: Text::Owned(name.clone()),
            position: position(text, at),
            action: entry.action,
            enabled: entry.enabled,
            commands: texts(&entry.commands),
            arguments: texts(&entry.arguments),
            patterns: patterns(&entry.r#match),
            without: texts(&entry.without),
            unless: patterns(&entry.unless),
            reason: entry.reason.clone().map(Text::Owned),
            in_loop: entry.in_loop,
            time_limit_from: entry.time_limit_from,
            endless: entry.endless,
        }
    }
}
