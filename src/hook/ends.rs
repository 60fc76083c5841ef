//! Tasks that ended since one last looked: noted, and their durations kept.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::record;
use crate::claude::task::{self, Footer};
use crate::claude::{holders, last_lines};
use crate::config::{Configuration, Mode};
use crate::folders::CallSite;
use crate::history::store::Observation;
use crate::state::notes::{Cause, Ended, Note, Status};

/// How the client says that a task ended: in the prompt that it gives the model (from 2.1.90).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) id: String,
    pub(super) status: Status,
}

impl Notice {
    /// All in a prompt.
    pub(super) fn in_prompt(prompt: &str) -> Vec<Self> {
        let parts = prompt.split("<task-notification>").skip(1);
        parts.filter_map(Self::of).collect()
    }

    fn of(text: &str) -> Option<Self> {
        let (text, _) = text.split_once("</task-notification>")?;
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once(&format!("</{name}>"))?.0.trim())
        };
        let code = || {
            // In parentheses or not, by status and version; what stands before is the command's.
            let (_, rest) = field("summary")?.rsplit_once("exit code ")?;
            rest.trim_end_matches(')').parse().ok()
        };
        let status = match (field("status")?, code()) {
            ("killed", _) => Status::Killed,
            (_, Some(code)) => Status::Exited(code),
            ("completed", None) => Status::Exited(0),
            _ => Status::Unknown,
        };
        Some(Self {
            id: field("task-id")?.to_owned(),
            status,
        })
    }
}

/// The end of each of `notes` that has one, the output's own word before the client's.
pub(super) fn of(notes: &[Note], notices: &[Notice]) -> Vec<(Note, Ended)> {
    let outputs: Vec<PathBuf> = notes
        .iter()
        .filter_map(|note| note.output.clone())
        .collect();
    let mut written = None;
    let mut ended = Vec::new();
    for note in notes {
        let notice = notices.iter().find(|notice| notice.id == note.id);
        let found = note.output.as_ref().and_then(|output| {
            let file = task::open(output).ok()?;
            let changed = file
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok();
            let footer = Footer::of_file(&file).ok().flatten();
            Some((changed, footer))
        });
        let status = match (&found, notice) {
            (Some((_, Some(footer))), _) => status(*footer),
            (_, Some(notice)) => notice.status,
            (Some((_, None)), None) => {
                let written = written
                    .get_or_insert_with(|| holders::written_among(&outputs))
                    .as_ref();
                if !is_left(note, written) {
                    continue;
                }
                Status::Unknown
            }
            (None, None) => Status::Unknown,
        };
        let at = found.and_then(|(changed, _)| changed);
        ended.push((note.clone(), end(note, status, at)));
    }
    ended
}

fn is_left(note: &Note, written: Option<&BTreeSet<PathBuf>>) -> bool {
    let output = note.output.as_ref();
    written.is_some_and(|written| output.is_some_and(|output| !written.contains(output)))
}

fn status(footer: Footer) -> Status {
    match footer {
        Footer::Exited(code) => Status::Exited(code),
        Footer::Killed => Status::Killed,
        Footer::Unknown => Status::Unknown,
    }
}

/// The end of a task that was killed just now.
pub(super) fn stopped(note: Note) -> (Note, Ended) {
    let ended = end(&note, Status::Killed, Some(SystemTime::now()));
    (note, ended)
}

/// The last change of its output is its end, as near as that can be known.
fn end(note: &Note, status: Status, changed: Option<SystemTime>) -> Ended {
    let changed = changed.and_then(|changed| Timestamp::try_from(changed).ok());
    let started: Option<Timestamp> = note.started.parse().ok();
    let at = match (changed, started) {
        (Some(changed), Some(started)) => changed.max(started),
        (Some(changed), None) => changed,
        (None, _) => Timestamp::now(),
    };
    let since = started
        .filter(|_| changed.is_some())
        .map(|started| at.duration_since(started));
    let since = since.and_then(|since| u64::try_from(since.as_millis()).ok());
    Ended {
        at: at.to_string(),
        status,
        ran: since.map(|since| since + note.ran_before),
    }
}

/// Notes those ends and keeps the durations; back come those that nobody else noted before.
pub(super) fn settle(ended: Vec<(Note, Ended)>, mode: Mode) -> Vec<Note> {
    let mut noted = Vec::new();
    for (mut note, ended) in ended {
        if note.end(ended) {
            keep(&note, mode);
            noted.push(note);
        }
    }
    noted
}

fn keep(note: &Note, mode: Mode) {
    let Some(ended) = note.ended.as_ref() else {
        return;
    };
    let Some(ran) = ended.ran else { return };
    let site = CallSite {
        cwd: note.cwd.clone(),
        project: note.project.clone(),
    };
    let configuration = Configuration::load(&site, mode);
    if !configuration.settings.history || configuration.settings.dry_run {
        return;
    }
    // A pause in the terminal stands still; nobody waits for what the caller itself put there.
    let was_cut = ended.status.is_killed()
        || ended.status == Status::Unknown && note.cause == Cause::Caller && note.endless;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let observation = Observation {
        seconds: record::seconds(ran as f64),
        at_least: was_cut,
    };
    record::keep(
        &note.id,
        &record::kind_at(&note.command, &site, &configuration).keys,
        observation,
    );
}

/// The last lines of what a task wrote: of its own log, where it has one in its project. Elsewhere it may have appended to
/// what isn't its own.
pub(super) fn last_of(note: &Note, count: usize) -> Vec<String> {
    let file = note.log.as_ref().filter(|log| is_own(log, &note.project));
    let file = file.or(note.output.as_ref());
    file.and_then(|file| last_lines(file, count).ok())
        .unwrap_or_default()
}

fn is_own(log: &Path, project: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let inside = real(log).zip(real(project));
    inside.is_some_and(|(log, project)| log.is_file() && log.starts_with(project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_read_from_a_prompt() {
        let notice = |status: &str, summary: &str| {
            format!(
                "<task-notification>\n<task-id>b1</task-id>\n<output-file>/t/b1.output</output-file>\n<status>{status}</status>\n\
                 <summary>Background command \"x\" {summary}</summary>\n</task-notification>"
            )
        };
        for (status, summary, expected) in [
            ("completed", "completed (exit code 0)", Status::Exited(0)),
            ("failed", "failed with (exit code 3)", Status::Exited(3)),
            ("failed", "failed with exit code 3", Status::Exited(3)),
            ("completed", "completed", Status::Exited(0)),
            ("killed", "was stopped", Status::Killed),
            ("failed", "failed", Status::Unknown),
        ] {
            let found = Notice::in_prompt(&notice(status, summary));
            let expected = Notice {
                id: "b1".to_owned(),
                status: expected,
            };
            assert_eq!(found, [expected], "{status} {summary}");
        }
        let two = notice("killed", "").repeat(2);
        assert_eq!(Notice::in_prompt(&two).len(), 2);
        for prompt in [
            "",
            "hello",
            "<task-notification>",
            "<task-notification></task-notification>",
        ] {
            assert_eq!(Notice::in_prompt(prompt), [], "{prompt}");
        }
    }
}
