//! The editors: how each is recognised from inside its terminal, and how it opens a file.

use std::path::{Path, PathBuf};

use directories::BaseDirs;

use crate::{environment, programs};

/// `{file}` and `{line}` stand for what they say.
///
/// `-r` reuses the window, `-g` goes to the line; any other form of the call can open an empty window instead
/// (measured, VS Code 1.139).
pub(super) const LIKE_CODE: &[&str] = &["-r", "-g", "{file}:{line}"];

const LIKE_IDEA: &[&str] = &["--line", "{line}", "{file}"];

/// One line of the table.
struct Row {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    settings_folder: Option<&'static str>,
    mark: &'static str,
    family: Family,
}

/// How an editor is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// VS Code and its forks: their terminals, then the `PATH`.
    Code,
    /// The same, but never by the `PATH` alone: its command would start another server.
    CodeServer,
    /// Its terminal says so.
    Zed,
    /// Their terminals say that they are one of these.
    JetBrains,
}

const fn like_code(
    name: &'static str,
    program: &'static str,
    settings_folder: &'static str,
    mark: &'static str,
) -> Row {
    Row {
        name,
        program,
        arguments: LIKE_CODE,
        settings_folder: Some(settings_folder),
        mark,
        family: Family::Code,
    }
}

/// `mark`: the end of its bundle identifier.
const fn jet_brains(name: &'static str, program: &'static str, mark: &'static str) -> Row {
    Row {
        name,
        program,
        arguments: LIKE_IDEA,
        settings_folder: None,
        mark,
        family: Family::JetBrains,
    }
}

/// Those with a narrower mark first: all forks of VS Code call themselves `vscode` too. A mark stands, in small
/// letters, in the name of the editor's own folder.
#[rustfmt::skip]
const EDITORS: &[Row] = &[
    like_code("Cursor", "cursor", "Cursor", "cursor"),
    like_code("Windsurf", "windsurf", "Windsurf", "windsurf"),
    like_code("Antigravity", "antigravity", "Antigravity", "antigravity"),
    like_code("VSCodium", "codium", "VSCodium", "codium"),
    like_code("VS Code Insiders", "code-insiders", "Code - Insiders", "insider"),
    Row { family: Family::CodeServer, ..like_code("code-server", "code-server", "code-server", "code-server") },
    like_code("VS Code", "code", "Code", "code"),
    Row { name: "Zed", program: "zed", arguments: &["{file}:{line}"], settings_folder: None, mark: "zed", family: Family::Zed },
    jet_brains("IntelliJ IDEA", "idea", "intellij"),
    jet_brains("PyCharm", "pycharm", "pycharm"),
    jet_brains("WebStorm", "webstorm", "webstorm"),
    jet_brains("GoLand", "goland", "goland"),
    jet_brains("CLion", "clion", "clion"),
    jet_brains("RustRover", "rustrover", "rustrover"),
];

/// Where an editor's command lies, seen from the folder that holds its `extensions`.
const COMMAND_FOLDERS: &[&str] = &["bin", "../../bin", "bin/remote-cli"];

/// An editor on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// Its name, as people write it.
    pub name: String,
    /// Its command.
    pub program: String,
    /// Its folder among the user's settings; `None` where that isn't known.
    pub settings_folder: Option<&'static str>,
    /// Its windows can be reached by their sockets.
    pub(super) has_windows: bool,
    arguments: &'static [&'static str],
    /// It stands in the table.
    pub(super) is_known: bool,
}

impl Row {
    fn editor(&self) -> Editor {
        Editor {
            name: self.name.to_owned(),
            program: self.program.to_owned(),
            settings_folder: self.settings_folder,
            has_windows: matches!(self.family, Family::Code | Family::CodeServer),
            arguments: self.arguments,
            is_known: true,
        }
    }

