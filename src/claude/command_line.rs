//! The client's own command line, which can contain permission rules too.
//!
//! A hook is a child of the client, or of the shell through which older clients start it (measured, 2.1.20 to
//! 2.1.331). The native client's arguments can be read. A client run by Node overwrites them with its title (2.1.20, 2.1.90).

use std::fmt;
use std::path::Path;

use super::permissions::{List, PermissionRules};
use super::settings_file::{self, Validation};
use super::settings_places::Owner;
use crate::environment;
use crate::platform::processes;
use crate::shell::base_name;

/// The client's command line, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// No client started this process, so there is no command line.
    NoClient,
    /// The arguments, and the folder to which relative paths among them refer.
    Read {
        /// The arguments without the program's name.
        arguments: Vec<String>,
        /// The folder; empty where it isn't known.
        folder: std::path::PathBuf,
    },
    /// A client exists, but its arguments can't be read, for this reason.
    Hidden(String),
}

/// Options that take rules, each with the list to which the rules belong. All words up to the next option are values.
const RULES: &[(&str, List)] = &[
    ("--allowedTools", List::Allow),
    ("--allowed-tools", List::Allow),
    ("--disallowedTools", List::Restrict),
    ("--disallowed-tools", List::Restrict),
];

/// Options whose value is a settings file or the text of one.
const SETTINGS: &[&str] = &["--settings", "--managed-settings"];

/// The option that lists the owners whose settings files are loaded.
const SOURCES: &str = "--setting-sources";

/// Options that let another program answer permission requests. That program may examine the command's text.
const DECIDING_OPTIONS: &[&str] = &["--permission-prompt-tool", "--input-format=stream-json"];

/// Shells through which a client may start a hook.
const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "ash", "busybox"];

/// Maximum number of ancestors that are examined to find the client: the hook's parent, or the parent of a shell around
/// it.
const MAX_GENERATIONS: usize = 3;

impl CommandLine {
    /// Reads the command line of the client that started this hook.
    pub fn from_env() -> Self {
        let around = match environment::claude_pid() {
            Some(pid) => AncestorProcess::read(pid).map_or_else(
                || Self::Hidden(UNREADABLE.to_owned()),
                |client| Self::of(&client),
            ),
            None => {
                AncestorProcess::client_around().map_or(Self::NoClient, |client| Self::of(&client))
            }
        };
        match environment::claude_entrypoint() {
            // The program that drives the session can add rules and answer for the user at any time.
            Some(entrypoint)
                if entrypoint.starts_with("sdk-")
                    && entrypoint != "sdk-cli"
                    && around != Self::NoClient =>
            {
                Self::Hidden(
                    "a program drives this session, and it may have rules of its own".to_owned(),
                )
            }
            _ => around,
        }
    }

    fn of(client: &AncestorProcess) -> Self {
        let Some(arguments) = client.arguments() else {
            return Self::Hidden(UNREADABLE.to_owned());
        };
        let attended = environment::claude_entrypoint().as_deref() == Some("claude-vscode");
        if !attended && decides_elsewhere(&arguments) {
            return Self::Hidden(
                "a program answers this session's permission questions".to_owned(),
            );
        }
        Self::Read {
            arguments,
            folder: processes::folder(client.pid).unwrap_or_default(),
        }
    }

    /// Adds the command line's rules to `rules`, or records that there may be more.
    pub fn add_to(&self, rules: &mut PermissionRules) {
        match self {
            Self::NoClient => {}
            Self::Hidden(why) => rules.record_hidden_rules(why.clone()),
            Self::Read { arguments, folder } => {
                for (list, rule) in rules_of(arguments) {
                    rules.add(list, &rule);
                }
                for value in values_of(arguments, SETTINGS) {
                    let (settings, is_whole) = match settings_of(&value, folder) {
                        Validation::Accepted(settings) => (settings, true),
                        Validation::Ignored(fault) => (fault.settings.unwrap_or_default(), false),
                        Validation::Unknown { partial, .. } => (partial, false),
                    };
                    rules.add_settings_from_command_line(&settings);
                    if !is_whole || settings.is_null() {
                        rules.record_hidden_rules(format!(
                            "the settings on Claude Code's command line can't be read: {value}"
                        ));
                    }
                }
            }
        }
    }

