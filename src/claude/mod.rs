//! What is known of Claude Code itself.

pub mod arguments;
