//! Rules in odd places and odd forms of a settings file: `places.jsonl`, each with what the client does without bg-run, and
//! generated ones. `BG_RUN_PLACE_PAIRS` says how many of those (150), `BG_RUN_PLACE_SEED` which.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use proptest::test_runner::{RngAlgorithm, TestRng};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::generated::rand_like::Random;
use crate::generated::{self, number};
use crate::support::claude::{Client, trust};
use crate::support::messages_api::{MessagesApi, Turn};
use crate::support::sandbox::{Sandbox, read};
use crate::{Fate, Rules, fate, install, sandbox};

/// Where the rules stand, and where the session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Place {
    User,
    Project,
    Local,
    /// The local file of the Git top folder; the session starts in a folder below.
    Top,
    /// The local file of the main checkout; the session starts in a linked worktree.
    Checkout,
}

const PLACES: &[Place] = &[
    Place::User,
    Place::Project,
    Place::Local,
    Place::Top,
    Place::Checkout,
];

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum Form {
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

const FORMS: &[Form] = &[
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
struct Setup {
    place: Place,
    form: Form,
    /// The rules at the place, as JSON.
    rules: String,
    /// Those in the user's file, where that isn't the place.
    user: String,
    arguments: Vec<String>,
    /// A program drives the session, as far as it says.
    driven: bool,
    /// The user trusts the folder: a project's allow rules count only there.
    is_trusted: bool,
}

/// The way in which bg-run is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Nothing,
    /// As `bg-run install` registers it.
    Installed,
    /// Without the settings' `env`, so that commands get a prefix.
    Prefix,
}

impl Setup {
    /// The folder that the session starts in, once all files are there.
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

    fn fates(&self, client: &Client, calls: &[Value], with: With) -> Vec<Fate> {
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

/// A repository in the project, with a linked worktree beside it.
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
fn rules_in_odd_places_decide_as_without_bg_run() {
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

/// Calls that play under the same rules.
const CALLS: usize = 12;

const WORDS: &[&str] = &[
    "conda run -n prod python train.py",
    "sudo python manage.py migrate",
    "npm test -- $ARGS",
    "npm test -- \"${X:-1}\"",
    "python train.py --lr {1,2}",
    "BG_RUN=off npm test",
    "BG_RUN=on make all",
    "npm test | sed s/a/b/",
];

const PARAMETERS: &[&str] = &[
    "timeout:600000",
    "timeout:300000",
    "timeout:*",
    "timeout:7200000",
    "run_in_background:true",
    "run_in_background:false",
    "run_in_background:*",
];

fn call(random: &mut TestRng) -> Value {
    let command = if random.below(3) == 0 {
        (*random.one(WORDS)).to_owned()
    } else {
        generated::command(random)
    };
    let mut call = json!({ "command": command });
    if random.below(5) == 0 {
        call["timeout"] = (*random.one(&[600_000, 300_000])).into();
    }
    if random.below(5) == 0 {
        call["run_in_background"] = (random.below(2) == 0).into();
    }
    call
}

fn rules(random: &mut TestRng, calls: &[Value], count: usize) -> Vec<String> {
    let of = |random: &mut TestRng| {
        let call = &calls[random.below(calls.len())];
        generated::rule(random, call["command"].as_str().unwrap())
    };
    (0..count).map(|_| of(random)).collect()
}

/// A session, and its calls.
fn drawn(random: &mut TestRng) -> (Setup, Vec<Value>) {
    let calls: Vec<Value> = (0..CALLS).map(|_| call(random)).collect();
    let (allow, mut deny, ask) = (
        rules(random, &calls, 6),
        rules(random, &calls, 3),
        rules(random, &calls, 1),
    );
    let (kind, everything) = (random.below(4), vec!["Bash".to_owned()]);
    if random.below(4) == 0 {
        deny.push(format!("Bash({})", random.one(PARAMETERS)));
    }
    let (at_place, user) = match kind {
        0 => (json!({"deny": deny}), json!({"allow": everything})),
        1 => (json!({"deny": deny, "ask": ask}), json!({"allow": allow})),
        2 => (json!({"allow": allow}), json!({"deny": deny})),
        _ => (json!({"allow": allow, "deny": deny, "ask": ask}), json!({})),
    };
    let place = *random.one(PLACES);
    let form = match *random.one(FORMS) {
        // Without hooks nothing would be compared.
        Form::Comment | Form::TrailingComma if place == Place::User => Form::Plain,
        form => form,
    };
    let both = json!({"allow": everything, "deny": deny});
    let arguments: Vec<String> = match random.below(8) {
        0 => vec!["--setting-sources=user".to_owned()],
        1 => vec!["--setting-sources".to_owned(), "user,local".to_owned()],
        2 => vec![
            "--disallowedTools".to_owned(),
            rules(random, &calls, 1).remove(0),
        ],
        3 => vec![
            "--allowedTools".to_owned(),
            rules(random, &calls, 1).remove(0),
        ],
        _ => Vec::new(),
    };
    let setup = Setup {
        place,
        form,
        rules: if place == Place::User && kind == 0 {
            both.to_string()
        } else {
            at_place.to_string()
        },
        user: user.to_string(),
        arguments,
        driven: false,
        is_trusted: random.below(2) == 0,
    };
    (setup, calls)
}

#[test]
fn generated_places_and_forms_decide_as_without_bg_run() {
    let wanted = number("BG_RUN_PLACE_PAIRS").unwrap_or(150);
    let seed = number("BG_RUN_PLACE_SEED").unwrap_or(7_u8);
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let (mut pairs, mut wrong) = (0, Vec::new());
    let versions = ["2.1.332", "2.1.260", "2.1.200"];
    for at in 0..usize::div_ceil(wanted, CALLS) {
        let (setup, calls) = drawn(&mut random);
        let version = versions[at % versions.len()];
        let with = if at % 2 == 0 {
            With::Prefix
        } else {
            With::Installed
        };
        let Some(client) = Client::find(version) else {
            continue;
        };
        let (plain, ours) = std::thread::scope(|scope| {
            let plain = scope.spawn(|| setup.fates(&client, &calls, With::Nothing));
            (setup.fates(&client, &calls, with), plain.join().unwrap())
        });
        for (call, found) in calls.iter().zip(ours.iter().zip(&plain)) {
            pairs += 1;
            *outcomes.entry(format!("{:?}", found.1)).or_default() += 1;
            if found.0 != found.1 {
                wrong.push(format!(
                    "{version}, {with:?}: {:?} became {:?}: {call} with {setup:?}",
                    found.1, found.0
                ));
            }
        }
    }
    println!(
        "generated places: {pairs} pairs, {outcomes:?}; {} differences",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
