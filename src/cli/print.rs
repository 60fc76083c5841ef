//! Output functions for all subcommands. Text from outside is cleaned and clipped here.

use std::fmt::Display;
use std::process::ExitCode;

use unicode_width::UnicodeWidthStr as _;

use crate::environment;
use crate::rules::Problem;
use crate::text::{MAX_MESSAGE, one_line};

/// Returns the exit code of a command that worked, or of one that reported faults.
pub(super) fn exit_code(works: bool) -> ExitCode {
    if works {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints a paragraph on standard output, wrapped for the terminal.
pub(super) fn line(text: impl Display) {
    println!("{}", paragraph(&text.to_string(), 0));
}

/// Prints a warning on standard error.
pub(super) fn warning(text: impl Display) {
    eprintln!("{}", paragraph(&format!("bg-run: warning: {text}"), 0));
}

/// Prints an error with its causes.
pub(super) fn error(error: &anyhow::Error) {
    let text = format!("bg-run: {}", outside(format!("{error:#}")));
    eprintln!("{}", paragraph(&text, 0));
}

/// Prints faults in the user's files.
pub(super) fn problems(problems: &[Problem]) {
    for problem in problems {
        eprintln!("bg-run: {}", outside(problem));
    }
}

/// Formats commands in one line, each as its words.
pub(super) fn commands<'a>(commands: impl IntoIterator<Item = &'a Vec<String>>) -> String {
    let shown = commands
        .into_iter()
        .map(|words| format!("`{}`", words.join(" ")));
    outside(shown.collect::<Vec<_>>().join(" and "))
}

/// Cleans text from outside for use in a line.
pub(super) fn outside(text: impl Display) -> String {
    one_line(&text.to_string(), MAX_MESSAGE * 4)
}

/// Wraps a paragraph at the terminal's width. It begins at column `indent`, and so do its other lines. A command in
/// backquotes isn't broken if it fits in a line, so that it can be copied.
pub(super) fn paragraph(text: &str, indent: usize) -> String {
    environment::width().map_or_else(|| text.to_owned(), |width| wrapped(text, indent, width))
}

/// Wraps a paragraph at `width` columns.
pub(super) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    // Narrower columns are harder to read than long lines that the terminal breaks.
    const MIN_WIDTH: usize = 20;
    let room = width.saturating_sub(indent).max(MIN_WIDTH);
    let mut wrapped = String::new();
    let mut used = 0;
    for word in unbroken(text, room) {
        let wanted = word.width();
        if used > 0 && used + 1 + wanted > room {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += wanted;
    }
    wrapped
}

/// Splits `text` into words. Text in backquotes counts as one word if it fits in a line.
fn unbroken(text: &str, room: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut quotes = 0;
        let is_end = |(at, c): (usize, char)| {
            quotes += usize::from(c == '`');
            (c == ' ' && quotes % 2 == 0).then_some(at)
        };
        let end = rest.char_indices().find_map(is_end).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.width() <= room {
            words.push(word);
        } else {
            words.extend(word.split(' '));
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_fits_its_width_without_breaking_commands() {
        let text = "The hooks are registered; `bg-run install --no-limit` removes the limit of 30 s again, 日本語 too.";
        for width in [30, 40, 60, 80, 200] {
            for indent in [0, 2, 9] {
                let wrapped = wrapped(text, indent, width);
                let mut lines = wrapped.lines();
                let first = lines.next().unwrap();
                assert!(
                    first.width() + indent <= width.max(20 + indent),
                    "{wrapped}"
                );
                for line in lines {
                    assert!(line.width() <= width.max(20 + indent), "{wrapped}");
                    assert!(line.starts_with(&" ".repeat(indent)), "{wrapped}");
                }
                let is_whole = wrapped.contains("`bg-run install --no-limit`");
                assert_eq!(is_whole, width - indent >= 27, "{wrapped}");
                let words = wrapped.split_whitespace().collect::<Vec<_>>();
                assert_eq!(words.join(" "), text);
            }
        }
        assert_eq!(wrapped("", 2, 80), "");
        assert_eq!(wrapped("a ` b", 0, 80), "a ` b");
    }
}
