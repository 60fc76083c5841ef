//! The parts of a shell script that deciding and rewriting need: its simple commands in the order of the text, each with
//! byte spans and its position in the script.
//!
//! Terms are those of the POSIX shell grammar (XCU 2.9 and 2.10): simple command, word, assignment,
//! redirection, pipeline.

/// A range of bytes in the source text, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A parsed script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Every simple command, in the order of the text, those inside substitutions and function bodies too.
    pub simple_commands: Vec<SimpleCommand>,
    /// Every pipeline of two or more stages.
    pub pipelines: Vec<Pipeline>,
    /// The names of the functions that it defines.
    pub functions: Vec<String>,
    /// The files that redirections write to.
    pub output_files: Vec<OutputFile>,
    /// The folders that its commands run in, as `cd` names them: absolute, or from where the script starts. The
    /// first is where it starts.
    pub directories: Vec<String>,
    /// The shell may stand in another folder at its end than at its start.
    pub changes_folder: bool,
    /// Which commands have a say in its exit status.
    pub status: super::ScriptStatus,
}

/// The target of a redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Text as written.
    pub raw: String,
    /// See [`Place::directory`].
    pub directory: Option<usize>,
}

/// Assignments, words and redirections that the shell runs as one program, builtin or function.
#[derive(Debug, Clone)]
pub struct SimpleCommand {
    /// `NAME=value` before the first word.
    pub assignments: Vec<Word>,
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// In the order of the text; those that the shell adds itself for `|&` are not among them.
    pub redirections: Vec<Redirection>,
    /// Its position.
    pub place: Place,
    /// Target of descriptor 1 after its own redirections.
    pub stdout: Sink,
    /// Target of descriptor 2 after them.
    pub stderr: Sink,
}

/// One shell word as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Text with its quotes and expansions.
    pub raw: String,
    /// Its place in the source; inside a substitution, the place of the word that holds the substitution.
    pub span: Span,
}

/// A redirection, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// `true` for `<`, `<<` and `<<<` on standard input: nothing else changes its direction.
    pub feeds_stdin: bool,
    /// Operator, descriptor and target, to compare two parses by.
    pub shape: String,
}

/// Target of the bytes written to a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// The standard output that the script was started with.
    Stdout,
    /// The standard error that the script was started with.
    Stderr,
    /// The next stage of a pipeline.
    Pipe {
        /// Index in [`Script::pipelines`].
        pipeline: usize,
        /// Index of the stage that writes.
        stage: usize,
    },
    /// The file with this index in [`Script::output_files`].
    File(usize),
    /// A substitution, a closed or an unknown descriptor.
    Elsewhere,
}

/// The circumstances a simple command runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of the grammar, each used by another edit"
)]
pub struct Place {
    /// Its text can be edited: it isn't inside a substitution.
    pub editable: bool,
    /// Part of a list item that `&` sends to the background.
    pub asynchronous: bool,
    /// It follows the reserved word `time`, directly.
    pub timed: bool,
    /// It stands in the body or the condition of a loop.
    pub in_loop: bool,
    /// It stands in the body of the function with this index in [`Script::functions`].
    pub function: Option<usize>,
    /// `&&`, `||`, `!`, `if`, `while` or a substitution reads its exit status.
    pub status_used: bool,
    /// The index in [`Script::directories`] of the folder it runs in, where the text tells.
    pub directory: Option<usize>,
    /// Target of descriptor 1 before the command's own redirections.
    pub stdout: Sink,
    /// Target of descriptor 2 before the command's own redirections.
    pub stderr: Sink,
}

/// Two or more commands joined by `|` or `|&`.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// In the order of the text.
    pub stages: Vec<Stage>,
    /// The place of the pipeline as a whole.
    pub place: Place,
    /// It is the last thing that the script runs, but for a `|| true` that makes its status 0.
    pub is_last: bool,
    /// It is run once, in the order of the text: it stands in no loop, branch, group or function.
    pub is_on_top: bool,
}

/// One command of a pipeline.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its text, redirections included.
    pub span: Span,
    /// Its index in [`Script::simple_commands`], where it is one.
    pub simple_command: Option<usize>,
    /// It hands its standard error over as well (`|&`).
    pub joins_stderr: bool,
    /// It is a shell of its own, `( … )`.
    pub is_subshell: bool,
}

impl Redirection {
    /// `2>&1`, and nothing else.
    pub fn joins_stderr(&self) -> bool {
        self.shape == "2>&1"
    }

    /// `<<` or `<<<` on standard input.
    pub fn is_here_document(&self) -> bool {
        self.feeds_stdin && self.shape.contains("<<")
    }
}

impl SimpleCommand {
    /// The first byte of the first assignment or word.
    pub fn start(&self) -> Option<usize> {
        let first = self.assignments.first().or(self.words.first())?;
        Some(first.span.start)
    }

    /// One past the last byte of the last word.
    pub fn words_end(&self) -> Option<usize> {
        self.words.last().map(|word| word.span.end)
    }

    /// The word that names the program, as the shell would see it: with its folder, where it has one.
    pub fn program_word(&self) -> Option<String> {
        Some(self.words.first()?.text())
    }

    /// The program's name as the shell would see it, without its folder.
    pub fn program(&self) -> Option<String> {
        let text = self.program_word()?;
        Some(super::word::base_name(&text).to_owned())
    }
}

impl Word {
    /// The word without its quotes; expansions stay as they are written.
    pub fn text(&self) -> String {
        super::word::unquote(&self.raw)
    }

    /// `NAME` and the raw value, where the word is an assignment.
    pub fn as_assignment(&self) -> Option<(&str, &str)> {
        let (name, value) = self.raw.split_once('=')?;
        let mut bytes = name.bytes();
        let first = bytes.next()?;
        let starts_right = first.is_ascii_alphabetic() || first == b'_';
        let rest_right = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (starts_right && rest_right).then_some((name, value))
    }
}
