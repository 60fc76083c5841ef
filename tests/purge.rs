//! `uninstall --purge` restores a home folder exactly.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};
use support::sandbox::{BG_RUN, Sandbox};

/// Returns everything in a folder: modes and contents.
fn tree(folder: &Path) -> BTreeMap<String, (u32, String)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let held = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else if metadata.is_dir() {
            found.extend(tree(&path));
            "a folder".to_owned()
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
        };
        found.insert(
            path.display().to_string(),
            (metadata.permissions().mode(), held),
        );
    }
    found
}

fn said(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let output = sandbox.bg_run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An editor that shows where it keeps its extensions.
const EDITOR: &str = r#"case $1 in
--install-extension) mkdir -p "$HOME/.vscode/extensions/x"; echo was successfully installed;;
--uninstall-extension) echo "$2" >"$HOME/../asked"; rm -r "$HOME/.vscode/extensions/x";;
esac"#;

/// Returns a home folder after everything that can be done to it.
fn used() -> (Sandbox, BTreeMap<String, (u32, String)>) {
    let sandbox = Sandbox::new();
    sandbox.program("code", EDITOR);
    sandbox.write_settings(&json!({"model": "opus", "hooks": {"PreToolUse": [
        {"matcher": "Bash", "hooks": [{"type": "command", "command": "rtk hook claude"}]}
    ]}}));
    sandbox.write(
        "project/.claude/settings.local.json",
        "{\"permissions\":{}}\n",
    );
    sandbox.write(
        "home/.config/Code/User/settings.json",
        "{\n  // mine\n  \"editor.tabSize\": 2\n}\n",
    );
    fs::create_dir_all(sandbox.path("home/.vscode/extensions")).unwrap();
    // The client keeps its outputs there, which aren't ours.
    fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let before = tree(&sandbox.path(""));

    let vsix = sandbox.write("bg-run.vsix", "packed");
    said(&sandbox, &["install"]);
    said(&sandbox, &["install", "--scope", "project"]);
    said(&sandbox, &["install", "--scope", "local"]);
    said(&sandbox, &["install", "--editor-settings"]);
    said(
        &sandbox,
        &["install", &format!("--editor-extension={}", vsix.display())],
    );
    fs::remove_file(vsix).unwrap();
    said(&sandbox, &["rules", "init"]);
    said(&sandbox, &["config", "set", "keep", "7d"]);
    said(&sandbox, &["learn"]);
    let call = json!({"command": "pytest"});
    sandbox.answer(&sandbox.event("PreToolUse", &call), &[]);
    for (response, milliseconds) in [
        (json!({"stdout": ""}), 3000),
        (json!({"backgroundTaskId": "b1"}), 2),
    ] {
        let mut event = sandbox.event("PostToolUse", &call);
        event["tool_response"] = response;
        event["duration_ms"] = milliseconds.into();
        sandbox.answer(&event, &[]);
    }
    sandbox.hook(b"{broken", &[]);
    (sandbox, before)
}

#[test]
fn a_purge_leaves_nothing() {
    let (sandbox, before) = used();
    for kept in ["rules.toml", "config.toml"] {
        assert!(
            sandbox.path("home/.config/bg-run").join(kept).is_file(),
            "{kept}"
        );
    }
    for kept in ["history", "tasks", "registrations", "bg-run.log"] {
        assert!(sandbox.state().join(kept).exists(), "{kept}");
    }
    let now = tree(&sandbox.path(""));
    let dry = said(&sandbox, &["uninstall", "--purge", "--dry-run"]);
    assert!(
        dry.contains("rules.toml would be removed")
            && dry.contains("--uninstall-extension bg-run.bg-run"),
        "{dry}"
    );
    assert_eq!(tree(&sandbox.path("")), now);

    let told = said(&sandbox, &["uninstall", "--purge"]);
    assert_eq!(
        support::sandbox::read(&sandbox.path("asked")),
        "bg-run.bg-run\n"
    );
    fs::remove_file(sandbox.path("asked")).unwrap();
    let after = tree(&sandbox.path(""));
    let kept = |path: &&String| !after.contains_key(*path);
    assert_eq!(before.keys().filter(kept).collect::<Vec<_>>(), [""; 0]);
    for (path, held) in &after {
        assert_eq!(before.get(path), Some(held), "{path}\n{told}");
    }
    assert!(told.contains("The program stays: "), "{told}");
}

/// Only the client's own commands remove the plugin; a purge names them.
#[test]
fn a_purge_names_the_plugin() {
    let sandbox = Sandbox::new();
    let plugins = json!({"plugins": {"bg-run@bg-run": [], "other@bg-run-like": []}});
    sandbox.write(
        "home/.claude/plugins/installed_plugins.json",
        &plugins.to_string(),
    );
    sandbox.write(
        "home/.claude/plugins/known_marketplaces.json",
        "{\"bg-run\": {}}",
    );
    let told = said(&sandbox, &["uninstall", "--purge"]);
    for command in [
        "`claude plugin uninstall bg-run@bg-run`",
        "`claude plugin marketplace remove bg-run`",
    ] {
        assert!(told.contains(command), "{told}");
    }
    assert!(!told.contains("other@"), "{told}");
}

