//! Which editor, and by which ways.

use super::{Editor, Method, command, extension_windows, socket};
use crate::config::{Config, Open, TabNames};
use crate::environment;

/// The way in which files are shown here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The editor's name.
    pub name: String,
    /// In the order in which they are tried.
    pub(super) ways: Vec<Method>,
    /// It is one of the VS Code family.
    pub is_code: bool,
    /// Its tabs are called by what runs.
    pub(super) names_tabs: bool,
}

/// Why nothing shows files here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoViewer {
    /// `open = "never"`.
    #[error("open = \"never\"")]
    Off,
    /// `editor` names one that isn't in the table.
    #[error(
        "`editor` is `{name}` in config.toml; known are {known}, and any other is a list: [\"vi\", \"{{file}}\"]"
    )]
    Unknown {
        /// Text as written.
        name: String,
        /// The names in the table.
        known: String,
    },
    /// The editor around has no command here.
    #[error("this is {name}, and its command `{program}` isn't on the PATH")]
    NoCommand {
        /// The editor.
        name: String,
        /// Its command.
        program: String,
    },
    /// The editor around isn't in the table, and none of its own commands is there.
    #[error(
        "this is the terminal of {name}, which bg-run doesn't know, and no command lies beside its files; set `editor`"
    )]
    UnknownFork {
        /// Name of its folder.
        name: String,
    },
    /// There is no editor at all.
    #[error("no `code` found")]
    Nothing,
}

impl Viewer {
    /// Whether a window runs our extension, which makes what it shows read-only.
    pub fn has_extension(&self) -> bool {
        self.ways.contains(&Method::Extension)
    }

    /// The viewer that the settings, the terminal around and the machine give.
    ///
    /// # Errors
    ///
    /// When there is none, and why.
    pub fn find(config: &Config) -> Result<Self, NoViewer> {
        if config.open == Open::Never {
            return Err(NoViewer::Off);
        }
        let pane = config.pane.then_some(Method::Pane);
        if let Some(choice) = &config.editor {
            let (name, command, is_code) = command::configured(choice)?;
            return Ok(Self {
                name,
                ways: [Method::Command(command)].into_iter().chain(pane).collect(),
                is_code,
                names_tabs: is_code && config.tab_names == TabNames::Name,
            });
        }
        let window = socket::is_any_there().then_some(Method::Window);
        let editor = Editor::here().or_else(|| match window {
            Some(_) => None,
            None => Editor::of_another_kind(),
        });
        let command = editor
            .as_ref()
            .and_then(|editor| Some(Method::Command(editor.command_line()?)));
        // In a remote window the command goes by the same socket, only slower. Another editor's terminal has no window.
        let ways: Vec<Option<Method>> = match &editor {
            Some(editor) if !editor.has_windows => vec![command, pane],
            _ if environment::vscode_socket().is_some() => {
                vec![Some(Method::Window), command, pane]
            }
            _ => vec![command, window, pane],
        };
        let extension = extension_windows::is_any_there().then_some(Method::Extension);
        let mut ways: Vec<Method> = ways.into_iter().flatten().collect();
        if let Some(way) = extension {
            // The editor of the terminal comes first; the family's own ways take the keyboard.
            let at = usize::from(editor.as_ref().is_some_and(|editor| !editor.has_windows));
            ways.insert(at.min(ways.len()), way);
        }
        if ways.is_empty() {
            return Err(match editor {
                None => NoViewer::Nothing,
                Some(Editor {
                    name,
                    is_known: false,
                    ..
                }) => NoViewer::UnknownFork { name },
                Some(Editor { name, program, .. }) => NoViewer::NoCommand { name, program },
            });
        }
        let is_code = editor.as_ref().is_none_or(|editor| editor.has_windows);
        let name = match (editor, ways.as_slice()) {
            (None, [Method::Pane]) => "a pane".to_owned(),
            (None, _) => "VS Code".to_owned(),
            (Some(editor), _) => editor.name,
        };
        Ok(Self {
            name,
            ways,
            is_code,
            names_tabs: is_code && config.tab_names == TabNames::Name,
        })
    }
}
