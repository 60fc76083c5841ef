//! `install` and `uninstall` on people's settings files: nothing of theirs is lost, whatever happens.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;
use serde_json::{Value, json};
use support::claude::{is_there, skip};
use support::sandbox::{BG_RUN, Sandbox, make_fifo, read};

const SETTINGS: &str = "home/.claude/settings.json";

fn succeeds(sandbox: &Sandbox, arguments: &[&str]) {
    let output = sandbox.bg_run(arguments);
    assert!(output.status.success(), "{output:?}");
}

fn registrations(text: &str) -> usize {
    text.matches("bg-run\",").count()
}

/// Files as in people's homes, or as an editor on another system leaves them.
const FILES: &[&str] = &[
    "",
    "{}",
    "{}\n",
    "{ }\n",
    "{\"model\": \"opus\"}",
    "{\n\t\"model\": \"opus\",\n\t\"env\": {\"A\": \"1\"}\n}\n",
    "{\r\n  \"model\": \"opus\",\r\n  \"hooks\": {\r\n  }\r\n}\r\n",
    "\u{feff}{\n  \"model\": \"opus\"\n}\n",
    "\n{\n\n  \"hooks\": {\n\n    \"PreToolUse\": [\n      { \"matcher\": \"Bash\", \"hooks\": [{ \"type\": \"command\", \"command\": \"my-gate\" }] }\n    ] \n  }\n}\n\n",
    "{\"hooks\":{\"PreToolUse\":[],\"PostToolUse\":[{\"matcher\":\"*\",\"hooks\":[{\"type\":\"command\",\"command\":\"x\",\"args\":[]}]}]}}",
    "{\n    \"permissions\": {\n        \"allow\": [\"Bash(npm run build:*)\"]\n    },\n    \"hooks\": {\n        \"Stop\": [\n            {\"hooks\": [{\"type\": \"command\", \"command\": \"say done\"}]}\n        ]\n    }\n}\n",
];

/// Number of entries in a registration, one per event.
const EVENTS: usize = 7;

#[test]
fn uninstall_restores_the_exact_file() {
    for file in FILES {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, file);
        succeeds(&sandbox, &["install"]);
        let installed = read(&path);
        assert_eq!(registrations(&installed), EVENTS, "{installed}");
        succeeds(&sandbox, &["install"]);
        assert_eq!(read(&path), installed, "a second install changed it");
        if file.contains("\r\n") {
            assert_eq!(
                installed.matches('\n').count(),
                installed.matches("\r\n").count(),
                "{installed:?}"
            );
        }
        for part in ["my-gate", "say done", "\u{feff}"] {
            assert_eq!(
                file.contains(part),
                installed.contains(part),
                "{part}: {installed}"
            );
        }
        succeeds(&sandbox, &["uninstall"]);
        assert_eq!(read(&path), *file);
        assert!(!sandbox.state().exists(), "the state folder is left");
    }
}

#[test]
fn an_install_after_a_change_of_survive_registers_what_it_needs() {
    const CONFIG: &str = "home/.config/bg-run/config.toml";
    for file in FILES {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, file);
        succeeds(&sandbox, &["install"]);
        let off = read(&path);
        sandbox.write(CONFIG, "survive = true\n");
        succeeds(&sandbox, &["install"]);
        let on = read(&path);
        assert_eq!(registrations(&on), EVENTS + 1, "{on}");
        assert!(on.contains("|TaskStop\""), "{on}");
        sandbox.write(CONFIG, "survive = tru\n");
        succeeds(&sandbox, &["install"]);
        assert_eq!(read(&path), on, "a faulty file changed it");
        sandbox.write(CONFIG, "");
        succeeds(&sandbox, &["install"]);
        let content = |text: &str| -> Value {
            serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap()
        };
        assert_eq!(content(&read(&path)), content(&off));
        succeeds(&sandbox, &["uninstall"]);
        assert_eq!(read(&path), *file);
    }
}

