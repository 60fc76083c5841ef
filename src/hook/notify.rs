//! A desktop notification through the terminal, if the terminal has an escape sequence for it.

use std::time::Duration;

use crate::config::Config;
use crate::tasks::record::{End, TaskRecord};
use crate::text::one_line;
use crate::{environment, programs};

/// A terminal's escape sequence for notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sequence {
    /// `OSC 9 ; TEXT`: iTerm2 and compatible terminals.
    Osc9,
    /// `OSC 777 ; notify ; TITLE ; TEXT`: rxvt-unicode and compatible terminals.
    Osc777,
    /// `OSC 99 ; ; TEXT`: kitty's desktop notifications.
    Osc99,
}

/// Terminals by `TERM_PROGRAM`, `LC_TERMINAL` or `TERM`, in lower case (their own documentation).
const TERMINALS: &[(&str, Sequence)] = &[
    ("iterm.app", Sequence::Osc9),
    ("iterm2", Sequence::Osc9),
    ("wezterm", Sequence::Osc777),
    ("ghostty", Sequence::Osc777),
    ("xterm-ghostty", Sequence::Osc777),
    ("warpterminal", Sequence::Osc777),
    ("foot", Sequence::Osc777),
    ("contour", Sequence::Osc777),
    ("rxvt-unicode-256color", Sequence::Osc777),
    ("xterm-kitty", Sequence::Osc99),
    ("kitty", Sequence::Osc99),
];

/// Title of the notification.
const TITLE: &str = "bg-run";

/// Returns the sequence for ended tasks; `None` if none ran long enough, or the terminal has no sequence.
pub(super) fn sequence(ended: &[TaskRecord], config: &Config) -> Option<String> {
    if !config.notify {
        return None;
    }
    let long = ended.iter().filter(|record| {
        let ran = record.ended.as_ref().and_then(End::ran);
        ran.is_some_and(|ran| ran >= config.notify_after.0)
    });
    let long: Vec<&TaskRecord> = long.collect();
    let (first, others) = long.split_first()?;
    let mut text = end_sentence(first);
    if !others.is_empty() {
        text = format!("{text}, and {} more ended", others.len());
    }
    let names = environment::terminal_names();
    let found = names.iter().find_map(|name| {
        let name = name.to_ascii_lowercase();
        TERMINALS.iter().find(|(terminal, _)| *terminal == name)
    });
    let sequence = written(found?.1, &text);
    if !environment::is_set("TMUX") {
        return Some(sequence);
    }
    passes_through().then(|| {
        format!(
            "\u{1b}Ptmux;{}\u{1b}\\",
            sequence.replace('\u{1b}', "\u{1b}\u{1b}")
        )
    })
}

/// Describes a task's end: `"Run e2e tests" failed with exit status 1 after 3 min`.
fn end_sentence(record: &TaskRecord) -> String {
    let status = record.final_status();
    let sentence = status.sentence(record.status_of.as_deref(), &record.after());
    format!("\"{}\" {sentence}", record.name().replace('"', "'"))
}

fn written(sequence: Sequence, text: &str) -> String {
    // A semicolon separates the fields.
    let text = one_line(text, 120).replace(';', ",");
    match sequence {
        Sequence::Osc9 => format!("\u{1b}]9;{TITLE}: {text}\u{7}"),
        Sequence::Osc777 => format!("\u{1b}]777;notify;{TITLE};{text}\u{7}"),
        Sequence::Osc99 => format!("\u{1b}]99;;{TITLE}: {text}\u{1b}\\"),
    }
}

/// Time limit for tmux's answer about an option.
const TMUX_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether tmux passes unknown sequences through.
fn passes_through() -> bool {
    let Some(tmux) = programs::find("tmux") else {
        return false;
    };
    let command = duct::cmd!(tmux, "show", "-Apv", "allow-passthrough");
    let asked = programs::output_of(&command, TMUX_TIMEOUT);
    asked.is_ok_and(|output| matches!(output.trim(), "on" | "all"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_t_break_out_of_its_sequence() {
        let text = "a;b\u{1b}\\\u{7}c\nd";
        assert_eq!(
            written(Sequence::Osc9, text),
            "\u{1b}]9;bg-run: a,b \\ c d\u{7}"
        );
        assert_eq!(
            written(Sequence::Osc777, text),
            "\u{1b}]777;notify;bg-run;a,b \\ c d\u{7}"
        );
        assert_eq!(
            written(Sequence::Osc99, text),
            "\u{1b}]99;;bg-run: a,b \\ c d\u{1b}\\"
        );
    }
}
