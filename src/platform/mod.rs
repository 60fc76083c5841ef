//! Differences between operating systems, hidden behind functions.
//!
//! Another system needs another file beside those of [`processes`], and a branch in the other files. `build.rs` names
//! the system of a build: `system = "linux"`, `"macos"`, or `"portable"`, which uses no system's own interfaces.

pub mod detach;
pub mod disk;
pub mod files;
pub mod lock;
pub mod peer;
pub mod processes;
pub mod regular_file;
pub mod watch;

/// The system of this build, as `doctor` and tests name it.
pub const SYSTEM: &str = if cfg!(system = "linux") {
    "linux"
} else if cfg!(system = "macos") {
    "macos"
} else {
    "portable"
};
