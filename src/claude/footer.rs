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
pub const MAX_FOOTER_LENGTH: usize = 200;

impl Footer {
    /// Finds the footer that the client appended to an output which ends with `text`. It is exactly a line of its own
    /// with nothing after it; a longer line is the command's.
    pub fn of(text: &str) -> Option<Self> {
        match last_line(text) {
            "[killed]" => Some(Self::Killed),
            "[process exited while detached; exit code unknown]" | "[exited with code unknown]" => {
                Some(Self::Unknown)
            }
            line => {
                let code = line.strip_prefix("[exited with code ")?.strip_suffix(']')?;
                let number: i32 = code.parse().ok()?;
                (number.to_string() == code).then_some(Self::Exited(number))
            }
        }
    }

    /// Returns the length in bytes of the footer that [`of`](Self::of) finds: the line, and the line feed before it.
    pub fn length(text: &str) -> usize {
        if Self::of(text).is_none() {
            return 0;
        }
        let rest = text.strip_suffix('\n').unwrap_or(text).rsplit_once('\n');
        text.len() - rest.map_or(0, |(rest, _)| rest.len())
    }
}

/// Returns the last line of `text`, with or without a line feed at its end.
fn last_line(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.rsplit('\n').next().unwrap_or_default()
}

/// Reads the end of an output, long enough to contain a footer.
///
/// # Errors
///
/// Fails if the file can't be read.
pub fn read_end(mut file: &File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(
        length.saturating_sub(MAX_FOOTER_LENGTH as u64),
    ))?;
    let mut end = Vec::new();
    file.take(MAX_FOOTER_LENGTH as u64).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_shows_the_end() {
        for (text, footer) in [
            ("a\n[exited with code 0]\n", Some(Footer::Exited(0))),
            ("a\n\n[exited with code 130]", Some(Footer::Exited(130))),
            ("a\n[exited with code -1]\n", Some(Footer::Exited(-1))),
            ("a\n[exited with code unknown]\n", Some(Footer::Unknown)),
            ("[killed]\n", Some(Footer::Killed)),
            ("[exited with code 0]\nmore\n", None),
            ("[exited with code x]", None),
            ("[exited with code +1]", None),
            ("[exited with code 01]", None),
            ("worker 3: [killed]\n", None),
            ("[worker 3] [killed]\n", None),
            ("[12:00] see [exited with code 0]\n", None),
            (" [killed]\n", None),
            ("[killed] \n", None),
            ("[killed]\r\n", None),
            ("[killed]\n\n", None),
            ("\u{1b}[31m[killed]\u{1b}[0m\n", None),
            ("", None),
        ] {
            assert_eq!(Footer::of(text), footer, "{text}");
        }
    }
}
