//! A measured duration, and how much it says of the next one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::foreground_limit;

/// Longest duration that is kept, in seconds.
const LONGEST: f32 = 7.0 * 24.0 * 3600.0;

/// How a run ended, as far as that bears on its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// With status 0, or unknown.
    #[default]
    Success,
    /// With another status.
    Failure,
    /// Interrupted or killed: it would have run longer.
    CutOff,
    /// As a success, of a call that may have waited for the user's approval: it took this long at most.
    AtMost,
}

/// The duration of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Duration in seconds.
    pub seconds: f32,
    /// How it ended.
    pub end: RunEnd,
}

impl Observation {
    /// A run that ended well.
    pub fn success(seconds: f32) -> Self {
        let end = RunEnd::Success;
        Self { seconds, end }
    }

    /// Whether it reached the limit.
    pub fn is_long(self) -> bool {
        foreground_limit::is_long(self.seconds)
    }

    /// How much it says of the next run, from 0 to 1. A crash at the start says little of a run that gets further, and
    /// an interrupted run nothing; a run that reached the limit was long however it ended.
    pub fn weight(self) -> f64 {
        match self.end {
            _ if self.is_long() => 1.0,
            RunEnd::Success | RunEnd::AtMost => 1.0,
            RunEnd::Failure => 0.25,
            RunEnd::CutOff => 0.0,
        }
    }

    /// The same with a duration that is possible.
    pub(super) fn clamped(self) -> Self {
        let seconds = if self.seconds.is_nan() {
            0.0
        } else {
            self.seconds.clamp(0.0, LONGEST)
        };
        Self { seconds, ..self }
    }
}

impl fmt::Display for Observation {
    /// `2.1 s`, `at most 16 s`, `0.9 s (failed)`; a long one counts whole however it ended.
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

/// `2.1 s`, `140 s`, `95 min`.
fn duration(seconds: f32) -> String {
    match seconds {
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 600.0 => format!("{seconds:.0} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

/// What is known of a kind of call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastRuns {
    /// The newest first, at most 8.
    pub observations: Vec<Observation>,
    /// Number of recorded runs.
    pub runs: u32,
}

impl PastRuns {
    /// Whether it is known to run for longer than `seconds` and not to end by itself: two runs at least, and all long ones,
    /// were cut off, and two after that time.
    pub fn outlasts(&self, seconds: f32) -> bool {
        let long = || self.observations.iter().filter(|seen| seen.is_long());
        let was_cut = |seen: &&Observation| seen.end == RunEnd::CutOff;
        let outlasting = long().filter(|seen| seen.seconds >= seconds).count();
        long().all(|seen| was_cut(&seen)) && outlasting >= 2
    }
}
