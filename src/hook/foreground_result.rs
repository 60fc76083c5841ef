//! The result that a waited-for call would have had in the foreground.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Map, Value};

use crate::claude::task::{self, Footer};
use crate::environment;
use crate::tasks::status::Status;

/// Default of `BASH_MAX_OUTPUT_LENGTH`, in characters. For a longer output, the client returns only its beginning and
/// the name of the file that contains all of it (read and measured, 2.1.200 to 2.1.332).
const DEFAULT_LENGTH: u64 = 30_000;

/// Maximum of that setting, in characters (read in the code of 2.1.200 and 2.1.332).
const MAX_LENGTH: u64 = 150_000;

/// Maximum number of bytes per character in UTF-8.
const BYTES_PER_CHARACTER: u64 = 4;

/// Fields of a result that exist only for a background call, besides all that begin with `background`.
const BACKGROUND_FIELDS: &[&str] = &["timedOutAfterMs", "subagentCapApplied"];

/// A task's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ForegroundOutput {
    /// The complete output.
    Whole(String),
    /// The beginning of a long output.
    Start {
        /// The first characters, up to the client's limit.
        text: String,
        /// Size of the complete output, in bytes.
        size: u64,
    },
    /// The output contains a NUL.
    NotText,
}

impl ForegroundOutput {
    /// Reads the output at `path` of a task that ended with `status`, without the client's footer. Of a long output, only
    /// the beginning is read.
    pub(super) fn of(path: &Path, status: Status) -> io::Result<Self> {
        let length = environment::bash_max_output_length().unwrap_or(DEFAULT_LENGTH);
        Self::of_file(&task::open(path)?, status, length.min(MAX_LENGTH))
    }

    fn of_file(file: &File, status: Status, length: u64) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let end = task::read_end(file)?;
        // If the status differs, the command printed the line itself, under a client that writes no footer.
        let footer = match Footer::of(&end).map(Status::of_footer) {
            Some(written) if written == status => Footer::length(&end) as u64,
            _ => 0,
        };
        let size = size.saturating_sub(footer);
        let mut text = Vec::new();
        let mut from_start = file;
        io::Seek::seek(&mut from_start, io::SeekFrom::Start(0))?;
        let most = length * BYTES_PER_CHARACTER;
        from_start.take(size.min(most)).read_to_end(&mut text)?;
        if text.contains(&0) {
            return Ok(Self::NotText);
        }
        let text = String::from_utf8_lossy(&text);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let cut = text.char_indices().nth(length).map(|(at, _)| at);
        if size <= most && cut.is_none() {
            return Ok(Self::Whole(trim(&text).to_owned()));
        }
        let start = text.get(..cut.unwrap_or(text.len())).unwrap_or_default();
        Ok(Self::Start {
            text: trim(start).to_owned(),
            size,
        })
    }
}

/// Removes leading blank lines and trailing blanks, as the client does.
fn trim(text: &str) -> &str {
    let text = text.trim_end();
    let first = text.len() - text.trim_start().len();
    let line = text.get(..first).unwrap_or_default().rfind('\n');
    text.get(line.map_or(0, |line| line + 1)..)
        .unwrap_or_default()
}

/// Returns the text of a result: the exit status if it isn't 0, the output, then `note`.
pub(super) fn text(output: &str, status: Status, note: Option<&str>) -> String {
    let exit = match (status, status.exit()) {
        (_, Some(0)) => None,
        (_, Some(code)) => Some(format!("Exit code {code}")),
        (Status::Killed(_) | Status::Stopped, None) => Some("The command was killed.".to_owned()),
        (_, None) => Some("The exit code isn't known.".to_owned()),
    };
    let parts = [exit.as_deref(), Some(output), note];
    let parts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("\n")
}

/// Turns the `response` of a background call into the result of a finished call; `None` if its output isn't text.
pub(super) fn ended(
    response: &Value,
    (output, path): (&ForegroundOutput, &Path),
    status: Status,
    note: Option<&str>,
) -> Option<Map<String, Value>> {
    let mut result = response.as_object()?.clone();
    result.retain(|field, _| {
        !field.starts_with("background") && !BACKGROUND_FIELDS.contains(&field.as_str())
    });
    let text = match output {
        ForegroundOutput::NotText => return None,
        ForegroundOutput::Whole(output) => text(output, status, note),
        ForegroundOutput::Start { text: start, size } => {
            let path = path.to_str()?;
            result.insert("persistedOutputPath".to_owned(), path.into());
            result.insert("persistedOutputSize".to_owned(), (*size).into());
            // The client shows the model only the beginning of a long output.
            let start = match note {
                Some(note) => format!("{note}\n{start}"),
                None => start.clone(),
            };
            text(&start, status, None)
        }
    };
    result.insert("stdout".to_owned(), text.into());
    Some(result)
}

