//! Checks of the client's output folder and of the state folder.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::check::{Check, CheckState};
use crate::claude::task;
use crate::config::Config;
use crate::history::store::Store;
use crate::platform::disk;
use crate::state::{self, Folder, Kind, log};
use crate::{environment, programs, text};

/// Maximum number of the log's lines from the last day that are shown.
const SHOWN_LINES: usize = 3;
const DAY: Duration = Duration::from_hours(24);

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let folder = own_folder();
    // An unusable folder is reported only once.
    let history = (folder.state == CheckState::Ok).then(|| history(config));
    [outputs(), folder]
        .into_iter()
        .chain(history)
        .chain(on_end(config))
        .chain([last_errors()])
        .collect()
}

/// Checks that the history can be read.
fn history(config: &Config) -> Check {
    let name = "history";
    if !config.history {
        return Check::ok(name, "Durations aren't recorded: `history` is off");
    }
    let folder = state::dir().unwrap_or_default();
    let folder = folder.join(Kind::History.name());
    match Store::own().and_then(|store| store.check()) {
        Ok(None) => Check::ok(
            name,
            "No durations are recorded yet; `bg-run learn` reads those of earlier sessions",
        ),
        Ok(Some(keys)) => Check::ok(name, format!("The history has {keys} entries")),
        Err(error) => Check::warning(
            name,
            format!("The history of one repository: {error}"),
            format!(
                "Remove that file in {}; the next call there starts a new one.",
                folder.display()
            ),
        ),
    }
}

/// Checks that the user's program for ends of tasks can be started; `None` if there is none. Errors of earlier runs are in
/// the log.
fn on_end(config: &Config) -> Option<Check> {
    let name = "on-end";
    let program = config.on_end.first()?;
    let after = text::format_duration(config.on_end_after.unwrap_or(config.notify_after).0);
    Some(if programs::is_executable_name(program) {
        Check::ok(
            name,
            format!("`{program}` is run at the end of a task that ran {after} or longer"),
        )
    } else {
        Check::warning(
            name,
            format!("`{program}` of `on-end` isn't found, so it can't report the end of a task"),
            "Install it, or name another program: `bg-run config set on-end '[\"PROGRAM\", \"{name}: {status}\"]'`.",
        )
    })
}

/// Checks that outputs can be found where the client writes them.
fn outputs() -> Check {
    let name = "outputs";
    let dirs = environment::claude_tmp_dirs();
    let likeliest = dirs.first().cloned().unwrap_or_default();
    if !likeliest.is_dir() {
        return Check::warning(
            name,
            format!(
                "{}, Claude Code's folder for outputs, doesn't exist",
                likeliest.display()
            ),
            "Create the folder, or correct CLAUDE_CODE_TMPDIR or TMPDIR.",
        );
    }
    let roots = task::root_folders();
    let foreign = roots.iter().find(|root| {
        fs::symlink_metadata(root).is_ok_and(|root| root.uid() != user() || !root.is_dir())
    });
    if let Some(root) = foreign {
        return Check::warning(
            name,
            format!(
                "{} is a link or belongs to another user, so bg-run opens no output there",
                root.display()
            ),
            "Remove it, or set CLAUDE_CODE_TMPDIR to a folder of your own.",
        );
    }
    if disk::is_full(&likeliest) {
        return Check::warning(
            name,
            format!(
                "The disk of {} is full: tasks that write their output there fail",
                likeliest.display()
            ),
            "Make room, or set CLAUDE_CODE_TMPDIR to a folder on another disk.",
        );
    }
    match roots.iter().find(|root| root.is_dir()) {
        Some(root) => Check::ok(name, format!("Outputs are in {}", root.display())),
        None => Check::ok(
            name,
            format!(
                "Outputs will be in {}; there are none yet",
                likeliest.display()
            ),
        ),
    }
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn own_folder() -> Check {
    let name = "state";
    let Some(dir) = state::dir() else {
        return Check::warning(
            name,
            "There is no home folder for bg-run's records",
            "Set HOME or BG_RUN_STATE_DIR.",
        );
    };
    let fix = format!("Fix {}, or set BG_RUN_STATE_DIR.", dir.display());
    let fault = |why: &str| {
        Check::warning(
            name,
            format!("{}, bg-run's own folder, {why}", dir.display()),
            fix.clone(),
        )
    };
    match fs::metadata(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return if can_be_made(&dir) {
                Check::ok(
                    name,
                    format!("{} will be created with the first record", dir.display()),
                )
            } else {
                fault("can't be created")
            };
        }
        Err(error) => return fault(&format!("can't be read: {error}")),
        Ok(metadata) if !metadata.is_dir() => return fault("isn't a folder"),
        Ok(metadata) if metadata.uid() != user() => return fault("belongs to another user"),
        Ok(metadata) if metadata.mode() & 0o077 != 0 => return fault("can be read by others"),
        Ok(_) if access(&dir, Access::WRITE_OK | Access::EXEC_OK).is_err() => {
            return fault("can't be written");
        }
        Ok(_) if disk::is_full(&dir) => return fault("is on a full disk"),
        Ok(_) => {}
    }
    for kind in Kind::ALL {
        if let Err(error) = Folder::open(kind)
            && error.kind() != ErrorKind::NotFound
        {
            return fault(&format!(
                "has a `{}` that can't be used: {error}",
                kind.name()
            ));
        }
    }
    Check::ok(name, format!("{} is private", dir.display()))
}

/// Whether the nearest existing parent folder is writable.
fn can_be_made(dir: &Path) -> bool {
    let above = dir.ancestors().skip(1).find(|above| above.exists());
    above.is_some_and(|above| {
        above.is_dir() && access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    })
}

/// Returns the check for recent errors of the hook.
fn last_errors() -> Check {
    let name = "log";
    let lines: Vec<String> = log::last_faults();
    let is_new = |line: &&String| {
        let time = line
            .split(' ')
            .next()
            .and_then(|word| word.parse::<jiff::Timestamp>().ok());
        let age = time
            .map(std::time::SystemTime::from)
            .and_then(|time| time.elapsed().ok());
        age.is_some_and(|age| age < DAY)
    };
    let new: Vec<&String> = lines.iter().filter(is_new).collect();
    let path = log::path().unwrap_or_default();
    if new.is_empty() {
        return Check::ok(name, "Nothing went wrong within the last day");
    }
    let shown = new.iter().rev().take(SHOWN_LINES).rev();
    let shown: Vec<&str> = shown.map(|line| line.as_str()).collect();
    Check::warning(
        name,
        format!(
            "{} error{} within the last day; the last: {}",
            new.len(),
            if new.len() == 1 { "" } else { "s" },
            shown.join(" | ")
        ),
        format!("All of them are in {}.", path.display()),
    )
}
