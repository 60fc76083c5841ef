//! Makes Python print at once: `PYTHONUNBUFFERED=1` in front of a command, or `-u` after the interpreter.

use super::{Plan, RULE_CHANGES};
use crate::claude::permissions::UNBUFFERED;
use crate::programs::{CommandForms, is_quick};
use crate::rewrite::EditKind;
use crate::rewrite::python_option::{self, OptionPosition};
use crate::shell::{Edit, SimpleCommand};

/// The variable that makes Python print at once.
const VARIABLE: &str = "PYTHONUNBUFFERED";

impl Plan<'_> {
    /// Inserts `PYTHONUNBUFFERED=1` in front of the command if it can run Python.
    pub(super) fn unbuffer(&mut self, command: &SimpleCommand, forms: &CommandForms) {
        let kind = EditKind::UnbufferedVariable;
        if let Some(by) = self.context.python_unbuffered {
            return self.omit(kind, by.reason());
        }
        if self.input.source.contains(VARIABLE) {
            return self.omit(kind, "the command mentions PYTHONUNBUFFERED itself");
        }
        if !command.context.editable {
            return self.omit(kind, "the command is inside a substitution");
        }
        let program = command.program_word();
        let is_quick = program.is_none_or(|program| is_quick(&program));
        if !forms.can_run_python || is_quick {
            return;
        }
        if command.context.timed {
            return self.omit(
                kind,
                "after `time` Claude Code can't check the command, and asks",
            );
        }
        if !self.same_around(command, UNBUFFERED, "") {
            return self.omit(kind, RULE_CHANGES);
        }
        if let Some(start) = self.start_without_markers(command) {
            self.add(kind, Edit::insertion(start, UNBUFFERED));
        }
    }

    /// Inserts `-u` after the interpreter of a command that the variable doesn't reach.
    pub(super) fn unbuffer_by_option(&mut self, command: &SimpleCommand, forms: &CommandForms) {
        let kind = EditKind::UnbufferedOption;
        let interpreter = match python_option::find(forms, command) {
            OptionPosition::Unneeded => return,
            OptionPosition::OutOfReach { wrapper } => {
                return self.omit(
                    kind,
                    format!("PYTHONUNBUFFERED doesn't get through `{wrapper}`, and no option can be put in"),
                );
            }
            OptionPosition::After { index, needed } => {
                if self.context.python_unbuffered.is_some() && !needed {
                    return;
                }
                index
            }
        };
        if !command.context.editable {
            return;
        }
        let Some(word) = command.words.get(interpreter) else {
            return;
        };
        let edit = Edit::insertion(word.span.end, " -u");
        if !self.same_rules(command, interpreter, &edit) {
            return self.omit(kind, "a permission rule would no longer match");
        }
        self.add(kind, edit);
    }
}
