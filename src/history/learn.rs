//! Learns the durations of earlier calls from the client's transcripts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::ids::call_number;
use super::observation::{Observation, RunEnd};
use crate::claude::transcript::{Block, Content, ToolUseResult, TranscriptEntry, for_each_line};
use crate::folders;
use crate::foreground_limit::is_long;
use crate::platform::regular_file;

/// Maximum length of a line in bytes. Longer ones contain pictures or whole files, not Bash calls.
const MAX_LINE: usize = 8 * 1024 * 1024;

/// Maximum number of bytes that are read of a transcript, counted from its end.
pub const MAX_TRANSCRIPT: u64 = 128 * 1024 * 1024;

/// Maximum number of a session's calls that wait for their results.
const MAX_PENDING: usize = 1000;

/// A call with a reliable duration.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedCall {
    /// The command.
    pub command: String,
    /// The session's folder.
    pub cwd: PathBuf,
    /// The measured duration.
    pub observation: Observation,
    /// Time of its end, in seconds since 1970.
    pub at: u32,
    /// The call's number.
    pub call: u32,
}

struct Pending {
    command: String,
    cwd: PathBuf,
    called: Timestamp,
    in_background: bool,
}

/// Returns all transcripts below the client's folder with their sizes, the least recently changed first.
pub fn transcripts() -> Vec<(PathBuf, u64)> {
    let projects = folders::claude_dir().map(|dir| dir.join("projects"));
    let below = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let files = projects.into_iter().flat_map(below).flat_map(below);
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .filter_map(|path| {
            let metadata = std::fs::metadata(&path).ok()?;
            Some((metadata.modified().ok()?, path, metadata.len()))
        })
        .collect();
    files.sort();
    let files = files.into_iter();
    files.map(|(_, path, length)| (path, length)).collect()
}

/// Calls `each` for every call with a reliable duration in the last [`MAX_TRANSCRIPT`] bytes of the transcript at
/// `path`. Calls `read` after each line with the number of bytes read.
///
/// Between a call and its result, the client may have asked the user. So a duration is reliable if the client measured
/// it or the session never asks. Any other result that arrived within 30 s gives an upper bound.
///
/// # Errors
///
/// Fails if the file can't be read.
pub fn read(
    path: &Path,
    mut each: impl FnMut(LearnedCall),
    mut read: impl FnMut(u64),
) -> io::Result<()> {
    let (mut file, metadata) = regular_file::open(path)?;
    let skipped = metadata.len().saturating_sub(MAX_TRANSCRIPT);
    file.seek(SeekFrom::Start(skipped))?;
    let mut session = TranscriptSession::default();
    for_each_line(file.take(MAX_TRANSCRIPT), MAX_LINE, |line, so_far| {
        read(so_far);
        if is_of_interest(line)
            && let Ok(entry) = serde_json::from_slice(line)
        {
            session.take(entry, &mut each);
        }
    })
}

/// Filters the lines to be parsed. Most are neither a Bash call nor a result.
fn is_of_interest(line: &[u8]) -> bool {
    let has = |part: &str| memchr::memmem::find(line, part.as_bytes()).is_some();
    has("\"tool_result\"") || has("\"tool_use\"") && has("\"Bash\"") || has("\"permissionMode\"")
}

#[derive(Default)]
struct TranscriptSession {
    pending: HashMap<String, Pending>,
    asks_nobody: bool,
}

impl TranscriptSession {
    fn take(&mut self, entry: TranscriptEntry<'_>, each: &mut impl FnMut(LearnedCall)) {
        if let Some(mode) = entry.permission_mode {
            self.asks_nobody = mode == "bypassPermissions";
        }
        let (Some(timestamp), Some(message)) = (entry.timestamp, entry.message) else {
            return;
        };
        let Content::Blocks(blocks) = message.content else {
            return;
        };
        for block in blocks {
            match block {
                Block::ToolUse { id, name, input } if name == "Bash" => {
                    let Some(command) = input.command.map(Cow::into_owned) else {
                        continue;
                    };
                    if self.pending.len() >= MAX_PENDING {
                        self.pending.clear();
                    }
                    let pending = Pending {
                        command,
                        cwd: PathBuf::from(entry.cwd.as_deref().unwrap_or_default()),
                        called: timestamp,
                        in_background: input.run_in_background,
                    };
                    self.pending.insert(id.into_owned(), pending);
                }
                Block::ToolResult { tool_use_id } => {
                    if let Some(call) = self.pending.remove(&*tool_use_id)
                        && let Some(learnt) = learnt(
                            &tool_use_id,
                            call,
                            timestamp,
                            entry.result.as_ref(),
                            self.asks_nobody,
                        )
                    {
                        each(learnt);
                    }
                }
                _ => {}
            }
        }
    }
}

