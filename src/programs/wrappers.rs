//! Programs that run another program, and how to find that other program among their arguments.

mod table;

use std::borrow::Cow;

use super::options::{has_option, has_word, interpreter_name, named_by, program_name};
use super::program_kinds::is_builtin;
use InnerCommand::Words;
use WrapperTrait::{Detaches, Environment, SeenThrough, TextAfter};
use table::WRAPPERS;

/// Position of a wrapper's inner command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InnerCommand {
    /// The words after the options and operands.
    Words,
    /// The rest after `NAME=value` words.
    Assignments,
    /// The words after `--`, wherever it stands.
    AfterDashes,
    /// The words after `-c` or `--command`, wherever it stands.
    AfterCommand,
    /// The words after `-exec` or a sibling, up to `;` or `+`.
    Exec,
    /// A script file and its arguments; after `-m` a module, after `-c` a program text.
    Script,
    /// All remaining words, joined, as shell text.
    ShellText,
}

/// Further properties of a wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrapperTrait {
    /// Some client version sees through it when it compares a rule with a command (measured, 2.1.20 to 2.1.331, for
    /// `timeout`, `time`, `nice`, `nohup` and `stdbuf`; the others to be on the safe side). A rule that begins with it
    /// matches the command only as it stands.
    SeenThrough,
    /// Its first operand is a duration that it ends the program after.
    TimeLimit,
    /// Shell text stands behind one of these options, one space between them.
    TextAfter(&'static str),
    /// An option in front makes it ask about a program and run none: `command -v`.
    NoOptions,
    /// `-m` names a Python module to run.
    ModuleAfterM,
    /// It is the Python interpreter.
    Interpreter,
    /// It is a reserved word of zsh.
    Reserved,
    /// It is a shell: `-c` is followed by text, `-n` runs nothing.
    Shell,
    /// It looks for the program inside on the `PATH` that it was started with itself.
    SamePath,
    /// When its environment doesn't get to the program inside.
    Environment(EnvironmentEnds),
    /// With one of these options, one space between, it returns at once and the program goes on by itself; with none in
    /// the list always.
    Detaches(&'static str),
}

/// When the environment of a wrapper ends at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnvironmentEnds {
    Always,
    /// Options, separated by one space.
    With(&'static str),
    /// Without all of these options.
    Without(&'static str),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Wrapper {
    /// Program and subcommands, one space between.
    name: Cow<'static, str>,
    /// Options that take the next word as their value, one space between.
    values: Cow<'static, str>,
    /// Number of words between the options and the inner command.
    pub(super) operands: usize,
    pub(super) inner: InnerCommand,
    /// Options that take no value, one space between; single letters may stand together.
    flags: &'static str,
    traits: &'static [WrapperTrait],
    /// Source of the row.
    source: Source,
}

/// Source of a wrapper's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The table.
    BuiltIn,
    /// The user's own file: an option takes a value where it says so, and none otherwise.
    User,
    /// A file of the project, which comes with a cloned repository: it counts for matching, and no edit goes inside.
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
        source: Source::BuiltIn,
    }
}

impl Wrapper {
    /// One that a file adds: the program that it runs follows its options and `operands` words more.
    pub(crate) fn of_file(
        name: String,
        values: &[String],
        operands: usize,
        source: Source,
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

    /// Program and subcommands, one space between.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the option `word` takes the next word as its value.
    pub(super) fn takes_value(&self, word: &str) -> bool {
        has_word(&self.values, word)
    }

    /// Whether edits may go to the program inside.
    pub(super) fn may_be_edited(&self) -> bool {
        self.source != Source::Project
    }

    /// Whether it is known how many words the option `word` is: one with a value of its own in it, one that the table has,
    /// or letters that the table has.
    pub(super) fn knows(&self, word: &str) -> bool {
        if self.source == Source::User || self.takes_value(word) || has_word(self.flags, word) {
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
                // What follows is its value; with nothing behind it, that is the next word.
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

    /// The options that shell text stands behind.
    pub(super) fn text_options(&self) -> Option<&'static str> {
        self.traits.iter().find_map(|found| match found {
            TextAfter(options) => Some(*options),
            _ => None,
        })
    }

    /// Whether the environment ends at it. `rest`: the words after its name.
    pub(super) fn ends_environment(&self, rest: &[String]) -> bool {
        let mut options = options_of(rest);
        self.traits.iter().any(|found| match found {
            Environment(EnvironmentEnds::Always) => true,
            Environment(EnvironmentEnds::With(list)) => {
                options.any(|option| has_word(list, option))
            }
            Environment(EnvironmentEnds::Without(list)) => {
                !options.any(|option| has_word(list, option))
            }
            _ => false,
        })
    }

    /// Whether it returns at once and the program inside goes on by itself.
    pub(super) fn detaches(&self, rest: &[String]) -> bool {
        let with =
            |list: &str| list.is_empty() || options_of(rest).any(|option| has_option(list, option));
        self.traits
            .iter()
            .any(|found| matches!(found, Detaches(list) if with(list)))
    }
}

/// The options in front, without their values.
fn options_of(rest: &[String]) -> impl Iterator<Item = &str> {
    let options = rest.iter().take_while(|word| word.starts_with('-'));
    options.map(|word| word.split('=').next().unwrap_or(word))
}

/// Whether some client version sees through `program`.
pub(crate) fn is_seen_through(program: &str) -> bool {
    let mut wrappers = WRAPPERS.iter();
    wrappers.any(|wrapper| wrapper.name == program && wrapper.has(SeenThrough))
}

/// The wrapper that `words` calls, the user's before ours, and how many of the words name it. The longest name wins:
/// `docker compose run` before `docker run`.
pub(super) fn find<'a>(own: &'a [Wrapper], words: &[String]) -> Option<(&'a Wrapper, usize)> {
    let all: &'static [Wrapper] = WRAPPERS;
    let word = words.first()?;
    let program = interpreter_name(program_name(word));
    let first = program.bytes().next();
    all.iter()
        .chain(own)
        // Nearly all of them differ there.
        .filter(|wrapper| wrapper.name.bytes().next() == first)
        // What has a folder is no builtin: `./eval` is a script.
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
    fn what_detaches_itself() {
        for (text, detaches) in [
            ("setsid -f npm run dev", true),
            ("setsid --fork npm run dev", true),
            ("setsid npm run dev", false),
            ("ssh -fN host", true),
            ("ssh -N host", false),
            ("docker run --rm -d image", true),
            ("systemd-run --user x", true),
        ] {
            let words = words(text);
            let (wrapper, named) = find(&[], &words).unwrap();
            assert_eq!(wrapper.detaches(&words[named..]), detaches, "{text}");
        }
    }
}
