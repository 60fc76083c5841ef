//! `install --editor-settings`: the additions to an editor's settings.json, and the file after `uninstall`.

mod support;

use serde_json::Value;
use support::sandbox::{Sandbox, read};

const USERS: &str = "{\n    // mine\n    \"editor.fontSize\": 13, // small\n}\n";

#[test]
fn the_settings_are_added_and_the_exact_file_restored() {
    let sandbox = Sandbox::new();
    sandbox.fake_editor();
    let file = sandbox.write("home/.config/Code/User/settings.json", USERS);
    assert!(sandbox.bg_run(&["install", "--no-editor"]).status.success());
    let planned = sandbox.bg_run(&["install", "--editor-settings", "--dry-run"]);
    assert!(
        String::from_utf8(planned.stdout).unwrap().contains('+'),
        "a diff"
    );
    assert_eq!(read(&file), USERS);
    for _ in 0..2 {
        let done = sandbox.bg_run(&["install", "--editor-settings"]);
        assert!(done.status.success(), "{done:?}");
    }
    let text = read(&file);
    assert!(
        text.contains("// mine") && text.contains("// small"),
        "{text}"
    );
    let settings: Value =
        jsonc_parser::parse_to_serde_value(&text, &jsonc_parser::ParseOptions::default()).unwrap();
    let patterns = [
        "**/claude-*/*/*/tasks/*.output".to_owned(),
        "**/claude/*/tasks/*.output".to_owned(),
        format!("{}/tasks/*.output", sandbox.state().display()),
    ];
    for pattern in patterns {
        assert_eq!(settings["files.readonlyInclude"][&pattern], true);
        assert_eq!(settings["files.associations"][&pattern], "log");
    }
    assert!(sandbox.bg_run(&["uninstall"]).status.success());
    assert_eq!(read(&file), USERS);
    assert!(!sandbox.state().exists());
}

#[test]
fn install_finds_every_editor_and_uninstall_gives_the_files_back() {
    let sandbox = Sandbox::new();
    let files = [
        "home/.config/Code/User/settings.json",
        "home/.config/Cursor/User/settings.json",
        "home/.config/Code/User/profiles/1a2b/settings.json",
        "home/.vscode-server/data/Machine/settings.json",
        "home/.local/share/code-server/User/settings.json",
    ];
    let files = files.map(|file| sandbox.write(file, USERS));
    // A missing file, one with another shape, and one of a program that isn't an editor.
    let missing = sandbox.path("home/.config/VSCodium/User/settings.json");
    std::fs::create_dir_all(missing.parent().unwrap()).unwrap();
    let odd = sandbox.write("home/.config/Kiro/User/settings.json", "[]");
    let other = sandbox.write("home/.config/Other/User/settings.json", USERS);

    let left = sandbox.bg_run(&["install", "--no-editor"]);
    assert!(left.status.success() && read(&files[0]) == USERS);
    let planned = sandbox.bg_run(&["install", "--dry-run"]);
    let planned = String::from_utf8(planned.stdout).unwrap();
    assert!(
        files
            .iter()
            .all(|file| planned.contains(file.to_str().unwrap()))
    );
    assert_eq!(read(&files[0]), USERS);

    let done = sandbox.bg_run(&["install"]);
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8(done.stdout).unwrap();
    let warned = String::from_utf8(done.stderr).unwrap();
    for file in files.iter().chain([&missing]) {
        assert!(
            read(file).contains("files.readonlyInclude"),
            "{}",
            file.display()
        );
        assert!(said.contains(file.to_str().unwrap()), "{said}");
    }
    assert!(warned.contains(odd.to_str().unwrap()), "{warned}");
    assert_eq!(
        (read(&odd), read(&other)),
        ("[]".to_owned(), USERS.to_owned())
    );

    assert!(sandbox.bg_run(&["uninstall"]).status.success());
    for file in &files {
        assert_eq!(read(file), USERS);
    }
    assert!(!missing.exists() && missing.parent().unwrap().exists());
}

#[test]
fn install_keeps_tasks_when_memory_is_short_by_default() {
    let sandbox = Sandbox::new();
    let value = |options: &[&str]| {
        let words = [&["install"], options].concat();
        assert!(sandbox.bg_run(&words).status.success());
        let text = read(&sandbox.path("home/.claude/settings.json"));
        let settings: Value = serde_json::from_str(&text).unwrap();
        settings["env"]["CLAUDE_CODE_DISABLE_BG_SHELL_PRESSURE_REAP"].clone()
    };
    assert_eq!(value(&[]), "1");
    assert_eq!(value(&["--no-reaper"]), Value::Null);
    assert_eq!(value(&["--limit-only"]), "1");
}

