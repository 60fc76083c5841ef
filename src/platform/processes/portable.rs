//! Facts about processes for a portable build: a list of this machine's processes, read from `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::facts::{Descriptor, FileId, ProcessFacts, TargetFile};
use super::table::{ProcessRow, ProcessTable};

/// This machine's processes. Each query reads what it needs.
pub(super) struct ProcFolder;

fn rows() -> Option<ProcessTable> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Some(ProcessTable(numbers.filter_map(row).collect()))
}

fn row(process: u32) -> Option<ProcessRow> {
    let folder = Path::new("/proc").join(process.to_string());
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()?;
    let texts = |name: &str| {
        let bytes = fs::read(folder.join(name)).unwrap_or_default();
        let texts = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        let texts = texts.split(|byte| *byte == 0);
        texts
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect()
    };
    let descriptors = fs::read_dir(folder.join("fd")).into_iter().flatten();
    Some(ProcessRow {
        process,
        parent,
        user: fs::metadata(&folder).ok()?.uid(),
        started: fs::read_to_string(folder.join("stat"))
            .ok()
            .filter(|text| !text.contains(") Z "))?
            .rsplit_once(") ")?
            .1
            .split(' ')
            .nth(19)?
            .parse()
            .ok()?,
        writes: descriptors
            .flatten()
            .filter_map(|entry| {
                let number: u32 = entry.file_name().to_str()?.parse().ok()?;
                let info = folder.join("fdinfo").join(number.to_string());
                let info = fs::read_to_string(info).ok()?;
                let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
                let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
                if flags & 0b11 == 0 {
                    return None;
                }
                let file = fs::metadata(entry.path()).ok()?;
                let (device, inode) = (file.dev(), file.ino());
                Some((number, FileId { device, inode }))
            })
            .collect(),
        arguments: texts("cmdline"),
        environment: texts("environ"),
        folder: fs::read_link(folder.join("cwd")).unwrap_or_default(),
    })
}

impl ProcessFacts for ProcFolder {
    fn processes(&self) -> Option<Vec<u32>> {
        rows()?.processes()
    }

    fn parent(&self, process: u32) -> Option<u32> {
        row(process).map(|row| row.parent)
    }

    fn started(&self, process: u32) -> Option<u64> {
        row(process).map(|row| row.started)
    }

    fn user(&self, process: u32) -> Option<u32> {
        row(process).map(|row| row.user)
    }

    fn writes(&self, process: u32, wanted: &[TargetFile]) -> Vec<Descriptor> {
        row(process).map_or_else(Vec::new, |row| {
            ProcessTable(vec![row]).writes(process, wanted)
        })
    }

    fn arguments(&self, process: u32) -> Option<Vec<String>> {
        row(process).map(|row| row.arguments)
    }

    fn environment(&self, process: u32) -> Option<Vec<String>> {
        row(process).map(|row| row.environment)
    }

    fn folder(&self, process: u32) -> Option<PathBuf> {
        row(process).map(|row| row.folder)
    }
}
