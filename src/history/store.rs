//! The store of commands' durations: one file per repository.
//!
//! Readers take no lock. A writer appends a block, or replaces the file by a rename. A lock beside the files
//! serialises the writers. Nothing is synced: a power cut may lose the file of one repository, which then counts as
//! empty.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry::{self, Entry};
pub use super::entry::{HistoryRow, Key, Run};
use super::file_format::{self, AppendedBlock, Entries, MAX_KEYS};
use super::observation::PastRuns;
use crate::platform::lock;
use crate::state::{Folder, HISTORY_LOCK, Kind, is_hash, log};

/// Maximum wait of a writer for the lock. Others hold it for a millisecond, unless one was suspended meanwhile.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The store.
#[derive(Debug)]
pub struct Store {
    folder: StoreFolder,
}

#[derive(Debug)]
enum StoreFolder {
    Own,
    At(PathBuf),
}

impl Store {
    /// Returns the user's store in bg-run's own folder, which the first record creates.
    ///
    /// # Errors
    ///
    /// Fails if there is no home folder.
    pub fn own() -> io::Result<Self> {
        let folder = StoreFolder::Own;
        crate::state::dir()
            .map(|_| Self { folder })
            .ok_or_else(|| io::Error::other("there is no home folder"))
    }

    /// Creates a store in another folder.
    ///
    /// # Errors
    ///
    /// Fails if the folder can't be created or belongs to somebody else.
    pub fn in_folder(path: &Path) -> io::Result<Self> {
        Folder::at(path, Kind::History)?;
        let folder = StoreFolder::At(path.to_owned());
        Ok(Self { folder })
    }

    /// Returns the past runs of each key, all of one repository; empty ones if there is no file yet.
    ///
    /// # Errors
    ///
    /// Fails if the file exists and can't be read.
    pub fn known(&self, keys: &[Key]) -> io::Result<Vec<PastRuns>> {
        let mut known = vec![PastRuns::default(); keys.len()];
        let (Some(first), Some(folder)) = (keys.first(), absent(self.folder())?) else {
            return Ok(known);
        };
        let bytes = read(&folder, first.repository)?;
        let mut found = vec![None; keys.len()];
        for entry in Entries::of(&bytes)? {
            let entry = entry?;
            for (key, found) in keys.iter().zip(&mut found) {
                if entry.is_of(key) {
                    *found = Some(entry.clone());
                }
            }
        }
        for (known, found) in known.iter_mut().zip(found) {
            if let Some(entry) = found {
                *known = entry.known()?;
            }
        }
        Ok(known)
    }

    /// Adds a run.
    ///
    /// # Errors
    ///
    /// Fails if the run can't be written or others hold the lock for too long. Existing data stays.
    pub fn record(&self, run: &Run) -> io::Result<()> {
        let Some(first) = run.keys.first() else {
            return Ok(());
        };
        let folder = self.folder_to_change()?;
        let _lock = lock(&folder)?;
        let bytes = read(&folder, first.repository)?;
        match file_format::appended_block(&bytes, run) {
            Ok(Some(added)) => append(&folder, first.repository, &added),
            // On an error, the rewrite below finds and replaces the damaged file.
            Ok(None) | Err(_) => {
                put_all(&folder, first.repository, std::slice::from_ref(run), false)
            }
        }
    }

    /// Adds runs of one repository.
    ///
    /// # Errors
    ///
    /// Fails like [`record`](Self::record).
    pub fn record_all(&self, runs: &[Run]) -> io::Result<()> {
        if let [run] = runs {
            return self.record(run);
        }
        self.put(runs, false)
    }

    /// Adds old runs of one repository. A key with newer runs stays unchanged.
    ///
    /// # Errors
    ///
    /// Fails like [`record`](Self::record).
    pub fn learn(&self, runs: &[Run]) -> io::Result<()> {
        self.put(runs, true)
    }

    fn put(&self, runs: &[Run], only_newer: bool) -> io::Result<()> {
        let Some(first) = runs.iter().find_map(|run| run.keys.first()) else {
            return Ok(());
        };
        let folder = self.folder_to_change()?;
        let _lock = lock(&folder)?;
        put_all(&folder, first.repository, runs, only_newer)
    }

    /// Returns all keys, or those of one repository.
    ///
    /// # Errors
    ///
    /// Fails if a file exists and can't be read.
    pub fn rows(&self, repository: Option<u64>) -> io::Result<Vec<HistoryRow>> {
        let mut rows = Vec::new();
        let Some(folder) = absent(self.folder())? else {
            return Ok(rows);
        };
        for one in repositories(&folder, repository) {
            let bytes = read(&folder, one)?;
            for entry in file_format::newest(&bytes)? {
                rows.push(entry.row(one)?);
            }
        }
        Ok(rows)
    }

    /// Forgets the rows for which `gone` returns true, and their runs in all other rows. Returns the number of those
    /// rows.
    ///
    /// # Errors
    ///
    /// Fails if a file exists and can't be changed.
    pub fn forget(
        &self,
        repository: Option<u64>,
        gone: impl Fn(&HistoryRow) -> bool,
    ) -> io::Result<usize> {
        let Some(folder) = absent(self.folder())? else {
            return Ok(0);
        };
        let _lock = lock(&folder)?;
        let mut forgotten = 0;
        for one in repositories(&folder, repository) {
            change(&folder, one, |entries| {
                forgotten += entry::forget(entries, |entry| Ok(gone(&entry.row(one)?)))?;
                Ok(())
            })?;
        }
        Ok(forgotten)
    }

