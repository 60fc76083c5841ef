//! Free space on disks.

use std::path::Path;

/// Minimum free space in bytes of a disk that isn't full. Programs fail before the last block is taken.
const MIN_FREE: u64 = 1024 * 1024;

/// Free space in bytes below which a large disk is nearly full.
const SCARCE: u64 = 1_000_000_000;

/// Divisor of a small disk's size: below this part of it, the disk is nearly full.
const SCARCE_PART: u64 = 10;

/// The space on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Space that this user can still use, in bytes.
    pub free: u64,
    /// Size of the disk, in bytes.
    pub whole: u64,
}

impl DiskSpace {
    /// Whether little space is left: less than 1 GB, and on a disk below 10 GB less than a tenth.
    pub fn is_scarce(&self) -> bool {
        self.free < SCARCE.min(self.whole / SCARCE_PART)
    }
}

/// Returns the space on the disk of `path`; `None` if the system doesn't report it.
pub fn space(path: &Path) -> Option<DiskSpace> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(DiskSpace {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        whole: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}

/// Whether the disk of `path` is full for this user; `false` if the system doesn't report it.
pub fn is_full(path: &Path) -> bool {
    space(path).is_some_and(|space| space.whole > 0 && space.free < MIN_FREE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_a_gigabyte_or_a_tenth() {
        const GB: u64 = 1_000_000_000;
        for (free, whole, expected) in [
            (GB - 1, 4000 * GB, true),
            (GB, 4000 * GB, false),
            (GB / 2, 10 * GB, true),
            (GB / 2, GB, false),
            (GB / 20, GB, true),
            // A file system without numbers.
            (0, 0, false),
        ] {
            assert_eq!(
                DiskSpace { free, whole }.is_scarce(),
                expected,
                "{free} of {whole}"
            );
        }
    }
}
