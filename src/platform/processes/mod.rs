//! The processes of this machine: which of them write to a file, their command lines, and ways to end them.
//!
//! The functions here combine facts that each system provides in its own way: [`linux`] reads `/proc`, `macos` asks
//! the kernel, and [`table`] is a list that tests fill in and a portable build reads from `/proc`.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

mod facts;
#[cfg(system = "linux")]
mod linux;
#[cfg(system = "macos")]
mod macos;
#[cfg(system = "portable")]
mod portable;
#[cfg(any(test, system = "portable"))]
mod table;

#[cfg(system = "linux")]
use linux::Proc as System;
#[cfg(system = "macos")]
use macos::Kernel as System;
#[cfg(system = "portable")]
use portable::ProcFolder as System;

use facts::{ProcessFacts, TargetFile};

pub use facts::{FileId, TrackedFile};

/// Maximum length of a chain of parents that is followed.
const MAX_ANCESTORS: usize = 64;

/// Maximum number of a process's descendants that are examined.
const MAX_DESCENDANTS: usize = 10_000;

/// A process that has a file open for writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Its process id.
    pub process: u32,
    /// The file, as the caller spelled it.
    pub file: PathBuf,
    /// Whether the file is its standard output or standard error.
    pub is_output: bool,
}

/// A process, identified so that a later one with the same id isn't mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its process id.
    pub id: u32,
    /// Start time by the system's own clock.
    started: u64,
}

impl Process {
    /// Returns the running process with this id.
    pub fn of(id: u32) -> Option<Self> {
        let started = System.started(id)?;
        Some(Self { id, started })
    }

    /// Whether the process is still running.
    pub fn is_alive(self) -> bool {
        Self::of(self.id) == Some(self)
    }

    /// Whether this process is `process` or an ancestor of it, through processes that still run.
    pub fn is_ancestor_or_self(self, process: u32) -> bool {
        process == self.id || descends_from(process, self.id) == Some(true)
    }
}

/// Returns a descriptor that becomes readable when the process ends; `None` if the system has none.
pub fn exit_fd(process: u32) -> Option<OwnedFd> {
    #[cfg(system = "linux")]
    return linux::exit_fd(process);
    #[cfg(not(system = "linux"))]
    {
        let _ = process;
        None
    }
}

/// Returns the other processes that write to one of `files`; `None` if the system doesn't report it.
pub fn writers(files: &[TrackedFile]) -> Option<Vec<Writer>> {
    writers_among(&System, System.processes()?, files)
}

/// Whether a process still writes to this file. Only that process is examined.
pub fn still_writes(process: u32, file: &TrackedFile) -> bool {
    !System.writes(process, &TargetFile::all(file)).is_empty()
}

/// Whether `process` descends from `ancestor` through processes that still run; `None` if the system doesn't report it.
pub fn descends_from(process: u32, ancestor: u32) -> Option<bool> {
    chain_leads_to(&System, process, ancestor)
}

/// Returns the parent of a process; `None` if there is none or the system doesn't report it.
pub fn parent(process: u32) -> Option<u32> {
    System.parent(process)
}

/// Whether the process has a controlling terminal. Only Linux reports it.
pub fn has_terminal(process: u32) -> bool {
    #[cfg(system = "linux")]
    return linux::has_terminal(process);
    #[cfg(not(system = "linux"))]
    {
        let _ = process;
        false
    }
}

/// Returns the exact arguments with which a process was started, beginning with the program's name; `None` if the system
/// refuses.
pub fn arguments(process: u32) -> Option<Vec<String>> {
    System.arguments(process)
}

/// Returns the environment with which a process was started, as `NAME=VALUE` texts; `None` if the system refuses.
pub fn environment(process: u32) -> Option<Vec<String>> {
    System.environment(process)
}

/// Returns the environments of all processes that show them, each as `NAME=VALUE` texts.
pub fn environments() -> impl Iterator<Item = Vec<String>> {
    let processes = System.processes().unwrap_or_default().into_iter();
    processes.filter_map(|process| System.environment(process))
}

