//! The store of how long commands took: one file, which any number of processes read and write at once.
//!
//! Every call is a process of its own, so opening counts as much as reading. Readers take no lock: each slot has a
//! checksum, and is written whole. Writers take turns. A file that can't be one is set aside, and said so in the log.

mod entry;
mod lock;
mod open;
mod slot;
mod table;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use entry::{Key, Known, Observation, Row};
use lock::Lock;
use open::{Open, Place, absent};
use table::{Found, Moment, Table};

use crate::state::{Folder, HISTORY, HISTORY_DAMAGED, Kind, LEARNT};

/// So many pages at most, of 4096 bytes: room for a million keys. Then the oldest are forgotten.
const MOST_PAGES: u64 = 65_536;

/// No duration is longer, in seconds.
const LONGEST: f32 = 7.0 * 24.0 * 3600.0;

/// Others may put another file there, or take it away, so often while one looks.
const TRIES: usize = 10;

/// The store. It stays open between calls; each sees what others have written meanwhile.
#[derive(Debug)]
pub struct Store {
    place: Place,
    open: Mutex<Option<Open>>,
    most_pages: u64,
}

/// The file is another one by now.
struct Gone;

impl Store {
    /// The user's, in bg-run's own folder; made with the first record.
    ///
    /// # Errors
    ///
    /// When there is no home folder.
    pub fn own() -> io::Result<Self> {
        match crate::state::dir() {
            Some(_) => Ok(Self::new(Place::Own)),
            None => Err(io::Error::other("there is no home folder")),
        }
    }