#[test]
fn later_changes_by_others_stay() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("elsewhere/settings.json", USERS);
    let named = format!("--editor-settings={}", file.display());
    assert!(sandbox.bg_run(&["install", &named]).status.success());
    let text = read(&file).replace("13", "14");
    sandbox.write("elsewhere/settings.json", &text);
    assert!(sandbox.bg_run(&["uninstall"]).status.success());
    let after = read(&file);
    assert!(
        after.contains("\"editor.fontSize\": 14, // small") && !after.contains("output"),
        "{after}"
    );
}

#[test]
fn a_malformed_file_is_left_alone_and_reported() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("elsewhere/settings.json", "{\"files.associations\": []}");
    let named = format!("--editor-settings={}", file.display());
    let said = sandbox.bg_run(&["install", &named]);
    assert_eq!(said.status.code(), Some(1));
    let error = String::from_utf8(said.stderr).unwrap();
    assert!(
        error.contains("files.associations") && error.contains(file.to_str().unwrap()),
        "{error}"
    );
    assert_eq!(read(&file), "{\"files.associations\": []}");
}

#[test]
fn the_doctor_names_missing_settings_and_the_fix() {
    let sandbox = Sandbox::new();
    let said = sandbox.bg_run(&["doctor", "--editor"]);
    assert_eq!(said.status.code(), Some(0));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(
        text.contains("no editor found") && text.contains("set `editor`"),
        "{text}"
    );
    sandbox.fake_editor();
    let said = sandbox.bg_run(&["doctor", "--editor"]);
    assert_eq!(said.status.code(), Some(0));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(
        text.contains("✓ Editor: VS Code") && text.contains("--editor-settings"),
        "{text}"
    );
}

#[test]
fn the_extension_recognises_the_program_s_outputs() {
    use bg_run::claude::task::{PATTERNS, is_output};
    use std::path::Path;
    let package: serde_json::Value =
        serde_json::from_str(include_str!("../editors/vscode/package.json")).unwrap();
    let language = &package["contributes"]["languages"][0];
    let [newer, older] = PATTERNS;
    let ours = "**/bg-run/tasks/*.output";
    assert_eq!(
        language["filenamePatterns"],
        serde_json::json!([newer, older, ours])
    );

    // The extension alone makes outputs read-only if settings can't be written.
    let defaults = &package["contributes"]["configurationDefaults"]["files.readonlyInclude"];
    for pattern in [newer, older, ours] {
        assert_eq!(defaults[pattern], true, "{pattern}");
    }

    let script = include_str!("../editors/vscode/follow.js");
    let (_, rest) = script.split_once("const OUTPUT = /").unwrap();
    let (source, _) = rest.split_once("/;").unwrap();
    let by_extension = regex::Regex::new(source).unwrap();
    let as_expression = |pattern: &&str| {
        let source = pattern
            .replace('.', r"\.")
            .replace("**/", "(.*/)?")
            .replace("/*", "/[^/]*");
        format!("^/?{}$", source.replace("-*", "-[^/]*"))
    };
    let by_pattern = [newer, older, ours]
        .iter()
        .map(as_expression)
        .collect::<Vec<_>>()
        .join("|");
    let by_pattern = regex::Regex::new(&by_pattern).unwrap();
    let uid = rustix::process::geteuid().as_raw();
    for (path, output) in [
        (format!("/tmp/claude-{uid}/-p/5e55/tasks/b1.output"), true),
        ("/tmp/claude/-p/tasks/b1.output".to_owned(), true),
        (format!("/tmp/claude-{uid}/-p/5e55/tasks/b1.log"), false),
        (format!("/tmp/claude-{uid}/-p/5e55/b1.output"), false),
        ("/home/me/x.output".to_owned(), false),
    ] {
        assert_eq!(is_output(Path::new(&path)), output, "{path}");
        assert_eq!(by_extension.is_match(&path), output, "{path}");
        assert_eq!(by_pattern.is_match(&path), output, "{path}");
    }
    // The program's check is the strictest: the others accept every output that it accepts, and also the link through
    // which it is opened.
    let link = "/home/me/.local/state/bg-run/tasks/pytest -x · b1.output";
    assert!(by_extension.is_match(link) && by_pattern.is_match(link));
    let own = "/home/me/project/tasks/b1.output";
    assert!(by_extension.is_match(own) && !by_pattern.is_match(own));
    assert!(!is_output(Path::new(link)) && !is_output(Path::new(own)));
}
