//! Determines whether a task has ended or is lost, and how it ended.
//!
//! A recorded end decides. Otherwise, a task runs as long as one of its own processes has its output open for writing. Its
//! own processes are those that still descend from the client; a daemon that it left behind doesn't count. After that,
//! the output's last line decides, else the client's notice; a notice that stands alone takes precedence.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::durations;
use super::on_end;
use super::output_cache::OutputCache;
use super::record::{End, TaskRecord};
use super::status::Status;
use super::supervised;
use crate::claude::OutputEnd;
use crate::claude::task;
use crate::config::Config;
use crate::platform::processes::{self, Process, TrackedFile};

/// The client's notice about a task's end, in the prompt that it gives to the model (from 2.1.90).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The task's id.
    pub id: String,
    /// The status at its end.
    pub status: Status,
    /// Whether the prompt consists of notices only, like the client's own. Other prompts may quote notices.
    pub is_alone: bool,
}

impl Notice {
    /// Returns all notices in a prompt.
    pub fn in_prompt(prompt: &str) -> Vec<Self> {
        let prompt = prompt.trim();
        let mut parts = prompt.split("<task-notification>");
        let is_first = parts.next() == Some("");
        let is_alone = is_first && prompt.ends_with("</task-notification>");
        let notices = parts.filter_map(Self::of);
        notices.map(|notice| Self { is_alone, ..notice }).collect()
    }

    fn of(text: &str) -> Option<Self> {
        let (text, _) = text.split_once("</task-notification>")?;
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once(&format!("</{name}>"))?.0.trim())
        };
        let code = || {
            // The code is in parentheses or not, depending on status and version. The text before it belongs to the
            // command.
            let (_, rest) = field("summary")?.rsplit_once("exit code ")?;
            rest.trim_end_matches(')').parse().ok()
        };
        let status = match (field("status")?, code()) {
            ("killed", _) if field("summary").is_some_and(says_memory_short) => Status::MemoryShort,
            ("killed", _) => Status::Killed(None),
            (_, Some(code)) => Status::of_exit(code),
            ("completed", None) => Status::Done,
            _ => Status::Lost,
        };
        Some(Self {
            id: field("task-id")?.to_owned(),
            status,
            is_alone: false,
        })
    }
}

/// Whether a notice's summary names memory as the reason (2.1.260 and later): `Background command "NAME" was stopped
/// because the system is running low on memory`. The text in quotation marks belongs to the command.
fn says_memory_short(summary: &str) -> bool {
    let reason = summary.rsplit('"').next().unwrap_or_default();
    reason.contains("low on memory")
}

/// Whether a process of a task has its output open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterPresence {
    /// At least one process has it open.
    Yes,
    /// No process has it open.
    No,
    /// The system doesn't report it.
    Unknown,
}

/// The facts about a task that are needed to detect its end.
#[derive(Debug, Clone, Default)]
pub struct EndQuery {
    /// Its output, if known.
    pub output: Option<TrackedFile>,
    /// The client that started it, if recorded.
    pub client: Option<Process>,
    /// Its supervisor outside of the client's tree, if it has one.
    pub supervisor: Option<Process>,
}

impl EndQuery {
    /// Returns the query for the task of this record.
    pub fn of(record: &TaskRecord) -> Self {
        Self {
            output: record.tracked_file(),
            client: record.client,
            supervisor: supervised::supervisor(record),
        }
    }

    /// Returns the query for the task whose output or log is at `path`, or else for any writer of that file.
    fn of_file(path: &Path) -> Self {
        let by_name = || TaskRecord::of(path.file_stem()?.to_str()?);
        let record = by_name().filter(|record| record.output.as_deref() == Some(path));
        let by_log = || {
            let mut all = TaskRecord::all();
            all.retain(|record| record.log.as_deref() == Some(path));
            all.into_iter().max_by_key(|record| record.started)
        };
        let record = match record {
            None if !task::is_output(path) => by_log(),
            record => record,
        };
        let own = Self {
            output: Some(TrackedFile::at(path)),
            ..Self::default()
        };
        record.as_ref().map_or(own, Self::of)
    }

