//! The files that rules come from, laid over each other: built-in, the user's, the project's.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::borrowed;
use super::rules::{Bytes, Layer, Pattern, Patterns, Rule, Rules, Text, Texts as OwnedTexts};
use super::rules_file::{Action, RuleEntry, RulesFile, Texts};

/// The rules that are part of the program, in the format that users write.
pub const DEFAULT_RULES: &str = include_str!("default_rules.toml");

/// A fault in a rules file: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file; `None` for the built-in rules.
    pub path: Option<PathBuf>,
    /// Line and column, from 1.
    pub position: Option<(usize, usize)>,
    /// What is wrong, and the mend.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}", path.display())?,
            None => f.write_str("built-in rules")?,
        }
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Problem {
    fn at(position: Position, message: String) -> Self {
        Self {
            path: None,
            position: Some(position),
            message,
        }
    }

    /// A fault that the TOML parser found in `text`.
    pub fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        Self {
            path: None,
            position: error.span().map(|span| position(text, span.start)),
            message: error.message().to_owned(),
        }
    }
}

/// What `build.rs` made of `default_rules.toml`.
mod built_in {
    use std::borrow::Cow;

    use super::super::rules::{Bytes, Layer, Pattern, Rule, Text};
    use super::Action;

    include!(concat!(env!("OUT_DIR"), "/built_in_rules.rs"));
}

impl Rules {
    /// The built-in rules, as the build script compiled them.
    pub fn built_in() -> Self {
        Self {
            rules: built_in::RULES.to_vec(),
        }
    }

    /// Lays the rules of `text` over these. Either the whole file counts or, with a fault, none of it.
    ///
    /// # Errors
    ///
    /// Every fault found.
    pub fn add_layer(&mut self, text: &str, layer: &Layer) -> Result<(), Vec<Problem>> {
        let (compiled, mut problems) = CompiledLayer::new(text);
        let mut next = self.clone();
        problems.extend(
            next.add_compiled(compiled, layer)
                .err()
                .into_iter()
                .flatten(),
        );
        if problems.is_empty() {
            *self = next;
            return Ok(());
        }
        for problem in &mut problems {
            problem.path = layer.path().map(Path::to_owned);
        }
        Err(problems)
    }

    /// Lays rules over these; with a fault, these stay as they are.
    ///
    /// # Errors
    ///
    /// Every fault found: a name that is there twice, a rule that matches everything, one that isn't there.
    pub fn add_compiled(
        &mut self,
        compiled: CompiledLayer,
        layer: &Layer,
    ) -> Result<(), Vec<Problem>> {
        let mut next = self.clone();
        let mut problems = Vec::new();
        let mut added = Vec::with_capacity(compiled.rules.len() + next.rules.len());
        for rule in compiled.rules {
            let position = rule.position;
            if let Err(message) = next.add_rule(rule, layer, &mut added) {
                problems.push(Problem::at(position, message));
            }
        }
        added.append(&mut next.rules);
        next.rules = added;
        for (name, position) in compiled.off {
            if let Some(rule) = next.rules.iter_mut().find(|rule| rule.name == name) {
                rule.enabled = false;
                rule.lay_over(layer);
            } else {
                let message = format!(
                    "`off` names `{name}`, but there is no such rule; `bg-run rules` lists them"
                );
                problems.push(Problem::at(position, message));
            }
        }
        if problems.is_empty() {
            *self = next;
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Changes the rule of that name, else puts a new one behind those that are `added` already.
    fn add_rule(
        &mut self,
        entry: CompiledRule,
        layer: &Layer,
        added: &mut Vec<Rule>,
    ) -> Result<(), String> {
        let name = entry.name.clone();
        let known = self.rules.iter_mut().find(|rule| rule.name == name);
        if let Some(rule) = known {
            rule.lay_over(layer);
            rule.change(entry);
            return Ok(());
        }
        let mut rule = Rule {
            name: name.clone(),
            layer: layer.clone(),
            over: Vec::new(),
            action: Action::Background,
            enabled: true,
            commands: OwnedTexts::default(),
            arguments: OwnedTexts::default(),
            patterns: Patterns::default(),
            without: OwnedTexts::default(),
            unless: Patterns::default(),
            reason: Text::default(),
            in_loop: false,
        };
        rule.change(entry);
        if rule.commands.is_empty() && rule.arguments.is_empty() && rule.patterns.is_empty() {
            return Err(format!(
                "rule `{name}` would match every command; give it `commands`, `arguments` or `match`"
            ));
        }
        added.push(rule);
        Ok(())
    }
}

impl Rule {
    fn lay_over(&mut self, layer: &Layer) {
        if self.layer != *layer {
            self.over
                .push(std::mem::replace(&mut self.layer, layer.clone()));
        }
    }

    /// Takes over what `entry` says and keeps the rest.
    fn change(&mut self, entry: CompiledRule) {
        fn set<T>(field: &mut T, said: Option<T>) {
            if let Some(said) = said {
                *field = said;
            }
        }
        set(&mut self.commands, entry.commands);
        set(&mut self.arguments, entry.arguments);
        set(&mut self.without, entry.without);
        set(&mut self.patterns, entry.patterns);
        set(&mut self.unless, entry.unless);
        set(&mut self.reason, entry.reason);
        set(&mut self.action, entry.action);
        set(&mut self.in_loop, entry.in_loop);
        self.enabled = entry.enabled.unwrap_or(true);
    }
}

/// A rules file with its expressions built, before it is laid over others: what a cache can keep.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct CompiledLayer {
    rules: Vec<CompiledRule>,
    off: Vec<(String, Position)>,
}

/// Line and column, from 1.
type Position = (usize, usize);

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct CompiledRule {
    #[serde(deserialize_with = "borrowed::text")]
    name: Text,
    position: Position,
    action: Option<Action>,
    enabled: Option<bool>,
    #[serde(deserialize_with = "borrowed::some_texts")]
    commands: Option<OwnedTexts>,
    #[serde(deserialize_with = "borrowed::some_texts")]
    arguments: Option<OwnedTexts>,
    patterns: Option<Patterns>,
    #[serde(deserialize_with = "borrowed::some_texts")]
    without: Option<OwnedTexts>,
    unless: Option<Patterns>,
    #[serde(deserialize_with = "borrowed::some_text")]
    reason: Option<Text>,
    in_loop: Option<bool>,
}

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
    pub fn take_automata(&mut self) -> Vec<u8> {
        let mut blob = Vec::new();
        for bytes in self.automata() {
            bytes.move_to(&mut blob);
        }
        blob
    }

