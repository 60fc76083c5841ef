//! The file that holds the store, open.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::lock::Lock;
use super::table;
use crate::state::{Folder, HISTORY, HISTORY_DAMAGED, Kind, log};

#[derive(Debug)]
pub(super) enum Place {
    Own,
    At(PathBuf),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) folder: Folder,
    pub(super) file: File,
    pub(super) writable: bool,
}

impl Place {
    /// The folder, if it is there.
    pub(super) fn folder(&self) -> io::Result<Folder> {
        match self {
            Self::At(path) => Folder::open_at(path, Kind::History),
            Self::Own => Folder::open(Kind::History),
        }
    }

    /// The same, made where it isn't there yet: to try to make it costs more than to open it.
    pub(super) fn folder_to_change(&self) -> io::Result<Folder> {
        match (absent(self.folder())?, self) {
            (Some(folder), _) => Ok(folder),
            (None, Self::At(path)) => Folder::at(path, Kind::History),
            (None, Self::Own) => Folder::make(Kind::History),
        }
    }
}

impl Open {
    pub(super) fn is_current(&self) -> io::Result<bool> {
        self.folder.still_is(HISTORY, &self.file)
    }

    /// Gives a file that isn't a store another name, and says so once.
    pub(super) fn set_aside(&self) -> io::Result<()> {
        let _lock = Lock::exclusive(&self.file)?;
        // Another process was quicker, or has just made it.
        let (true, Some(fault)) = (self.is_current()?, table::fault(&self.file)?) else {
            return Ok(());
        };
        self.folder.rename(HISTORY, HISTORY_DAMAGED)?;
        log::line(&format!(
            "history: the store of durations can't be used: {fault}. It was set aside as {HISTORY_DAMAGED}, and a new \
             one is begun"
        ));
        Ok(())
    }
}

/// What isn't there is no fault.
pub(super) fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
