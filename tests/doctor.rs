//! `bg-run doctor` on setups that are broken on purpose: tests/doctor.toml.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde::Deserialize;
use serde_json::{Value, json};
use support::claude::{Client, VERSIONS};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{BG_RUN, Sandbox, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    settings: Option<String>,
    #[serde(default)]
    run: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    #[serde(default)]
    modes: BTreeMap<String, u32>,
    #[serde(default)]
    programs: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    hook: Option<String>,
    expect: Vec<String>,
}

/// A setup without faults.
fn healthy() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program("claude", "echo '2.1.331 (Claude Code)'");
    sandbox.editor_with_extensions();
    let project = sandbox.project().display().to_string();
    let trusted = json!({"projects": {project: {"hasTrustDialogAccepted": true}}});
    sandbox.write("home/.claude.json", &trusted.to_string());
    sandbox.write("home/.config/Code/User/settings.json", "{}");
    let done = sandbox.bg_run(&["install"]);
    assert!(done.status.success(), "{done:?}");
    sandbox
}

/// Merges one value into another; `null` removes a key.
fn lay_over(below: &mut Value, above: Value) {
    match above {
        Value::Object(above) => {
            if !below.is_object() {
                *below = json!({});
            }
            let below = below.as_object_mut().unwrap();
            for (key, value) in above {
                if value.is_null() {
                    below.remove(&key);
                } else {
                    lay_over(below.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        above => *below = above,
    }
}

impl Case {
    fn break_it(&self, sandbox: &Sandbox) {
        let filled = |text: &str| fill(sandbox, text);
        if let Some(settings) = &self.settings {
            let file = sandbox.home().join(".claude/settings.json");
            let mut below: Value = serde_json::from_str(&read(&file)).unwrap();
            lay_over(&mut below, serde_json::from_str(&filled(settings)).unwrap());
            sandbox.write_settings(&below);
        }
        if !self.run.is_empty() {
            let words: Vec<&str> = self.run.iter().map(String::as_str).collect();
            assert!(sandbox.bg_run(&words).status.success(), "{}", self.name);
        }
        for (name, text) in &self.files {
            sandbox.write(name, &filled(text));
        }
        for (name, script) in &self.programs {
            sandbox.program(name, script);
        }
        for name in &self.remove {
            fs::remove_file(sandbox.path(name)).unwrap();
        }
        for name in &self.folders {
            fs::create_dir_all(sandbox.path(name)).unwrap();
        }
        for (name, target) in &self.links {
            symlink(sandbox.path(target), sandbox.path(&filled(name))).unwrap();
        }
        for (name, mode) in &self.modes {
            fs::set_permissions(sandbox.path(name), Permissions::from_mode(*mode)).unwrap();
        }
        if let Some(input) = &self.hook {
            assert!(sandbox.hook(input.as_bytes(), &[]).status.success());
        }
    }

    /// Returns the doctor's JSON and its exit status.
    fn examined(&self, sandbox: &Sandbox) -> (Value, Option<i32>) {
        let variables = self.environment.iter();
        let variables = variables.map(|(name, value)| (name, fill(sandbox, value)));
        let mut command = sandbox.command(BG_RUN);
        command.args(["doctor", "--json"]).envs(variables);
        let said = command.output().unwrap();
        let report = serde_json::from_slice(&said.stdout);
        let report = report.unwrap_or_else(|error| panic!("{}: {error}: {said:?}", self.name));
        (report, said.status.code())
    }
}

fn fill(sandbox: &Sandbox, text: &str) -> String {
    let uid = rustix::process::geteuid().as_raw();
    let program = fs::canonicalize(BG_RUN).unwrap();
    text.replace(
        "{root}",
        sandbox.path("").display().to_string().trim_end_matches('/'),
    )
    .replace("{bg-run}", &program.display().to_string())
    .replace("{uid}", &uid.to_string())
}

#[test]
fn each_broken_setup_is_reported() {
    let table: Table = toml::from_str(include_str!("doctor.toml")).unwrap();
    let mut wrong = Vec::new();
    for case in &table.case {
        let sandbox = healthy();
        case.break_it(&sandbox);
        let (report, code) = case.examined(&sandbox);
        let checks = report["checks"].as_array().unwrap();
        let faults: Vec<String> = checks
            .iter()
            .filter(|check| check["state"] != "ok")
            .map(|check| {
                let text = |key: &str| check[key].as_str().unwrap_or_default();
                format!(
                    "{} {} {} {}",
                    text("name"),
                    text("state"),
                    text("says"),
                    text("fix")
                )
            })
            .collect();
        let is_meant = |expected: &String, fault: &String| {
            let mut parts = expected.splitn(3, ' ');
            let start = format!("{} {} ", parts.next().unwrap(), parts.next().unwrap());
            fault.starts_with(&start) && fault.contains(&fill(&sandbox, parts.next().unwrap()))
        };
        let mut left = faults.clone();
        let found = case.expect.iter().all(|expected| {
            let at = left.iter().position(|fault| is_meant(expected, fault));
            at.map(|at| left.remove(at)).is_some()
        });
        let fails = case
            .expect
            .iter()
            .any(|expected| expected.contains(" failure "));
        if !found || !left.is_empty() || code != Some(i32::from(fails)) {
            wrong.push(format!("{}: {code:?}: {faults:#?}", case.name));
        }
        let without_fix = |check: &&Value| check["state"] != "ok" && !check["fix"].is_string();
        assert!(!checks.iter().any(|check| without_fix(&check)), "{report}");
        assert_eq!(report["works"], !fails || !found, "{}", case.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.case.len() > 20);
}

/// The text for people contains everything in the JSON.
#[test]
fn the_text_has_every_line_of_the_json() {
    let sandbox = healthy();
    sandbox.write("home/.claude.json", "{}");
    let text = String::from_utf8(sandbox.bg_run(&["doctor"]).stdout).unwrap();
    let json = sandbox.bg_run(&["doctor", "--json"]).stdout;
    let report: Value = serde_json::from_slice(&json).unwrap();
    for check in report["checks"].as_array().unwrap() {
        let sign = match check["state"].as_str().unwrap() {
            "ok" => '✓',
            "warning" => '!',
            _ => '✗',
        };
        let line = format!("{sign} {}\n", check["says"].as_str().unwrap());
        assert!(text.contains(&line), "{line}{text}");
        if let Some(fix) = check["fix"].as_str() {
            assert!(text.contains(&format!("{line}  {fix}\n")), "{text}");
        }
    }
}

#[test]
fn doctor_changes_nothing() {
    let sandbox = healthy();
    sandbox.config("opne = 'first'");
    sandbox.rules("[[rule]]\nname = 'a'\nmatch = '^a'\n");
    let seen = || {
        let found = sandbox
            .command("find")
            .args([".", "..", "-printf", "%p %s %T@\\n"])
            .output();
        let mut lines: Vec<String> = String::from_utf8(found.unwrap().stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let before = seen();
    assert_eq!(sandbox.bg_run(&["doctor"]).status.code(), Some(1));
    assert_eq!(seen(), before);
}

/// Whether the client passes a call to bg-run in this setup, so that it runs in the background.
fn is_moved(client: &Client, sandbox: &Sandbox) -> bool {
    let api = MessagesApi::start(vec![Turn::bash("pytest -x"), Turn::Say("done".to_owned())]);
    client.run_headless_until(sandbox, &api, &[], &[("BG_RUN_HEADLESS", "background")], 1);
    let results = api.tool_results();
    assert_eq!(results.len(), 1);
    results[0].text.contains("running in background")
}

/// The state folder is on a small, full file system that only the test's processes see.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported() {
    let sandbox = healthy();
    let run = |arguments: &[&str]| sandbox.on_full_disk(&sandbox.state(), "", arguments, b"");
    let Some(doctor) = run(&["doctor", "--json"]) else {
        return;
    };
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let state_check = checks
        .iter()
        .find(|check| check["name"] == "state")
        .unwrap();
    assert_eq!(state_check["state"], "warning", "{report}");
    let says = state_check["says"].as_str().unwrap();
    assert!(says.contains("full disk"), "{says}");
    let fix = state_check["fix"].as_str().unwrap();
    assert!(fix.contains("BG_RUN_STATE_DIR"), "{fix}");
    let install = run(&["install", "--scope", "project"]).unwrap();
    let told = String::from_utf8(install.stderr).unwrap();
    assert!(
        told.contains("BG_RUN_STATE_DIR") && told.contains("No space left"),
        "{told}"
    );
}

/// The doctor and the real client agree on settings that switch our hooks off.
#[test]
fn the_client_agrees() {
    let hooks = |matcher: &str, command: &str| {
        let hook = json!({"type": "command", "command": command, "args": ["hook"]});
        json!({"hooks": {"PreToolUse": [{"matcher": matcher, "hooks": [hook]}]}})
    };
    let malformed = json!({"hooks": {"PreToolUse": [{"hooks": ["node x.js"]}]}});
    let elsewhere = json!({"hooks": {"Notification": [{"hooks": ["node x.js"]}]}});
    let off = json!({"disableAllHooks": true});
    let on = json!({"disableAllHooks": false});
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        for (name, user, project) in [
            ("all is well", json!({}), None),
            ("by name", hooks("Bash", "bg-run"), None),
            ("a list of tools", hooks("Edit|Bash", BG_RUN), None),
            ("another tool", hooks("Read", BG_RUN), None),
            ("off in the project", json!({}), Some(&off)),
            ("malformed in the project", json!({}), Some(&malformed)),
            (
                "off in the user's file, on in the project",
                off.clone(),
                Some(&on),
            ),
            ("off in the user's file", off.clone(), None),
            ("malformed in the user's file", malformed.clone(), None),
            ("another event's is malformed", elsewhere.clone(), None),
        ] {
            let sandbox = healthy();
            sandbox.program("pytest", "echo collected");
            sandbox.program("bg-run", &format!("exec {BG_RUN} \"$@\""));
            sandbox.program("claude", &format!("echo '{version} (Claude Code)'"));
            let file = sandbox.home().join(".claude/settings.json");
            let mut settings: Value = serde_json::from_str(&read(&file)).unwrap();
            lay_over(
                &mut settings,
                json!({"permissions": {"allow": ["Bash(pytest:*)"]}}),
            );
            lay_over(&mut settings, user);
            sandbox.write_settings(&settings);
            if let Some(project) = project {
                sandbox.write("project/.claude/settings.json", &project.to_string());
            }
            let doctor = sandbox.bg_run(&["doctor", "--json"]);
            let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
            let moved = is_moved(&client, &sandbox);
            assert_eq!(report["works"], moved, "{version}: {name}: {report}");
        }
    }
}
