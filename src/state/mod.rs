//! bg-run's own folder: the log, caches and notes. Nobody else may read them: whole commands stand in there.

pub mod announced;
pub mod call_claims;
mod folder;
pub mod log;
pub mod reported;
pub mod sessions;
mod shared_file;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use folder::Folder;

use crate::{environment, folders};

/// The folder of the log, the caches and the notes; `None` where there is no home folder.
pub fn dir() -> Option<PathBuf> {
    environment::state_dir().or_else(|| {
        let dirs = folders::project_dirs()?;
        Some(dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned())
    })
}

/// The lock of those who write the history.
pub const HISTORY_LOCK: &str = "lock";

/// Which transcripts were read, beside it.
pub const LEARNT: &str = "learnt.json";

/// The folders inside, each with files of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One file per call and event that was answered: [`once`].
    Calls,
    /// Faults of the user's files that were reported: [`reported`].
    Reported,
    /// Options that programs accept, a file per program and option.
    Programs,
    /// The outputs that were opened, a folder per session.
    Opened,
    /// The records of tasks, and links to outputs that are called by what runs.
    Tasks,
    /// The tasks that haven't ended, as far as is known: an empty file each.
    Running,
    /// Durations of commands.
    History,
    /// Settings files as they were before the registration.
    Registrations,
    /// The environment files of sessions: [`sessions`].
    Sessions,
    /// Leases of editor windows with our extension, and requests to open a file.
    Windows,
    /// Claims on things told once of a task or a session: [`announced`].
    Announced,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Calls,
        Self::Programs,
        Self::Reported,
        Self::Opened,
        Self::Tasks,
        Self::Running,
        Self::History,
        Self::Registrations,
        Self::Sessions,
        Self::Windows,
        Self::Announced,
    ];

    /// The folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Programs => "programs",
            Self::Reported => "reported",
            Self::Opened => "opened",
            Self::Tasks => "tasks",
            Self::Running => "running",
            Self::History => "history",
            Self::Registrations => "registrations",
            Self::Sessions => "sessions",
            Self::Windows => "windows",
            Self::Announced => "told",
        }
    }

    /// Age after which an unchanged file is removed; `None`: never.
    fn kept(self) -> Option<Duration> {
        const DAY: Duration = Duration::from_hours(24);
        match self {
            // Between a call and its end, the user may be asked and be away.
            Self::Calls | Self::Windows => Some(DAY),
            Self::Opened | Self::Running => Some(DAY * 7),
            // What is told once, longer than a task is looked after.
            Self::Announced | Self::Reported | Self::Programs | Self::Sessions => Some(DAY * 30),
            // The records as long as the user likes: `tasks::record::clear_daily`.
            Self::Tasks | Self::History | Self::Registrations => None,
        }
    }

    /// The file that a link of this name belongs to.
    fn owner_of_link(self, name: &str) -> Option<String> {
        if self != Self::Tasks {
            return None;
        }
        let stem = name.strip_suffix(OUTPUT)?;
        let id = stem.rsplit_once(BEFORE_ID).map_or(stem, |(_, id)| id);
        is_id(id).then(|| format!("{id}.json"))
    }

    /// Whether a file of this name is one of ours.
    fn owns(self, name: &str) -> bool {
        match self {
            Self::Calls => name
                .split_once('.')
                .is_some_and(|(id, event)| is_id(id) && call_claims::EVENTS.contains(&event)),
            Self::Reported | Self::Programs | Self::Registrations | Self::Opened => is_hash(name),
            Self::Running | Self::Sessions => is_id(name),
            Self::Tasks => name.strip_suffix(".json").is_some_and(is_id),
            Self::Announced => name.split_once('.').is_some_and(|(id, announcement)| {
                is_id(id)
                    && Announcement::ALL
                        .iter()
                        .any(|one| one.name() == announcement)
            }),
            Self::Windows => name.split_once('.').is_some_and(|(window, rest)| {
                let asked = rest.split_once('.').is_some_and(|(pid, state)| {
                    is_id(pid) && [ASKED, TAKEN, FAILED].contains(&&*format!(".{state}"))
                });
                is_hash(window) && (asked || rest == &LEASE[1..])
            }),
            Self::History => is_hash(name) || matches!(name, HISTORY_LOCK | LEARNT),
        }
    }
}

/// Claims: [`announced`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// The user's program was run at the end of the task.
    OnEnd,
    /// The output of the task has passed 1 GB.
    Size,
    /// The disk of the session's outputs is nearly full.
    Disk,
}

impl Announcement {
    const ALL: [Self; 3] = [Self::OnEnd, Self::Size, Self::Disk];

    fn name(self) -> &'static str {
        match self {
            Self::OnEnd => "on-end",
            Self::Size => "size",
            Self::Disk => "disk",
        }
    }
}

/// The file that holds the absolute path of this program, for an editor's extension: an editor that was started from the
/// desktop has another `PATH`.
const PROGRAM: &str = "program";

/// Leaves the path of this program in the state folder, where it isn't there yet.
pub fn record_program_path() {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    if let Err(error) = folder::leave(PROGRAM, program.as_os_str().as_encoded_bytes()) {
        log::line(&format!(
            "state: the program's path can't be written: {error}"
        ));
    }
}

/// The ending of a window's lease.
pub const LEASE: &str = ".lease";

/// The ending of a request that no window took yet.
pub const ASKED: &str = ".asked";

/// The ending of a request that a window took.
pub const TAKEN: &str = ".taken";

/// The ending of a request that a window couldn't fulfil.
pub const FAILED: &str = ".failed";

/// Ending of a link to a task's output, like that of the client's own file.
pub const OUTPUT: &str = ".output";

/// Separator between a task's name and its id in the name of a link.
pub const BEFORE_ID: &str = " · ";

/// Whether `text`, which comes from outside, can be part of a path: 1 to 128 of `A-Z a-z 0-9 _ -`.
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// A path as a file name: 16 hexadecimal digits, the same in every build. Two paths that share one by chance take turns.
pub fn name_of(path: &Path) -> String {
    fingerprint(path.as_os_str().as_encoded_bytes())
}

/// A hash of the bytes as 16 hexadecimal digits, the same in every build.
pub fn fingerprint(bytes: &[u8]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        // FNV-1a, which the standard hasher doesn't promise to stay.
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// Whether a file is called as [`name_of`] does.
pub fn is_hash(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes everything of ours but the kind that is `kept`, and the folders that are empty then. What can't be removed does
/// no harm.
pub fn forget_all_but(kept: Option<Kind>) {
    let Some(state) = dir() else { return };
    for kind in Kind::ALL {
        if kept != Some(kind)
            && let Ok(folder) = Folder::open(kind)
        {
            folder.clear(kind, Duration::ZERO);
        }
        let _ = std::fs::remove_dir(state.join(kind.name()));
    }
    log::remove();
    folders::remove_own(&state);
}
