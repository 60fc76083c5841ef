//! What the rules find among a script's simple commands.

use std::collections::BTreeSet;
use std::time::Duration;

use super::rules::{Action, Rule, Rules};
use super::view::{View, Views};
use crate::shell::{Script, SimpleCommand, Word, word::base_name};

/// A call that ends within this time may stay in the foreground.
const SHORT: Duration = Duration::from_secs(30);

/// How much of a command a reason shows, in characters.
const SHOWN: usize = 60;

/// Programs that end at once: they are no reason for an edit where no rule names what is long.
#[rustfmt::skip]
const QUICK: &[&str] = &[
    ".", ":", "[", "alias", "awk", "basename", "break", "cat", "cd", "chmod", "chown", "continue", "cp", "cut",
    "date", "declare", "dirname", "echo", "eval", "exec", "exit", "export", "false", "grep", "head", "hostname",
    "kill", "local", "ls", "mkdir", "mktemp", "mv", "popd", "printf", "pushd", "pwd", "read", "readonly",
    "return", "rm", "sed", "set", "shift", "shopt", "sleep", "sort", "source", "tail", "tee", "test", "touch",
    "tr", "trap", "true", "type", "ulimit", "umask", "uname", "unalias", "uniq", "unset", "wait", "wc", "which",
];

/// What the shell runs itself, in bash or in zsh.
#[rustfmt::skip]
const BUILTINS: &[&str] = &[
    "-", ".", ":", "[", "[[", "alias", "autoload", "bg", "bind", "break", "builtin", "caller", "cd", "chdir", "command",
    "compgen", "complete", "compopt", "continue", "coproc", "declare", "dirs", "disable", "disown", "echo", "emulate",
    "enable", "eval", "exec", "exit", "export", "false", "fc", "fg", "float", "foreach", "functions", "getopts", "hash",
    "help", "history", "integer", "jobs", "kill", "let", "limit", "local", "logout", "mapfile", "nocorrect", "noglob",
    "popd", "print", "printf", "pushd", "pwd", "read", "readarray", "readonly", "rehash", "repeat", "return", "sched",
    "set", "setopt", "shift", "shopt", "source", "suspend", "test", "times", "trap", "true", "type", "typeset",
    "ulimit", "umask", "unalias", "unfunction", "unhash", "unlimit", "unset", "unsetopt", "vared", "wait", "whence",
    "where", "which", "zle", "zmodload", "zparseopts", "zstyle",
];

/// Whether the shell runs `program` itself, or may: an expansion can name anything.
pub(crate) fn is_builtin(program: &str) -> bool {
    BUILTINS.contains(&program) || program.contains(['$', '`'])
}

/// What the rules say of each simple command.
#[derive(Debug, Default)]
pub struct Findings {
    /// Indices of the simple commands that run long.
    pub long: Vec<usize>,
    /// The first rule that asks for the background.
    pub background: Option<Found>,
    /// The first rule that asks for the foreground.
    pub foreground: Option<Found>,
    /// Why a command that a rule calls long isn't, here.
    pub short: Option<&'static str>,
}

/// A rule that matched.
#[derive(Debug)]
pub struct Found {
    /// Its name.
    pub rule: String,
    /// For people.
    pub reason: String,
}

impl Found {
    fn by(rule: &Rule, view: &View) -> Self {
        let clipped: String = view.full.text.chars().take(SHOWN).collect();
        let text = if clipped == view.full.text {
            clipped
        } else {
            clipped + "…"
        };
        let reason = match &*rule.reason {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        Self {
            rule: rule.name.clone().into_owned(),
            reason: format!("rule {} matches `{text}`{reason}", rule.name),
        }
    }
}

impl Findings {
    /// Asks the rules about every simple command.
    pub fn of(script: &Script, rules: &Rules) -> Self {
        let mut findings = Self::default();
        let waits = script
            .simple_commands
            .iter()
            .any(|command| command.program().as_deref() == Some("wait"));
        for (index, command) in script.simple_commands.iter().enumerate() {
            let views = Views::of(command);
            let Some((rule, view)) = rules.winner(&views) else {
                continue;
            };
            if rule.action == Action::Foreground {
                findings
                    .foreground
                    .get_or_insert_with(|| Found::by(rule, view));
            } else if command.place.asynchronous && !waits {
                findings.short = Some("`&` sends the long command to the background already");
            } else if views.time_limit.is_some_and(|limit| limit <= SHORT) {
                findings.short = Some("its own time limit ends it within 30 s");
            } else if command.place.function.is_some() && !is_called(script, index) {
                findings.short = Some("the long command stands in a function that isn't called");
            } else {
                findings.long.push(index);
                findings
                    .background
                    .get_or_insert_with(|| Found::by(rule, view));
            }
        }
        findings
    }

    /// The commands to edit: the long ones and those with a marker, else all that aren't quick.
    pub fn targets(&self, script: &Script, marked: &[usize]) -> Vec<usize> {
        let is_quick = |index: &usize| {
            let command = script.simple_commands.get(*index);
            let program = command.and_then(SimpleCommand::program);
            match program.as_deref() {
                None => true,
                // A rewrite puts it in front of quick programs.
                Some("stdbuf") => command.is_some_and(|command| {
                    let inner = command.words.iter().skip(1).map(Word::text);
                    let mut inner = inner.filter(|word| !word.starts_with('-'));
                    inner
                        .next()
                        .is_none_or(|word| QUICK.contains(&base_name(&word)))
                }),
                Some(program) => QUICK.contains(&program),
            }
        };
        let named = self.long.iter().chain(marked).copied();
        let mut targets: BTreeSet<usize> = named.filter(|index| !is_quick(index)).collect();
        if targets.is_empty() && self.long.is_empty() {
            targets.extend((0..script.simple_commands.len()).filter(|index| !is_quick(index)));
        }
        targets.into_iter().collect()
    }
}

/// Whether the function around the command at `index` is called somewhere; a definition alone runs nothing.
fn is_called(script: &Script, index: usize) -> bool {
    let name = script
        .simple_commands
        .get(index)
        .and_then(|command| command.place.function);
    let name = name.and_then(|at| script.functions.get(at));
    name.is_some_and(|name| {
        script
            .simple_commands
            .iter()
            .any(|command| command.program().as_ref() == Some(name))
    })
}
