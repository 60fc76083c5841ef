//! What all subcommands print alike. What comes from outside is cleaned and clipped here.

use std::fmt::Display;

use crate::rules::Problem;
use crate::text::{MAX_MESSAGE, one_line};

/// A failure, with its causes.
pub(super) fn error(error: &anyhow::Error) {
    eprintln!("bg-run: {}", outside(format!("{error:#}")));
}

/// The faults of the user's files.
pub(super) fn problems(problems: &[Problem]) {
    for problem in problems {
        eprintln!("bg-run: {}", outside(problem));
    }
}

/// Commands, each as its words, in one line.
pub(super) fn commands<'a>(commands: impl IntoIterator<Item = &'a Vec<String>>) -> String {
    let shown = commands
        .into_iter()
        .map(|words| format!("`{}`", words.join(" ")));
    outside(shown.collect::<Vec<_>>().join(" and "))
}

/// A text that may come from outside, as part of a line.
pub(super) fn outside(text: impl Display) -> String {
    one_line(&text.to_string(), MAX_MESSAGE * 4)
}
