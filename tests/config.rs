//! `bg-run config`, and messages about a faulty file.

mod support;

use std::os::unix::fs::symlink;

use support::sandbox::{Sandbox, make_fifo, read};

const FILE: &str = "home/.config/bg-run/config.toml";

const USERS: &str = "# mine\nopen   = \"never\"   # for now\n\n# the end\n";

#[test]
fn one_value_changes_and_everything_else_stays() {
    let sandbox = Sandbox::new();
    let file = sandbox.write(FILE, USERS);
    for arguments in [["open", "first"], ["max-tabs", "3"], ["editor", "zed"]] {
        let set = sandbox.bg_run(&[&["config", "set"][..], &arguments].concat());
        assert!(set.status.success(), "{set:?}");
    }
    let text = read(&file);
    assert_eq!(
        text,
        "# mine\nopen   = \"first\"   # for now\nmax-tabs = 3\neditor = \"zed\"\n\n# the end\n"
    );
}

#[test]
fn a_link_stays_a_link() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("dotfiles/config.toml", USERS);
    let link = sandbox.write(FILE, "");
    std::fs::remove_file(&link).unwrap();
    symlink(&file, &link).unwrap();
    assert!(
        sandbox
            .bg_run(&["config", "set", "pane", "true"])
            .status
            .success()
    );
    assert!(link.is_symlink());
    assert!(read(&file).contains("pane = true"));
}

#[test]
fn invalid_values_are_not_written() {
    let sandbox = Sandbox::new();
    let file = sandbox.write(FILE, USERS);
    for (key, value, part) in [
        ("open", "sometimes", "always, first, never"),
        ("max-tabs", "-1", "a whole number"),
        ("pane", "maybe", "true, false"),
        ("editor", "[\"vi\"]", "known ones are"),
        ("editor", "notepad", "known ones are"),
        ("opne", "first", "did you mean `open`?"),
    ] {
        let set = sandbox.bg_run(&["config", "set", key, value]);
        let said = String::from_utf8(set.stderr).unwrap();
        assert_eq!(set.status.code(), Some(1), "{key} {value}: {said}");
        assert!(said.contains(part), "{key} {value}: {said}");
    }
    assert_eq!(read(&file), USERS);
    let faulty = "open = 'nevr'\n";
    sandbox.write(FILE, faulty);
    let set = sandbox.bg_run(&["config", "set", "pane", "true"]);
    assert_eq!(set.status.code(), Some(1));
    assert!(
        String::from_utf8(set.stderr)
            .unwrap()
            .contains("config.toml:1:8")
    );
    assert_eq!(read(&file), faulty);
}

#[test]
fn the_source_of_a_value_is_shown() {
    let sandbox = Sandbox::new();
    sandbox.write(FILE, "open = 'first'\n");
    let mut get = sandbox.command(support::sandbox::BG_RUN);
    let got = get
        .args(["config", "get"])
        .env("BG_RUN_DRY_RUN", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(got.stdout).unwrap();
    for (key, from) in [
        ("open", "config.toml"),
        ("dry-run", "the environment"),
        ("pane", "default"),
    ] {
        let line = said.lines().find(|line| line.starts_with(key)).unwrap();
        assert!(line.contains(from), "{said}");
    }
}

#[test]
fn the_settings_fit_a_narrow_terminal() {
    use unicode_width::UnicodeWidthStr as _;
    let sandbox = Sandbox::new();
    let shown = |columns: &str| {
        let mut get = sandbox.command(support::sandbox::BG_RUN);
        let got = get.args(["config", "get"]).env("COLUMNS", columns);
        String::from_utf8(got.output().unwrap().stdout).unwrap()
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (narrow, wide) = (shown("80"), shown("400"));
    assert!(narrow.lines().all(|line| line.width() <= 80), "{narrow}");
    assert_eq!(words(&narrow), words(&wide));
    let keys = |text: &str| text.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(keys(&narrow), wide.lines().count(), "{narrow}");
}

/// Faults are named in terms that the file's author knows.
#[test]
fn faults_are_described_in_the_user_s_terms() {
    let words = [
        "usize", "u64", "untagged", "enum", "variant", "field", "struct", "sequence", "map",
    ];
    let sandbox = Sandbox::new();
    let config = [
        ("dryrun = true", "did you mean `dry-run`?"),
        ("headless = 'leav'", "did you mean `leave`?"),
        ("headless = 5", "`headless` takes leave, background"),
        (
            "max-tabs = '5'",
            "`max-tabs` takes a whole number: found text",
        ),
        ("max-tabs = -1", "a whole number"),
        ("max-tabs = 1.5", "a whole number"),
        ("editor = 5", "`editor` takes an editor's name"),
        ("editor = ['a', 3]", "`editor` takes an editor's name"),
        ("dry-run = 1", "true, false"),
        ("open = {x = 1}", "always, first, never"),
        ("editor = 'cursr'", "`editor` is `cursr`"),
    ];
    for (text, part) in config {
        sandbox.write(FILE, text);
        let check = sandbox.bg_run(&["config", "check"]);
        let said = String::from_utf8(check.stderr).unwrap();
        assert_eq!(check.status.code(), Some(1), "{text}: {said}");
        assert!(said.contains(part), "{text}: {said}");
        assert!(
            !words.iter().any(|word| said.contains(word)),
            "{text}: {said}"
        );
    }
    let rules = [
        ("[[rule]]\nnam = 'x'", "did you mean `name`?"),
        ("[[rule]]\nname = 3", "expected a text"),
        ("[[rule]]\nname = 'a'\ncommands = 5", "a text or a list"),
        (
            "[[rule]]\nname = 'a'\ntime-limit-from = 'x'",
            "a whole number",
        ),
        (
            "[[rule]]\nname = 'a'\naction = 'foregrund'",
            "did you mean `foreground`?",
        ),
        ("[[rule]]\nname = 'a'\nenabled = 'no'", "`true` or `false`"),
        ("[[rule]]\naction = 'foreground'", "missing key `name`"),
        ("[[wrapper]]\nname = 'x'\noperands = -1", "a whole number"),
        ("rule = 5", "a list"),
        ("off = 'x'", "a list"),
    ];
    for (text, part) in rules {
        let file = sandbox.write("rules.toml", text);
        let check = sandbox.bg_run(&["rules", "check", file.to_str().unwrap()]);
        let said = String::from_utf8(check.stderr).unwrap();
        assert_eq!(check.status.code(), Some(1), "{text}: {said}");
        assert!(said.contains(part), "{text}: {said}");
        assert!(
            !words.iter().any(|word| said.contains(word)),
            "{text}: {said}"
        );
    }
}

#[test]
fn a_special_file_causes_no_wait() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.path(FILE);
    make_fifo(&fifo);
    for arguments in [&["get"][..], &["check"], &["set", "pane", "true"]] {
        let said = sandbox.bg_run(&[&["config"][..], arguments].concat());
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let error = String::from_utf8(said.stderr).unwrap();
        assert!(error.contains("not a regular file"), "{error}");
    }
}
