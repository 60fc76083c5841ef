//! Policy: where a call should run, and why.

mod decide;
mod layers;
mod permissions;
mod rules;
mod view;
mod wrappers;

pub use decide::{Call, Context, Decision, MARKER, Outcome, decide};
pub use layers::{DEFAULT_RULES, Problem};
pub use permissions::PermissionRules;
pub use rules::{Action, Layer, Pattern, Rule, Rules};
pub use view::{View, Views};
