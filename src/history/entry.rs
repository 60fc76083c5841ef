//! What is kept of one key. What finds an entry stands in front at a fixed width, the rest is as `postcard` writes it: a call
//! decodes the rest of its own keys only, and leaves that of all others as it stands.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use serde::{Deserialize, Serialize};

use super::observation::{Observation, PastRuns, RunEnd};

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
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    hash: u64,
    level: u8,
    /// Time of the last run, in seconds since 1970.
    pub(super) last: u32,
    /// A [`EntryBody`] in bytes.
    rest: Cow<'a, [u8]>,
}

/// What isn't needed to find an entry.
#[derive(Debug, Serialize, Deserialize)]
struct EntryBody<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    runs: u32,
    /// The newest first.
    seen: Vec<StoredRun>,
}

/// One run, as far as it is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StoredRun {
    /// Number of the call, the same in the entries of all its keys.
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
    /// Takes an entry from the front of `left`.
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

    /// Adds its bytes.
    ///
    /// # Errors
    ///
    /// When it is longer than any can be.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let length = u16::try_from(self.rest.len()).map_err(io::Error::other)?;
        bytes.extend(self.hash.to_le_bytes());
        bytes.extend(self.last.to_le_bytes());
        bytes.push(self.level);
        bytes.extend(length.to_le_bytes());
        bytes.extend(&*self.rest);
        Ok(())
    }

    /// What no other entry of the repository has.
    pub(super) fn id(&self) -> (u64, u8) {
        (self.hash, self.level)
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
    pub(super) fn known(&self) -> io::Result<PastRuns> {
        let rest = self.rest()?;
        Ok(PastRuns {
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

    fn rest(&self) -> io::Result<EntryBody<'_>> {
        match postcard::take_from_bytes(&self.rest) {
            Ok((rest, [])) => Ok(rest),
            _ => Err(damaged()),
        }
    }
}

/// The error of a file that isn't as it was written.
pub(super) fn damaged() -> io::Error {
    io::Error::other("is damaged or another version's")
}

/// Takes bytes from the front of `left`.
pub(super) fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*taken)
}

impl EntryBody<'_> {
    /// Adds a run, and says whether it is a new one. Beyond the bound the oldest is forgotten, one without weight before all
    /// others.
    fn add(&mut self, run: &Run) -> bool {
        if self.seen.iter().any(|seen| seen.call == run.call) {
            return false;
        }
        let Observation { seconds, end } = run.observation.clamped();
        let call = run.call;
        self.seen.insert(0, StoredRun { call, seconds, end });
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
