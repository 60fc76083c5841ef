//! The shell's syntax: parses text to simple commands with byte spans, and applies edits to the text.

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

/// The reason why a text wasn't parsed. It then stays unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It exceeds the maximum length.
    #[error("the command is {length} bytes long; up to {limit} are read")]
    TooLong {
        /// The maximum length in bytes.
        limit: usize,
        /// Its length in bytes.
        length: usize,
    },
    /// It is nested too deeply, or has too many commands in one list.
    #[error("the command nests too deep or holds too many commands")]
    TooDeep,
    /// It contains a NUL or a carriage return, which shells read differently.
    #[error("the command holds a NUL or a carriage return")]
    ControlCharacter,
    /// It isn't shell syntax, or the parser doesn't know it.
    #[error("the command doesn't parse: {0}")]
    Syntax(String),
    /// The parser returned a position outside the text.
    #[error("the parser gave a span outside the command")]
    Span,
}

/// Parses a Bash script.
///
/// # Errors
///
/// See [`ParseError`]. No input makes it panic or run long.
pub fn parse(source: &str) -> Result<Script, ParseError> {
    guard::check(source)?;
    let nodes =
        rable::parse(source, false).map_err(|error| ParseError::Syntax(error.to_string()))?;
    lower::lower(source, &nodes)
}
