//! What goes into the store and what comes out.

use serde::{Deserialize, Serialize};

/// What a duration is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The repository, hashed.
    pub repository: u64,
    /// How coarse the text is.
    pub level: u8,
    /// Of the whole text.
    pub hash: u64,
    /// What may be kept in clear, for people to read; only its first 124 bytes are.
    pub text: String,
}

/// How long a command took once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// So long.
    pub seconds: f32,
    /// It may have been longer: it was killed then.
    pub at_least: bool,
}

/// What is known of a key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The newest first, at most 8.
    pub observations: Vec<Observation>,
    /// So often it was recorded at all.
    pub runs: u32,
}

/// A key, as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As in [`Key`].
    pub repository: u64,
    /// As in [`Key`].
    pub level: u8,
    /// As in [`Key`], as far as it was kept.
    pub text: String,
    /// So often it was recorded.
    pub runs: u32,
    /// The last time, in seconds since 1970.
    pub last: u32,
    /// The newest first, at most 8.
    pub observations: Vec<Observation>,
}
