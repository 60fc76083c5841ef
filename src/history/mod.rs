//! How long commands took, and what that says of the next one.

pub mod store;
