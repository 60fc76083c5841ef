//! A terminal pane beside the current one that follows the output.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::programs::{self, bounded};

/// Time limit for a terminal to open a pane.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum output of a terminal's command, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// A terminal with panes: the variable that it sets, and the command that opens a pane and keeps the focus where
/// possible.
struct Splitter {
    name: &'static str,
    variable: &'static str,
    command: &'static [&'static str],
}

#[rustfmt::skip]
const SPLITTERS: &[Splitter] = &[
    Splitter { name: "tmux", variable: "TMUX", command: &["tmux", "split-window", "-d", "-h"] },
    Splitter { name: "zellij", variable: "ZELLIJ", command: &["zellij", "run", "--direction", "right", "--"] },
    Splitter { name: "kitty", variable: "KITTY_WINDOW_ID", command: &["kitten", "@", "launch", "--type=window", "--keep-focus"] },
    Splitter { name: "WezTerm", variable: "WEZTERM_PANE", command: &["wezterm", "cli", "split-pane", "--right", "--"] },
];

fn splitter() -> Option<&'static Splitter> {
    SPLITTERS
        .iter()
        .find(|splitter| environment::is_set(splitter.variable))
}

/// Returns the name of the current terminal if it supports panes.
pub(super) fn terminal() -> Option<&'static str> {
    splitter().map(|splitter| splitter.name)
}

/// Follows `file` in a pane and returns the terminal's name.
///
/// # Errors
///
/// Fails if the terminal doesn't support panes, or its command fails.
pub(super) fn open(file: &Path) -> Result<&'static str> {
    let Some(splitter) = splitter() else {
        bail!("this terminal isn't tmux, zellij, kitty or WezTerm");
    };
    let program = programs::own_path()?;
    let (first, rest) = splitter.command.split_first().context("no command")?;
    let mut words: Vec<std::ffi::OsString> = rest.iter().map(Into::into).collect();
    words.extend([
        program.into(),
        "tail".into(),
        "--pane".into(),
        "--".into(),
        file.into(),
    ]);
    let found = programs::locate(first)?;
    let command = duct::cmd(found, words);
    let output = bounded::run(&command, b"", TIMEOUT, MAX_OUTPUT)
        .with_context(|| format!("`{first}` couldn't open a pane"))?;
    if !output.status.success() {
        bail!(
            "{} couldn't open a pane: {}",
            splitter.name,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(splitter.name)
}
