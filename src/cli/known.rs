//! The tasks that are known: those whose outputs lie on this machine, and those of which only a note is left.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::say::{self, State};
use crate::claude::task::{self, Footer};
use crate::claude::{holders, last_lines};
use crate::folders::CallSite;
use crate::state::notes::{Note, Status};
use crate::text::{self, SHOWN, one_line};

/// A task of this user's.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) state: State,
    /// When it was started, as far as that is known; else when it last wrote.
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// How long it ran, or runs by now.
    pub(super) ran: Option<Duration>,
    pub(super) note: Option<Note>,
    /// Its output, where that is still there.
    pub(super) output: Option<PathBuf>,
    /// The client's name for its project.
    slug: String,
}

impl Task {
    fn of_output(output: &task::Output, note: Option<Note>, written: Option<&[PathBuf]>) -> Self {
        let footer = task::open(&output.path).and_then(|file| Footer::of_file(&file));
        let footer = footer.ok().flatten();
        let by_note = note.as_ref().and_then(|note| note.ended.as_ref());
        let state = match (by_note.map(|ended| ended.status), footer) {
            (Some(Status::Exited(code)), _) | (_, Some(Footer::Exited(code))) => {
                State::Exited(Some(code))
            }
            (Some(Status::Killed), _) | (_, Some(Footer::Killed)) => State::Killed,
            (Some(Status::Unknown), _) | (_, Some(Footer::Unknown)) => State::Exited(None),
            (None, None) if written.is_none_or(|written| written.contains(&output.path)) => {
                State::Running
            }
            (None, None) => State::Lost,
        };
        let slug = output.path.ancestors().nth(3).and_then(Path::file_name);
        let slug = slug.unwrap_or_default().to_string_lossy().into_owned();
        let mut task = Self {
            id: output.id().to_owned(),
            state,
            started: None,
            ended: None,
            ran: None,
            output: Some(output.path.clone()),
            note,
            slug,
        };
        task.set_times(Some(output.modified));
        task
    }

    /// One whose output is gone.
    fn of_note(note: Note) -> Self {
        let state = match note.ended.as_ref().map(|ended| ended.status) {
            Some(Status::Exited(code)) => State::Exited(Some(code)),
            Some(Status::Unknown) => State::Exited(None),
            Some(Status::Killed) => State::Killed,
            None => State::Lost,
        };
        let mut task = Self {
            id: note.id.clone(),
            state,
            started: None,
            ended: None,
            ran: None,
            note: Some(note),
            output: None,
            slug: String::new(),
        };
        task.set_times(None);
        task
    }

    fn set_times(&mut self, written: Option<SystemTime>) {
        let written = written.and_then(|written| Timestamp::try_from(written).ok());
        let note = self.note.as_ref();
        let found = note.and_then(|note| note.started.parse::<Timestamp>().ok());
        let before = note.map_or(Duration::ZERO, |note| {
            Duration::from_millis(note.ran_before)
        });
        let started = found.and_then(|found| found.checked_sub(before).ok());
        let by_note = note.and_then(|note| note.ended.as_ref());
        let ended = by_note.and_then(|ended| ended.at.parse().ok());
        let end = match self.state {
            State::Running => Some(Timestamp::now()),
            _ => ended.or(written),
        };
        self.ran = by_note
            .and_then(|ended| ended.ran)
            .map(Duration::from_millis)
            .or_else(|| Duration::try_from(end?.duration_since(started?)).ok());
        self.ended = end.filter(|_| self.state != State::Running);
        self.started = started.or(written);
    }

    /// What people call it.
    pub(super) fn name(&self) -> Option<String> {
        let name = self.note.as_ref().map(Note::name);
        name.filter(|name| !name.is_empty())
    }

    /// What is worth looking at: the log that it writes itself, else its output.
    pub(super) fn file(&self) -> Option<&Path> {
        let log = self.note.as_ref().and_then(|note| note.log.as_deref());
        log.filter(|log| log.is_file()).or(self.output.as_deref())
    }

    /// Whether it belongs to the project in this folder.
    pub(super) fn is_of(&self, project: &Path) -> bool {
        match self.note.as_ref().map(|note| note.project.as_path()) {
            Some(of) if !of.as_os_str().is_empty() => of == project,
            // As the client has it, which shortens long ones by a hash: those are only in the list of all.
            _ => project
                .to_string_lossy()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .eq(self.slug.chars()),
        }
    }

    /// The last line that says something.
    pub(super) fn last_line(&self) -> Option<String> {
        let lines = last_lines(self.file()?, 1).ok()?;
        Some(one_line(lines.last()?, 200))
    }

    /// On one line, for a choice.
    fn described(&self) -> String {
        let name = self.name().unwrap_or_else(|| "-".to_owned());
        let project = self.note.as_ref().map(|note| note.project.display());
        let project = project.map_or_else(|| self.slug.clone(), |project| project.to_string());
        format!(
            "  {}  {}  ({}, {})",
            self.id,
            name,
            say::state(self.state),
            one_line(&project, SHOWN)
        )
    }
}

