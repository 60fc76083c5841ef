//! The client's treatment of a faulty settings file, and that of `install`, `doctor` and `uninstall`.

mod support;

use std::fs;

use support::claude::{Client, VERSIONS};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::{Sandbox, read};

use bg_run::claude::settings_file::{MAX_SIZE, SettingsFault, Validation, judge};

fn fault(bytes: &[u8]) -> Option<SettingsFault> {
    match judge(bytes) {
        Validation::Ignored(fault) => Some(fault),
        Validation::Accepted(_) | Validation::Unknown { .. } => None,
    }
}

#[test]
fn accepted_settings_have_no_fault() {
    let utf16: Vec<u8> = "{\"a\": 1}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf16 = [&b"\xff\xfe"[..], &utf16].concat();
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(2_000_000));
    for bytes in [
        &b""[..], b" \n", b"{}", b"\xef\xbb\xbf{\"a\": 1}", &utf16, b"{\"a\": \"\xff\xe9\"}", large.as_bytes(),
        b"{\"a\": 1, \"a\": 2}", b"{\"a\": -0, \"b\": 1E5}", b"{\r\n\"a\": 1}\r\n", b"{\"a\": \"\x7f\"}",
        b"{\"env\": {\"A\": 1, \"B\": {}}, \"unknown\": 1, \"theme\": 1, \"mcpServers\": \"x\"}",
        b"{\"permissions\": {\"allow\": [1, \"Bash(\"], \"other\": 1}}",
        b"{\"hooks\": null}",
        b"{\"hooks\": {\"PreToolUse\": null, \"NoSuchEvent\": {}}}",
        b"{\"hooks\": {\"PreToolUse\": [{\"matcher\": \"(\", \"hooks\": [{\"type\": \"command\", \"command\": \"\", \"timeout\": 1.5}]}]}}",
    ] {
        let shown = String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned();
        assert!(matches!(judge(bytes), Validation::Accepted(_)), "{shown}: {:?}", judge(bytes));
    }
}

#[test]
fn unknown_settings_are_neither_accepted_nor_faulty() {
    let nested = format!("{{\"a\": {}{}}}", "[".repeat(600), "]".repeat(600));
    for text in ["{\"a\": \"\\ud800\"}", "{\"a\": 1e999}", nested.as_str()] {
        assert!(
            matches!(judge(text.as_bytes()), Validation::Unknown { .. }),
            "{text}"
        );
    }
}

