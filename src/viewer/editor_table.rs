//! The table of known editors: their signs and their commands.

/// VS Code's arguments; `{file}` and `{line}` are placeholders.
///
/// `-r` reuses the window, `-g` goes to the line; any other form of the call can open an empty window instead
/// (measured, VS Code 1.139).
pub(super) const LIKE_CODE: &[&str] = &["-r", "-g", "{file}:{line}"];

pub(super) const LIKE_IDEA: &[&str] = &["--line", "{line}", "{file}"];

/// A row of the table.
pub(super) struct EditorRow {
    /// Its name as shown to the user.
    pub(super) name: &'static str,
    /// Possible names of its command, the likeliest first.
    pub(super) programs: &'static [&'static str],
    pub(super) arguments: &'static [&'static str],
    /// Its folder in the user's configuration folder.
    pub(super) settings_folder: Option<&'static str>,
    /// A word in the name of the editor's own folder, in lower case. A leading `*` means that the name ends with it.
    pub(super) mark: &'static str,
    /// Identifiers of its application on macOS.
    pub(super) ids: &'static [&'static str],
    /// Names of its application on macOS.
    pub(super) applications: &'static [&'static str],
    pub(super) family: Family,
}

/// The ways to find an editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// VS Code and its forks: by their terminals, then the `PATH`, then the folders of applications.
    Code,
    /// VS Code in a browser. It is never found by the `PATH` alone, because its command would start another server.
    CodeServer,
    /// Zed: by its terminal, or on the `PATH` after all of VS Code's.
    Zed,
    /// `JetBrains` IDEs: by their terminals, which don't say which one, or on the `PATH` after all of VS Code's.
    JetBrains,
}

impl EditorRow {
    /// Whether the editor's application has this identifier.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.ids.iter().any(|own| own.eq_ignore_ascii_case(id))
    }

    /// Whether a folder's name contains the editor's mark.
    pub(super) fn marks(&self, folder: &str) -> bool {
        if self.mark.contains('-') {
            return folder.contains(self.mark);
        }
        let mut words = folder.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| match self.mark.strip_prefix('*') {
            Some(end) => word.ends_with(end),
            None => word == self.mark,
        })
    }
}

const fn like_code(
    name: &'static str,
    programs: &'static [&'static str],
    settings_folder: &'static str,
    mark: &'static str,
    ids: &'static [&'static str],
    applications: &'static [&'static str],
) -> EditorRow {
    EditorRow {
        name,
        programs,
        arguments: LIKE_CODE,
        settings_folder: Some(settings_folder),
        mark,
        ids,
        applications,
        family: Family::Code,
    }
}

const fn jet_brains(
    name: &'static str,
    programs: &'static [&'static str],
    ids: &'static [&'static str],
) -> EditorRow {
    EditorRow {
        name,
        programs,
        arguments: LIKE_IDEA,
        settings_folder: None,
        mark: "-",
        ids,
        applications: &[],
        family: Family::JetBrains,
    }
}