#[test]
fn without_a_file_nothing_is_left_behind() {
    let sandbox = Sandbox::new();
    fs::remove_dir(sandbox.home().join(".claude")).unwrap();
    succeeds(&sandbox, &["install"]);
    assert_eq!(registrations(&read(&sandbox.path(SETTINGS))), EVENTS);
    succeeds(&sandbox, &["uninstall"]);
    assert!(!sandbox.home().join(".claude").exists());
    succeeds(&sandbox, &["uninstall"]);
    assert!(!sandbox.home().join(".claude").exists());
}

#[test]
fn later_additions_by_others_stay() {
    for file in FILES.iter().skip(4) {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, file);
        succeeds(&sandbox, &["install"]);
        let added = read(&path).replacen("\"hooks\"", "\"theirs\": 1, // new\n\"hooks\"", 1);
        fs::write(&path, &added).unwrap();
        succeeds(&sandbox, &["uninstall"]);
        let left = read(&path);
        assert!(
            left.contains("\"theirs\": 1") || !added.contains("theirs"),
            "{left}"
        );
        assert!(!left.contains("bg-run"), "{left}");
        for part in ["my-gate", "say done", "npm run build"] {
            assert_eq!(file.contains(part), left.contains(part), "{part}: {left}");
        }
    }
}

#[test]
fn bytes_around_later_additions_stay() {
    for (file, find, added) in [
        (
            "{\n  \"model\":  \"opus\",\n  \"hooks\": {}\n}\n",
            "{\n  \"model\"",
            "{\n  \"theirs\": 1,\n  \"model\"",
        ),
        (
            "{\n  \"model\": \"opus\",\n  \"hooks\": {\n    \"PreToolUse\": [ ]\n  }\n}",
            "\"opus\"",
            "\"sonnet\" /* now */",
        ),
    ] {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, file);
        succeeds(&sandbox, &["install"]);
        let changed = read(&path).replacen(find, added, 1);
        assert_ne!(changed, read(&path));
        fs::write(&path, changed).unwrap();
        succeeds(&sandbox, &["uninstall"]);
        assert_eq!(read(&path), file.replacen(find, added, 1));
    }
}

/// Another program's change of the file.
type Others<'a> = &'a dyn Fn(&str) -> String;

#[test]
fn empty_hooks_and_one_line_files_are_restored() {
    let anew = |text: &str| -> String {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["b"] = 3.into();
        serde_json::to_string_pretty(&value).unwrap()
    };
    let changed = |text: &str| text.replace("\"a\": 1", "\"a\": 2");
    let added = |text: &str| {
        text.replace(
            "\"PreToolUse\": [",
            "\"PreToolUse\": [{\"matcher\": \"X\"},",
        )
        .replace("\"a\": 1", "\"a\": 2")
    };
    let cases: [(&str, Others<'_>, &str); 6] = [
        ("{\"a\": 1}", &changed, "{\"a\": 2}"),
        (
            "{\"a\": 1, \"u\": \"x  y\"}\n",
            &changed,
            "{\"a\": 2, \"u\": \"x  y\"}\n",
        ),
        (
            "{\"a\": 1, \"hooks\": {}}",
            &changed,
            "{\"a\": 2, \"hooks\": {}}",
        ),
        (
            "{\"a\": 1, \"hooks\": {}}",
            &anew,
            "{\n  \"a\": 1,\n  \"hooks\": {},\n  \"b\": 3\n}",
        ),
        (
            "{\"a\": 1, \"hooks\": {\"PreToolUse\": []}}",
            &anew,
            "{\n  \"a\": 1,\n  \"hooks\": {\n    \"PreToolUse\": []\n  },\n  \"b\": 3\n}",
        ),
        (
            "{\n  \"a\": 1,\n  \"hooks\": {\n    \"PreToolUse\": [],\n    \"PostToolUse\": []\n  }\n}\n",
            &added,
            "{\n  \"a\": 2,\n  \"hooks\": {\n    \"PreToolUse\": [{\"matcher\": \"X\"}],\n    \"PostToolUse\": []\n  }\n}\n",
        ),
    ];
    for (before, others, after) in cases {
        let sandbox = Sandbox::new();
        let path = sandbox.write("home/.claude/settings.json", before);
        succeeds(&sandbox, &["install"]);
        fs::write(&path, others(&read(&path))).unwrap();
        succeeds(&sandbox, &["uninstall"]);
        let left = read(&path);
        let (left_value, after_value): (Value, Value) = (
            jsonc_parser::parse_to_serde_value(&left, &jsonc_parser::ParseOptions::default())
                .unwrap(),
            serde_json::from_str(after).unwrap(),
        );
        assert_eq!(left_value, after_value, "{before}: {left}");
        if !after.contains('X') {
            assert_eq!(left, after, "{before}");
        }
    }
}

#[test]
fn an_older_registration_is_updated_not_doubled() {
    let sandbox = Sandbox::new();
    let path = sandbox.write(SETTINGS, "{\"hooks\": {\"PreToolUse\": [{\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"/old/bg-run hook\"}, {\"type\": \"command\", \"command\": \"theirs\"}]}]}}");
    succeeds(&sandbox, &["install"]);
    let text = read(&path);
    assert!(!text.contains("/old/") && text.contains("theirs"), "{text}");
    assert_eq!(registrations(&text), EVENTS, "{text}");
}

const OTHERS: &str = r#"{
  "hooks": {
    "PreToolUse": [
      { "matcher": "Bash", "hooks": [{ "type": "command", "command": "rtk hook claude" }, { "type": "command", "command": "my-gate" }] },
      { "matcher": "Bash", "hooks": [{ "type": "command", "command": "tokf", "args": ["hook"], "timeout": 5 }] },
      { "matcher": "Edit|Bash", "hooks": [{ "type": "command", "command": "rtk gain" }] }
    ]
  }
}
"#;

