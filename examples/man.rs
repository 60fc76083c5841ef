//! Writes a manual page for each subcommand into a folder: `cargo run --example man -- FOLDER`.

use std::env;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("usage: man FOLDER")?;
    clap_mangen::generate_to(bg_run::cli::command(), &folder)
        .with_context(|| format!("the manual can't be written to {}", folder.display()))
}
