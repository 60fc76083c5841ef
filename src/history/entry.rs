//! The stored durations of one key. The fields that find an entry have a fixed width and come first; `postcard`
//! encodes the rest. A call decodes only its own keys' entries and copies all others unread.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use serde::{Deserialize, Serialize};

use super::observation::{Observation, PastRuns, RunEnd};

/// Number of runs that are kept per key.
const MAX_RUNS: usize = 8;

/// Maximum length in bytes of the text that is kept per key.
const MAX_TEXT: usize = 124;

/// A key under which durations are stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The repository's number.
    pub repository: u64,
    /// The level; a higher one is more specific.
    pub level: u8,
    /// Hash of the whole text.
    pub hash: u64,
    /// The readable part, without secrets. Only its first 124 bytes are stored.
    pub text: String,
}

/// A run of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The keys, all of the same repository.
    pub keys: Vec<Key>,
    /// The measured duration.
    pub observation: Observation,
    /// Time of its end, in seconds since 1970.
    pub at: u32,
    /// The call's number. Each call is recorded once.
    pub call: u32,
}

/// A stored key for display.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// The repository's number.
    pub repository: u64,
    /// The level; a higher one is more specific.
    pub level: u8,
    /// The stored part of [`Key::text`].
    pub text: String,
    /// Number of recorded runs.
    pub runs: u32,
    /// Time of the last run, in seconds since 1970.
    pub last: u32,
    /// The durations, newest first, at most 8.
    pub observations: Vec<Observation>,
}

/// The stored entry of one key.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    hash: u64,
    level: u8,
    /// Time of the last run, in seconds since 1970.
    pub(super) last: u32,
    /// An encoded [`EntryBody`].
    rest: Cow<'a, [u8]>,
}

/// The fields that aren't needed to find an entry.
#[derive(Debug, Serialize, Deserialize)]
struct EntryBody<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    runs: u32,
    /// The runs, newest first.
    seen: Vec<StoredRun>,
}

/// A run as stored.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StoredRun {
    /// The call's number, equal in the entries of all its keys.
    call: u32,
    seconds: f32,
    end: RunEnd,
}

impl StoredRun {
    fn observation(self) -> Observation {
        let Self { seconds, end, .. } = self;
        Observation { seconds, end }.clamped()
    }
}

impl<'a> Entry<'a> {
    /// Splits an entry off the front of `left`.
    pub(super) fn take(left: &mut &'a [u8]) -> Option<Self> {
        let mut rest = *left;
        let hash = u64::from_le_bytes(take(&mut rest)?);
        let last = u32::from_le_bytes(take(&mut rest)?);
        let [level] = take(&mut rest)?;
        let length = u16::from_le_bytes(take(&mut rest)?);
        let (rest, behind) = rest.split_at_checked(length.into())?;
        *left = behind;
        Some(Self {
            hash,
            level,
            last,
            rest: Cow::Borrowed(rest),
        })
    }

    /// Appends the encoded entry.
    ///
    /// # Errors
    ///
    /// Fails if the entry exceeds the maximum length.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let length = u16::try_from(self.rest.len()).map_err(io::Error::other)?;
        bytes.extend(self.hash.to_le_bytes());
        bytes.extend(self.last.to_le_bytes());
        bytes.push(self.level);
        bytes.extend(length.to_le_bytes());
        bytes.extend(&*self.rest);
        Ok(())
    }

    /// Returns the key that is unique within the repository.
    pub(super) fn id(&self) -> (u64, u8) {
        (self.hash, self.level)
    }
}

