//! Decides whether markers (`BG_RUN=…`) are removed. A marker stays if a permission rule concerns it.

use super::edits::{EditKind, LeftOut, TOO_MUCH};
use super::input::RewriteInput;
use crate::claude::permissions::{Comparison, PermissionRules};
use crate::shell::{self, Edit, SimpleCommand};

/// The variable's name in a rule.
const NAME: &str = "BG_RUN";

/// Returns the reason for keeping the markers; `None` if they can be removed. An ask or deny rule that matches the
/// original call must match the returned one.
pub(super) fn reason_to_keep(
    input: RewriteInput<'_>,
    permissions: &PermissionRules,
) -> Option<LeftOut> {
    if input.markers.is_empty() || permissions.count() == 0 {
        return None;
    }
    let comparison = permissions.comparison();
    let commands = input.script.simple_commands.iter();
    let is_kept = loses(&comparison, input, 0, input.source.len())
        || commands
            .filter(|command| has_marker(input, command))
            .any(|command| {
                // The client also compares a command without some of its assignments.
                let end = command.words_end().unwrap_or(input.source.len());
                let mut starts = command.assignments.iter().map(|word| word.span.start);
                starts.any(|start| loses(&comparison, input, start, end))
            });
    let why = if comparison.is_exhausted() {
        TOO_MUCH
    } else {
        "a permission rule is about it"
    };
    is_kept.then(|| LeftOut {
        kind: EditKind::TakeOutMarker,
        why: why.to_owned(),
    })
}

fn has_marker(input: RewriteInput<'_>, command: &SimpleCommand) -> bool {
    let mut starts = command.assignments.iter().map(|word| word.span.start);
    starts.any(|start| input.markers.iter().any(|marker| marker.start == start))
}

fn loses(comparison: &Comparison<'_>, input: RewriteInput<'_>, start: usize, end: usize) -> bool {
    let before = input.source.get(start..end).unwrap_or_default();
    let inside = input.markers.iter();
    let inside = inside.filter(|marker| marker.start >= start && marker.end <= end);
    let edits: Vec<Edit> = inside
        .map(|marker| Edit::deletion(*marker).moved_back(start))
        .collect();
    comparison.count(before.len());
    let after = shell::apply(before, &edits);
    after.is_none_or(|after| comparison.loses_match(before.trim(), after.trim(), NAME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::permissions::List;
    use crate::shell::Span;

    #[test]
    fn a_marker_stays_if_a_rule_concerns_it() {
        use List::{Allow, Restrict};
        for (list, rule, command, is_kept) in [
            (Restrict, "BG_RUN=*", "BG_RUN=off npm test", true),
            (Restrict, "BG_RUN=on:*", "BG_RUN=off npm test", false),
            (Restrict, "BG_RUN=*", "cd a && BG_RUN=off npm test", true),
            (Restrict, "BG_RUN=*", "A=1 BG_RUN=off npm test", true),
            (Restrict, "*=off *", "BG_RUN=off npm test", true),
            (Restrict, "npm test:*", "BG_RUN=off npm test", false),
            (Restrict, "rm:*", "BG_RUN=off npm test", false),
            (Allow, "BG_RUN=off npm test", "BG_RUN=off npm test", true),
            (Allow, "npm test", "BG_RUN=off npm test", false),
            (Allow, "* test", "BG_RUN=off npm test", false),
        ] {
            let mut permissions = PermissionRules::default();
            permissions.add(list, &format!("Bash({rule})"));
            let script = shell::parse(command).unwrap();
            let start = command.find("BG_RUN").unwrap();
            let end = start + "BG_RUN=off ".len();
            let input = RewriteInput {
                source: command,
                script: &script,
                markers: &[Span { start, end }],
            };
            let kept = reason_to_keep(input, &permissions);
            assert_eq!(kept.is_some(), is_kept, "{list:?} {rule} {command}");
        }
    }
}
