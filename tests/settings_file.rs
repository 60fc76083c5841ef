//! What the client makes of a settings file with a fault: tried with each of these on the real client as well.

use bg_run::claude::settings_file::{Fault, MAX_SIZE, Verdict, judge};

fn fault(bytes: &[u8]) -> Option<Fault> {
    match judge(bytes) {
        Verdict::Dead(fault) => Some(fault),
        Verdict::Accepted(_) | Verdict::Unknown(_) => None,
    }
}

#[test]
fn what_the_client_takes_is_no_fault() {
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
        assert!(matches!(judge(bytes), Verdict::Accepted(_)), "{shown}: {:?}", judge(bytes));
    }
}

#[test]
fn what_cannot_be_known_is_neither() {
    let nested = format!("{{\"a\": {}{}}}", "[".repeat(600), "]".repeat(600));
    for text in ["{\"a\": \"\\ud800\"}", "{\"a\": 1e999}", nested.as_str()] {
        assert!(
            matches!(judge(text.as_bytes()), Verdict::Unknown(_)),
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
        ("{}\n}", 2, "more text behind its end"),
        ("{}\n{}", 2, "more text behind its end"),
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
        assert!(found.mend.ends_with('.'), "{found:?}");
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
