//! The Python interpreter among a simple command's words.

use crate::programs::Views;
use crate::shell::SimpleCommand;

/// The position for `-u`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// After the word with this index.
    At {
        /// Index of the interpreter.
        index: usize,
        /// Whether the environment doesn't reach it, so that `-u` is needed.
        needed: bool,
    },
    /// There is no position, although this wrapper hides the environment.
    OutOfReach {
        /// The wrapper's name.
        wrapper: String,
    },
    /// No position is needed.
    Nothing,
}

/// Finds the interpreter of `command`, which has these views.
pub(super) fn find(views: &Views, command: &SimpleCommand) -> Place {
    let Some(interpreter) = views.interpreter else {
        return match &views.environment_ends {
            Some(wrapper) if views.is_python => Place::OutOfReach {
                wrapper: wrapper.clone(),
            },
            _ => Place::Nothing,
        };
    };
    let arguments = command.words.get(interpreter + 1..).unwrap_or_default();
    let unbuffered = arguments
        .iter()
        .map(crate::shell::Word::text)
        .take_while(|text| text.starts_with('-'))
        .any(|text| !text.starts_with("--") && text.contains('u'));
    if unbuffered || arguments.is_empty() {
        Place::Nothing
    } else {
        Place::At {
            index: interpreter,
            needed: views.environment_ends.is_some(),
        }
    }
}
