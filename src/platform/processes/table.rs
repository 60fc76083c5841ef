//! Facts from a list of processes, which tests fill in.

use std::path::PathBuf;

use super::facts::{Descriptor, FileId, ProcessFacts, TargetFile};

/// A process and the facts about it.
#[derive(Debug, Clone, Default)]
pub(super) struct ProcessRow {
    pub(super) process: u32,
    pub(super) parent: u32,
    pub(super) user: u32,
    pub(super) started: u64,
    /// Its descriptors for writing, with their files.
    pub(super) writes: Vec<(u32, FileId)>,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<String>,
    pub(super) folder: PathBuf,
}

/// The list.
#[derive(Debug, Clone)]
pub(super) struct ProcessTable(pub(super) Vec<ProcessRow>);

impl ProcessTable {
    fn row(&self, process: u32) -> Option<&ProcessRow> {
        self.0.iter().find(|row| row.process == process)
    }
}

impl ProcessFacts for ProcessTable {
    fn processes(&self) -> Option<Vec<u32>> {
        Some(self.0.iter().map(|row| row.process).collect())
    }

    fn parent(&self, process: u32) -> Option<u32> {
        self.row(process).map(|row| row.parent)
    }

    fn started(&self, process: u32) -> Option<u64> {
        self.row(process).map(|row| row.started)
    }

    fn user(&self, process: u32) -> Option<u32> {
        self.row(process).map(|row| row.user)
    }

    fn writes(&self, process: u32, wanted: &[TargetFile]) -> Vec<Descriptor> {
        let row = self.row(process).into_iter();
        row.flat_map(|row| &row.writes)
            .filter_map(|&(number, file)| {
                let wanted = wanted.iter().position(|wanted| wanted.id == file)?;
                Some(Descriptor { number, wanted })
            })
            .collect()
    }

    fn arguments(&self, process: u32) -> Option<Vec<String>> {
        self.row(process).map(|row| row.arguments.clone())
    }

    fn environment(&self, process: u32) -> Option<Vec<String>> {
        self.row(process).map(|row| row.environment.clone())
    }

    fn folder(&self, process: u32) -> Option<PathBuf> {
        self.row(process).map(|row| row.folder.clone())
    }
}
