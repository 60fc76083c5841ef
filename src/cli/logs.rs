//! `bg-run logs`: prints a task's output so far.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::claude::task::{Footer, open_output_or_log, read_end};
use crate::tasks::list;

/// Size of one read, in bytes.
const BUFFER_SIZE: u64 = 64 * 1024;

/// Maximum number of bytes of a line that are shown, counted from its end.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// Prints the output of `target`, or its last `number` lines.
pub(super) fn run(target: Option<&str>, number: Option<usize>) -> Result<ExitCode> {
    let path = list::file(target)?;
    let cannot = || format!("{} can't be read", path.display());
    let mut file = open_output_or_log(&path).with_context(cannot)?;
    let mut length = file.metadata().with_context(cannot)?.len();
    if let Some(number) = number {
        length = without_footer(&file, length).with_context(cannot)?;
        let start = start_of_last(&file, length, number).with_context(cannot)?;
        file.seek(SeekFrom::Start(start)).with_context(cannot)?;
        length -= start;
    }
    let mut output = io::stdout().lock();
    let mut reader = BufReader::new(file.take(length));
    loop {
        let part = reader.fill_buf().with_context(cannot)?;
        let length = part.len();
        if length == 0 {
            break;
        }
        output.write_all(part)?;
        reader.consume(length);
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the length of the task's own output, without the client's footer and the empty lines before it.
fn without_footer(file: &File, length: u64) -> io::Result<u64> {
    let end = read_end(file)?;
    let footer = Footer::length(&end);
    if footer == 0 {
        return Ok(length);
    }
    let own = end.get(..end.len() - footer).unwrap_or_default();
    let own = own.trim_end_matches('\n');
    // One newline ends the last line.
    let kept = own.len() + usize::from(!own.is_empty());
    Ok(length.saturating_sub((end.len() - kept) as u64))
}

/// Finds the start of the last `number` lines. It reads backwards, because outputs and lines can be large.
fn start_of_last(mut file: &File, length: u64, number: usize) -> io::Result<u64> {
    // A newline at the end starts no line.
    let (mut at, mut left) = (length.saturating_sub(1), number);
    if number == 0 {
        return Ok(length);
    }
    let mut line_end = at;
    while at > 0 {
        if line_end - at >= MAX_LINE {
            return Ok(at);
        }
        let from = at.saturating_sub(BUFFER_SIZE);
        file.seek(SeekFrom::Start(from))?;
        let mut part = Vec::new();
        file.take(at - from).read_to_end(&mut part)?;
        let mut rest = part.as_slice();
        while let Some(end) = memchr::memrchr(b'\n', rest) {
            left -= 1;
            line_end = from + end as u64;
            if left == 0 {
                return Ok(from + end as u64 + 1);
            }
            rest = rest.get(..end).unwrap_or_default();
        }
        at = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_s_footer_is_not_printed() {
        for (text, own) in [
            ("a\nb\n\n[exited with code 0]\n", "a\nb\n"),
            ("a\nb\n[killed]\n", "a\nb\n"),
            ("a\nb\n[killed]", "a\nb\n"),
            ("[exited with code 3]\n", ""),
            ("a\nb\n", "a\nb\n"),
            ("worker [killed]\n", "worker [killed]\n"),
            ("é\u{fffd}\n\n[exited with code 0]\n", "é\u{fffd}\n"),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let length = without_footer(&file, text.len() as u64).unwrap();
            assert_eq!(length, own.len() as u64, "{text:?}");
        }
    }

    #[test]
    fn the_last_lines_begin_after_the_end_of_the_one_before() {
        let mut file = tempfile::tempfile().unwrap();
        let long = "x".repeat(usize::try_from(BUFFER_SIZE).unwrap() * 2);
        let text = format!("a\n{long}\n\nb\n");
        file.write_all(text.as_bytes()).unwrap();
        let length = text.len() as u64;
        let rest = |number| {
            let start = start_of_last(&file, length, number).unwrap();
            text.get(usize::try_from(start).unwrap()..).unwrap()
        };
        assert_eq!(rest(0), "");
        assert_eq!(rest(1), "b\n");
        assert_eq!(rest(2), "\nb\n");
        assert_eq!(rest(3), format!("{long}\n\nb\n"));
        assert_eq!(rest(4), text);
        assert_eq!(rest(99), text);
    }

    #[test]
    fn of_an_endless_line_only_the_end_is_read() {
        let mut file = tempfile::tempfile().unwrap();
        // A sparse file, so nothing is written.
        let length = 1 << 40;
        file.set_len(length).unwrap();
        assert_eq!(
            start_of_last(&file, length, 1).unwrap(),
            length - 1 - MAX_LINE
        );
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"\nlast\n").unwrap();
        let length = length + 6;
        assert_eq!(start_of_last(&file, length, 1).unwrap(), length - 5);
        let started = std::time::Instant::now();
        let second = length - 6 - start_of_last(&file, length, 2).unwrap();
        assert!(
            (MAX_LINE..=MAX_LINE + BUFFER_SIZE).contains(&second),
            "{second}"
        );
        assert!(started.elapsed().as_secs() < 2);
    }
}
