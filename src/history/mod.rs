//! The history of commands' durations, and the forecast for the next run.

mod entry;
mod expect;
mod file_format;
mod generalize;
mod key;
pub mod learn;
mod numbers;
mod observation;
mod recorder;
mod shares;
pub mod store;

pub use expect::{Expectation, Forecast, Limit};
pub use key::{Level, keys, long_or_all};
pub use numbers::{call_number, repository_named, repository_of};
pub use observation::{Observation, PastRuns, RunEnd};
pub use recorder::{keep, keep_all};
pub use shares::{NO_RULE, Share};
