//! A folder of bg-run, accessed through its descriptor. Links aren't followed, and files of others stay untouched.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, Stat, fstat, mkdirat, readlinkat, renameat, statat, symlinkat,
    unlinkat,
};
use rustix::io::Errno;

use super::kind::{self, Kind};
use super::name::is_id;
use crate::platform::{files, lock};

/// Maximum size in bytes of a file that is read.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// Maximum number of entries that are examined when a folder is cleared.
const MAX_CLEARED: usize = 5000;

/// Interval between two clearings.
const CLEARING_INTERVAL: Duration = Duration::from_hours(24);

/// Returns the name of the file whose time records a folder's last clearing.
fn cleared_note(kind: Kind) -> String {
    format!(".cleared-{}", kind.name())
}

/// Removes the files that record the last clearings.
pub(super) fn remove_cleared_notes(base: &OwnedFd) {
    for kind in Kind::ALL {
        let _ = unlinkat(base, cleared_note(kind), AtFlags::empty());
    }
}

/// An open folder that belongs to this user.
#[derive(Debug)]
pub struct Folder {
    pub(super) fd: OwnedFd,
    kind: Kind,
}

impl Folder {
    /// Opens the folder of this kind.
    ///
    /// # Errors
    ///
    /// Fails if it doesn't exist, is a link, or belongs to somebody else.
    pub fn open(kind: Kind) -> io::Result<Self> {
        let base = open_base(false)?;
        owned_folder(files::folder_in(&base, kind.name())?, kind)
    }

    /// Opens the folder of this kind, creating it if missing.
    ///
    /// # Errors
    ///
    /// Fails if it can't be created, is a link, or belongs to somebody else.
    pub fn make(kind: Kind) -> io::Result<Self> {
        // Another process may remove an empty folder in between.
        let mut result = Err(io::ErrorKind::NotFound.into());
        for _ in 0..10 {
            result = open_base(true).and_then(|base| {
                make_in(&base, kind.name())?;
                owned_folder(files::folder_in(&base, kind.name())?, kind)
            });
            match &result {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => break,
            }
        }
        result
    }

    /// Opens the folder `name` inside, creating it if missing.
    ///
    /// # Errors
    ///
    /// Fails if the folder can't be created or opened.
    pub fn make_inner(&self, name: &str) -> io::Result<Self> {
        make_in(&self.fd, name)?;
        owned_folder(files::folder_in(&self.fd, name)?, self.kind)
    }

    /// Opens the regular file `name` for reading.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or it isn't regular.
    pub fn file(&self, name: &str) -> io::Result<File> {
        files::open_for_reading(&self.fd, name)
    }

    /// Reads the file `name`, at most 16 MiB of it.
    ///
    /// # Errors
    ///
    /// Fails if it isn't a regular file, or can't be read.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.file(name)?;
        let size = file.metadata()?.len().min(MAX_SIZE);
        let mut text = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.take(MAX_SIZE).read_to_end(&mut text)?;
        Ok(text)
    }

    /// Creates the file `name`.
    ///
    /// # Errors
    ///
    /// Fails if it exists or can't be created.
    pub fn create(&self, name: &str, text: &[u8]) -> io::Result<()> {
        files::new(&self.fd, name)?.write_all(text)
    }

    /// Claims `name` among those of this kind by creating a file with this text; `false` if it was already claimed.
    ///
    /// # Errors
    ///
    /// Fails if no file can be created, so that claims are impossible.
    pub fn claim(kind: Kind, name: &str, text: &[u8]) -> io::Result<bool> {
        let folder = Self::make(kind)?;
        folder.clear_daily();
        match folder.create(name, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            created => created.map(|()| true),
        }
    }

    /// Whether a process has claimed `name`.
    pub fn is_claimed(kind: Kind, name: &str) -> bool {
        Self::open(kind).is_ok_and(|folder| folder.file(name).is_ok())
    }

    /// Replaces the file `name` atomically.
    ///
    /// # Errors
    ///
    /// Fails if it can't be written.
    pub fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        put(&self.fd, name, |part| {
            let mut file = files::open_for_writing(&self.fd, part)?;
            parts.iter().try_for_each(|text| file.write_all(text))
        })
    }

    /// Creates or replaces the link `name` to `target`.
    ///
    /// # Errors
    ///
    /// Fails if it can't be created.
    pub fn link(&self, name: &str, target: &Path) -> io::Result<()> {
        let is_there = readlinkat(&self.fd, name, Vec::new())
            .is_ok_and(|there| there.as_bytes() == target.as_os_str().as_encoded_bytes());
        if is_there {
            return Ok(());
        }
        put(&self.fd, name, |part| {
            Ok(symlinkat(target, &self.fd, part)?)
        })
    }

    /// Removes the file `name`. Errors are ignored.
    pub fn remove(&self, name: &str) {
        let _ = unlinkat(&self.fd, name, AtFlags::empty());
    }

    /// Removes the file `name` and returns whether this process removed it.
    pub fn take(&self, name: &str) -> bool {
        unlinkat(&self.fd, name, AtFlags::empty()).is_ok()
    }

    /// Takes the folder's lock, waiting for at most `wait`. It lasts until the file and the folder are dropped.
    ///
    /// # Errors
    ///
    /// Fails if another process holds the lock all that time, or the file system has none.
    pub fn lock(&self, wait: Duration) -> io::Result<File> {
        let file = File::from(self.fd.try_clone()?);
        lock::take_within(&file, wait)?;
        Ok(file)
    }

    /// Returns the names of at most this many entries.
    pub fn names(&self, at_most: usize) -> Vec<String> {
        let Ok(entries) = Dir::read_from(&self.fd) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned()))
            .filter(|name| name != "." && name != "..")
            .take(at_most)
            .collect()
    }

    /// Removes files that exceed their kind's maximum age, at most once a day, so that the size of the folder doesn't
    /// matter.
    pub fn clear_daily(&self) {
        if let Some(kept) = self.kind.max_age() {
            self.clear_daily_after(kept);
        }
    }

    /// Removes files older than `kept`, at most once a day.
    pub fn clear_daily_after(&self, kept: Duration) {
        let Ok(base) = files::folder_in(&self.fd, "..") else {
            return;
        };
        let note = cleared_note(self.kind);
        let now = SystemTime::now();
        let last = statat(&base, &note, AtFlags::SYMLINK_NOFOLLOW).ok();
        let last = last.as_ref().and_then(changed);
        let due = last.is_none_or(|last| {
            now.duration_since(last)
                .is_ok_and(|since| since > CLEARING_INTERVAL)
        });
        if due {
            self.clear(self.kind, kept);
            let _ = files::open_unchanged(&base, &note).map(|file| file.set_modified(now));
        }
    }

    /// Removes files of bg-run that haven't changed for `age`, and links whose file is gone. In `Opened`, also clears each
    /// session's folder, and removes it if it becomes empty.
    pub(super) fn clear(&self, kind: Kind, age: Duration) {
        for name in self.names(MAX_CLEARED) {
            let is_folder = statat(&self.fd, &name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir());
            if is_folder && kind == Kind::Opened && is_id(&name) {
                if let Ok(fd) = files::folder_in(&self.fd, &name)
                    && let Ok(inner) = owned_folder(fd, kind)
                {
                    inner.clear_files(age);
                }
                // This fails unless the folder is empty.
                let _ = unlinkat(&self.fd, &name, AtFlags::REMOVEDIR);
            }
        }
        self.clear_files(age);
    }

    fn clear_files(&self, age: Duration) {
        let names = self.names(MAX_CLEARED);
        for name in &names {
            // A killed process's unfinished replacement has the file's name with a number appended.
            let whole = name.rsplit_once('.').filter(|(_, pid)| {
                !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
            });
            let is_ours =
                self.kind.owns(name) || whole.is_some_and(|(whole, _)| self.kind.owns(whole));
            if is_ours && self.is_older(name, FileType::RegularFile, age) {
                self.remove(name);
            }
        }
        // A link is kept as long as its file.
        for name in &names {
            let owner = self.kind.owner_of_link(name);
            if owner.is_some_and(|owner| self.file(&owner).is_err())
                && self.is_older(name, FileType::Symlink, Duration::ZERO)
            {
                self.remove(name);
            }
        }
    }

    /// Whether the entry `name` is of this type and hasn't changed for `age`.
    fn is_older(&self, name: &str, kind: FileType, age: Duration) -> bool {
        let Ok(stat) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return false;
        };
        let is_old = || {
            changed(&stat).is_some_and(|changed| changed.elapsed().is_ok_and(|since| since >= age))
        };
        FileType::from_raw_mode(stat.st_mode) == kind && (age.is_zero() || is_old())
    }
}