    /// Whether a process that writes to the output belongs to the task. After the client has gone, its descendants
    /// can't be recognised any more, so all writers count.
    fn is_its(&self, process: u32) -> bool {
        let is_below = |ancestor: Process| ancestor.is_ancestor_or_self(process);
        self.client.is_none_or(|client| {
            !client.is_alive() || is_below(client) || self.supervisor.is_some_and(is_below)
        })
    }
}

/// A task whose end is awaited.
#[derive(Debug)]
pub struct AwaitedTask {
    query: EndQuery,
    /// The writers at the last scan of all processes.
    known: Vec<u32>,
}

impl AwaitedTask {
    /// Creates the awaited task of this record.
    pub fn of(record: &TaskRecord) -> Self {
        Self {
            query: EndQuery::of(record),
            known: Vec::new(),
        }
    }

    /// Creates the awaited task whose output or log is at `path`, or else one for the writers of that file.
    pub fn of_file(path: &Path) -> Self {
        Self {
            query: EndQuery::of_file(path),
            known: Vec::new(),
        }
    }

    /// Returns the task's oldest writer at the last scan, which is likely to end last.
    pub fn writer(&self) -> Option<u32> {
        self.known.iter().min().copied()
    }

    /// Returns the current status. As long as a known writer remains, other processes aren't scanned.
    pub fn check(&mut self) -> CurrentStatus {
        let query = &self.query;
        let output = query.output.as_ref();
        let writes = |&process: &u32| {
            output.is_some_and(|output| processes::still_writes(process, output))
                && query.is_its(process)
        };
        self.known.retain(writes);
        let writing = if self.known.is_empty() {
            let queries = std::slice::from_ref(query);
            let found = writers(queries).map(|mut found| found.pop().unwrap_or_default());
            let writing = writing_of(query, found.as_deref());
            self.known = found.unwrap_or_default();
            writing
        } else {
            WriterPresence::Yes
        };
        let output = self.query.output.as_ref();
        current_status(
            None,
            output.map(|output| output.path.as_path()),
            writing,
            None,
        )
    }
}

/// Returns the writers of each task's output, from one scan of all processes; `None` if the system doesn't report it.
fn writers(queries: &[EndQuery]) -> Option<Vec<Vec<u32>>> {
    let tracked_file: Vec<TrackedFile> = queries
        .iter()
        .filter_map(|query| query.output.clone())
        .collect();
    if tracked_file.is_empty() {
        return Some(vec![Vec::new(); queries.len()]);
    }
    let found = processes::writers(&tracked_file)?;
    let of = |query: &EndQuery| {
        let output = query.output.as_ref().map(|output| &output.path);
        let writers = found
            .iter()
            .filter(|writer| Some(&writer.file) == output && query.is_its(writer.process));
        writers.map(|writer| writer.process).collect()
    };
    Some(queries.iter().map(of).collect())
}

/// Returns for each task whether one of its processes has its output open for writing.
pub fn writing(queries: &[EndQuery]) -> Vec<WriterPresence> {
    let found = writers(queries);
    let of = |(at, query): (usize, &EndQuery)| {
        let found = found.as_ref().and_then(|found| found.get(at));
        writing_of(query, found.map(Vec::as_slice))
    };
    queries.iter().enumerate().map(of).collect()
}

fn writing_of(query: &EndQuery, found: Option<&[u32]>) -> WriterPresence {
    match found {
        // Without an output, no writer can be found.
        _ if query.output.is_none() => match query.client {
            Some(client) if client.is_alive() => WriterPresence::Unknown,
            _ => WriterPresence::No,
        },
        None => WriterPresence::Unknown,
        Some([]) => WriterPresence::No,
        Some(_) => WriterPresence::Yes,
    }
}

/// A task's status, and the time of its output's last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentStatus {
    /// Its status.
    pub status: Status,
    /// Time of the last write to its output, if that still exists.
    pub changed: Option<SystemTime>,
    /// The end of its output, if it was read.
    pub ending: Option<OutputEnd>,
}

