//! The layers of rules: built-in, the user's, the project's. Each layer changes the rules of the earlier ones.

use super::file::Action;
use super::parsed::{Expressions, ParsedLayer, ParsedRule};
use super::pattern::{Commands, Patterns, Text, Texts};
use super::problem::{FaultOrigin, Problem, RulesFault, position};
use super::rule::{Layer, Rule, Rules};

/// The built-in rules, in the format that users write.
pub const DEFAULT_RULES: &str = include_str!("default_rules.toml");

/// The build script's output for `default_rules.toml`.
#[expect(clippy::unreadable_literal, reason = "nobody reads them")]
mod built_in {
    use std::borrow::Cow;

    use super::super::pattern::{Commands, Matcher, Pattern, Text};
    use super::{Action, Layer, Rule};

    include!(concat!(env!("OUT_DIR"), "/built_in_rules.rs"));
}

/// Returns the names of the built-in rules.
pub(super) fn built_in_names() -> impl Iterator<Item = &'static str> {
    built_in::RULES.iter().map(|rule| &*rule.name)
}

impl Rules {
    /// Returns the built-in rules with the automata from the build script.
    pub fn built_in() -> Self {
        Self {
            all: built_in::RULES.as_slice().into(),
            wrappers: Vec::new(),
        }
    }

    /// Adds the rules of `text` as a layer. If the file has any fault, none of it counts.
    ///
    /// # Errors
    ///
    /// Returns every fault.
    pub fn add_layer(&mut self, text: &str, layer: &Layer) -> Result<(), Vec<Problem>> {
        self.lay_over(text, layer, Expressions::Checked)
    }

    /// Adds the rules of `text` as a layer. `expressions` determines when its expressions are parsed.
    ///
    /// # Errors
    ///
    /// Returns every fault.
    pub fn lay_over(
        &mut self,
        text: &str,
        layer: &Layer,
        expressions: Expressions,
    ) -> Result<(), Vec<Problem>> {
        let (parsed, mut problems) = ParsedLayer::new(text, layer, expressions);
        let mut next = self.clone();
        let mut added = Vec::with_capacity(parsed.rules.len() + next.all.len());
        let has_faults = !problems.is_empty();
        for rule in parsed.rules {
            let at = rule.at;
            // Faulty expressions have been reported; they are left out here.
            let may_lack_one = has_faults && rule.patterns.is_some();
            if let Err(fault) = next.add_rule(rule, layer, &mut added)
                && !(may_lack_one && matches!(fault, RulesFault::MatchesEverything { .. }))
            {
                problems.push(Problem::at(position(text, at), &fault));
            }
        }
        added.append(next.all.to_mut());
        next.all = added.into();
        next.wrappers.extend(parsed.wrappers);
        for (name, at) in parsed.off {
            if let Some(rule) = next.all.to_mut().iter_mut().find(|rule| rule.name == name) {
                rule.enabled = false;
                rule.lay_over(layer);
            } else {
                problems.push(Problem::at(at, &RulesFault::OffUnknown { rule: name }));
            }
        }
        if problems.is_empty() {
            *self = next;
            return Ok(());
        }
        for problem in &mut problems {
            if let Some(path) = layer.path() {
                problem.origin = FaultOrigin::File(path.to_owned());
            }
        }
        Err(problems)
    }

    /// Changes the rule with that name, or else inserts a new one after those already `added`.
    fn add_rule(
        &mut self,
        entry: ParsedRule,
        layer: &Layer,
        added: &mut Vec<Rule>,
    ) -> Result<(), RulesFault> {
        let name = entry.name.clone();
        let known = self.all.to_mut().iter_mut().find(|rule| rule.name == name);
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
            commands: Commands::default(),
            arguments: Texts::default(),
            patterns: Patterns::default(),
            without: Texts::default(),
            unless: Patterns::default(),
            reason: Text::default(),
            in_loop: false,
            time_limit_from: None,
            endless: false,
        };
        rule.change(entry);
        let is_bounded = rule.time_limit_from.is_some_and(|from| from > 0);
        if rule.commands.is_empty()
            && rule.arguments.is_empty()
            && rule.patterns.is_empty()
            && !is_bounded
        {
            let rule = name.into_owned();
            return Err(RulesFault::MatchesEverything { rule });
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

    /// Overrides the properties that `entry` sets and keeps the rest.
    fn change(&mut self, entry: ParsedRule) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
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
        set(&mut self.endless, entry.endless);
        if entry.time_limit_from.is_some() {
            self.time_limit_from = entry.time_limit_from;
        }
        self.enabled = entry.enabled.unwrap_or(true);
    }
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
        for rule in rules.iter() {
            assert!(!rule.reason.is_empty(), "{}", rule.name);
            for pattern in rule.patterns.iter().chain(rule.unless.iter()) {
                regex::Regex::new(pattern.as_str()).unwrap();
            }
        }
    }

    #[test]
    fn a_layer_changes_switches_off_and_adds() {
        let rules = user("off = ['training']\n[[rule]]\nname = 'rust'\naction = 'foreground'\n[[rule]]\nname = 'mine'\nmatch = '^x\\b'\n").unwrap();
        let of = |name: &str| rules.all.iter().find(|rule| rule.name == name).unwrap();
        assert!(!of("training").enabled);
        assert_eq!(of("rust").action, Action::Foreground);
        assert!(!of("rust").commands.is_empty());
        assert_eq!(rules.all[0].name, "mine");
    }

    #[test]
    fn the_inner_command_of_a_user_s_wrapper_is_found() {
        use crate::programs::CommandForms;
        let text = "[[wrapper]]\nname = 'our run'\noptions-with-value = ['--env']\noperands = 1\n";
        let rules = user(text).unwrap();
        for (command, moved) in [
            ("our run --env x job pytest -x", true),
            ("timeout 60 our run job pytest", true),
            ("our run pytest", false),
            ("our see job pytest", false),
        ] {
            let script = crate::shell::parse(command).unwrap();
            let forms = CommandForms::of(&script.simple_commands[0], &rules.wrappers);
            assert_eq!(rules.winner(&forms).is_some(), moved, "{command}");
        }
    }

    #[test]
    fn faults_name_file_line_and_fix() {
        for (text, expected) in [
            (
                "[[rule]]\nname = 'a'\nmatch = [\n  'ok',\n  '(']\n",
                "/u/rules.toml:5:4: rule `a`: `(` isn't a regular expression",
            ),
            (
                "[[rule]]\nname = 'a'\n",
                "/u/rules.toml:2:8: rule `a` would match every command",
            ),
            ("off = ['nope']", "/u/rules.toml:1:8: `off` names `nope`"),
            (
                "[[rule]]\nname = 'a'\nmatch = 'x'\neditor = 'vi'\n",
                "/u/rules.toml:4:1: unknown key `editor`",
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
    fn a_faulty_file_does_not_affect_other_layers() {
        let mut rules = Rules::built_in();
        let before = rules.all.len();
        let faulty = "off = ['rust']\n[[rule]]\nname = 'a'\nmatch = '('\n";
        assert!(rules.add_layer(faulty, &Layer::User("/u".into())).is_err());
        assert_eq!(rules.all.len(), before);
        assert!(rules.all.iter().all(|rule| rule.enabled));
    }
}
