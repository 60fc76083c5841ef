//! `bg-run tasks`: lists the background tasks of this machine's sessions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::args::TasksArgs;
use crate::environment;
use crate::tasks::durations::{self, UsualTimes};
use crate::tasks::list::{self, Task};
use crate::tasks::output_size;
use crate::tasks::status::Status;
use crate::text::{self, clean_lines, clipped, one_line};

/// Default number of rows.
const DEFAULT_ROWS: usize = 20;

/// Prints the list, newest last, next to the prompt. The client shows only the first lines, so there it is newest first.
pub(super) fn run(wanted: &TasksArgs) -> Result<ExitCode> {
    let project = list::project();
    let mut tasks: Vec<Task> = list::all()
        .into_iter()
        .filter(|task| wanted.all || task.is_of(&project))
        .filter(|task| !wanted.running || task.status == Status::Running)
        .collect();
    let found = tasks.len();
    let most = wanted.number.unwrap_or(if wanted.json {
        usize::MAX
    } else {
        DEFAULT_ROWS
    });
    tasks.truncate(most);
    if wanted.json {
        let mut usual_times = UsualTimes::own();
        let row = |task| JsonTask::of(task, &mut usual_times);
        let tasks: Vec<JsonTask<'_>> = tasks.iter().map(row).collect();
        println!("{}", serde_json::to_string_pretty(&tasks)?);
        return Ok(ExitCode::SUCCESS);
    }
    if tasks.is_empty() {
        println!("{}", empty_message(wanted, &project));
        return Ok(ExitCode::SUCCESS);
    }
    let older = older_line(wanted, found, found - tasks.len());
    let is_in_client = environment::is_shown_by_client();
    if !is_in_client {
        tasks.reverse();
    }
    let table = table(&tasks, wanted.all, environment::width());
    if is_in_client {
        anstream::print!("{table}{older}");
    } else {
        anstream::print!("{older}{table}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a line about tasks that aren't shown.
fn older_line(wanted: &TasksArgs, found: usize, hidden: usize) -> String {
    let older = match hidden {
        0 => return String::new(),
        1 => "1 older one isn't".to_owned(),
        hidden => format!("{hidden} older ones aren't"),
    };
    let same = [(wanted.all, " --all"), (wanted.running, " --running")];
    let same = same.map(|(is_wanted, option)| if is_wanted { option } else { "" });
    format!(
        "{older} shown: `bg-run tasks{} -n {found}`\n",
        same.concat()
    )
}

fn empty_message(wanted: &TasksArgs, project: &Path) -> String {
    let what = if wanted.running {
        "No task is running"
    } else {
        "There are no tasks"
    };
    if wanted.all {
        return format!("{what}.");
    }
    let project = one_line(&project.display().to_string(), usize::MAX);
    format!("{what} in {project}; those of all projects: `bg-run tasks --all`.")
}

/// A column: its title, and its maximum width, in columns, in a narrow terminal.
struct Column {
    title: &'static str,
    max_width: usize,
}

const fn column(title: &'static str, max_width: usize) -> Column {
    Column { title, max_width }
}

const NAME: &str = "NAME";
const STATE: &str = "STATE";
const TOOK: &str = "TOOK";
const AGE: &str = "AGE";
const SIZE: &str = "SIZE";
const LAST: &str = "LAST LINE";

/// Maximum width in columns if the usual duration is shown too: `100 min of about 2 h`.
const DURATION_WIDTH: usize = 20;

/// The columns. The last one gets the remaining width.
const COLUMNS: [Column; 8] = [
    column("TASK", 12),
    column("PROJECT", 14),
    column(NAME, 26),
    column(STATE, 16),
    column(TOOK, DURATION_WIDTH),
    column(AGE, DURATION_WIDTH),
    column(SIZE, 8),
    column(LAST, usize::MAX),
];

const COLUMN_GAP: usize = 2;

/// Maximum width in columns of a state in a wide terminal: "ended (status of `gradlew`)".
const WIDE_STATE: usize = 27;

/// Width in columns below which a terminal shows only the essentials.
const NARROW: usize = 100;

fn table(tasks: &[Task], with_project: bool, width: Option<usize>) -> String {
    let is_narrow = width.is_some_and(|width| width < NARROW);
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| with_project || column.title != "PROJECT")
        .filter(|column| column.title != SIZE || tasks.iter().any(|task| size(task).is_some()))
        .filter(|column| !is_narrow || column.title != TOOK)
        .collect();
    let mut usual_times = UsualTimes::own();
    let mut row = |task: &Task| -> Vec<String> {
        let so_far = so_far(task, &mut usual_times);
        let so_far = so_far.as_deref();
        // A narrow terminal has one column for both, because the age of a running task equals its duration.
        let shows_it = |title| title == TOOK || is_narrow && title == AGE;
        let cells = columns.iter().map(|column| match so_far {
            Some(so_far) if shows_it(column.title) => so_far.to_owned(),
            _ if is_narrow && column.title == STATE => task.label().replace("(status of ", "("),
            _ => cell(task, column),
        });
        cells.collect()
    };
    let rows: Vec<Vec<String>> = tasks.iter().map(&mut row).collect();
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.width()).max().unwrap_or_default();
            // Without a known width, all columns are shown.
            let most = match width {
                Some(width) if column.title == NAME => column.max_width.max(width / 3),
                Some(_) if column.title == STATE && !is_narrow => WIDE_STATE,
                Some(_) => column.max_width,
                None => usize::MAX,
            };
            widest.max(column.title.len()).min(most)
        })
        .collect();
    if let (Some(width), Some((last, others))) = (width, widths.split_last_mut()) {
        let used: usize = others.iter().map(|width| width + COLUMN_GAP).sum();
        *last = (*last).min(width.saturating_sub(used));
    }
    let mut text = String::new();
    let title = |column: &&Column| (column.title.to_owned(), Style::new().bold());
    line(&mut text, columns.iter().map(title), &widths);
    for (task, row) in tasks.iter().zip(rows) {
        let style = |column: &Column| match column.title {
            STATE => task.status.style(task.status_of()),
            LAST => Style::new().dimmed(),
            _ => Style::new(),
        };
        let cells = row.into_iter().zip(&columns);
        line(
            &mut text,
            cells.map(|(cell, column)| (cell, style(column))),
            &widths,
        );
    }
    text
}

