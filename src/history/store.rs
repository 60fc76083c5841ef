//! The store of how long commands took: one file per repository.
//!
//! Readers take no lock: a writer adds a block behind the others, or puts another file in the place of the old one by rename.
//! Writers take turns by a lock beside the files. Nothing is synced: a power cut may cost the file of one repository, which
//! then counts as empty.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry::{self, Entry};
pub use super::entry::{Key, Row, Run};
use super::file_format::{self, AppendedBlock, Entries, MOST_KEYS};
use super::observation::PastRuns;
use crate::platform::lock;
use crate::state::{Folder, HISTORY_LOCK, Kind, is_hash, log};

/// Time for which a writer waits for the lock: others hold it for a millisecond, unless one was stopped in the middle.
const WAIT: Duration = Duration::from_secs(1);

/// The store.
#[derive(Debug)]
pub struct Store {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Own,
    At(PathBuf),
}

impl Store {
    /// The user's, in bg-run's own folder; made with the first record.
    ///
    /// # Errors
    ///
    /// When there is no home folder.
    pub fn own() -> io::Result<Self> {
        let place = Place::Own;
        crate::state::dir()
            .map(|_| Self { place })
            .ok_or_else(|| io::Error::other("there is no home folder"))
    }

    /// A store in another folder, which is made.
    ///
    /// # Errors
    ///
    /// When it can't be made or is somebody else's.
    pub fn in_folder(path: &Path) -> io::Result<Self> {
        Folder::at(path, Kind::History)?;
        let place = Place::At(path.to_owned());
        Ok(Self { place })
    }

    /// Returns what is known of each key, of one repository; nothing where there is no file yet.
    ///
    /// # Errors
    ///
    /// When the file is there and can't be read.
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
    /// When it can't be written, or others hold the lock for too long. What is there stays.
    pub fn record(&self, run: &Run) -> io::Result<()> {
        let Some(first) = run.keys.first() else {
            return Ok(());
        };
        let folder = self.folder_to_change()?;
        let _lock = lock(&folder)?;
        let bytes = read(&folder, first.repository)?;
        match file_format::added(&bytes, run) {
            Ok(Some(added)) => append(&folder, first.repository, &added),
            // What is damaged is found once more there.
            Ok(None) | Err(_) => {
                put_all(&folder, first.repository, std::slice::from_ref(run), false)
            }
        }
    }

    /// Adds runs of one repository.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn record_all(&self, runs: &[Run]) -> io::Result<()> {
        if let [run] = runs {
            return self.record(run);
        }
        self.put(runs, false)
    }

    /// Adds old runs of one repository. A key with something newer stays as it is.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
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
    /// When a file is there and can't be read.
    pub fn rows(&self, repository: Option<u64>) -> io::Result<Vec<Row>> {
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

    /// Forgets the rows that `gone` names, and their runs in all other rows. Returns how many rows it named.
    ///
    /// # Errors
    ///
    /// When a file is there and can't be changed.
    pub fn forget(
        &self,
        repository: Option<u64>,
        gone: impl Fn(&Row) -> bool,
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

    /// Forgets everything, or all of one repository.
    ///
    /// # Errors
    ///
    /// When a file is there and can't be removed.
    pub fn clear(&self, repository: Option<u64>) -> io::Result<()> {
        let Some(folder) = absent(self.folder())? else {
            return Ok(());
        };
        let _lock = lock(&folder)?;
        if repository.is_none() {
            // What a killed process left of a replacement, too.
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

    /// Counts the keys; `None` where there is no store yet.
    ///
    /// # Errors
    ///
    /// When a file can't be read or is damaged.
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
                .map_err(|error: io::Error| io::Error::other(format!("{} {error}", name(one))))?;
        }
        Ok(keys)
    }

    /// The folder, if it is there.
    fn folder(&self) -> io::Result<Folder> {
        match &self.place {
            Place::At(path) => Folder::open_at(path, Kind::History),
            Place::Own => Folder::open(Kind::History),
        }
    }

    /// The same, made where it isn't there yet: trying to make it costs more than opening it.
    fn folder_to_change(&self) -> io::Result<Folder> {
        match (absent(self.folder())?, &self.place) {
            (Some(folder), _) => Ok(folder),
            (None, Place::At(path)) => Folder::at(path, Kind::History),
            (None, Place::Own) => Folder::make(Kind::History),
        }
    }
}

/// The name of a repository's file.
fn name(repository: u64) -> String {
    format!("{repository:016x}")
}

/// The repositories that have a file.
fn repositories(folder: &Folder, only: Option<u64>) -> Vec<u64> {
    let names = folder.names(usize::MAX);
    let names = names.iter().filter(|name| is_hash(name));
    names
        .filter_map(|name| u64::from_str_radix(name, 16).ok())
        .filter(|one| only.is_none_or(|only| only == *one))
        .collect()
}

/// Reads a repository's file; one that isn't there is empty.
fn read(folder: &Folder, repository: u64) -> io::Result<Vec<u8>> {
    Ok(absent(folder.read(&name(repository)))?.unwrap_or_default())
}

/// Adds a block to a repository's file, under the lock.
fn append(folder: &Folder, repository: u64, added: &AppendedBlock) -> io::Result<()> {
    let file = folder.file_to_change(&name(repository))?;
    if file.metadata()?.len() > added.at {
        // What was left of another one goes.
        file.set_len(added.at)?;
    }
    let written = file.write_all_at(&added.block, added.at);
    if written.is_err() {
        file.set_len(added.at)?;
    }
    written
}

/// Adds runs to a repository's file and writes it anew, under the lock. With `only_newer`, a key with something newer stays
/// as it is.
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
        entry::shrink(entries, MOST_KEYS);
        Ok(())
    })
}

/// Changes a repository's file and writes it anew, under the lock. A damaged one is begun anew, and the log says so.
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
        log::line(&format!(
            "history: the durations of one repository are begun anew: {name} {error}"
        ));
        changed(&[])
    })?;
    folder.replace(&name, &[&changed])
}

/// Takes the writers' lock, which lasts until the file is dropped or the process ends.
fn lock(folder: &Folder) -> io::Result<std::fs::File> {
    let file = folder.file_to_change(HISTORY_LOCK)?;
    lock::take_within(&file, WAIT)?;
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
