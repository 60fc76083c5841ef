//! The bytes of a repository's file: a line that names its version, then blocks of entries, each behind its length and a
//! checksum.
//!
//! The first block is written whole, with the file. A call adds a block, which costs less than another file. Of the entries
//! of one key the last counts. What a writer that was killed left of a block counts for nothing.

use std::collections::{HashMap, HashSet};
use std::io;

use super::entry::{Entry, Run, damaged, take};

/// Names the version.
const HEAD: &[u8] = b"bg-run durations 1\n";

/// Number of keys that are kept of a repository; the least recently recorded ones go.
pub(super) const MOST_KEYS: usize = 2000;

/// Number of entries that are added before the file is written anew, where the first block has less than twice as many.
const MOST_ADDED: usize = 256;

/// Length of what stands in front of a block's entries, in bytes.
const FRONT: usize = 12;

/// The entries of a file, one after the other, those that no longer count too.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    /// The bytes behind the last block.
    left: &'a [u8],
    /// The entries of the block that are still to come.
    block: &'a [u8],
    /// Number of blocks so far.
    blocks: usize,
}

impl<'a> Entries<'a> {
    /// The entries in these bytes; an empty file has none.
    ///
    /// # Errors
    ///
    /// When they aren't a file of this version.
    pub(super) fn of(bytes: &'a [u8]) -> io::Result<Self> {
        let is_empty = bytes.is_empty();
        let left = bytes.strip_prefix(HEAD).or(is_empty.then_some(bytes));
        Ok(Self {
            left: left.ok_or_else(damaged)?,
            block: &[],
            blocks: usize::from(is_empty),
        })
    }

    /// The next block; `None` where no whole one follows.
    fn next_block(&mut self) -> io::Result<Option<()>> {
        let mut block = || {
            let mut left = self.left;
            let length = usize::try_from(u32::from_le_bytes(take(&mut left)?)).ok()?;
            let sum = u64::from_le_bytes(take(&mut left)?);
            let (block, left) = left.split_at_checked(length)?;
            self.left = left;
            Some((block, sum))
        };
        match block() {
            Some((block, sum)) if checksum(block) == sum => {
                self.block = block;
                self.blocks += 1;
                Ok(Some(()))
            }
            // The first is never written in part.
            None if self.blocks > 0 => Ok(None),
            _ => Err(damaged()),
        }
    }

    fn try_next(&mut self) -> io::Result<Option<Entry<'a>>> {
        while self.block.is_empty() {
            if self.next_block()?.is_none() {
                return Ok(None);
            }
        }
        Entry::take(&mut self.block).map(Some).ok_or_else(damaged)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = io::Result<Entry<'a>>;

    /// The next one; after an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.try_next();
        if entry.is_err() {
            (self.left, self.block, self.blocks) = (&[], &[], 1);
        }
        entry.transpose()
    }
}

/// The entries that count.
///
/// # Errors
///
/// When the file is damaged.
pub(super) fn newest(bytes: &[u8]) -> io::Result<Vec<Entry<'_>>> {
    let mut newest: Vec<Entry<'_>> = Vec::new();
    let mut places = HashMap::new();
    for entry in Entries::of(bytes)? {
        let entry = entry?;
        let place = *places.entry(entry.id()).or_insert(newest.len());
        match newest.get_mut(place) {
            Some(known) => *known = entry,
            None => newest.push(entry),
        }
    }
    Ok(newest)
}

/// A block, and its place in a file.
#[derive(Debug)]
pub(super) struct AppendedBlock {
    /// The length of what stands in front, in bytes.
    pub(super) at: u64,
    /// The block.
    pub(super) block: Vec<u8>,
}

/// The block that adds a run to a file; `None` where the file is to be written anew, or there is none yet.
///
/// # Errors
///
/// When the file is damaged.
pub(super) fn added(bytes: &[u8], run: &Run) -> io::Result<Option<AppendedBlock>> {
    let mut entries = Entries::of(bytes)?;
    let mut known: Vec<Option<Entry<'_>>> = vec![None; run.keys.len()];
    let (mut first, mut all) = (0, run.keys.len());
    while let Some(entry) = entries.try_next()? {
        first += usize::from(entries.blocks == 1);
        all += 1;
        for (key, known) in run.keys.iter().zip(&mut known) {
            if entry.is_of(key) {
                *known = Some(entry.clone());
            }
        }
    }
    let is_due = all - first > MOST_ADDED.max(first / 2);
    if bytes.is_empty() || is_due || all > MOST_KEYS && keys(bytes)? + new(&known) > MOST_KEYS {
        return Ok(None);
    }
    let mut changed = Vec::new();
    for (key, known) in run.keys.iter().zip(known) {
        changed.push(match known {
            Some(mut known) => {
                known.add(run)?;
                known
            }
            None => Entry::new(key, run)?,
        });
    }
    let whole = bytes.len() - entries.left.len();
    let at = u64::try_from(whole).map_err(io::Error::other)?;
    let mut block = Vec::new();
    put_block(&changed, &mut block)?;
    Ok(Some(AppendedBlock { at, block }))
}

fn keys(bytes: &[u8]) -> io::Result<usize> {
    let ids = Entries::of(bytes)?.map(|entry| Ok(entry?.id()));
    Ok(ids.collect::<io::Result<HashSet<_>>>()?.len())
}

fn new(known: &[Option<Entry<'_>>]) -> usize {
    known.iter().filter(|known| known.is_none()).count()
}

/// The bytes of a file with these entries.
///
/// # Errors
///
/// When an entry is longer than any can be.
pub(super) fn encode(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    let mut bytes = HEAD.to_vec();
    put_block(entries, &mut bytes)?;
    Ok(bytes)
}

fn put_block(entries: &[Entry<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    bytes.extend([0; FRONT]);
    for entry in entries {
        entry.put(bytes)?;
    }
    let block = bytes.get(start + FRONT..).unwrap_or_default();
    let length = u32::try_from(block.len()).map_err(io::Error::other)?;
    let front = [&length.to_le_bytes()[..], &checksum(block).to_le_bytes()].concat();
    bytes.splice(start..start + FRONT, front);
    Ok(())
}

/// FNV-1a of words in the place of bytes, for speed: one changed word always changes it.
fn checksum(bytes: &[u8]) -> u64 {
    let add = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let (words, left) = bytes.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let left = left.iter().map(|byte| u64::from(*byte));
    words.chain(left).fold(0xcbf2_9ce4_8422_2325, add)
}
