//! Checks whether a script changes the meaning of a program's name. A script can define a function, set `PATH`, or
//! read a file that does either.

use super::input::RewriteInput;
use crate::programs::Tools;
use crate::shell::{SimpleCommand, Word};

/// Builtins that may give any meaning to a name.
#[rustfmt::skip]
const DEFINING_BUILTINS: &[&str] = &[
    ".", "alias", "autoload", "disable", "emulate", "enable", "eval", "hash", "source", "unalias", "unhash", "zmodload",
];

/// Builtins that set variables by name.
#[rustfmt::skip]
const SET: &[&str] = &[
    "declare", "export", "float", "getopts", "integer", "local", "mapfile", "printf", "read", "readarray", "readonly",
    "typeset", "vared",
];

/// Version managers and similar tools, mostly shell functions, that add their own folders to the `PATH`.
#[rustfmt::skip]
const ACTIVATING_COMMANDS: &[&str] = &[
    "activate", "chruby", "deactivate", "fnm", "ml", "module", "nvm", "rvm", "sdk", "spack", "use", "workon",
];

/// Second words of commands that add their own folders to the `PATH`.
const ACTIVATING_SUBCOMMANDS: &[&str] =
    &["activate", "deactivate", "load", "shell", "swap", "unload"];

/// The property of a name that must stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preserve {
    /// The exact program.
    Program,
    /// Its behaviour, which is the same for every system's program of that name. A virtual environment contains no
    /// other `tail`.
    Meaning,
}

/// Beginnings of assignments to arrays: zsh's form of `PATH`, and the tables of names in both shells.
#[rustfmt::skip]
const ARRAYS: &[&str] = &[
    "path=(", "path+=(", "path[", "path=", "path+=", "BASH_ALIASES[", "BASH_CMDS[", "aliases[", "commands[", "functions[",
];

/// Returns the reason why `name` may call another program in this script than outside, as a predicate to follow the name;
/// `None` if it calls the same.
pub(super) fn reason_for_change(
    input: RewriteInput<'_>,
    name: &str,
    kept: Preserve,
    tools: &dyn Tools,
) -> Option<&'static str> {
    const READS: &str =
        "may be another program here: the script reads something first that can change it";
    let script = input.script;
    if script.functions.iter().any(|function| function == name) {
        return Some("is a function of the script");
    }
    if sets_path(input.source) {
        return Some("may be another program here: the script sets PATH");
    }
    let mut commands = script.simple_commands.iter();
    commands
        .any(|command| {
            defines(command)
                || sets_any(command)
                || kept == Preserve::Program && (activates(command) || is_of_user(command, tools))
        })
        .then_some(READS)
}

fn first_words(command: &SimpleCommand) -> Vec<String> {
    command.words.iter().take(4).map(Word::text).collect()
}

/// Whether the command may give names another meaning, even after `command`, `builtin` and similar words.
fn defines(command: &SimpleCommand) -> bool {
    let words = first_words(command);
    let at = words.iter().enumerate().position(|(at, word)| {
        let is_first = is_precommand(words.get(..at).unwrap_or_default());
        is_first && DEFINING_BUILTINS.contains(&word.as_str())
    });
    let file = at.and_then(|at| words.get(at + 1));
    at.is_some() && !file.is_some_and(|file| is_virtual_environment(file))
}

/// Whether the command sets a variable whose name is computed, and so may be `PATH`: `export $(cat .env)`.
fn sets_any(command: &SimpleCommand) -> bool {
    let mut words = command.words.iter().map(Word::text);
    let is_set_by = |program: String| SET.contains(&program.as_str());
    let names = |word: String| {
        let name = word.split('=').next().unwrap_or_default();
        name.contains(['$', '`'])
    };
    match words
        .by_ref()
        .find(|word| !is_precommand(std::slice::from_ref(word)))
    {
        Some(program) if program == "printf" => {
            words.next().is_some_and(|word| word.starts_with("-v"))
                && words.next().is_some_and(names)
        }
        Some(program) => is_set_by(program) && words.any(names),
        None => false,
    }
}

/// Whether the command is a function or an alias of the user.
fn is_of_user(command: &SimpleCommand, tools: &dyn Tools) -> bool {
    let program = command.program_word();
    program.is_some_and(|program| tools.is_of_user(&program))
}

/// Whether the command adds other folders to the `PATH`.
fn activates(command: &SimpleCommand) -> bool {
    let words = first_words(command);
    let has = |at: usize, list: &[&str]| {
        let word = words.get(at).map(String::as_str);
        word.is_some_and(|word| list.contains(&word))
    };
    has(0, ACTIVATING_COMMANDS)
        || has(1, ACTIVATING_SUBCOMMANDS)
        || words.iter().any(|word| is_virtual_environment(word))
}