    /// Whether its command may be run without a terminal of its own around.
    fn is_found_by_path(&self) -> bool {
        self.family == Family::Code && programs::find(self.program).is_some()
    }
}

impl Editor {
    /// The editor called `name`, by its command or its name.
    pub fn named(name: &str) -> Option<Self> {
        let mut rows = EDITORS.iter();
        rows.find(|row| row.program == name || row.name.eq_ignore_ascii_case(name))
            .map(Row::editor)
    }

    /// The names that [`Editor::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EDITORS.iter().map(|row| row.program)
    }

    /// The editor whose terminal this process runs in, else the first whose command is on the `PATH`, VS Code before
    /// its forks.
    pub fn here() -> Option<Self> {
        Self::around().or_else(|| {
            let mut rows = EDITORS.iter().rev();
            rows.find(|row| row.is_found_by_path()).map(Row::editor)
        })
    }

    /// The editor whose terminal this process runs in.
    fn around() -> Option<Self> {
        let terminal = environment::editor_terminal();
        if terminal.is_zed {
            return Self::named("zed");
        }
        if terminal.is_jet_brains {
            return Some(jet_brains_around(terminal.bundle.as_deref()));
        }
        let file = environment::vscode_file();
        let folders = file.as_deref().map(own_folders).unwrap_or_default();
        let bundle = terminal.bundle.unwrap_or_default().to_ascii_lowercase();
        let version = terminal.version.unwrap_or_default();
        let has = |mark: &str| {
            let in_folders = folders.iter().any(|folder| folder.contains(mark));
            in_folders
                || bundle.contains(mark)
                || (mark == "cursor" && terminal.is_cursor)
                || (mark == "insider" && version.ends_with("-insider"))
        };
        let of_code = |row: &&Row| matches!(row.family, Family::Code | Family::CodeServer);
        if let Some(row) = EDITORS.iter().filter(of_code).find(|row| has(row.mark)) {
            return Some(row.editor());
        }
        if !terminal.is_vscode {
            return None;
        }
        match file {
            Some(file) => Some(unknown_fork(&file)),
            None => Self::named("code"),
        }
    }

    /// Its command: on the `PATH`, else beside the files of the editor around; of a fork that isn't known only there.
    pub fn command(&self) -> Option<PathBuf> {
        let on_path = || programs::find(&self.program);
        let beside = || {
            let file = environment::vscode_file()?;
            let app = app_folder(&file)?;
            COMMAND_FOLDERS
                .iter()
                .map(|folder| app.join(folder).join(&self.program))
                .find(|path| path.is_file())
        };
        if self.is_known {
            on_path().or_else(beside)
        } else {
            beside()
        }
    }

    /// Its command line, with `{file}` and `{line}` in it.
    pub(super) fn command_line(&self) -> Option<Vec<String>> {
        Some(self.line_of(self.command()?.to_str()?.to_owned()))
    }

    /// The same for `program`.
    pub(super) fn line_of(&self, program: String) -> Vec<String> {
        let arguments = self.arguments.iter().map(|&word| word.to_owned());
        [program].into_iter().chain(arguments).collect()
    }
}

/// Which one of them the terminal belongs to is known on macOS; else the first whose command is there.
fn jet_brains_around(bundle: Option<&str>) -> Editor {
    let rows = || EDITORS.iter().filter(|row| row.family == Family::JetBrains);
    let bundle = bundle.unwrap_or_default().to_ascii_lowercase();
    let named = rows().find(|row| bundle.contains(row.mark));
    let found = named.or_else(|| rows().find(|row| programs::find(row.program).is_some()));
    found.map_or_else(
        || Editor {
            name: "a JetBrains IDE".to_owned(),
            program: "idea".to_owned(),
            settings_folder: None,
            has_windows: false,
            arguments: LIKE_IDEA,
            is_known: true,
        },
        Row::editor,
    )
}

