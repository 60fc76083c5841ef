//! Names of programs as a command spells them.

use crate::shell::base_name;

/// Endings of program names on Windows.
const SUFFIXES: &[&str] = &[".exe", ".cmd", ".bat", ".ps1", ".com"];

/// Returns the program's own name: without its folder, an ending used on Windows, and the version for a package runner
/// (`npx jest@29`).
pub(crate) fn program_name(word: &str) -> &str {
    // Backslashes separate folders too. POSIX names practically never contain one.
    let name = base_name(word);
    if !name.bytes().any(|byte| matches!(byte, b'\\' | b'@' | b'.')) {
        return name;
    }
    let name = name.rsplit_once('\\').map_or(name, |(_, name)| name);
    let name = match name.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() && !version.is_empty() => name,
        _ => name,
    };
    SUFFIXES
        .iter()
        .find_map(|suffix| {
            let at = name.len().checked_sub(suffix.len()).filter(|at| *at > 0)?;
            let (start, end) = (name.get(..at)?, name.get(at..)?);
            end.eq_ignore_ascii_case(suffix).then_some(start)
        })
        .unwrap_or(name)
}

/// Returns `python` for `python3.12`, `pypy3` and `$PYTHON`, and other names unchanged.
pub(super) fn interpreter_name(program: &str) -> &str {
    // `$PYTHON`, `${PY}`, `$(which python3)`
    if program.starts_with('$') && program.to_ascii_lowercase().contains("py") {
        return "python";
    }
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match bare {
        "python" | "pypy" | "pythonw" => "python",
        _ => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_with_folder_suffix_and_version() {
        for (word, name) in [
            ("/usr/bin/pytest", "pytest"),
            (".venv/Scripts/python.exe", "python"),
            (".venv\\Scripts\\python.exe", "python"),
            ("npm.cmd", "npm"),
            ("./gradlew.bat", "gradlew"),
            ("NPM.CMD", "NPM"),
            ("jest@29", "jest"),
            ("playwright@latest", "playwright"),
            ("@angular/cli@17", "cli"),
            ("@scope", "@scope"),
            (".exe", ".exe"),
            ("train.py", "train.py"),
        ] {
            assert_eq!(program_name(word), name, "{word}");
        }
    }
}
