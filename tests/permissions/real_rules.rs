//! Rules from public repositories, each with a command and the client's decision without bg-run: `real_rules.jsonl`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::support::claude::Client;
use crate::{Fate, fates, user};

#[derive(Deserialize)]
struct Case {
    rules: Value,
    command: String,
    expect: Fate,
    clients: Vec<String>,
}

#[test]
fn real_rules_decide_as_without_bg_run() {
    let cases: Vec<Case> = include_str!("real_rules.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // One session runs all commands with the same rules.
    let mut sessions: BTreeMap<(&str, String), Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        for version in &case.clients {
            let session = sessions.entry((version, case.rules.to_string()));
            session.or_default().push(case);
        }
    }
    let (mut pairs, mut wrong) = (0, Vec::new());
    for ((version, _), cases) in &sessions {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let commands: Vec<&str> = cases.iter().map(|case| case.command.as_str()).collect();
        let found = fates(&client, &user(cases[0].rules.clone()), &commands, &[], true);
        for (case, found) in cases.iter().zip(found) {
            pairs += 1;
            if found != case.expect {
                wrong.push(format!(
                    "{version}: {:?} became {found:?}: {:?} with {}",
                    case.expect, case.command, case.rules
                ));
            }
        }
    }
    println!(
        "real rules: {pairs} pairs of a command and rules, {} differences",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
