//! The place of the state folder, the kinds of files in it, and their names.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use super::name::{is_hash, is_id};
use crate::{environment, folders};

static OF_CALLER: OnceLock<PathBuf> = OnceLock::new();

/// Sets the state folder to the caller's. This process's environment may name a different one.
pub fn use_dir(dir: PathBuf) {
    let _ = OF_CALLER.set(dir);
}

/// Returns the path of the state folder; `None` without a home folder.
pub fn dir() -> Option<PathBuf> {
    if let Some(dir) = OF_CALLER.get() {
        return Some(dir.clone());
    }
    environment::state_dir().or_else(|| {
        let dirs = folders::project_dirs()?;
        Some(dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned())
    })
}

/// The lock of the history's writers.
pub const HISTORY_LOCK: &str = "lock";

/// The list of transcripts that were read, beside the history.
pub const LEARNT: &str = "learnt.json";

/// The folders inside the state folder, each with files of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One file per answered event of a call: `call_claims.rs`.
    Calls,
    /// Marks on files of the user (`file_checks.rs`), and claims on one-time messages (`announcements.rs`).
    Reported,
    /// Options that programs accept, one file per program and option.
    Programs,
    /// Opened outputs, one folder per session.
    Opened,
    /// Records of tasks, and links to outputs that are named after the task.
    Tasks,
    /// Tasks without a known end, one empty file each.
    Running,
    /// Durations of commands.
    History,
    /// Settings files before the registration.
    Registrations,
    /// Environment files of sessions: `sessions.rs`.
    Sessions,
    /// Leases of editor windows with bg-run's extension, and requests to open a file.
    Windows,
    /// Claims on one-time announcements for a task or session: `announcements.rs`.
    Announced,
    /// Calls that may be handed to the relay.
    Relays,
    /// Jobs that may outlive their session, and marks for their supervisors.
    Survivors,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
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
        Self::Relays,
        Self::Survivors,
    ];

    /// Returns the folder's name.
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
            Self::Relays => "relays",
            Self::Survivors => "survivors",
        }
    }

    /// Returns the age after which an unchanged file is removed; `None` for never.
    pub(super) fn max_age(self) -> Option<Duration> {
        const DAY: Duration = Duration::from_hours(24);
        match self {
            // The user may leave a permission prompt open for hours before the call ends.
            Self::Calls | Self::Windows | Self::Relays => Some(DAY),
            Self::Opened | Self::Running => Some(DAY * 7),
            // Announcements are kept longer than tasks are watched.
            Self::Announced
            | Self::Reported
            | Self::Programs
            | Self::Sessions
            | Self::Survivors => Some(DAY * 30),
            // The user chooses how long records stay: `tasks::record::clear_daily`.
            Self::Tasks | Self::History | Self::Registrations => None,
        }
    }

    /// Returns the file to which a link with this name belongs.
    pub(super) fn owner_of_link(self, name: &str) -> Option<String> {
        if self != Self::Tasks {
            return None;
        }
        let stem = name.strip_suffix(OUTPUT)?;
        let id = stem.rsplit_once(BEFORE_ID).map_or(stem, |(_, id)| id);
        is_id(id).then(|| format!("{id}.json"))
    }

    /// Whether a file with this name is bg-run's.
    pub(super) fn owns(self, name: &str) -> bool {
        match self {
            Self::Calls => name
                .split_once('.')
                .is_some_and(|(id, event)| is_id(id) && EVENTS.contains(&event)),
            Self::Reported | Self::Programs | Self::Registrations | Self::Opened => is_hash(name),
            Self::Running | Self::Sessions | Self::Relays => is_id(name),
            Self::Survivors => name
                .split_once('.')
                .is_some_and(|(id, ending)| is_id(id) && [CLIENT, STOP, JOB].contains(&ending)),
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

/// A one-time announcement or action: `announcements.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// The user's program was run at the end of the task.
    OnEnd,
    /// The task's output has passed 1 GB.
    Size,
    /// The disk of the session's outputs is nearly full.
    Disk,
}

impl Announcement {
    const ALL: [Self; 3] = [Self::OnEnd, Self::Size, Self::Disk];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OnEnd => "on-end",
            Self::Size => "size",
            Self::Disk => "disk",
        }
    }
}

/// Events that can be claimed.
pub(super) const EVENTS: &[&str] = &["PreToolUse", "PostToolUse", "Noticed", "SessionStart"];

/// The file with this program's absolute path, for an editor's extension. An editor started from the desktop has
/// another `PATH`.
pub(super) const PROGRAM: &str = "program";

/// The ending of the file about a client that has ended.
pub const CLIENT: &str = "client";

/// The ending of the file about a request to stop a job.
pub const STOP: &str = "stop";

/// The ending of the file about a job with a supervisor.
pub const JOB: &str = "job";

/// The ending of a window's lease.
pub const LEASE: &str = ".lease";

/// The ending of a request that no window has taken yet.
pub const ASKED: &str = ".asked";

/// The ending of a request that a window has taken.
pub const TAKEN: &str = ".taken";

/// The ending of a request that a window couldn't fulfil.
pub const FAILED: &str = ".failed";

/// The ending of a link to a task's output, equal to that of the client's files.
pub const OUTPUT: &str = ".output";

/// The separator between a task's name and its id in a link's name.
pub const BEFORE_ID: &str = " · ";
