//! The programs of this machine, as found on the hook's `PATH`. A program's options are tried once, and the results
//! are stored until its file changes.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bounded;
use super::path::{is_executable, is_in_repository};
use super::start_files::StartFiles;
use super::tools::{Tools, Trial, TrialOutput};
use crate::environment;
use crate::folders::CallSite;
use crate::state::{Folder, Kind, hashed_name};

/// The programs of this machine for a call at a site. Programs in the call's project are never started.
pub struct ToolsOnPath<'a> {
    site: &'a CallSite,
    /// Folders to search instead of the `PATH`. Their programs are tried every time.
    folders: Option<Vec<PathBuf>>,
}

/// Time limit of a trial. Python's programs need a second on a cold disk.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum output of a trial, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// Folders in which the system and its package managers keep programs.
const SYSTEM_FOLDERS: &[&str] = &[
    "/bin",
    "/usr/bin",
    "/usr/local/bin",
    "/run/current-system/sw/bin",
    "/data/data/com.termux/files/usr/bin",
];

/// Folders of programs to which links in the user's folders lead.
const SYSTEM_STORES: &[&str] = &[
    "/gnu/store",
    "/home/linuxbrew/.linuxbrew",
    "/nix/store",
    "/opt/homebrew",
    "/opt/local",
    "/usr/local/Cellar",
];

/// A trial that works with any program: `stdbuf` copies one line that the program prints.
const COPIES_A_LINE: Trial = Trial {
    arguments: &["-oL", "cat"],
    input: "a\n",
    output: TrialOutput::Exactly("a\n"),
};

impl<'a> ToolsOnPath<'a> {
    /// Creates the tools on the `PATH` for a call made at `site`.
    pub fn new(site: &'a CallSite) -> Self {
        Self {
            site,
            folders: None,
        }
    }

    /// Creates the tools in `folders`. Results of trials aren't stored.
    pub fn in_folders(site: &'a CallSite, folders: Vec<PathBuf>) -> Self {
        Self {
            site,
            folders: Some(folders),
        }
    }

    fn start_files(&self) -> &'static StartFiles {
        StartFiles::own(&self.site.session)
    }

    /// Returns the file that `word` calls; `None` if that is uncertain or the file comes with the project.
    fn program_file(&self, word: &str) -> Option<PathBuf> {
        let path = if word.contains('/') {
            let path = PathBuf::from(word);
            (path.is_absolute() && is_executable(&path)).then_some(path)
        } else if let Some(folders) = &self.folders {
            Self::first(word, folders)
        } else {
            let path = Self::first(word, &environment::search_path())?;
            let of_client = self.start_files().path();
            let agrees = of_client.is_none_or(|list| {
                Self::first(word, &std::env::split_paths(list).collect::<Vec<_>>()).as_ref()
                    == Some(&path)
            });
            agrees.then_some(path)
        };
        path.filter(|path| !is_in_repository(path, self.site))
    }

    fn first(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
        // The command itself may change the folder to which a relative path refers.
        let certain = folders.iter().take_while(|folder| folder.is_absolute());
        let mut files = certain.map(|folder| folder.join(name));
        files.find(|file| is_executable(file))
    }

    /// Whether `program` passes the trial, from a stored result or a new trial.
    fn try_once(program: &Path, trial: Trial) -> Option<bool> {
        let metadata = fs::metadata(program).ok()?;
        let name = hashed_name(Path::new(&identity(program, &metadata, trial)));
        if let Ok(known) = Folder::open(Kind::Programs).and_then(|folder| folder.read(&name)) {
            return Some(known == YES);
        }
        let passes = passes(program, trial);
        if let Ok(folder) = Folder::make(Kind::Programs) {
            folder.clear_daily();
            // If this fails, the next call repeats the trial.
            let _ = folder.replace(&name, &[if passes { YES } else { NO }]);
        }
        Some(passes)
    }
}

const YES: &[u8] = b"yes\n";
const NO: &[u8] = b"no\n";

/// Returns the identity of a program and a trial. A stored result is valid as long as it is the same.
fn identity(program: &Path, metadata: &Metadata, trial: Trial) -> String {
    format!(
        "{}\n{} {} {} {} {}\n{trial:?}",
        program.display(),
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata
            .mtime_nsec()
            .wrapping_add(metadata.mtime().wrapping_mul(1_000_000_000)),
        metadata.ctime()
    )
}

fn passes(program: &Path, trial: Trial) -> bool {
    let command = duct::cmd(program, trial.arguments).dir("/");
    let ended = bounded::run(&command, trial.input.as_bytes(), TRIAL_TIMEOUT, MAX_OUTPUT);
    ended.is_ok_and(|ended| {
        ended.status.success() && ended.stderr.is_empty() && trial.output.is(&ended.stdout)
    })
}

impl Tools for ToolsOnPath<'_> {
    fn passes(&self, word: &str, trial: Trial) -> bool {
        let is_program = word.contains('/') || self.start_files().is_program_itself(word);
        let found = if is_program {
            self.program_file(word)
        } else {
            None
        };
        found.is_some_and(|program| match self.folders {
            Some(_) => passes(&program, trial),
            None => Self::try_once(&program, trial) == Some(true),
        })
    }

    fn stdbuf(&self, word: &str) -> Option<&'static str> {
        let program = self.program_file(word)?;
        // macOS doesn't preload libraries into its own programs.
        let is_out_of_reach = cfg!(target_os = "macos")
            && ["/bin", "/usr/bin"]
                .iter()
                .any(|dir| program.starts_with(dir));
        if is_out_of_reach || !word.contains('/') && !self.start_files().is_program_itself(word) {
            return None;
        }
        // Homebrew's name starts with a g.
        ["stdbuf", "gstdbuf"]
            .into_iter()
            .find(|name| self.passes(name, COPIES_A_LINE))
    }

    fn is_system_tool(&self, word: &str) -> bool {
        let is_free = word.contains('/') || self.start_files().defines_nothing_named(word);
        let found = if is_free {
            self.program_file(word)
        } else {
            None
        };
        let Some(program) = found else {
            return false;
        };
        let is_system = |file: &Path| {
            let folder = file.parent().unwrap_or(Path::new(""));
            SYSTEM_FOLDERS
                .iter()
                .any(|dir| folder.as_os_str() == OsStr::new(dir))
        };
        // A link elsewhere counts as its target, but only under the target's name.
        let is_file_of_system = |file: PathBuf| {
            SYSTEM_STORES.iter().any(|store| file.starts_with(store))
                || is_system(&file) && file.file_name() == program.file_name()
        };
        is_system(&program) || fs::canonicalize(&program).is_ok_and(is_file_of_system)
    }

    fn is_of_user(&self, word: &str) -> bool {
        !word.contains('/') && !self.start_files().is_program_itself(word)
    }
}
