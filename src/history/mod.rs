//! How long commands took, and what that says of the next one.

mod expect;
mod keep;
mod key;
pub mod learn;
mod place;
pub mod store;
mod words;

pub use expect::{Expectation, LONG, Limit, NO_RULE, expect};
pub use keep::keep;
pub use key::{CallKeys, Level, long_or_all};
pub use place::{repository_named, repository_of};
