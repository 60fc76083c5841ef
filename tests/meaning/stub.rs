//! The stub that replaces every program.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{Read as _, Write as _};

use serde::{Deserialize, Serialize};

/// The variable that turns the test's own binary into a stub: the file in which it records each call.
pub(crate) const LOG: &str = "BG_RUN_STUB_LOG";

/// Maximum size of that file. When a loop calls stubs endlessly, the last one ends everything.
const MAX_LOG: u64 = 200_000;

/// A recorded call of a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) stdin: u64,
}

/// Insertions by bg-run, which don't affect a stub's output and status.
pub(crate) const OPTIONS: &[&str] = &[
    "-u",
    "--line-buffered",
    "--unbuffered",
    "--no-capture-output",
];

fn hash_of(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Records the call, prints a line on each stream, and exits with 0 or 1.
pub(crate) fn run() -> ! {
    let mut argv: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // The real `stdbuf` runs its program too.
    if argv[0].ends_with("stdbuf") && argv.get(1).is_some_and(|word| word == "-oL") {
        argv.drain(..2);
    }
    let mut input = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut input);
    let name = argv[0].rsplit('/').next().unwrap_or_default().to_owned();
    let plain: Vec<&String> = argv
        .iter()
        .skip(1)
        .filter(|word| !OPTIONS.contains(&word.as_str()))
        .collect();
    let id = hash_of(&(&name, &plain)) % 1000;
    // Lines of concurrent writers come in any order.
    let input = String::from_utf8_lossy(&input).into_owned();
    let mut lines: Vec<&str> = input
        .lines()
        .filter(|line| !crate::compare::is_noise(line))
        .collect();
    lines.sort_unstable();
    let noted = Noted {
        stdin: hash_of(&lines),
        environment: environment(),
        argv,
    };
    let path = std::env::var_os(LOG).unwrap();
    if let Ok(mut log) = OpenOptions::new().append(true).create(true).open(path) {
        let _ = log.write_all(format!("{}\n", serde_json::to_string(&noted).unwrap()).as_bytes());
        if log
            .metadata()
            .is_ok_and(|metadata| metadata.len() > MAX_LOG)
        {
            let group = rustix::process::getpgrp();
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
    // A single write keeps lines of concurrent writers whole.
    let _ = std::io::stdout().write_all(format!("{name} {id} says\n").as_bytes());
    let _ = std::io::stderr().write_all(format!("{name} {id} warns\n").as_bytes());
    std::process::exit(i32::from(id.is_multiple_of(3)));
}

/// Returns the environment without natural differences: bash skips a fork for a last command without redirections,
/// which changes its level.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .filter(|(name, _)| !matches!(name.as_str(), "_" | "SHLVL" | LOG))
        .collect()
}
