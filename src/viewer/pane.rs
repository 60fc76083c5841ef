//! A pane beside this one, in a terminal that can split, with the output followed in it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::programs::{self, bounded};

/// Time that a terminal has to open a pane.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Most that a terminal's command may print, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// A terminal that splits: the variable that it sets, and the command that opens a pane and keeps the focus where it
/// is, as far as it can.
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

/// The name of the terminal around, where it splits.
pub(super) fn terminal() -> Option<&'static str> {
    splitter().map(|splitter| splitter.name)
}

/// Follows `file` in a pane; gives the terminal's name.
///
/// # Errors
///
/// When this is no terminal that splits, or it doesn't.
pub(super) fn open(file: &Path) -> Result<&'static str> {
    let Some(splitter) = splitter() else {
        bail!("there is no tmux, zellij, kitty or WezTerm around");
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
    let found = programs::find(first)
        .with_context(|| format!("no `{first}` is on the PATH outside of the project"))?;
    let command = duct::cmd(found, words);
    let output = bounded::run(&command, b"", ANSWERS_WITHIN, MAX_OUTPUT)
        .with_context(|| format!("`{first}` opens no pane"))?;
    if !output.status.success() {
        bail!(
            "{} opens no pane: {}",
            splitter.name,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(splitter.name)
}