/// All tasks, the newest first.
pub(super) fn all() -> Vec<Task> {
    let written = holders::open_outputs();
    let mut notes: HashMap<String, Note> = Note::all()
        .into_iter()
        .map(|note| (note.id.clone(), note))
        .collect();
    let mut tasks = Vec::new();
    let mut with_output = HashSet::new();
    for output in task::outputs() {
        let note = notes.get(output.id()).filter(|note| {
            // Another session's task can have the same id.
            let named = note.output.as_deref().map(task::real_path);
            named.is_none_or(|named| named.is_ok_and(|named| named == output.path))
        });
        if let Some(note) = note {
            with_output.insert(note.id.clone());
        }
        tasks.push(Task::of_output(&output, note.cloned(), written.as_deref()));
    }
    notes.retain(|id, _| !with_output.contains(id));
    tasks.extend(notes.into_values().map(Task::of_note));
    tasks.sort_by_key(|task| std::cmp::Reverse(task.started));
    tasks
}

/// The project around this process.
pub(super) fn project() -> PathBuf {
    CallSite::new(&std::env::current_dir().unwrap_or_default()).project
}

/// So many are listed where it isn't clear which is meant.
const CANDIDATES: usize = 10;

/// The task that `target` names: its id, the start of it, or a part of its name; without one, this project's newest.
/// What is ambiguous is looked for in this project first.
///
/// # Errors
///
/// When there is none, or it isn't clear which.
pub(super) fn find(target: Option<&str>) -> Result<Task> {
    let project = project();
    let (here, elsewhere): (Vec<Task>, Vec<Task>) =
        all().into_iter().partition(|task| task.is_of(&project));
    let Some(target) = target else {
        return match (here.into_iter().next(), elsewhere.len()) {
            (Some(newest), _) => Ok(newest),
            (None, 0) => bail!("no task has written any output yet"),
            (None, others) => bail!(
                "{} has no tasks; {others} of other projects are in `bg-run tasks --all`",
                project.display()
            ),
        };
    };
    let tests: [&dyn Fn(&Task) -> bool; 3] = [
        &|task| task.id == target,
        &|task| task.id.starts_with(target),
        &|task| {
            let name = task.name().unwrap_or_default().to_lowercase();
            name.contains(&target.to_lowercase())
        },
    ];
    let mut groups = [here, elsewhere];
    for test in tests {
        for group in &mut groups {
            let found: Vec<&Task> = group.iter().filter(|task| test(task)).collect();
            let Some(newest) = found.first() else {
                continue;
            };
            // Of those that are called alike it is the newest.
            let is_clear = found.iter().all(|task| {
                task.id == newest.id || (task.name().is_some() && task.name() == newest.name())
            });
            if !is_clear {
                list_candidates(&found);
                bail!("{target} could be any of these; write more of it");
            }
            if let Some(at) = group.iter().position(test) {
                return Ok(group.swap_remove(at));
            }
        }
    }
    bail!("no task is called {target}, by its id or its name, and there is no such file")
}

fn list_candidates(found: &[&Task]) {
    for task in found.iter().take(CANDIDATES) {
        eprintln!("{}", task.described());
    }
    if let more @ 1.. = found.len().saturating_sub(CANDIDATES) {
        eprintln!("  and {more} more");
    }
}

/// The file of the task that `target` names, or the file of that path.
///
/// # Errors
///
/// When there is none, it isn't clear which, or it is gone.
pub(super) fn file(target: Option<&str>) -> Result<PathBuf> {
    if let Some(path) = target.map(Path::new).filter(|path| path.is_file()) {
        // A tab's file is a link to the output.
        let real = std::fs::read_link(path).ok();
        let real = real.filter(|real| real.is_absolute());
        return Ok(std::path::absolute(real.as_deref().unwrap_or(path))?);
    }
    if let Some(path) = target.filter(|target| target.contains('/')) {
        bail!("{path} is neither a file nor a task's id");
    }
    let task = find(target)?;
    match task.file() {
        Some(file) => Ok(file.to_owned()),
        None => bail!(gone(&task)),
    }
}

/// What is still known of a task whose output was removed.
pub(super) fn gone(task: &Task) -> String {
    let name = task.name().unwrap_or_else(|| task.id.clone());
    let output = task.note.as_ref().and_then(|note| note.output.as_deref());
    let output = output.map_or_else(
        || "its output".to_owned(),
        |path| path.display().to_string(),
    );
    let how = match task.state {
        State::Running | State::Lost => "how it ended isn't known".to_owned(),
        State::Exited(Some(0)) => "it was done".to_owned(),
        State::Exited(None) => "it ended".to_owned(),
        State::Exited(Some(code)) => format!("it ended with exit {code}"),
        State::Killed => "it was killed".to_owned(),
    };
    let known = task.ran.filter(|_| task.state != State::Lost);
    let after = known.map_or_else(String::new, |ran| format!(" after {}", text::span(ran)));
    format!(
        "the output of \"{name}\" is gone ({output} was removed, as a restart does); {how}{after}"
    )
}
