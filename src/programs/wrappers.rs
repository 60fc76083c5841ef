//! Programs that run another program, and the position of that program among their arguments.

mod table;

use std::borrow::Cow;

use super::names::{interpreter_name, program_name};
use super::options::{has_word, named_by};
use super::program_kinds::is_builtin;
use InnerCommand::Words;
use WrapperTrait::{Detaches, Environment, NamesProgram, SeenThrough, TextAfter};
use table::WRAPPERS;

/// The position of a wrapper's inner command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InnerCommand {
    /// The words after options and operands.
    Words,
    /// The words after `NAME=value` words.
    Assignments,
    /// The words after `--`, wherever that is.
    AfterDashes,
    /// The words after `-c` or `--command`, wherever that is.
    AfterCommand,
    /// Shell text after an option, wherever that is. No other word is a program.
    Text,
    /// The words after `-exec` or a similar option, up to `;` or `+`.
    Exec,
    /// A script file and its arguments, or a module after `-m`, or program text after `-c`.
    Script,
    /// All remaining words, joined as shell text.
    ShellText,
}

/// Further properties of a wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrapperTrait {
    /// Some client version ignores it when comparing a rule with a command (measured, 2.1.20 to 2.1.331, for
    /// `timeout`, `time`, `nice`, `nohup` and `stdbuf`; assumed for the others to be safe). A rule that begins with it
    /// matches only the unedited command.
    SeenThrough,
    /// Takes a time limit for the inner program as its first operand.
    TimeLimit,
    /// Shell text follows one of these options, which are separated by one space.
    TextAfter(&'static str),
    /// Describes a program without running it, if an option precedes: `command -v`.
    NoOptions,
    /// `-m` names a Python module to run.
    ModuleAfterM,
    /// The Python interpreter.
    Interpreter,
    /// A reserved word of zsh.
    Reserved,
    /// A shell: text follows `-c`, and `-n` runs nothing.
    Shell,
    /// Searches the inner program on the `PATH` with which it was started.
    SamePath,
    /// Hides the environment from the inner program under this condition.
    Environment(EnvironmentEnds),
    /// Returns at once, while the inner program continues, with one of these options, separated by one space. An empty
    /// list means always.
    Detaches(&'static str),
    /// Takes the following words as arguments of the program that one of these options names; separated by one space.
    NamesProgram(&'static str),
}

/// The condition under which a wrapper hides the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnvironmentEnds {
    Always,
    /// Options, separated by one space.
    With(&'static str),
    /// Without all of these options.
    Without(&'static str),
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Wrapper {
    /// The program and its subcommands, separated by one space.
    name: Cow<'static, str>,
    /// Options with a separate value, separated by one space.
    values: Cow<'static, str>,
    /// Number of operands between the options and the inner command.
    pub(super) operands: usize,
    pub(super) inner: InnerCommand,
    /// Options without a value, separated by one space. Single letters may be bundled.
    flags: &'static str,
    traits: &'static [WrapperTrait],
    /// Source of the row.
    source: WrapperSource,
}

/// The source of a wrapper's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrapperSource {
    /// The built-in table.
    BuiltIn,
    /// The user's own file, which lists all options with a value.
    User,
    /// A file of the project, which comes with a cloned repository. The wrapper counts for matching; its inner program
    /// is never edited.
    Project,
}

const fn wrapper(
    name: &'static str,
    values: &'static str,
    operands: usize,
    inner: InnerCommand,
) -> Wrapper {
    Wrapper {
        name: Cow::Borrowed(name),
        values: Cow::Borrowed(values),
        operands,
        inner,
        flags: "",
        traits: &[],
        source: WrapperSource::BuiltIn,
    }
}

impl Wrapper {
    /// Creates a row from a file. The inner program follows the options and `operands` more words.
    pub(crate) fn of_file(
        name: String,
        values: &[String],
        operands: usize,
        source: WrapperSource,
    ) -> Self {
        Self {
            name: name.into(),
            values: values.join(" ").into(),
            operands,
            inner: Words,
            flags: "",
            traits: &[],
            source,
        }
    }

    const fn flags(mut self, flags: &'static str) -> Self {
        self.flags = flags;
        self
    }

    const fn with(mut self, traits: &'static [WrapperTrait]) -> Self {
        self.traits = traits;
        self
    }

    /// Returns the program and its subcommands, separated by one space.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the option `word` takes the next word as its value.
    pub(super) fn takes_value(&self, word: &str) -> bool {
        has_word(&self.values, word)
    }

    /// Whether edits to the inner program are allowed.
    pub(super) fn may_be_edited(&self) -> bool {
        self.source != WrapperSource::Project
    }

    /// Whether the number of words of the option `word` is known: it contains its value, or the table has it or all
    /// its letters.
    pub(super) fn knows(&self, word: &str) -> bool {
        if self.source == WrapperSource::User
            || self.takes_value(word)
            || has_word(self.flags, word)
        {
            return true;
        }
        if word.starts_with("--") {
            return word.contains('=');
        }
        let mut letters = word.chars().skip(1);
        loop {
            let Some(letter) = letters.next() else {
                return true;
            };
            let option = format!("-{letter}");
            if self.takes_value(&option) {
                // The rest is its value; if there is none, the value is the next word.
                return letters.next().is_some();
            }
            if !has_word(self.flags, &option) {
                return false;
            }
        }
    }

    pub(super) fn has(&self, wanted: WrapperTrait) -> bool {
        self.traits.contains(&wanted)
    }

    /// Returns the options that are followed by shell text.
    pub(super) fn text_options(&self) -> Option<&'static str> {
        self.traits.iter().find_map(|found| match found {
            TextAfter(options) => Some(*options),
            _ => None,
        })
    }

    /// Whether the wrapper hides the environment from the inner program; `rest` are the words after its name.
    pub(super) fn ends_environment(&self, rest: &[String]) -> bool {
        self.traits.iter().any(|found| match found {
            Environment(EnvironmentEnds::Always) => true,
            Environment(EnvironmentEnds::With(list)) => self.has_option(list, rest),
            Environment(EnvironmentEnds::Without(list)) => !self.has_option(list, rest),
            _ => false,
        })
    }

    /// Whether the wrapper returns at once while the inner program continues.
    pub(super) fn detaches(&self, rest: &[String]) -> bool {
        self.traits.iter().any(|found| {
            matches!(found, Detaches(list) if list.is_empty() || self.has_option(list, rest))
        })
    }

    /// Whether one of its options names the program, so that no other word does.
    pub(super) fn names_program(&self, rest: &[String]) -> bool {
        self.traits
            .iter()
            .any(|found| matches!(found, NamesProgram(list) if self.has_option(list, rest)))
    }

    /// Whether one of the options in `list` is among the leading options.
    fn has_option(&self, list: &str, rest: &[String]) -> bool {
        self.options_in(rest)
            .iter()
            .any(|option| has_word(list, option))
    }

    /// Returns the leading options, with bundles split and without values.
    fn options_in(&self, rest: &[String]) -> Vec<String> {
        let mut options = Vec::new();
        let mut words = rest.iter();
        while let Some(word) = words.next().filter(|word| word.starts_with('-')) {
            let name = word.split('=').next().unwrap_or(word);
            if word.starts_with("--") || self.takes_value(word) || has_word(self.flags, word) {
                options.push(name.to_owned());
                if self.takes_value(word) {
                    words.next();
                }
                continue;
            }
            for (at, letter) in word.char_indices().skip(1) {
                let option = format!("-{letter}");
                let has_value = self.takes_value(&option);
                options.push(option);
                if has_value {
                    if at + letter.len_utf8() == word.len() {
                        words.next();
                    }
                    break;
                }
            }
        }
        options
    }
}

/// Whether some client version ignores `program`.
pub(crate) fn is_seen_through(program: &str) -> bool {
    let mut wrappers = WRAPPERS.iter();
    wrappers.any(|wrapper| wrapper.name == program && wrapper.has(SeenThrough))
}

/// Returns the wrapper that `words` call, and the number of words in its name. The user's wrappers come first. The
/// longest name wins: `docker compose run` before `docker run`.
pub(super) fn find<'a>(own: &'a [Wrapper], words: &[String]) -> Option<(&'a Wrapper, usize)> {
    let all: &'static [Wrapper] = WRAPPERS;
    let word = words.first()?;
    let program = interpreter_name(program_name(word));
    let first = program.bytes().next();
    all.iter()
        .chain(own)
        // Most names differ in their first byte.
        .filter(|wrapper| wrapper.name.bytes().next() == first)
        // A word with a folder is no builtin: `./eval` is a script.
        .filter(|wrapper| !word.contains('/') || !is_builtin(&wrapper.name))
        .filter_map(|wrapper| Some((wrapper, named_by(&wrapper.name, program, words)?)))
        .max_by_key(|(wrapper, _)| wrapper.name.split(' ').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_longest_name_wins() {
        let found = |text: &str| {
            let words = words(text);
            find(&[], &words).map(|(wrapper, named)| (wrapper.name().to_owned(), named))
        };
        let compose = ("docker compose run".to_owned(), 5);
        assert_eq!(
            found("docker compose -f x.yml run --rm web pytest"),
            Some(compose)
        );
        let tokf = Some(("tokf run".to_owned(), 2));
        assert_eq!(found("tokf run cargo test"), tokf);
        assert_eq!(found("tokf ls"), None);
        let python = Some(("python".to_owned(), 1));
        assert_eq!(found("python3.12 x.py"), python);
        assert_eq!(found("$PYTHON x.py"), python);
        assert_eq!(found(".venv/Scripts/python.exe x.py"), python);
        assert_eq!(found("pytest -x"), None);
        for builtin in ["eval", "exec", "command"] {
            assert!(found(&format!("{builtin} x")).is_some());
            assert_eq!(found(&format!("./{builtin} x")), None);
        }
    }

    #[test]
    fn some_wrappers_detach_their_program() {
        for (text, detaches) in [
            ("setsid -f npm run dev", true),
            ("setsid --fork npm run dev", true),
            ("setsid npm run dev", false),
            ("ssh -fN host", true),
            ("ssh -N host", false),
            ("docker run --rm -d image", true),
            ("docker run --name d -itd image", true),
            ("docker run --name -d image", false),
            ("ssh -p 22 -f host", true),
            ("ssh -p 22 -lf host", false),
            ("systemd-run --user x", true),
        ] {
            let words = words(text);
            let (wrapper, named) = find(&[], &words).unwrap();
            assert_eq!(wrapper.detaches(&words[named..]), detaches, "{text}");
        }
    }
}
