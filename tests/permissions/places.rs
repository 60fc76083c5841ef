//! Rules in unusual places and forms of a settings file: `places.jsonl`, each with the client's decision without
//! bg-run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::claude::{Client, trust};
use crate::support::messages_api::{MessagesApi, Turn};
use crate::support::sandbox::{Sandbox, read};
use crate::{Fate, Rules, fate, install, sandbox};

/// The place of the rules, and the session's start folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    User,
    Project,
    Local,
    /// The local file in the Git top folder; the session starts in a subfolder.
    Top,
    /// The local file in the main checkout; the session starts in a linked worktree.
    Checkout,
}

pub(crate) const PLACES: &[Place] = &[
    Place::User,
    Place::Project,
    Place::Local,
    Place::Top,
    Place::Checkout,
];

/// The form of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    #[default]
    Plain,
    Mark,
    Surrogate,
    Infinite,
    Nested,
    Doubled,
    Escaped,
    Reversed,
    Comment,
    TrailingComma,
}

pub(crate) const FORMS: &[Form] = &[
    Form::Plain,
    Form::Plain,
    Form::Plain,
    Form::Mark,
    Form::Surrogate,
    Form::Infinite,
    Form::Nested,
    Form::Doubled,
    Form::Escaped,
    Form::Reversed,
    Form::Comment,
    Form::TrailingComma,
];

impl Form {
    fn text(self, settings: &Map<String, Value>) -> String {
        let text = Value::from(settings.clone()).to_string();
        let with = |more: &str| text.replacen('{', &format!("{{{more},"), 1);
        match self {
            Self::Plain => text,
            Self::Mark => format!("\u{feff}{text}"),
            Self::Surrogate => with(r#""note": "\ud83d""#),
            Self::Infinite => with(r#""note": 1e999"#),
            Self::Nested => with(&format!("\"note\": {}{}", "[".repeat(600), "]".repeat(600))),
            Self::Doubled => with(r#""permissions": {"deny": ["Bash(other:*)"]}"#),
            Self::Escaped => text.replace("Bash(", "\\u0042ash("),
            Self::Reversed => {
                let entries = settings.clone().into_iter().rev();
                Value::from(entries.collect::<Map<String, Value>>()).to_string()
            }
            Self::Comment => format!("{text} // note\n"),
            Self::TrailingComma => format!("{},}}", &text[..text.len() - 1]),
        }
    }
}

/// A session's settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setup {
    pub(crate) place: Place,
    pub(crate) form: Form,
    /// The rules at the place, as JSON.
    pub(crate) rules: String,
    /// Rules in the user's file, if that isn't the place.
    pub(crate) user: String,
    pub(crate) arguments: Vec<String>,
    /// Whether a program claims to drive the session.
    pub(crate) driven: bool,
    /// Whether the user trusts the folder. A project's allow rules count only in a trusted one.
    pub(crate) is_trusted: bool,
}

/// How bg-run is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    Nothing,
    /// By `bg-run install`.
    Installed,
    /// Without the settings' `env`, so that commands get a prefix.
    Prefix,
}

impl Setup {
    /// Creates all files, and returns the folder in which the session starts.
    fn prepare(&self, with: With) -> (Sandbox, PathBuf) {
        let nothing = || json!({});
        let sandbox = sandbox(&Rules {
            user: nothing(),
            project: nothing(),
            local: nothing(),
        });
        match with {
            With::Nothing => {}
            With::Prefix => install(&sandbox),
            With::Installed => {
                install(&sandbox);
                assert!(sandbox.bg_run(&["install", "--no-limit"]).status.success());
            }
        }
        let user = sandbox.home().join(".claude/settings.json");
        let mut settings: Map<String, Value> = serde_json::from_str(&read(&user)).unwrap();
        settings.insert("permissions".to_owned(), parsed(&self.user));
        std::fs::write(&user, Value::from(settings.clone()).to_string()).unwrap();
        let rules = parsed(&self.rules);
        let mut own = Map::new();
        let (file, start) = match self.place {
            Place::User => {
                own = settings;
                ("home/.claude/settings.json", "project")
            }
            Place::Project => ("project/.claude/settings.json", "project"),
            Place::Local => ("project/.claude/settings.local.json", "project"),
            Place::Top => ("project/.claude/settings.local.json", "project/sub"),
            Place::Checkout => ("project/.claude/settings.local.json", "worktree"),
        };
        own.insert("permissions".to_owned(), rules);
        sandbox.write(file, &self.form.text(&own));
        if matches!(self.place, Place::Top | Place::Checkout) {
            repository(&sandbox);
        }
        let start = sandbox.path(start);
        if self.is_trusted {
            trust(&sandbox.home(), &start);
        }
        (sandbox, start)
    }

