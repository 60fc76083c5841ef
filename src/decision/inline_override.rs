//! Overrides in the command itself: `BG_RUN=on`, `BG_RUN=off`.

use crate::shell::{self, Script, Span, Word};
use crate::text::nearest;

/// The variable with which a call chooses where it runs: `BG_RUN=on`, `BG_RUN=off`.
pub(super) const MARKER: &str = "BG_RUN";

/// The choice in the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InlineOverride {
    /// Run in the background.
    On,
    /// Run in the foreground.
    Off,
}

/// The `BG_RUN=…` assignments in front of commands.
#[derive(Debug, Default)]
pub(super) struct InlineOverrides {
    /// The choice; `Off` wins if both occur.
    pub choice: Option<InlineOverride>,
    /// The markers, each with the blank after it.
    pub spans: Vec<Span>,
    /// Indices of the simple commands with a marker.
    pub commands: Vec<usize>,
}

impl InlineOverrides {
    /// Finds the markers in front of commands that have a word and can be edited.
    pub(super) fn of(script: &Script, source: &str) -> Self {
        let mut markers = Self::default();
        for (index, command) in script.simple_commands.iter().enumerate() {
            if !command.place.editable || command.words.is_empty() {
                continue;
            }
            for word in &command.assignments {
                let Some(choice) = override_of(word) else {
                    continue;
                };
                let Some(span) = with_blank_after(word.span, source) else {
                    continue;
                };
                markers.spans.push(span);
                markers.commands.push(index);
                if markers.choice != Some(InlineOverride::Off) {
                    markers.choice = Some(choice);
                }
            }
        }
        markers
    }
}

/// Returns a message for each `BG_RUN=…` in `command` that is neither `on` nor `off` and therefore has no effect.
pub fn unknown_words(command: &str) -> Vec<String> {
    let Ok(script) = shell::parse(command) else {
        return Vec::new();
    };
    let assignments = script
        .simple_commands
        .iter()
        .flat_map(|command| &command.assignments);
    let of_word = |word: &Word| {
        let (name, _) = word.as_assignment().filter(|(name, _)| *name == MARKER)?;
        if override_of(word).is_some() {
            return None;
        }
        let text = word.text();
        let value = text.get(name.len() + 1..)?.to_ascii_lowercase();
        let mend = nearest(&value, ["off", "on"]).map_or_else(
            || format!("use `{MARKER}=on` or `{MARKER}=off`"),
            |meant| format!("did you mean `{MARKER}={meant}`?"),
        );
        Some(format!("bg-run doesn't know `{text}`; {mend}"))
    };
    assignments.filter_map(of_word).collect()
}

fn override_of(word: &Word) -> Option<InlineOverride> {
    let (name, _) = word.as_assignment().filter(|(name, _)| *name == MARKER)?;
    match word
        .text()
        .get(name.len() + 1..)?
        .to_ascii_lowercase()
        .as_str()
    {
        "on" | "1" | "yes" | "true" => Some(InlineOverride::On),
        "off" | "0" | "no" | "false" => Some(InlineOverride::Off),
        _ => None,
    }
}

/// Extends the span by the blanks and line continuations before the next word.
fn with_blank_after(span: Span, source: &str) -> Option<Span> {
    let rest = source.get(span.end..)?;
    let mut length = 0;
    loop {
        let left = rest.get(length..)?;
        if left.starts_with([' ', '\t']) {
            length += 1;
        } else if left.starts_with("\\\n") {
            length += 2;
        } else {
            break;
        }
    }
    (length > 0).then_some(Span {
        start: span.start,
        end: span.end + length,
    })
}