    /// Whether the client loads this owner's settings files, which `--setting-sources` can exclude.
    pub fn loads(&self, owner: Owner) -> bool {
        let Self::Read { arguments, .. } = self else {
            return true;
        };
        let name = match owner {
            Owner::User => "user",
            Owner::Project => "project",
            Owner::Local => "local",
            Owner::Managed => return true,
        };
        let is_source = |argument: &String| argument.split('=').next() == Some(SOURCES);
        let mut values = values_of(arguments, &[SOURCES]).into_iter();
        !arguments.iter().any(is_source)
            || values.any(|value| value.split(',').any(|source| source.trim() == name))
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClient => {
                f.write_str("a session may add some on its command line (`--allowedTools`)")
            }
            Self::Read { .. } => {
                f.write_str("those on Claude Code's command line are read as well")
            }
            Self::Hidden(why) => write!(
                f,
                "there may be more, because {why}: bg-run moves a call without editing it"
            ),
        }
    }
}

const UNREADABLE: &str = "Claude Code's command line can't be read";

fn decides_elsewhere(arguments: &[String]) -> bool {
    let joined = arguments
        .windows(2)
        .map(|pair| format!("{}={}", pair[0], pair[1]));
    let all = arguments.iter().cloned().chain(joined);
    all.into_iter().any(|argument| {
        let name = argument.split('=').next().unwrap_or_default();
        DECIDING_OPTIONS.contains(&argument.as_str()) || DECIDING_OPTIONS.contains(&name)
    })
}

/// Returns the words after each of these options, up to the next option.
fn values_of(arguments: &[String], options: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut wanted = false;
    for argument in arguments {
        if argument.starts_with("--")
            && let Some((name, value)) = argument.split_once('=')
        {
            wanted = options.contains(&name);
            values.extend(wanted.then(|| value.to_owned()));
        } else if argument.starts_with("--") {
            wanted = options.contains(&argument.as_str());
        } else if wanted {
            values.push(argument.clone());
        }
    }
    values
}

fn rules_of(arguments: &[String]) -> Vec<(List, String)> {
    RULES
        .iter()
        .flat_map(|(option, list)| {
            let values = values_of(arguments, &[option]);
            let rules: Vec<String> = values.iter().flat_map(|value| split_tools(value)).collect();
            rules.into_iter().map(|rule| (*list, rule))
        })
        .collect()
}

/// Splits a list of tools at commas and blanks outside parentheses. The result includes the whole text too, because
/// clients read nested parentheses differently.
fn split_tools(text: &str) -> Vec<String> {
    let mut tools = vec![text.to_owned()];
    let (mut tool, mut inside) = (String::new(), false);
    for c in text.chars() {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            ',' | ' ' if !inside => {
                tools.push(std::mem::take(&mut tool));
                continue;
            }
            _ => {}
        }
        tool.push(c);
    }
    tools.push(tool);
    tools
}

fn settings_of(value: &str, folder: &Path) -> Validation {
    if value.trim_start().starts_with('{') {
        settings_file::judge(value.as_bytes())
    } else {
        settings_file::judge_at(&folder.join(value))
    }
}

/// A process, as far as the system describes it.
struct AncestorProcess {
    pid: u32,
    words: Vec<String>,
}

impl AncestorProcess {
    /// Finds the nearest ancestor that is a client, with nothing but shells in between.
    fn client_around() -> Option<Self> {
        let mut pid = std::os::unix::process::parent_id();
        for _ in 0..MAX_GENERATIONS {
            let process = Self::read(pid)?;
            if process.is_client() {
                return Some(process);
            }
            let program = process.words.first().map(|word| base_name(word))?;
            if !SHELLS.contains(&program.trim_start_matches('-')) {
                return None;
            }
            pid = processes::parent(pid)?;
        }
        None
    }

    fn read(pid: u32) -> Option<Self> {
        let words = processes::arguments(pid)?;
        Some(Self { pid, words })
    }

