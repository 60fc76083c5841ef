//! The client's time-outs for calls.

use crate::environment;

/// Time-out in milliseconds of a call that names none, if `BASH_DEFAULT_TIMEOUT_MS` isn't set (measured, 2.1.331).
const DEFAULT_TIMEOUT: u64 = 120_000;

/// Longest time-out in milliseconds in the foreground, if `BASH_MAX_TIMEOUT_MS` isn't set (read in the code of 2.1.200
/// and 2.1.332).
const MAX_TIMEOUT: u64 = 600_000;

/// Longest time-out in milliseconds in the background that every client accepts. A background task with a foreground
/// time-out would end early (measured, 2.1.260 and later).
pub const MAX_IN_BACKGROUND: u64 = 7_200_000;

/// Returns the time-out in milliseconds of a foreground call that asks for `asked`.
pub fn in_foreground(asked: Option<u64>) -> u64 {
    let default = environment::bash_default_timeout_ms().unwrap_or(DEFAULT_TIMEOUT);
    let longest = environment::bash_max_timeout_ms().unwrap_or(MAX_TIMEOUT);
    bounded(asked, default, longest)
}

fn bounded(asked: Option<u64>, default: u64, longest: u64) -> u64 {
    let asked = asked.filter(|asked| *asked > 0).unwrap_or(default);
    asked.min(longest.max(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_gets_its_time_out_within_limits() {
        for (asked, default, longest, expected) in [
            (None, DEFAULT_TIMEOUT, MAX_TIMEOUT, 120_000),
            (Some(0), DEFAULT_TIMEOUT, MAX_TIMEOUT, 120_000),
            (Some(5_000), DEFAULT_TIMEOUT, MAX_TIMEOUT, 5_000),
            (Some(7_200_000), DEFAULT_TIMEOUT, MAX_TIMEOUT, 600_000),
            (Some(7_200_000), DEFAULT_TIMEOUT, 9_000_000, 7_200_000),
            (None, 900_000, MAX_TIMEOUT, 900_000),
        ] {
            assert_eq!(bounded(asked, default, longest), expected, "{asked:?}");
        }
    }
}
