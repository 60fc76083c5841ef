//! Rules for a call's parameters, such as `Bash(timeout:600000)` and `Bash(run_in_background:*)`. The client compares
//! them with the call that the hooks return (measured in `deny` and `ask`, 2.1.200, 2.1.260, 2.1.332).

use super::specifier;

/// The parameter that sends a call to the background.
pub const RUN_IN_BACKGROUND: &str = "run_in_background";
/// The parameter that limits a call's duration, in milliseconds.
pub const TIMEOUT: &str = "timeout";

/// A rule of the form `Bash(name:value)` for a parameter that bg-run changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParameterRule {
    /// The rule's text.
    pub(super) rule: String,
    name: &'static str,
    value: String,
}

impl ParameterRule {
    /// Parses the rule if it may apply to a changed parameter.
    pub(super) fn parse(rule: &str) -> Option<Self> {
        let (name, value) = specifier::of(rule, "Bash")?.split_once(':')?;
        let letters = name.chars().filter(char::is_ascii_alphabetic);
        let letters: String = letters.collect::<String>().to_ascii_lowercase();
        let is_one_word = !name.trim().contains(char::is_whitespace);
        let name = match letters.as_str() {
            "timeout" if is_one_word => TIMEOUT,
            "runinbackground" if is_one_word => RUN_IN_BACKGROUND,
            _ => return None,
        };
        Some(Self {
            rule: rule.to_owned(),
            name,
            value: value.trim().to_owned(),
        })
    }

    /// Whether changing the parameter `name` to `after` can change the rule's outcome. It can't if the rule matches
    /// both values, or neither.
    pub(super) fn tells_apart(&self, name: &str, before: Option<&str>, after: &str) -> bool {
        /// Texts with which a client may compare a missing parameter.
        const MISSING: &[&str] = &["", "undefined", "null", "false", "120000"];
        if self.name != name || before == Some(after) {
            return false;
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'*';
        if !self.value.bytes().all(is_plain) {
            return true;
        }
        let matches = |value: &str| specifier::wildcard(self.value.split('*'), value);
        match before {
            Some(before) => matches(before) != matches(after),
            None => matches(after) || MISSING.iter().any(|value| matches(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_parameter() {
        for (rule, name) in [
            ("Bash(timeout:600000)", Some(TIMEOUT)),
            ("Bash(timeout:*)", Some(TIMEOUT)),
            ("Bash( Timeout :1)", Some(TIMEOUT)),
            ("Bash(run_in_background:true)", Some(RUN_IN_BACKGROUND)),
            ("Bash(runInBackground:*)", Some(RUN_IN_BACKGROUND)),
            ("Bash(timeout 300 npm:*)", None),
            ("Bash(npm:*)", None),
            ("Bash(command:rm)", None),
            ("Read(timeout:1)", None),
            ("Bash", None),
        ] {
            let found = ParameterRule::parse(rule).map(|rule| rule.name);
            assert_eq!(found, name, "{rule}");
        }
    }

    #[test]
    fn a_change_matters_if_only_one_value_matches() {
        let after = "7200000";
        for (value, before, matters) in [
            ("600000", Some("600000"), true),
            ("600000", Some("500000"), false),
            ("600000", None, false),
            ("7200000", None, true),
            ("7200000", Some("7200000"), false),
            ("*", Some("5"), false),
            ("*", None, true),
            ("72*", Some("5"), true),
            ("120000", None, true),
            (">5", Some("7"), true),
        ] {
            let rule = ParameterRule::parse(&format!("Bash(timeout:{value})")).unwrap();
            let found = rule.tells_apart(TIMEOUT, before, after);
            assert_eq!(found, matters, "{value} {before:?}");
            assert!(!rule.tells_apart(RUN_IN_BACKGROUND, None, "true"));
        }
        for (value, before, matters) in [
            ("true", None, true),
            ("true", Some("false"), true),
            ("true", Some("true"), false),
            ("false", Some("false"), true),
            ("false", None, true),
            ("*", None, true),
            ("yes", None, false),
        ] {
            let rule = ParameterRule::parse(&format!("Bash(run_in_background:{value})")).unwrap();
            let found = rule.tells_apart(RUN_IN_BACKGROUND, before, "true");
            assert_eq!(found, matters, "{value} {before:?}");
        }
    }
}
