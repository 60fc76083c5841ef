//! A parsed rules file before it becomes a layer.

use std::collections::BTreeSet;

use super::file::{Action, RuleEntry, RulesFile, TextOrList};
use super::pattern::{Commands, Pattern, Patterns, Text, Texts};
use super::problem::{Position, Problem, RulesFault, position};
use super::rule::Layer;
use crate::programs::{Wrapper, WrapperSource};

/// A parsed rules file before it becomes a layer.
#[derive(Debug, Clone, Default)]
pub(super) struct ParsedLayer {
    pub(super) rules: Vec<ParsedRule>,
    pub(super) off: Vec<(String, Position)>,
    pub(super) wrappers: Vec<Wrapper>,
}

#[derive(Debug, Clone)]
pub(super) struct ParsedRule {
    pub(super) name: Text,
    /// Byte offset of its name in the file.
    pub(super) at: usize,
    pub(super) action: Option<Action>,
    pub(super) enabled: Option<bool>,
    pub(super) commands: Option<Commands>,
    pub(super) arguments: Option<Texts>,
    pub(super) patterns: Option<Patterns>,
    pub(super) without: Option<Texts>,
    pub(super) unless: Option<Patterns>,
    pub(super) reason: Option<Text>,
    pub(super) in_loop: Option<bool>,
    pub(super) time_limit_from: Option<u64>,
    pub(super) endless: Option<bool>,
    /// Total number of states of its expressions; 0 if they weren't checked.
    states: usize,
}

/// Whether a file's expressions are parsed together with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expressions {
    /// Parsed at once, so that each fault is found.
    Checked,
    /// Parsed when needed, because the file was checked before in this state.
    Known,
}

/// Maximum number of rules, wrappers and disabled names in a file. A count costs the same on every machine, unlike a
/// time limit.
const MAX_RULES: usize = 500;

/// Maximum number of expressions in a file.
const MAX_PATTERNS: usize = 300;

/// Maximum total number of states of a file's expressions.
const MAX_STATES: usize = 50_000;

impl ParsedLayer {
    /// Parses `text`, a file of `layer`. Also returns the faults, without a path.
    pub(super) fn new(text: &str, layer: &Layer, expressions: Expressions) -> (Self, Vec<Problem>) {
        let source = match layer {
            Layer::BuiltIn => WrapperSource::BuiltIn,
            Layer::User(_) => WrapperSource::User,
            Layer::Project(_) => WrapperSource::Project,
        };
        let file: RulesFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return (Self::default(), vec![Problem::from_toml(text, &error)]),
        };
        let mut problems = Vec::new();
        let mut states = 0;
        if let Some(problem) = too_many(&file) {
            return (Self::default(), vec![problem]);
        }
        let mut rules = Vec::with_capacity(file.rules.len());
        for entry in &file.rules {
            let rule = ParsedRule::new(entry, text, expressions, &mut problems);
            states += rule.states;
            if states > MAX_STATES {
                let fault = RulesFault::LargeExpressions { limit: MAX_STATES };
                problems.push(Problem::at(position(text, rule.at), &fault));
                break;
            }
            // The file is ignored anyway.
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
                problems.push(Problem::at(at, &RulesFault::Twice { rule }));
            }
        }
        let off = file.off.into_iter().map(|name| {
            let position = position(text, name.span().start);
            (name.into_inner(), position)
        });
        let off = off.collect();
        let wrappers = file.wrappers.into_iter().map(|entry| {
            let name = entry.name.into_inner();
            Wrapper::of_file(name, &entry.options_with_value, entry.operands, source)
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

/// Maximum number of reported faults per file.
const MAX_PROBLEMS: usize = 20;

fn too_many(file: &RulesFile) -> Option<Problem> {
    let count = |texts: &Option<TextOrList>| texts.as_ref().map_or(0, |texts| texts.0.len());
    let patterns = file
        .rules
        .iter()
        .map(|entry| count(&entry.r#match) + count(&entry.unless));
    let (rules, patterns) = (
        file.rules.len() + file.wrappers.len() + file.off.len(),
        patterns.sum::<usize>(),
    );
    let fault = if rules > MAX_RULES {
        RulesFault::TooManyRules {
            count: rules,
            limit: MAX_RULES,
        }
    } else if patterns > MAX_PATTERNS {
        RulesFault::TooManyExpressions {
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

impl ParsedRule {
    fn new(
        entry: &RuleEntry,
        text: &str,
        expressions: Expressions,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let texts = |texts: &Option<TextOrList>| {
            texts
                .as_ref()
                .map(|texts| texts.0.iter().cloned().map(Text::Owned).collect())
        };
        let at = entry.name.span().start;
        let name = entry.name.get_ref();
        let mut states = 0;
        let mut patterns = |sources: &Option<TextOrList>| {
            let sources = &sources.as_ref()?.0;
            let mut built = Vec::with_capacity(sources.len());
            for source in sources {
                built.push(Pattern::new(source));
                if expressions == Expressions::Known {
                    continue;
                }
                match Pattern::check(source) {
                    Ok(more) => states += more,
                    Err(error) => {
                        let inside = text.get(at..).and_then(|rest| rest.find(source.as_str()));
                        let fault = RulesFault::Expression {
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
            at,
            action: entry.action,
            enabled: entry.enabled,
            commands: texts(&entry.commands).map(Commands::new),
            arguments: texts(&entry.arguments),
            patterns: patterns(&entry.r#match),
            without: texts(&entry.without),
            unless: patterns(&entry.unless),
            reason: entry.reason.clone().map(Text::Owned),
            in_loop: entry.in_loop,
            time_limit_from: entry.time_limit_from,
            endless: entry.endless,
            states,
        }
    }
}
