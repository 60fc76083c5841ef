//! The editors: how each is recognised from inside its terminal, and how it opens a file.

use std::path::{Path, PathBuf};

use crate::{environment, programs};

/// `{file}` and `{line}` stand for what they say.
///
/// `-r` reuses the window, `-g` goes to the line; any other form of the call can open an empty window instead
/// (measured, VS Code 1.139).
const LIKE_CODE: &[&str] = &["-r", "-g", "{file}:{line}"];

/// One editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Editor {
    /// For people.
    pub name: &'static str,
    /// Its command.
    pub program: &'static str,
    /// What that command is called with.
    pub arguments: &'static [&'static str],
    /// Its folder among the user's settings; `None` where that isn't known.
    pub settings_folder: Option<&'static str>,
    /// What stands, in small letters, in the variables that its terminal sets.
    mark: &'static str,
    /// Taken without being configured or recognised, where its command is on the `PATH`.
    found_by_path: bool,
}

const fn like_code(
    name: &'static str,
    program: &'static str,
    settings_folder: &'static str,
    mark: &'static str,
) -> Editor {
    Editor {
        name,
        program,
        arguments: LIKE_CODE,
        settings_folder: Some(settings_folder),
        mark,
        found_by_path: true,
    }
}

/// One that is used only when it is configured.
const fn other(
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
) -> Editor {
    Editor {
        name,
        program,
        arguments,
        settings_folder: None,
        mark: "",
        found_by_path: false,
    }
}

/// Those with a narrower mark first: all forks of VS Code call themselves `vscode` too.
#[rustfmt::skip]
const EDITORS: &[Editor] = &[
    like_code("Cursor", "cursor", "Cursor", "cursor"),
    like_code("Windsurf", "windsurf", "Windsurf", "windsurf"),
    like_code("Antigravity", "antigravity", "Antigravity", "antigravity"),
    like_code("VSCodium", "codium", "VSCodium", "codium"),
    like_code("VS Code Insiders", "code-insiders", "Code - Insiders", "insider"),
    like_code("code-server", "code-server", "code-server", "code-server"),
    like_code("VS Code", "code", "Code", "vscode"),
    other("Zed", "zed", &["{file}:{line}"]),
    other("IntelliJ IDEA", "idea", &["--line", "{line}", "{file}"]),
    other("PyCharm", "pycharm", &["--line", "{line}", "{file}"]),
    other("WebStorm", "webstorm", &["--line", "{line}", "{file}"]),
    other("GoLand", "goland", &["--line", "{line}", "{file}"]),
    other("CLion", "clion", &["--line", "{line}", "{file}"]),
    other("RustRover", "rustrover", &["--line", "{line}", "{file}"]),
];

/// Where an editor's command lies, seen from the folder that holds its `extensions`.
const COMMAND_FOLDERS: &[&str] = &["bin", "../../bin", "bin/remote-cli"];

impl Editor {
    /// The editor called `name`, by its command or its name for people.
    pub fn named(name: &str) -> Option<&'static Self> {
        EDITORS
            .iter()
            .find(|editor| editor.program == name || editor.name.eq_ignore_ascii_case(name))
    }

    /// The names that [`Editor::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EDITORS.iter().map(|editor| editor.program)
    }

    /// The editor whose terminal this process runs in.
    pub fn around() -> Option<&'static Self> {
        let marks = environment::editor_marks().to_ascii_lowercase();
        EDITORS
            .iter()
            .find(|editor| !editor.mark.is_empty() && marks.contains(editor.mark))
    }

    /// The first editor whose command is on the `PATH`; VS Code before its forks.
    pub fn installed() -> Option<&'static Self> {
        let mut editors = EDITORS.iter().rev();
        editors.find(|editor| editor.found_by_path && programs::find(editor.program).is_some())
    }

    /// Its command: on the `PATH`, else beside the files of the editor around.
    pub fn command(&self) -> Option<PathBuf> {
        programs::find(self.program).or_else(|| {
            let askpass = environment::vscode_askpass()?;
            let mut folders = askpass.ancestors();
            let app =
                folders.find(|dir| dir.file_name().is_some_and(|name| name == "extensions"))?;
            let app = app.parent()?;
            COMMAND_FOLDERS
                .iter()
                .map(|folder| app.join(folder).join(self.program))
                .find(|path| Path::is_file(path))
        })
    }
}
