//! Read rules: bg-run hides every file that the client's own tool refuses, and shows the rest.

use serde_json::{Value, json};

use crate::support::claude::{Client, trust};
use crate::support::messages_api::{MessagesApi, Turn};
use crate::support::sandbox::Sandbox;

/// Patterns, each with names of its own. `ROOT` is the sandbox's folder.
const DENIED: &[&str] = &[
    "./one.log",
    "*.two",
    "three/**",
    "./four/**",
    "five/*.log",
    "**/six/*.log",
    "**/seven/**",
    "eight",
    "./nine/",
    "a/ten/**",
    "ELEVEN.log",
    "twelve?.log",
    "~/thirteen/**",
    "~/fourteen.log",
    "//ROOT/outside/fifteen/**",
    "//ROOT/outside/sixteen.log",
    "/seventeen.log",
    "/eighteen/**",
    "nineteen{a,b}.log",
    "../twenty.log",
    "sub/../one-and-twenty.log",
    "!two-and-twenty.log",
];

/// Files below the sandbox's folder. bg-run hides more than the client among those that a comment names.
const FILES: &[&str] = &[
    "project/one.log",
    "project/sub/one.log",
    "outside/one.log",
    "project/sub/deep/one.log/inner",
    "project/a.two",
    "project/sub/deep/a.two",
    "home/a.two",
    "project/three/a",
    "project/sub/three/deep/a",
    "outside/three/a",
    "project/four/a",
    "project/sub/four/a",
    "project/five/a.log",
    "project/five/deep/a.log",
    "project/sub/five/a.log",
    "project/six/a.log",
    "project/sub/six/a.log",
    "project/sub/six/deep/a.log",
    "outside/six/a.log",
    "project/sub/seven/deep/a",
    "outside/seven/a",
    "project/sub/eight/a",
    "outside/eight",
    "project/sub/nine/a",
    "project/a/ten/a",
    "project/sub/a/ten/a",
    "project/eleven.LOG",
    "project/twelve1.log",
    "home/thirteen/a",
    "home/sub/thirteen/a",
    "project/thirteen/a",
    "home/fourteen.log",
    "home/sub/fourteen.log",
    "project/fourteen.log",
    "outside/fifteen/deep/a",
    "outside/sub/fifteen/a",
    "outside/sixteen.log",
    "project/outside/sixteen.log",
    // Not project/seventeen.log and project/eighteen/a.
    "home/.claude/seventeen.log",
    "home/.claude/sub/seventeen.log",
    "home/.claude/eighteen/a",
    "project/sub/seventeen.log",
    "project/nineteena.log",
    "project/nineteen{a,b}.log",
    "twenty.log",
    "project/one-and-twenty.log",
    "project/two-and-twenty.log",
];

#[test]
fn files_that_the_client_may_not_read_are_not_shown() {
    for version in ["2.1.332", "2.1.200"] {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let sandbox = Sandbox::new();
        let files = FILES.iter().map(|name| sandbox.write(name, "text\n"));
        let files: Vec<_> = files.collect();
        let root = sandbox.path("").display().to_string();
        let root = root.trim_matches('/');
        let denied = DENIED.iter().map(|pattern| pattern.replace("ROOT", root));
        let denied: Vec<String> = denied.map(|pattern| format!("Read({pattern})")).collect();
        sandbox.write_settings(&json!({
            "permissions": {"allow": ["Read(//**)"], "deny": denied},
        }));
        trust(&sandbox.home(), &sandbox.project());
        let turns = files
            .iter()
            .map(|file| Turn::Tool("Read", json!({ "file_path": file })));
        let api = MessagesApi::start(turns.chain([Turn::Say("done".to_owned())]).collect());
        client.run_headless_until(&sandbox, &api, &[], &[], files.len());
        let results = api.tool_results();
        assert_eq!(results.len(), files.len(), "{version}: {results:?}");
        let mut wrong = Vec::new();
        let mut refused = 0;
        for (file, result) in files.iter().zip(&results) {
            refused += usize::from(result.is_error);
            let command = format!("make all > '{}' 2>&1", file.display());
            let told = sandbox.bg_run(&["explain", "--json", "--", &command]);
            let told: Value = serde_json::from_slice(&told.stdout).unwrap();
            let is_shown = !told["logs"].as_array().unwrap().is_empty();
            if is_shown == result.is_error {
                wrong.push(format!("{}: {}", file.display(), result.text));
            }
        }
        println!(
            "Read rules, {version}: {} files, {refused} refused",
            files.len()
        );
        assert!(wrong.is_empty(), "{version}: {}", wrong.join("\n"));
        assert!(refused * 3 > files.len() && refused < files.len());
    }
}