#[test]
fn each_fault_is_named_with_its_line() {
    for (text, line, cause) in [
        ("{\n  // why\n  \"a\": 1\n}", 2, "a comment"),
        ("{\n  \"a\": 1 // why\n}", 2, "a comment"),
        ("{\n  \"a\": 1,\n  /* why */\n  \"b\": 2\n}", 3, "a comment"),
        ("{\n  # why\n}", 2, "a comment"),
        ("{}\n// end\n", 2, "a comment"),
        ("// begin\n{}", 1, "a comment"),
        ("{\n  \"a\": 1,\n}", 2, "a trailing comma"),
        ("{\n  \"a\": [1,\n2,\n]}", 3, "a trailing comma"),
        ("{\"a\": 1,, \"b\": 2}", 1, "a second comma"),
        ("{\n\"a\": 1\n\"b\": 2}", 2, "a missing comma"),
        ("{\"a\": [1\n2]}", 1, "a missing comma"),
        ("{\"a\" 1}", 1, "a missing colon"),
        ("{\n'a': 1}", 2, "a single quote"),
        ("{\"a\": 'b'}", 1, "a single quote"),
        ("{\na: 1}", 2, "a name without quotes"),
        ("{\u{201c}a\u{201d}: 1}", 1, "a curly quote"),
        ("{\"a\": 1", 1, "the file ends too early"),
        ("{\n\"a\": \"b\n", 2, "a line break"),
        ("{\n\"a\": \"b", 2, "the file ends too early"),
        ("{\"a\": \"b\tc\"}", 1, "a line break, a tab"),
        ("{\"a\": \"C:\\x\"}", 1, "a backslash"),
        ("{}\n}", 2, "more text after its end"),
        ("{}\n{}", 2, "more text after its end"),
        ("{\n<<<<<<< HEAD\n\"a\": 1\n}", 2, "a merge conflict"),
        ("<<<<<<< HEAD\n{}", 1, "a merge conflict"),
        ("{\"a\": 1\n=======\n}", 2, "a merge conflict"),
        ("```json\n{}\n```", 1, "a Markdown fence"),
        ("\u{feff}\u{feff}{}", 1, "a second byte order mark"),
        ("{\u{a0}\"a\": 1}", 1, "a no-break space"),
        ("{}\0", 1, "a NUL byte"),
        ("{\"a\": +1}", 1, "a plus sign"),
        ("{\"a\": NaN}", 1, "no JSON"),
        ("{\"a\": True}", 1, "no JSON"),
        ("{\"a\": 01}", 1, "no JSON"),
        ("{\"a\": .5}", 1, "no JSON"),
        ("{\"a\": 0x10}", 1, ""),
        ("{\u{c}}", 1, ""),
        ("null", 1, "no object"),
        ("[\n{}]", 1, "no object"),
        (
            "{\n\"model\": 1}",
            2,
            "`model` is 1 instead of a text in quotes",
        ),
        ("{\n\"model\": null}", 2, "`model` is null instead"),
        ("{\"env\":\n[]}", 2, "`env` is a list instead of an object"),
        (
            "{\"permissions\": {\n\"deny\":\n\"Bash(x)\"}}",
            3,
            "`permissions.deny` is \"Bash(x)\" instead of a list",
        ),
        (
            "{\"permissions\": {\"defaultMode\": \"yolo\"}}",
            1,
            "`permissions.defaultMode` is \"yolo\" instead of one of",
        ),
        ("{\"cleanupPeriodDays\": 0}", 1, "`cleanupPeriodDays` is 0"),
        (
            "{\"disableAllHooks\": \"true\"}",
            1,
            "instead of true or false",
        ),
        (
            "{\"hooks\": {\"PreToolUse\": {}}}",
            1,
            "`hooks.PreToolUse` is an object instead of a list",
        ),
        (
            "{\"hooks\": {\"PreToolUse\": [\n{\"type\": \"command\"}]}}",
            2,
            "`hooks.PreToolUse[0]` is an object instead of",
        ),
        (
            "{\"hooks\": {\"PermissionRequest\": [{\"hooks\": [\n{}]}]}}",
            2,
            "`hooks.PermissionRequest[0].hooks[0]`",
        ),
        (
            "{\"hooks\": {\"PreToolUse\": [{\"matcher\": {}, \"hooks\": []}]}}",
            1,
            "`hooks.PreToolUse[0].matcher`",
        ),
        (
            "{\"hooks\": {\"PreToolUse\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"x\", \"timeout\": \"9\"}]}]}}",
            1,
            "timeout` is \"9\" instead of a number",
        ),
    ] {
        let Some(found) = fault(text.as_bytes()) else {
            panic!("{text:?} is taken")
        };
        assert_eq!(found.line, Some(line), "{text:?}: {found}");
        assert!(found.cause.contains(cause), "{text:?}: {found}");
        assert!(found.fix.ends_with('.'), "{found:?}");
    }
}

#[test]
fn bytes_and_size_count() {
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf16 = [&b"\xfe\xff"[..], &utf16].concat();
    for bytes in [&b"{}\xff"[..], &utf16, &vec![b' '; MAX_SIZE + 1]] {
        assert!(fault(bytes).is_some());
    }
}

const SETTINGS: &str = "home/.claude/settings.json";

/// Texts that the client ignores, the line that bg-run names, and the fix.
const DEAD: &[(&str, &str, &str)] = &[
    (
        "{\n  // mine\n  \"model\": \"opus\"\n}\n",
        "line 2: a comment",
        "Remove the comment.",
    ),
    (
        "{\n  \"model\": \"opus\",\n}\n",
        "line 2: a trailing comma",
        "Remove the comma.",
    ),
    (
        "{\n  \"model\": 1\n}\n",
        "line 2: `model` is 1",
        "Write a text in quotes.",
    ),
    (
        "{\"permissions\": {\"deny\": \"Bash(rm:*)\"}}\n",
        "line 1: `permissions.deny`",
        "Write a list",
    ),
    (
        "{\"hooks\": {\"PreToolUse\": [{\"type\": \"command\"}]}}\n",
        "line 1: `hooks.PreToolUse[0]`",
        "Write an object with `hooks`",
    ),
];

