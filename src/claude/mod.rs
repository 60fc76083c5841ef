//! Facts about Claude Code that can change with its version.

pub mod answer;
pub mod client;
pub mod command_line;
mod footer;
pub mod hooks;
pub mod input;
mod last_lines;
mod lenient_json;
pub(crate) mod output_folder;
pub mod parameter_rules;
pub mod permissions;
mod read_rules;
pub mod session;
pub mod settings;
pub mod settings_file;
pub mod settings_places;
mod settings_types;
mod specifier;
pub mod task;
pub mod timeout;
pub mod transcript;

pub use last_lines::{OutputEnd, last_lines};
