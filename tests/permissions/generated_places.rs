//! Generated rules in generated places and forms of settings files: the client decides as without bg-run.
//! `BG_RUN_PLACE_PAIRS` sets the number of pairs (150), `BG_RUN_PLACE_SEED` the seed.

use std::collections::BTreeMap;

use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

use crate::Fate;
use crate::generated::rand_like::Random;
use crate::generated::{self, number};
use crate::places::{FORMS, Form, PLACES, Place, Setup, With};
use crate::support::claude::Client;

/// Number of calls per set of rules.
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

/// Generates a session and its calls.
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
        // Without hooks, there would be nothing to compare.
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

/// Returns the call as bg-run returns it without its marker; `None` if it has none.
fn without_marker(call: &Value) -> Option<Value> {
    let command = call["command"].as_str().unwrap();
    let bare = command.replace("BG_RUN=off ", "").replace("BG_RUN=on ", "");
    let mut without = call.clone();
    without["command"] = bare.into();
    (without != *call).then_some(without)
}

impl Setup {
    fn names_the_marker(&self) -> bool {
        let mut texts = self.arguments.iter().chain([&self.rules, &self.user]);
        texts.any(|text| text.contains("BG_RUN"))
    }
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
        let bare: Vec<Option<Value>> = calls.iter().map(without_marker).collect();
        let played: Vec<Value> = calls.iter().chain(bare.iter().flatten()).cloned().collect();
        let (ours, plain) = std::thread::scope(|scope| {
            let plain = scope.spawn(|| setup.fates(&client, &played, With::Nothing));
            (setup.fates(&client, &calls, with), plain.join().unwrap())
        });
        let (plain, of_bare) = plain.split_at(calls.len());
        let mut of_bare = of_bare.iter();
        for (at, (call, ours)) in calls.iter().zip(ours).enumerate() {
            let plain = plain[at];
            let bare = bare[at].as_ref().and_then(|_| of_bare.next());
            // Unless a rule names the marker, the call counts like the one without it.
            let takes_it_out = !setup.names_the_marker() && plain != Fate::Denied;
            let is_right = ours == plain || takes_it_out && bare == Some(&ours);
            pairs += 1;
            *outcomes.entry(format!("{plain:?}")).or_default() += 1;
            if !is_right {
                wrong.push(format!(
                    "{version}, {with:?}: {plain:?} became {ours:?}: {call} with {setup:?}"
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
