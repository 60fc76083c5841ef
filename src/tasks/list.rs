//! The list of tasks, from outputs on this machine and from records, and the search for one of them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use jiff::Timestamp;

use super::ended_or_lost::{self, EndQuery, WriterPresence};
use super::output_summary;
use super::record::{End, TaskRecord};
use super::status::Status;
use crate::claude::task;
use crate::folders::CallSite;
use crate::platform::files;
use crate::platform::processes::{self, TrackedFile};
use crate::text::{self, MAX_COMMAND_LENGTH, one_line};

/// A task of this user.
#[derive(Debug)]
pub struct Task {
    /// The client's id for it.
    pub id: String,
    /// Its status.
    pub status: Status,
    /// Time of its start if known, or else of its last output.
    pub started: Option<Timestamp>,
    /// Time of its end.
    pub ended: Option<Timestamp>,
    /// Duration of its run, or of its run so far.
    pub ran: Option<Duration>,
    /// Its record.
    pub record: Option<TaskRecord>,
    /// Its output, if that still exists.
    pub output: Option<PathBuf>,
    /// The client's name for its project.
    slug: String,
}

impl Task {
    fn new(
        output: Option<&task::TaskOutput>,
        record: Option<TaskRecord>,
        writing: WriterPresence,
    ) -> Self {
        let by_record = record.as_ref().and_then(|record| record.ended);
        let path = output.map(|output| output.path.clone());
        let recorded = by_record.map(|ended| ended.status);
        let found = ended_or_lost::current_status(recorded, path.as_deref(), writing, None);
        let slug = path
            .as_ref()
            .and_then(|path| path.ancestors().nth(3)?.file_name());
        let slug = slug.unwrap_or_default().to_string_lossy().into_owned();
        let id = record.as_ref().map(|record| record.id.clone());
        let id = id.or_else(|| output.map(|output| output.id().to_owned()));
        let mut task = Self {
            id: id.unwrap_or_default(),
            status: found.status,
            started: None,
            ended: None,
            ran: None,
            record,
            output: path,
            slug,
        };
        task.set_times(output.map(|output| output.modified));
        task
    }

    fn set_times(&mut self, written: Option<SystemTime>) {
        let written = written.and_then(|written| Timestamp::try_from(written).ok());
        let record = self.record.as_ref();
        let started = record.map(TaskRecord::began);
        let by_record = record.and_then(|record| record.ended);
        let end = match self.status {
            Status::Running => Some(Timestamp::now()),
            _ => by_record.map(|ended| ended.at).or(written),
        };
        let recorded = by_record.as_ref().and_then(End::ran);
        self.ran = recorded.or_else(|| Duration::try_from(end?.duration_since(started?)).ok());
        self.ended = match self.status {
            Status::Running => None,
            _ => end,
        };
        self.started = started.or(written);
    }

    /// Returns the program that determines the task's exit status, if that isn't the command's own.
    pub fn status_of(&self) -> Option<&str> {
        self.record.as_ref()?.status_of.as_deref()
    }

    /// Returns the task's output for a search of writers, even if the file has been removed.
    pub fn tracked_file(&self) -> Option<TrackedFile> {
        query(self.output.as_deref(), self.record.as_ref()).output
    }

    /// Returns the task's state in a word or two.
    pub fn label(&self) -> String {
        self.status.label(self.status_of())
    }

    /// Returns the task's name as shown to the user.
    pub fn name(&self) -> Option<String> {
        let name = self.record.as_ref().map(TaskRecord::name);
        name.filter(|name| !name.is_empty())
    }

    /// Returns the texts by which the task can be named: its name and its command.
    fn texts(&self) -> impl Iterator<Item = String> {
        let command = self
            .record
            .as_ref()
            .map(|record| record.command.to_lowercase());
        let name = self.name().map(|name| name.to_lowercase());
        name.into_iter().chain(command)
    }

    /// Returns the file worth showing: the command's own log, or else the task's output.
    pub fn file(&self) -> Option<&Path> {
        let log = self
            .record
            .as_ref()
            .and_then(|record| record.log.as_deref());
        log.filter(|log| output_summary::is_text(log))
            .or(self.output.as_deref())
    }

