//! Rules files with their expressions built, kept in the state folder: a call that comes after pays for no TOML and
//! no expression.
//!
//! What can't be read or written here is no fault: the file itself is read instead.

use std::fs::Metadata;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::compiled::CompiledLayer;
use crate::state::{Folder, Kind, name_of};

/// Another version of bg-run, or another build for another machine, builds other automata. The number goes up with what
/// is kept.
const FORMAT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "-3-",
    env!("BG_RUN_RULES_FORMAT")
);

#[derive(Serialize, Deserialize)]
struct Cached<L> {
    format: String,
    file: FileState,
    built: Built<L>,
}

/// What came of a rules file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Built<L = CompiledLayer> {
    /// Its rules.
    Layer(L),
    /// Its faults: line and column, message.
    Faulty(Vec<(Option<(usize, usize)>, String)>),
}

/// What changes when a file does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    path: PathBuf,
    size: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    /// Of the file at `path`.
    pub(crate) fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What came of the file in this state.
///
/// A cache file is the length of its head in four bytes, the head, and the automata, which are read when they are
/// needed.
pub(crate) fn load(file: &FileState) -> Option<Built> {
    let folder = Folder::open(Kind::Rules).ok()?;
    let cache = folder.file(&name_of(&file.path)).ok()?;
    let mut length = [0; 4];
    cache.read_exact_at(&mut length, 0).ok()?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > cache.metadata().ok()?.len() {
        return None;
    }
    let mut head = vec![0; usize::try_from(length).ok()?];
    cache.read_exact_at(&mut head, 4).ok()?;
    // The process is short, and the rules refer to these bytes to its end.
    let head: &'static [u8] = head.leak();
    let mut cached: Cached<CompiledLayer> = postcard::from_bytes(head).ok()?;
    if cached.format != FORMAT || cached.file != *file {
        return None;
    }
    if let Built::Layer(layer) = &mut cached.built {
        layer.find_automata(&Arc::new(cache), 4 + length);
    }
    Some(cached.built)
}

/// Keeps what came of a file for the next call.
pub(crate) fn store(file: &FileState, built: &Built) {
    let _: Option<()> = try_store(file, built);
}

fn try_store(file: &FileState, built: &Built) -> Option<()> {
    let name = name_of(&file.path);
    let mut built = built.clone();
    let automata = match &mut built {
        Built::Layer(layer) => layer.take_automata(),
        Built::Faulty(_) => Vec::new(),
    };
    let cached = Cached {
        format: FORMAT.to_owned(),
        file: file.clone(),
        built,
    };
    let head = postcard::to_stdvec(&cached).ok()?;
    let length = u32::try_from(head.len()).ok()?.to_le_bytes();
    let folder = Folder::make(Kind::Rules).ok()?;
    folder.clear_daily();
    folder.replace(&name, &[&length, &head, &automata]).ok()
}

/// Claims the report of a fault in the file in this state: `false` where it was made before. Where that can't be found
/// out, it is made.
pub(crate) fn claim_report(file: &FileState) -> bool {
    let state = format!("{}\0{file:?}", file.path.display());
    let Ok(folder) = Folder::make(Kind::Rules) else {
        return true;
    };
    !matches!(
        folder.create(&name_of(Path::new(&state)), b""),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists
    )
}