#[test]
fn an_ignored_file_is_not_changed() {
    for (text, cause, mend) in DEAD {
        let sandbox = Sandbox::new();
        let file = sandbox.write(SETTINGS, text);
        for arguments in [
            &["install"][..],
            &["install", "--limit-only"],
            &["install", "--dry-run"],
        ] {
            let installed = sandbox.bg_run(arguments);
            let told = String::from_utf8(installed.stderr).unwrap();
            assert_eq!(installed.status.code(), Some(1), "{told}");
            assert!(installed.stdout.is_empty(), "{:?}", installed.stdout);
            for part in [
                cause,
                mend,
                &"Claude Code ignores the whole file",
                &"Nothing was changed",
            ] {
                assert!(told.contains(*part), "{part}: {told}");
            }
        }
        assert_eq!(read(&file), *text);
        let doctor = sandbox.bg_run(&["doctor"]);
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert_eq!(doctor.status.code(), Some(1), "{said}");
        let line = said.lines().find(|line| line.contains(cause)).unwrap();
        assert!(
            line.starts_with('✗') && line.contains("ignores the whole file"),
            "{said}"
        );
        assert!(
            said.contains(mend) && !said.contains("✓ The hooks"),
            "{said}"
        );

        let other = sandbox.bg_run(&["install", "--scope", "local"]);
        let warned = String::from_utf8(other.stderr).unwrap();
        assert!(other.status.success(), "{warned}");
        assert!(
            warned.contains("warning") && warned.contains(cause) && warned.contains(mend),
            "{warned}"
        );
    }
}

#[test]
fn a_registration_is_removed_from_an_ignored_file() {
    for (from, to) in [
        ("{\n", "{\n  // mine\n"),
        ("\"opus\"", "\"opus\",\n  \"language\": 1"),
        (
            "\"opus\"",
            "\"opus\",\n  \"permissions\": {\"deny\": [\"Bash(x)\",]}",
        ),
    ] {
        let sandbox = Sandbox::new();
        let before = "{\n  \"model\": \"opus\"\n}\n";
        let file = sandbox.write(SETTINGS, before);
        assert!(sandbox.bg_run(&["install"]).status.success());
        fs::write(&file, read(&file).replacen(from, to, 1)).unwrap();
        let done = sandbox.bg_run(&["uninstall"]);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(read(&file), before.replacen(from, to, 1));
    }
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let sandbox = Sandbox::new();
    let before = "\u{feff}{\"model\": \"opus\"}";
    let file = sandbox.write(SETTINGS, before);
    let done = sandbox.bg_run(&["install"]);
    assert!(done.status.success(), "{done:?}");
    let doctor = sandbox.bg_run(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        said.contains("✓ The hooks are registered")
            && said.contains("✓ Claude Code moves calls to the background after 30 s"),
        "{said}"
    );
    assert!(sandbox.bg_run(&["uninstall"]).status.success());
    assert_eq!(read(&file), before);
}

/// The verdict equals the real client's: a hook of the file runs or not.
#[test]
fn the_client_agrees() {
    let more = |text: &str| {
        format!(
            "{{{text}\"hooks\": {{\"UserPromptSubmit\": [{{\"hooks\": [{{\"type\": \"command\", \"command\": \"ran\"}}]}}]}}}}"
        )
    };
    let texts = [
        more("\n// mine\n"),
        more("\"cleanupPeriodDays\": \"30\","),
        format!("\u{feff}{}", more("")),
        more("").replace("]}}", "],}}"),
        more("\"permissions\": {\"allow\": \"Bash(x)\"},"),
        more("\"enabledPlugins\": [],"),
        more("\"theme\": 1, \"env\": {\"A\": {}},"),
        more("\"q\": \"\\ud800\","),
    ];
    for version in VERSIONS {
        let Some(client) = Client::find(version) else {
            continue;
        };
        // Clients run by Node take seconds to start.
        let count = if client.hides_its_arguments() {
            3
        } else {
            texts.len()
        };
        for text in &texts[..count] {
            let sandbox = Sandbox::new();
            let ran = sandbox.path("ran");
            sandbox.program("ran", &format!("touch {}", ran.display()));
            sandbox.write(SETTINGS, text);
            let api = MessagesApi::start(vec![Turn::Say("ok".to_owned())]);
            let output = client.run_headless(&sandbox, &api, &[]);
            assert!(output.status.success(), "{output:?}");
            let is_dead = fault(text.as_bytes()).is_some();
            assert_eq!(ran.exists(), !is_dead, "{version}: {text}");
        }
    }
}
