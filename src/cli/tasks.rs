//! `bg-run tasks`: the background tasks of this machine's sessions.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::Serialize;

use crate::claude::holders;
use crate::claude::task::{self, Footer};
use crate::state::notes::Note;
use crate::text::{SHOWN, columns, one_line};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Its output is held open by a process, or nobody can tell.
    Running,
    /// It ended by itself.
    Exited,
    /// It was ended.
    Killed,
    /// No footer, and no process holds its output open: its session is gone.
    Lost,
}

#[derive(Debug, Serialize)]
struct Task {
    id: String,
    state: State,
    /// Since it was started, else since it last wrote.
    age_seconds: u64,
    command: Option<String>,
    /// Of the output, in bytes.
    size: u64,
    exit: Option<i32>,
    file: PathBuf,
    log: Option<PathBuf>,
}

/// Lists them, the newest first.
pub(super) fn run(json: bool) -> Result<ExitCode> {
    let open = holders::open_outputs();
    let tasks: Vec<Task> = task::outputs()
        .into_iter()
        .map(|output| task_of(output, open.as_deref()))
        .collect();
    if json {
        println!("{}", serde_json::to_string_pretty(&tasks)?);
    } else if tasks.is_empty() {
        println!("No task has written any output yet.");
    } else {
        print!("{}", table(&tasks));
    }
    Ok(ExitCode::SUCCESS)
}

fn task_of(output: task::Output, open: Option<&[PathBuf]>) -> Task {
    let id = output.id().to_owned();
    let note = Note::of(&id);
    let file = task::open(&output.path).ok();
    let footer = file.as_ref().and_then(|file| Footer::of_file(file).ok());
    let footer = footer.flatten();
    let held = open.is_none_or(|open| open.contains(&output.path));
    let started = note
        .as_ref()
        .and_then(|note| note.started.parse::<jiff::Timestamp>().ok());
    let since = started.map_or(output.modified, SystemTime::from);
    Task {
        state: match footer {
            Some(Footer::Exited(_) | Footer::Unknown) => State::Exited,
            Some(Footer::Killed) => State::Killed,
            None if held => State::Running,
            None => State::Lost,
        },
        exit: match footer {
            Some(Footer::Exited(code)) => Some(code),
            _ => None,
        },
        age_seconds: since.elapsed().unwrap_or_default().as_secs(),
        size: file.map_or(0, |file| {
            file.metadata().map_or(0, |metadata| metadata.len())
        }),
        command: note.as_ref().map(|note| note.command.clone()),
        log: note.and_then(|note| note.log),
        file: output.path,
        id,
    }
}

fn table(tasks: &[Task]) -> String {
    let rows = tasks.iter().map(|task| {
        let state = match (task.state, task.exit) {
            (State::Exited, Some(code)) => format!("exit {code}"),
            (State::Exited, None) => "exited".to_owned(),
            (State::Killed, _) => "killed".to_owned(),
            (State::Lost, _) => "lost".to_owned(),
            _ => "running".to_owned(),
        };
        let command = task.command.as_deref().unwrap_or("-");
        let file = task.log.as_ref().unwrap_or(&task.file).display();
        vec![
            task.id.clone(),
            state,
            age(task.age_seconds),
            size(task.size),
            one_line(command, SHOWN),
            one_line(&file.to_string(), usize::MAX),
        ]
    });
    let header = ["TASK", "STATE", "AGE", "SIZE", "COMMAND", "FILE"].map(str::to_owned);
    let rows: Vec<Vec<String>> = [header.to_vec()].into_iter().chain(rows).collect();
    columns(&rows)
}

fn age(seconds: u64) -> String {
    let age = Duration::from_secs(seconds);
    match age.as_secs() {
        s @ ..120 => format!("{s} s"),
        s @ ..7200 => format!("{} min", s / 60),
        s @ ..172_800 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} B"),
        1000..=999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
