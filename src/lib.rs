//! bg-run moves long-running commands of Claude Code to the background and opens their live output in VS Code.
//!
//! The path of a call: [`hook`] reads it, [`shell`] parses it, [`decision`] decides by the [`rules`], and [`rewrite`]
//! edits it. After the launch, [`claude`] finds the output and [`viewer`] opens it.

pub mod claude;
pub mod cli;
pub mod config;
pub mod decision;
pub mod environment;
pub mod folders;
pub mod foreground_limit;
pub mod history;
pub mod hook;
pub mod install;
pub mod live;
pub mod platform;
pub mod programs;
pub mod rewrite;
pub mod rules;
pub mod shell;
pub mod state;
pub mod survive;
pub mod tasks;
pub mod text;
pub mod viewer;
