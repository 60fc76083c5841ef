//! The client's program: where it is, its version, and what a version can do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::BaseDirs;

use crate::{folders, programs};

/// A version of the client, as `2.1.331`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// The first that applies a rewrite which doesn't approve the call (measured).
    pub const REWRITES: Self = Self([2, 1, 20]);
    /// The first that moves what runs longer than `CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS` (measured).
    pub const HAS_LIMIT: Self = Self([2, 1, 200]);
    /// The first that stops background tasks when memory is short (read).
    pub const REAPS: Self = Self([2, 1, 193]);
    /// The first that leaves a malformed hook out; older ones run no hook of its file (measured: 2.1.20, 2.1.90 and
    /// 2.1.200 against 2.1.260 to 2.1.332).
    pub const SKIPS_MALFORMED_HOOKS: Self = Self([2, 1, 260]);
    /// The first that loads a hooks module from the skills folder (measured; 2.1.285 doesn't).
    pub const DRAWS: Self = Self([2, 1, 286]);
    /// The first of which it is known that `claude -p` waits for what was moved (measured; 2.1.260 doesn't).
    pub const WAITS: Self = Self([2, 1, 330]);

    /// The one that `text` begins with: `2.1.331 (Claude Code)`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        // `2.1.400-beta.1` is nearly that version.
        let mut parts = word.split(['-', '+']).next()?.split('.').map(str::parse);
        let mut part = || parts.next()?.ok();
        Some(Self([part()?, part()?, part()?]))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// How long the client may take to say its version.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The client's program: on the `PATH`, else where its own installer puts it.
pub fn program() -> Option<PathBuf> {
    let home = || Some(BaseDirs::new()?.home_dir().join(".local/bin/claude"));
    let local = || Some(folders::claude_dir()?.join("local/claude"));
    let elsewhere = [home(), local()].into_iter().flatten();
    programs::find("claude").or_else(|| {
        let mut elsewhere = elsewhere;
        elsewhere.find(|path| programs::is_executable(path))
    })
}

/// The version of the client at `program`.
///
/// # Errors
///
/// When it can't be started, doesn't answer, or says something else.
pub fn version_of(program: &Path) -> Result<Version, String> {
    let said = programs::ask(&duct::cmd!(program, "--version"), ANSWERS_WITHIN)?;
    Version::parse(&said).ok_or_else(|| format!("it calls its version {:?}", said.trim()))
}

/// Why the client at `program` would refuse the plugin in `folder`, which a session doesn't tell.
pub fn refuses(program: &Path, folder: &Path) -> Option<String> {
    let check = duct::cmd!(program, "plugin", "validate", folder);
    programs::ask(&check, ANSWERS_WITHIN).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let of = |text: &str| Version::parse(text);
        assert_eq!(of("2.1.331 (Claude Code)\n"), Some(Version([2, 1, 331])));
        assert_eq!(of("2.1.20-beta.3"), Some(Version::REWRITES));
        for odd in ["", "claude", "2.1", "2.x.1"] {
            assert_eq!(of(odd), None, "{odd}");
        }
        assert!(of("2.0.76") < Some(Version::REWRITES));
        assert!(of("2.1.150") < Some(Version::HAS_LIMIT));
    }
}
