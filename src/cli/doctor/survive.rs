//! Checks that tasks can outlive their session, if the user asked for that.

use std::collections::BTreeMap;
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
            format!(
                "`survive` is on, but systemd-logind ends every process of yours when you log out (KillUserProcesses=yes); {running}"
            ),
            "Set KillUserProcesses=no in /etc/systemd/logind.conf, or start `claude` in `systemd-run --user --scope`.",
        )
    } else if client.is_some_and(|client| Version::OMIT_SESSION_END.contains(&client)) {
        let (first, last) = Version::OMIT_SESSION_END.into_inner();
        Check::warning(
            NAME,
            format!(
                "Tasks outlive a closed terminal or a lost connection, but often end if SIGHUP or SIGTERM ends Claude Code ({first} to {last}); {running}"
            ),
            "Update Claude Code.",
        )
    } else {
        Check::ok(
            NAME,
            format!("Tasks outlive a closed terminal or a lost connection; {running}"),
        )
    })
}

/// The folders of logind's settings. A file hides those with its name in earlier folders (logind.conf(5)).
const FOLDERS: [&str; 4] = [
    "/usr/lib/systemd",
    "/usr/local/lib/systemd",
    "/run/systemd",
    "/etc/systemd",
];

/// Maximum size in bytes of a file that is read.
const MAX_FILE: u64 = 64 * 1024;

/// Whether logind ends the processes of a user who logs out. It excludes root by default (logind.conf(5)).
fn kills_user_processes() -> bool {
    let files = settings_files(&FOLDERS.map(Path::new));
    let texts: Vec<String> = files
        .iter()
        .filter_map(|file| regular_file::read(file, MAX_FILE).ok())
        .collect();
    !rustix::process::geteuid().is_root() && kills(texts.iter().map(String::as_str))
}

/// Returns the files of logind's settings in these folders; later ones win.
fn settings_files(folders: &[&Path]) -> Vec<PathBuf> {
    let main = |folder: &&Path| Some(folder.join("logind.conf")).filter(|file| file.exists());
    let mut others = BTreeMap::new();
    for folder in folders {
        let entries = fs::read_dir(folder.join("logind.conf.d"));
        for entry in entries.into_iter().flatten().flatten() {
            if entry.path().extension() == Some("conf".as_ref()) {
                others.insert(entry.file_name(), entry.path());
            }
        }
    }
    let main = folders.iter().rev().find_map(main);
    main.into_iter().chain(others.into_values()).collect()
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

    #[test]
    fn a_later_file_of_logind_hides_one_of_the_same_name() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["lib", "etc"].map(|name| root.path().join(name));
        for (folder, name) in [
            (0, "logind.conf"),
            (1, "logind.conf"),
            (1, "logind.conf.d/10-a.conf"),
            (0, "logind.conf.d/10-a.conf"),
            (0, "logind.conf.d/20-b.conf"),
            (1, "logind.conf.d/30-c.conf.old"),
        ] {
            let file = folders[folder].join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let files = settings_files(&[&folders[0], &folders[1]]);
        let names: Vec<&str> = files
            .iter()
            .map(|file| file.strip_prefix(root.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "etc/logind.conf",
                "etc/logind.conf.d/10-a.conf",
                "lib/logind.conf.d/20-b.conf"
            ]
        );
    }
}
