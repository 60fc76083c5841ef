//! `bg-run statusline`: prints running tasks for Claude Code's status line.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use serde_json::Value;

use crate::config::View;
use crate::live::row::TaskRow;
use crate::live::stream::TaskScope;
use crate::tasks::durations::UsualTimes;
use crate::tasks::list::project;
use crate::tasks::status::Status;
use crate::tasks::{ended_or_lost, record::TaskRecord};

/// Maximum size of the input, in bytes.
const MAX_INPUT: u64 = 1024 * 1024;

/// Prints the session's newest running task, and how many others are running. A status line never fails.
pub(super) fn run() -> ExitCode {
    if let Some(line) = line() {
        println!("{line}");
    }
    ExitCode::SUCCESS
}

fn line() -> Option<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return None;
    }
    // Only the first value is read, because the stream may stay open.
    let values = serde_json::Deserializer::from_reader(stdin.take(MAX_INPUT));
    let session: Value = values.into_iter().next()?.ok()?;
    let scope = match session.get("session_id").and_then(Value::as_str) {
        Some(id) => TaskScope::Sessions(vec![id.to_owned()]),
        None => TaskScope::Project(project()),
    };
    let mut records = TaskRecord::unended();
    records.retain(|record| scope.has(record));
    let mut records = ended_or_lost::still_running(records);
    let newest = records.pop()?;
    let usual = UsualTimes::own().of(&newest);
    let row = TaskRow::new(&newest, Status::Running, None, usual, View::Line);
    let more = match records.len() {
        0 => String::new(),
        more => format!("  (and {more} more)"),
    };
    Some(row.line() + &more)
}