/// Formats a running task's duration beside its usual one.
fn so_far(task: &Task, usual_times: &mut UsualTimes) -> Option<String> {
    if task.status != Status::Running {
        return None;
    }
    let usual = usual_times.of(task.record.as_ref()?);
    Some(durations::so_far(task.ran?, usual))
}

fn cell(task: &Task, column: &Column) -> String {
    let text = match column.title {
        "TASK" => task.id.clone(),
        "PROJECT" => {
            let project = task.record.as_ref().map(|record| record.project.as_path());
            let name = project.and_then(Path::file_name).unwrap_or_default();
            name.to_string_lossy().into_owned()
        }
        NAME => task.name().unwrap_or_default(),
        STATE => task.label(),
        TOOK => task.ran.map(text::format_duration).unwrap_or_default(),
        AGE => age(task).map(text::format_duration).unwrap_or_default(),
        SIZE => size(task).map_or_else(|| "<100 MB".to_owned(), output_size::shown),
        _ => last_line(task),
    };
    match one_line(&text, usize::MAX) {
        text if text.is_empty() => "-".to_owned(),
        text => text,
    }
}

/// Returns the size of the task's output, if that is large.
fn size(task: &Task) -> Option<u64> {
    output_size::if_large(task.file()?)
}

fn last_line(task: &Task) -> String {
    if task.output.is_none() {
        return "(its output is gone)".to_owned();
    }
    task.last_line().unwrap_or_default()
}

/// Returns the time since the task's start.
fn age(task: &Task) -> Option<Duration> {
    Duration::try_from(Timestamp::now().duration_since(task.started?)).ok()
}

fn line(text: &mut String, cells: impl Iterator<Item = (String, Style)>, widths: &[usize]) {
    let mut gap = 0;
    for ((cell, style), &width) in cells.zip(widths) {
        let cell = clipped(&cell, width);
        let blank = width.saturating_sub(cell.width());
        // Writing to a string can't fail.
        let _ = write!(text, "{:gap$}{style}{cell}{style:#}", "");
        gap = blank + COLUMN_GAP;
    }
    text.push('\n');
}

/// A task as JSON.
#[derive(Debug, Serialize)]
struct JsonTask<'a> {
    id: &'a str,
    name: Option<String>,
    state: &'static str,
    exit: Option<i32>,
    /// The state in a word or two.
    #[serde(rename = "words")]
    label: String,
    /// The program that determined the exit status, if it isn't the command's own.
    status_of: Option<&'a str>,
    command: Option<String>,
    description: Option<String>,
    project: Option<&'a Path>,
    cwd: Option<&'a Path>,
    session: Option<&'a str>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    age_seconds: Option<u64>,
    seconds: Option<f64>,
    usual_seconds: Option<f32>,
    last_line: Option<String>,
    /// Size of the output in bytes; `null` if it was removed.
    size: Option<u64>,
    output: Option<&'a Path>,
    log: Option<&'a Path>,
}

impl<'a> JsonTask<'a> {
    fn of(task: &'a Task, usual_times: &mut UsualTimes) -> Self {
        let record = task.record.as_ref();
        let known = |path: &'a Path| (!path.as_os_str().is_empty()).then_some(path);
        let size = |path: &PathBuf| Some(std::fs::metadata(path).ok()?.len());
        let output = record.and_then(|record| record.output.as_deref());
        Self {
            id: &task.id,
            name: task.name(),
            state: task.status.state(task.status_of()),
            exit: task.status.exit(),
            label: task.label(),
            status_of: task.status_of(),
            command: record.map(|record| clean_lines(&record.command)),
            description: record
                .and_then(|record| Some(clean_lines(record.description.as_deref()?))),
            project: record.and_then(|record| known(&record.project)),
            cwd: record.and_then(|record| known(&record.cwd)),
            session: record
                .map(|record| record.session.as_str())
                .filter(|id| !id.is_empty()),
            started: task.started,
            ended: task.ended,
            age_seconds: age(task).map(|age| age.as_secs()),
            seconds: task.ran.map(|ran| ran.as_secs_f64()),
            usual_seconds: record.and_then(|record| usual_times.of(record)),
            last_line: task.last_line(),
            size: task.output.as_ref().and_then(size),
            output: task.output.as_deref().or(output),
            log: record.and_then(|record| record.log.as_deref()),
        }
    }
}
