//! bg-run.

pub mod policy;
pub mod rewrite;
pub mod shell;
