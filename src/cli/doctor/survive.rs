//! Checks that tasks can outlive their session, if the user asked for that.

use std::fs;
use std::path::{Path, PathBuf};

use super::check::Check;
use crate::claude::client::Version;
use crate::claude::hooks::HookSource;
use crate::config::Config;
use crate::install;
use crate::platform::regular_file;
use crate::survive::{self, MAX_JOBS, marks};

const NAME: &str = "survive";

/// Runs the check; `None` if the setting is off and no job from an earlier time runs.
pub(super) fn check(
    config: &Config,
    sources: &[HookSource],
    client: Option<Version>,
) -> Option<Check> {
    let jobs = marks::jobs();
    if !config.survive && jobs.is_empty() {
        return None;
    }
    let lacking = install::missing_for_survive(sources);
    let running = match jobs.as_slice() {
        [] => "none runs now".to_owned(),
        jobs => {
            let ids: Vec<&str> = jobs.iter().map(|(id, _)| id.as_str()).collect();
            let count = jobs.len();
            format!("{count} of at most {MAX_JOBS} run now: {}", ids.join(", "))
        }
    };
    Some(if !config.survive {
        Check::ok(
            NAME,
            format!("`survive` is off; tasks that it kept: {running}"),
        )
    } else if !survive::IS_SUPPORTED {
        Check::warning(
            NAME,
            "`survive` is on, but works only on Linux",
            "Run `bg-run config set survive false`.",
        )
    } else if !lacking.is_empty() {
        Check::warning(
            NAME,
            format!(
                "`survive` is on, but no task outlives its session: no hook is registered for {}",
                lacking.join(" and ")
            ),
            "Run `bg-run install`, which registers these hooks too; a plugin alone can't.",
        )
    } else if client.is_some_and(|client| client < Version::SUPPORTS_LIMIT) {
        Check::warning(
            NAME,
            "`survive` is on, but needs Claude Code 2.1.200 or newer",
            "Update Claude Code.",
        )
    } else if kills_user_processes() {
        Check::warning(
            NAME,
            "`survive` is on, but systemd-logind ends every process of yours when you log out (KillUserProcesses=yes)",
            "Set KillUserProcesses=no in /etc/systemd/logind.conf, or start `claude` in `systemd-run --user --scope`.",
        )
    } else {
        Check::ok(
            NAME,
            format!("Tasks outlive a closed terminal or a lost connection; {running}"),
        )
    })
}

/// The folders of logind's settings; later ones win.
const FOLDERS: [&str; 3] = ["/usr/lib/systemd", "/run/systemd", "/etc/systemd"];

/// Maximum size in bytes of a file that is read.
const MAX_FILE: u64 = 64 * 1024;

/// Whether logind ends the processes of a user who logs out. It excludes root by default (logind.conf(5)).
fn kills_user_processes() -> bool {
    let mut files: Vec<PathBuf> = FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join("logind.conf"))
        .collect();
    for folder in FOLDERS {
        let entries = fs::read_dir(Path::new(folder).join("logind.conf.d"));
        let mut more: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        more.sort();
        files.extend(more);
    }
    let texts = files
        .iter()
        .filter_map(|file| regular_file::read(file, MAX_FILE).ok());
    let texts: Vec<String> = texts.collect();
    !rustix::process::geteuid().is_root() && kills(texts.iter().map(String::as_str))
}

/// Whether the last of these settings switches it on.
fn kills<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    let lines = texts.flat_map(str::lines);
    let values = lines.filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        (name.trim() == "KillUserProcesses").then(|| value.trim().to_ascii_lowercase())
    });
    values
        .last()
        .is_some_and(|value| matches!(value.as_str(), "yes" | "true" | "on" | "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_setting_of_logind_counts() {
        for (texts, expected) in [
            (&["[Login]\n#KillUserProcesses=yes\n"][..], false),
            (&["[Login]\nKillUserProcesses=yes\n"], true),
            (&["[Login]\nKillUserProcesses = True\n"], true),
            (
                &["KillUserProcesses=yes\n", "[Login]\nKillUserProcesses=no"],
                false,
            ),
            (&["KillOnlyUsers=me"], false),
            (&[], false),
        ] {
            assert_eq!(kills(texts.iter().copied()), expected, "{texts:?}");
        }
    }
}
