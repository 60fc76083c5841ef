//! Markers in front of commands: `BG_RUN=on`, `BG_RUN=off`.

use crate::shell::{self, Script, Span, Word};
use crate::text::nearest;

/// The variable with which a command asks for the background or the foreground.
pub(super) const NAME: &str = "BG_RUN";

/// The value of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkerValue {
    /// Runs the command in the background.
    On,
    /// Runs the command in the foreground.
    Off,
}

/// The markers of a script.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// The value; `Off` wins if both occur.
    pub value: Option<MarkerValue>,
    /// The markers, each with the blank after it.
    pub spans: Vec<Span>,
    /// Indices of the simple commands with a marker.
    pub commands: Vec<usize>,
}

impl Markers {
    /// Finds the markers in front of commands that have a word and can be edited.
    pub(super) fn of(script: &Script, source: &str) -> Self {
        let mut markers = Self::default();
        for (index, command) in script.simple_commands.iter().enumerate() {
            if !command.context.editable || command.words.is_empty() {
                continue;
            }
            for word in &command.assignments {
                let Some(value) = value_of(word) else {
                    continue;
                };
                let Some(span) = with_blank_after(word.span, source) else {
                    continue;
                };
                markers.spans.push(span);
                markers.commands.push(index);
                if markers.value != Some(MarkerValue::Off) {
                    markers.value = Some(value);
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
        let (name, _) = word.as_assignment().filter(|(name, _)| *name == NAME)?;
        if value_of(word).is_some() {
            return None;
        }
        let text = word.text();
        let written = text.get(name.len() + 1..)?.to_ascii_lowercase();
        let fix = nearest(&written, ["off", "on"]).map_or_else(
            || format!("use `{NAME}=on` or `{NAME}=off`"),
            |meant| format!("did you mean `{NAME}={meant}`?"),
        );
        Some(format!("bg-run doesn't know `{text}`; {fix}"))
    };
    assignments.filter_map(of_word).collect()
}

fn value_of(word: &Word) -> Option<MarkerValue> {
    let (name, _) = word.as_assignment().filter(|(name, _)| *name == NAME)?;
    match word
        .text()
        .get(name.len() + 1..)?
        .to_ascii_lowercase()
        .as_str()
    {
        "on" | "1" | "yes" | "true" => Some(MarkerValue::On),
        "off" | "0" | "no" | "false" => Some(MarkerValue::Off),
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