/// [`OTHERS`] without the hooks that an earlier version moved to `chain`.
const KEPT: &str = r#"{
  "hooks": {
    "PreToolUse": [
      { "matcher": "Bash", "hooks": [{ "type": "command", "command": "my-gate" }] },
      { "matcher": "Edit|Bash", "hooks": [{ "type": "command", "command": "rtk gain" }] }
    ]
  }
}
"#;

/// Registers bg-run like a version that moved hooks to `chain`.
fn install_with_extracted_hooks(sandbox: &Sandbox) {
    sandbox.write(SETTINGS, KEPT);
    succeeds(sandbox, &["install"]);
    let journals = std::fs::read_dir(sandbox.state().join("registrations")).unwrap();
    let journal = journals
        .map(|entry| entry.unwrap().path())
        .find(|path| read(path).contains("my-gate"))
        .unwrap();
    let mut record: Value = serde_json::from_str(&read(&journal)).unwrap();
    record["before"] = OTHERS.into();
    record["moved"] = json!([
        {"hook": {"type": "command", "command": "rtk hook claude"}, "words": ["rtk", "hook", "claude"]},
        {"hook": {"type": "command", "command": "tokf", "args": ["hook"], "timeout": 5}, "words": ["tokf", "hook"]},
    ]);
    std::fs::write(journal, record.to_string()).unwrap();
}

#[test]
fn hooks_that_an_earlier_version_moved_are_restored() {
    for (config, edited) in [
        (None, false),
        (Some("# mine\nopen = 'first'\n"), false),
        (None, true),
    ] {
        let sandbox = Sandbox::new();
        install_with_extracted_hooks(&sandbox);
        let path = sandbox.path(SETTINGS);
        let chain = "chain = [[\"rtk\", \"hook\", \"claude\"], [\"tokf\", \"hook\"]]\n";
        let config_path = sandbox.config(&[config.unwrap_or_default(), chain].concat());
        // A later installation keeps the record.
        let installed = read(&path);
        succeeds(&sandbox, &["install"]);
        assert_eq!(read(&path), installed);
        if edited {
            let model = installed.replacen('{', "{\n  \"model\": \"opus\",", 1);
            sandbox.write(SETTINGS, &model);
            succeeds(&sandbox, &["install", "--limit", "45"]);
        }
        succeeds(&sandbox, &["uninstall"]);
        let left = read(&path);
        if edited {
            let settings: Value = serde_json::from_str(&left).unwrap();
            assert_eq!(settings["model"], "opus");
            for part in ["rtk hook claude", "\"tokf\"", "my-gate", "rtk gain"] {
                assert_eq!(left.matches(part).count(), 1, "{part}: {left}");
            }
        } else {
            assert_eq!(left, OTHERS);
        }
        let kept = std::fs::read_to_string(&config_path).ok();
        assert_eq!(kept.as_deref(), config);
        assert_eq!(registrations(&left), 0);
    }
}

