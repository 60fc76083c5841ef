//! The user's permission rules, as far as an edit could change which of them match.
//!
//! The client checks allow, ask and deny rules on the command as we return it (measured, 2.1.20 to 2.1.331). An
//! edit that makes other rules match would turn an allowed call into a prompt, or a denied one into a run.

use std::collections::BTreeMap;

use serde_json::Value;

/// What makes Python print at once, in front of a command. The client sees through it.
pub const UNBUFFERED: &str = "PYTHONUNBUFFERED=1 ";

/// The list of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `allow`.
    Allow,
    /// `ask` or `deny`.
    Restrict,
}

/// What rules match, each with whether it stands so in a rule: `false` for what is read between its lines.
type Specifiers = BTreeMap<String, bool>;

/// The `Bash(…)` rules of all settings files and of the client's command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionRules {
    allowed: Specifiers,
    restricted: Specifiers,
    /// The session asks nobody (`bypassPermissions`).
    bypassed: bool,
    /// Why there may be more of them.
    unknown: Option<String>,
}

impl PermissionRules {
    /// Adds the rules of one parsed settings.json; what has another shape is skipped, as the client does.
    pub fn add_settings(&mut self, settings: &Value) {
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
                self.add(list, rule);
            }
        }
    }

    /// Adds one rule, as it is written: `Bash(npm test:*)`, `Bash`. One for another tool is skipped.
    pub fn add(&mut self, list: List, rule: &str) {
        let Some(specifier) = specifier(rule.trim()) else {
            return;
        };
        let of_list = match list {
            List::Allow => &mut self.allowed,
            List::Restrict => &mut self.restricted,
        };
        of_list.insert(specifier.to_owned(), true);
        if specifier.contains('\\') {
            for reading in unescaped(specifier) {
                of_list.entry(reading).or_insert(false);
            }
        }
    }

    /// Notes that the session runs in the mode `bypassPermissions`, in which only ask and deny rules count.
    pub fn bypass(&mut self) {
        self.bypassed = true;
    }

    /// Notes that the client may have rules that can't be read, and why.
    pub fn may_be_more(&mut self, why: String) {
        self.unknown = Some(why);
    }

    /// Why the client may have rules that aren't here; `None` where these are all.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// How many there are, as they are written: one that stands in two files counts once.
    pub fn count(&self) -> usize {
        let lists = [&self.allowed, &self.restricted].into_iter();
        lists
            .flat_map(BTreeMap::values)
            .filter(|&&is_written| is_written)
            .count()
    }

    /// The rules that name what is put into a command, but for saved ones.
    pub fn naming_edits(&self) -> Vec<&str> {
        let lists = [&self.allowed, &self.restricted].into_iter().flatten();
        let written = lists.filter(|(_, is_written)| **is_written);
        written
            .map(|(specifier, _)| specifier.as_str())
            .filter(|specifier| {
                specifier.contains(UNBUFFERED.trim_end()) || specifier.contains("2>&1")
            })
            .filter(|specifier| !self.allowed.contains_key(*specifier) || !is_saved(specifier))
            .collect()
    }

    /// Whether a rule matches `after` that doesn't match `before` in the same reading. An allow rule that begins
    /// with [`UNBUFFERED`] was saved from a prompt that showed the edited command: that one may.
    pub fn gain(&self, before: &str, after: &str) -> bool {
        let gains = |specifier: &String| {
            let had = readings(specifier, before);
            let has = readings(specifier, after);
            had.iter().zip(has).any(|(had, has)| has && !had)
        };
        self.restricted.keys().any(gains)
            || self
                .allowed
                .keys()
                .any(|specifier| gains(specifier) && !is_saved(specifier))
    }

    /// Whether the same rules match both texts in every reading of a rule that a client version might have; but for
    /// saved ones, as in [`gain`](Self::gain).
    pub fn same_for(&self, before: &str, after: &str) -> bool {
        !self.gain(before, after)
            && self
                .specifiers()
                .filter(|specifier| !is_saved(specifier))
                .all(|specifier| readings(specifier, before) == readings(specifier, after))
    }

    /// The same for texts of several commands, which the client compares without their redirections and
    /// here-documents, too (measured, 2.1.200, 2.1.331): so no rule may be in one of them only.
    pub fn same_for_whole(&self, before: &str, after: &str) -> bool {
        let is_in = |specifier: &str, text: &str| {
            let core = specifier.strip_suffix(":*").unwrap_or(specifier);
            wildcard([""].into_iter().chain(core.split('*')).chain([""]), text)
        };
        self.same_for(before, after)
            && self
                .specifiers()
                .all(|specifier| is_in(specifier, before) == is_in(specifier, after))
    }

    /// Whether a rule matches `text` other than by matching everything.
    pub fn single_out(&self, text: &str) -> bool {
        self.specifiers()
            .filter(|specifier| !is_everything(specifier))
            .any(|specifier| matches(specifier, text))
    }

    /// Whether an allow rule matches the simple command `text` in some reading.
    pub fn may_allow(&self, text: &str) -> bool {
        self.allowed
            .keys()
            .any(|specifier| matches(specifier, text))
    }

    /// Whether an ask or a deny rule matches the simple command `text` in some reading.
    pub fn may_restrict(&self, text: &str) -> bool {
        self.restricted
            .keys()
            .any(|specifier| matches(specifier, text))
    }

    /// Whether the simple command `text` runs unasked in every client version, unless an ask or a deny rule matches.
    pub fn surely_allow(&self, text: &str) -> bool {
        self.bypassed
            || self.allowed.keys().any(|specifier| {
                let [word_prefix, .., exact] = readings(specifier, text);
                is_everything(specifier) || word_prefix || exact
            })
    }

    fn specifiers(&self) -> impl Iterator<Item = &String> {
        self.allowed.keys().chain(self.restricted.keys())
    }
}