    /// Whether the task belongs to the project in this folder.
    pub fn is_of(&self, project: &Path) -> bool {
        match self.record.as_ref().map(|record| record.project.as_path()) {
            Some(of) if !of.as_os_str().is_empty() => files::is_same(of, project),
            // Long slugs end with a hash and never match, so their tasks appear only in the list of all.
            _ => project
                .to_string_lossy()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .eq(self.slug.chars()),
        }
    }

    /// Returns the output's last informative line.
    pub fn last_line(&self) -> Option<String> {
        Some(one_line(
            &output_summary::summary_of_file(self.file()?)?,
            200,
        ))
    }

    /// Whether the task is the very call that runs this program: the client keeps this program's output in a file like a
    /// task's.
    fn is_this_call(&self) -> bool {
        self.record.is_none()
            && self.status == Status::Running
            && self
                .tracked_file()
                .is_some_and(|output| processes::is_own_output(&output))
    }

    /// Describes the task in one line, for a choice.
    fn described(&self) -> String {
        let name = self.name().unwrap_or_else(|| "-".to_owned());
        let project = self.record.as_ref().map(|record| record.project.display());
        let project = project.map_or_else(|| self.slug.clone(), |project| project.to_string());
        format!(
            "  {}  {}  ({}, {})",
            self.id,
            name,
            self.label(),
            one_line(&project, MAX_COMMAND_LENGTH)
        )
    }
}

/// Returns all tasks, newest first.
pub fn all() -> Vec<Task> {
    let mut records: HashMap<String, TaskRecord> = TaskRecord::all()
        .into_iter()
        .map(|record| (record.id.clone(), record))
        .collect();
    let mut parts: Vec<(Option<task::TaskOutput>, Option<TaskRecord>)> = Vec::new();
    let mut with_output = HashSet::new();
    for output in task::outputs() {
        let record = records.get(output.id()).filter(|record| {
            // A task of another session can have the same id.
            let named = record.output.as_deref().map(task::real_path);
            named.is_none_or(|named| named.is_ok_and(|named| named == output.path))
        });
        if let Some(record) = record {
            with_output.insert(record.id.clone());
        }
        let record = record.cloned();
        parts.push((Some(output), record));
    }
    records.retain(|id, _| !with_output.contains(id));
    parts.extend(records.into_values().map(|record| (None, Some(record))));
    let queries: Vec<EndQuery> = parts
        .iter()
        .map(|(output, record)| {
            query(
                output.as_ref().map(|output| output.path.as_path()),
                record.as_ref(),
            )
        })
        .collect();
    let writing = ended_or_lost::writing(&queries);
    let mut tasks: Vec<Task> = parts
        .into_iter()
        .zip(writing)
        .map(|((output, record), writing)| Task::new(output.as_ref(), record, writing))
        .filter(|task| !task.is_this_call())
        .collect();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.started));
    tasks
}

/// Returns the query with the output's current path, which a session may have passed on.
fn query(output: Option<&Path>, record: Option<&TaskRecord>) -> EndQuery {
    let mut query = record.map_or_else(EndQuery::default, EndQuery::of);
    if let Some(output) = output {
        let file = query.output.and_then(|tracked_file| tracked_file.file);
        query.output = Some(TrackedFile {
            path: output.to_owned(),
            file,
        });
    }
    query
}

/// Returns the project of the current folder.
pub fn project() -> PathBuf {
    CallSite::new(&std::env::current_dir().unwrap_or_default()).project
}

/// Whether `text` begins with the words of `start`.
fn begins_with(text: &str, start: &str) -> bool {
    let rest = text.strip_prefix(start);
    rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Whether `text` contains the words of `wanted`, starting at the beginning of a word.
fn has_word(text: &str, wanted: &str) -> bool {
    let mut places = text.match_indices(wanted);
    places.any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        !before.ends_with(char::is_alphanumeric)
    })
}

/// Maximum number of tasks that are listed when a name is ambiguous.
const CANDIDATES: usize = 10;

