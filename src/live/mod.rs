//! Running tasks for the view inside Claude Code and the status line.

pub mod row;
pub mod stream;
