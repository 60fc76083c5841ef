//! The status of a task, with its labels, sentences, colours and numbers.

use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};

use crate::claude::task::Footer;

/// The status of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// One of its processes has its output open for writing, or this can't be determined.
    Running,
    /// Ended by itself, with exit status 0.
    Done,
    /// Ended by itself, with this exit status.
    Exit(i32),
    /// Killed, with this exit status if known.
    Killed(Option<i32>),
    /// Killed by the client because memory was short.
    MemoryShort,
    /// Stopped by the user with `bg-run stop`.
    Stopped,
    /// None of its processes writes to its output any more, and no evidence shows how it ended.
    Lost,
    /// Ended after its session had left it, so its exit status is unknown.
    Detached,
}

/// Exit statuses for signals: shells use 128 plus the signal's number.
const BY_SIGNAL: std::ops::RangeInclusive<i32> = 129..=159;

/// A shell's exit status after SIGTERM, which the client sends.
const TERMINATED: i32 = 143;

impl Status {
    /// Returns the status for this exit status.
    pub fn of_exit(code: i32) -> Self {
        match code {
            0 => Self::Done,
            code if BY_SIGNAL.contains(&code) => Self::Killed(Some(code)),
            code => Self::Exit(code),
        }
    }

    /// Returns the status in the client's footer.
    pub fn of_footer(footer: Footer) -> Self {
        match footer {
            Footer::Exited(code) => Self::of_exit(code),
            Footer::Killed => Self::Killed(None),
            Footer::Unknown => Self::Detached,
        }
    }

    /// Returns the name of the state for JSON and the extension. A status 0 of another program doesn't mean that the
    /// task succeeded.
    pub fn state(self, status_of: Option<&str>) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done if status_of.is_none() => "done",
            Self::Done | Self::Exit(_) => "exit",
            Self::Killed(_) | Self::MemoryShort => "killed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Detached => "detached",
        }
    }

    /// Returns the exit status, if known.
    pub fn exit(self) -> Option<i32> {
        match self {
            Self::Done => Some(0),
            Self::Exit(code) => Some(code),
            Self::Killed(code) => code,
            Self::Running | Self::MemoryShort | Self::Stopped | Self::Lost | Self::Detached => None,
        }
    }

    /// Returns the state in a word or two, with the program that determined the status.
    pub fn label(self, status_of: Option<&str>) -> String {
        let of = match (self, status_of) {
            (Self::Done | Self::Exit(_), Some(program)) => format!(" (status of `{program}`)"),
            _ => String::new(),
        };
        match self {
            Self::Done if status_of.is_some() => format!("ended{of}"),
            Self::Exit(code) => format!("exit {code}{of}"),
            Self::Killed(Some(code)) => format!("killed ({code})"),
            Self::MemoryShort => "stopped by Claude Code: memory was short".to_owned(),
            _ => self.state(None).to_owned(),
        }
    }

    /// Returns a sentence's predicate about the end, to follow the task's name; `after` is the duration.
    pub fn sentence(self, status_of: Option<&str>, after: &str) -> String {
        let of = status_of.map_or_else(String::new, |program| {
            format!(
                "; that is the status of `{program}`, the command's own isn't known: it may have failed"
            )
        });
        match self {
            Self::Running => format!("is running{after}"),
            Self::Done if status_of.is_some() => format!("has ended{after} with exit status 0{of}"),
            Self::Done => format!("is done{after}"),
            Self::Exit(code) => format!("failed with exit status {code}{after}{of}"),
            Self::Killed(Some(code)) => format!("was killed (exit status {code}){after}"),
            Self::Killed(None) => format!("was killed{after}"),
            Self::MemoryShort => {
                format!(
                    "was stopped by Claude Code{after}, because memory was short: the command didn't fail"
                )
            }
            Self::Stopped => format!("was stopped by the user with `bg-run stop`{after}"),
            Self::Lost => format!("has ended{after}; its exit status is unknown"),
            Self::Detached => {
                format!("has ended{after}; its session had left it, so its exit status is unknown")
            }
        }
    }

    /// Whether something ended the task before it was finished.
    pub fn is_cut(self) -> bool {
        matches!(self, Self::Killed(_) | Self::MemoryShort | Self::Stopped)
    }

    /// Returns the colour of the state.
    pub fn style(self, status_of: Option<&str>) -> Style {
        let colour = match self {
            Self::Running => AnsiColor::Cyan,
            Self::Done if status_of.is_none() => AnsiColor::Green,
            Self::Killed(_) | Self::MemoryShort | Self::Stopped => AnsiColor::Yellow,
            Self::Exit(_) => AnsiColor::Red,
            Self::Done | Self::Lost | Self::Detached => return Style::new().dimmed(),
        };
        colour.on_default()
    }

    /// Returns the exit status for a command that followed the task to its end.
    pub fn exit_code(self) -> u8 {
        const UNKNOWN: i32 = 1;
        let code = match self {
            Self::Killed(None) | Self::MemoryShort | Self::Stopped => TERMINATED,
            other => other.exit().unwrap_or(UNKNOWN),
        };
        u8::try_from(code).unwrap_or(1)
    }
}
