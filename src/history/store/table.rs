//! The table in the file: a page that says what it is, then pages of 21 slots, as many as the file is long.
//!
//! A key lies in one of two pages, which its hash names (linear hashing, two choices). The table grows by a page at a
//! time, appended: the page that it is split off stays as it is, and what in it is elsewhere now counts as free. So
//! nothing is ever copied as a whole, no step leaves a table that can't be read, and the number of pages is the length.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::entry::{Key, Observation};
use super::slot::{SIZE, Slot, State, is_of, places};

pub(super) const PAGE: usize = 4096;
const SLOTS: usize = PAGE / SIZE;

/// From so many used slots in the emptier of a new key's pages on, the table grows by a page.
const FULL: usize = 15;

/// With fewer, the first of the two is taken: who looks for the key reads one page less.
const FIRST: usize = 12;

/// So often it grows for one key at most; each step helps a key whose pages are full with some luck only.
const MAX_STEPS: usize = 16;

/// The first page begins with this.
const HEADER: &[u8; 64] = b"bg-run history, version 1\ndurations of commands, not a text    \n";

pub(super) struct Table<'a> {
    file: &'a File,
    pages: u64,
}

struct Page {
    bytes: [u8; PAGE],
}

pub(super) enum Found {
    Slot(Slot),
    Nothing,
    /// Nothing that can be relied on: somebody writes there just now, or it is spoilt.
    Damaged,
}

/// Where a slot lies: the page, and the number in it.
type Place = (u64, usize);

impl Page {
    fn slot(&self, index: usize) -> Slot {
        let bytes = self.bytes[index * SIZE..][..SIZE].try_into();
        bytes.map_or(Slot::EMPTY, Slot)
    }

    fn slots(&self) -> impl Iterator<Item = (usize, Slot)> + '_ {
        (0..SLOTS).map(|index| (index, self.slot(index)))
    }

    /// The key's slot; a damaged one only where there is no other.
    fn find(&self, key: &Key) -> Option<(usize, Slot)> {
        let (slots, _) = self.bytes.as_chunks();
        let of_key = slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| is_of(slot, key));
        let mut of_key = of_key.map(|(index, slot)| (index, Slot(*slot)));
        let first = of_key.next()?;
        if first.1.state() == State::Used {
            return Some(first);
        }
        let used = of_key.find(|(_, slot)| slot.state() == State::Used);
        Some(used.unwrap_or(first))
    }
}

/// What is wrong with the first page; `None` if nothing is, `Some("")` where it is only not written yet.
pub(super) fn fault(file: &File) -> io::Result<Option<&'static str>> {
    let mut start = [0; HEADER.len()];
    let length = read(file, &mut start, 0)?;
    Ok(if start == *HEADER {
        None
    } else if start[..length] == HEADER[..length] && length < HEADER.len() {
        Some("")
    } else if start.starts_with(b"bg-run history, version ") {
        Some("it is another version's")
    } else {
        Some("it doesn't begin as one")
    })
}

/// Writes the first page, and one that is empty.
pub(super) fn make(file: &File) -> io::Result<()> {
    let mut bytes = [0; 2 * PAGE];
    bytes[..HEADER.len()].copy_from_slice(HEADER);
    file.write_all_at(&bytes, 0)
}

/// When an observation was made, and what that means.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Seconds since 1970.
    pub(super) now: u32,
    /// So many pages at most.
    pub(super) most: u64,
    /// What isn't newer than what is known is passed over.
    pub(super) only_newer: bool,
    /// Of which call; 0: of none.
    pub(super) call: u32,
}

