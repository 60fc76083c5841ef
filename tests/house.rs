//! Checks the layers of `src/` from docs/design.md: no file uses a higher layer, and no two files use each other.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The layers, lowest first. A module may use itself and lower ones.
const LAYERS: &[&str] = &[
    "environment",
    "platform",
    "folders",
    "text",
    "foreground_limit",
    "shell",
    "state",
    "programs",
    "rules",
    "config",
    "claude",
    "history",
    "tasks",
    "survive",
    "rewrite",
    "decision",
    "viewer",
    "install",
    "live",
    "hook",
    "cli",
    "lib",
    "main",
];

/// Maximum number of lines of a file without its tests.
const MAX_LINES: usize = 400;

/// Returns each source file with its text before the tests.
fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                files.insert(name, code);
            }
        }
    }
    files
}

fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// Returns the modules that a file uses: `crate::module::…`, and those in `use crate::{…}`.
fn modules_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let group = part
            .strip_prefix('{')
            .map(|rest| rest.split('}').next().unwrap());
        for name in group
            .unwrap_or(part.split([':', ';', ' ', ')', ',']).next().unwrap())
            .split(',')
        {
            let name = name.trim().split("::").next().unwrap();
            used.insert(name.to_owned());
        }
    }
    used.retain(|name| LAYERS.contains(&name.as_str()));
    used
}

#[test]
fn no_file_uses_a_higher_layer() {
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let mut arrows = 0;
    for (file, code) in files() {
        let own = layer(module(&file)).unwrap_or_else(|| panic!("{file} is in no layer"));
        for used in modules_used(&code) {
            arrows += 1;
            assert!(
                layer(&used) <= Some(own),
                "{file} uses {used}, which is above it"
            );
        }
    }
    assert!(arrows > 80, "{arrows}");
}

/// Compares siblings: `super::name`, and the modules that `mod.rs` declares.
#[test]
fn no_two_files_of_a_folder_use_each_other() {
    let files = files();
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in &files {
        let Some((folder, name)) = file.rsplit_once('/') else {
            continue;
        };
        if name == "mod.rs" {
            continue;
        }
        for part in code.split("super::").skip(1) {
            let group = part
                .strip_prefix('{')
                .map(|rest| rest.split('}').next().unwrap());
            for used in group
                .unwrap_or(part.split([':', ';', ' ', '(', ')', ',']).next().unwrap())
                .split(',')
            {
                let name = used.trim().split("::").next().unwrap();
                let sibling = format!("{folder}/{name}.rs");
                if files.contains_key(&sibling) {
                    uses.entry(file.clone()).or_default().insert(sibling);
                }
            }
        }
    }
    for (file, used) in &uses {
        for other in used {
            let back = uses.get(other).is_some_and(|used| used.contains(file));
            assert!(!back, "{file} and {other} use each other");
        }
    }
    assert!(uses.len() > 15, "{uses:?}");
}

/// `option.filter(|_| condition)` does the work before it checks the condition.
#[test]
fn a_condition_is_checked_before_the_work() {
    for (file, code) in files() {
        assert!(!code.contains("filter(|_|"), "{file}");
    }
}

#[test]
fn few_files_are_at_the_top_and_none_is_long() {
    let files = files();
    let loose = files.keys().filter(|file| !file.contains('/')).count();
    assert!(loose <= 6, "{loose} files lie directly in src");
    for (file, code) in &files {
        let lines = code.lines().count();
        assert!(lines <= MAX_LINES, "{file} has {lines} lines");
    }
}

