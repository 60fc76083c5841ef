//! The history of commands' durations, and the forecast for the next run.

mod entry;
mod file_format;
mod forecast;
mod generalize;
mod ids;
mod key;
pub mod learn;
mod observation;
mod recorder;
mod shares;
pub mod store;

pub use forecast::{Expectation, Forecast, Limit};
pub use ids::{call_number, repository_named, repository_of};
pub use key::{Level, keys, long_or_all};
pub use observation::{Observation, PastRuns, RunEnd};
pub use recorder::{record, record_all};
pub use shares::{CallCounts, NO_RULE};
