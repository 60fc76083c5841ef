//! Scripts that redirect the descriptors of their own shell.

use crate::shell::syntax::{Script, SimpleCommand, Sink, Word};

/// Forgets the sinks of all commands after a command like `exec >log`, which redirects them.
pub(super) fn forget_redirected_sinks(script: &mut Script) {
    let contexts = script
        .simple_commands
        .iter_mut()
        .map(|command| &mut command.context)
        .chain(script.pipelines.iter_mut().map(|line| &mut line.context));
    for context in contexts {
        context.stdout = Sink::Elsewhere;
        context.stderr = Sink::Elsewhere;
    }
}

impl Script {
    pub(super) fn redirects_the_shell(&self) -> bool {
        self.simple_commands
            .iter()
            .any(SimpleCommand::redirects_the_shell)
    }
}

impl SimpleCommand {
    /// Whether the command has the form `exec >log`, `command exec 2>err` or `eval "exec 2>err"`, or may expand to it,
    /// like `$E 2>err`.
    fn redirects_the_shell(&self) -> bool {
        let words: Vec<String> = self.words.iter().map(Word::text).collect();
        let mut behind = words.iter().skip_while(|word| {
            matches!(
                word.as_str(),
                "-" | "builtin" | "command" | "nocorrect" | "noglob"
            ) || word.starts_with('-')
        });
        match behind.next().map(String::as_str) {
            Some("exec") => !self.redirections.is_empty(),
            Some("eval") => behind.any(|text| text.contains("exec")),
            Some(word) if words.len() == 1 && word.contains(['$', '`']) => {
                !self.redirections.is_empty()
            }
            _ => false,
        }
    }
}
