//! Programs on the `PATH`, and what the text tools among them are.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::environment;
use crate::rewrite::{Awk, Sed, Tools};

/// The first executable file of this name on the `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let is_executable = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    environment::search_path()
        .into_iter()
        .map(|dir| dir.join(name))
        .find(is_executable)
}

/// The text tools of this machine.
pub fn text_tools() -> Tools {
    let is_linux = cfg!(target_os = "linux");
    Tools {
        stdbuf: is_linux && find("stdbuf").is_some(),
        awk: awk(),
        sed: if is_linux { Sed::Gnu } else { Sed::Bsd },
    }
}

/// `awk` is a link to one of several programs.
fn awk() -> Awk {
    let file = find("awk").and_then(|path| fs::canonicalize(path).ok());
    let name = file.as_deref().and_then(|path| path.file_name()?.to_str());
    match name {
        Some("gawk") => Awk::Gnu,
        Some("mawk") => Awk::Mawk,
        _ => Awk::Other,
    }
}
