//! Reads regular files without ever waiting for a FIFO, a device or a terminal.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use super::files;

/// Reads a regular file of at most `limit` bytes as text, without blocking. A FIFO, device or terminal is refused.
///
/// # Errors
///
/// Fails if there is none, or it is of another kind, larger, or not UTF-8.
pub fn read(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read_bytes(path, limit)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Whether the error says that there is no such file.
pub fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Reads a regular file of at most `limit` bytes, without blocking.
///
/// # Errors
///
/// Fails if there is none, or it is of another kind or larger (`FileTooLarge`).
pub fn read_bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let why = format!("it is larger than {} KiB", limit / 1024);
        io::Error::new(io::ErrorKind::FileTooLarge, why)
    };
    let (file, metadata) = open(path)?;
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // The file may grow meanwhile.
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Opens a regular file for reading, and returns its metadata.
///
/// # Errors
///
/// Fails if there is none, or it is of another kind.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let refuse = |metadata: &Metadata| {
        let is_file = metadata.is_file();
        is_file
            .then_some(())
            .ok_or_else(|| io::Error::other("it is not a regular file"))
    };
    // Check the name first, because merely opening a FIFO or a terminal has effects.
    refuse(&fs::metadata(path)?)?;
    let file = files::open_for_reading_through_links(path)?;
    let metadata = file.metadata()?;
    refuse(&metadata)?;
    Ok((file, metadata))
}