/// The editors, narrower marks first, because all forks of VS Code also call themselves `vscode`. The identifiers come
/// from the editors' product files and Homebrew casks.
#[rustfmt::skip]
pub(super) const EDITORS: &[EditorRow] = &[
    like_code("Cursor", &["cursor"], "Cursor", "cursor", &["com.todesktop.230313mzl4w4u92"], &["Cursor"]),
    like_code("Windsurf", &["windsurf"], "Windsurf", "windsurf", &["com.exafunction.windsurf"], &["Windsurf"]),
    like_code("Antigravity", &["antigravity"], "Antigravity", "antigravity", &["com.google.antigravity", "com.google.antigravity-ide"], &["Antigravity", "Antigravity IDE"]),
    like_code("Kiro", &["kiro"], "Kiro", "kiro", &["dev.kiro.desktop"], &["Kiro"]),
    like_code("Trae", &["trae", "trae-cn"], "Trae", "trae", &["com.trae.app", "cn.trae.app"], &["Trae", "Trae CN"]),
    like_code("Positron", &["positron"], "Positron", "positron", &["com.rstudio.positron"], &["Positron"]),
    like_code("Void", &["void"], "Void", "void", &["com.voideditor.code"], &["Void"]),
    like_code("VSCodium", &["codium"], "VSCodium", "*codium", &["com.vscodium"], &["VSCodium"]),
    like_code("VS Code Insiders", &["code-insiders"], "Code - Insiders", "insiders", &["com.microsoft.VSCodeInsiders"], &["Visual Studio Code - Insiders"]),
    EditorRow { family: Family::CodeServer, ..like_code("code-server", &["code-server"], "code-server", "code-server", &[], &[]) },
    like_code("VS Code", &["code"], "Code", "*code", &["com.microsoft.VSCode"], &["Visual Studio Code"]),
    EditorRow { name: "Zed", programs: &["zed", "zeditor"], arguments: &["{file}:{line}"], settings_folder: None, mark: "zed", ids: &["dev.zed.Zed", "dev.zed.Zed-Preview"], applications: &[], family: Family::Zed },
    jet_brains("IntelliJ IDEA", &["idea"], &["com.jetbrains.intellij", "com.jetbrains.intellij.ce"]),
    jet_brains("PyCharm", &["pycharm"], &["com.jetbrains.pycharm", "com.jetbrains.pycharm.ce"]),
    jet_brains("WebStorm", &["webstorm"], &["com.jetbrains.WebStorm"]),
    jet_brains("GoLand", &["goland"], &["com.jetbrains.goland"]),
    jet_brains("CLion", &["clion"], &["com.jetbrains.CLion"]),
    jet_brains("RustRover", &["rustrover"], &["com.jetbrains.rustrover"]),
    jet_brains("PhpStorm", &["phpstorm"], &["com.jetbrains.PhpStorm"]),
    jet_brains("Rider", &["rider"], &["com.jetbrains.rider"]),
    jet_brains("RubyMine", &["rubymine"], &["com.jetbrains.rubymine"]),
    jet_brains("DataGrip", &["datagrip"], &["com.jetbrains.datagrip"]),
    jet_brains("DataSpell", &["dataspell"], &["com.jetbrains.dataspell"]),
    jet_brains("Android Studio", &["studio"], &["com.google.android.studio"]),
];

/// A line past the end of any file. The editor puts the cursor on the last line.
pub(super) const LAST_LINE: &str = "999999";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_recognised_by_its_whole_identifier() {
        let named = |id: &str| -> Vec<&str> {
            let rows = EDITORS.iter().filter(|row| row.has_id(id));
            rows.map(|row| row.name).collect()
        };
        for (id, name) in [
            ("com.microsoft.VSCode", "VS Code"),
            ("com.microsoft.VSCodeInsiders", "VS Code Insiders"),
            ("com.todesktop.230313mzl4w4u92", "Cursor"),
            ("com.google.Antigravity", "Antigravity"),
            ("cn.trae.app", "Trae"),
            ("com.jetbrains.PhpStorm", "PhpStorm"),
        ] {
            assert_eq!(named(id), [name], "{id}");
        }
        for id in [
            "com.googlecode.iterm2",
            "com.apple.dt.Xcode",
            "com.openai.codex",
            "",
            "code",
        ] {
            assert_eq!(named(id), [""; 0], "{id}");
        }
    }

    #[test]
    fn no_identifier_program_or_name_occurs_twice() {
        let all = |of: fn(&EditorRow) -> &'static [&'static str]| {
            let mut all: Vec<&str> = EDITORS
                .iter()
                .flat_map(|row| of(row).iter().copied())
                .collect();
            let length = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), length);
        };
        all(|row| row.ids);
        all(|row| row.programs);
        all(|row| row.applications);
    }
}