    /// One in another folder, which is made.
    ///
    /// # Errors
    ///
    /// When it can't be made or is somebody else's.
    pub fn in_folder(path: &Path) -> io::Result<Self> {
        Folder::at(path, Kind::History)?;
        Ok(Self::new(Place::At(path.to_owned())))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            open: Mutex::new(None),
            most_pages: MOST_PAGES,
        }
    }

    /// What is known of each key; nothing where there is no store yet.
    ///
    /// # Errors
    ///
    /// When the file is there and can't be read.
    pub fn known(&self, keys: &[Key]) -> io::Result<Vec<Known>> {
        let none = || vec![Known::default(); keys.len()];
        let mut open = self.open();
        let Some(at) = self.to_read(&mut open)? else {
            return Ok(none());
        };
        for _ in 0..TRIES {
            let table = Table::of(&at.file)?;
            let found: Vec<Found> = look_up(&table, keys)?;
            let damaged = found.iter().any(|found| matches!(found, Found::Damaged));
            let missing = damaged || found.iter().any(|found| matches!(found, Found::Nothing));
            if damaged && let Ok(_lock) = Lock::shared(&at.file) {
                let table = Table::of(&at.file)?;
                return Ok(look_up(&table, keys)?.iter().map(known_of).collect());
            }
            // Somebody who grows it may put another key where this one was.
            if !missing || Table::of(&at.file)?.pages() == table.pages() {
                return Ok(found.iter().map(known_of).collect());
            }
        }
        Ok(none())
    }

    /// Adds an observation to each key, made `now`, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When it can't be written, or others hold the lock for too long. What is there stays.
    pub fn record(&self, keys: &[Key], observation: Observation, now: u32) -> io::Result<()> {
        self.record_of(0, keys, observation, now)
    }

    /// The same of the call of this number, once: of two registrations of one hook, one is heard. 0 is no call's.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn record_of(
        &self,
        call: u32,
        keys: &[Key],
        observation: Observation,
        now: u32,
    ) -> io::Result<()> {
        let most = self.most_pages;
        let moment = Moment {
            now,
            most,
            only_newer: false,
            call,
        };
        self.add(keys, observation, moment)
    }

    /// The same for an old observation, made `at`: a key of which something newer is known stays as it is.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn learn(&self, keys: &[Key], observation: Observation, at: u32) -> io::Result<()> {
        let moment = Moment {
            now: at,
            most: self.most_pages,
            only_newer: true,
            call: 0,
        };
        self.add(keys, observation, moment)
    }

    fn add(&self, keys: &[Key], observation: Observation, moment: Moment) -> io::Result<()> {
        let seconds = observation.seconds;
        let observation = Observation {
            seconds: if seconds.is_nan() {
                0.0
            } else {
                seconds.clamp(0.0, LONGEST)
            },
            ..observation
        };
        self.change(|file| {
            let mut table = Table::of(file)?;
            keys.iter()
                .try_for_each(|key| table.record(key, observation, moment))
        })
    }

    /// All keys, or those of one repository.
    ///
    /// # Errors
    ///
    /// When the file is there and can't be read.
    pub fn rows(&self, repository: Option<u64>) -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.look(|table, page| {
            let (used, _) = table.slots_of(page)?;
            let wanted = used.iter().filter(|used| used.counts);
            let wanted = wanted.map(|used| &used.slot);
            rows.extend(
                wanted
                    .filter(|slot| repository.is_none_or(|one| slot.repository() == one))
                    .map(slot::Slot::row),
            );
            Ok(())
        })?;
        Ok(rows)
    }

    /// Forgets the keys of which `gone` says so; how many there were.
    ///
    /// # Errors
    ///
    /// When the file is there and can't be changed.
    pub fn forget(&self, gone: impl Fn(&Row) -> bool) -> io::Result<usize> {
        let mut forgotten = 0;
        for page in 0.. {
            if self.to_read(&mut self.open())?.is_none() {
                break;
            }
            // The lock is let go between the pages: others write meanwhile.
            let more = self.change(|file| {
                let table = Table::of(file)?;
                if page >= table.pages().max(1) {
                    return Ok(false);
                }
                for used in table.slots_of(page)?.0 {
                    if gone(&used.slot.row()) {
                        table.wipe(used.place)?;
                        forgotten += usize::from(used.counts);
                    }
                }
                Ok(true)
            })?;
            if !more {
                break;
            }
        }
        Ok(forgotten)
    }

    /// Forgets everything, what was set aside too.
    ///
    /// # Errors
    ///
    /// When the folder can't be opened.
    pub fn clear(&self) -> io::Result<()> {
        *self.open() = None;
        let Some(folder) = absent(self.place.folder())? else {
            return Ok(());
        };
        for name in [HISTORY, HISTORY_DAMAGED, LEARNT] {
            folder.remove(name);
        }
        match absent(folder.file(HISTORY))? {
            None => Ok(()),
            Some(_) => Err(io::Error::other(format!("{HISTORY} can't be removed"))),
        }
    }

    /// How many keys there are; `None` where there is no store yet.
    ///
    /// # Errors
    ///
    /// When the file can't be read or is damaged.
    pub fn check(&self) -> io::Result<Option<usize>> {
        let Some(folder) = absent(self.place.folder())? else {
            return Ok(None);
        };
        let Some(file) = absent(folder.file(HISTORY))? else {
            return Ok(None);
        };
        match table::fault(&file)? {
            Some("") => return Ok(Some(0)),
            Some(fault) => return Err(wrong(&format!("can't be used: {fault}"))),
            None => {}
        }
        let (mut keys, mut damaged) = (0, 0);
        let table = Table::of(&file)?;
        for page in 0..table.pages().max(1) {
            let _lock = Lock::shared(&file)?;
            let (used, spoilt) = table.slots_of(page)?;
            keys += used.iter().filter(|used| used.counts).count();
            damaged += spoilt;
        }
        if damaged > 0 {
            let what =
                format!("has {damaged} damaged entries beside {keys} good ones, which are used");
            return Err(wrong(&what));
        }
        Ok(Some(keys))
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file, where there is one and it is one of ours.
    fn to_read<'a>(&self, open: &'a mut Option<Open>) -> io::Result<Option<&'a Open>> {
        if let Some(at) = open
            && !at.is_current()?
        {
            *open = None;
        }
        if open.is_none() {
            let Some(folder) = absent(self.place.folder())? else {
                return Ok(None);
            };
            let Some(file) = absent(folder.file(HISTORY))? else {
                return Ok(None);
            };
            let at = Open {
                folder,
                file,
                writable: false,
            };
            match table::fault(&at.file)? {
                Some("") => return Ok(None),
                Some(_) => {
                    at.set_aside()?;
                    return Ok(None);
                }
                None => *open = Some(at),
            }
        }
        Ok(open.as_ref())
    }

    /// Does something for each page.
    fn look(&self, mut each: impl FnMut(&Table, u64) -> io::Result<()>) -> io::Result<()> {
        let mut open = self.open();
        let Some(at) = self.to_read(&mut open)? else {
            return Ok(());
        };
        // As many as there are now: what moves to a later one meanwhile is still seen here.
        let table = Table::of(&at.file)?;
        (0..table.pages().max(1)).try_for_each(|page| {
            let _lock = Lock::shared(&at.file)?;
            each(&table, page)
        })
    }

    /// Does something while nobody else writes.
    fn change<T>(&self, mut act: impl FnMut(&File) -> io::Result<T>) -> io::Result<T> {
        let mut open = self.open();
        for _ in 0..TRIES {
            match self.try_change(&mut open, &mut act)? {
                Ok(done) => return Ok(done),
                Err(Gone) => *open = None,
            }
        }
        Err(io::Error::other("others put it away again and again"))
    }

    fn try_change<T>(
        &self,
        open: &mut Option<Open>,
        act: &mut impl FnMut(&File) -> io::Result<T>,
    ) -> io::Result<Result<T, Gone>> {
        let is_new = !open.as_ref().is_some_and(|at| at.writable);
        if is_new {
            let folder = self.place.folder_to_change()?;
            let file = folder.file_to_change(HISTORY)?;
            *open = Some(Open {
                folder,
                file,
                writable: true,
            });
        }
        let Some(at) = open else {
            return Ok(Err(Gone));
        };
        let lock = Lock::exclusive(&at.file)?;
        if !at.is_current()? {
            return Ok(Err(Gone));
        }
        match if is_new {
            table::fault(&at.file)?
        } else {
            None
        } {
            None => {}
            Some("") => table::make(&at.file)?,
            Some(_) => {
                drop(lock);
                at.set_aside()?;
                return Ok(Err(Gone));
            }
        }
        act(&at.file).map(Ok)
    }
}

