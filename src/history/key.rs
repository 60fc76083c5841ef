//! The keys under which a call's duration is stored, from the coarsest to the finest.

use super::entry::Key;
use super::generalize;
use crate::programs::{CommandForms, Invocation, is_quick};
use crate::state::hash;

/// The specificity of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The matching rule.
    Rule,
    /// The programs.
    Head,
    /// The programs, their subcommands, and whether they run only a part.
    Target,
    /// The programs, subcommands and options, with generalised values.
    Shape,
    /// The exact commands, without irrelevant parts: folders, assignments, redirections, wrappers, light filters.
    Core,
}

impl Level {
    /// All levels, the coarsest first.
    pub const ALL: [Self; 5] = [
        Self::Rule,
        Self::Head,
        Self::Target,
        Self::Shape,
        Self::Core,
    ];
}

/// Maximum number of commands in a call that are distinguished.
const MAX_COMMANDS: usize = 8;

/// Returns the indices of the commands under which a call's duration is stored: those that a rule calls long, or else
/// all that can run long.
pub fn long_or_all(forms: &[CommandForms], long: &[usize]) -> Vec<usize> {
    let can_run_long = |index: &usize| {
        let first = forms.get(*index).and_then(innermost);
        first.is_some_and(|invocation| {
            invocation
                .words
                .first()
                .is_some_and(|first| !is_quick(first))
        })
    };
    let mut indices = if long.is_empty() {
        (0..forms.len()).filter(can_run_long).collect()
    } else {
        long.to_vec()
    };
    indices.truncate(MAX_COMMANDS);
    indices
}

/// Returns the keys for the duration of a call, one per level, the coarsest first; none if nothing in it can run long. The
/// call's commands have these forms and match `rule`, in the repository with this number.
pub fn keys<'a>(
    commands: impl Iterator<Item = &'a CommandForms>,
    rule: Option<&str>,
    repository: u64,
) -> Vec<Key> {
    let commands: Vec<Words<'_>> = commands.filter_map(innermost).map(Words::new).collect();
    if commands.is_empty() {
        return Vec::new();
    }
    let key = |level: Level| {
        let (whole, shown) = match level {
            Level::Rule => (rule.unwrap_or("-").to_owned(), None),
            Level::Head => (joined(&commands, Words::head), None),
            Level::Target => (joined(&commands, Words::target), None),
            Level::Shape => (
                joined(&commands, Words::shape),
                Some(joined(&commands, Words::shown_shape)),
            ),
            Level::Core => (
                joined(&commands, |words| words.invocation.text.clone()),
                Some(joined(&commands, Words::shown)),
            ),
        };
        Key {
            repository,
            level: level as u8,
            hash: hash([level as u8].into_iter().chain(whole.bytes())),
            text: shown.unwrap_or_else(|| generalize::clean(&whole)),
        }
    };
    Level::ALL.into_iter().map(key).collect()
}

fn joined<'a>(commands: &[Words<'a>], part: impl Fn(&Words<'a>) -> String) -> String {
    let mut parts: Vec<String> = commands.iter().map(part).collect();
    parts.dedup();
    parts.join("; ")
}

/// A command's words, and the number of them that name what it runs.
struct Words<'a> {
    invocation: &'a Invocation,
    named: usize,
}

impl<'a> Words<'a> {
    fn new(invocation: &'a Invocation) -> Self {
        Self {
            invocation,
            named: generalize::count_name_words(&invocation.words),
        }
    }

    fn head(&self) -> String {
        self.invocation.words.first().cloned().unwrap_or_default()
    }

    fn target(&self) -> String {
        let named = self.invocation.words.get(..self.named).unwrap_or_default();
        let part = if generalize::is_narrowed(&self.invocation.words, self.named) {
            " …"
        } else {
            ""
        };
        named.join(" ") + part
    }

    fn shape(&self) -> String {
        generalize::shape(&self.invocation.words, self.named)
    }

    fn shown_shape(&self) -> String {
        generalize::clean(&self.shape())
    }

    fn shown(&self) -> String {
        generalize::in_clear(&self.invocation.words, self.named)
    }
}

