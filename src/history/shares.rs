//! The share of long calls per built-in rule in other users' sessions. A first guess is based on it.

/// Rows of `rule calls long`, made by `scripts/shares`.
const TABLE: &str = include_str!("shares.tsv");

/// The table's name for calls that no rule matches.
pub const NO_RULE: &str = "-";

/// Long calls and total calls that are added to each row. They pull the share of a rare rule towards the average of
/// all rules.
const AVERAGE: (f64, f64) = (0.15, 2.0);

/// Minimum share of long calls for a first guess by the rule's name.
const MIN_SHARE: f64 = 0.2;

/// Minimum number of calls for a rule's share to count.
const MIN_CALLS: f64 = 10.0;

/// Number of calls and of long calls of one rule in other projects.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallCounts {
    calls: f64,
    long: f64,
}

impl CallCounts {
    /// Returns the numbers of the rule with this name, or of calls that no rule matches; zeros for a rule that isn't in the
    /// table.
    pub fn of(rule: Option<&str>) -> Self {
        let rule = rule.unwrap_or(NO_RULE);
        let row = TABLE.split('\n').find_map(|line| {
            let counts = line.strip_prefix(rule)?.strip_prefix('\t')?;
            let (calls, long) = counts.split_once('\t')?;
            Some((calls.parse().ok()?, long.parse().ok()?))
        });
        let (calls, long) = row.unwrap_or_default();
        Self { calls, long }
    }

    /// Returns the probability that a call of the rule is long when nothing else is known.
    pub fn prior(self) -> f64 {
        let (long, calls) = AVERAGE;
        (self.long + long) / (self.calls + calls)
    }

    /// Whether the name alone moves the rule's first call if the client itself moves long calls.
    pub fn is_worth_a_guess(self) -> bool {
        self.calls < MIN_CALLS || self.long >= MIN_SHARE * self.calls
    }

    /// Returns the percentage of long calls.
    pub fn percent(self) -> f64 {
        100.0 * self.long / self.calls.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priors_come_from_the_table() {
        let prior = |rule| CallCounts::of(Some(rule)).prior();
        assert!(prior("waits") > 0.9);
        assert!(prior("installs") < 0.05);
        assert!((prior("no-such-rule") - 0.075).abs() < 0.001);
        assert!(prior(NO_RULE) < 0.01);
    }

    #[test]
    fn names_that_are_often_right_or_rare_are_worth_a_guess() {
        for rule in [
            "python-tests",
            "rust",
            "c-and-cpp",
            "task-runners",
            "waits",
            "training",
            "scripts",
        ] {
            assert!(CallCounts::of(Some(rule)).is_worth_a_guess(), "{rule}");
        }
        for rule in [
            "go",
            "node-scripts",
            "installs",
            "dotnet",
            "node-builds",
            NO_RULE,
        ] {
            assert!(!CallCounts::of(Some(rule)).is_worth_a_guess(), "{rule}");
        }
    }
}
