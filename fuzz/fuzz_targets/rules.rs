//! Any text as a rules file: no panic, bounded cost, and usable rules.
//!
//! `cargo +nightly fuzz run rules -- -timeout=5`

#![no_main]

use bg_run::programs::CommandForms;
use bg_run::rules::{Layer, Rules, lint};
use bg_run::shell;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut rules = Rules::built_in();
    let layer = Layer::Project("/p/.claude/bg-run.toml".into());
    if let Err(problems) = rules.add_layer(text, &layer) {
        assert!(!problems.is_empty());
        return;
    }
    let _ = lint(text);
    for command in ["pytest -x", "timeout 60 uv run python -m x.train", "echo 'a b' $(make)", "npx jest@29 | tail -5"] {
        let script = shell::parse(command).expect("it parses");
        for simple in &script.simple_commands {
            let _ = rules.winner(&CommandForms::of(simple, &rules.wrappers));
        }
    }
});
