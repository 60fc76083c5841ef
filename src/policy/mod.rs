//! Policy: what runs long, and what the user allows.

mod automaton;
mod borrowed;
mod findings;
mod layers;
mod marker;
mod permissions;
mod rules;
mod rules_file;
mod view;
mod wrappers;

pub(crate) use findings::is_builtin;
pub use findings::{Findings, Found};
pub use layers::{CompiledLayer, DEFAULT_RULES, Problem};
pub use marker::{MARKER, Markers, Wish};
pub use permissions::{List, PermissionRules, UNBUFFERED};
pub use rules::{Action, Layer, Pattern, Patterns, Rule, Rules, Text, Texts};
pub use view::{View, Views};
pub(crate) use wrappers::is_seen_through;
