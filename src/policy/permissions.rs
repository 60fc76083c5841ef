//! The user's permission rules, as far as an edit could change which of them match.
//!
//! The client checks allow, ask and deny rules on the command as we return it (measured, 2.1.20 to 2.1.330). An
//! edit that makes other rules match would turn an allowed call into a prompt, or a denied one into a run.

use std::collections::BTreeSet;

use serde_json::Value;

/// The `Bash(…)` rules of all settings files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionRules {
    /// Of all three lists.
    specifiers: BTreeSet<String>,
    /// Of the list `allow`.
    allowed: BTreeSet<String>,
    /// Of the lists `ask` and `deny`.
    restricted: BTreeSet<String>,
    /// The session asks nobody (`bypassPermissions`).
    bypassed: bool,
}

impl PermissionRules {
    /// Adds the rules of one parsed settings.json; what has another shape is skipped, as the client does.
    pub fn add_settings(&mut self, settings: &Value) {
        for list in ["allow", "ask", "deny"] {
            let rules = settings
                .get("permissions")
                .and_then(|p| p.get(list))
                .and_then(Value::as_array);
            for rule in rules.into_iter().flatten().filter_map(Value::as_str) {
                let Some(specifier) = specifier(rule.trim()) else {
                    continue;
                };
                let of_list = match list {
                    "allow" => &mut self.allowed,
                    _ => &mut self.restricted,
                };
                of_list.insert(specifier.to_owned());
                self.specifiers.insert(specifier.to_owned());
            }
        }
    }

    /// Notes that the session runs in the mode `bypassPermissions`, in which only ask and deny rules count.
    pub fn bypass(&mut self) {
        self.bypassed = true;
    }

    /// Whether a rule matches one of `after` that doesn't match `before` in the same reading. All are simple
    /// commands; the client is known to see through what was inserted, unless a rule spells it out.
    pub fn gain(&self, before: &str, after: &[String]) -> bool {
        self.specifiers.iter().any(|specifier| {
            let had = readings(specifier, before);
            after.iter().any(|text| {
                let has = readings(specifier, text);
                had.iter().zip(has).any(|(had, has)| has && !had)
            })
        })
    }

    /// Whether the same rules match both texts, each a simple command, in every reading of a rule that a client
    /// version might have.
    pub fn same_for(&self, before: &str, after: &str) -> bool {
        self.specifiers
            .iter()
            .all(|specifier| readings(specifier, before) == readings(specifier, after))
    }

    /// Whether a rule may have been written for this command of several parts: the client compares such a rule with
    /// the whole text (measured: exact ones, allow and deny, 2.1.20 to 2.1.330).
    pub fn name_whole(&self, source: &str) -> bool {
        let has_operator = |text: &str| text.contains(['&', '|', ';', '\n', '(', '{']);
        let source = source.trim();
        self.specifiers.iter().any(|specifier| {
            let core = specifier.trim_end_matches(":*").trim_matches(['*', ' ']);
            specifier == source
                || (has_operator(core)
                    && (source.contains(core) || readings(specifier, source).contains(&true)))
        })
    }

    /// Whether a rule matches `text` other than by matching everything.
    pub fn single_out(&self, text: &str) -> bool {
        self.specifiers
            .iter()
            .filter(|specifier| !is_everything(specifier))
            .any(|specifier| readings(specifier, text).contains(&true))
    }

    /// Whether an allow rule matches the simple command `text` in some reading.
    pub fn may_allow(&self, text: &str) -> bool {
        any_matches(&self.allowed, text)
    }

    /// Whether an ask or a deny rule matches the simple command `text` in some reading.
    pub fn may_restrict(&self, text: &str) -> bool {
        any_matches(&self.restricted, text)
    }

    /// Whether the simple command `text` runs unasked in every client version, unless an ask or a deny rule matches.
    pub fn surely_allow(&self, text: &str) -> bool {
        self.bypassed
            || self.allowed.iter().any(|specifier| {
                let [word_prefix, _, _, exact] = readings(specifier, text);
                is_everything(specifier) || word_prefix || exact
            })
    }
}

/// What stands between the parentheses of a rule for Bash; `*` where there are none.
fn specifier(rule: &str) -> Option<&str> {
    match rule.strip_prefix("Bash")? {
        "" => Some("*"),
        rest => rest.strip_prefix('(')?.strip_suffix(')'),
    }
}

fn any_matches(specifiers: &BTreeSet<String>, text: &str) -> bool {
    specifiers
        .iter()
        .any(|specifier| is_everything(specifier) || readings(specifier, text).contains(&true))
}

fn is_everything(specifier: &str) -> bool {
    matches!(specifier, "" | "*" | ":*")
}

/// As a prefix up to a word's end, as a prefix of any kind, as a pattern with `*`, and as the very text.
fn readings(specifier: &str, text: &str) -> [bool; 4] {
    let prefix = specifier
        .strip_suffix(":*")
        .or_else(|| specifier.strip_suffix(" *"));
    let rest = prefix.and_then(|prefix| text.strip_prefix(prefix));
    [
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)),
        rest.is_some(),
        specifier.contains('*') && wildcard(specifier, text),
        specifier == text,
    ]
}

/// `*` stands for any text.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
        last = part;
    }
    last.is_empty() || text.ends_with(last)
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
    fn a_rule_for_the_pipe_end_is_seen() {
        assert!(rules(&["tail:*"]).single_out("tail -20"));
        assert!(rules(&["* -20"]).single_out("tail -20"));
        assert!(!rules(&["*", "pytest:*"]).single_out("tail -20"));
    }
}
