//! Finds the user's editor: that of this terminal, or else one whose command is on this machine.

use std::path::{Path, PathBuf};

use super::editor_table::{EDITORS, EditorRow, Family, LIKE_CODE, LIKE_IDEA};
use crate::platform::regular_file;
use crate::{environment, programs};

/// Paths of an editor's command, relative to the folder that contains its `extensions`.
const COMMAND_FOLDERS: &[&str] = &["bin", "../../bin", "bin/remote-cli"];

/// An editor on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// Its name as shown to the user.
    pub name: String,
    /// Its command.
    pub program: String,
    /// Its folder in the user's configuration folder; `None` if unknown.
    pub settings_folder: Option<&'static str>,
    /// Whether its windows have sockets.
    pub(super) has_windows: bool,
    arguments: &'static [&'static str],
    /// Possible names of its application on macOS.
    applications: &'static [&'static str],
    /// Whether it is in the table.
    pub(super) is_known: bool,
}

/// Creates an editor from the table.
fn of_row(row: &EditorRow) -> Editor {
    let found = row.programs.iter().find(|program| find(program).is_some());
    let program = found.or(row.programs.first()).copied();
    Editor {
        name: row.name.to_owned(),
        program: program.unwrap_or_default().to_owned(),
        settings_folder: row.settings_folder,
        has_windows: matches!(row.family, Family::Code | Family::CodeServer),
        arguments: row.arguments,
        applications: row.applications,
        is_known: true,
    }
}

/// Finds an editor's command on the `PATH`. Folders of system programs are skipped, because `zed` there is the daemon
/// of a file system.
fn find(program: &str) -> Option<PathBuf> {
    let is_system = |path: &Path| path.parent().is_some_and(|dir| dir.ends_with("sbin"));
    programs::find(program).filter(|path| !is_system(path))
}

fn is_on_path(row: &EditorRow) -> bool {
    row.programs.iter().any(|program| find(program).is_some())
}

/// Returns the folders in which macOS keeps applications.
fn application_folders() -> Vec<PathBuf> {
    let own = environment::home_dir().map(|home| home.join("Applications"));
    [Some(PathBuf::from("/Applications")), own]
        .into_iter()
        .flatten()
        .collect()
}

/// Finds the command inside an application with one of these names. Some forks call theirs `code`, like VS Code.
fn command_in_application(applications: &[&str], program: &str) -> Option<PathBuf> {
    let folders = application_folders();
    let mut bins = applications.iter().flat_map(|name| {
        let folders = folders.iter();
        folders.map(move |folder| folder.join(format!("{name}.app/Contents/Resources/app/bin")))
    });
    bins.find_map(|bin| {
        let mut programs = [program, "code"].into_iter().map(|name| bin.join(name));
        programs.find(|path| programs::is_executable(path))
    })
}

impl Editor {
    /// Returns the editor with this name or command.
    pub fn named(name: &str) -> Option<Self> {
        let mut rows = EDITORS.iter();
        rows.find(|row| row.programs.contains(&name) || row.name.eq_ignore_ascii_case(name))
            .map(of_row)
    }

    /// Returns this terminal's editor, and all others of the VS Code family on the `PATH`, if they support extensions.
    pub fn with_extensions() -> Vec<Self> {
        let rows = EDITORS.iter().filter(|row| row.family == Family::Code);
        let found = rows.filter(|row| is_on_path(row)).map(of_row);
        let around = Self::from_env().filter(|editor| editor.has_windows);
        let mut editors: Vec<Self> = around.into_iter().collect();
        for editor in found {
            if editors.iter().all(|other| other.program != editor.program) {
                editors.push(editor);
            }
        }
        editors
    }

