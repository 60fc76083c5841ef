//! Finds probable mistakes in a rules file: rules that match nothing, and names similar to a built-in rule's.

use std::collections::BTreeSet;

use super::file::{RuleEntry, RulesFile};
use super::layers::built_in_names;
use super::problem::{Problem, position};
use crate::programs;
use crate::text::nearest;

/// Returns the findings in `text`, without a path. A file that doesn't parse has none here.
pub fn lint(text: &str) -> Vec<Problem> {
    let Ok(file) = toml::from_str::<RulesFile>(text) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for entry in &file.rules {
        let name = entry.name.get_ref();
        let at = position(text, entry.name.span().start);
        let messages = commands(entry)
            .chain(contradiction(entry))
            .chain(near_name(name));
        findings
            .extend(messages.map(|message| Problem::at(at, &format!("rule `{name}`: {message}"))));
    }
    findings
}

fn commands(entry: &RuleEntry) -> impl Iterator<Item = String> {
    let commands = entry.commands.iter().flat_map(|texts| &texts.0);
    commands.filter_map(|command| fault_of(command).map(|why| format!("`{command}` {why}")))
}

/// Returns the reason why no command can begin with these words.
fn fault_of(command: &str) -> Option<String> {
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let first = words.first().map(String::as_str).unwrap_or_default();
    if words.iter().any(String::is_empty) {
        return Some(
            "has an empty word, which no command has; leave one blank between words".to_owned(),
        );
    }
    let is_assignment = first.split_once('=').is_some_and(|(name, _)| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    if is_assignment {
        return Some("begins with an assignment; rules see commands without them".to_owned());
    }
    if command.contains(['|', ';', '&', '>', '<', '\n', '(', ')']) {
        return Some("is more than one command; rules see each by itself".to_owned());
    }
    if command.contains(['*', '?', '[', '\'', '"', '`', '$']) {
        return Some(
            "contains a pattern or a quote; `commands` are plain words, `match` takes expressions"
                .to_owned(),
        );
    }
    let inner = programs::inner_of(&words)?;
    Some(format!(
        "begins with a wrapper, which rules see through; write `{inner}`"
    ))
}

/// Returns a message if `without` contains a word that every entry of `commands` requires.
fn contradiction(entry: &RuleEntry) -> Option<String> {
    let without: BTreeSet<&str> = entry
        .without
        .iter()
        .flat_map(|texts| texts.0.iter().map(String::as_str))
        .collect();
    let commands = &entry.commands.as_ref()?.0;
    let excluded = |command: &String| {
        command
            .split(' ')
            .skip(1)
            .find(|word| without.contains(word))
            .map(str::to_owned)
    };
    let words: Option<Vec<String>> = commands.iter().map(excluded).collect();
    let word = words?.into_iter().next()?;
    Some(format!(
        "`without` excludes `{word}`, which `commands` requires; it never matches"
    ))
}

fn near_name(name: &str) -> Option<String> {
    let mut names = built_in_names();
    if names.any(|built_in| built_in == name) {
        return None;
    }
    let near = nearest(name, built_in_names())?;
    Some(format!(
        "it is a new rule; did you mean the built-in `{near}`?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_cannot_match_anything_are_found() {
        for (rule, expected) in [
            ("commands = ['FOO=1 pytest']", "assignment"),
            ("commands = ['timeout 60 pytest']", "write `pytest`"),
            ("commands = ['sudo -E make']", "write `make`"),
            ("commands = ['uv run pytest']", "write `pytest`"),
            ("commands = ['pytest *']", "`match` takes expressions"),
            ("commands = ['cd a && pytest']", "more than one command"),
            ("commands = ['pytest  -x']", "empty word"),
            ("commands = ['']", "empty word"),
            (
                "commands = ['make all']\nwithout = ['all']",
                "never matches",
            ),
            ("commands = ['make all', 'make x']\nwithout = ['all']", ""),
            ("commands = ['make all']\nwithout = ['x']", ""),
            ("commands = ['./run.sh']", ""),
            ("commands = ['docker compose up']", ""),
            ("match = 'a*'", ""),
        ] {
            let found = lint(&format!("[[rule]]\nname = 'mine'\n{rule}\n"));
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            if expected.is_empty() {
                assert!(shown.is_empty(), "{rule}: {shown:?}");
            } else {
                assert!(
                    shown.len() == 1 && shown[0].contains(expected),
                    "{rule}: {shown:?}"
                );
            }
        }
    }

    #[test]
    fn a_name_similar_to_a_built_in_one_is_found() {
        for (name, found) in [
            ("python-test", true),
            ("python-tests", false),
            ("my-own", false),
        ] {
            let text = format!("[[rule]]\nname = '{name}'\nmatch = 'x'\n");
            assert_eq!(!lint(&text).is_empty(), found, "{name}");
        }
    }

    #[test]
    fn the_built_in_rules_have_no_such_fault() {
        let found = lint(super::super::DEFAULT_RULES);
        assert!(found.is_empty(), "{found:#?}");
    }
}
