//! The format of a repository's file: a line with the version, then blocks of entries, each preceded by its length and
//! a checksum.
//!
//! The first block is written together with the file. A call appends a block, which is cheaper than a new file. The
//! last of several entries of a key counts. An incomplete block, left by a killed writer, is ignored.

use std::collections::{HashMap, HashSet};
use std::io;

use super::entry::{Entry, Run, damaged, take};

/// The first line, which contains the version.
const VERSION_LINE: &[u8] = b"bg-run durations 1\n";

/// Maximum number of keys per repository. The least recently recorded ones are dropped.
pub(super) const MAX_KEYS: usize = 2000;

/// Number of appended entries after which the file is rewritten, unless the first block has at least half as many.
const MAX_APPENDED: usize = 256;

/// Length in bytes of the header in front of a block's entries.
const HEADER_LENGTH: usize = 12;

/// An iterator over all entries of a file, including replaced ones.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    /// The bytes after the last block.
    left: &'a [u8],
    /// The remaining entries of the current block.
    block: &'a [u8],
    /// Number of blocks so far.
    blocks: usize,
}

impl<'a> Entries<'a> {
    /// Iterates over the entries in these bytes; an empty file has none.
    ///
    /// # Errors
    ///
    /// Fails if the bytes aren't a file of this version.
    pub(super) fn of(bytes: &'a [u8]) -> io::Result<Self> {
        let is_empty = bytes.is_empty();
        let left = bytes
            .strip_prefix(VERSION_LINE)
            .or(is_empty.then_some(bytes));
        Ok(Self {
            left: left.ok_or_else(damaged)?,
            block: &[],
            blocks: usize::from(is_empty),
        })
    }

    /// Reads the next block; `None` if no complete one follows.
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
            // The first block is never incomplete.
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

    /// Returns the next entry; after an error, nothing.
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.try_next();
        if entry.is_err() {
            (self.left, self.block, self.blocks) = (&[], &[], 1);
        }
        entry.transpose()
    }
}

/// Returns the last entry of each key.
///
/// # Errors
///
/// Fails if the file is damaged.
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

/// A block and its position in a file.
#[derive(Debug)]
pub(super) struct AppendedBlock {
    /// Length in bytes of the file in front of the block.
    pub(super) at: u64,
    /// The block.
    pub(super) block: Vec<u8>,
}

/// Returns the block that adds a run to a file; `None` if the file must be rewritten or doesn't exist yet.
///
/// # Errors
///
/// Fails if the file is damaged.
pub(super) fn appended_block(bytes: &[u8], run: &Run) -> io::Result<Option<AppendedBlock>> {
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
    let is_due = all - first > MAX_APPENDED.max(first / 2);
    if bytes.is_empty()
        || is_due
        || all > MAX_KEYS && count_keys(bytes)? + count_new(&known) > MAX_KEYS
    {
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

fn count_keys(bytes: &[u8]) -> io::Result<usize> {
    let ids = Entries::of(bytes)?.map(|entry| Ok(entry?.id()));
    Ok(ids.collect::<io::Result<HashSet<_>>>()?.len())
}

fn count_new(known: &[Option<Entry<'_>>]) -> usize {
    known.iter().filter(|known| known.is_none()).count()
}

/// Encodes a file with these entries.
///
/// # Errors
///
/// Fails if an entry exceeds the maximum length.
pub(super) fn encode(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    let mut bytes = VERSION_LINE.to_vec();
    put_block(entries, &mut bytes)?;
    Ok(bytes)
}

fn put_block(entries: &[Entry<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    bytes.extend([0; HEADER_LENGTH]);
    for entry in entries {
        entry.put(bytes)?;
    }
    let block = bytes.get(start + HEADER_LENGTH..).unwrap_or_default();
    let length = u32::try_from(block.len()).map_err(io::Error::other)?;
    let front = [&length.to_le_bytes()[..], &checksum(block).to_le_bytes()].concat();
    bytes.splice(start..start + HEADER_LENGTH, front);
    Ok(())
}

/// Returns the FNV-1a hash of words instead of bytes, for speed. A change of a single word always changes the result.
fn checksum(bytes: &[u8]) -> u64 {
    let add = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let (words, left) = bytes.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let left = left.iter().map(|byte| u64::from(*byte));
    words.chain(left).fold(0xcbf2_9ce4_8422_2325, add)
}
