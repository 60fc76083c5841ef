//! What a repository's file holds: an entry per key. What finds an entry stands in front of it at a fixed width, the rest is
//! as `postcard` writes it. A call reads the rest of its own keys only, and writes that of all others back as it stands.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use serde::{Deserialize, Serialize};

use super::observation::{Known, Observation, RunEnd};

/// Stands in front of the entries and names their version. A checksum of them stands behind.
const HEAD: &[u8] = b"bg-run durations 2\n";

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
#[derive(Debug)]
pub(super) struct Entry<'a> {
    hash: u64,
    level: u8,
    /// Time of the last run, in seconds since 1970.
    pub(super) last: u32,
    /// A [`Rest`] in bytes.
    rest: Cow<'a, [u8]>,
}

/// What isn't needed to find an entry.
#[derive(Debug, Serialize, Deserialize)]
struct Rest<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    runs: u32,
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
    ///
    /// # Errors
    ///
    /// When it can't be written down.
    pub(super) fn new(key: &Key, run: &Run) -> io::Result<Self> {
        let end = key.text.floor_char_boundary(MAX_TEXT);
        let mut rest = Rest {
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

    /// Adds a run, once.
    ///
    /// # Errors
    ///
    /// When the entry is damaged.
    pub(super) fn add(&mut self, run: &Run) -> io::Result<()> {
        let mut rest = self.rest()?;
        if rest.add(run) {
            self.rest = Cow::Owned(rest.encode()?);
            self.last = run.at;
        }
        Ok(())
    }

    /// What is known of its key.
    ///
    /// # Errors
    ///
    /// When the entry is damaged.
    pub(super) fn known(&self) -> io::Result<Known> {
        let rest = self.rest()?;
        Ok(Known {
            observations: rest.observations(),
            runs: rest.runs,
        })
    }

    /// The entry, as people see it.
    ///
    /// # Errors
    ///
    /// When it is damaged.
    pub(super) fn row(&self, repository: u64) -> io::Result<Row> {
        let rest = self.rest()?;
        Ok(Row {
            repository,
            level: self.level,
            runs: rest.runs,
            last: self.last,
            observations: rest.observations(),
            text: rest.text.into_owned(),
        })
    }

    fn rest(&self) -> io::Result<Rest<'_>> {
        match postcard::take_from_bytes(&self.rest) {
            Ok((rest, [])) => Ok(rest),
            _ => Err(damaged()),
        }
    }
}

impl Rest<'_> {
    /// Adds a run, and says whether it is a new one. Beyond the bound the oldest is forgotten, one without weight before all
    /// others.
    fn add(&mut self, run: &Run) -> bool {
        if self.seen.iter().any(|seen| seen.call == run.call) {
            return false;
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
        true
    }

    /// Forgets the runs of these calls, and says whether there were any.
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

/// Forgets the entries whose rows `gone` names, and their runs in all others. Returns how many it named.
///
/// # Errors
///
/// When an entry is damaged.
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

/// The entries of a file, one after the other.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    /// The bytes behind the last one.
    left: &'a [u8],
}

impl<'a> Entries<'a> {
    /// The entries in these bytes; an empty file has none.
    ///
    /// # Errors
    ///
    /// When they aren't a whole file of this version, as it was written.
    pub(super) fn of(bytes: &'a [u8]) -> io::Result<Self> {
        if bytes.is_empty() {
            return Ok(Self { left: bytes });
        }
        let (left, sum) = bytes
            .strip_prefix(HEAD)
            .and_then(<[u8]>::split_last_chunk)
            .ok_or_else(damaged)?;
        if checksum(left) != u64::from_le_bytes(*sum) {
            return Err(damaged());
        }
        Ok(Self { left })
    }

    fn take(&mut self) -> Option<Entry<'a>> {
        let mut left = self.left;
        let hash = u64::from_le_bytes(take(&mut left)?);
        let last = u32::from_le_bytes(take(&mut left)?);
        let [level] = take(&mut left)?;
        let length = u16::from_le_bytes(take(&mut left)?);
        let (rest, left) = left.split_at_checked(length.into())?;
        self.left = left;
        Some(Entry {
            hash,
            level,
            last,
            rest: Cow::Borrowed(rest),
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = io::Result<Entry<'a>>;

    /// The next one; an error, which is the last, where the bytes end in the middle of it.
    fn next(&mut self) -> Option<Self::Item> {
        if self.left.is_empty() {
            return None;
        }
        let entry = self.take().ok_or_else(damaged);
        if entry.is_err() {
            self.left = &[];
        }
        Some(entry)
    }
}

/// Takes bytes from the front of `left`.
fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*taken)
}

fn damaged() -> io::Error {
    io::Error::other("is damaged or another version's")
}

/// The bytes of a file with these entries.
///
/// # Errors
///
/// When an entry is longer than any can be.
pub(super) fn encode(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    /// What stands in front of the rest of an entry, and the checksum.
    const FRONT: usize = 15;
    const SUM: usize = 8;
    let length: usize = entries.iter().map(|entry| FRONT + entry.rest.len()).sum();
    let mut bytes = Vec::with_capacity(HEAD.len() + length + SUM);
    bytes.extend(HEAD);
    for entry in entries {
        let length = u16::try_from(entry.rest.len()).map_err(io::Error::other)?;
        bytes.extend(entry.hash.to_le_bytes());
        bytes.extend(entry.last.to_le_bytes());
        bytes.push(entry.level);
        bytes.extend(length.to_le_bytes());
        bytes.extend(&*entry.rest);
    }
    let sum = checksum(bytes.get(HEAD.len()..).unwrap_or_default());
    bytes.extend(sum.to_le_bytes());
    Ok(bytes)
}

/// FNV-1a of words in the place of bytes, for speed: one changed word always changes it.
fn checksum(bytes: &[u8]) -> u64 {
    let add = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let (words, left) = bytes.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let left = left.iter().map(|byte| u64::from(*byte));
    words.chain(left).fold(0xcbf2_9ce4_8422_2325, add)
}
