//! The meaning of a program's name in the user's shell: a function or an alias from the shell's start files. The
//! client reads those once per session and writes the result into a snapshot, which it runs before every command
//! (measured, 2.1.20 to 2.1.332). Without a snapshot, the start files themselves are read here.

mod names;
mod snapshot;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::names::Names;
use crate::platform::regular_file;
use crate::state::is_id;
use crate::{environment, folders};

/// Start files of bash and zsh, in the home folder or `ZDOTDIR`.
const START_FILES: &[&str] = &[
    ".bash_aliases",
    ".bash_login",
    ".bash_profile",
    ".bashrc",
    ".profile",
    ".zlogin",
    ".zprofile",
    ".zshenv",
    ".zshrc",
];

/// Maximum number of files that are read. With more, any name may be defined.
const MAX_FILES: usize = 64;

/// Maximum size in bytes of a file that is read. A larger one may define any name.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Functions that do the same as the program of their name, each with texts that identify it: the client's own `grep`,
/// which accepts GNU's options, and the functions of `conda init`.
const SAME: &[(&str, &[&str])] = &[
    ("conda", &["__conda_exe", "CONDA_EXE"]),
    ("grep", &["ugrep"]),
    ("mamba", &["__mamba_exe", "MAMBA_EXE", "__conda_exe"]),
];

/// The files that the user's shell reads before a command.
pub(super) struct StartFiles {
    /// The names in each file, and the texts of [`SAME`] that it contains.
    texts: Vec<(Names, Vec<&'static str>)>,
    /// Whether one of them couldn't be read.
    is_partial: bool,
    /// The `PATH` that a snapshot sets.
    path: Option<String>,
}

impl StartFiles {
    /// Returns this user's files for the session, read once.
    pub(super) fn own(session: &str) -> &'static Self {
        static READ: OnceLock<StartFiles> = OnceLock::new();
        READ.get_or_init(|| Self::read(session))
    }

    fn read(session: &str) -> Self {
        let home = environment::home_dir();
        let folders = [home.clone(), environment::zsh_dir()];
        let files = folders.iter().flatten().flat_map(|folder| {
            let names = START_FILES.iter();
            names.map(|name| folder.join(name))
        });
        let mut waiting: Vec<PathBuf> = files
            .chain(environment::bash_env())
            .filter(|file| file.exists())
            .collect();
        let mut start_files = Self {
            texts: Vec::new(),
            is_partial: false,
            path: None,
        };
        if let Some(snapshot) = snapshot::newest() {
            match read(&snapshot) {
                Ok(text) => {
                    start_files.path = snapshot::path_of(&text);
                    start_files.add(&snapshot::decoded(&text));
                    start_files.add(&text);
                }
                Err(()) => start_files.is_partial = true,
            }
        }
        let of_session = of_session(session);
        waiting.extend(of_session.iter().cloned());
        let mut known = BTreeSet::new();
        while let Some(file) = waiting.pop() {
            if !known.insert(file.clone()) {
                continue;
            }
            let text = if known.len() > MAX_FILES {
                Err(())
            } else {
                read(&file)
            };
            let Ok(text) = text else {
                start_files.is_partial = true;
                break;
            };
            let sourced = start_files.add(&text);
            if of_session.contains(&file) && (sets_path(&text) || !sourced.is_empty()) {
                // An empty `PATH` makes every folder uncertain.
                start_files.path = Some(String::new());
            }
            waiting.extend(
                sourced
                    .iter()
                    .flat_map(|word| named_by(word, home.as_deref())),
            );
        }
        start_files
    }

    /// Adds the text of a file, and returns the files that it reads.
    fn add(&mut self, text: &str) -> Vec<String> {
        let names = Names::of(text);
        let files = names.files.clone();
        let all = SAME.iter().flat_map(|(_, marks)| marks.iter().copied());
        self.texts
            .push((names, all.filter(|mark| text.contains(mark)).collect()));
        files
    }