/// Returns the working folder of a process; `None` if the system doesn't report it.
pub fn folder(process: u32) -> Option<PathBuf> {
    System.folder(process)
}

/// Returns this user's process groups that print to `file`, except this process's own; `None` if the system doesn't
/// report them.
pub fn groups_printing_to(file: &TrackedFile) -> Option<BTreeSet<i32>> {
    let own = getpgid(None).ok().map(number);
    let mut groups = all_groups_printing_to(file)?;
    groups.retain(|&group| Some(group) != own);
    Some(groups)
}

/// Whether only this process's own group prints to `file`. It may be the file that keeps this program's output.
pub fn is_own_output(file: &TrackedFile) -> bool {
    let own = getpgid(None).ok().map(number);
    let groups = all_groups_printing_to(file).unwrap_or_default();
    !groups.is_empty() && groups.iter().all(|&group| Some(group) == own)
}

fn all_groups_printing_to(file: &TrackedFile) -> Option<BTreeSet<i32>> {
    let user = rustix::process::geteuid().as_raw();
    let writers = writers(std::slice::from_ref(file))?;
    let groups = writers
        .iter()
        .filter(|writer| writer.is_output && System.user(writer.process) == Some(user))
        .filter_map(|writer| getpgid(pid(writer.process)).ok().map(number));
    Some(groups.collect())
}

/// Sends SIGTERM to a process group, as the client does.
///
/// # Errors
///
/// Fails if there is none, or it belongs to another user.
pub fn terminate_group(group: i32) -> io::Result<()> {
    let group = Pid::from_raw(group).ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process_group(group, Signal::TERM)?)
}

/// Sends SIGTERM to the group of `leader` and to all processes that it started, as the client does. Returns all these
/// processes that are known.
pub fn terminate_tree(leader: u32) -> Vec<Process> {
    let started = descendants(&System, leader, &[]).unwrap_or_default();
    let all = started.iter().copied().chain([leader]);
    let tree = all.filter_map(Process::of).collect();
    signal_tree(leader, started, Signal::TERM);
    tree
}

/// Sends SIGKILL to the group of `leader`, to all processes that it started, and to those of `tree` that still run.
pub fn kill_tree(leader: u32, tree: &[Process]) {
    let mut all = descendants(&System, leader, &[]).unwrap_or_default();
    let alive = tree.iter().filter(|process| process.is_alive());
    all.extend(alive.map(|process| process.id));
    signal_tree(leader, all, Signal::KILL);
}

fn signal_tree(leader: u32, others: Vec<u32>, signal: Signal) {
    if let Some(group) = pid(leader) {
        let _ = kill_process_group(group, signal);
    }
    for process in others.into_iter().filter_map(pid) {
        let _ = kill_process(process, signal);
    }
}

/// Adopts orphaned descendants where the system allows it, so that [`kill_all`] still finds them.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

/// Returns the running descendants of this process except `spared` ones and theirs. Without [`adopt_orphans`], orphans
/// are missing.
pub fn descendants_except(spared: &[u32]) -> Vec<u32> {
    let found = descendants(&System, std::process::id(), spared).unwrap_or_default();
    // A zombie has ended, and nothing may wait for it.
    let found = found.into_iter();
    found
        .filter(|&found| Process::of(found).is_some())
        .collect()
}

/// Number of times that [`kill_all`] looks for processes, in case some are started meanwhile.
const MAX_ROUNDS: u32 = 10;

/// Kills the group of `leader` (SIGKILL) and all known descendants of this process except `spared` ones.
pub fn kill_all(leader: u32, spared: &[u32]) {
    let mut found = descendants_except(spared);
    if let Some(group) = pid(leader) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let mut rounds = 0..MAX_ROUNDS;
    while !found.is_empty() && rounds.next().is_some() {
        for process in found.into_iter().filter_map(pid) {
            let _ = kill_process(process, Signal::KILL);
        }
        found = descendants_except(spared);
    }
}

/// Whether processes of a finished leader's group remain, where the system doesn't let bg-run adopt them.
pub fn may_have_members(leader: u32) -> bool {
    cfg!(not(target_os = "linux")) && has_members(leader)
}