/// Returns the innermost form, without global options and with its folder.
fn innermost(forms: &CommandForms) -> Option<&Invocation> {
    let form = forms.iter().last()?;
    let invocation = form.bare.as_ref().or(form.with_folder.as_ref());
    Some(invocation.unwrap_or(&form.full))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    fn keys_of(command: &str) -> Vec<Key> {
        let script = shell::parse(command).unwrap();
        let commands = script.simple_commands.iter();
        let forms: Vec<CommandForms> = commands
            .map(|command| CommandForms::of(command, &[]))
            .collect();
        let indices = long_or_all(&forms, &[]);
        let chosen = indices.iter().filter_map(|index| forms.get(*index));
        super::keys(chosen, None, 1)
    }

    fn keys(command: &str) -> Vec<String> {
        let keys = keys_of(command).into_iter();
        keys.map(|key| key.text).collect()
    }

    fn hashes(command: &str) -> Vec<u64> {
        keys_of(command).iter().map(|key| key.hash).collect()
    }

    #[test]
    fn levels_go_from_the_program_to_the_command() {
        for (command, expected) in [
            (
                "cd x && FOO=1 timeout 60 uv run pytest -x tests/a.py 2>&1 | tail -5",
                ["pytest", "pytest …", "pytest -x py", "pytest -x tests/a.py"],
            ),
            (
                "npm run build -- --watch=no",
                [
                    "npm",
                    "npm run build",
                    "npm run build -- --watch",
                    "npm run build -- …",
                ],
            ),
            (
                "git add -A && git commit -m 'x y' && git push",
                [
                    "git",
                    "git add; git commit …; git push",
                    "git add -A; git commit -m *; git push",
                    "git add -A; git commit -m …; git push",
                ],
            ),
            (
                "cargo test -p core parse::tests",
                [
                    "cargo",
                    "cargo test …",
                    "cargo test -p *",
                    "cargo test -p … parse::tests",
                ],
            ),
        ] {
            assert_eq!(keys(command)[1..], expected, "{command}");
        }
        assert!(keys("cd x && ls | head -3").is_empty());
    }

    #[test]
    fn irrelevant_parts_do_not_change_the_keys() {
        let plain = hashes("pytest -x tests");
        for other in [
            "cd sub && pytest -x tests",
            "PYTHONUNBUFFERED=1 pytest -x tests 2>&1",
            "CI=1 uv run python -u -m pytest -x tests | tail -20",
            "stdbuf -oL pytest -x tests > log 2>&1",
        ] {
            assert_eq!(hashes(other), plain, "{other}");
        }
        assert_ne!(hashes("pytest -x"), plain);
    }

    /// Texts that must not appear in stored keys.
    #[test]
    fn secrets_are_not_kept_in_clear() {
        for (command, secret) in [
            (
                "curl -H 'Authorization: Bearer abc.def' https://x.org",
                "abc",
            ),
            ("deploy --token=hunter2 prod", "hunter2"),
            ("deploy --password hunter2 prod", "hunter2"),
            ("mysqldump -phunter2 db", "hunter2"),
            ("deploy -phunter2 db", "hunter2"),
            ("./run https://me:hunter2@host/x", "hunter2"),
            ("./run sk-proj-4f9a8b7c6d5e4f3a2b1c", "4f9a8b7c"),
            ("./run ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"),
            ("./run AKIAIOSFODNN7EXAMPLE", "AKIAIO"),
            ("./run 9f86d081884c7d659a2feaa0c55ad015", "9f86d0"),
            ("psql postgres://u:pw@h/db", "pw@"),
            ("redis-cli -a hunter2 ping", "hunter2"),
            ("docker login -u me -p hunter2 reg", "hunter2"),
            ("./9f86d081884c7d659a2feaa0c55ad015", "9f86d0"),
            ("tool sub-9f86d081884c7d659a2feaa0 x", "9f86d0"),
            ("API_KEY=hunter2 ./run", "hunter2"),
            ("gh secret set X --body hunter2", "hunter2"),
            ("./run user:hunter2", "hunter2"),
            ("./run key=hunter2", "hunter2"),
        ] {
            let kept = keys(command);
            assert!(
                kept.iter().all(|text| !text.contains(secret)),
                "{command}: {kept:?}"
            );
        }
    }
}
