//! What the text tools of this machine are.

use std::fs;

use super::filters::{Awk, Sed, Tools};
use super::path::find;

/// The text tools of this machine.
pub(crate) fn text_tools() -> Tools {
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