    /// Forgets everything, or everything about one repository.
    ///
    /// # Errors
    ///
    /// Fails if a file exists and can't be removed.
    pub fn clear(&self, repository: Option<u64>) -> io::Result<()> {
        let Some(folder) = absent(self.folder())? else {
            return Ok(());
        };
        let _lock = lock(&folder)?;
        if repository.is_none() {
            // Includes unfinished replacements that a killed process left.
            let names = folder.names(usize::MAX);
            let others = names.iter().filter(|name| *name != HISTORY_LOCK);
            others.for_each(|name| folder.remove(name));
        }
        for one in repositories(&folder, repository) {
            let name = name(one);
            folder.remove(&name);
            if absent(folder.file(&name))?.is_some() {
                return Err(io::Error::other(format!("{name} can't be removed")));
            }
        }
        Ok(())
    }

    /// Returns the number of keys; `None` if there is no store yet.
    ///
    /// # Errors
    ///
    /// Fails if a file can't be read or is damaged.
    pub fn check(&self) -> io::Result<Option<usize>> {
        let Some(folder) = absent(self.folder())? else {
            return Ok(None);
        };
        let mut keys = None;
        for one in repositories(&folder, None) {
            let bytes = read(&folder, one)?;
            let count = || {
                let entries = file_format::newest(&bytes)?;
                entries
                    .iter()
                    .try_for_each(|entry| entry.known().map(drop))?;
                Ok(entries.len())
            };
            *keys.get_or_insert(0) += count()
                .map_err(|error: io::Error| io::Error::other(format!("{}: {error}", name(one))))?;
        }
        Ok(keys)
    }

    /// Opens the folder if it exists.
    fn folder(&self) -> io::Result<Folder> {
        match &self.folder {
            StoreFolder::At(path) => Folder::open_at(path, Kind::History),
            StoreFolder::Own => Folder::open(Kind::History),
        }
    }

    /// Opens the folder, creating it if missing. Opening it first is cheaper than trying to create it.
    fn folder_to_change(&self) -> io::Result<Folder> {
        match (absent(self.folder())?, &self.folder) {
            (Some(folder), _) => Ok(folder),
            (None, StoreFolder::At(path)) => Folder::at(path, Kind::History),
            (None, StoreFolder::Own) => Folder::make(Kind::History),
        }
    }
}

/// Returns the name of a repository's file.
fn name(repository: u64) -> String {
    format!("{repository:016x}")
}

/// Returns the repositories that have a file.
fn repositories(folder: &Folder, only: Option<u64>) -> Vec<u64> {
    let names = folder.names(usize::MAX);
    let names = names.iter().filter(|name| is_hash(name));
    names
        .filter_map(|name| u64::from_str_radix(name, 16).ok())
        .filter(|one| only.is_none_or(|only| only == *one))
        .collect()
}

/// Reads a repository's file. A missing one counts as empty.
fn read(folder: &Folder, repository: u64) -> io::Result<Vec<u8>> {
    Ok(absent(folder.read(&name(repository)))?.unwrap_or_default())
}

/// Appends a block to a repository's file under the lock.
fn append(folder: &Folder, repository: u64, added: &AppendedBlock) -> io::Result<()> {
    let file = folder.file_to_change(&name(repository))?;
    if file.metadata()?.len() > added.at {
        // Removes an incomplete block.
        file.set_len(added.at)?;
    }
    let written = file.write_all_at(&added.block, added.at);
    if written.is_err() {
        file.set_len(added.at)?;
    }
    written
}

/// Adds runs to a repository's file and rewrites it under the lock. With `only_newer`, a key with newer runs stays
/// unchanged.
fn put_all(folder: &Folder, repository: u64, runs: &[Run], only_newer: bool) -> io::Result<()> {
    change(folder, repository, |entries| {
        for run in runs {
            for key in &run.keys {
                let known = entries.iter_mut().find(|entry| entry.is_of(key));
                match known {
                    Some(entry) if only_newer && entry.last > run.at => {}
                    Some(entry) => entry.add(run)?,
                    None => entries.push(Entry::new(key, run)?),
                }
            }
        }
        entry::shrink(entries, MAX_KEYS);
        Ok(())
    })
}

/// Changes a repository's file and rewrites it under the lock. A damaged file is replaced by a new one and logged.
fn change(
    folder: &Folder,
    repository: u64,
    mut act: impl FnMut(&mut Vec<Entry<'_>>) -> io::Result<()>,
) -> io::Result<()> {
    let bytes = read(folder, repository)?;
    let name = name(repository);
    let mut changed = |bytes| {
        let mut entries = file_format::newest(bytes)?;
        act(&mut entries)?;
        file_format::encode(&entries)
    };
    let changed = changed(&bytes).or_else(|error| {
        log::error(&format!(
            "history: the durations of one repository are reset: {name}: {error}"
        ));
        changed(&[])
    })?;
    folder.replace(&name, &[&changed])
}

/// Takes the writers' lock, which is held until the file is dropped or the process ends.
fn lock(folder: &Folder) -> io::Result<std::fs::File> {
    let file = folder.file_to_change(HISTORY_LOCK)?;
    lock::take_within(&file, LOCK_TIMEOUT)?;
    Ok(file)
}

/// Maps "not found" to `None`.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
