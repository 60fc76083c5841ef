//! Facts about the very programs that a command's words would start.

/// An option by which a program prints line by line, and how a program shows that it takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The arguments of a call that has to do the same with the option as without.
    pub(crate) arguments: &'static [&'static str],
    /// Input of the trial.
    pub(crate) input: &'static str,
    /// Expected output, with nothing on standard error and status 0.
    pub(crate) output: Output,
}

/// Output of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// This and nothing else.
    Exactly(&'static str),
    /// This among other text.
    With(&'static str),
}

impl Output {
    /// Whether it is `printed`.
    pub(crate) fn is(self, printed: &[u8]) -> bool {
        match self {
            Self::Exactly(text) => printed == text.as_bytes(),
            Self::With(text) => memchr::memmem::find(printed, text.as_bytes()).is_some(),
        }
    }
}

/// The facts about programs that edits depend on, as the machine has them. A word is the name or the path that a command
/// is called by.
pub trait Tools {
    /// Whether the program that `word` calls passes the trial.
    fn passes(&self, word: &str, trial: Trial) -> bool;

    /// The name of a `stdbuf` that works for the program that `word` calls.
    fn stdbuf(&self, word: &str) -> Option<&'static str>;

    /// Whether `word` calls the system's own program of that name, and no function or alias of the user's.
    fn is_system_tool(&self, word: &str) -> bool;
}

/// A Linux machine with the GNU tools, for what is decided without a machine.
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
}
