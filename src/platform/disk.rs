//! How much room a disk has left.

use std::path::Path;

/// A disk with less room than this counts as full, in bytes: programs fail before the last block is taken.
const LEAST: u64 = 1024 * 1024;

/// Whether the disk that holds `path` is full for this user. One that can't be asked isn't.
pub fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|disk| {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        disk.f_blocks > 0 && free < LEAST
    })
}
