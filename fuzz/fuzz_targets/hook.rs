//! Any bytes as a hook's input: no panic, and an answer is JSON without a permission decision.
//!
//! `cargo +nightly fuzz run hook -- -timeout=5 -detect_leaks=0` (the program exits after its answer and frees little)

#![no_main]

use bg_run::config::Mode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // A dry run stores nothing and starts nothing.
    let Ok(Some(answer)) = bg_run::hook::answer(bytes, Mode::Dry) else { return };
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("the answer is JSON");
    assert!(!answer.to_string().contains("permissionDecision\":"), "{answer}");
    if let Some(line) = answer["systemMessage"].as_str() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(line.chars().count() < 3000, "{}", line.len());
    }
});