/// A fork of VS Code that isn't in the table: only its own command will do. Its product file names that; else it is the
/// one that lies beside its files.
fn unknown_fork(file: &Path) -> Editor {
    let app = app_folder(file);
    let product = app.and_then(|app| programs::product_of(&app.join("product.json")));
    let (name, program) = product.unwrap_or_else(|| {
        let name = fork_name(file);
        let program = app.and_then(program_beside);
        let program = program.unwrap_or_else(|| name.to_ascii_lowercase());
        (name, program)
    });
    Editor {
        name,
        program,
        settings_folder: None,
        has_windows: true,
        arguments: LIKE_CODE,
        is_known: false,
    }
}

fn program_beside(app: &Path) -> Option<String> {
    let folders = COMMAND_FOLDERS.iter().map(|folder| app.join(folder));
    let mut programs = folders
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(std::iter::Iterator::flatten)
        .filter(|entry| programs::is_executable(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok());
    programs.find(|name| !name.contains("tunnel"))
}

/// The name of the folder that the editor is installed in.
fn fork_name(file: &Path) -> String {
    const INSIDE: &[&str] = &["app", "contents", "lib", "resources", "vscode"];
    let names = app_folder(file).into_iter().flat_map(Path::ancestors);
    let mut names = names.filter_map(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    let name = names.find(|name| !INSIDE.contains(&name.to_ascii_lowercase().as_str()));
    let name = name.unwrap_or_else(|| "a fork of VS Code".to_owned());
    name.strip_suffix(".app").unwrap_or(&name).to_owned()
}

/// The folder that holds the editor's `extensions` and `out`.
fn app_folder(file: &Path) -> Option<&Path> {
    let is_inner = |name: &std::ffi::OsStr| name == "extensions" || name == "out";
    let mut folders = file.ancestors();
    folders
        .find(|dir| dir.file_name().is_some_and(is_inner))?
        .parent()
}

/// The names of the folders above the editor's file, in small letters, without those of the user's home: somebody may be
/// called Cursor.
fn own_folders(file: &Path) -> Vec<String> {
    let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let home = home.filter(|home| file.starts_with(home)).or_else(|| {
        let is_home = |dir: &&Path| {
            dir.parent()
                .is_some_and(|up| up.ends_with("home") || up.ends_with("Users"))
        };
        file.ancestors().find(is_home).map(Path::to_owned)
    });
    let below = home.map_or(file, |home| file.strip_prefix(home).unwrap_or(file));
    below
        .ancestors()
        .skip(1)
        .filter_map(|dir| Some(dir.file_name()?.to_string_lossy().to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_s_name_is_no_editor() {
        for (file, mark, has) in [
            (
                "/home/cursor/.vscode-server/bin/x/extensions/git/dist/a.js",
                "cursor",
                false,
            ),
            (
                "/home/me/.cursor-server/bin/x/extensions/git/dist/a.js",
                "cursor",
                true,
            ),
            ("/Users/windsurf/x/extensions/git/a.js", "windsurf", false),
            (
                "/Applications/Cursor.app/Contents/Resources/app/extensions/git/a.js",
                "cursor",
                true,
            ),
            (
                "/usr/share/code/resources/app/extensions/git/dist/a.js",
                "code",
                true,
            ),
            (
                "/usr/lib/code-server/lib/vscode/extensions/git/dist/a.js",
                "code-server",
                true,
            ),
        ] {
            let folders = own_folders(Path::new(file));
            assert_eq!(
                folders.iter().any(|folder| folder.contains(mark)),
                has,
                "{file}"
            );
        }
    }

    #[test]
    fn a_fork_is_called_by_its_folder() {
        for file in [
            "/opt/Kiro/resources/app/extensions/git/dist/askpass-main.js",
            "/Applications/Kiro.app/Contents/Resources/app/extensions/git/dist/askpass-main.js",
        ] {
            assert_eq!(fork_name(Path::new(file)), "Kiro", "{file}");
        }
    }
}
