//! What is known of Claude Code: what a version of it may change.

pub mod answer;
pub mod arguments;
pub mod client;
mod footer;

pub mod hooks;
pub mod input;
mod last_lines;
pub(crate) mod outputs;
pub mod parameters;
mod partial;
pub mod permissions;
pub mod places;
mod read_rules;
pub mod session;
pub mod settings;
pub mod settings_file;
mod settings_types;
mod specifier;
pub mod task;
pub mod timeout;
pub mod transcript;

pub use last_lines::{OutputEnd, last_lines};
