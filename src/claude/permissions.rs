//! The user's permission rules. An edit must not change which of them match.
//!
//! The client checks allow, ask and deny rules on the command that the hook returns (measured, 2.1.20 to 2.1.331). An
//! edit that makes other rules match would cause a prompt for an allowed call, or run a denied one.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::parameter_rules::ParameterRule;
use super::read_rules::ReadRule;
use super::specifier::{self, is_everything, is_saved, matches};

pub use super::specifier::UNBUFFERED;

/// The list that contains a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `allow`.
    Allow,
    /// `ask` or `deny`.
    Restrict,
}

/// Origin of a specifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SpecifierSource {
    /// Whether a rule contains it literally; `false` for a specifier derived from a rule.
    is_written: bool,
    /// Whether every client reads the rule.
    is_certain: bool,
}

type Specifiers = BTreeMap<String, SpecifierSource>;

/// The source of rules: a settings file or the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOrigin {
    /// Whether every client reads it. Only then do its allow rules count.
    pub is_certain: bool,
    /// The folder that contains it.
    pub folder: Option<PathBuf>,
}

/// Maximum size in bytes of all rules that are compared.
const MAX_RULES: usize = 1024 * 1024;

/// Maximum work for the comparisons of one call, in steps of about one byte. It takes two billion
/// instructions of a debug build (measured); a test checks the limit.
const MAX_WORK: usize = 60_000_000;

/// The `Bash(…)` and `Read(…)` rules from all settings files and the client's command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionRules {
    allowed: Specifiers,
    restricted: Specifiers,
    parameters: Vec<ParameterRule>,
    reads: Vec<ReadRule>,
    /// Whether the session never asks (`bypassPermissions`).
    bypassed: bool,
    /// Whether the command line's allow rules may be ineffective.
    command_line_is_uncertain: bool,
    /// Total length of the rules in bytes.
    size: usize,
    /// The reason why there may be more rules.
    unknown: Option<String>,
}

impl PermissionRules {
    /// Adds the rules of one parsed settings.json that every client reads.
    pub fn add_settings(&mut self, settings: &Value) {
        let origin = RuleOrigin {
            is_certain: true,
            folder: None,
        };
        self.add_settings_from(settings, &origin);
    }

    /// Adds the rules of one parsed settings.json. Malformed rules are skipped, as the client does.
    pub fn add_settings_from(&mut self, settings: &Value, origin: &RuleOrigin) {
        for (name, list) in [
            ("allow", List::Allow),
            ("ask", List::Restrict),
            ("deny", List::Restrict),
        ] {
            let rules = settings
                .get("permissions")
                .and_then(|permissions| permissions.get(name))
                .and_then(Value::as_array);
            for rule in rules.into_iter().flatten().filter_map(Value::as_str) {
                self.add_from(list, rule, origin);
            }
        }
    }

    /// Adds one rule from the command line, as written: `Bash(npm test:*)`, `Bash`.
    pub fn add(&mut self, list: List, rule: &str) {
        self.add_from(list, rule, &self.command_line());
    }

    /// Adds the rules of settings given on the command line.
    pub fn add_settings_from_command_line(&mut self, settings: &Value) {
        self.add_settings_from(settings, &self.command_line());
    }

    fn command_line(&self) -> RuleOrigin {
        RuleOrigin {
            is_certain: !self.command_line_is_uncertain,
            folder: None,
        }
    }

    /// Adds a rule. Rules for tools other than Bash and Read are skipped.
    fn add_from(&mut self, list: List, rule: &str, origin: &RuleOrigin) {
        let rule = rule.trim();
        self.size += rule.len();
        if self.size > MAX_RULES {
            self.record_hidden_rules(format!("they are longer than {} KiB", MAX_RULES / 1024));
            return;
        }
        if list == List::Restrict {
            self.parameters.extend(ParameterRule::parse(rule));
            self.reads
                .extend(ReadRule::parse(rule, origin.folder.as_deref()));
        }
        let Some(written) = specifier::of(rule, "Bash") else {
            return;
        };
        let of_list = match list {
            List::Allow => &mut self.allowed,
            List::Restrict => &mut self.restricted,
        };
        let mut insert = |specifier: String, is_written: bool| {
            let standing = of_list.entry(specifier).or_insert(SpecifierSource {
                is_written,
                is_certain: origin.is_certain,
            });
            standing.is_written |= is_written;
            standing.is_certain |= origin.is_certain;
        };
        insert(written.to_owned(), true);
        if written.contains('\\') {
            for reading in specifier::unescaped(written) {
                insert(reading, false);
            }
        }
    }

