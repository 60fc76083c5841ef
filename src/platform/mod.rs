//! All that differs from one operating system to the next, as functions whose names say what they do.
//!
//! Another system is another file beside those of [`processes`], and a branch in the other files. `build.rs` names the
//! system that a build is for: `system = "linux"`, `"macos"`, or `"portable"`, which uses neither system's own ways.

pub mod detach;
pub mod disk;
pub mod files;
pub mod lock;
pub mod peer;
pub mod processes;
pub mod watch;

/// The system that this build is for, as `doctor` and tests name it.
pub const SYSTEM: &str = if cfg!(system = "linux") {
    "linux"
} else if cfg!(system = "macos") {
    "macos"
} else {
    "portable"
};