    /// Says where the blob of the automata is: in `file`, from `start` on.
    pub fn find_automata(&mut self, file: &Arc<File>, start: u64) {
        for bytes in self.automata() {
            bytes.find_in(file, start);
        }
    }

    /// Reads `text` and builds its expressions; with the faults, each without a path.
    pub fn new(text: &str) -> (Self, Vec<Problem>) {
        let file: RulesFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return (Self::default(), vec![Problem::from_toml(text, &error)]),
        };
        let mut problems = Vec::new();
        let rules = file
            .rules
            .iter()
            .map(|entry| CompiledRule::new(entry, text, &mut problems));
        let rules = rules.collect();
        let mut names = BTreeSet::new();
        for entry in &file.rules {
            let name = entry.name.get_ref();
            if !names.insert(name) {
                let message = format!("two rules are called `{name}`; rename one of them");
                problems.push(Problem::at(
                    position(text, entry.name.span().start),
                    message,
                ));
            }
        }
        let off = file.off.into_iter().map(|name| {
            let position = position(text, name.span().start);
            (name.into_inner(), position)
        });
        let off = off.collect();
        (Self { rules, off }, problems)
    }
}

impl CompiledRule {
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
                        let error = error.lines().last().unwrap_or_default().trim();
                        problems.push(Problem::at(
                            position(text, at + inside.unwrap_or(0)),
                            format!("rule `{name}`: `{source}` is no regular expression: {error}"),
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
        }
    }
}

/// Line and column of a byte, from 1.
fn position(text: &str, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Result<Rules, Vec<Problem>> {
        let mut rules = Rules::built_in();
        rules.add_layer(text, &Layer::User("/u/rules.toml".into()))?;
        Ok(rules)
    }

    #[test]
    fn the_built_in_rules_have_no_fault() {
        let mut rules = Rules::default();
        assert_eq!(rules.add_layer(DEFAULT_RULES, &Layer::BuiltIn), Ok(()));
        for rule in &rules.rules {
            assert!(!rule.reason.is_empty(), "{}", rule.name);
            for pattern in rule.patterns.iter().chain(rule.unless.iter()) {
                regex::Regex::new(pattern.as_str()).unwrap();
            }
        }
    }

    #[test]
    fn a_layer_changes_switches_off_and_adds() {
        let rules = user("off = ['training']\n[[rule]]\nname = 'rust'\naction = 'foreground'\n[[rule]]\nname = 'mine'\nmatch = '^x\\b'\n").unwrap();
        let of = |name: &str| rules.rules.iter().find(|rule| rule.name == name).unwrap();
        assert!(!of("training").enabled);
        assert_eq!(of("rust").action, Action::Foreground);
        assert!(!of("rust").commands.is_empty());
        assert_eq!(rules.rules[0].name, "mine");
    }

    #[test]
    fn faults_name_file_line_and_mend() {
        for (text, expected) in [
            (
                "[[rule]]\nname = 'a'\nmatch = [\n  'ok',\n  '(']\n",
                "/u/rules.toml:5:4: rule `a`: `(` is no regular expression",
            ),
            (
                "[[rule]]\nname = 'a'\n",
                "/u/rules.toml:2:8: rule `a` would match every command",
            ),
            ("off = ['nope']", "/u/rules.toml:1:8: `off` names `nope`"),
            (
                "[[rule]]\nname = 'a'\nmatch = 'x'\neditor = 'vi'\n",
                "/u/rules.toml:4:1: unknown field `editor`",
            ),
            ("[[rule]\n", "/u/rules.toml:1:8: "),
            (
                "[[rule]]\nname = 'a'\nmatch = 'x'\n[[rule]]\nname = 'a'\nmatch = 'y'\n",
                "two rules are called `a`",
            ),
        ] {
            let problems = user(text).unwrap_err();
            let shown = problems[0].to_string();
            assert!(shown.contains(expected), "{text}\n{shown}");
        }
    }

    #[test]
    fn a_faulty_file_leaves_the_other_layers_alone() {
        let mut rules = Rules::built_in();
        let before = rules.rules.len();
        let faulty = "off = ['rust']\n[[rule]]\nname = 'a'\nmatch = '('\n";
        assert!(rules.add_layer(faulty, &Layer::User("/u".into())).is_err());
        assert_eq!(rules.rules.len(), before);
        assert!(rules.rules.iter().all(|rule| rule.enabled));
    }
}