/// A file that an earlier version registered, its user changed, and this version registered again.
#[test]
fn an_update_after_a_change_leaves_nothing_of_ours_behind() {
    for edit in [
        |text: &str| text.replacen('{', "{\n  \"model\": \"opus\",", 1),
        |text: &str| {
            text.replacen(
                "\"Stop\": [",
                "\"Stop\": [\n{\"hooks\": [{\"type\": \"command\", \"command\": \"say done\"}]},",
                1,
            )
        },
    ] {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, "{\n  \"theme\": \"dark\"\n}\n");
        succeeds(&sandbox, &["install"]);
        let older = read(&path).replace("7500", "10");
        let changed = edit(&older);
        assert_ne!(changed, older);
        sandbox.write(SETTINGS, &changed);
        succeeds(&sandbox, &["install"]);
        assert_eq!(registrations(&read(&path)), EVENTS);
        succeeds(&sandbox, &["uninstall"]);
        let left = read(&path);
        assert_eq!(registrations(&left), 0, "{left}");
        assert!(
            left.contains("\"dark\"") && !left.contains("PYTHONUNBUFFERED"),
            "{left}"
        );
        assert!(left.contains("opus") || left.contains("say done"), "{left}");
    }
}

#[test]
fn without_a_limit_other_files_that_set_one_are_named() {
    let sandbox = Sandbox::new();
    let said = |arguments: &[&str]| {
        let output = sandbox.bg_run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    said(&["install", "--scope", "project"]);
    let told = said(&["install", "--no-limit"]);
    let project = sandbox.project().join(".claude/settings.json");
    assert!(
        told.contains(&format!("{} still sets the limit", project.display())),
        "{told}"
    );
    said(&["install", "--scope", "project", "--no-limit"]);
    let told = said(&["install", "--no-limit"]);
    assert!(!told.contains("still sets"), "{told}");
}

#[test]
fn a_dry_run_shows_the_change_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let path = sandbox.write(SETTINGS, "{\n  \"model\": \"opus\"\n}\n");
    let output = sandbox.bg_run(&["install", "--dry-run"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("+    \"PreToolUse\": ["), "{shown}");
    assert_eq!(read(&path), "{\n  \"model\": \"opus\"\n}\n");
    assert!(!sandbox.state().exists());
}

#[test]
fn a_malformed_file_is_refused_untouched() {
    for (file, said) in [
        ("[]", "settings.json: line 1: no object"),
        (
            "{\n  \"hooks\": []\n}",
            "settings.json:2:12: `hooks` is not an object",
        ),
        (
            "{\"hooks\": {\n \"PreToolUse\": {}}}",
            "settings.json: line 2: `hooks.PreToolUse` is an object instead of a list",
        ),
        ("{\"hooks\": {}, \"hooks\": {}}", "`hooks` occurs twice"),
        ("{\"a\": }", "line 1: no JSON"),
        ("{\"a\": [1 2]}", "line 1: a missing comma"),
    ] {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, file);
        let output = sandbox.bg_run(&["install"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains(said) && error.to_lowercase().contains("nothing was changed"),
            "{error}"
        );
        assert_eq!(read(&path), file);
    }
}

#[test]
fn links_and_modes_stay() {
    let sandbox = Sandbox::new();
    let real = sandbox.write("dotfiles/claude.json", "{}\n");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&real, sandbox.path(SETTINGS)).unwrap();
    succeeds(&sandbox, &["install"]);
    assert!(
        fs::symlink_metadata(sandbox.path(SETTINGS))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(registrations(&read(&real)), EVENTS);
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn scopes_and_the_client_s_own_folder_are_honoured() {
    let sandbox = Sandbox::new();
    succeeds(&sandbox, &["install", "--scope", "project"]);
    succeeds(&sandbox, &["install", "--scope", "local"]);
    for file in ["settings.json", "settings.local.json"] {
        assert_eq!(
            registrations(&read(&sandbox.project().join(".claude").join(file))),
            EVENTS
        );
    }
    let elsewhere = sandbox.path("elsewhere");
    let output = sandbox
        .command(BG_RUN)
        .arg("install")
        .env("CLAUDE_CONFIG_DIR", &elsewhere)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        registrations(&read(&elsewhere.join("settings.json"))),
        EVENTS
    );
    assert!(!sandbox.path(SETTINGS).exists());
}

#[test]
fn many_at_once_lose_nothing() {
    let sandbox = Sandbox::new();
    let path = sandbox.write(SETTINGS, "{\n  \"model\": \"opus\"\n}\n");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| succeeds(&sandbox, &["install"]));
        }
    });
    let text = read(&path);
    assert_eq!(registrations(&text), EVENTS, "{text}");
    succeeds(&sandbox, &["uninstall"]);
    assert_eq!(read(&path), "{\n  \"model\": \"opus\"\n}\n");
}

