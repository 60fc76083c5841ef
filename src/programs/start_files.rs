//! The meaning of a program's name in the user's shell: a function or an alias from the shell's start files. The
//! client reads those once per session and writes the result into a snapshot, which it runs before every command
//! (measured, 2.1.20 to 2.1.332). Without a snapshot, the start files themselves are read here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::shell::base_name;
use crate::shell::word::unquote;
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

/// Size in bytes above which a file isn't read and may define anything.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Maximum number of snapshots that are examined.
const MAX_SNAPSHOTS: usize = 10_000;

/// Functions with the same effect as the program of that name, each with texts that identify it: the client's own
/// `grep`, which knows GNU's options, and the function from `conda init`.
const EQUIVALENT_FUNCTIONS: &[(&str, &[&str])] = &[
    ("conda", &["__conda_exe", "CONDA_EXE"]),
    ("grep", &["ugrep"]),
    ("mamba", &["__mamba_exe", "MAMBA_EXE", "__conda_exe"]),
];

/// The files that the user's shell reads before a command.
pub(super) struct StartFiles {
    texts: Vec<String>,
    /// Whether one of them couldn't be read.
    is_partial: bool,
    /// The `PATH` that a snapshot sets.
    path: Option<String>,
}

impl StartFiles {
    /// Returns this user's start files, read once.
    pub(super) fn own() -> &'static Self {
        static READ: OnceLock<StartFiles> = OnceLock::new();
        READ.get_or_init(Self::read)
    }

    fn read() -> Self {
        let folders = [environment::home_dir(), environment::zsh_dir()];
        let files = folders.iter().flatten().flat_map(|folder| {
            let names = START_FILES.iter();
            names.map(|name| folder.join(name))
        });
        let snapshot = newest_snapshot();
        let snapshot_text = snapshot.as_deref().and_then(read);
        let path = match &snapshot_text {
            Some(Ok(text)) => path_of(text),
            _ => None,
        };
        let files = files.chain(environment::bash_env());
        let texts = files.filter_map(|file| read(&file)).chain(snapshot_text);
        let texts: Result<Vec<String>, io::Error> = texts.collect();
        Self {
            is_partial: texts.is_err(),
            texts: texts.unwrap_or_default(),
            path,
        }
    }

    /// Returns the `PATH` that the client sets for a command, if known.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether `name` runs the program of that name, perhaps with options that the user added.
    pub(super) fn is_program_itself(&self, name: &str) -> bool {
        let is_same = |text: &String| {
            let marks = EQUIVALENT_FUNCTIONS.iter().find(|(same, _)| *same == name);
            let is_known =
                marks.is_some_and(|(_, marks)| marks.iter().any(|mark| text.contains(mark)));
            (is_known || !defines_function(text, name))
                && aliases(text, name).all(|value| first_word(&value) == name)
        };
        !self.is_partial && self.texts.iter().all(is_same)
    }

    /// Whether `name` is neither a function nor an alias.
    pub(super) fn defines_nothing_named(&self, name: &str) -> bool {
        let is_free =
            |text: &String| !defines_function(text, name) && aliases(text, name).next().is_none();
        !self.is_partial && self.texts.iter().all(is_free)
    }
}