/// A `mod.rs` and a file beside it don't use each other.
#[test]
fn no_parent_and_child_use_each_other() {
    let files = files();
    let mut pairs = Vec::new();
    for (file, code) in &files {
        let Some((folder, name)) = file.rsplit_once('/') else {
            continue;
        };
        let parent = format!("{folder}/mod.rs");
        let Some(parent_code) = files.get(&parent).filter(|_| name != "mod.rs") else {
            continue;
        };
        let module = name.trim_end_matches(".rs");
        let is_sibling = |used: &str| {
            let sibling = format!("{folder}/{used}");
            files.contains_key(&format!("{sibling}.rs"))
                || files.contains_key(&format!("{sibling}/mod.rs"))
        };
        let uses_parent = code.split("super::").skip(1).any(|part| {
            let group = part
                .strip_prefix('{')
                .map(|rest| rest.split('}').next().unwrap());
            let names = group.unwrap_or(
                part.split([';', ' ', '(', ')', ',', '<', '\n'])
                    .next()
                    .unwrap(),
            );
            let mut names = names
                .split(',')
                .map(|name| name.trim().split("::").next().unwrap());
            names.any(|used| !used.is_empty() && used != "super" && !is_sibling(used))
        });
        let calls = format!("{module}::");
        let uses_child = parent_code.lines().any(|line| {
            line.contains(&calls)
                && !line.trim_start().starts_with("pub use")
                && !line.trim_start().starts_with("//")
        });
        if uses_parent && uses_child {
            pairs.push(file.clone());
        }
    }
    assert!(pairs.is_empty(), "{pairs:#?}");
}

fn is_source(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|kind| kind == "rs")
}

/// Returns the rows of the table in docs/design.md: a module, and the text of its row.
fn described() -> Vec<(String, String)> {
    let page = include_str!("../docs/design.md");
    let (modules, _) = page.split_once("\nReasons:\n").unwrap();
    let rows = modules.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (name, owns) = row.split_once("` |")?;
        Some((name.to_owned(), owns.to_owned()))
    })
    .collect()
}

#[test]
fn the_design_page_shows_the_modules_and_their_files() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let described = described();
    let names: Vec<&str> = described
        .iter()
        .map(|(name, _)| name.trim_end_matches('/').trim_end_matches(".rs"))
        .collect();
    let modules: Vec<&str> = LAYERS
        .iter()
        .copied()
        .filter(|name| !["lib", "main"].contains(name))
        .collect();
    assert_eq!(names, modules);
    for (name, owns) in described {
        let module = src.join(&name);
        assert!(module.exists(), "docs/design.md names src/{name}");
        assert_eq!(module.is_dir(), name.ends_with('/'), "{name}");
        let quoted = owns.split('`').skip(1).step_by(2);
        for file in quoted.filter(|word| word.ends_with('/') || is_source(word)) {
            assert!(module.join(file).exists(), "{name} has no {file}");
        }
    }
}

/// Subjects, and files whose names lead to them.
#[test]
fn the_design_page_leads_to_each_subject() {
    let rows: BTreeMap<String, String> = described().into_iter().collect();
    for (subject, file) in [
        ("`\\| tail`", "rewrite/tail.rs"),
        ("messages to the user", "tasks/user_messages.rs"),
        ("to the model", "hook/model_messages.rs"),
        ("without a user", "hook/wait_at_end.rs"),
        ("silent", "tasks/silence.rs"),
        ("end a job", "survive/keep_or_end.rs"),
        ("open tabs", "viewer/open_tabs.rs"),
        ("socket of a window", "viewer/socket.rs"),
        ("buffer behind a pipe", "programs/filters.rs"),
        ("damaged", "history/file_format.rs"),
        ("is lost", "tasks/ended_or_lost.rs"),
        ("tabs", "viewer/tab_names.rs"),
        ("time-out of a hook", "hook/deadline.rs"),
        ("its input, with limits", "hook/read_input.rs"),
        ("the prediction of a call", "decision/foresight.rs"),
        ("order of the gates", "decision/gates.rs"),
        ("probability", "history/forecast.rs"),
        ("`PYTHONUNBUFFERED=1`", "rewrite/plan/unbuffer.rs"),
        ("time-outs of calls", "claude/timeout.rs"),
    ] {
        let (folder, name) = file.split_once('/').unwrap();
        let row = &rows[&format!("{folder}/")];
        assert!(
            row.contains(subject) && row.contains(name),
            "{subject}: {row}"
        );
    }
    assert!(rows["foreground_limit.rs"].contains("30 s"));
}
