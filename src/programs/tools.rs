//! Facts about the exact programs that a command's words would start.

/// A trial that shows whether a program accepts an option for printing line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Arguments with which the program does the same with and without the option.
    pub(crate) arguments: &'static [&'static str],
    /// Input of the trial.
    pub(crate) input: &'static str,
    /// Expected output, with nothing on standard error and exit status 0.
    pub(crate) output: TrialOutput,
}

/// The expected output of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrialOutput {
    /// Exactly this text.
    Exactly(&'static str),
    /// Text that includes this.
    With(&'static str),
}

impl TrialOutput {
    /// Whether `printed` matches.
    pub(crate) fn is(self, printed: &[u8]) -> bool {
        match self {
            Self::Exactly(text) => printed == text.as_bytes(),
            Self::With(text) => memchr::memmem::find(printed, text.as_bytes()).is_some(),
        }
    }
}

/// Facts about this machine's programs on which edits depend. A word is the name or path by which a command calls a
/// program.
pub trait Tools {
    /// Whether the program that `word` calls passes the trial.
    fn passes(&self, word: &str, trial: Trial) -> bool;

    /// Returns the name of a `stdbuf` that works for the program that `word` calls.
    fn stdbuf(&self, word: &str) -> Option<&'static str>;

    /// Whether `word` calls the system's own program of that name, not a function or alias of the user.
    fn is_system_tool(&self, word: &str) -> bool;

    /// Whether the user's start files define a function or an alias called `word`, which may do anything.
    fn is_of_user(&self, word: &str) -> bool;
}

/// A Linux machine with the GNU tools, for decisions without a real machine.
#[derive(Debug, Clone, Copy)]
pub struct GnuTools;

impl Tools for GnuTools {
    fn passes(&self, word: &str, trial: Trial) -> bool {
        let is_bsd = trial.arguments.first() == Some(&"-l");
        let is_mawk = trial.arguments.first() == Some(&"-W");
        let is_called_mawk = crate::shell::base_name(word) == "mawk";
        !is_bsd && is_mawk == is_called_mawk
    }

    fn stdbuf(&self, _word: &str) -> Option<&'static str> {
        Some("stdbuf")
    }

    fn is_system_tool(&self, word: &str) -> bool {
        !word.contains('/')
            || ["/bin/", "/usr/bin/"]
                .iter()
                .any(|dir| word.starts_with(dir))
    }

    fn is_of_user(&self, _word: &str) -> bool {
        false
    }
}
