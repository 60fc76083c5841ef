//! The shell's syntax: parses text to simple commands with byte spans, and applies edits to the text.

pub(crate) mod directory;
mod edit;
mod guard;
mod lower;
mod own_log;
mod parse_error;
mod redirection;
mod status;
mod syntax;
pub(crate) mod word;

pub use edit::{Edit, apply};
pub use own_log::{logs_with_stderr, own_logs};
pub use parse_error::ParseError;
pub use status::{ScriptStatus, status_of};
pub use syntax::{
    CommandContext, OutputFile, Pipeline, Redirection, Script, SimpleCommand, Sink, Span, Stage,
    Word,
};
pub(crate) use word::base_name;

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
