//! Finds the editor or terminal that shows files, and the methods to open files in it.

use super::no_viewer::NoViewer;
use super::{Editor, Method, command, extension_windows, socket};
use crate::config::{Config, Open, TabNames};
use crate::environment;

/// The editor or terminal that shows files here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Its name.
    pub name: String,
    /// The methods, in the order in which they are tried.
    pub(super) methods: Vec<Method>,
    /// Whether it belongs to the VS Code family.
    pub is_code: bool,
    /// Whether its tabs are named after the task.
    pub(super) names_tabs: bool,
}

impl Viewer {
    /// Whether a window runs bg-run's extension, which makes its tabs read-only.
    pub fn has_extension(&self) -> bool {
        self.methods.contains(&Method::Extension)
    }

    /// Chooses the viewer from the settings, the terminal and the machine.
    ///
    /// # Errors
    ///
    /// Fails with the reason if there is none.
    pub fn find(config: &Config) -> Result<Self, NoViewer> {
        if config.open == Open::Never {
            return Err(NoViewer::Off);
        }
        let pane = config.pane.then_some(Method::Pane);
        if let Some(choice) = &config.editor {
            let (name, command, is_code) = command::configured(choice)?;
            return Ok(Self {
                name,
                methods: [Method::Command(command)].into_iter().chain(pane).collect(),
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
        // A remote window's command uses the same socket, but takes longer. Another editor's terminal has no window.
        let methods: Vec<Option<Method>> = match &editor {
            Some(editor) if !editor.has_windows => vec![command, pane],
            _ if environment::vscode_socket().is_some() => {
                vec![Some(Method::Window), command, pane]
            }
            _ => vec![command, window, pane],
        };
        let extension = extension_windows::is_any_there().then_some(Method::Extension);
        let mut methods: Vec<Method> = methods.into_iter().flatten().collect();
        if let Some(method) = extension {
            // The terminal's own editor comes first. The family's own methods take the keyboard focus.
            let at = usize::from(editor.as_ref().is_some_and(|editor| !editor.has_windows));
            methods.insert(at.min(methods.len()), method);
        }
        if methods.is_empty() {
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
        let name = match (editor, methods.as_slice()) {
            (None, [Method::Pane]) => "a pane".to_owned(),
            (None, _) => "VS Code".to_owned(),
            (Some(editor), _) => editor.name,
        };
        Ok(Self {
            name,
            methods,
            is_code,
            names_tabs: is_code && config.tab_names == TabNames::Name,
        })
    }
}
