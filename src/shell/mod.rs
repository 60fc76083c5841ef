//! The shell: from text to simple commands with byte spans, and edits back into text.

pub(crate) mod directory;
mod edit;
mod guard;
mod lower;
mod own_log;
mod redirection;
mod status;
mod syntax;
pub(crate) mod word;

pub use edit::{Edit, apply};
pub use own_log::{own_logs, whole_logs};
pub use status::{ScriptStatus, status_of};
pub use syntax::{
    OutputFile, Pipeline, Place, Redirection, Script, SimpleCommand, Sink, Span, Stage, Word,
};
pub(crate) use word::base_name;

/// Why a text wasn't parsed. It is then left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than is parsed.
    #[error("the command is {length} bytes long; up to {limit} are read")]
    TooLong {
        /// In bytes.
        limit: usize,
        /// In bytes.
        length: usize,
    },
    /// Nested deeper, or more commands in one list, than is parsed.
    #[error("the command nests too deep or holds too many commands")]
    TooDeep,
    /// A NUL or a carriage return, which no two shells read alike.
    #[error("the command holds a NUL or a carriage return")]
    ControlCharacter,
    /// Not shell, or shell that the parser doesn't know.
    #[error("the command doesn't parse: {0}")]
    Syntax(String),
    /// The parser named a place that isn't in the text.
    #[error("the parser gave a span outside the command")]
    Span,
}

/// Parses a Bash script.
///
/// # Errors
///
/// See [`ParseError`]; no input makes it panic or run long.
pub fn parse(source: &str) -> Result<Script, ParseError> {
    guard::check(source)?;
    let nodes =
        rable::parse(source, false).map_err(|error| ParseError::Syntax(error.to_string()))?;
    lower::lower(source, &nodes)
}