/// Returns the system calls of an `install`, each with its count.
fn system_calls(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let trace = sandbox.path("trace");
    let output = sandbox
        .command("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .args([BG_RUN, "install"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut calls = BTreeMap::new();
    for line in read(&trace).lines() {
        let name = line
            .split_whitespace()
            .nth(1)
            .and_then(|call| call.split_once('('));
        if let Some((name, _)) = name {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

#[test]
fn a_kill_at_any_system_call_leaves_a_whole_file() {
    if !is_there("strace") {
        return skip("strace isn't installed");
    }
    let before = "{\n  \"model\": \"opus\"\n}\n";
    let sandbox = Sandbox::new();
    let path = sandbox.write(SETTINGS, before);
    let calls = system_calls(&sandbox);
    let after = read(&path);
    let (mut old, mut new) = (0, 0);
    for (name, count) in calls {
        for nth in 1..=count {
            let sandbox = Sandbox::new();
            let path = sandbox.write(SETTINGS, before);
            let kill = format!("inject={name}:signal=SIGKILL:when={nth}");
            let output = sandbox
                .command("strace")
                .args([
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    &kill,
                    BG_RUN,
                    "install",
                ])
                .output()
                .unwrap();
            let text = read(&path);
            if text == before {
                old += 1;
            } else {
                assert_eq!(text, after, "killed at {name}, number {nth}");
                new += 1;
            }
            assert!(
                !output.status.success() || text == after,
                "{name}, number {nth}: {output:?}"
            );
        }
    }
    println!(
        "killed at {} system calls: {old} times the old file, {new} times the new one",
        old + new
    );
    assert!(old > 50 && new > 3, "{old} {new}");
}

/// Generates JSON with odd blanks; always an object with valid `hooks`.
fn settings() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(vec!["", " ", "\n", "\n  ", "\t", "\r\n"]);
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("true".to_owned()),
        "[a-z ü\\\\n]{0,6}".prop_map(|text| Value::from(text).to_string()),
        Just("{\"a\": [1, 2]}".to_owned()),
        Just("[\n  \n]".to_owned()),
    ];
    let entry = prop::sample::select(vec![
        "{\"matcher\": \"Bash\", \"hooks\": []}",
        "{\"hooks\": [{\"type\": \"command\", \"command\": \"x\"}]}",
        "{ \"hooks\": [] }",
    ]);
    let entries =
        prop::collection::vec(entry, 0..3).prop_map(|entries| format!("[{}]", entries.join(", ")));
    let hooks = prop::collection::btree_map(
        prop::sample::select(vec!["PreToolUse", "PostToolUse", "Stop"]),
        entries,
        0..3,
    );
    let members = prop::collection::btree_map("[a-z]{0,4}x", value, 0..4);
    (
        members,
        prop::option::of(hooks),
        prop::collection::vec(blank, 6),
    )
        .prop_map(|(members, hooks, blanks)| {
            let mut written: Vec<String> = members
                .into_iter()
                .filter(|(key, _)| key != "hooks")
                .map(|(key, value)| format!("\"{key}\":{}{value}", blanks[0]))
                .collect();
            if let Some(hooks) = hooks {
                let events: Vec<String> = hooks
                    .into_iter()
                    .map(|(event, entries)| format!("{}\"{event}\": {entries}", blanks[1]))
                    .collect();
                written.insert(
                    written.len() / 2,
                    format!(
                        "\"hooks\":{}{{{}{}}}",
                        blanks[2],
                        events.join(","),
                        blanks[3]
                    ),
                );
            }
            format!(
                "{{{}{}{}}}{}",
                blanks[4],
                written.join(&format!(",{}", blanks[3])),
                blanks[5],
                blanks[1]
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn install_then_uninstall_changes_nothing(file in settings()) {
        let sandbox = Sandbox::new();
        let path = sandbox.write(SETTINGS, &file);
        succeeds(&sandbox, &["install"]);
        let installed = read(&path);
        prop_assert_eq!(registrations(&installed), EVENTS, "{}", installed);
        succeeds(&sandbox, &["uninstall"]);
        prop_assert_eq!(read(&path), file);
    }
}

#[test]
fn a_foreign_hook_behind_ours_stays() {
    let sandbox = Sandbox::new();
    let empty = "{\"hooks\": {\"PreToolUse\": [{\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"/x/bg-run\", \"args\": [\"hook\"]}]}, {\"matcher\": \"X\", \"hooks\": []}]}}";
    let path = sandbox.write(SETTINGS, empty);
    succeeds(&sandbox, &["uninstall"]);
    let left: Value = serde_json::from_str(&read(&path)).unwrap();
    assert_eq!(left["hooks"]["PreToolUse"][0]["matcher"], "X", "{left}");
}

#[test]
fn a_subfolder_uses_the_project_s_file() {
    let sandbox = Sandbox::new();
    sandbox.write("project/.git/HEAD", "");
    let inside = sandbox.write("project/a/b/x", "");
    let install = |words: &[&str]| {
        let mut command = sandbox.command(BG_RUN);
        command.args(words).current_dir(inside.parent().unwrap());
        assert!(command.output().unwrap().status.success());
    };
    install(&["install", "--scope", "project"]);
    assert!(sandbox.path("project/.claude/settings.json").is_file());
    assert!(!sandbox.path("project/a/b/.claude").exists());
    // The home folder's own settings exist too.
    install(&["uninstall", "--scope", "project"]);
    assert!(!sandbox.path("project/.claude/settings.json").exists());
}

#[test]
fn installs_and_uninstalls_of_many_files_at_once_all_succeed() {
    let sandbox = Sandbox::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let folder = sandbox.path(&format!("client-{thread}"));
                for word in ["install", "uninstall"].repeat(20) {
                    let mut command = sandbox.command(BG_RUN);
                    command.arg(word).env("CLAUDE_CONFIG_DIR", &folder);
                    let output = command.output().unwrap();
                    assert!(output.status.success(), "{word}: {output:?}");
                }
            });
        }
    });
}