    /// Records that the session runs in the mode `bypassPermissions`, in which only ask and deny rules count.
    pub fn set_bypassed(&mut self) {
        self.bypassed = true;
    }

    /// Records that allow rules added later from the command line may be ineffective.
    pub fn distrust_the_command_line(&mut self) {
        self.command_line_is_uncertain = true;
    }

    /// Records that the client may have rules that can't be read, and the reason.
    pub fn record_hidden_rules(&mut self, why: String) {
        self.unknown.get_or_insert(why);
    }

    /// Returns the reason why the client may have more rules; `None` where the list is complete.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Returns the number of distinct rules, as written. A rule in two files counts once.
    pub fn count(&self) -> usize {
        let lists = [&self.allowed, &self.restricted].into_iter();
        lists
            .flat_map(BTreeMap::values)
            .filter(|standing| standing.is_written)
            .count()
    }

    /// Returns the rules that name an inserted text, except saved ones.
    pub fn naming_edits(&self) -> Vec<&str> {
        let lists = [&self.allowed, &self.restricted].into_iter().flatten();
        let written = lists.filter(|(_, standing)| standing.is_written);
        written
            .map(|(specifier, _)| specifier.as_str())
            .filter(|specifier| {
                specifier.contains(UNBUFFERED.trim_end()) || specifier.contains("2>&1")
            })
            .filter(|specifier| !self.allowed.contains_key(*specifier) || !is_saved(specifier))
            .collect()
    }

    /// Returns an ask or deny rule whose outcome may change when the parameter `name` changes from `before` to
    /// `after`.
    pub fn telling_apart(&self, name: &str, before: Option<&str>, after: &str) -> Option<&str> {
        let mut rules = self.parameters.iter();
        let rule = rules.find(|rule| rule.tells_apart(name, before, after))?;
        Some(&rule.rule)
    }

    /// Returns the reason for not showing the file at `path`: a `Read` rule covers it in the project at `project`, or
    /// may do so.
    pub fn reason_to_withhold(&self, path: &Path, project: &Path) -> Option<String> {
        if let Some(why) = &self.unknown {
            return Some(format!("permission rules may be hidden: {why}"));
        }
        let mut rules = self.reads.iter();
        let rule = rules.find(|rule| rule.covers(path, project))?;
        Some(format!("the permission rule `{}` covers it", rule.rule))
    }

    /// Returns a comparison of texts by these rules, with a limit on its work.
    pub fn comparison(&self) -> Comparison<'_> {
        Comparison {
            rules: self,
            work: Cell::new(0),
        }
    }

    fn specifiers(&self) -> impl Iterator<Item = (List, &str)> {
        let allowed = self.allowed.keys().map(|text| (List::Allow, text.as_str()));
        let restricted = self.restricted.keys();
        allowed.chain(restricted.map(|text| (List::Restrict, text.as_str())))
    }
}

/// A comparison of texts by the rules. After [`MAX_WORK`] steps, each method returns its cautious answer.
#[derive(Debug)]
pub struct Comparison<'a> {
    rules: &'a PermissionRules,
    work: Cell<usize>,
}

