//! How a task is, in words and colours.

use anstyle::{AnsiColor, Style};

use crate::state::notes::Status;

/// How a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A process writes to its output, or nobody can tell.
    Running,
    /// It ended by itself, with this exit status where that is known.
    Exited(Option<i32>),
    /// It was ended.
    Killed,
    /// No line tells its end, and no process writes any more: its session is gone.
    Lost,
}

/// A state in a word or two.
pub(super) fn state(state: State) -> String {
    match state {
        State::Running => "running".to_owned(),
        State::Exited(Some(0)) => "done".to_owned(),
        State::Exited(Some(code)) if is_killed(state) => format!("killed ({code})"),
        State::Exited(Some(code)) => format!("exit {code}"),
        State::Exited(None) => "ended".to_owned(),
        State::Killed => "killed".to_owned(),
        State::Lost => "lost".to_owned(),
    }
}

/// A signal ended it, whoever says so.
fn is_killed(state: State) -> bool {
    matches!(state, State::Exited(Some(code)) if Status::Exited(code).is_killed())
}

/// The colour that a state is shown in.
pub(super) fn style(state: State) -> Style {
    let colour = match state {
        State::Running => AnsiColor::Cyan,
        State::Exited(Some(0)) => AnsiColor::Green,
        State::Killed => AnsiColor::Yellow,
        State::Exited(Some(_)) if is_killed(state) => AnsiColor::Yellow,
        State::Exited(Some(_)) => AnsiColor::Red,
        State::Exited(None) | State::Lost => return Style::new().dimmed(),
    };
    colour.on_default()
}
