//! What a repository's file holds: an entry per key, as `postcard` writes it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use serde::{Deserialize, Serialize};

use super::observation::{Known, Observation, RunEnd};

/// Stands in front of the entries and names their version.
const HEAD: &[u8] = b"bg-run durations 1\n";

/// Stands behind them, so that half a file isn't taken for a whole one.
const TAIL: &[u8] = b"\nend\n";

/// Number of runs that are kept of each key.
const KEPT: usize = 8;

/// Length of the text that is kept of each key, in bytes.
const MAX_TEXT: usize = 124;

/// What a duration is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Number of the repository.
    pub repository: u64,
    /// How coarse the text is.
    pub level: u8,
    /// Hash of the whole text.
    pub hash: u64,
    /// What may be kept in clear, for people to read; only its first 124 bytes are.
    pub text: String,
}

/// One run of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Kept under each of these keys, which are of one repository.
    pub keys: Vec<Key>,
    /// How long it took.
    pub observation: Observation,
    /// Time of its end, in seconds since 1970.
    pub at: u32,
    /// Number of the call. The same call is recorded once.
    pub call: u32,
}

/// A key, as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As in [`Key`].
    pub repository: u64,
    /// As in [`Key`].
    pub level: u8,
    /// As in [`Key`], as far as it was kept.
    pub text: String,
    /// Number of recorded runs.
    pub runs: u32,
    /// Time of the last one, in seconds since 1970.
    pub last: u32,
    /// The newest first, at most 8.
    pub observations: Vec<Observation>,
}

/// What is kept of one key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    level: u8,
    hash: u64,
    #[serde(borrow)]
    text: Cow<'a, str>,
    runs: u32,
    /// Time of the last run, in seconds since 1970.
    pub(super) last: u32,
    /// The newest first.
    seen: Vec<Seen>,
}

/// One run, as far as it is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    /// Number of the call, the same in the entries of all its keys.
    call: u32,
    seconds: f32,
    end: RunEnd,
}

impl Seen {
    fn observation(self) -> Observation {
        let Self { seconds, end, .. } = self;
        Observation { seconds, end }.clamped()
    }
}

impl Entry<'_> {
    /// The entry of a key with its first run.
    pub(super) fn new(key: &Key, run: &Run) -> Self {
        let mut text = key.text.clone();
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        let mut entry = Self {
            level: key.level,
            hash: key.hash,
            text: Cow::Owned(text),
            runs: 0,
            last: 0,
            seen: Vec::new(),
        };
        entry.add(run);
        entry
    }

    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.hash == key.hash && self.level == key.level
    }

    /// Adds a run, once. Beyond the bound the oldest is forgotten, one without weight before all others.
    pub(super) fn add(&mut self, run: &Run) {
        if self.seen.iter().any(|seen| seen.call == run.call) {
            return;
        }
        let Observation { seconds, end } = run.observation.clamped();
        let call = run.call;
        self.seen.insert(0, Seen { call, seconds, end });
        if self.seen.len() > KEPT {
            let weightless = self
                .seen
                .iter()
                .rposition(|seen| seen.observation().weight() <= 0.0);
            self.seen.remove(weightless.unwrap_or(KEPT));
        }
        self.runs = self.runs.saturating_add(1);
        self.last = run.at;
    }

    fn observations(&self) -> Vec<Observation> {
        self.seen.iter().map(|seen| seen.observation()).collect()
    }

    pub(super) fn known(&self) -> Known {
        Known {
            observations: self.observations(),
            runs: self.runs,
        }
    }

    pub(super) fn row(&self, repository: u64) -> Row {
        Row {
            repository,
            level: self.level,
            text: self.text.clone().into_owned(),
            runs: self.runs,
            last: self.last,
            observations: self.observations(),
        }
    }
}

/// Forgets the least recently recorded entries beyond a number.
pub(super) fn shrink(entries: &mut Vec<Entry<'_>>, most: usize) {
    while entries.len() > most {
        let oldest = entries
            .iter()
            .enumerate()
            .min_by_key(|(_, entry)| entry.last);
        let Some((oldest, _)) = oldest else { return };
        entries.remove(oldest);
    }
}

/// Forgets the entries that `gone` names, and their runs in all others. Returns how many it named.
pub(super) fn forget(entries: &mut Vec<Entry<'_>>, gone: impl Fn(&Entry<'_>) -> bool) -> usize {
    let before = entries.len();
    let mut calls = HashSet::new();
    entries.retain(|entry| {
        let goes = gone(entry);
        if goes {
            calls.extend(entry.seen.iter().map(|seen| seen.call));
        }
        !goes
    });
    let named = before - entries.len();
    entries.retain_mut(|entry| {
        let runs = entry.seen.len();
        entry.seen.retain(|seen| !calls.contains(&seen.call));
        let lost = u32::try_from(runs - entry.seen.len()).unwrap_or_default();
        entry.runs = entry.runs.saturating_sub(lost);
        !entry.seen.is_empty()
    });
    named
}

/// Reads the entries of a file; an empty one has none.
///
/// # Errors
///
/// When the file is damaged or another version's.
pub(super) fn decode(bytes: &[u8]) -> io::Result<Vec<Entry<'_>>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let whole = bytes
        .strip_prefix(HEAD)
        .and_then(|rest| rest.strip_suffix(TAIL));
    whole
        .and_then(|body| postcard::take_from_bytes(body).ok())
        .and_then(|(entries, rest)| rest.is_empty().then_some(entries))
        .ok_or_else(|| io::Error::other("is damaged or another version's"))
}

/// The bytes of a file with these entries.
///
/// # Errors
///
/// When they can't be written down.
pub(super) fn encode(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    let bytes = postcard::to_extend(entries, HEAD.to_vec()).map_err(io::Error::other)?;
    Ok([&bytes, TAIL].concat())
}