/// Whether the word is the script of a virtual environment: `.venv/bin/activate`.
fn is_virtual_environment(word: &str) -> bool {
    word.ends_with("bin/activate")
}

/// Whether all of these words merely precede a builtin.
fn is_precommand(words: &[String]) -> bool {
    words.iter().all(|word| {
        matches!(
            word.as_str(),
            "builtin" | "command" | "nocorrect" | "noglob"
        ) || word.starts_with('-')
    })
}

/// Whether the source names `PATH` other than to read it, or sets zsh's array.
fn sets_path(source: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let stands_alone = |start: usize, length: usize| {
        let before = source.get(..start).unwrap_or_default();
        let after = source.get(start + length..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    };
    let mut named = source.match_indices("PATH");
    let mut arrays = ARRAYS.iter().flat_map(|text| source.match_indices(text));
    named.any(|(start, text)| {
        let before = source.get(..start).unwrap_or_default();
        let after = source.get(start + text.len()..).unwrap_or_default();
        // `${PATH:=…}` sets it.
        let is_read =
            before.ends_with('$') || before.ends_with("${") && !after.starts_with([':', '=']);
        stands_alone(start, text.len()) && !is_read
    }) || arrays.any(|(start, _)| {
        let before = source.get(..start).unwrap_or_default();
        // `--path=x` and `sys.path=x` are unrelated.
        !before.ends_with(|c: char| is_part(c) || matches!(c, '-' | '.' | '$' | '/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::parse;

    /// A user's shell with a function called `mine`.
    struct Mine;

    impl Tools for Mine {
        fn passes(&self, _word: &str, _trial: crate::programs::Trial) -> bool {
            true
        }

        fn stdbuf(&self, _word: &str) -> Option<&'static str> {
            None
        }

        fn is_system_tool(&self, _word: &str) -> bool {
            true
        }

        fn is_of_user(&self, word: &str) -> bool {
            word == "mine"
        }
    }

    #[test]
    fn changed_names_are_detected() {
        for (source, is_changed) in [
            ("pytest | grep E", false),
            ("cd sub && FOO=1 pytest | grep E", false),
            ("echo $PATH; pytest | grep E", false),
            ("PYTHONPATH=src pytest | grep E", false),
            ("pytest --path=x | grep E", false),
            ("grep() { cat; }; pytest | grep E", true),
            ("PATH=/alpine:$PATH; pytest | grep E", true),
            ("export PATH=/alpine; pytest | grep E", true),
            ("pytest | PATH=/alpine grep E", true),
            ("pytest | env PATH=/alpine grep E", true),
            ("read PATH <f; pytest | grep E", true),
            ("printf -v PATH %s x; pytest | grep E", true),
            (": ${PATH:=/x}; pytest | grep E", true),
            ("path=(/alpine $path); pytest | grep E", true),
            ("source venv/bin/activate && pytest | grep E", true),
            (". ./env.sh; pytest | grep E", true),
            ("builtin source x; pytest | grep E", true),
            ("command -p . x; pytest | grep E", true),
            ("eval \"$X\"; pytest | grep E", true),
            ("alias grep=cat; pytest | grep E", true),
            ("hash -p /x grep; pytest | grep E", true),
            ("conda activate a && pytest | grep E", true),
            ("conda run -n a pytest | grep E", false),
            ("nvm use 20 && npm test | grep E", true),
            ("module load x; pytest | grep E", true),
            ("export A=$B; pytest | grep E", false),
            ("export $(cat .env); pytest | grep E", true),
            ("builtin export \"$X\"; pytest | grep E", true),
            ("declare -g $X=1; pytest | grep E", true),
            ("read -r $X <f; pytest | grep E", true),
            ("printf -v \"$X\" /x; pytest | grep E", true),
            ("printf '%s' $X; pytest | grep E", false),
            ("functions[grep]=cat; pytest | grep E", true),
            ("BASH_CMDS[grep]=/x; pytest | grep E", true),
            ("mine; pytest | grep E", true),
            ("cd x && pytest | grep E", false),
        ] {
            let script = parse(source).expect(source);
            let input = RewriteInput {
                source,
                script: &script,
                markers: &[],
            };
            let program = reason_for_change(input, "grep", Preserve::Program, &Mine);
            assert_eq!(program.is_some(), is_changed, "{source}");
            let is_environment = ["venv/", "conda activate", "nvm use", "module load", "mine;"]
                .iter()
                .any(|text| source.contains(text));
            let meaning = reason_for_change(input, "grep", Preserve::Meaning, &Mine);
            assert_eq!(meaning.is_some(), is_changed && !is_environment, "{source}");
        }
    }
}
