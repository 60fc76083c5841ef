//! How likely a call is to run long, by what was measured of its kind.

use serde::Serialize;

use super::key::Level;
use super::observation::{Observation, PastRuns, RunEnd};
use super::shares::Share;

/// From here to there a duration counts as long in part: what took 28 s may take 32 s next time.
const NEARLY: (f32, f32) = (20.0, 45.0);

/// Weight of an observation beside the next newer one.
const DECAY: f64 = 0.75;

/// Weight of what the coarser level says, in observations.
const PRIOR: f64 = 6.0;

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

/// What is to be expected of a call, with the durations that decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Expectation {
    /// That it takes 30 s or longer, from 0 to 1.
    pub probability: f64,
    /// Number of the durations.
    pub observations: usize,
    /// The durations in seconds, the newest first.
    pub seconds: Vec<f32>,
    /// Their median, without those that hold an approval or a crash.
    #[serde(skip)]
    usual: Option<f32>,
}

/// What the levels of a call say, the coarse first.
#[derive(Debug, Clone)]
pub struct Forecast {
    prior: f64,
    levels: Vec<Step>,
}

/// What one level says.
#[derive(Debug, Clone)]
struct Step {
    /// The observations that count, the newest first.
    seen: Vec<Observation>,
    /// The share of long ones among them.
    share: f64,
    /// The probability by this level and all coarser ones.
    probability: f64,
}

impl Forecast {
    /// The forecast for a call of a rule with this share, from the past runs of each of its levels, the coarse first.
    pub fn new(share: Share, known: &[PastRuns]) -> Self {
        let prior = share.prior();
        let mut probability = prior;
        let levels = known.iter().map(|known| {
            let step = Step::new(&known.observations, probability);
            probability = step.probability;
            step
        });
        let levels = levels.collect();
        Self { prior, levels }
    }

    /// That the call takes 30 s or longer, from 0 to 1.
    pub fn probability(&self) -> f64 {
        let last = self.levels.last();
        last.map_or(self.prior, |step| step.probability)
    }

    /// Whether no call of the rule, the coarsest level, was short and ended well here. Until then, a guess by its name
    /// stands.
    pub fn name_stands(&self) -> bool {
        let of_rule = self.levels.first().into_iter().flat_map(|step| &step.seen);
        of_rule
            .copied()
            .all(|seen| seen.is_long() || seen.weight() < 1.0)
    }

    /// The level whose observations decided that the call is moved or stays: the finest one that says so itself; of a
    /// call that stays, else the finest one that says anything.
    pub fn deciding(&self, moves: bool, limit: Limit) -> Option<usize> {
        let agrees = |step: &Step| (step.share >= limit.threshold()) == moves;
        let finest = |wanted: &dyn Fn(&Step) -> bool| {
            self.levels
                .iter()
                .rposition(|step| !step.seen.is_empty() && wanted(step))
        };
        finest(&agrees).or_else(|| finest(&|_| !moves))
    }

    /// The observations of a level, the newest first.
    pub fn seen(&self, level: Option<usize>) -> &[Observation] {
        let step = level.and_then(|level| self.levels.get(level));
        step.map_or(&[], |step| &step.seen)
    }

    /// The usual time of such a call in seconds, by the durations that would decide about the next one; none where those
    /// are of other calls, too.
    pub fn usual_seconds(&self, limit: Limit) -> Option<f32> {
        let is_likely = self.probability() >= limit.threshold();
        let level = self.deciding(is_likely, limit);
        let level = level.filter(|level| *level == Level::Core as usize);
        self.expectation(level).usual
    }

    /// The expectation, with the durations of that level.
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
    /// The level with these observations, where the coarser ones say `prior`.
    fn new(observations: &[Observation], prior: f64) -> Self {
        let (mut long, mut weights, mut age) = (0.0, 0.0, 1.0);
        let mut seen = Vec::new();
        for one in observations {
            let own = one.weight();
            if own <= 0.0 {
                continue;
            }
            long += age * own * length(*one);
            weights += age * own;
            // What says little makes the older ones little older: so a long run never lowers the probability.
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

/// 0: short, 1: long.
fn length(seen: Observation) -> f64 {
    if seen.end == RunEnd::AtMost {
        return 0.0;
    }
    let (from, to) = NEARLY;
    let part = (seen.seconds.max(from) / from).ln() / (to / from).ln();
    f64::from(part.min(1.0))
}