    fn is_client(&self) -> bool {
        let mut words = self.words.iter().take(2);
        words.next().is_some_and(|word| {
            matches!(base_name(word), "claude" | "claude.exe") || word.contains(PACKAGE)
        }) || words.next().is_some_and(|word| {
            word.contains(PACKAGE) || (base_name(word) == "claude" && !word.starts_with('-'))
        })
    }

    /// The client's arguments; `None` where they can't be read.
    fn arguments(&self) -> Option<Vec<String>> {
        // A title has overwritten the arguments.
        if self.words.len() > 1 && self.words.iter().skip(1).all(String::is_empty) {
            return None;
        }
        Some(self.words.iter().skip(1).cloned().collect())
    }
}

/// Name of the client's npm package, as part of a path.
const PACKAGE: &str = "claude-code";

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn options_carry_rules() {
        let arguments = words(&[
            "-p",
            "go",
            "--allowedTools",
            "Bash(npm run build:*)",
            "Edit,Bash(a b),Bash(c(d))",
            "--model",
            "Bash(no)",
            "--disallowed-tools=Bash(python -m pytest:*) Read",
        ]);
        let rules = rules_of(&arguments);
        let texts = |wanted: List| -> Vec<&str> {
            rules
                .iter()
                .filter(|(list, rule)| *list == wanted && rule.starts_with("Bash"))
                .map(|(_, rule)| rule.as_str())
                .collect()
        };
        for rule in ["Bash(npm run build:*)", "Bash(a b)", "Bash(c(d))"] {
            assert!(texts(List::Allow).contains(&rule), "{rule}: {rules:?}");
        }
        assert!(texts(List::Restrict).contains(&"Bash(python -m pytest:*)"));
        assert!(!rules.iter().any(|(_, rule)| rule == "Bash(no)"));
    }

    #[test]
    fn settings_are_a_file_or_their_text() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("more.json"),
            r#"{"permissions": {"deny": ["Bash(tail:*)"]}}"#,
        )
        .unwrap();
        for (value, known, matches) in [
            ("more.json", true, true),
            (r#"{"permissions": {"deny": ["Bash(tail:*)"]}}"#, true, true),
            ("{}", true, false),
            ("missing.json", false, false),
            ("{", false, false),
        ] {
            let mut rules = PermissionRules::default();
            CommandLine::Read {
                arguments: words(&["--settings", value]),
                folder: folder.path().to_owned(),
            }
            .add_to(&mut rules);
            assert_eq!(rules.unknown().is_none(), known, "{value}");
            assert_eq!(
                rules.comparison().may_restrict("tail -5"),
                matches,
                "{value}"
            );
        }
    }

    #[test]
    fn a_client_is_known_by_its_name() {
        let process = |text: &[&str]| AncestorProcess {
            pid: 1,
            words: words(text),
        };
        for (text, client) in [
            (&["claude"][..], true),
            (&["/home/x/.local/bin/claude", "-p", "go"], true),
            (&["node", "/x/@anthropic-ai/claude-code/cli.js"], true),
            (&["node", "/usr/local/bin/claude"], true),
            (&["/x/claude-code-linux-x64/claude"], true),
            (&["bash", "-c", "bg-run hook"], false),
            (&["cargo", "test", "claude"], false),
            (&["target/debug/deps/hook-1"], false),
        ] {
            assert_eq!(process(text).is_client(), client, "{text:?}");
        }
        assert_eq!(process(&["claude", "", ""]).arguments(), None);
        assert_eq!(process(&["claude"]).arguments(), Some(Vec::new()));
    }

    #[test]
    fn other_programs_that_decide_are_detected() {
        for (text, elsewhere) in [
            (&["-p", "--permission-prompt-tool", "mcp__x__y"][..], true),
            (&["--permission-prompt-tool=stdio"], true),
            (&["--input-format", "stream-json"], true),
            (&["--input-format=stream-json"], true),
            (&["--output-format", "stream-json"], false),
            (&["--input-format", "text"], false),
            (&[], false),
        ] {
            assert_eq!(decides_elsewhere(&words(text)), elsewhere, "{text:?}");
        }
    }
}