/// A file that can't be changed now may be changed later, so everything needed for that is kept.
#[test]
fn an_unreadable_file_is_reported_and_the_rest_removed() {
    let (sandbox, before) = used();
    let settings = sandbox.home().join(".claude/settings.json");
    let whole = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{whole}}}")).unwrap();
    let output = sandbox.bg_run(&["uninstall", "--purge"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("settings.json") && told.contains("fix the file"),
        "{told}"
    );
    assert!(!sandbox.path("home/.config/bg-run/rules.toml").exists());
    fs::write(&settings, whole).unwrap();
    said(&sandbox, &["uninstall", "--purge"]);
    let _ = fs::remove_file(sandbox.path("asked"));
    let settings = settings.display().to_string();
    let now = tree(&sandbox.path(""));
    assert_eq!(now[&settings], before[&settings]);
    assert_eq!(
        now.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    let value: Value = serde_json::from_str(&now[&settings].1).unwrap();
    assert_eq!(value["model"], "opus");
}

/// Returns an empty home folder.
fn bare_home(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let home = sandbox.path(name);
    fs::create_dir(&home).unwrap();
    home
}

fn in_home(sandbox: &Sandbox, home: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = sandbox.command(BG_RUN);
    command.args(arguments).env("HOME", home);
    command.env_remove("BG_RUN_STATE_DIR").output().unwrap()
}

#[test]
fn only_created_folders_are_removed() {
    for own in [None, Some(".config"), Some(".local/state")] {
        let sandbox = Sandbox::new();
        let home = bare_home(&sandbox, "bare");
        if let Some(own) = own {
            fs::create_dir_all(home.join(own)).unwrap();
        }
        let before = tree(&home);
        for arguments in [
            &["install"][..],
            &["rules", "init"],
            &["config", "set", "keep", "7d"],
            &["learn"],
            &["uninstall", "--purge"],
        ] {
            let output = in_home(&sandbox, &home, arguments);
            assert!(output.status.success(), "{arguments:?}: {output:?}");
        }
        assert_eq!(tree(&home), before);
    }
}

#[test]
fn a_home_behind_a_link_is_restored() {
    for purge in [false, true] {
        for link in ["home", ".claude"] {
            let sandbox = Sandbox::new();
            let real = bare_home(&sandbox, "real");
            let home = if link == "home" {
                let home = sandbox.path("linked");
                symlink(&real, &home).unwrap();
                home
            } else {
                symlink(bare_home(&sandbox, "claude"), real.join(".claude")).unwrap();
                real.clone()
            };
            let before = tree(&sandbox.path(""));
            assert!(in_home(&sandbox, &home, &["install"]).status.success());
            let undo: &[&str] = if purge {
                &["uninstall", "--purge"]
            } else {
                &["uninstall"]
            };
            let output = in_home(&sandbox, &home, undo);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(tree(&sandbox.path("")), before, "{link} {undo:?}");
        }
    }
}

#[test]
fn in_a_folder_of_calls_only_our_names_are_removed() {
    let sandbox = Sandbox::new();
    let ours = sandbox.write("state/calls/toolu_1.PreToolUse", "{}");
    let theirs = [
        sandbox.write("state/calls/notes.txt", "mine"),
        sandbox.write("state/calls/a.b", "mine"),
    ];
    said(&sandbox, &["uninstall", "--purge"]);
    assert!(!ours.exists());
    assert!(theirs.iter().all(|file| file.is_file()));
}

#[test]
fn remaining_registrations_are_reported() {
    for event in [
        json!({"hooks": [{"type": "command", "command": "/x/bg-run", "args": ["hook"]}]}),
        json!(["@{hooks=System.Object[]; command=/x/bg-run}"]),
        json!([{"hooks": {"type": "command", "command": "/x/bg-run", "args": ["hook"]}}]),
        json!([{"hooks": ["@{type=command; command=/x/bg-run; args=System.Object[]}"]}]),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write_settings(&json!({"hooks": {"PreToolUse": event}}));
        for arguments in [&["uninstall"][..], &["uninstall", "--purge"]] {
            let output = sandbox.bg_run(arguments);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{event}: {output:?}");
            assert!(
                told.contains("`hooks.PreToolUse` still contains a malformed entry of bg-run"),
                "{told}"
            );
        }
    }
    let sandbox = Sandbox::new();
    let other = json!([{"hooks": [{"type": "command", "command": "my-gate --for bg-run"}]}]);
    sandbox.write_settings(&json!({"hooks": {"PreToolUse": other}}));
    said(&sandbox, &["uninstall"]);
}

#[test]
fn an_unwritable_state_folder_is_reported() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("not-a-folder", "");
    let mut command = sandbox.command(BG_RUN);
    command.arg("install").env("BG_RUN_STATE_DIR", &file);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let file = file.display().to_string();
    assert!(
        told.contains(&file) && told.contains("BG_RUN_STATE_DIR"),
        "{told}"
    );
    assert!(!sandbox.home().join(".claude/settings.json").exists());
}

#[test]
fn install_reports_settings_that_prevent_moves() {
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"env": {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}}));
    let told = said(&sandbox, &["install"]);
    assert!(
        told.contains("moves nothing to the background until you remove it")
            && !told.contains("moves to the background what takes longer"),
        "{told}"
    );
}

#[test]
fn the_demo_fits_a_terminal_and_leads_to_install() {
    use unicode_width::UnicodeWidthStr as _;
    let sandbox = Sandbox::new();
    let home = bare_home(&sandbox, "bare");
    let output = in_home(&sandbox, &home, &["demo"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    for line in told.lines() {
        assert!(line.width() <= 80, "{line}");
    }
    assert!(
        told.trim_end().ends_with("type: bg-run install") && !told.contains("demo1"),
        "{told}"
    );
    assert!(tree(&home).is_empty());
}