impl<'a> Table<'a> {
    pub(super) fn of(file: &'a File) -> io::Result<Self> {
        let pages = file.metadata()?.len() / PAGE as u64;
        Ok(Self {
            file,
            pages: pages.saturating_sub(1),
        })
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    pub(super) fn find(&self, key: &Key) -> io::Result<Found> {
        let mut found = Found::Nothing;
        for page in self.pages_of(places(key.repository, key.level, key.hash)) {
            match self.read(page)?.find(key) {
                Some((_, slot)) if slot.state() == State::Used => return Ok(Found::Slot(slot)),
                Some(_) => found = Found::Damaged,
                None => {}
            }
        }
        Ok(found)
    }

    /// Adds an observation; at most `most` pages are made.
    pub(super) fn record(
        &mut self,
        key: &Key,
        observation: Observation,
        Moment {
            now,
            most,
            only_newer,
            call,
        }: Moment,
    ) -> io::Result<()> {
        let of_key = places(key.repository, key.level, key.hash);
        let mut pages = self.read_both(of_key)?;
        for (number, page) in &pages {
            if let Some((index, mut slot)) = page.find(key)
                && slot.state() == State::Used
            {
                if slot.is_of(call) || only_newer && now <= slot.last() {
                    return Ok(());
                }
                slot.add(observation, now, call);
                return self.write((*number, index), &slot);
            }
        }
        let mut slot = Slot::new(key);
        slot.add(observation, now, call);
        for step in 0.. {
            if step > 0 {
                pages = self.read_both(of_key)?;
            }
            let room = self.room(&pages);
            let may_grow = self.pages < most && step < MAX_STEPS;
            match room {
                Room::Free(place, used) if used < FULL || step > 0 || !may_grow => {
                    return self.write(place, &slot);
                }
                Room::Oldest(place) if !may_grow => return self.write(place, &slot),
                // On a full disk there may be a place yet.
                Room::Free(place, _) if self.grow().is_err() => return self.write(place, &slot),
                Room::Free(..) => {}
                Room::Oldest(_) => self.grow()?,
            }
        }
        Ok(())
    }

    /// A place in the first page where few are used there, else in the emptier one.
    fn room(&self, pages: &[(u64, Page); 2]) -> Room {
        let mut free: Option<(Place, usize)> = None;
        let mut oldest: Option<(Place, u32)> = None;
        for &(number, ref page) in pages {
            let (mut used, mut first) = (0, None);
            for (index, slot) in page.slots() {
                if self.belongs(&slot, number) {
                    used += 1;
                    if oldest.is_none_or(|(_, last)| slot.last() < last) {
                        oldest = Some(((number, index), slot.last()));
                    }
                } else {
                    first = first.or(Some(index));
                }
            }
            if let Some(index) = first
                && free.is_none_or(|(_, least)| used < least && least >= FIRST)
            {
                free = Some(((number, index), used));
            }
        }
        match (free, oldest) {
            (Some((place, used)), _) => Room::Free(place, used),
            (None, Some((place, _))) => Room::Oldest(place),
            (None, None) => Room::Free((0, 0), 0),
        }
    }

    fn read_both(&self, of_key: [u64; 2]) -> io::Result<[(u64, Page); 2]> {
        let [one, other] = self.pages_of(of_key);
        Ok([(one, self.read(one)?), (other, self.read(other)?)])
    }

    /// Appends a page, with what belongs into it by now.
    fn grow(&mut self) -> io::Result<()> {
        let new = self.pages;
        let grown = Table {
            file: self.file,
            pages: new + 1,
        };
        let mut bytes = [0; PAGE];
        if new == 0 {
            // The file was cut off in the first one.
            bytes = self.read(0)?.bytes;
        } else {
            let split = new - (1 << new.ilog2());
            let page = self.read(split)?;
            let moved = page.slots().filter(|(_, slot)| {
                self.belongs(slot, split) && !grown.pages_of(slot.places()).contains(&split)
            });
            for (index, (_, slot)) in moved.enumerate() {
                bytes[index * SIZE..][..SIZE].copy_from_slice(&slot.0);
            }
        }
        self.file.write_all_at(&bytes, start_of(new))?;
        self.pages = grown.pages;
        Ok(())
    }

    /// Whether a slot that lies in this page counts there.
    fn belongs(&self, slot: &Slot, page: u64) -> bool {
        slot.state() == State::Used && self.pages_of(slot.places()).contains(&page)
    }

    fn pages_of(&self, of_key: [u64; 2]) -> [u64; 2] {
        of_key.map(|place| {
            let pages = self.pages.max(1);
            let half = 1 << pages.ilog2();
            let page = place & (2 * half - 1);
            if page < pages {
                page
            } else {
                page & (half - 1)
            }
        })
    }

    /// The used slots of a page, and how many are damaged. Those that lie elsewhere by now are among them.
    pub(super) fn slots_of(&self, number: u64) -> io::Result<(Vec<Used>, usize)> {
        let page = self.read(number)?;
        let used = page.slots().filter(|(_, slot)| slot.state() == State::Used);
        let used = used.map(|(index, slot)| Used {
            place: (number, index),
            counts: self.belongs(&slot, number),
            slot,
        });
        let damaged = page
            .slots()
            .filter(|(_, slot)| slot.state() == State::Damaged)
            .count();
        Ok((used.collect(), damaged))
    }

    pub(super) fn wipe(&self, place: Place) -> io::Result<()> {
        self.write(place, &Slot::EMPTY)
    }

    fn read(&self, number: u64) -> io::Result<Page> {
        let mut page = Page { bytes: [0; PAGE] };
        read(self.file, &mut page.bytes, start_of(number))?;
        Ok(page)
    }

    fn write(&self, (page, index): Place, slot: &Slot) -> io::Result<()> {
        let at = start_of(page) + (index * SIZE) as u64;
        self.file.write_all_at(&slot.0, at)
    }
}

/// A slot of a page.
pub(super) struct Used {
    pub(super) place: Place,
    /// Not where the key is elsewhere by now.
    pub(super) counts: bool,
    pub(super) slot: Slot,
}

enum Room {
    /// A free place, and how many are used in its page.
    Free(Place, usize),
    /// Both pages are full; what hasn't changed for longest lies here.
    Oldest(Place),
}

fn start_of(page: u64) -> u64 {
    (page + 1) * PAGE as u64
}

/// What is there; a file may end in between.
fn read(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], at + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