impl CurrentStatus {
    /// Whether the task's output hasn't changed for `time`.
    pub fn is_unchanged_for(&self, time: Duration) -> bool {
        is_unchanged_for(self.changed, time)
    }
}

/// Time without a change after which a line like the client's footer counts, if nothing else confirms it.
const SETTLED: Duration = Duration::from_secs(1);

fn is_unchanged_for(changed: Option<SystemTime>, time: Duration) -> bool {
    let since = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    since.is_some_and(|since| since >= time)
}

/// Determines a task's status from its `recorded` end, from `writing` to its `output`, and from the client's `notice`.
pub fn current_status(
    recorded: Option<Status>,
    output: Option<&Path>,
    writing: WriterPresence,
    notice: Option<&Notice>,
) -> CurrentStatus {
    let open = || {
        let file = task::open_output_or_log(output?).ok()?;
        let metadata = file.metadata().ok()?;
        Some((file, metadata))
    };
    let open = open();
    let changed = open
        .as_ref()
        .and_then(|(_, metadata)| metadata.modified().ok());
    let known = match (recorded, writing) {
        (Some(status), _) if status != Status::Lost => Some(status),
        (_, WriterPresence::Yes) => Some(Status::Running),
        _ => None,
    };
    if let Some(status) = known {
        return CurrentStatus {
            status,
            changed,
            ending: None,
        };
    }
    let ending = open.and_then(|(file, metadata)| OutputEnd::read(&file, metadata.len()).ok());
    let footer = || ending.as_ref()?.footer().map(Status::of_footer);
    let status = if writing == WriterPresence::No {
        match (footer(), notice.map(|notice| notice.status)) {
            // Only the notice contains the reason.
            (footer, Some(Status::MemoryShort)) if footer.is_none_or(Status::is_cut) => {
                Status::MemoryShort
            }
            // With 2.1.200, which writes no footer, a command can print a line like one.
            (Some(_), Some(noticed))
                if noticed != Status::Lost && notice.is_some_and(|n| n.is_alone) =>
            {
                noticed
            }
            (footer, noticed) => footer.or(noticed).unwrap_or(Status::Lost),
        }
    } else {
        let counts = is_unchanged_for(changed, SETTLED);
        let footer = if counts { footer() } else { None };
        footer.unwrap_or(Status::Running)
    };
    CurrentStatus {
        status,
        changed,
        ending,
    }
}

/// Returns the tasks in `records` that have ended, each with its end.
pub fn of(records: &[TaskRecord], notices: &[Notice]) -> Vec<(TaskRecord, End)> {
    let queries: Vec<EndQuery> = records.iter().map(EndQuery::of).collect();
    let writing = writing(&queries);
    let mut ended = Vec::new();
    for (record, writing) in records.iter().zip(writing) {
        let notice = notices.iter().find(|notice| notice.id == record.id);
        let found = current_status(None, record.output.as_deref(), writing, notice);
        if found.status != Status::Running {
            let end = end_of_task(record, found.status, found.changed);
            let record = TaskRecord {
                output_cache: OutputCache::of(found.ending),
                ..record.clone()
            };
            ended.push((record, end));
        }
    }
    ended
}

/// Removes the tasks with these ends from `tasks`.
pub fn drop_ended(tasks: &mut Vec<TaskRecord>, ended: &[(TaskRecord, End)]) {
    tasks.retain(|task| ended.iter().all(|(over, _)| over.id != task.id));
}

/// Returns those of `tasks` that still run, according to outputs and processes.
pub fn still_running(mut tasks: Vec<TaskRecord>) -> Vec<TaskRecord> {
    let ended = of(&tasks, &[]);
    drop_ended(&mut tasks, &ended);
    tasks
}