fn changed(stat: &Stat) -> Option<SystemTime> {
    let seconds = u64::try_from(stat.st_mtime).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Writes a file beside the folders atomically, unless it already has this text.
pub(super) fn write_beside(name: &str, text: &[u8]) -> io::Result<()> {
    let base = open_base(true)?;
    if let Ok(there) = files::open_for_reading(&base, name) {
        let mut known = Vec::new();
        there.take(MAX_SIZE).read_to_end(&mut known)?;
        if known == text {
            return Ok(());
        }
    }
    put(&base, name, |part| {
        files::open_for_writing(&base, part)?.write_all(text)
    })
}

/// Creates or atomically replaces the entry `name` in a folder. `make` creates it under the name that it gets.
fn put(folder: &OwnedFd, name: &str, make: impl FnOnce(&str) -> io::Result<()>) -> io::Result<()> {
    let part = format!("{name}.{}", std::process::id());
    let done = make(&part).and_then(|()| Ok(renameat(folder, &part, folder, name)?));
    if done.is_err() {
        let _ = unlinkat(folder, &part, AtFlags::empty());
    }
    done
}

/// Opens bg-run's own folder. It may be behind a link, which the user chose.
pub(super) fn open_base(make: bool) -> io::Result<OwnedFd> {
    let dir = kind::dir().ok_or_else(|| io::Error::other("there is no home folder"))?;
    if make {
        crate::folders::make_own(&dir, 0o700)?;
    }
    let fd = files::folder_through_links(&dir)?;
    let stat = check_owner(&fd, &dir)?;
    if make {
        make_private(&fd, &stat)?;
    }
    Ok(fd)
}

/// Removes other users' access, which an older version allowed.
fn make_private(fd: &OwnedFd, stat: &Stat) -> io::Result<()> {
    if stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(fd, Mode::RWXU)?;
    }
    Ok(())
}

fn make_in(parent: &impl AsFd, name: &str) -> io::Result<()> {
    match mkdirat(parent, name, Mode::RWXU) {
        Err(Errno::EXIST) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn owned_folder(fd: OwnedFd, kind: Kind) -> io::Result<Folder> {
    let stat = check_owner(&fd, Path::new(kind.name()))?;
    make_private(&fd, &stat)?;
    Ok(Folder { fd, kind })
}

fn check_owner(fd: &OwnedFd, shown: &Path) -> io::Result<Stat> {
    let stat = fstat(fd)?;
    if stat.st_uid == rustix::process::geteuid().as_raw() {
        Ok(stat)
    } else {
        let name = OsStr::to_string_lossy(shown.as_os_str()).into_owned();
        Err(io::Error::other(format!("{name} belongs to another user")))
    }
}
