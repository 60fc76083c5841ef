//! Edits: insertions and deletions at byte spans.

use super::Span;

/// Replaces the bytes of `span` by `insert`. An empty span inserts; an empty text deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Span in the original text.
    pub span: Span,
    /// The replacement.
    pub insert: String,
}

impl Edit {
    /// Inserts `text` in front of the byte at `at`.
    pub fn insertion(at: usize, text: impl Into<String>) -> Self {
        Self {
            span: Span { start: at, end: at },
            insert: text.into(),
        }
    }

    /// Returns the edit for a text that starts at the byte `start` of this one.
    #[must_use]
    pub fn moved_back(&self, start: usize) -> Self {
        let at = |byte: usize| byte.saturating_sub(start);
        Self {
            span: Span {
                start: at(self.span.start),
                end: at(self.span.end),
            },
            insert: self.insert.clone(),
        }
    }

    /// Deletes the bytes of `span`.
    pub fn deletion(span: Span) -> Self {
        Self {
            span,
            insert: String::new(),
        }
    }
}

/// Applies all `edits`; `None` if two overlap or one is outside the text.
pub fn apply(source: &str, edits: &[Edit]) -> Option<String> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| edit.span);
    let mut text = String::with_capacity(source.len() + 64);
    let mut done = 0;
    for edit in sorted {
        text.push_str(source.get(done..edit.span.start)?);
        text.push_str(&edit.insert);
        source.get(edit.span.start..edit.span.end)?;
        done = edit.span.end;
    }
    text.push_str(source.get(done..)?);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_apply_in_the_order_of_the_text() {
        let edits = [
            Edit::insertion(9, " 2>&1"),
            Edit::deletion(Span { start: 0, end: 3 }),
            Edit::insertion(3, "P=1 "),
        ];
        assert_eq!(
            apply("X= pytest", &edits).as_deref(),
            Some("P=1 pytest 2>&1")
        );
    }

    #[test]
    fn impossible_edits_give_nothing() {
        assert_eq!(apply("abc", &[Edit::insertion(4, "x")]), None);
        assert_eq!(apply("é", &[Edit::insertion(1, "x")]), None);
        let overlapping = [
            Edit::deletion(Span { start: 0, end: 2 }),
            Edit::deletion(Span { start: 1, end: 3 }),
        ];
        assert_eq!(apply("abc", &overlapping), None);
    }
}