/// What stands between the parentheses of a rule for Bash; `*` where there are none.
fn specifier(rule: &str) -> Option<&str> {
    match rule.strip_prefix("Bash")? {
        "" => Some("*"),
        rest => rest.strip_prefix('(')?.strip_suffix(')'),
    }
}

/// The specifier without the escapes that the client puts into what it saves (measured, 2.1.90 to 2.1.331: `\(` and
/// `\)`).
fn unescaped(specifier: &str) -> impl Iterator<Item = String> {
    let parentheses = specifier.replace("\\(", "(").replace("\\)", ")");
    let all = parentheses.replace("\\\\", "\\");
    [parentheses, all].into_iter()
}

fn matches(specifier: &str, text: &str) -> bool {
    is_everything(specifier) || readings(specifier, text).contains(&true)
}

fn is_everything(specifier: &str) -> bool {
    matches!(specifier, "" | "*" | ":*")
}

/// Whether the specifier names a command behind [`UNBUFFERED`].
fn is_saved(specifier: &str) -> bool {
    specifier
        .strip_prefix(UNBUFFERED)
        .is_some_and(|rest| !rest.starts_with(['*', ':', ' ']) && !rest.is_empty())
}

/// As a prefix up to a word's end, as a prefix of any kind, as the text that a prefix is, as a pattern with `*`, as one
/// in which `\*` is a plain star, and as the very text.
fn readings(specifier: &str, text: &str) -> [bool; 6] {
    let prefix = specifier
        .strip_suffix(":*")
        .or_else(|| specifier.strip_suffix(" *"));
    let rest = prefix.and_then(|prefix| text.strip_prefix(prefix));
    let has_star = specifier.contains('*');
    [
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)),
        rest.is_some(),
        rest == Some(""),
        has_star && wildcard(specifier.split('*'), text),
        has_star && specifier.contains('\\') && {
            let parts = split_at_stars(specifier);
            wildcard(parts.iter().map(String::as_str), text)
        },
        specifier == text,
    ]
}

/// The texts between the stars; a star or a backslash behind a backslash is an ordinary character.
fn split_at_stars(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match (c, chars.peek()) {
            ('*', _) => {
                parts.push(String::new());
                continue;
            }
            ('\\', Some('*' | '\\')) => chars.next().unwrap_or(c),
            _ => c,
        };
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// Whether `text` is these parts with any text between them.
fn wildcard<'a>(mut parts: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(last) => text.ends_with(last),
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
    fn only_bash_rules_are_read_and_odd_settings_skipped() {
        let mut rules = PermissionRules::default();
        for settings in [
            json!(null),
            json!([]),
            json!({"permissions": 3}),
            json!({"permissions": {"deny": [1, "Read(x)", "BashOutput", "bash(x)"]}}),
        ] {
            rules.add_settings(&settings);
        }
        assert_eq!(rules, PermissionRules::default());
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
            assert_eq!(rules(&[rule]).same_for(before, after), same, "{rule}");
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
            assert_eq!(rules(&[rule]).single_out(text), matched, "{rule} on {text}");
        }
    }

    #[test]
    fn a_rule_counts_once_however_it_is_read() {
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
    fn what_the_prompt_saved_allows_the_edited_command() {
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
            // The client sees through the prefix, so a rule for `pytest` matches as before.
            let gained = rules.gain("pytest -x", edited);
            assert_eq!(gained, gains, "{list:?} {rule}");
        }
    }

    #[test]
    fn a_rule_for_the_pipe_end_is_seen() {
        assert!(rules(&["tail:*"]).single_out("tail -20"));
        assert!(rules(&["* -20"]).single_out("tail -20"));
        assert!(!rules(&["*", "pytest:*"]).single_out("tail -20"));
    }
}