#[test]
fn a_registration_is_recognised_in_every_form() {
    for hook in [
        r#"{"type": "command", "command": "/a/bg-run", "args": ["hook"]}"#,
        r#"{"type": "command", "command": "\"/a b/bg-run\" hook"}"#,
        r#"{"type": "command", "command": "$HOME/.cargo/bin/bg-run hook 2>/dev/null || true"}"#,
        r#"{"type": "command", "command": "/mnt/c/bin/bg-run.exe hook"}"#,
        r#"{"type": "command", "command": "exec bg-run hook"}"#,
    ] {
        let sandbox = Sandbox::new();
        let text =
            format!(r#"{{"hooks": {{"PreToolUse": [{{"matcher": "Bash", "hooks": [{hook}]}}]}}}}"#);
        let path = sandbox.write(SETTINGS, &text);
        succeeds(&sandbox, &["install"]);
        assert_eq!(
            registrations(&read(&path)),
            EVENTS,
            "{hook}: {}",
            read(&path)
        );
    }
    let sandbox = Sandbox::new();
    let foreign = r#"{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "notify bg-run-done"}]}]}}"#;
    let path = sandbox.write(SETTINGS, foreign);
    succeeds(&sandbox, &["install"]);
    assert!(read(&path).contains("notify bg-run-done"));
}

#[test]
fn a_renamed_program_is_registered_once() {
    let sandbox = Sandbox::new();
    let other = sandbox.path("bin/my-hook");
    // Another process copies the program, because a process forked by this test could hold the copy open for writing.
    let copied = std::process::Command::new("cp")
        .arg(BG_RUN)
        .arg(&other)
        .status();
    assert!(copied.unwrap().success());
    for _ in 0..2 {
        let output = sandbox
            .command(other.to_str().unwrap())
            .arg("install")
            .output();
        assert!(output.unwrap().status.success());
    }
    let text = read(&sandbox.path(SETTINGS));
    assert_eq!(text.matches("my-hook").count(), EVENTS, "{text}");
    let output = sandbox
        .command(other.to_str().unwrap())
        .arg("uninstall")
        .output();
    assert!(output.unwrap().status.success());
    assert!(!sandbox.path(SETTINGS).exists());
}

#[test]
fn a_special_file_is_refused_and_stays() {
    let sandbox = Sandbox::new();
    let settings = sandbox.path(SETTINGS);
    let fifo = sandbox.path("fifo");
    make_fifo(&fifo);
    symlink(&fifo, &settings).unwrap();
    let output = sandbox.bg_run(&["install"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("not a regular file"), "{error}");
    assert!(fs::symlink_metadata(&settings).unwrap().is_symlink());

    // A dangling link into dotfiles leads to the file that is created.
    fs::remove_file(&settings).unwrap();
    let dotfile = sandbox.path("dotfiles/claude.json");
    fs::create_dir(dotfile.parent().unwrap()).unwrap();
    symlink(&dotfile, &settings).unwrap();
    succeeds(&sandbox, &["install"]);
    assert!(fs::symlink_metadata(&settings).unwrap().is_symlink());
    assert_eq!(registrations(&read(&dotfile)), EVENTS);
}

#[test]
fn the_next_install_removes_a_killed_one_s_temporary_file() {
    let sandbox = Sandbox::new();
    sandbox.write(SETTINGS, "{}\n");
    sandbox.write("home/.claude/.settings.json.bg-run", "half");
    succeeds(&sandbox, &["install", "--no-view"]);
    let left: Vec<_> = fs::read_dir(sandbox.home().join(".claude"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["settings.json"]);
}

#[test]
fn settings_that_disable_hooks_are_reported() {
    for file in [
        r#"{"hooks": {"Notification": [{"type": "command", "command": "x"}]}}"#,
        r#"{"hooks": {"SessionEnd": [{"hooks": ["node /x.js"]}]}}"#,
        r#"{"disableAllHooks": true}"#,
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(SETTINGS, file);
        let installed = sandbox.bg_run(&["install"]);
        let warned = String::from_utf8(installed.stderr).unwrap();
        assert!(installed.status.success(), "{warned}");
        assert!(
            warned.contains("runs no hook of this file"),
            "{file}: {warned}"
        );
        let doctor = sandbox.bg_run(&["doctor"]);
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert_eq!(doctor.status.code(), Some(1), "{said}");
        assert!(said.contains("runs no hook of"), "{file}: {said}");
    }
}

#[test]
fn shared_files_contain_no_path_of_this_machine() {
    let sandbox = Sandbox::new();
    let file = sandbox.project().join(".claude/settings.json");
    let by_path = sandbox.bg_run(&["install", "--scope", "project"]);
    let warned = String::from_utf8(by_path.stderr).unwrap();
    assert!(warned.contains("--by-name"), "{warned}");
    let absent = sandbox.bg_run(&["install", "--scope", "project", "--by-name"]);
    let warned = String::from_utf8(absent.stderr).unwrap();
    assert!(warned.contains("no `bg-run` on your PATH"), "{warned}");
    let text = read(&file);
    let named = text.matches("\"command\": \"bg-run\"").count();
    assert!(named > 1 && named == registrations(&text), "{text}");
    sandbox.program("bg-run", "true");
    let present = sandbox.bg_run(&["install", "--scope", "project", "--by-name"]);
    assert!(present.stderr.is_empty(), "{present:?}");
    assert_eq!(read(&file), text);
    let next = String::from_utf8(present.stdout).unwrap();
    assert!(next.contains("Next: start a new session"), "{next}");
    assert!(
        next.contains("they see a failed hook at every call"),
        "{next}"
    );
    succeeds(&sandbox, &["uninstall", "--scope", "project"]);
    assert!(!file.exists());
}
