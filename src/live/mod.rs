//! Tasks as they run: what the view inside Claude Code and the status line show of them.

pub mod row;
pub mod stream;
