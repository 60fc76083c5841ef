//! The end of an output, read once: the client's footer, the lines before it, and whether it is text.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::footer::Footer;
use super::task;

/// Number of bytes read from the end of a file.
const END_LENGTH: u64 = 16 * 1024;

/// Size in bytes of the block that is searched for a NUL, which shows that a file isn't text.
const BLOCK_LENGTH: usize = 4096;

/// The end of an output file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputEnd {
    text: String,
    /// Whether the start of the first line is missing.
    is_cut: bool,
    is_text: bool,
}

impl OutputEnd {
    /// Reads the end of an open file of `length` bytes.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be read.
    pub fn read(file: &File, length: u64) -> io::Result<Self> {
        let from = length.saturating_sub(END_LENGTH);
        let end = read_at(
            file,
            from,
            usize::try_from(length - from).unwrap_or_default(),
        )?;
        let is_text = if from == 0 {
            !end.iter().take(BLOCK_LENGTH).any(|byte| *byte == 0)
        } else {
            !read_at(file, 0, BLOCK_LENGTH)?.contains(&0)
        };
        Ok(Self {
            text: String::from_utf8_lossy(&end).into_owned(),
            is_cut: from > 0,
            is_text,
        })
    }

    /// Reads the end of the task's output or own log at `path`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file.
    pub fn of(path: &Path) -> io::Result<Self> {
        let file = task::open_output_or_log(path)?;
        Self::read(&file, file.metadata()?.len())
    }

    /// Whether the file contains text.
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// Returns the client's footer, if the output ends with one.
    pub fn footer(&self) -> Option<Footer> {
        Footer::of(&self.text)
    }

    /// Returns the last lines without colours, empty lines and the client's footer. Of a progress bar, which rewrites
    /// its line, it returns the latest state.
    pub fn lines(&self) -> Vec<String> {
        let own = self.text.len() - Footer::length(&self.text);
        let own = self.text.get(..own).unwrap_or_default();
        let text = anstream::adapter::strip_str(own).to_string();
        let lines = text.split('\n').skip(usize::from(self.is_cut));
        let lines = lines.filter_map(|line| {
            let mut parts = line.split('\r').rev().map(str::trim_end);
            parts.find(|part| !part.trim().is_empty())
        });
        lines.map(ToOwned::to_owned).collect()
    }
}

/// Reads at most `length` bytes from `from`. The file may have been truncated meanwhile.
fn read_at(file: &File, from: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Returns at most `count` of the file's last lines: [`OutputEnd::lines`].
///
/// # Errors
///
/// Fails if there is no such file.
pub fn last_lines(file: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut lines = OutputEnd::of(file)?.lines();
    lines.drain(..lines.len().saturating_sub(count));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uninformative_lines_are_skipped() {
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
        assert_eq!(
            of("[killed]\nworker [killed]\n\n[killed]\n"),
            ["[killed]", "worker [killed]"]
        );
        assert_eq!(of("start\n 1%\r 50%\r100%\r"), ["start", "100%"]);
        assert_eq!(of(""), [""; 0]);
        let long = "x".repeat(20_000) + "\nlast\n";
        assert_eq!(of(&long), ["last"]);
    }

    #[test]
    fn a_nul_in_the_first_block_shows_data() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b1.output");
        for (start, is_text) in [("a", true), ("a\0", false)] {
            for rest in [0, 100_000] {
                std::fs::write(&path, start.to_owned() + &"x".repeat(rest)).unwrap();
                assert_eq!(OutputEnd::of(&path).unwrap().is_text(), is_text, "{rest}");
            }
        }
    }
}
