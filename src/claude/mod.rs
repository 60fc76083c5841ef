//! What is known of Claude Code: what a version of it may change.

pub mod answer;
pub mod arguments;
pub mod client;
mod footer;
pub mod holders;
pub mod hooks;
pub mod input;
pub mod permissions;
pub mod session;
pub mod settings;
pub mod task;
