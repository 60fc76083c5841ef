//! A session's transcript: `projects/<slug>/<session>.jsonl`, one JSON object per line (measured, 2.1.20 to 2.1.331).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek as _, SeekFrom, Take};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::platform::regular_file;

/// A line, reduced to the fields that durations need.
#[derive(Debug, Deserialize)]
pub struct TranscriptEntry<'a> {
    /// Time of writing.
    pub timestamp: Option<Timestamp>,
    /// The session's folder.
    #[serde(borrow)]
    pub cwd: Option<Cow<'a, str>>,
    /// The permission mode, in a user's line.
    #[serde(borrow, rename = "permissionMode")]
    pub permission_mode: Option<Cow<'a, str>>,
    /// The message.
    #[serde(borrow)]
    pub message: Option<TranscriptMessage<'a>>,
    /// The tool's result.
    #[serde(rename = "toolUseResult")]
    pub result: Option<ToolUseResult>,
}

/// A message of the conversation.
#[derive(Debug, Deserialize)]
pub struct TranscriptMessage<'a> {
    /// Blocks or text.
    #[serde(borrow)]
    pub content: Content<'a>,
}

/// Blocks or text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Content<'a> {
    /// Blocks, which include the model's calls and their results.
    #[serde(borrow)]
    Blocks(Vec<Block<'a>>),
    /// Only text.
    Other(serde::de::IgnoredAny),
}

/// A block of a message.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block<'a> {
    /// A call.
    ToolUse {
        /// The call's id.
        #[serde(borrow)]
        id: Cow<'a, str>,
        /// The tool's name.
        #[serde(borrow)]
        name: Cow<'a, str>,
        /// The tool's input.
        #[serde(borrow)]
        input: CallInput<'a>,
    },
    /// The result of a call.
    ToolResult {
        /// The id of the call.
        #[serde(borrow)]
        tool_use_id: Cow<'a, str>,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// A call's input, reduced to Bash's fields.
#[derive(Debug, Deserialize)]
pub struct CallInput<'a> {
    /// The command.
    #[serde(borrow)]
    pub command: Option<Cow<'a, str>>,
    /// Whether the call asked for the background.
    #[serde(default)]
    pub run_in_background: bool,
}

/// A tool's result, reduced to the fields that durations need.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum ToolUseResult {
    /// The result of a successful call.
    Fields {
        /// Duration in milliseconds.
        #[serde(rename = "durationMs")]
        duration_ms: Option<f64>,
        /// The task's id, if the call went to the background.
        #[serde(rename = "backgroundTaskId")]
        background: Option<serde::de::IgnoredAny>,
        /// Whether the user interrupted it.
        #[serde(default)]
        interrupted: bool,
    },
    /// The result of a failed call: `Error: Exit code 3` and the output, or the reason why it didn't run.
    Text(String),
    /// Anything else.
    Other(serde::de::IgnoredAny),
}

/// Number of bytes at a transcript's end that are searched for a call.
const SEARCHED_LENGTH: u64 = 256 * 1024;

/// Returns the time at which the model made the call with this id, according to the end of the transcript at `path`.
/// The command began later. `None` where the call isn't found.
pub fn called_at(path: &Path, tool_use_id: &str) -> Option<Timestamp> {
    let text = tail(path).ok()?;
    let mut lines = text.rsplit(|byte| *byte == b'\n');
    let finder = memchr::memmem::Finder::new(tool_use_id);
    lines.find_map(|line| {
        // Most lines don't contain the id, and searching is cheaper than parsing.
        finder.find(line)?;
        let entry: TranscriptEntry<'_> = serde_json::from_slice(line).ok()?;
        let Content::Blocks(blocks) = entry.message?.content else {
            return None;
        };
        let is_call =
            |block: &Block<'_>| matches!(block, Block::ToolUse { id, .. } if id == tool_use_id);
        blocks.iter().any(is_call).then_some(entry.timestamp)?
    })
}

/// A line about a queued message to the model, such as the notice of a task's end (measured, 2.1.200 to 2.1.332).
#[derive(Debug, Deserialize)]
struct Queued {
    #[serde(rename = "type")]
    kind: String,
    content: Option<String>,
}

/// Returns the queued messages to the model, past ones included, at the end of the transcript at `path`.
pub fn queued(path: &Path) -> Vec<String> {
    const KIND: &str = "queue-operation";
    let text = tail(path).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    let queued = lines
        .filter(|line| memchr::memmem::find(line, KIND.as_bytes()).is_some())
        .filter_map(|line| serde_json::from_slice::<Queued>(line).ok());
    queued
        .filter(|queued| queued.kind == KIND)
        .filter_map(|queued| queued.content)
        .collect()
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, metadata) = regular_file::open(path)?;
    file.seek(SeekFrom::Start(
        metadata.len().saturating_sub(SEARCHED_LENGTH),
    ))?;
    let mut text = Vec::new();
    file.take(SEARCHED_LENGTH).read_to_end(&mut text)?;
    Ok(text)
}

/// Calls `each` with every line of a transcript that is at most `limit` bytes long, and with the number of bytes read.
///
/// # Errors
///
/// Fails if the file can't be read.
pub fn for_each_line(
    file: Take<File>,
    limit: usize,
    mut each: impl FnMut(&[u8], u64),
) -> io::Result<()> {
    let mut reader = io::BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let part = reader.fill_buf()?;
        if part.is_empty() {
            return Ok(());
        }
        let end = memchr::memchr(b'\n', part);
        let used = end.map_or(part.len(), |end| end + 1);
        if line.len() <= limit {
            line.extend_from_slice(part.get(..end.unwrap_or(part.len())).unwrap_or_default());
        }
        reader.consume(used);
        length += used as u64;
        if end.is_some() {
            if line.len() <= limit {
                each(&line, length);
            }
            line.clear();
        }
    }
}