    pub(crate) fn fates(&self, client: &Client, calls: &[Value], with: With) -> Vec<Fate> {
        let (sandbox, start) = self.prepare(with);
        let turns = calls.iter().map(|call| Turn::Bash(call.clone()));
        let api = MessagesApi::start(turns.chain([Turn::Say("done".to_owned())]).collect());
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut variables = vec![("BG_RUN_HEADLESS", "background")];
        if self.driven {
            variables.push(("CLAUDE_CODE_ENTRYPOINT", "sdk-py"));
        }
        client.run_headless_until_in(&start, &sandbox, &api, &arguments, &variables, calls.len());
        let results = api.tool_results();
        assert_eq!(results.len(), calls.len(), "{self:?}: {results:?}");
        results.iter().map(fate).collect()
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Creates a repository in the project, with a linked worktree beside it.
fn repository(sandbox: &Sandbox) {
    let git = |arguments: &[&str]| {
        let mut command: Command = sandbox.command("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b.c"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "x", "sub/x", "app/x"]);
    git(&["commit", "--quiet", "--message", "first"]);
    git(&["worktree", "add", "--quiet", "../worktree"]);
}

#[derive(Deserialize)]
struct Case {
    place: Place,
    #[serde(default)]
    form: Form,
    rules: Value,
    #[serde(default)]
    user: Value,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    driven: bool,
    command: String,
    #[serde(default)]
    input: Map<String, Value>,
    expect: Fate,
    clients: Vec<String>,
}

#[test]
fn rules_in_unusual_places_decide_as_without_bg_run() {
    let mut sessions: BTreeMap<(String, Setup), Vec<Case>> = BTreeMap::new();
    for line in include_str!("places.jsonl").lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        for version in case.clients.clone() {
            let setup = Setup {
                place: case.place,
                form: case.form,
                rules: case.rules.to_string(),
                user: if case.user.is_null() {
                    "{}".to_owned()
                } else {
                    case.user.to_string()
                },
                arguments: case.arguments.clone(),
                // Clients run by Node hide their command line anyway.
                driven: case.driven && version != "2.1.90",
                is_trusted: true,
            };
            let again: Case = serde_json::from_str(line).unwrap();
            sessions.entry((version, setup)).or_default().push(again);
        }
    }
    let (mut pairs, mut wrong) = (0, Vec::new());
    for ((version, setup), cases) in &sessions {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let calls: Vec<Value> = cases
            .iter()
            .map(|case| {
                let mut input = case.input.clone();
                input.insert("command".to_owned(), case.command.clone().into());
                input.into()
            })
            .collect();
        let (installed, prefix) = std::thread::scope(|scope| {
            let prefix = scope.spawn(|| setup.fates(&client, &calls, With::Prefix));
            (
                setup.fates(&client, &calls, With::Installed),
                prefix.join().unwrap(),
            )
        });
        for (case, found) in cases.iter().zip(installed.iter().zip(&prefix)) {
            pairs += 2;
            if *found.0 != case.expect || *found.1 != case.expect {
                wrong.push(format!(
                    "{version}: {:?} became {found:?}: {:?} with {setup:?}",
                    case.expect, case.command
                ));
            }
        }
    }
    println!(
        "rules in odd places: {pairs} pairs of a command and rules, {} differences",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