    /// Returns the `PATH` that the client sets for a command, if known.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether `name` runs the program of that name, perhaps with options that the user added.
    pub(super) fn is_program_itself(&self, name: &str) -> bool {
        let is_same = |(names, found): &(Names, Vec<&str>)| {
            let mut rows = SAME.iter();
            let marks = rows.find(|(same, _)| *same == name);
            let is_known =
                marks.is_some_and(|(_, marks)| marks.iter().any(|mark| found.contains(mark)));
            !names.any
                && (is_known || !names.has_function(name))
                && names.aliased(name).all(|program| program == name)
        };
        !self.is_partial && !environment::has_function(name) && self.texts.iter().all(is_same)
    }

    /// Whether `name` is neither a function nor an alias.
    pub(super) fn defines_nothing_named(&self, name: &str) -> bool {
        let is_free = |(names, _): &(Names, Vec<&str>)| {
            !names.any && !names.has_function(name) && names.aliased(name).next().is_none()
        };
        !self.is_partial && !environment::has_function(name) && self.texts.iter().all(is_free)
    }
}

/// Returns the files that the client runs before each command of the session: those that hooks have left for it (seen in
/// 2.1.90), and the user's own.
fn of_session(session: &str) -> Vec<PathBuf> {
    let folder = if is_id(session) {
        folders::claude_dir()
    } else {
        None
    };
    let folder = folder.map(|folder| folder.join("session-env").join(session));
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    let files = entries.into_iter().flatten().flatten();
    files
        .map(|entry| entry.path())
        .chain(environment::claude_env_file())
        .filter(|file| file.exists())
        .take(MAX_FILES + 1)
        .collect()
}

/// Whether the environment file of a session sets the `PATH`.
fn sets_path(text: &str) -> bool {
    let sets = |line: &str| {
        let line = line.trim_start();
        let assignment = line.strip_prefix("export ").unwrap_or(line);
        assignment.starts_with("PATH=") || line.starts_with("eval ")
    };
    text.lines().any(sets)
}

fn read(file: &Path) -> Result<String, ()> {
    let bytes = regular_file::read_bytes(file, MAX_FILE).map_err(|_| ())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the existing files that a word names: an absolute path or one in the home folder, with a `*` in its last part
/// at most.
fn named_by(word: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let in_home = ["~/", "$HOME/", "${HOME}/"];
    let rest = in_home.iter().find_map(|start| word.strip_prefix(start));
    let path = match (rest, home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(word),
    };
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return Vec::new();
    };
    if !path.is_absolute() {
        return Vec::new();
    }
    match name.to_string_lossy().split_once('*') {
        None => [path.clone()]
            .into_iter()
            .filter(|path| path.exists())
            .collect(),
        Some((start, end)) => {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let is_named = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(start) && name.ends_with(end) && path.is_file()
            };
            let paths = entries.map(|entry| entry.path()).filter(is_named);
            paths.take(MAX_FILES + 1).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> StartFiles {
        let mut files = StartFiles {
            texts: Vec::new(),
            is_partial: false,
            path: None,
        };
        files.add(text);
        files
    }

    #[test]
    fn an_alias_that_only_adds_options_is_the_program_itself() {
        for (text, same) in [
            ("alias grep='grep --color=auto'", true),
            ("alias grep='/bin/grep --color=auto'", true),
            ("alias grep='command grep --color=auto'", true),
            ("alias -- grep='rg'", false),
            ("grep() { rg \"$@\"; }", false),
            (
                "function grep {\n ARGV0=ugrep \"$_cc_bin\" -G \"$@\"\n}",
                true,
            ),
        ] {
            assert_eq!(of(text).is_program_itself("grep"), same, "{text}");
        }
        let conda = "conda () {\n  case $1 in activate) ;; *) __conda_exe \"$@\" ;; esac\n}";
        assert!(of(conda).is_program_itself("conda"));
        assert!(!of("conda() { x; }").is_program_itself("conda"));
    }
}