/// Returns the result of a call that continues in the background after its own time-out in milliseconds; `None` if the
/// client doesn't say how long it waited.
pub(super) fn timed_out(response: &Value, timeout: u64) -> Option<Map<String, Value>> {
    let mut result = response.as_object()?.clone();
    let after = result.get_mut("timedOutAfterMs")?;
    *after = timeout.into();
    Some(result)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    fn output(bytes: &[u8], length: u64) -> ForegroundOutput {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let footer = Footer::of(&String::from_utf8_lossy(bytes));
        let status = footer.map_or(Status::Done, Status::of_footer);
        ForegroundOutput::of_file(&file, status, length).unwrap()
    }

    #[test]
    fn an_output_is_as_the_foreground_has_it() {
        let whole = |text: &str| ForegroundOutput::Whole(text.to_owned());
        for (bytes, expected) in [
            (&b""[..], whole("")),
            (b"a\nb\n", whole("a\nb")),
            (b"a\nb\n\n[exited with code 0]\n", whole("a\nb")),
            (b"a\n[exited with code 3]\n", whole("a")),
            (b"\n[exited with code 0]\n", whole("")),
            (b"a\n\n[killed]\n", whole("a")),
            // This line is the command's own, not the client's.
            (
                b"[exited with code 1]\n\n[exited with code 0]\n",
                whole("[exited with code 1]"),
            ),
            (
                b"\n \n  a  \n\n  b\r10%\r20%  \n\n",
                whole("  a  \n\n  b\r10%\r20%"),
            ),
            (b"\n\n", whole("")),
            (b"\x1b[31mred\x1b[0m\n", whole("\x1b[31mred\x1b[0m")),
            (b"caf\xe9\n", whole("caf\u{fffd}")),
            (b"a\0b\n", ForegroundOutput::NotText),
        ] {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(output(bytes, 1000), expected, "{shown:?}");
        }
    }

    #[test]
    fn a_line_of_another_status_is_the_job_s() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a\n[exited with code 0]\n").unwrap();
        let of = |status| ForegroundOutput::of_file(&file, status, 1000).unwrap();
        let whole = |text: &str| ForegroundOutput::Whole(text.to_owned());
        assert_eq!(of(Status::Done), whole("a"));
        assert_eq!(of(Status::Exit(3)), whole("a\n[exited with code 0]"));
    }

    #[test]
    fn only_the_start_of_a_long_output_is_read() {
        let start = |text: &str, size| ForegroundOutput::Start {
            text: text.to_owned(),
            size,
        };
        assert_eq!(
            output(b"12345", 5),
            ForegroundOutput::Whole("12345".to_owned())
        );
        assert_eq!(output(b"123456", 5), start("12345", 6));
        assert_eq!(
            output(b"123456\n[exited with code 0]\n", 5),
            start("12345", 6)
        );
        let many = "é".repeat(5);
        assert_eq!(
            output(many.as_bytes(), 5),
            ForegroundOutput::Whole(many.clone())
        );
        let long = "é".repeat(5000);
        assert_eq!(output(long.as_bytes(), 5), start(&many, 10_000));
    }

    #[test]
    fn the_exit_status_comes_first_and_the_note_last() {
        for (output, status, note, expected) in [
            ("a", Status::Done, None, "a"),
            ("", Status::Done, None, ""),
            ("a", Status::Exit(3), None, "Exit code 3\na"),
            ("", Status::Exit(1), None, "Exit code 1"),
            ("a", Status::Killed(Some(137)), None, "Exit code 137\na"),
            (
                "a",
                Status::Killed(None),
                None,
                "The command was killed.\na",
            ),
            ("a", Status::Lost, None, "The exit code isn't known.\na"),
            ("a", Status::Exit(2), Some("note"), "Exit code 2\na\nnote"),
            ("", Status::Done, Some("note"), "note"),
        ] {
            assert_eq!(text(output, status, note), expected, "{status:?}");
        }
    }

    #[test]
    fn a_result_loses_only_its_background_fields() {
        let response = json!({
            "stdout": "a", "stderr": "", "interrupted": false, "isImage": false, "noOutputExpected": false, "new": 1,
            "backgroundTaskId": "b1", "backgroundCwdHint": "x", "timedOutAfterMs": 3000,
        });
        let path = Path::new("/t/b1.output");
        let of = |output: &ForegroundOutput, note| {
            ended(&response, (output, path), Status::Exit(3), note).map(Value::Object)
        };
        let expected = json!({
            "stdout": "Exit code 3\na\nb", "stderr": "", "interrupted": false, "isImage": false, "noOutputExpected": false,
            "new": 1,
        });
        assert_eq!(
            of(&ForegroundOutput::Whole("a\nb".to_owned()), None),
            Some(expected)
        );
        let start = ForegroundOutput::Start {
            text: "a".to_owned(),
            size: 50_000,
        };
        let long = of(&start, Some("note")).unwrap();
        assert_eq!(long["stdout"], "Exit code 3\nnote\na");
        assert_eq!(long["persistedOutputPath"], "/t/b1.output");
        assert_eq!(long["persistedOutputSize"], 50_000);
        assert_eq!(of(&ForegroundOutput::NotText, None), None);
        assert_eq!(
            ended(&json!("odd"), (&start, path), Status::Done, None),
            None
        );
        let later = timed_out(&response, 120_000).unwrap();
        assert_eq!(later["timedOutAfterMs"], 120_000);
        assert_eq!(later["backgroundTaskId"], "b1");
    }
}
