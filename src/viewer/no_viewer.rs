//! The reasons why no editor or terminal shows files here.

/// The reason why nothing shows files here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoViewer {
    /// `open = "never"`.
    #[error("open = \"never\"")]
    Off,
    /// `editor` names one that isn't in the table.
    #[error(
        "`editor` is `{name}` in config.toml; known ones are {known}, and any other is a list: [\"vi\", \"{{file}}\"]"
    )]
    Unknown {
        /// The name as written.
        name: String,
        /// The names in the table.
        known: String,
    },
    /// This terminal's editor has no command here.
    #[error("this is {name}, and its command `{program}` isn't on the PATH")]
    NoCommand {
        /// The editor's name.
        name: String,
        /// The editor's command.
        program: String,
    },
    /// This terminal's editor isn't in the table, and none of its own commands exists.
    #[error(
        "this is the terminal of {name}, which bg-run doesn't know, and there is no command beside its files; set `editor`"
    )]
    UnknownFork {
        /// The name of its folder.
        name: String,
    },
    /// There is no editor.
    #[error("no editor found")]
    Nothing,
}
