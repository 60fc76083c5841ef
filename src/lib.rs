//! bg-run moves long-running commands of Claude Code to the background and opens their output in VS Code.
//!
//! A call's way: [`hook`] reads it, [`shell`] parses it, [`policy`] finds what runs long, [`decision`] decides,
//! [`rewrite`] edits; after the launch [`task`] finds the output and [`viewer`] opens it.

pub mod claude;
pub mod cli;
pub mod configuration;
pub mod decision;
pub mod editor_settings;
pub mod environment;
pub mod folders;
pub mod hook;
pub mod log;
pub mod once;
pub mod policy;
pub mod programs;
pub mod registration;
pub mod rewrite;
pub mod rules_cache;
pub mod session;
pub mod settings;
pub mod shell;
pub mod task;
pub mod task_notes;
pub mod viewer;