/// Finds the task named by `target`: an id, the start of one, or words of a name or a command. Without `target`, finds
/// this project's newest task. For an ambiguous name, this project's tasks come first.
///
/// # Errors
///
/// Fails if no task matches, or several do.
pub fn find(target: Option<&str>) -> Result<Task> {
    find_with_hint(target, "")
}

/// Finds a task. The error for an unknown one ends with `hint`.
fn find_with_hint(target: Option<&str>, hint: &str) -> Result<Task> {
    let project = project();
    let (here, elsewhere): (Vec<Task>, Vec<Task>) =
        all().into_iter().partition(|task| task.is_of(&project));
    let Some(target) = target else {
        return match (here.into_iter().next(), elsewhere.len()) {
            (Some(newest), _) => Ok(newest),
            (None, 0) => bail!("no task has written any output yet"),
            (None, others) => bail!(
                "{} has no tasks; `bg-run tasks --all` lists {others} of other projects",
                project.display()
            ),
        };
    };
    let wanted = target.to_lowercase();
    // The best match comes first. `go` never means `cargo test`, which `stop` would end.
    let tests: [&dyn Fn(&Task) -> bool; 4] = [
        &|task| task.id == target,
        &|task| task.id.starts_with(target),
        &|task| task.texts().any(|text| begins_with(&text, &wanted)),
        &|task| task.texts().any(|text| has_word(&text, &wanted)),
    ];
    let mut groups = [here, elsewhere];
    for test in tests {
        for group in &mut groups {
            let found: Vec<&Task> = group.iter().filter(|task| test(task)).collect();
            let Some(newest) = found.first() else {
                continue;
            };
            // A name that several tasks have means the newest.
            let is_clear = found.iter().all(|task| {
                task.id == newest.id || (task.name().is_some() && task.name() == newest.name())
            });
            if !is_clear {
                list_candidates(&found);
                bail!("\"{target}\" is ambiguous; write more of the name");
            }
            if let Some(at) = group.iter().position(test) {
                return Ok(group.swap_remove(at));
            }
        }
    }
    bail!(
        "no task has \"{target}\" in its id, name or command{hint}; `bg-run tasks --all` lists them"
    )
}

fn list_candidates(found: &[&Task]) {
    for task in found.iter().take(CANDIDATES) {
        eprintln!("{}", task.described());
    }
    if let more @ 1.. = found.len().saturating_sub(CANDIDATES) {
        eprintln!("  and {more} more");
    }
}

/// Returns the file of the task named by `target`, or the file with that path.
///
/// # Errors
///
/// Fails if no task matches, several do, or the file is gone.
pub fn file(target: Option<&str>) -> Result<PathBuf> {
    if let Some(path) = target.map(Path::new).filter(|path| path.is_file()) {
        // A tab shows a link to the output.
        let real = std::fs::read_link(path).ok();
        let real = real.filter(|real| real.is_absolute());
        return Ok(std::path::absolute(real.as_deref().unwrap_or(path))?);
    }
    if let Some(path) = target.filter(|target| target.contains('/')) {
        bail!("{path} is neither a file nor a task's id");
    }
    let task = find_with_hint(target, ", and no such file exists")?;
    match task.file() {
        Some(file) => Ok(file.to_owned()),
        None => bail!(gone(&task)),
    }
}

/// Describes a task whose output was removed.
pub fn gone(task: &Task) -> String {
    let name = task.name().unwrap_or_else(|| task.id.clone());
    let output = task
        .record
        .as_ref()
        .and_then(|record| record.output.as_deref());
    let output = output.map_or_else(
        || "its output".to_owned(),
        |path| path.display().to_string(),
    );
    let after = match (task.status, task.ran) {
        (Status::Lost | Status::Running, _) | (_, None) => String::new(),
        (_, Some(ran)) => format!(" after {}", text::format_duration(ran)),
    };
    let how = match task.status {
        Status::Running => "it runs".to_owned(),
        Status::Lost => "its exit status isn't known".to_owned(),
        Status::Stopped => format!("it was stopped{after}"),
        _ => format!("it ended: {}{after}", task.label()),
    };
    format!("the output of \"{name}\" is gone ({output} was removed, as a restart does); {how}")
}
