//! Counts the results of each way of deciding, in total and by project.

use std::collections::BTreeMap;

use bg_run::foreground_limit::LIMIT;
use serde::Serialize;

/// Maximum number of seconds that one call counts as blocking.
const MOST: f64 = 600.0;

/// Number of bootstrap samples.
const SAMPLES: usize = 2000;

/// Counts of one way of deciding.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Tally {
    pub(crate) calls: usize,
    /// Calls that reach the limit.
    pub(crate) long: usize,
    pub(crate) moved: usize,
    pub(crate) moved_short: usize,
    pub(crate) moved_short_under_5s: usize,
    /// Seconds of long calls that stayed.
    pub(crate) blocked_seconds: f64,
    /// The same seconds if the client moves calls at the limit.
    pub(crate) blocked_seconds_limit: f64,
}

impl Tally {
    pub(crate) fn add(&mut self, seconds: f64, moved: bool) {
        let long = seconds >= LIMIT.as_secs_f64();
        self.calls += 1;
        self.long += usize::from(long);
        if moved {
            self.moved += 1;
            self.moved_short += usize::from(!long);
            self.moved_short_under_5s += usize::from(seconds < 5.0);
        } else if long {
            self.blocked_seconds += seconds.min(MOST);
            self.blocked_seconds_limit += LIMIT.as_secs_f64();
        }
    }

    /// Returns the number of moved calls that were long.
    fn right(&self) -> usize {
        self.moved - self.moved_short
    }

    /// Returns a row of the table, with these seconds in its last column.
    pub(crate) fn cells(&self, name: &str, blocked: f64) -> Vec<String> {
        let share = |of| ratio(self.right(), of).map_or("-".to_owned(), |it| format!("{it:.2}"));
        vec![
            name.to_owned(),
            self.moved.to_string(),
            self.moved_short.to_string(),
            self.moved_short_under_5s.to_string(),
            share(self.moved),
            share(self.long),
            format!("{blocked:.0}"),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
fn ratio(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// Describes how precision and recall differ between projects.
pub(crate) fn by_project(projects: &BTreeMap<String, Tally>) -> String {
    let tallies: Vec<&Tally> = projects.values().collect();
    let moved: Vec<&Tally> = tallies.iter().copied().filter(|it| it.moved > 0).collect();
    let wrong = moved.iter().filter(|it| it.right() == 0).count();
    let precisions = moved.iter().filter_map(|it| ratio(it.right(), it.moved));
    #[expect(clippy::cast_precision_loss, reason = "a count of projects")]
    let mean = precisions.sum::<f64>() / moved.len().max(1) as f64;
    let [precision, recall] = intervals(&tallies);
    format!(
        "by project: precision {mean:.2} as the mean over the {} with moves, in {wrong} of them all moves were wrong\n\
         95 % by bootstrap over projects: precision {precision}, recall {recall}\n",
        moved.len()
    )
}

/// Returns the intervals of precision and recall that contain 95 % of the samples.
fn intervals(projects: &[&Tally]) -> [String; 2] {
    if projects.is_empty() {
        return ["-".to_owned(), "-".to_owned()];
    }
    // Knuth's generator gives the same samples in each run.
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % projects.len()
    };
    let (mut precisions, mut recalls) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let sample: Vec<&Tally> = projects.iter().map(|_| projects[next()]).collect();
        let sum = |part: fn(&Tally) -> usize| sample.iter().map(|it| part(it)).sum::<usize>();
        precisions.extend(ratio(sum(Tally::right), sum(|it| it.moved)));
        recalls.extend(ratio(sum(Tally::right), sum(|it| it.long)));
    }
    [precisions, recalls].map(|mut found| {
        found.sort_by(f64::total_cmp);
        let at = |percent: usize| found.get(found.len() * percent / 1000).copied();
        let [low, high] = [at(25), at(975)].map(Option::unwrap_or_default);
        format!("[{low:.2}, {high:.2}]")
    })
}
