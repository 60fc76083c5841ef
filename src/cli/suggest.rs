//! Suggestions for an unknown word.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Other programs' words for bg-run's subcommands.
const SYNONYMS: &[(&str, &str)] = &[
    ("list", "tasks"),
    ("ls", "tasks"),
    ("ps", "tasks"),
    ("jobs", "tasks"),
    ("status", "tasks"),
    ("log", "logs"),
    ("kill", "stop"),
    ("end", "stop"),
    ("follow", "tail"),
    ("show", "open"),
    ("view", "open"),
    ("why", "explain"),
    ("test", "explain"),
    ("check", "doctor"),
    ("diagnose", "doctor"),
    ("setup", "install"),
    ("init", "install"),
    ("register", "install"),
    ("remove", "uninstall"),
    ("settings", "config"),
    ("try", "demo"),
    ("completion", "completions"),
    ("version", "--version"),
];

/// Adds the probably intended subcommand to the error if clap found none.
pub(super) fn with_suggestion(mut error: Error) -> Error {
    let suggested = ContextKind::SuggestedSubcommand;
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, meant)) = SYNONYMS.iter().find(|(other, _)| other == word)
    {
        let meant = ContextValue::Strings(vec![(*meant).to_owned()]);
        error.insert(suggested, meant);
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn suggestions_name_existing_subcommands() {
        let cli = Cli::command();
        let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
        for (other, meant) in SYNONYMS {
            assert!(!names.contains(other), "{other} is a subcommand");
            let is_there = names.contains(meant) || *meant == "--version";
            assert!(is_there, "{other} means {meant}, which isn't there");
        }
    }
}
