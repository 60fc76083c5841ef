//! A diff of two texts by lines.

use std::fmt::Write as _;
use std::ops::Range;

/// A line of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line of both texts.
    Same(&'a str),
    /// A line of the first text only.
    Removed(&'a str),
    /// A line of the second text only.
    Added(&'a str),
}

impl<'a> Line<'a> {
    /// Returns the line's mark and text.
    pub(super) fn parts(self) -> (char, &'a str) {
        match self {
            Self::Same(line) => (' ', line),
            Self::Removed(line) => ('-', line),
            Self::Added(line) => ('+', line),
        }
    }

    fn is_change(self) -> bool {
        !matches!(self, Self::Same(_))
    }
}

/// Maximum number of lines of either text that are compared. A longer middle part is shown as replaced.
const MAX_COMPARED: usize = 2000;

/// Returns all lines of both texts in order, with as few changes as possible.
pub(super) fn lines<'a>(before: &'a str, after: &'a str) -> Vec<Line<'a>> {
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let front = same(&mut before.iter().zip(&after));
    let back = same(
        &mut before[front..]
            .iter()
            .rev()
            .zip(after[front..].iter().rev()),
    );
    let (head, removed) = before[..before.len() - back].split_at(front);
    let added = &after[front..after.len() - back];
    let mut lines: Vec<Line> = head.iter().copied().map(Line::Same).collect();
    lines.extend(middle(removed, added));
    lines.extend(
        before[before.len() - back..]
            .iter()
            .copied()
            .map(Line::Same),
    );
    lines
}

/// Compares two texts that share neither their first nor their last line.
fn middle<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let (rows, columns) = (before.len(), after.len());
    let is_long = rows.max(columns) > MAX_COMPARED;
    let width = columns + 1;
    // For each pair of lines, the length of the longest common subsequence from there on.
    let compared = if is_long { 0 } else { rows };
    let mut common = vec![0_u16; if is_long { 0 } else { (rows + 1) * width }];
    for row in (0..compared).rev() {
        for column in (0..columns).rev() {
            let at = row * width + column;
            common[at] = if before[row] == after[column] {
                common[at + width + 1] + 1
            } else {
                common[at + width].max(common[at + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::with_capacity(rows + columns);
    while row < rows || column < columns {
        let at = row * width + column;
        let removes =
            row < rows && (column == columns || is_long || common[at + width] >= common[at + 1]);
        if row < rows && column < columns && before[row] == after[column] {
            lines.push(Line::Same(before[row]));
            (row, column) = (row + 1, column + 1);
        } else if removes {
            lines.push(Line::Removed(before[row]));
            row += 1;
        } else {
            lines.push(Line::Added(after[column]));
            column += 1;
        }
    }
    lines
}

/// Number of unchanged lines that are shown around a change.
const CONTEXT_LINES: usize = 3;

/// Returns a unified diff of the file `name`; empty if the texts are equal.
pub(super) fn unified(name: &str, before: &str, after: &str) -> String {
    let lines = lines(before, after);
    let mut text = String::new();
    for part in parts(&lines) {
        if text.is_empty() {
            text = format!("--- {name}\n+++ {name}\n");
        }
        let count =
            |lines: &[Line], mark| lines.iter().filter(|line| line.parts().0 != mark).count();
        let (skipped, shown) = (&lines[..part.start], &lines[part]);
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "@@ -{},{} +{},{} @@",
            count(skipped, '+') + 1,
            count(shown, '+'),
            count(skipped, '-') + 1,
            count(shown, '-'),
        );
        for (mark, line) in shown.iter().map(|line| line.parts()) {
            let _ = writeln!(text, "{mark}{line}");
        }
    }
    text
}

/// Returns the changes with the lines around them. Adjacent ones are merged.
fn parts(lines: &[Line]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for (at, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.is_change())
    {
        let end = (at + CONTEXT_LINES + 1).min(lines.len());
        match parts.last_mut() {
            Some(last) if at.saturating_sub(CONTEXT_LINES) <= last.end => last.end = end,
            _ => parts.push(at.saturating_sub(CONTEXT_LINES)..end),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_can_be_restored_from_a_diff() {
        let texts = [
            "",
            "a",
            "a\nb\nc",
            "a\nc",
            "b\na",
            "x\na\nb\ny\nc",
            "c\nb\na\nb",
        ];
        let long = "l\n".repeat(MAX_COMPARED + 1);
        for (before, after) in texts
            .iter()
            .flat_map(|a| texts.iter().map(move |b| (*a, *b)))
            .chain([("a\nb", long.as_str())])
        {
            let diff = lines(before, after);
            let of = |mark| -> Vec<&str> {
                let parts = diff.iter().map(|line| line.parts());
                parts
                    .filter(|(own, _)| *own != mark)
                    .map(|(_, line)| line)
                    .collect()
            };
            assert_eq!(
                of('+'),
                before.lines().collect::<Vec<_>>(),
                "{before:?} {after:?}"
            );
            assert_eq!(
                of('-'),
                after.lines().collect::<Vec<_>>(),
                "{before:?} {after:?}"
            );
        }
        let marks: String = lines("a\nb\nc", "a\nx\nc")
            .iter()
            .map(|line| line.parts().0)
            .collect();
        assert_eq!(marks, " -+ ");
    }

    #[test]
    fn a_unified_diff_shows_changes_with_context() {
        let numbers: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        let before = numbers.join("\n") + "\n";
        let after = before.replace("10\n", "ten\n");
        let expected = "--- f\n+++ f\n@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n";
        assert_eq!(unified("f", &before, &after), expected);
        assert_eq!(unified("f", &before, &before), "");
        let two = unified("f", &before, &after.replace("1\n2\n", "2\n"));
        assert_eq!(two.matches("@@ -").count(), 2, "{two}");
    }
}