impl Entry<'_> {
    /// Creates the entry of a key with its first run.
    ///
    /// # Errors
    ///
    /// Fails if the run can't be encoded.
    pub(super) fn new(key: &Key, run: &Run) -> io::Result<Self> {
        let end = key.text.floor_char_boundary(MAX_TEXT);
        let mut rest = EntryBody {
            text: Cow::Borrowed(key.text.get(..end).unwrap_or_default()),
            runs: 0,
            seen: Vec::new(),
        };
        rest.add(run);
        Ok(Self {
            hash: key.hash,
            level: key.level,
            last: run.at,
            rest: Cow::Owned(rest.encode()?),
        })
    }

    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.hash == key.hash && self.level == key.level
    }

    /// Adds a run unless it is already present.
    ///
    /// # Errors
    ///
    /// Fails if the entry is damaged.
    pub(super) fn add(&mut self, run: &Run) -> io::Result<()> {
        let mut rest = self.rest()?;
        if rest.add(run) {
            self.rest = Cow::Owned(rest.encode()?);
            self.last = run.at;
        }
        Ok(())
    }

    /// Returns the past runs of the key.
    ///
    /// # Errors
    ///
    /// Fails if the entry is damaged.
    pub(super) fn known(&self) -> io::Result<PastRuns> {
        let rest = self.rest()?;
        Ok(PastRuns {
            observations: rest.observations(),
            runs: rest.runs,
        })
    }

    /// Returns the entry for display.
    ///
    /// # Errors
    ///
    /// Fails if the entry is damaged.
    pub(super) fn row(&self, repository: u64) -> io::Result<HistoryRow> {
        let rest = self.rest()?;
        Ok(HistoryRow {
            repository,
            level: self.level,
            runs: rest.runs,
            last: self.last,
            observations: rest.observations(),
            text: rest.text.into_owned(),
        })
    }

    fn rest(&self) -> io::Result<EntryBody<'_>> {
        match postcard::take_from_bytes(&self.rest) {
            Ok((rest, [])) => Ok(rest),
            _ => Err(damaged()),
        }
    }
}

/// Returns the error for a file with unexpected content.
pub(super) fn damaged() -> io::Error {
    io::Error::other("the file is damaged or from another version")
}

/// Splits `N` bytes off the front of `left`.
pub(super) fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*taken)
}

impl EntryBody<'_> {
    /// Adds a run and returns whether it is new. Above the limit, the oldest run without weight is dropped, or else
    /// the oldest.
    fn add(&mut self, run: &Run) -> bool {
        if self.seen.iter().any(|seen| seen.call == run.call) {
            return false;
        }
        let Observation { seconds, end } = run.observation.clamped();
        let call = run.call;
        self.seen.insert(0, StoredRun { call, seconds, end });
        if self.seen.len() > MAX_RUNS {
            let weightless = self
                .seen
                .iter()
                .rposition(|seen| seen.observation().weight() <= 0.0);
            self.seen.remove(weightless.unwrap_or(MAX_RUNS));
        }
        self.runs = self.runs.saturating_add(1);
        true
    }

    /// Forgets the runs of these calls and returns whether there were any.
    fn forget(&mut self, calls: &HashSet<u32>) -> bool {
        let before = self.seen.len();
        self.seen.retain(|seen| !calls.contains(&seen.call));
        let lost = u32::try_from(before - self.seen.len()).unwrap_or_default();
        self.runs = self.runs.saturating_sub(lost);
        lost > 0
    }

    fn observations(&self) -> Vec<Observation> {
        self.seen.iter().map(|seen| seen.observation()).collect()
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(io::Error::other)
    }
}

/// Forgets the least recently recorded entries above a maximum number.
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

/// Forgets the entries for which `gone` returns true, and their runs in all other entries. Returns the number of those
/// entries.
///
/// # Errors
///
/// Fails if an entry is damaged.
pub(super) fn forget(
    entries: &mut Vec<Entry<'_>>,
    gone: impl Fn(&Entry<'_>) -> io::Result<bool>,
) -> io::Result<usize> {
    let mut named = 0;
    let mut calls = HashSet::new();
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries.drain(..) {
        if gone(&entry)? {
            named += 1;
            calls.extend(entry.rest()?.seen.iter().map(|seen| seen.call));
        } else {
            kept.push(entry);
        }
    }
    for mut entry in kept {
        let mut rest = entry.rest()?;
        if rest.forget(&calls) {
            let is_empty = rest.seen.is_empty();
            entry.rest = Cow::Owned(rest.encode()?);
            if is_empty {
                continue;
            }
        }
        entries.push(entry);
    }
    Ok(named)
}
