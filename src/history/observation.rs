//! A measured duration, and its weight for the next forecast.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::foreground_limit;

/// Maximum duration that is stored, in seconds.
const MAX_SECONDS: f32 = 7.0 * 24.0 * 3600.0;

/// The kind of a run's end, if that affects its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// Status 0 or unknown.
    #[default]
    Success,
    /// Another status.
    Failure,
    /// Interrupted or killed; it would have run longer.
    CutOff,
    /// Successful after a possible wait for the user's approval, so its duration is an upper bound.
    AtMost,
}

/// The duration of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Duration in seconds.
    pub seconds: f32,
    /// The kind of the run's end.
    pub end: RunEnd,
}

impl Observation {
    /// Creates the observation of a successful run.
    pub fn success(seconds: f32) -> Self {
        let end = RunEnd::Success;
        Self { seconds, end }
    }

    /// Whether the run reached the limit.
    pub fn is_long(self) -> bool {
        foreground_limit::is_long(self.seconds)
    }

    /// Returns the weight of the observation for the next forecast, from 0 to 1. A crash at the start has little
    /// weight, and an interrupted run has none. A run that reached the limit was long, however it ended.
    pub fn weight(self) -> f64 {
        match self.end {
            _ if self.is_long() => 1.0,
            RunEnd::Success | RunEnd::AtMost => 1.0,
            RunEnd::Failure => 0.25,
            RunEnd::CutOff => 0.0,
        }
    }

    /// Limits the duration to the possible range.
    pub(super) fn clamped(self) -> Self {
        let seconds = if self.seconds.is_nan() {
            0.0
        } else {
            self.seconds.clamp(0.0, MAX_SECONDS)
        };
        Self { seconds, ..self }
    }
}

impl fmt::Display for Observation {
    /// Formats the observation as `2.1 s`, `at most 16 s` or `0.9 s (failed)`. The end of a long run isn't shown.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = duration(self.seconds);
        match self.end {
            _ if self.is_long() => out.write_str(&shown),
            RunEnd::Success => out.write_str(&shown),
            RunEnd::Failure => write!(out, "{shown} (failed)"),
            RunEnd::CutOff => write!(out, "{shown} (cut off)"),
            RunEnd::AtMost => write!(out, "at most {shown}"),
        }
    }
}

/// Formats a duration: `2.1 s`, `140 s`, `95 min`.
fn duration(seconds: f32) -> String {
    match seconds {
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 600.0 => format!("{seconds:.0} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

/// The past runs of a kind of call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastRuns {
    /// The durations, newest first, at most 8.
    pub observations: Vec<Observation>,
    /// Number of recorded runs.
    pub runs: u32,
}

impl PastRuns {
    /// Whether the command is known to run longer than `seconds` without ending by itself: at least two runs were cut
    /// off after that time, and so were all long ones.
    pub fn outlasts(&self, seconds: f32) -> bool {
        let long = || self.observations.iter().filter(|seen| seen.is_long());
        let was_cut = |seen: &&Observation| seen.end == RunEnd::CutOff;
        let outlasting = long().filter(|seen| seen.seconds >= seconds).count();
        long().all(|seen| was_cut(&seen)) && outlasting >= 2
    }
}
