//! Commands that name the folder of the client's task outputs. In the background, such a command's own output is in
//! that folder too, so a command that reads all files there would never end.

/// Whether `text` names the folder or outputs in it: `/tmp/claude-1000/…/tasks/*.output`, `$TMPDIR/claude*/…`, `cd
/// …/tasks; cat *.output` (locations of 2.1.20 to 2.1.332).
pub(crate) fn are_named(text: &str) -> bool {
    let is_end = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let names_folder = |name: &str| {
        text.match_indices(name).any(|(start, _)| {
            let before = text.get(..start).and_then(|text| text.chars().next_back());
            let after = text
                .get(start + name.len()..)
                .and_then(|text| text.chars().next());
            is_end(before) && before != Some('.') && is_end(after)
        })
    };
    let has_tasks = names_folder("tasks");
    // The user's number, a pattern or a variable may follow.
    let of_client = text.match_indices("/claude").any(|(start, name)| {
        let after = text
            .get(start + name.len()..)
            .and_then(|text| text.chars().next());
        after.is_none_or(|c| {
            matches!(
                c,
                '-' | '*' | '/' | '?' | '$' | '[' | '{' | '"' | '\'' | ' '
            )
        })
    });
    let has_outputs = text.contains(".output");
    has_tasks && (of_client || has_outputs) || of_client && has_outputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_recognised_in_every_spelling() {
        for (text, named) in [
            (
                "make; for f in /tmp/claude-1000/-p/5e55/tasks/*.output; do cat $f; done",
                true,
            ),
            ("sleep 45; cat /tmp/claude/-p/tasks/b1.output", true),
            ("cat \"$TMPDIR\"/claude-*/*/*/tasks/*.output", true),
            ("cd /tmp/claude-0/-p/s/tasks && tail -f *", true),
            (
                "D=$HOME/.local/state/bg-run/tasks; grep E $D/*.output",
                true,
            ),
            (
                "find /private/tmp/claude-501 -name '*.output' -exec cat {} +",
                true,
            ),
            ("make tasks", false),
            ("celery -A proj.tasks worker", false),
            ("pytest tests/tasks -x", false),
            ("npm test -- --coverage.output=x", false),
            ("ls ~/.claude/projects", false),
            ("cd ~/claude-tools && make", false),
        ] {
            assert_eq!(are_named(text), named, "{text}");
        }
    }
}