/// Whether the group of `leader` has members, at least ended ones for which nobody has waited.
pub fn has_members(leader: u32) -> bool {
    let remain = |group| rustix::process::test_kill_process_group(group).is_ok();
    pid(leader).is_some_and(remain)
}

fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).ok()?)
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

fn writers_among(
    facts: &impl ProcessFacts,
    processes: Vec<u32>,
    files: &[TrackedFile],
) -> Option<Vec<Writer>> {
    let numbered = files.iter().enumerate();
    let wanted: Vec<(usize, TargetFile)> = numbered
        .flat_map(|(index, file)| {
            TargetFile::all(file)
                .into_iter()
                .map(move |file| (index, file))
        })
        .collect();
    let (indices, wanted): (Vec<usize>, Vec<TargetFile>) = wanted.into_iter().unzip();
    let mut found: Vec<Writer> = Vec::new();
    if wanted.is_empty() {
        return Some(found);
    }
    let own = std::process::id();
    for process in processes.into_iter().filter(|&process| process != own) {
        for descriptor in facts.writes(process, &wanted) {
            let index = indices.get(descriptor.wanted)?;
            let file = &files.get(*index)?.path;
            let is_output = matches!(descriptor.number, 1 | 2);
            match found
                .iter_mut()
                .find(|writer| writer.process == process && writer.file == *file)
            {
                Some(writer) => writer.is_output |= is_output,
                None => found.push(Writer {
                    process,
                    file: file.clone(),
                    is_output,
                }),
            }
        }
    }
    Some(found)
}

/// Returns the descendants of `ancestor`, except `spared` ones and theirs: at most [`MAX_DESCENDANTS`], in case processes
/// are started without end.
fn descendants(facts: &impl ProcessFacts, ancestor: u32, spared: &[u32]) -> Option<Vec<u32>> {
    let mut found: BTreeSet<u32> = BTreeSet::new();
    let mut waiting = vec![ancestor];
    while let Some(process) = waiting.pop() {
        let children = facts.children(process)?;
        let room = MAX_DESCENDANTS.saturating_sub(found.len());
        let children = children.into_iter().filter(|child| !spared.contains(child));
        waiting.extend(children.take(room).filter(|&child| found.insert(child)));
    }
    Some(found.into_iter().collect())
}

