//! The line for the session's environment file, and the client's source around a command.
//!
//! The client inlines the file's text into the source of every command (measured, 2.1.200 to 2.1.332, bash and zsh):
//!
//! ```text
//! source SNAPSHOT 2>/dev/null || true && TEXT OF THE FILE
//! : && … && eval 'COMMAND' < /dev/null && pwd -P >| /tmp/claude-1234-cwd
//! ```

use std::path::Path;

use crate::state::Kind;

/// Returns the line that hands a call with a note to the relay; `None` if a path isn't UTF-8 or has a line break. As long as
/// no call has a note, it costs only the check for a missing folder. `\builtin` avoids a function or alias named `exit`: if
/// the shell continued, it would run the command once more.
pub fn line(program: &Path, state: &Path) -> Option<String> {
    let notes = quoted(state.join(Kind::Relays.name()).to_str()?)?;
    let (program, state) = (quoted(program.to_str()?)?, quoted(state.to_str()?)?);
    Some(format!(
        "[ -e {notes} ] && [ -x {program} ] && {program} relay --claim {state} && {{ {program} relay {state}; \\builtin exit; }}"
    ))
}

/// Whether an environment file with this text contains this line.
pub fn is_in(text: &str, line: &str) -> bool {
    text.lines().any(|there| there == line)
}

/// Quotes a path as one word of bash and zsh; `None` if a line feed would split the line of the file.
fn quoted(path: &str) -> Option<String> {
    (!path.contains(['\n', '\r'])).then(|| quote(path))
}

/// Puts text in single quotes.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

/// Quotes text exactly as the client does: a plain word stays bare (measured, 2.1.332).
fn as_the_client(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@:,./=+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// The possible ends of the client's source after the command.
const REDIRECTED: &str = " < /dev/null";
const FOLDER: &str = " && pwd -P >| ";

/// Whether the client's source runs exactly this command, in a form that was measured.
pub fn runs(source: &str, command: &str) -> bool {
    let Some((rest, folder)) = source.rsplit_once(FOLDER) else {
        return false;
    };
    let is_path = folder.starts_with('/') && !folder.contains([' ', '\'', '\n', ';', '&']);
    let rest = rest.strip_suffix(REDIRECTED).unwrap_or(rest);
    let before = rest.strip_suffix(&as_the_client(command));
    is_path && before.is_some_and(|before| before.ends_with(" && eval "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(command: &str, behind: &str) -> String {
        format!(
            "source /s.sh 2>/dev/null || true && export A=1\n: && shopt -u extglob 2>/dev/null || true && eval {}{behind} \
             && pwd -P >| /tmp/claude-1f3a-cwd",
            as_the_client(command)
        )
    }

    #[test]
    fn only_the_exact_command_matches() {
        let commands = [
            "pytest -x",
            "./odd",
            "odd",
            "$X",
            "it's",
            "'",
            "''",
            "a && eval 'pytest -x'",
            "cat <<'E'\nx\nE\nfalse",
            "x && pwd -P >| /tmp/y",
            "\"'\"'",
            "",
        ];
        for behind in [REDIRECTED, ""] {
            for command in commands {
                for other in commands {
                    let is_same = command == other;
                    let source = source(command, behind);
                    assert_eq!(runs(&source, other), is_same, "{command:?} {other:?}");
                }
            }
        }
        let pytest = source("pytest", "");
        assert!(pytest.contains(" && eval pytest && "), "{pytest}");
        for odd in [
            "eval pytest".to_owned(),
            pytest.replace(" && eval", "; eval"),
            format!("{pytest}; rm x"),
            format!("{pytest} && true"),
            pytest.replace("pwd -P", "pwd"),
        ] {
            assert!(!runs(&odd, "pytest"), "{odd}");
        }
    }

    #[test]
    fn the_line_is_one_line_and_is_found() {
        let state = Path::new("/home/o'neil/state dir");
        let line = line(Path::new("/bin/bg-run"), state).unwrap();
        assert!(!line.contains('\n'));
        assert!(is_in(&format!("export A=1\n{line}\n"), &line));
        let newer = super::line(Path::new("/bin/2/bg-run"), state).unwrap();
        assert!(!is_in(&line, &newer) && !is_in("", &line));
        assert_eq!(
            super::line(Path::new("/bin/bg-run"), Path::new("/a\nb")),
            None
        );
        for shell in ["bash", "zsh"] {
            let checked = std::process::Command::new(shell)
                .args(["-n", "-c", &line])
                .output();
            let Ok(checked) = checked else { continue };
            assert!(checked.status.success(), "{shell}: {checked:?}");
        }
    }
}
