//! The line at the end of a task's output.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

/// The line with which the client ends a task's output (measured, 2.1.260 to 2.1.331).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footer {
    /// `[exited with code N]`
    Exited(i32),
    /// `[killed]`
    Killed,
    /// `[process exited while detached; exit code unknown]`
    Unknown,
}

/// Upper bound of a footer's length, in bytes.
pub const FOOTER_WITHIN: usize = 200;

impl Footer {
    /// Finds the footer at the end of `text`.
    pub fn of(text: &str) -> Option<Self> {
        let line = text.trim_end_matches('\n').rsplit('\n').next()?;
        if line.ends_with("[killed]") {
            return Some(Self::Killed);
        }
        if line.ends_with("[process exited while detached; exit code unknown]") {
            return Some(Self::Unknown);
        }
        let (_, code) = line.strip_suffix(']')?.rsplit_once("[exited with code ")?;
        code.parse().ok().map(Self::Exited)
    }

    /// Length in bytes of the footer that the client appended to an output which ends with `text`: the line, and the
    /// line feed before it.
    pub fn length(text: &str) -> usize {
        if !Self::is_exact(text) {
            return 0;
        }
        let rest = text.trim_end_matches('\n').rsplit_once('\n');
        text.len() - rest.map_or(0, |(rest, _)| rest.len())
    }

    /// Whether `text` ends with a footer exactly as the client writes it: on its own line, with nothing after it.
    pub fn is_exact(text: &str) -> bool {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let line = text.rsplit('\n').next().unwrap_or_default();
        line.starts_with('[') && Self::of(text).is_some() && !text.ends_with('\n')
    }
}

/// Reads the end of an output, long enough to contain a footer.
///
/// # Errors
///
/// Fails if the file can't be read.
pub fn end_of(mut file: &File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(FOOTER_WITHIN as u64)))?;
    let mut end = Vec::new();
    file.take(FOOTER_WITHIN as u64).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_tells_the_end() {
        for (text, footer) in [
            ("a\n[exited with code 0]\n", Some(Footer::Exited(0))),
            (
                "no newline[exited with code 130]",
                Some(Footer::Exited(130)),
            ),
            ("[killed]\n", Some(Footer::Killed)),
            ("[exited with code 0]\nmore\n", None),
            ("[exited with code x]", None),
            ("", None),
        ] {
            assert_eq!(Footer::of(text), footer, "{text}");
        }
    }
}
