//! Checks that the client makes the same decision about the edited text as about the original.

use super::Plan;
use crate::claude::permissions::UNBUFFERED;
use crate::programs::is_seen_through;
use crate::rewrite::{EditKind, PlannedEdit};
use crate::shell::{self, Edit, SimpleCommand, base_name};

impl Plan<'_> {
    /// Applies the edits so far and `more` to the source without markers.
    pub(super) fn applied(&self, more: Option<&Edit>) -> Option<String> {
        let markers = self.input.markers.iter().copied().map(Edit::deletion);
        let planned = self.edits.iter().map(|planned| planned.edit.clone());
        let edits: Vec<Edit> = markers.chain(planned).chain(more.cloned()).collect();
        Some(shell::apply(self.input.source, &edits)?.trim().to_owned())
    }

    /// Whether other rules would match the whole text. The client compares the whole text too, and that of a single
    /// command without its redirections (measured: exact rules, allow and deny, comments included, 2.1.20 to 2.1.331).
    pub(super) fn changes_the_whole(&self, more: &PlannedEdit) -> bool {
        let is_unseen = more.kind == EditKind::JoinStderr
            && !self.has_several_parts()
            && !self.input.script.simple_commands.iter().any(expands);
        if self.context.permissions.count() == 0 || is_unseen {
            return false;
        }
        self.comparison.count(self.input.source.len());
        let Some(after) = self.applied(Some(&more.edit)) else {
            return true;
        };
        let first = self.input.script.simple_commands.first();
        let seen = match after.strip_prefix(UNBUFFERED) {
            Some(rest) if first.is_some_and(|first| self.is_bare(first)) => rest,
            _ => &after,
        };
        self.comparison.gains_match(&self.whole, &after)
            || !self.comparison.has_same_matches_in_whole(&self.whole, seen)
    }

    /// Whether the source contains more than one simple command with its redirections.
    pub(super) fn has_several_parts(&self) -> bool {
        match self.input.script.simple_commands.as_slice() {
            [command] => !self.input.source.trim().starts_with(self.text(command)),
            _ => true,
        }
    }

    /// Whether a rule for the command still matches after bg-run's prefix. It doesn't if the command begins with an
    /// assignment or wrapper, because the client ignores all such words or none.
    fn is_bare(&self, command: &SimpleCommand) -> bool {
        let first = command.words.first();
        let is_unquoted = |raw: &str| {
            raw.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_./+-".contains(&byte))
        };
        first.is_some_and(|first| {
            self.start_without_markers(command) == Some(first.span.start)
                && !expands(command)
                && is_unquoted(&first.raw)
                && !is_seen_through(base_name(&first.raw))
        })
    }

    /// Returns the text from `start` to `end`, inside one command, with the options inserted so far and `more`.
    pub(super) fn edited(&self, start: usize, end: usize, more: Option<&Edit>) -> Option<String> {
        let inside = |edit: &&Edit| edit.span.start >= start && edit.span.end <= end;
        let planned = self.edits.iter().filter(|planned| {
            use EditKind::{LineBuffered, Stdbuf, UnbufferedOption};
            matches!(planned.kind, UnbufferedOption | LineBuffered | Stdbuf)
        });
        let edits: Vec<Edit> = planned
            .map(|planned| &planned.edit)
            .chain(more)
            .filter(inside)
            .map(|edit| edit.moved_back(start))
            .collect();
        shell::apply(self.slice(start, end), &edits)
    }

    /// Whether the client's decision about the command stays the same with `prefix` and `suffix` around it.
    pub(super) fn same_around(&self, command: &SimpleCommand, prefix: &str, suffix: &str) -> bool {
        let rules = &self.comparison;
        let (Some(start), Some(end)) = (self.start_without_markers(command), command.words_end())
        else {
            return false;
        };
        let Some(edited) = self.edited(start, end, None) else {
            return false;
        };
        let before = self.slice(start, end);
        let after = format!("{prefix}{edited}");
        let seen_through = self.is_bare(command);
        let texts = [
            format!("{edited}{suffix}"),
            format!("{after}{suffix}"),
            after,
        ];
        let gained = texts.iter().any(|text| rules.gains_match(before, text));
        // A command with an expansion is compared literally.
        let seen = [&texts[0], &texts[2]];
        let is_raw = expands(command) && !suffix.is_empty();
        !gained
            && (!is_raw || rules.has_same_matches(before, seen[0]))
            && (prefix.is_empty() || seen_through || rules.has_same_matches(before, seen[1]))
    }

    /// Whether the same rules match with `edit` next to the word `last`. The client compares a command without some
    /// wrappers, and which ones depends on its version.
    pub(super) fn same_rules(&self, command: &SimpleCommand, last: usize, edit: &Edit) -> bool {
        let Some(end) = command.words_end() else {
            return false;
        };
        let starts = command
            .words
            .iter()
            .take(last + 1)
            .map(|word| word.span.start);
        self.start_without_markers(command)
            .into_iter()
            .chain(starts)
            .all(|start| {
                self.edited(start, end, Some(edit)).is_some_and(|after| {
                    let before = self.slice(start, end);
                    self.comparison.has_same_matches(before, &after)
                })
            })
    }
}

/// Whether a word contains a variable or braces. Then the client compares an exact rule with the literal text
/// (measured, 2.1.332).
fn expands(command: &SimpleCommand) -> bool {
    let mut words = command.assignments.iter().chain(&command.words);
    words.any(|word| word.raw.contains(['$', '{']))
}