    /// Returns the configuration folders of the VS Code family.
    pub fn settings_folders() -> impl Iterator<Item = &'static str> {
        EDITORS.iter().filter_map(|row| row.settings_folder)
    }

    /// Returns the names that [`Editor::named`] accepts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EDITORS
            .iter()
            .filter_map(|row| row.programs.first().copied())
    }

    /// Returns the editor of this process's terminal, or else the first of VS Code and its forks with a command on the
    /// `PATH`, or else the first installed application.
    pub fn here() -> Option<Self> {
        let rows = || {
            let rows = EDITORS.iter().rev();
            rows.filter(|row| row.family == Family::Code)
        };
        Self::from_env()
            .or_else(|| rows().find(|row| is_on_path(row)).map(of_row))
            .or_else(|| {
                let editors = rows().map(of_row);
                let mut editors = editors.filter(|editor| editor.application_command().is_some());
                editors.next()
            })
    }

    /// Returns an editor outside the VS Code family whose command is on the `PATH`.
    pub(super) fn of_another_kind() -> Option<Self> {
        let kinds = [Family::Zed, Family::JetBrains];
        let mut rows = EDITORS.iter().filter(|row| kinds.contains(&row.family));
        rows.find(|row| is_on_path(row)).map(of_row)
    }

    fn application_command(&self) -> Option<PathBuf> {
        command_in_application(self.applications, &self.program)
    }

    /// Returns the editor of this process's terminal.
    fn from_env() -> Option<Self> {
        let terminal = environment::editor_terminal();
        if terminal.is_zed {
            return Self::named("zed");
        }
        if terminal.is_jet_brains {
            return Some(jet_brains_around(terminal.bundle.as_deref()));
        }
        let file = environment::vscode_file();
        let folders = file.as_deref().map(own_folders).unwrap_or_default();
        let bundle = terminal.bundle.unwrap_or_default();
        let version = terminal.version.unwrap_or_default();
        let is_it = |row: &&EditorRow| {
            folders.iter().any(|folder| row.marks(folder))
                || row.has_id(&bundle)
                || (row.name == "Cursor" && terminal.is_cursor)
                || (row.name == "VS Code Insiders" && version.ends_with("-insider"))
        };
        let of_code = |row: &&EditorRow| matches!(row.family, Family::Code | Family::CodeServer);
        if let Some(row) = EDITORS.iter().filter(of_code).find(is_it) {
            return Some(of_row(row));
        }
        if !terminal.is_vscode {
            return None;
        }
        match file {
            Some(file) => Some(unknown_fork(&file)),
            None => Self::named("code"),
        }
    }

    /// Finds the editor's command: on the `PATH`, or else beside the running editor's files. An unknown fork's command
    /// is searched only there.
    pub fn command(&self) -> Option<PathBuf> {
        let on_path = || find(&self.program);
        let beside = || {
            let file = environment::vscode_file()?;
            let app = app_folder(&file)?;
            COMMAND_FOLDERS
                .iter()
                .map(|folder| app.join(folder).join(&self.program))
                .find(|path| path.is_file())
        };
        if self.is_known {
            on_path()
                .or_else(beside)
                .or_else(|| self.application_command())
        } else {
            beside()
        }
    }

    /// Returns the editor's command line with `{file}` and `{line}` in it.
    pub(super) fn command_line(&self) -> Option<Vec<String>> {
        Some(self.line_of(self.command()?.to_str()?.to_owned()))
    }

    /// Returns the command line with `program` as its first word.
    pub(super) fn line_of(&self, program: String) -> Vec<String> {
        let arguments = self.arguments.iter().map(|&word| word.to_owned());
        [program].into_iter().chain(arguments).collect()
    }
}

/// Returns the `JetBrains` IDE of this terminal. On macOS its identifier is known; elsewhere it is the first with a
/// command here.
fn jet_brains_around(bundle: Option<&str>) -> Editor {
    let rows = || EDITORS.iter().filter(|row| row.family == Family::JetBrains);
    let bundle = bundle.unwrap_or_default();
    let named = rows().find(|row| row.has_id(bundle));
    let found = named.or_else(|| rows().find(|row| is_on_path(row)));
    found.map_or_else(
        || Editor {
            name: "a JetBrains IDE".to_owned(),
            program: "idea".to_owned(),
            settings_folder: None,
            has_windows: false,
            arguments: LIKE_IDEA,
            applications: &[],
            is_known: true,
        },
        of_row,
    )
}

