//! Commands that name the folder of the client's task outputs. In the background, such a command's own output is in
//! that folder too, so a command that reads all files there would never end.

use std::borrow::Cow;
use std::cell::LazyCell;

/// Folders for temporary files, which may contain the client's folder, and variables that name such a folder.
#[rustfmt::skip]
const TEMPORARY: &[&str] = &[
    "/tmp", "/private/tmp", "/var/folders", "/private/var/folders", "$TMPDIR", "${TMPDIR", "$CLAUDE_CODE_TMPDIR",
    "${CLAUDE_CODE_TMPDIR", "$TMP", "${TMP",
];

/// Parts of the folder's path. A command without any of them can't name the folder.
const MARKS: &[&str] = &["/tmp", "TMP", "/var/folders", "claude", "tasks", ".output"];

/// Beginnings of commands that read all files of a folder.
const READ_ALL: &[&str] = &["-exec", "ag ", "grep -R", "grep -r", "rg ", "xargs"];

/// Whether `text` names the client's folder of outputs, or files in it: `/tmp/claude-1000/…/tasks/*.output`,
/// `$TMPDIR/cl*/…`, `cd …/tasks; cat *.output` (the places of 2.1.20 to 2.1.332).
pub(crate) fn names_task_outputs(text: &str) -> bool {
    let text = unquoted(text);
    if !MARKS.iter().any(|mark| contains(&text, mark)) {
        return false;
    }
    let ends =
        |c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')' | '<' | '>' | '=');
    let words = || text.split(ends);
    let has_tasks = LazyCell::new(|| stands_alone(&text, "tasks"));
    let is_temporary = |word: &str| TEMPORARY.iter().any(|folder| is_below(word, folder));
    let names_temporary = LazyCell::new(|| words().any(is_temporary));
    let reads_all = LazyCell::new(|| READ_ALL.iter().any(|program| text.contains(program)));
    words().any(|word| {
        let is_pattern = word.contains(['*', '?', '[']);
        // The folder may be any, because an earlier `cd` can lead to the outputs.
        word.ends_with(".output") && (is_pattern || *has_tasks)
            || word.starts_with("claude-") && is_of_client(word)
            || word
                .split_once("/claude")
                .is_some_and(|(_, rest)| *has_tasks && is_of_client(&format!("claude{rest}/")))
            || is_temporary(word) && is_of_client_below(word)
            || is_pattern && word.contains("tasks") && *has_tasks && *names_temporary
            || is_temporary(word)
                && *reads_all
                && word.split('/').filter(|part| !part.is_empty()).count() < 2
    })
}

/// Whether `text` contains `part`.
fn contains(text: &str, part: &str) -> bool {
    // Before its first search, memchr asks for the CPU's features, which takes longer than the search of a short text.
    const LARGE: usize = 16 * 1024;
    if text.len() < LARGE {
        return text.contains(part);
    }
    memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
}

/// Removes quotes and backslashes.
fn unquoted(text: &str) -> Cow<'_, str> {
    const REMOVED: [char; 3] = ['\'', '"', '\\'];
    // One search per character is faster than a search for any of them.
    if REMOVED.iter().any(|&removed| text.contains(removed)) {
        text.replace(REMOVED, "").into()
    } else {
        text.into()
    }
}

/// Whether `text` contains `name` as a separate word.
fn stands_alone(text: &str, name: &str) -> bool {
    let is_end = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(name).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start + name.len()..);
        let after = after.and_then(|text| text.chars().next());
        is_end(before) && before != Some('.') && is_end(after)
    })
}

/// Whether `word` is `folder` or a path in it.
fn is_below(word: &str, folder: &str) -> bool {
    let rest = word.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '}', ':']))
}

/// Whether a part of a path in a folder for temporary files can be the client's folder, and the path leads to more than
/// the notes that the client keeps there for the model.
fn is_of_client_below(word: &str) -> bool {
    let folder = TEMPORARY.iter().find(|folder| is_below(word, folder));
    let first = folder.and_then(|folder| word.get(folder.len()..)?.split_once('/'));
    let starts = word.match_indices('/').map(|(at, _)| at + 1);
    let mut rests = starts.filter_map(|at| word.get(at..));
    first.is_some_and(|(_, rest)| may_be_of_client(rest)) || rests.any(is_of_client)
}

/// Whether a path begins with the client's folder: `claude`, `claude-1000`, `claude-*`.
fn is_of_client(path: &str) -> bool {
    let part = path.split('/').next().unwrap_or(path);
    let is_named = part == "claude"
        || part.strip_prefix("claude").is_some_and(|rest| {
            let number = rest.strip_prefix('-').unwrap_or_default();
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            !number.is_empty() && is_number || rest.contains(['*', '?', '[', '{', '$'])
        });
    is_named && !path.contains("scratchpad")
}

/// Whether a path begins with a pattern that the client's folder matches, and leads into it.
fn may_be_of_client(path: &str) -> bool {
    let (part, rest) = path.split_once('/').unwrap_or((path, ""));
    let pattern = part.find(['*', '?', '[', '{']);
    let is_one = pattern.is_some_and(|at| {
        part.get(..at)
            .is_some_and(|plain| "claude-".starts_with(plain))
    });
    is_one && !rest.is_empty()
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
            ("cat /tmp/\"claude\"-0/-p/s/tasks/b1.output", true),
            ("cat /tmp/cla\\ude-0/*/*/tasks/*", true),
            ("cat $CLAUDE_CODE_TMPDIR/claude-0/x", true),
            ("cat \"${TMPDIR:-/tmp}/claude-$(id -u)\"/*/*/*/*", true),
            ("cd /tmp; cat claude-*/*/*/*/*", true),
            ("D=/tmp/claude-0; cat $D/*/*/*/*", true),
            ("cat /tmp/cl*/*/*/*/*", true),
            ("cat /tmp/c?aude-0/*", true),
            ("cat /tmp/*/*/*/*/*", true),
            ("cat /tmp/{claude-0,x}/*", true),
            ("cat /scratch/claude-0/-p/s/tasks/b1.output", true),
            ("grep -r ERR /tmp/claude-0", true),
            ("grep -r ERR /tmp", true),
            ("rg ERR /tmp/", true),
            ("find /tmp -name '*.output' | xargs cat", true),
            ("find /tmp -path '*tasks*' -exec cat {} +", true),
            ("make; cat *.output", true),
            ("python /tmp/claude-0/-p/s/scratchpad/train.py", false),
            ("make >/tmp/build.log", false),
            ("cat /tmp/*.log", false),
            ("make >/tmp/$USER/build.log", false),
            ("cat /tmp/build/*/x.log", false),
            ("cat /tmp/b*/x.log", false),
            ("rg ERR /tmp/build", false),
            ("cd /tmp/claude-tools && make", false),
            ("pytest tests/tasks >/tmp/x.log", false),
            ("python a.py >run.output", false),
            ("make tasks", false),
            ("celery -A proj.tasks worker", false),
            ("pytest tests/tasks -x", false),
            ("npm test -- --coverage.output=x", false),
            ("ls ~/.claude/projects", false),
            ("cd ~/claude-tools && make", false),
        ] {
            assert_eq!(names_task_outputs(text), named, "{text}");
        }
    }
}