impl Comparison<'_> {
    /// Whether the limit is reached, so that the answers mean nothing.
    pub fn is_exhausted(&self) -> bool {
        self.work.get() > MAX_WORK
    }

    /// Counts steps that were taken elsewhere for a comparison.
    pub fn count(&self, steps: usize) {
        self.work.set(self.work.get().saturating_add(steps));
    }

    fn readings(&self, specifier: &str, text: &str) -> specifier::Readings {
        self.count(specifier::work(specifier, text));
        specifier::readings(specifier, text)
    }

    fn is_in(&self, specifier: &str, text: &str) -> bool {
        self.count(specifier::work_of_search(specifier, text));
        specifier::is_in(specifier, text)
    }

    /// Whether any rule passes the test; always `true` at the limit.
    fn any(&self, mut answers: impl FnMut(List, &str) -> bool) -> bool {
        let mut rules = self.rules.specifiers();
        rules.any(|(list, specifier)| self.is_exhausted() || answers(list, specifier))
            || self.is_exhausted()
    }

    /// Whether a rule matches `after` but not `before`, in the same interpretation. An allow rule that begins with
    /// [`UNBUFFERED`] doesn't count, because the user saved it from a prompt that showed the edited command.
    pub fn gains_match(&self, before: &str, after: &str) -> bool {
        self.any(|list, specifier| {
            if list == List::Allow && is_saved(specifier) {
                return false;
            }
            let has = self.readings(specifier, after);
            has.contains(&true) && {
                let had = self.readings(specifier, before);
                had.iter().zip(has).any(|(had, has)| has && !had)
            }
        })
    }

    /// Whether the same rules match both texts, in every interpretation of any client version. Saved rules don't
    /// count, as in [`gains_match`](Self::gains_match).
    pub fn has_same_matches(&self, before: &str, after: &str) -> bool {
        !self.any(|list, specifier| {
            let is_free = list == List::Allow && is_saved(specifier);
            !is_free && self.readings(specifier, before) != self.readings(specifier, after)
        })
    }

    /// Whether the same rules match both texts of several commands. The client compares such texts without their
    /// redirections and here-documents too (measured, 2.1.200, 2.1.331), so no rule may be part of only one of them.
    pub fn has_same_matches_in_whole(&self, before: &str, after: &str) -> bool {
        self.has_same_matches(before, after)
            && !self
                .any(|_, specifier| self.is_in(specifier, before) != self.is_in(specifier, after))
    }

    /// Whether a rule matches `before` but not `after`. Of the allow rules, only those that contain `word` count.
    pub fn loses_match(&self, before: &str, after: &str, word: &str) -> bool {
        self.any(|list, specifier| {
            if list == List::Allow && !specifier.contains(word) {
                return false;
            }
            let had = self.readings(specifier, before);
            let has = self.readings(specifier, after);
            had.iter().zip(has).any(|(had, has)| *had && !has)
                || self.is_in(specifier, before) && !self.is_in(specifier, after)
        })
    }

    /// Whether a rule matches `text` without matching everything.
    pub fn has_specific_match(&self, text: &str) -> bool {
        self.any(|_, specifier| {
            !is_everything(specifier) && self.readings(specifier, text).contains(&true)
        })
    }

    /// Whether an allow rule matches the simple command `text` in some interpretation.
    pub fn may_allow(&self, text: &str) -> bool {
        self.may(List::Allow, text)
    }

    /// Whether an ask or deny rule matches the simple command `text` in some interpretation.
    pub fn may_restrict(&self, text: &str) -> bool {
        self.may(List::Restrict, text)
    }

    fn may(&self, wanted: List, text: &str) -> bool {
        self.any(|list, specifier| {
            self.count(specifier::work(specifier, text));
            list == wanted && matches(specifier, text)
        })
    }

    /// Whether every client version runs the simple command `text` without asking, unless an ask or deny rule matches.
    pub fn surely_allow(&self, text: &str) -> bool {
        let allows = |specifier: &String| {
            let [word_prefix, .., exact] = self.readings(specifier, text);
            is_everything(specifier) || word_prefix || exact
        };
        let mut certain = self.rules.allowed.iter();
        let allowed = certain.any(|(specifier, standing)| {
            standing.is_certain && !self.is_exhausted() && allows(specifier)
        });
        self.rules.bypassed || allowed && !self.is_exhausted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(allow: &[&str]) -> PermissionRules {
        let mut rules = PermissionRules::default();
        let allow: Vec<String> = allow.iter().map(|rule| format!("Bash({rule})")).collect();
        rules.add_settings(&json!({"permissions": {"allow": allow}}));
        rules
    }

    #[test]
    fn only_bash_rules_are_read_and_malformed_settings_skipped() {
        let mut rules = PermissionRules::default();
        for settings in [
            json!(null),
            json!([]),
            json!({"permissions": 3}),
            json!({"permissions": {"deny": [1, "Edit(x)", "BashOutput", "bash(x)"]}}),
        ] {
            rules.add_settings(&settings);
        }
        let none = PermissionRules {
            size: rules.size,
            ..PermissionRules::default()
        };
        assert_eq!(rules, none);
    }

    #[test]
    fn an_unbuffered_interpreter_changes_a_rule_that_goes_past_it() {
        let (before, after) = ("python -m pytest -x", "python -u -m pytest -x");
        for (rule, same) in [
            ("python -m pytest:*", false),
            ("python -m pytest -x", false),
            ("python -m *", false),
            ("python:*", true),
            ("python *", true),
            ("*pytest*", true),
            ("npm run build", true),
            ("*", true),
            ("python -u:*", false),
        ] {
            assert_eq!(
                rules(&[rule]).comparison().has_same_matches(before, after),
                same,
                "{rule}"
            );
        }
    }

    #[test]
    fn escapes_are_read_as_the_client_reads_them() {
        for (rule, text, matched) in [
            (
                r#"python train.py --name "x \(a\)""#,
                r#"python train.py --name "x (a)""#,
                true,
            ),
            (
                r#"python train.py "g\(*"#,
                r#"python train.py "g(1)""#,
                true,
            ),
            (r#"pytest -k "f\(x\)":*"#, r#"pytest -k "f(x)" -q"#, true),
            (r"ls a\*b", "ls a*b", true),
            (r"ls a\\(b", r"ls a\(b", true),
            (r"ls \(a", "ls b", false),
        ] {
            assert_eq!(
                rules(&[rule]).comparison().has_specific_match(text),
                matched,
                "{rule} on {text}"
            );
        }
    }

    #[test]
    fn a_rule_counts_once_in_all_interpretations() {
        for (allowed, count) in [
            (&[r"ls \(a\) \\b"][..], 1),
            (&[r"ls \(a", "ls (a"], 2),
            (&["ls (a", r"ls \(a"], 2),
            (&["ls", "ls"], 1),
            (&[], 0),
        ] {
            assert_eq!(rules(allowed).count(), count, "{allowed:?}");
        }
    }

    #[test]
    fn a_rule_saved_from_the_prompt_allows_the_edited_command() {
        let edited = "PYTHONUNBUFFERED=1 pytest -x";
        for (list, rule, gains) in [
            (List::Allow, "PYTHONUNBUFFERED=1 pytest *", false),
            (List::Allow, "PYTHONUNBUFFERED=1 pytest -x", false),
            (List::Allow, "PYTHONUNBUFFERED=1 *", true),
            (List::Allow, "PYTHONUNBUFFERED=1:*", true),
            (List::Allow, "*=1 pytest *", true),
            (List::Restrict, "PYTHONUNBUFFERED=1 pytest *", true),
            (List::Restrict, "pytest *", false),
        ] {
            let mut rules = PermissionRules::default();
            rules.add(list, &format!("Bash({rule})"));
            // The client ignores the prefix, so a rule for `pytest` matches as before.
            let gained = rules.comparison().gains_match("pytest -x", edited);
            assert_eq!(gained, gains, "{list:?} {rule}");
        }
    }

    /// Limits the work: `explain` with 5,000 such rules and a command of 20 parts took 0.2 s in a debug build.
    #[test]
    fn comparisons_stop_at_the_limit_with_cautious_answers() {
        let rules: Vec<String> = (0..5000)
            .map(|number| format!("*t*t*t*{number}*t"))
            .collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let rules = self::rules(&rules);
        let text = "timeout 900 pytest -x tests; ".repeat(20);
        let comparison = rules.comparison();
        let mut comparisons = 0;
        while comparison.has_same_matches_in_whole(&text, &text) {
            comparisons += 1;
            assert!(comparisons < 1000, "there is no limit");
        }
        assert!(comparisons > 0 && comparison.is_exhausted());
        assert!(comparison.gains_match("a", "a") && comparison.may_allow("a"));
        assert!(comparison.has_specific_match("a") && comparison.may_restrict("a"));
        assert!(!comparison.surely_allow("a"));
        let most_of_a_step = 2 * (text.len() + 1000);
        assert!(comparison.work.get() <= MAX_WORK + most_of_a_step * 10);
    }

    #[test]
    fn a_rule_for_the_pipe_end_is_seen() {
        assert!(
            rules(&["tail:*"])
                .comparison()
                .has_specific_match("tail -20")
        );
        assert!(
            rules(&["* -20"])
                .comparison()
                .has_specific_match("tail -20")
        );
        assert!(
            !rules(&["*", "pytest:*"])
                .comparison()
                .has_specific_match("tail -20")
        );
    }
}
