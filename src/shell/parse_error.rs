//! The reason why a command isn't parsed.

/// The reason why a text wasn't parsed. It then stays unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text exceeds the maximum length.
    #[error("the command is {length} bytes long; up to {limit} are read")]
    TooLong {
        /// The maximum length in bytes.
        limit: usize,
        /// The text's length in bytes.
        length: usize,
    },
    /// The text is nested too deeply, or has too many commands in one list.
    #[error("the command is nested too deeply or contains too many commands")]
    TooDeep,
    /// The text contains a NUL or a carriage return, which shells read differently.
    #[error("the command contains a NUL or a carriage return")]
    ControlCharacter,
    /// The text isn't shell syntax, or the parser doesn't know it.
    #[error("the command doesn't parse: {0}")]
    Syntax(String),
    /// The parser returned a position outside the text.
    #[error("the parser gave a span outside the command")]
    Span,
}