fn learnt(
    id: &str,
    call: Pending,
    ended: Timestamp,
    result: Option<&ToolUseResult>,
    asks_nobody: bool,
) -> Option<LearnedCall> {
    let (timed, end) = match result {
        Some(ToolUseResult::Fields {
            background: Some(_),
            ..
        }) => return None,
        Some(ToolUseResult::Fields {
            duration_ms,
            interrupted,
            ..
        }) => {
            let end = if *interrupted {
                RunEnd::CutOff
            } else {
                RunEnd::Success
            };
            (*duration_ms, end)
        }
        Some(ToolUseResult::Text(text)) => (None, end_of_failed(text)?),
        Some(ToolUseResult::Other(_)) | None => (None, RunEnd::Success),
    };
    let between = ended.duration_since(call.called).as_secs_f32();
    #[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
    let seconds = timed.map_or(between, |milliseconds| (milliseconds / 1000.0) as f32);
    let is_sure = timed.is_some() || asks_nobody;
    if call.in_background || !is_sure && is_long(seconds) || seconds < 0.0 {
        return None;
    }
    // A time that may include an approval is only an upper bound.
    let end = match end {
        RunEnd::Success if !is_sure => RunEnd::AtMost,
        end => end,
    };
    Some(LearnedCall {
        command: call.command,
        cwd: call.cwd,
        observation: Observation { seconds, end }.clamped(),
        at: u32::try_from(ended.as_second()).unwrap_or_default(),
        call: call_number(id),
    })
}

/// Returns the kind of a failed call's end; `None` if it never ran, for example because the user denied it.
fn end_of_failed(text: &str) -> Option<RunEnd> {
    let rest = text.strip_prefix("Error: ").unwrap_or(text);
    if rest.starts_with("Command timed out") {
        return Some(RunEnd::CutOff);
    }
    let code = rest.strip_prefix("Exit code ")?.lines().next()?.trim();
    match code.parse() {
        // A signal killed it.
        Ok(129..=159) => Some(RunEnd::CutOff),
        Ok(0) => Some(RunEnd::Success),
        _ => Some(RunEnd::Failure),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str, in_background: bool) -> String {
        let input = json!({"command": id, "run_in_background": in_background});
        let blocks = json!([{"type": "text", "text": "x"}, {"type": "tool_use", "id": id, "name": "Bash", "input": input}]);
        json!({"type": "assistant", "timestamp": "2026-01-01T00:00:00Z", "cwd": "/w", "message": {"content": blocks}}).to_string()
    }

    fn result(id: &str, at: &str, given: &serde_json::Value) -> String {
        let blocks = json!([{"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": "y"}]}]);
        json!({"type": "user", "timestamp": format!("2026-01-01T00:{at}Z"), "message": {"content": blocks}, "toolUseResult": given}).to_string()
    }

    #[test]
    fn only_reliable_durations_are_learned() {
        let lines = [
            call("short", false),
            result("short", "00:12", &json!({"stdout": "", "interrupted": false})),
            call("maybe-asked", false),
            result("maybe-asked", "05:00", &json!({"stdout": ""})),
            call("endless", false),
            result("endless", "00:10", &json!({"durationMs": 1e308})),
            call("timed", false),
            result("timed", "05:00", &json!({"durationMs": 90000})),
            call("moved", false),
            result("moved", "00:01", &json!({"backgroundTaskId": "b1"})),
            call("in-background", true),
            result("in-background", "00:01", &json!({})),
            "no JSON with \"tool_result\"".to_owned(),
            json!({"type": "user", "permissionMode": "bypassPermissions", "message": {"content": "go"}}).to_string(),
            call("unasked", false),
            result("unasked", "02:00", &json!("Error: Exit code 1")),
            call("failed", false),
            result("failed", "00:03", &json!("Error: Exit code 1\nModuleNotFoundError")),
            call("killed", false),
            result("killed", "00:03", &json!("Error: Exit code 137\n")),
            call("denied", false),
            result("denied", "00:09", &json!("Error: The user doesn't want to proceed with this tool use.")),
            call("interrupted", false),
            result("interrupted", "00:04", &json!({"stdout": "", "interrupted": true})),
            call("no-result", false),
        ];
        let text = lines.join("\n") + "\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let (mut found, mut bytes) = (Vec::new(), 0);
        read(file.path(), |one| found.push(one), |so_far| bytes = so_far).unwrap();
        let seconds: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.command.as_str(),
                    one.observation.seconds,
                    one.observation.end,
                )
            })
            .collect();
        assert_eq!(
            seconds,
            [
                ("short", 12.0, RunEnd::AtMost),
                ("endless", 7.0 * 24.0 * 3600.0, RunEnd::Success),
                ("timed", 90.0, RunEnd::Success),
                ("unasked", 120.0, RunEnd::Failure),
                ("failed", 3.0, RunEnd::Failure),
                ("killed", 3.0, RunEnd::CutOff),
                ("interrupted", 4.0, RunEnd::CutOff),
            ]
        );
        assert_eq!(found[0].cwd, Path::new("/w"));
        assert_eq!(bytes, text.len() as u64);
    }
}
