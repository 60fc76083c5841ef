//! Links to tasks' outputs and logs that are named after the task. VS Code names a tab after the opened file, and a
//! link refreshes like the file itself (measured, VS Code 1.139).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::claude::task;
use crate::state::{self, BEFORE_ID, Folder, Kind, OUTPUT, log};
use crate::tasks::record::TaskRecord;
use crate::text::one_line;

/// Maximum length of a name in characters. A tab shows no more.
const MAX_NAME: usize = 60;

/// Creates the link to a task's output or log at `file`, whose real path is `real`; `None` if `file`
/// is no task's output or log.
pub(super) fn link_to(file: &Path, real: &Path) -> Option<PathBuf> {
    let record = if task::is_output(file) {
        let record = TaskRecord::of(file.file_stem()?.to_str()?)?;
        // A task of another session can have the same id.
        if record
            .output
            .as_deref()
            .is_some_and(|output| output != file)
        {
            return None;
        }
        record
    } else {
        let records = TaskRecord::all().into_iter();
        let logging = records.filter(|record| record.log.as_deref() == Some(file));
        logging.max_by_key(|record| record.started)?
    };
    let made = make(&name_of(&record), real);
    made.inspect_err(|error| log::error(&format!("open: no link to {}: {error:#}", file.display())))
        .ok()
}

fn make(name: &str, real: &Path) -> Result<PathBuf> {
    let state = state::dir().context("there is no home folder")?;
    let folder = state.canonicalize()?.join(Kind::Tasks.name());
    Folder::open(Kind::Tasks)?.link(name, real)?;
    Ok(folder.join(name))
}

/// Returns the link's name, `pytest -x tests · b44x.output`: a single part of a path, without characters that a
/// command line or an editor would interpret.
fn name_of(record: &TaskRecord) -> String {
    let room = MAX_NAME.saturating_sub(BEFORE_ID.chars().count() + record.id.len() + OUTPUT.len());
    let name: String = record.name().chars().map(harmless).collect();
    let words: Vec<&str> = name.split_whitespace().collect();
    let name = words.join(" ");
    let name = name.trim_start_matches(['.', '-']).trim();
    let name = one_line(name, room);
    if name.is_empty() || name == "…" {
        return format!("{}{OUTPUT}", record.id);
    }
    format!("{name}{BEFORE_ID}{}{OUTPUT}", record.id)
}

/// Replaces a slash, which ends a folder's name, and a colon, which precedes the line, by look-alikes, and the characters
/// of patterns by a blank.
fn harmless(c: char) -> char {
    match c {
        '/' => '∕',
        ':' => '∶',
        '\\' | '{' | '}' | '*' | '?' | '"' | '<' | '>' | '|' => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_is_named_after_its_task() {
        for (description, command, name) in [
            (
                "Run e2e tests",
                "make e2e",
                "Run e2e tests · b44x2k9f1.output",
            ),
            (
                "",
                "PYTHONUNBUFFERED=1 pytest -x tests/a.py::b 2>&1",
                "pytest -x tests∕a.py∶∶b · b44x2k9f1.output",
            ),
            (
                "",
                "../../x | tee {file}:{line}\n\u{1b}[0m",
                "∕..∕x tee file ∶ line [0m · b44x2k9f1.output",
            ),
            ("..", "", "b44x2k9f1.output"),
        ] {
            let record = TaskRecord {
                id: "b44x2k9f1".to_owned(),
                description: Some(description.to_owned()),
                command: command.to_owned(),
                ..TaskRecord::default()
            };
            assert_eq!(name_of(&record), name);
        }
    }

    #[test]
    fn a_long_name_is_clipped_before_the_id() {
        let record = TaskRecord {
            id: "b44x2k9f1".to_owned(),
            command: "é".repeat(100),
            ..TaskRecord::default()
        };
        let name = name_of(&record);
        assert_eq!(name.chars().count(), MAX_NAME, "{name}");
        assert!(name.ends_with("é… · b44x2k9f1.output"), "{name}");
    }
}
