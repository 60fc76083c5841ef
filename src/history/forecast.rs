//! The probability that a call runs long, from the durations of similar calls.

use serde::Serialize;

use super::key::Level;
use super::observation::{Observation, PastRuns, RunEnd};
use super::shares::CallCounts;

/// Range in seconds in which a duration counts as partly long, because a call that took 28 s may take 32 s next time.
const PARTLY_LONG: (f32, f32) = (20.0, 45.0);

/// Weight of an observation relative to the next newer one.
const DECAY: f64 = 0.75;

/// Weight of the coarser level's probability, as a number of observations.
const PRIOR: f64 = 6.0;

/// Whether the client's limit is in force. It determines the probability from which a call goes to the background at
/// once. `docs/foresight.md` describes the replay behind the thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The client itself moves calls that reach the limit, so only likely ones are moved earlier.
    InForce,
    /// Nothing else moves a long call.
    None,
}

impl Limit {
    /// Returns the threshold for the probability.
    pub fn threshold(self) -> f64 {
        match self {
            Self::InForce => 0.32,
            Self::None => 0.3,
        }
    }
}

/// The expected duration of a call, with the durations that decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Expectation {
    /// Probability of taking 30 s or longer, from 0 to 1.
    pub probability: f64,
    /// Number of the durations.
    pub observations: usize,
    /// The durations in seconds, newest first.
    pub seconds: Vec<f32>,
    /// Their median in seconds, without failed runs and times that may include an approval.
    #[serde(skip)]
    usual: Option<f32>,
}

/// The forecasts of a call's levels, the coarsest first.
#[derive(Debug, Clone)]
pub struct Forecast {
    prior: f64,
    levels: Vec<Step>,
}

/// The forecast of one level.
#[derive(Debug, Clone)]
struct Step {
    /// The observations that count, newest first.
    seen: Vec<Observation>,
    /// The share of long ones among them.
    share: f64,
    /// The probability from this level and all coarser ones.
    probability: f64,
}

impl Forecast {
    /// Computes the forecast for a call of a rule with these counts, from the past runs of each level, the coarsest
    /// first.
    pub fn new(counts: CallCounts, known: &[PastRuns]) -> Self {
        let prior = counts.prior();
        let mut probability = prior;
        let levels = known.iter().map(|known| {
            let step = Step::new(&known.observations, probability);
            probability = step.probability;
            step
        });
        let levels = levels.collect();
        Self { prior, levels }
    }

    /// Returns the probability that the call takes 30 s or longer, from 0 to 1.
    pub fn probability(&self) -> f64 {
        let last = self.levels.last();
        last.map_or(self.prior, |step| step.probability)
    }

    /// Whether no call of the rule in this repository was short and successful. Only then does the rule's name decide.
    pub fn is_uncontradicted(&self) -> bool {
        let of_rule = self.levels.first().into_iter().flat_map(|step| &step.seen);
        of_rule
            .copied()
            .all(|seen| seen.is_long() || seen.weight() < 1.0)
    }

    /// Returns the level whose observations decided. This is the finest level that reaches the same decision alone. A
    /// call that stays falls back to the finest level with any observations.
    pub fn deciding(&self, moves: bool, limit: Limit) -> Option<usize> {
        let agrees = |step: &Step| (step.share >= limit.threshold()) == moves;
        let finest = |wanted: &dyn Fn(&Step) -> bool| {
            self.levels
                .iter()
                .rposition(|step| !step.seen.is_empty() && wanted(step))
        };
        finest(&agrees).or_else(|| finest(&|_| !moves))
    }

    /// Returns the observations of a level, newest first.
    pub fn seen(&self, level: Option<usize>) -> &[Observation] {
        let step = level.and_then(|level| self.levels.get(level));
        step.map_or(&[], |step| &step.seen)
    }

    /// Returns the usual time of such a call in seconds, from the durations that would decide about the next one;
    /// `None` if those include other calls.
    pub fn usual_seconds(&self, limit: Limit) -> Option<f32> {
        let is_likely = self.probability() >= limit.threshold();
        let level = self.deciding(is_likely, limit);
        let level = level.filter(|level| *level == Level::Core as usize);
        self.expectation(level).usual
    }

    /// Returns the expectation with the durations of that level.
    pub fn expectation(&self, level: Option<usize>) -> Expectation {
        let seen = self.seen(level);
        let whole = seen
            .iter()
            .filter(|seen| seen.is_long() || seen.end == RunEnd::Success);
        let mut whole: Vec<f32> = whole.map(|seen| seen.seconds).collect();
        whole.sort_by(f32::total_cmp);
        Expectation {
            probability: self.probability(),
            observations: seen.len(),
            seconds: seen.iter().map(|seen| seen.seconds).collect(),
            usual: whole.get(whole.len().saturating_sub(1) / 2).copied(),
        }
    }
}

impl Step {
    /// Computes a level with these observations; `prior` is the probability from the coarser ones.
    fn new(observations: &[Observation], prior: f64) -> Self {
        let (mut long, mut weights, mut age) = (0.0, 0.0, 1.0);
        let mut seen = Vec::new();
        for one in observations {
            let own = one.weight();
            if own <= 0.0 {
                continue;
            }
            long += age * own * long_degree(*one);
            weights += age * own;
            // An observation of little weight hardly ages the older ones, so a long run never lowers the probability.
            age *= DECAY.powf(own);
            seen.push(*one);
        }
        Self {
            seen,
            share: if weights > 0.0 { long / weights } else { 0.0 },
            probability: (long + PRIOR * prior) / (weights + PRIOR),
        }
    }
}

/// Returns the degree to which an observation is long, from 0 to 1.
fn long_degree(seen: Observation) -> f64 {
    if seen.end == RunEnd::AtMost {
        return 0.0;
    }
    let (from, to) = PARTLY_LONG;
    let part = (seen.seconds.max(from) / from).ln() / (to / from).ln();
    f64::from(part.min(1.0))
}
