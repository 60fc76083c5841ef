//! The last lines of an output that say something.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::footer::Footer;
use crate::folders;

/// So much of a file's end is looked at, in bytes.
const END: u64 = 16 * 1024;

/// The last lines of the file, at most `count`, without colours, the client's own last line and empty ones; of a progress
/// bar, which begins its line again and again, how it stands.
///
/// # Errors
///
/// When there is no such file.
pub fn last_lines(file: &Path, count: usize) -> io::Result<Vec<String>> {
    let (mut file, metadata) = folders::open_regular(file)?;
    let from = metadata.len().saturating_sub(END);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    let text = String::from_utf8_lossy(&end);
    let text = anstream::adapter::strip_str(&text).to_string();
    // The first line may be cut off in front.
    let cut = usize::from(from > 0);
    let lines = text.split('\n').skip(cut).filter_map(|line| {
        let mut parts = line.split('\r').rev().map(str::trim_end);
        parts.find(|part| !part.trim().is_empty())
    });
    let lines = lines.filter(|line| Footer::of(line.trim()).is_none());
    let mut lines: Vec<String> = lines.map(ToOwned::to_owned).collect();
    lines.drain(..lines.len().saturating_sub(count));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b1.output");
        let of = |text: &str| {
            std::fs::write(&path, text).unwrap();
            last_lines(&path, 2).unwrap()
        };
        assert_eq!(
            of("a\nb\n\u{1b}[31mc\u{1b}[0m\n\n[exited with code 1]\n"),
            ["b", "c"]
        );
        assert_eq!(of("start\n 1%\r 50%\r100%\r"), ["start", "100%"]);
        assert_eq!(of(""), [""; 0]);
        let long = "x".repeat(20_000) + "\nlast\n";
        assert_eq!(of(&long), ["last"]);
    }
}
