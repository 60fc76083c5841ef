//! How likely a call is to run long, by what was measured of its kind.

use serde::Serialize;

use super::store::{Known, Observation};

/// A call that takes at least so long should not have been waited for, in seconds.
pub const LONG: f32 = 30.0;

/// From here to there a duration counts as long in part: what took 28 s may take 32 s next time.
const NEARLY: (f32, f32) = (20.0, 45.0);

/// An observation weighs so much less than the next newer one.
const DECAY: f64 = 0.75;

/// What the coarser level says weighs as much as so many observations.
const PRIOR: f64 = 6.0;

/// How many of each rule's calls took 30 s or longer elsewhere: `rule calls long`, made by `scripts/shares`.
const SHARES: &str = include_str!("shares.tsv");

/// The name under which the table has the calls that no rule matches.
pub const NO_RULE: &str = "-";

/// From which probability on a call goes to the background at once. `docs/foresight.md` has the replay that they come
/// from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The client moves by itself what takes longer, so only likely ones are moved before.
    InForce,
    /// Nothing else moves a long call.
    None,
}

impl Limit {
    /// The probability.
    pub fn threshold(self) -> f64 {
        match self {
            Self::InForce => 0.32,
            Self::None => 0.3,
        }
    }
}

/// What is to be expected of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Expectation {
    /// That it takes 30 s or longer, from 0 to 1.
    pub probability: f64,
    /// How often its like was seen here.
    pub observations: usize,
    /// How long they took, in seconds, the newest first: of the finest kind that is known.
    pub seconds: Vec<f32>,
    /// Of which kind that is.
    #[serde(skip)]
    pub level: usize,
}

/// The expectation of a call that `rule` matches, from what is known of each of its levels, the coarse first.
pub fn expect(rule: Option<&str>, known: &[Known]) -> Expectation {
    let mut expectation = Expectation {
        probability: share_of(rule.unwrap_or(NO_RULE)),
        ..Expectation::default()
    };
    for (level, known) in known.iter().enumerate() {
        let (mut long, mut weights, mut weight) = (0.0, 0.0, 1.0);
        let mut seconds = Vec::new();
        for seen in known
            .observations
            .iter()
            .copied()
            .filter(|seen| tells(*seen))
        {
            long += weight * length(seen);
            weights += weight;
            weight *= DECAY;
            seconds.push(seen.seconds);
        }
        expectation.probability = (long + PRIOR * expectation.probability) / (weights + PRIOR);
        if !seconds.is_empty() {
            expectation.observations = seconds.len();
            expectation.seconds = seconds;
            expectation.level = level;
        }
    }
    expectation
}

/// What was killed early tells nothing.
fn tells(seen: Observation) -> bool {
    !seen.at_least || seen.seconds >= LONG
}

/// 0: short, 1: long.
fn length(seen: Observation) -> f64 {
    let (from, to) = NEARLY;
    let part = (seen.seconds.max(from) / from).ln() / (to / from).ln();
    f64::from(part.min(1.0))
}

/// The share of long ones among a rule's calls elsewhere. A rule that the table doesn't have is taken for one that is
/// right about as often as all of them together.
fn share_of(rule: &str) -> f64 {
    const USUAL: (f64, f64) = (0.15, 2.0);
    let mut rows = SHARES.lines().filter(|line| !line.starts_with('#'));
    let row = rows.find_map(|line| {
        let mut cells = line.split('\t');
        (cells.next() == Some(rule)).then_some(())?;
        let number = |cell: Option<&str>| cell?.parse::<f64>().ok();
        Some((number(cells.next())?, number(cells.next())?))
    });
    let (calls, long) = row.unwrap_or_default();
    (long + USUAL.0) / (calls + USUAL.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(seconds: &[f32]) -> Vec<Known> {
        let observations = seconds.iter().map(|&seconds| Observation {
            seconds,
            at_least: false,
        });
        let known = Known {
            observations: observations.collect(),
            runs: 8,
        };
        vec![known; 5]
    }

    fn goes(rule: Option<&str>, seconds: &[f32]) -> [bool; 2] {
        let expected = expect(rule, &known(seconds)).probability;
        [Limit::InForce, Limit::None].map(|limit| expected >= limit.threshold())
    }

    const RULES: [Option<&str>; 5] = [
        None,
        Some("python-tests"),
        Some("node-scripts"),
        Some("rust"),
        Some("c-and-cpp"),
    ];

    #[test]
    fn one_outlier_doesn_t_flip_what_is_well_known() {
        for rule in RULES {
            let slow_once = [300.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0];
            assert_eq!(goes(rule, &slow_once), [false, false], "{rule:?}");
            let quick_once = [1.0, 90.0, 90.0, 90.0, 90.0, 90.0, 90.0, 90.0];
            assert_eq!(goes(rule, &quick_once), [true, true], "{rule:?}");
        }
    }

    #[test]
    fn what_got_slow_goes_after_two() {
        for rule in RULES {
            let slow = [70.0, 60.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0];
            assert_eq!(goes(rule, &slow), [true, true], "{rule:?}");
        }
    }

    #[test]
    fn what_was_killed_early_tells_nothing() {
        let mut seen = known(&[5.0]);
        for known in &mut seen {
            known.observations[0].at_least = true;
        }
        let expected = expect(None, &seen);
        assert_eq!(expected.observations, 0);
        assert!(expected.probability < 0.01, "{expected:?}");
    }

    #[test]
    fn shares_are_those_of_the_table() {
        assert!(share_of("waits") > 0.9);
        assert!(share_of("installs") < 0.05);
        assert!((share_of("no-such-rule") - 0.075).abs() < 0.001);
        assert!(share_of(NO_RULE) < 0.01);
    }
}
