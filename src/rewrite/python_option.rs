//! Finds the position for `-u`, the option with which the Python interpreter prints at once.

use crate::programs::CommandForms;
use crate::shell::SimpleCommand;

/// The position for `-u` among a simple command's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OptionPosition {
    /// After the interpreter.
    After {
        /// Index of the interpreter.
        index: usize,
        /// Whether the environment doesn't reach the interpreter, so that `-u` is needed.
        needed: bool,
    },
    /// There is no position, although this wrapper hides the environment.
    OutOfReach {
        /// The wrapper's name.
        wrapper: String,
    },
    /// There is no interpreter, or it prints at once anyway.
    Unneeded,
}

/// Finds the position for `-u` in `command`, which has these forms.
pub(super) fn find(forms: &CommandForms, command: &SimpleCommand) -> OptionPosition {
    let Some(interpreter) = forms.interpreter else {
        return match &forms.environment_hidden_by {
            Some(wrapper) if forms.is_python => OptionPosition::OutOfReach {
                wrapper: wrapper.clone(),
            },
            _ => OptionPosition::Unneeded,
        };
    };
    let arguments = command.words.get(interpreter + 1..).unwrap_or_default();
    let unbuffered = arguments
        .iter()
        .map(crate::shell::Word::text)
        .take_while(|text| text.starts_with('-'))
        .any(|text| !text.starts_with("--") && text.contains('u'));
    if unbuffered || arguments.is_empty() {
        OptionPosition::Unneeded
    } else {
        OptionPosition::After {
            index: interpreter,
            needed: forms.environment_hidden_by.is_some(),
        }
    }
}
