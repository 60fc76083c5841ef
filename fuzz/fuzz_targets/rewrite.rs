//! Parses, decides and rewrites any text: nothing aborts or hangs, and only the planned edits change the text.
//!
//! `cargo +nightly fuzz run rewrite -- -dict=fuzz/shell.dict -timeout=5`

#![no_main]

use std::process::{Command, Stdio};
use std::sync::LazyLock;

use bg_run::decision::{Call, Context, Decision, decide};
use bg_run::claude::permissions::PermissionRules;
use bg_run::rules::Rules;
use bg_run::rewrite::EditKind;
use bg_run::shell;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(Rules::built_in);

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    // The first byte says whether the caller asked for the background, and whether every edit is allowed.
    let flags = bytes.first().copied().unwrap_or_default();
    let decided = |command: &str| run(command, flags);
    let decision = decided(&source);
    let after = &decision.rewrite.command;
    if *after == source {
        return;
    }
    let edits = &decision.rewrite.edits;
    let plain: Vec<_> = edits.iter().map(|planned| planned.edit.clone()).collect();
    assert_eq!(shell::apply(&source, &plain).as_ref(), Some(after), "the edits don't give the text");
    for planned in edits {
        let (span, insert) = (planned.edit.span, planned.edit.insert.as_str());
        let as_planned = match planned.kind {
            EditKind::TakeOutMarker => insert.is_empty() && source[span.start..span.end].starts_with("BG_RUN="),
            EditKind::DropTail => insert.is_empty() && source[span.start..span.end].contains("tail"),
            EditKind::UnbufferedVariable => span.start == span.end && insert == "PYTHONUNBUFFERED=1 ",
            EditKind::UnbufferedOption => span.start == span.end && insert == " -u",
            EditKind::JoinStderr => span.start == span.end && insert == " 2>&1",
            EditKind::LineBuffered => span.start == span.end && insert.starts_with(" -"),
            EditKind::Stdbuf => span.start == span.end && insert == "stdbuf -oL ",
        };
        assert!(as_planned, "{planned:?} isn't what its kind says, in {source:?}");
    }
    // Without `BG_RUN=on`, a second call would be decided differently.
    let marked = edits.iter().any(|planned| planned.kind == EditKind::TakeOutMarker);
    assert!(marked || decided(after).rewrite.command == *after, "a second rewrite changes {source:?}");
    assert!(!is_shell(&source) || is_shell(after), "{source:?} became {after:?}, which is no shell");
});

fn run(command: &str, flags: u8) -> Decision {
    let permissions = || {
        let mut permissions = PermissionRules::default();
        if flags & 1 == 0 {
            permissions.add_settings(&serde_json::json!({"permissions": {"allow": ["Bash"]}}));
        }
        permissions
    };
    let call = Call {
        command,
        run_in_background: flags & 2 == 0,
        ..Call::default()
    };
    decide(call, &RULES, &Context::ordinary(&permissions))
}

/// Whether bash accepts the text.
fn is_shell(text: &str) -> bool {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-n", "-c", "--", text]);
    bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    bash.status().is_ok_and(|status| status.success())
}
