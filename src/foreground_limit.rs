//! The limit of 30 s for which a call may keep a session waiting.

use std::time::Duration;

/// Default of `install --limit`: Claude Code moves a call to the background after this time. Even without a limit, a
/// call of this duration counts as long.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Whether a call of this duration, in seconds, reaches the limit.
pub fn is_long(seconds: f32) -> bool {
    seconds >= LIMIT.as_secs_f32()
}