/// The text of a file; `None` where there is none.
fn read(file: &Path) -> Option<io::Result<String>> {
    match folders::read_regular_bytes(file, MAX_FILE) {
        Err(error) if folders::is_missing(&error) => None,
        read => Some(read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
    }
}

/// Returns the newest snapshot, `snapshot-bash-1790000000000-x1y2z3.sh`. It belongs to this session, or to one with
/// the same start files.
fn newest_snapshot() -> Option<PathBuf> {
    let folder = folders::claude_dir()?.join("shell-snapshots");
    let entries = fs::read_dir(folder).ok()?.take(MAX_SNAPSHOTS).flatten();
    let dated = entries.filter_map(|entry| {
        let time = entry.metadata().ok()?.modified().ok()?;
        let is_one = entry.file_name().to_string_lossy().starts_with("snapshot-");
        is_one.then(|| (time, entry.path()))
    });
    Some(dated.max()?.1)
}

/// Returns the value of the last `export PATH=…`.
fn path_of(snapshot: &str) -> Option<String> {
    let mut lines = snapshot.lines().rev();
    let value = lines.find_map(|line| line.strip_prefix("export PATH="))?;
    (!value.contains('$')).then(|| unquote(value))
}

/// Whether the text contains `name()`, `name ()` or `function name`, quoted or not.
fn defines_function(text: &str, name: &str) -> bool {
    let starts = memchr::memmem::find_iter(text.as_bytes(), name.as_bytes());
    starts.into_iter().any(|start| {
        let (before, after) = (
            text.get(..start).unwrap_or_default(),
            text.get(start + name.len()..).unwrap_or_default(),
        );
        if !before.is_empty() && !before.ends_with([' ', '\t', '\n', ';', '\'', '"', '&', '|', '{'])
            || is_comment(before)
        {
            return false;
        }
        let is_called = after.trim_start_matches([' ', '\t', '\\']).starts_with('(');
        let is_named = before
            .trim_end_matches([' ', '\t', '\\'])
            .ends_with("function")
            && after.starts_with([' ', '\t', '\n', '{', '\\', ';']);
        is_called || is_named
    })
}

/// Whether the line that starts with `before` is a comment.
fn is_comment(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.trim_start().starts_with('#')
}

/// Returns the values of the aliases called `name`.
fn aliases<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = text
        .lines()
        .filter(|line| line.contains("alias") && !line.trim_start().starts_with('#'));
    lines.filter_map(move |line| {
        let marks = [
            format!(" {name}="),
            format!("\t{name}="),
            format!("'{name}="),
        ];
        let start = marks
            .iter()
            .find_map(|mark| Some(line.find(mark)? + mark.len()))?;
        Some(unquote(line.get(start..)?))
    })
}

fn first_word(value: &str) -> &str {
    let words = value.trim_start_matches('\\').split([' ', '\t']);
    let mut words = words.filter(|word| !word.is_empty());
    let word = words.next().unwrap_or_default();
    match word {
        "command" => words.next().unwrap_or_default(),
        word => base_name(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> StartFiles {
        StartFiles {
            texts: vec![text.to_owned()],
            is_partial: false,
            path: path_of(text),
        }
    }

    #[test]
    fn functions_and_aliases_are_found() {
        for text in [
            "tail() { command tail -n 50 \"$@\"; }",
            "x=1; tail () {\n  :\n}",
            "function tail {\n  :\n}",
            "function tail() { :; }",
            "alias tail='tail -n 50'",
            "  alias -- tail=multitail",
            "alias ll='ls -l' tail=cat",
            "eval $'tail () \\n{ \\n    cat\\n}' > /dev/null 2>&1",
        ] {
            assert!(!of(text).defines_nothing_named("tail"), "{text}");
        }
        for text in [
            "",
            "# tail() { :; }",
            "# alias tail=x",
            "alias t='tail -f'",
            "ltail() { tail \"$@\"; }",
            "my-tail () { :; }",
            "tail -n 5 log",
        ] {
            assert!(of(text).defines_nothing_named("tail"), "{text}");
        }
    }

    #[test]
    fn an_alias_that_only_adds_options_is_the_program_itself() {
        for (text, same) in [
            ("alias grep='grep --color=auto'", true),
            ("alias grep='/bin/grep --color=auto'", true),
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

    #[test]
    fn the_path_of_a_snapshot_is_read() {
        for (text, path) in [
            ("export PATH=/a:/b\n", Some("/a:/b")),
            ("export PATH='/a b:/c'\n", Some("/a b:/c")),
            ("export PATH=/a\\ b\n", Some("/a b")),
            ("export PATH=\"$PATH:/x\"\n", None),
            ("", None),
        ] {
            assert_eq!(of(text).path(), path, "{text}");
        }
    }
}
