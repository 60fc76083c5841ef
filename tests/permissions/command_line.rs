//! Rules on the client's command line.

use serde_json::json;

use crate::support::claude::Client;
use crate::{Fate, fates, user};

#[test]
fn command_line_rules_decide_as_without_bg_run() {
    let commands = [
        "python -m pytest -q",
        "pytest -x | tail -5",
        "pytest -x | grep FAILED",
        "NODE_ENV=production npm run build",
        "cd sub && python train.py",
    ];
    let settings = json!({"permissions": {"deny": ["Bash(python -m pytest:*)", "Bash(tail:*)"]}});
    let settings = settings.to_string();
    let sets: [&[&str]; 4] = [
        &[
            "--disallowedTools",
            "Bash(python -m pytest:*)",
            "Bash(tail:*)",
            "Bash(grep FAILED)",
        ],
        &[
            "--disallowedTools",
            "Bash(NODE_ENV=production *),Bash(python train.py)",
        ],
        &[
            "--allowedTools",
            "Bash(python -m pytest:*) Bash(pytest:*)",
            "Bash(NODE_ENV=production *)",
        ],
        &["--settings", &settings],
    ];
    let mut differences = Vec::new();
    let mut denied = 0;
    for version in ["2.1.90", "2.1.200", "2.1.331"] {
        let Some(client) = Client::find(version) else {
            continue;
        };
        for arguments in sets {
            let everything = if arguments[0] == "--allowedTools" {
                json!({})
            } else {
                json!({"allow": ["Bash"]})
            };
            let rules = user(everything);
            let plain = fates(&client, &rules, &commands, arguments, false);
            let ours = fates(&client, &rules, &commands, arguments, true);
            denied += plain.iter().filter(|fate| **fate == Fate::Denied).count();
            for (command, (plain, ours)) in commands.iter().zip(plain.iter().zip(&ours)) {
                if plain != ours {
                    differences.push(format!(
                        "{version}: {plain:?} became {ours:?}: {command:?} with {arguments:?}"
                    ));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("rules on the command line: {denied} denied calls stayed denied");
}
