//! Facts about Claude Code that can change with its version.

pub mod answer;
pub mod client;
pub mod command_line;
mod footer;
pub mod hooks;
pub mod input;
mod lenient_json;
mod output_end;
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

pub use output_end::{OutputEnd, last_lines};