fn chain_leads_to(facts: &impl ProcessFacts, process: u32, ancestor: u32) -> Option<bool> {
    let mut at = process;
    for _ in 0..MAX_ANCESTORS {
        match facts.parent(at) {
            Some(parent) if parent == ancestor => return Some(true),
            Some(parent) if parent > 1 => at = parent,
            Some(_) => return Some(false),
            // The process itself may be gone, or the system may report nothing about any process.
            None => return facts.processes().map(|_| false),
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::facts::arguments_and_environment;
    use super::table::{ProcessRow, ProcessTable};
    use super::*;

    fn row(process: u32, parent: u32, descriptors: &[(u32, &Path)]) -> ProcessRow {
        ProcessRow {
            process,
            parent,
            writes: descriptors
                .iter()
                .map(|(number, file)| (*number, TargetFile::at(file).unwrap().id))
                .collect(),
            ..ProcessRow::default()
        }
    }

    #[test]
    fn a_writer_is_found_in_every_spelling_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        fs::create_dir(&real).unwrap();
        let (one, other) = (real.join("one"), real.join("other"));
        fs::write(&one, "").unwrap();
        fs::write(&other, "").unwrap();
        let linked = folder.path().join("linked");
        std::os::unix::fs::symlink(&real, &linked).unwrap();
        let table = ProcessTable(vec![
            row(10, 1, &[(3, &one)]),
            row(11, 10, &[(1, &one), (2, &one)]),
            row(12, 1, &[(1, &other)]),
            row(13, 1, &[]),
        ]);
        let spelled = linked.join("one");
        let files = [real.join("gone"), spelled.clone()].map(|path| TrackedFile::at(&path));
        let found = writers_among(&table, table.processes().unwrap(), &files);
        let writer = |process, is_output| Writer {
            process,
            file: spelled.clone(),
            is_output,
        };
        assert_eq!(found, Some(vec![writer(10, false), writer(11, true)]));
    }

    #[test]
    fn an_orphan_descends_from_nobody() {
        let table = ProcessTable(vec![
            row(100, 1, &[]),
            row(101, 100, &[]),
            row(102, 101, &[]),
            row(103, 1, &[]),
        ]);
        assert_eq!(descendants(&table, 100, &[]), Some(vec![101, 102]));
        assert_eq!(descendants(&table, 100, &[101]), Some(vec![]));
        for (process, below) in [(101, true), (102, true), (103, false), (100, false)] {
            assert_eq!(chain_leads_to(&table, process, 100), Some(below));
        }
    }

    #[test]
    fn facts_about_a_real_process_are_correct() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("output");
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read _", "a b", "", "c"])
            .env("BG_RUN_TEST_OF_PROCESSES", "1 = 1")
            .stdin(std::process::Stdio::piped())
            .stdout(fs::File::create(&file).unwrap())
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        let process = child.id();
        let own = std::process::id();
        let files = [TrackedFile {
            path: file.clone(),
            file: FileId::of(&file),
        }];
        let writer = Writer {
            process,
            file: file.clone(),
            is_output: true,
        };
        assert!(writers(&files).unwrap().contains(&writer));
        // It still writes to the file after it was renamed, replaced or removed.
        let elsewhere = folder.path().join("output.1");
        fs::rename(&file, &elsewhere).unwrap();
        assert!(writers(&files).unwrap().contains(&writer), "renamed");
        fs::write(&file, "").unwrap();
        assert!(writers(&files).unwrap().contains(&writer), "replaced");
        fs::remove_file(&elsewhere).unwrap();
        assert!(still_writes(process, &files[0]), "removed");
        let identity = Process::of(process).unwrap();
        assert!(identity.is_alive() && Process::of(own).unwrap().is_ancestor_or_self(process));
        assert!(!identity.is_ancestor_or_self(own) && identity.is_ancestor_or_self(process));
        assert_eq!(parent(process), Some(own));
        assert_eq!(descends_from(process, own), Some(true));
        assert_eq!(descends_from(own, process), Some(false));
        assert_eq!(
            arguments(process).as_deref(),
            Some(
                ["sh", "-c", "read _", "a b", "", "c"]
                    .map(str::to_owned)
                    .as_slice()
            )
        );
        let environment = System.environment(process).unwrap();
        assert!(environment.contains(&"BG_RUN_TEST_OF_PROCESSES=1 = 1".to_owned()));
        assert_eq!(folder_of(process), fs::canonicalize(folder.path()).ok());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(writers(&files), Some(Vec::new()));
        assert!(!identity.is_alive());
    }

    #[test]
    fn macos_s_command_lines_are_parsed_exactly() {
        let description = |number: i32, text: &str| {
            let mut description = number.to_ne_bytes().to_vec();
            description.extend(text.as_bytes());
            arguments_and_environment(&description)
        };
        let both = |arguments: &[&str], environment: &[&str]| {
            let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            Some((all(arguments), all(environment)))
        };
        let text =
            "/opt/claude\0\0\0\0claude\0-p\0\0--allowedTools\0Bash(a b)\0PATH=/bin\0A=1\0\0x=y\0";
        assert_eq!(
            description(5, text),
            both(
                &["claude", "-p", "", "--allowedTools", "Bash(a b)"],
                &["PATH=/bin", "A=1"]
            )
        );
        assert_eq!(description(1, "/bin/sh\0\0sh\0"), both(&["sh"], &[]));
        for (number, text) in [
            (3, "/bin/sh\0sh\0"),
            (-1, "/bin/sh\0sh\0"),
            (1, "/bin/sh"),
            (1, ""),
        ] {
            assert_eq!(description(number, text), None, "{number} {text:?}");
        }
        assert_eq!(arguments_and_environment(&[0, 0]), None);
    }

    fn folder_of(process: u32) -> Option<PathBuf> {
        super::folder(process)
    }
}
