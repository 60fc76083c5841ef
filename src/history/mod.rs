//! How long commands took, and what that says of the next one.

mod entry;
mod expect;
mod file;
mod keep;
mod key;
pub mod learn;
mod observation;
mod place;
mod shares;
pub mod store;
mod words;

pub use expect::{Expectation, Forecast, Limit};
pub use keep::{keep, keep_all};
pub use key::{CallKeys, Level, long_or_all};
pub use observation::{Observation, PastRuns, RunEnd};
pub use place::{call_number, repository_named, repository_of};
pub use shares::{NO_RULE, Share};
