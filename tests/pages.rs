//! Runs every command and every example in the user documentation, and compares the results.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use support::sandbox::{BG_RUN, Sandbox, read};

/// Returns the pages with their paths.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = docs
        .chain(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root.join(name)))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

/// Returns the blocks in this language on a page.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    let parts = page.split(&start).skip(1);
    parts
        .map(|part| part.split_once("```").unwrap().0)
        .collect()
}

/// Creates a machine with bg-run on the `PATH` and two tasks, like those on the pages.
fn machine() -> (Sandbox, fs::File) {
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink(
        fs::canonicalize(BG_RUN).unwrap(),
        sandbox.path("bin/bg-run"),
    )
    .unwrap();
    let uid = rustix::process::geteuid().as_raw();
    let ago = |minutes: i64| {
        (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes)).to_string()
    };
    let add = |id: &str, output: &str, mut note: serde_json::Value| {
        let file = sandbox.write(
            &format!("tmp/claude-{uid}/-p/5e55/tasks/{id}.output"),
            output,
        );
        note["id"] = id.into();
        note["project"] = sandbox.project().display().to_string().into();
        note["output"] = file.display().to_string().into();
        sandbox.write(&format!("state/tasks/{id}.json"), &note.to_string());
        file
    };
    let failed = "FAILED tests/integration/test_login.py::test_two_factor\n[exited with code 1]\n";
    add(
        "b7k2m9x1q",
        failed,
        json!({
            "command": "pytest -x tests/integration --maxfail 3", "started": ago(150),
            "ended": {"at": ago(149), "status": {"exit": 1}, "ran": 60_000}
        }),
    );
    let training = "epoch 6/10  loss 0.312\nepoch 7/10  loss 0.287\n";
    let file = add(
        "bq8f3n0c2",
        training,
        json!({"description": "Train the model", "started": ago(90)}),
    );
    // A task runs while its output is open for writing, which this test does.
    (
        sandbox,
        fs::File::options().append(true).open(file).unwrap(),
    )
}

fn run(sandbox: &Sandbox, line: &str) -> std::process::Output {
    let mut shell = sandbox.command("bash");
    shell.args(["-c", line]).env("COLUMNS", "80");
    shell.env("CLAUDE_CODE_TMPDIR", sandbox.path("tmp"));
    shell.env("CLAUDE_PROJECT_DIR", sandbox.project());
    shell.output().unwrap()
}

#[test]
fn each_shown_output_is_the_real_one() {
    let mut examples = 0;
    for (path, page) in pages() {
        for block in blocks(&page, "console") {
            let (sandbox, _running) = machine();
            let (line, expected) = block.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
            let output = run(&sandbox, line);
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                expected,
                "{}: {line}",
                path.display()
            );
            examples += 1;
        }
    }
    assert!(examples > 3, "{examples}");
}

/// The tests that run lines other than bg-run's own: the line's start, the test's file, and words in that test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "claude plugin marketplace add ",
        "tests/address.rs",
        "\"plugin\", \"marketplace\", \"add\"",
    ),
    (
        "claude plugin install bg-run@bg-run",
        "tests/address.rs",
        "\"plugin\", \"install\", \"bg-run@bg-run\"",
    ),
    (
        "cargo install --path . --locked",
        ".ci/builds",
        "cargo install --path . --locked",
    ),
    (
        "cargo uninstall bg-run",
        ".ci/run",
        "cargo uninstall bg-run",
    ),
    ("cargo test", ".ci/run", "cargo test"),
    ("just ci", "justfile", "ci:"),
    (
        "bg-run install --editor-extension",
        "tests/address.rs",
        "\"install\", \"--editor-extension\"",
    ),
];

/// Returns the lines of the README's blocks before the unpublished ones, and those that undo them.
fn lines_of_the_first_hour() -> Vec<String> {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let (first, rest) = page.split_once("### Once it is published").unwrap();
    let (_, last) = rest.split_once("## Uninstall").unwrap();
    let blocks = [blocks(first, "sh"), blocks(last, "sh")].concat();
    let lines = blocks.iter().flat_map(|block| block.lines());
    lines
        .map(bare)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Replaces cargo, which takes minutes: the program under test goes where cargo would install it. `.ci/run` runs the
/// real one.
const CARGO: &str = r#"case "$*" in
"install --path . --locked") [ -f Cargo.lock ] && mkdir -p "$HOME/.cargo/bin" && cp "$BUILT" "$HOME/.cargo/bin/bg-run";;
"uninstall bg-run") rm "$HOME/.cargo/bin/bg-run";;
"test") ;;
*) exit 9;;
esac"#;

