//! Reads measured calls, one JSON object per line, from gzip or plain files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// Maximum length of a line, in bytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// A measured call.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the columns are the data's")]
pub(crate) struct Row {
    #[serde(default)]
    pub(crate) project: String,
    #[serde(default)]
    pub(crate) machine: String,
    /// Time of the call, in seconds since the project's first one.
    #[serde(default)]
    pub(crate) t: f64,
    pub(crate) command: String,
    pub(crate) seconds: Option<f64>,
    #[serde(default)]
    pub(crate) quality: String,
    #[serde(default)]
    pub(crate) lower_bound: bool,
    #[serde(default)]
    pub(crate) timed_out: bool,
    #[serde(default)]
    pub(crate) background: bool,
    #[serde(default)]
    pub(crate) asked_background: bool,
}

impl Row {
    /// Whether the duration is reliable enough to judge a decision.
    pub(crate) fn is_judged(&self) -> bool {
        let is_sure = matches!(self.quality.as_str(), "measured" | "timestamps");
        is_sure && !self.background && !self.asked_background
    }

    /// Whether the duration is reliable enough to learn from.
    pub(crate) fn is_learnt_from(&self) -> bool {
        self.quality != "weak"
    }
}

/// Reads the calls of all files and sorts them by machine and time.
pub(crate) fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in paths {
        read_file(path.as_ref(), &mut rows)?;
    }
    rows.sort_by(|one, other| {
        let by_machine = one.machine.cmp(&other.machine);
        by_machine.then(one.t.total_cmp(&other.t))
    });
    Ok(rows)
}

fn read_file(path: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let why = || format!("{} can't be read", path.display());
    let mut file = BufReader::new(File::open(path).with_context(why)?);
    let start = file.fill_buf().with_context(why)?;
    let mut file: Box<dyn BufRead> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if length.with_context(why)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(row) => rows.push(row),
            Err(error) => bail!(
                "{}:{number}: not a call with `command` and `seconds`: {error}",
                path.display()
            ),
        }
    }
    Ok(())
}