/// Returns a fork of VS Code that isn't in the table. Only its own command is used: the one named in its product file,
/// or else the one beside its files.
fn unknown_fork(file: &Path) -> Editor {
    let app = app_folder(file);
    let product = app.and_then(|app| product_of(&app.join("product.json")));
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
        applications: &[],
        is_known: false,
    }
}

/// Returns the names of an editor and of its command from the product file of VS Code or a fork.
fn product_of(file: &Path) -> Option<(String, String)> {
    let text = regular_file::read(file, MAX_PRODUCT).ok()?;
    let product: serde_json::Value = serde_json::from_str(&text).ok()?;
    let text = |key: &str| Some(product.get(key)?.as_str()?.to_owned());
    let program = text("applicationName").filter(|name| !name.contains('/'))?;
    Some((text("nameShort")?, program))
}

/// Maximum size of a product file, in bytes.
const MAX_PRODUCT: u64 = 1024 * 1024;

fn program_beside(app: &Path) -> Option<String> {
    let folders = COMMAND_FOLDERS.iter().map(|folder| app.join(folder));
    let mut programs = folders
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(std::iter::Iterator::flatten)
        .filter(|entry| programs::is_executable(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok());
    programs.find(|name| !name.contains("tunnel"))
}

/// Returns the name of the folder in which the editor is installed.
fn fork_name(file: &Path) -> String {
    const INSIDE: &[&str] = &["app", "contents", "lib", "resources", "vscode"];
    let names = app_folder(file).into_iter().flat_map(Path::ancestors);
    let mut names = names.filter_map(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    let name = names.find(|name| !INSIDE.contains(&name.to_ascii_lowercase().as_str()));
    let name = name.unwrap_or_else(|| "a fork of VS Code".to_owned());
    name.strip_suffix(".app").unwrap_or(&name).to_owned()
}

/// Returns the folder that contains the editor's `extensions` and `out`.
fn app_folder(file: &Path) -> Option<&Path> {
    let is_inner = |name: &std::ffi::OsStr| name == "extensions" || name == "out";
    let mut folders = file.ancestors();
    folders
        .find(|dir| dir.file_name().is_some_and(is_inner))?
        .parent()
}

/// Returns the folders above the editor's file in lower case, without the user's home, because a user may be called
/// Cursor.
fn own_folders(file: &Path) -> Vec<String> {
    let home = environment::home_dir();
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
    fn a_user_s_name_is_not_an_editor() {
        for (file, name, has) in [
            (
                "/home/cursor/.vscode-server/bin/x/extensions/git/dist/a.js",
                "Cursor",
                false,
            ),
            (
                "/home/me/.cursor-server/bin/x/extensions/git/dist/a.js",
                "Cursor",
                true,
            ),
            ("/Users/windsurf/x/extensions/git/a.js", "Windsurf", false),
            (
                "/opt/avoid/resources/app/extensions/git/a.js",
                "Void",
                false,
            ),
            ("/opt/codex/extensions/git/a.js", "VS Code", false),
            (
                "/home/me/.openvscode-server/extensions/git/a.js",
                "VS Code",
                true,
            ),
            (
                "/Applications/Cursor.app/Contents/Resources/app/extensions/git/a.js",
                "Cursor",
                true,
            ),
            (
                "/usr/share/code/resources/app/extensions/git/dist/a.js",
                "VS Code",
                true,
            ),
            (
                "/usr/lib/code-server/lib/vscode/extensions/git/dist/a.js",
                "code-server",
                true,
            ),
        ] {
            let folders = own_folders(Path::new(file));
            let row = EDITORS.iter().find(|row| row.name == name).unwrap();
            assert_eq!(
                folders.iter().any(|folder| row.marks(folder)),
                has,
                "{file}"
            );
        }
    }

    #[test]
    fn a_fork_is_named_after_its_folder() {
        for file in [
            "/opt/Kiro/resources/app/extensions/git/dist/askpass-main.js",
            "/Applications/Kiro.app/Contents/Resources/app/extensions/git/dist/askpass-main.js",
        ] {
            assert_eq!(fork_name(Path::new(file)), "Kiro", "{file}");
        }
    }
}
