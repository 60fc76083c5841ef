//! A session's transcript: `projects/<slug>/<session>.jsonl`, one JSON a line (measured, 2.1.20 to 2.1.331).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::folders;

/// A line, as far as durations need it.
#[derive(Debug, Deserialize)]
pub struct Entry<'a> {
    /// When it was written.
    pub timestamp: Option<Timestamp>,
    /// Where the session was.
    #[serde(borrow)]
    pub cwd: Option<Cow<'a, str>>,
    /// Of a user's line.
    #[serde(borrow, rename = "permissionMode")]
    pub permission_mode: Option<Cow<'a, str>>,
    /// What was said.
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
    /// Of a result: what the tool gave.
    #[serde(rename = "toolUseResult")]
    pub result: Option<ToolUseResult>,
}

/// What was said.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// Blocks, or a text.
    #[serde(borrow)]
    pub content: Content<'a>,
}

/// Blocks, or a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Content<'a> {
    /// The model's calls are among them, and the results.
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
        /// Its id.
        #[serde(borrow)]
        id: Cow<'a, str>,
        /// The tool.
        #[serde(borrow)]
        name: Cow<'a, str>,
        /// What it was called with.
        #[serde(borrow)]
        input: CallInput<'a>,
    },
    /// The result of a call.
    ToolResult {
        /// Of the call with this id.
        #[serde(borrow)]
        tool_use_id: Cow<'a, str>,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// A call's input, as far as it is Bash's.
#[derive(Debug, Deserialize)]
pub struct CallInput<'a> {
    /// The command.
    #[serde(borrow)]
    pub command: Option<Cow<'a, str>>,
    /// It asked for the background.
    #[serde(default)]
    pub run_in_background: bool,
}

/// What a tool gave, as far as durations need it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum ToolUseResult {
    /// Of a call that went well.
    Fields {
        /// How long it took, in milliseconds.
        #[serde(rename = "durationMs")]
        duration_ms: Option<f64>,
        /// It went to the background.
        #[serde(rename = "backgroundTaskId")]
        background: Option<serde::de::IgnoredAny>,
        /// The user interrupted it.
        #[serde(default)]
        interrupted: bool,
    },
    /// Of one that didn't: `Error: Exit code 3`, and what it printed; or why it didn't run.
    Text(String),
    /// Anything else.
    Other(serde::de::IgnoredAny),
}

/// The end of a transcript that is looked at for a call, in bytes.
const TAIL: u64 = 256 * 1024;

/// When the model made the call of this id, by the end of the transcript at `path`: later than that it began. `None`
/// where it isn't there.
pub fn called_at(path: &Path, tool_use_id: &str) -> Option<Timestamp> {
    let text = tail(path).ok()?;
    let mut lines = text.rsplit(|byte| *byte == b'\n');
    let finder = memchr::memmem::Finder::new(tool_use_id);
    lines.find_map(|line| {
        // Most lines are others; a search is cheaper than reading them.
        finder.find(line)?;
        let entry: Entry<'_> = serde_json::from_slice(line).ok()?;
        let Content::Blocks(blocks) = entry.message?.content else {
            return None;
        };
        let is_call =
            |block: &Block<'_>| matches!(block, Block::ToolUse { id, .. } if id == tool_use_id);
        blocks.iter().any(is_call).then_some(entry.timestamp)?
    })
}

/// A line about what waits to be told to the model: the notice of a task's end among it (measured, 2.1.200 to 2.1.332).
#[derive(Debug, Deserialize)]
struct Queued {
    #[serde(rename = "type")]
    kind: String,
    content: Option<String>,
}

/// The texts that wait or waited to be told to the model, by the end of the transcript at `path`.
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
    let (mut file, metadata) = folders::open_regular(path)?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(TAIL)))?;
    let mut text = Vec::new();
    file.take(TAIL).read_to_end(&mut text)?;
    Ok(text)
}

/// The lines of a transcript, each of at most `limit` bytes; longer ones are passed over.
pub fn for_each_line(file: File, limit: usize, mut each: impl FnMut(&[u8], u64)) -> io::Result<()> {
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
