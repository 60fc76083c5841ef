//! Rules: which commands run long, and which stay in the foreground.

mod automaton;
pub(crate) mod cache;
mod compiled;
mod file;
mod layers;
mod lint;
mod pattern;
mod problem;
mod rule;

pub(crate) use compiled::CompiledLayer;
pub use file::Action;
pub use layers::DEFAULT_RULES;
pub use lint::lint;
pub use pattern::{Pattern, Patterns, Text, Texts};
pub use problem::{Origin, Problem};
pub use rule::{Layer, Rule, Rules};
