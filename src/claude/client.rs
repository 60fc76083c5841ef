//! The client's program: its location, its version, and the abilities of each version.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{environment, folders, programs};

/// A version of the client, such as `2.1.331`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// The first version that applies a rewrite which doesn't approve the call (measured).
    pub const SUPPORTS_REWRITES: Self = Self([2, 1, 20]);
    /// The first version that moves a call which runs longer than `CLAUDE_CODE_AUTO_BACKGROUND_TIMEOUT_MS` (measured).
    pub const SUPPORTS_LIMIT: Self = Self([2, 1, 200]);
    /// The first version that stops background tasks when memory is short (read in its code).
    pub const STOPS_TASKS_FOR_MEMORY: Self = Self([2, 1, 193]);
    /// The first version that skips only the malformed hook; older ones run no hook of its file (measured: 2.1.20,
    /// 2.1.90 and 2.1.200 against 2.1.260 to 2.1.332).
    pub const SKIPS_MALFORMED_HOOKS: Self = Self([2, 1, 260]);
    /// The versions that often run no `SessionEnd` hook after a SIGHUP or SIGTERM to their process alone, and rarely none
    /// after a SIGHUP to their shell (measured with 2.1.239 to 2.1.241, 2.1.245, 2.1.260, 2.1.286, 2.1.292, 2.1.296 and
    /// 2.1.299; 2.1.200, 2.1.231, 2.1.238, 2.1.300 and 2.1.332 run it).
    pub const OMIT_SESSION_END: RangeInclusive<Self> = Self([2, 1, 239])..=Self([2, 1, 299]);
    /// The first version that loads a hooks module from the skills folder (measured; 2.1.285 doesn't).
    pub const SUPPORTS_VIEW: Self = Self([2, 1, 286]);
    /// The first version in which `claude -p` is known to wait for moved calls (measured; 2.1.260 doesn't).
    pub const WAITS_HEADLESS: Self = Self([2, 1, 330]);

    /// Parses the version at the start of `text`: `2.1.331 (Claude Code)`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        // A pre-release such as `2.1.400-beta.1` counts as its version.
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

/// Time limit for the client to print its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);

/// Finds the client's program: on the `PATH`, otherwise where its own installer puts it.
pub fn program() -> Option<PathBuf> {
    let home = || Some(environment::home_dir()?.join(".local/bin/claude"));
    let local = || Some(folders::claude_dir()?.join("local/claude"));
    let elsewhere = [home(), local()].into_iter().flatten();
    programs::find("claude").or_else(|| {
        let mut elsewhere = elsewhere;
        elsewhere.find(|path| programs::is_executable(path))
    })
}

/// Returns the version of the client at `program`.
///
/// # Errors
///
/// Fails if the program can't be started, doesn't answer, or prints something else.
pub fn version_of(program: &Path) -> Result<Version, String> {
    let said = programs::output_of(&duct::cmd!(program, "--version"), VERSION_TIMEOUT)?;
    Version::parse(&said).ok_or_else(|| format!("it prints no version, but {:?}", said.trim()))
}

/// Returns the reason why the client at `program` refuses the plugin in `folder`. A session doesn't show this reason.
pub fn plugin_fault(program: &Path, folder: &Path) -> Option<String> {
    let check = duct::cmd!(program, "plugin", "validate", folder);
    programs::output_of(&check, VERSION_TIMEOUT).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let of = |text: &str| Version::parse(text);
        assert_eq!(of("2.1.331 (Claude Code)\n"), Some(Version([2, 1, 331])));
        assert_eq!(of("2.1.20-beta.3"), Some(Version::SUPPORTS_REWRITES));
        for odd in ["", "claude", "2.1", "2.x.1"] {
            assert_eq!(of(odd), None, "{odd}");
        }
        assert!(of("2.0.76") < Some(Version::SUPPORTS_REWRITES));
        assert!(of("2.1.150") < Some(Version::SUPPORTS_LIMIT));
    }
}