fn look_up(table: &Table, keys: &[Key]) -> io::Result<Vec<Found>> {
    keys.iter().map(|key| table.find(key)).collect()
}

fn known_of(found: &Found) -> Known {
    match found {
        Found::Slot(slot) => slot.known(),
        Found::Nothing | Found::Damaged => Known::default(),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!(
        "the store of durations {what}; `bg-run history --clear` begins a new one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        Key {
            repository: 1,
            level: 2,
            hash: number,
            text: String::new(),
        }
    }

    #[test]
    fn at_the_bound_the_oldest_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::in_folder(folder.path()).unwrap();
        store.most_pages = 8;
        let observation = Observation {
            seconds: 1.0,
            at_least: false,
        };
        for number in 0..1000_u32 {
            // One that is used again and again stays.
            let keys = [key(u64::from(number)), key(0)];
            store.record(&keys, observation, number).unwrap();
        }
        let keys = store.check().unwrap().unwrap();
        assert!((150..=168).contains(&keys), "{keys}");
        let newest: Vec<Key> = (920..1000).map(key).collect();
        let known = store.known(&newest).unwrap();
        assert!(known.iter().all(|known| known.runs == 1));
        assert_eq!(store.known(&[key(0)]).unwrap()[0].runs, 1001);
        let rows = store.rows(None).unwrap();
        assert!(rows.iter().all(|row| row.last > 700), "{rows:?}");
    }
}