#[test]
fn the_readme_s_commands_work_as_written_in_a_clone() {
    let sandbox = Sandbox::new();
    let clone = sandbox.path("clone");
    let root = env!("CARGO_MANIFEST_DIR");
    let mut git = sandbox.command("git");
    let cloned = git.args(["clone", "-q", "--depth", "1", &format!("file://{root}")]);
    // A release contains no repository, but its folder works as well.
    let folder = match cloned.arg(&clone).status() {
        Ok(status) if status.success() => clone,
        _ => PathBuf::from(root),
    };
    sandbox.program("cargo", CARGO);
    let home = sandbox.path("empty");
    fs::create_dir(&home).unwrap();
    let path = format!(
        "{}:{}:{}",
        home.join(".cargo/bin").display(),
        sandbox.path("bin").display(),
        sandbox.search_path()
    );
    let lines = lines_of_the_first_hour();
    assert_eq!(
        lines[..2],
        ["cargo install --path . --locked", "bg-run install"]
    );
    for line in &lines {
        let mut shell = sandbox.command("bash");
        shell.args(["-c", line]).current_dir(&folder).env_clear();
        shell
            .env("HOME", &home)
            .env("PATH", &path)
            .env("BUILT", BG_RUN);
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        if line == "bg-run install" {
            let settings = read(&home.join(".claude/settings.json"));
            let program = home.join(".cargo/bin/bg-run").display().to_string();
            assert!(settings.contains(&program), "{settings}");
        }
    }
    let left: Vec<PathBuf> = fs::read_dir(&home)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, [home.join(".cargo")], "{lines:?}");
}

/// Returns a line without its comment.
fn bare(line: &str) -> &str {
    line.split(" #").next().unwrap_or_default().trim()
}

#[test]
fn each_line_of_a_block_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = 0;
    for (path, page) in pages() {
        for block in blocks(&page, "sh") {
            let (sandbox, _running) = machine();
            sandbox.fake_editor();
            for line in block.lines().map(bare).filter(|line| !line.is_empty()) {
                lines += 1;
                if let Some((_, test, words)) =
                    ELSEWHERE.iter().find(|(start, ..)| line.starts_with(start))
                {
                    assert!(
                        read(&root.join(test)).contains(words),
                        "{test} doesn't run `{line}`"
                    );
                    continue;
                }
                assert!(
                    line.starts_with("bg-run "),
                    "{}: who runs `{line}`?",
                    path.display()
                );
                let output = run(&sandbox, line);
                assert!(
                    output.status.success(),
                    "{}: {line}: {output:?}",
                    path.display()
                );
            }
        }
    }
    assert!(lines > 10, "{lines}");
}

/// Values for the readers' placeholders.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("'COMMAND'", "ls"),
    ("SECONDS", "30"),
    ("PATTERN", "x"),
    ("KEY VALUE", "keep 7d"),
    ("CALLS.jsonl.gz", "x"),
    ("TASK", "b1"),
    (" [b1]", ""),
];

/// Every `bg-run …` in a sentence has an existing subcommand and existing options.
#[test]
fn each_command_in_a_sentence_exists() {
    let (sandbox, _running) = machine();
    let mut commands = 0;
    for (path, page) in pages() {
        let outside: String = page.split("```").step_by(2).collect();
        let codes = outside.split('`').skip(1).step_by(2);
        for code in codes.filter(|code| code.starts_with("bg-run ")) {
            let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = PLACEHOLDERS
                .iter()
                .fold(code.clone(), |line, (from, to)| line.replace(from, to));
            let line = line
                .split('|')
                .next()
                .unwrap_or_default()
                .replace("bg-run hook", "bg-run hook --dry-run");
            let output = run(&sandbox, &format!("{line} --help"));
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_helped = said.contains("Usage: bg-run")
                || line.starts_with("bg-run hook")
                || line.contains(" test ")
                || line.contains("explain ")
                || line == "bg-run --version";
            assert!(
                output.status.success() && is_helped,
                "{}: {code}: {output:?}",
                path.display()
            );
            commands += 1;
        }
    }
    assert!(commands > 40, "{commands}");
}

/// Rules and settings are valid as shown, and every key in them exists.
#[test]
fn each_shown_file_is_valid() {
    let mut files = 0;
    for (path, page) in pages() {
        for block in blocks(&page, "toml") {
            let sandbox = Sandbox::new();
            let is_rules = block.contains("[[rule]]") || block.contains("[[wrapper]]");
            let name = if is_rules {
                "rules.toml"
            } else {
                "config.toml"
            };
            sandbox.write(&format!("home/.config/bg-run/{name}"), block);
            let command = if is_rules { "rules" } else { "config" };
            let output = sandbox.bg_run(&[command, "check"]);
            assert!(
                output.status.success(),
                "{}: {block}\n{output:?}",
                path.display()
            );
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains(name), "{said}");
            files += 1;
        }
    }
    assert!(files > 6, "{files}");
}

/// Every link leads to an existing page and heading.
#[test]
fn each_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c })
            .collect::<String>()
    };
    let mut links = 0;
    for (path, page) in pages() {
        let outside: String = page.split("```").step_by(2).collect();
        for rest in outside.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            assert!(
                file.starts_with(root) && file.exists(),
                "{}: {target}",
                path.display()
            );
            if !heading.is_empty() {
                let text = read(&file);
                let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
                let mut headings = headings.map(|line| anchor(line.trim_start_matches('#').trim()));
                assert!(
                    headings.any(|known| known == heading),
                    "{}: {target}",
                    path.display()
                );
            }
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}
