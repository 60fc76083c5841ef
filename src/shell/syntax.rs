//! The parts of a shell script that decisions and edits need: its simple commands in the order of the text, each with
//! byte spans and its position in the script.
//!
//! The terms are those of the POSIX shell grammar (XCU 2.9 and 2.10): simple command, word, assignment, redirection,
//! pipeline.

/// A range of bytes in the source text, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A parsed script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// All simple commands in the order of the text, including those in substitutions and function bodies.
    pub simple_commands: Vec<SimpleCommand>,
    /// All pipelines of two or more stages.
    pub pipelines: Vec<Pipeline>,
    /// The names of the functions that it defines.
    pub functions: Vec<String>,
    /// The files to which redirections write.
    pub output_files: Vec<OutputFile>,
    /// The folders in which its commands run, as named by `cd`: absolute, or relative to the initial folder, which is
    /// the first.
    pub directories: Vec<String>,
    /// Whether the shell may end in another folder than the initial one.
    pub changes_folder: bool,
    /// The commands that determine its exit status.
    pub status: super::ScriptStatus,
}

/// The target of a redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Text as written.
    pub raw: String,
    /// Index in [`Script::directories`] of the folder to which a relative path refers, if the text shows that.
    pub directory: Option<usize>,
}

/// Assignments, words and redirections that the shell runs as one program, builtin or function.
#[derive(Debug, Clone)]
pub struct SimpleCommand {
    /// The `NAME=value` words before the first other word.
    pub assignments: Vec<Word>,
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// The redirections in the order of the text, without those that `|&` implies.
    pub redirections: Vec<Redirection>,
    /// Its context in the script.
    pub context: CommandContext,
    /// Sink of descriptor 1 after its own redirections.
    pub stdout: Sink,
    /// Sink of descriptor 2 after its own redirections.
    pub stderr: Sink,
}

/// A shell word as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text with its quotes and expansions.
    pub raw: String,
    /// Its span in the source; inside a substitution, the span of the word that contains the substitution.
    pub span: Span,
}

/// A redirection, reduced to what is needed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// Whether it is `<`, `<<` or `<<<` on standard input and nothing else.
    pub feeds_stdin: bool,
    /// The operator, descriptor and target, for comparing two parses.
    pub shape: String,
}

/// The destination of bytes written to a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// The script's own standard output.
    Stdout,
    /// The script's own standard error.
    Stderr,
    /// The next stage of a pipeline.
    Pipe {
        /// Index in [`Script::pipelines`].
        pipeline: usize,
        /// Index of the writing stage.
        stage: usize,
    },
    /// The file with this index in [`Script::output_files`].
    File(usize),
    /// A substitution, or a closed or unknown descriptor.
    Elsewhere,
}

/// The context in which a simple command runs: its position in the script, and the sinks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of the grammar, each used by another edit"
)]
pub struct CommandContext {
    /// Whether its text can be edited, because it isn't inside a substitution.
    pub editable: bool,
    /// Whether it is part of a list item that `&` sends to the background.
    pub asynchronous: bool,
    /// Whether it directly follows the reserved word `time`.
    pub timed: bool,
    /// Whether it is in the body or the condition of a loop.
    pub in_loop: bool,
    /// Index in [`Script::functions`] of the function whose body contains it.
    pub function: Option<usize>,
    /// Whether `&&`, `||`, `!`, `if`, `while` or a substitution uses its exit status.
    pub status_used: bool,
    /// Index in [`Script::directories`] of the folder in which it runs, if the text shows that.
    pub directory: Option<usize>,
    /// Sink of descriptor 1 before the command's own redirections.
    pub stdout: Sink,
    /// Sink of descriptor 2 before the command's own redirections.
    pub stderr: Sink,
}

/// Two or more commands joined by `|` or `|&`.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The stages, in the order of the text.
    pub stages: Vec<Stage>,
    /// The context of the pipeline as a whole.
    pub context: CommandContext,
    /// Whether it is the last thing that the script runs, apart from a `|| true`, which sets the status to 0.
    pub is_last: bool,
    /// Whether it runs once, in the order of the text: it is in no loop, branch, group or function.
    pub is_top_level: bool,
}

/// A command of a pipeline.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The span of its text, including redirections.
    pub span: Span,
    /// Index in [`Script::simple_commands`], if it is a simple command.
    pub simple_command: Option<usize>,
    /// Whether it also pipes its standard error (`|&`).
    pub joins_stderr: bool,
    /// Whether it is a subshell, `( … )`.
    pub is_subshell: bool,
}

impl Redirection {
    /// Whether the redirection is exactly `2>&1`.
    pub fn joins_stderr(&self) -> bool {
        self.shape == "2>&1"
    }

    /// Whether the redirection is `<<` or `<<<` on standard input.
    pub fn is_here_document(&self) -> bool {
        self.feeds_stdin && self.shape.contains("<<")
    }
}

impl SimpleCommand {
    /// Returns the first byte of the first assignment or word.
    pub fn start(&self) -> Option<usize> {
        let first = self.assignments.first().or(self.words.first())?;
        Some(first.span.start)
    }

    /// Returns the byte after the last word.
    pub fn words_end(&self) -> Option<usize> {
        self.words.last().map(|word| word.span.end)
    }

    /// Returns the word that names the program as the shell sees it, including a written folder.
    pub fn program_word(&self) -> Option<String> {
        Some(self.words.first()?.text())
    }

    /// Returns the program's name as the shell sees it, without a folder.
    pub fn program(&self) -> Option<String> {
        let text = self.program_word()?;
        Some(super::word::base_name(&text).to_owned())
    }
}

impl Word {
    /// Returns the word without quotes. Expansions stay as written.
    pub fn text(&self) -> String {
        super::word::unquote(&self.raw)
    }

    /// Returns `NAME` and the raw value if the word is an assignment.
    pub fn as_assignment(&self) -> Option<(&str, &str)> {
        let (name, value) = self.raw.split_once('=')?;
        let mut bytes = name.bytes();
        let first = bytes.next()?;
        let starts_right = first.is_ascii_alphabetic() || first == b'_';
        let rest_right = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (starts_right && rest_right).then_some((name, value))
    }
}