/// Counts the files that belong to a running task. A file of no task counts if a process writes to it.
pub fn running_among(files: &[PathBuf]) -> usize {
    let record_of = |file: &PathBuf| TaskRecord::of(file.file_stem()?.to_str()?);
    let has_ended = |file: &&PathBuf| {
        let recorded = record_of(file).filter(|record| record.output.as_ref() == Some(*file));
        recorded.map_or_else(|| !file.exists(), |record| record.ended.is_some())
    };
    let open: Vec<&PathBuf> = files.iter().filter(|file| !has_ended(file)).collect();
    let queries: Vec<EndQuery> = open.iter().map(|file| EndQuery::of_file(file)).collect();
    let running = writing(&queries).into_iter().zip(open);
    let runs = |(writing, file): &(WriterPresence, &PathBuf)| {
        current_status(None, Some(file), *writing, None).status == Status::Running
    };
    running.filter(runs).count()
}

/// Returns the end of a task that the user has just stopped.
pub fn stopped(record: TaskRecord) -> (TaskRecord, End) {
    let ended = end_of_task(&record, Status::Stopped, Some(SystemTime::now()));
    (record, ended)
}

/// Creates the end of a task. The last change of its output is the best estimate of the time.
pub(super) fn end_of_task(record: &TaskRecord, status: Status, changed: Option<SystemTime>) -> End {
    let changed = changed.and_then(|changed| Timestamp::try_from(changed).ok());
    let at = changed.map_or_else(Timestamp::now, |changed| changed.max(record.started));
    let ran = changed.and_then(|_| {
        let since = at.duration_since(record.started).as_millis();
        Some(u64::try_from(since).ok()? + record.ran_before)
    });
    End { at, status, ran }
}

/// Records `ended`, stores the durations, and runs the user's program. Returns the tasks whose end this process recorded
/// first.
pub fn mark_finished(ended: Vec<(TaskRecord, End)>, config: &Config) -> Vec<TaskRecord> {
    let finished = TaskRecord::record_ends(ended);
    for record in &finished {
        on_end::run(record, config);
    }
    durations::record(&finished);
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without known writers, a command may print such a line at any time.
    #[test]
    fn without_known_writers_a_last_line_counts_after_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("b1.log");
        let status = |text: &str, age: Duration| {
            std::fs::write(&output, text).unwrap();
            let file = std::fs::File::options().append(true).open(&output).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            current_status(None, Some(&output), WriterPresence::Unknown, None).status
        };
        let (line, old) = ("x\n[exited with code 3]\n", 2 * SETTLED);
        assert_eq!(status(line, Duration::ZERO), Status::Running);
        assert_eq!(status(line, old), Status::Exit(3));
        assert_eq!(status("see [exited with code 3]\n", old), Status::Running);
        assert_eq!(status(&format!("{line}\n"), old), Status::Running);
    }

    #[test]
    fn notices_are_read_from_a_prompt() {
        let notice = |status: &str, summary: &str| {
            format!(
                "<task-notification>\n<task-id>b1</task-id>\n<output-file>/t/b1.output</output-file>\n<status>{status}</status>\n\
                 <summary>Background command \"x\" {summary}</summary>\n</task-notification>"
            )
        };
        for (status, summary, expected) in [
            ("completed", "completed (exit code 0)", Status::Done),
            ("failed", "failed with (exit code 3)", Status::Exit(3)),
            ("failed", "failed with exit code 3", Status::Exit(3)),
            ("completed", "completed", Status::Done),
            ("killed", "was stopped", Status::Killed(None)),
            (
                "killed",
                "was stopped because the system is running low on memory",
                Status::MemoryShort,
            ),
            (
                "killed",
                "low on memory\" was stopped",
                Status::Killed(None),
            ),
            ("failed", "failed", Status::Lost),
        ] {
            let found = Notice::in_prompt(&notice(status, summary));
            let expected = Notice {
                id: "b1".to_owned(),
                status: expected,
                is_alone: true,
            };
            assert_eq!(found, [expected], "{status} {summary}");
        }
        let two = notice("killed", "").repeat(2);
        assert_eq!(Notice::in_prompt(&two).len(), 2);
        for (prompt, is_alone) in [
            (format!("\n{two}\n"), true),
            (format!("What is this? {two}"), false),
            (format!("{two}\nWhat is this?"), false),
        ] {
            let found = Notice::in_prompt(&prompt);
            assert!(
                found.iter().all(|notice| notice.is_alone == is_alone),
                "{prompt}"
            );
        }
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
