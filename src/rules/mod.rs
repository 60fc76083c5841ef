//! Rules that say which commands run long, and which stay in the foreground.

mod automaton;
mod file;
mod layers;
mod lint;
mod parsed;
mod pattern;
mod problem;
mod rule;

pub use file::Action;
pub use layers::DEFAULT_RULES;
pub use lint::lint;
pub use parsed::Expressions;
pub use pattern::{Commands, Pattern, Patterns, Text, Texts};
pub use problem::{FaultOrigin, Problem};
pub use rule::{Layer, Rule, Rules};
