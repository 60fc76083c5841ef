//! Kinds of programs: quick ones, shell builtins, and those that can run Python.

use super::names::{interpreter_name, program_name};

/// Programs that end at once. They need no edit unless a rule matches them.
#[rustfmt::skip]
const QUICK: &[&str] = &[
    ".", ":", "[", "alias", "awk", "basename", "break", "cat", "cd", "chmod", "chown", "continue", "cp", "cut",
    "date", "declare", "dirname", "echo", "eval", "exec", "exit", "export", "false", "grep", "head", "hostname",
    "kill", "local", "ls", "mkdir", "mktemp", "mv", "popd", "printf", "pushd", "pwd", "read", "readonly",
    "return", "rm", "sed", "set", "shift", "shopt", "sleep", "sort", "source", "tail", "tee", "test", "touch",
    "tr", "trap", "true", "type", "ulimit", "umask", "uname", "unalias", "uniq", "unset", "wait", "wc", "which",
];

/// Folders of the system's own programs.
const SYSTEM: &[&str] = &["/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/// Whether the program that `word` calls ends at once. A path outside the system's folders, such as `./test`, doesn't
/// count.
pub(crate) fn is_quick(word: &str) -> bool {
    match word.rsplit_once('/') {
        Some((folder, name)) => SYSTEM.contains(&folder) && QUICK.contains(&name),
        None => QUICK.contains(&word),
    }
}

/// Commands that bash or zsh execute themselves.
#[rustfmt::skip]
const BUILTINS: &[&str] = &[
    "-", ".", ":", "[", "[[", "alias", "autoload", "bg", "bind", "break", "builtin", "caller", "cd", "chdir", "command",
    "compgen", "complete", "compopt", "continue", "coproc", "declare", "dirs", "disable", "disown", "echo", "emulate",
    "enable", "eval", "exec", "exit", "export", "false", "fc", "fg", "float", "foreach", "functions", "getopts", "hash",
    "help", "history", "integer", "jobs", "kill", "let", "limit", "local", "logout", "mapfile", "nocorrect", "noglob",
    "popd", "print", "printf", "pushd", "pwd", "read", "readarray", "readonly", "rehash", "repeat", "return", "sched",
    "set", "setopt", "shift", "shopt", "source", "suspend", "test", "times", "trap", "true", "type", "typeset",
    "ulimit", "umask", "unalias", "unfunction", "unhash", "unlimit", "unset", "unsetopt", "vared", "wait", "whence",
    "where", "which", "zle", "zmodload", "zparseopts", "zstyle",
];

/// Whether the shell executes `program` itself, or may do so: an expansion can be any name.
pub(crate) fn is_builtin(program: &str) -> bool {
    BUILTINS.contains(&program) || program.contains(['$', '`'])
}

/// Programs that never start Python, neither directly nor through another command.
#[rustfmt::skip]
const NO_PYTHON: &[&str] = &[
    "ava", "c++", "cabal", "cargo", "cc", "clang", "clang++", "curl", "cypress", "dart", "deno", "df", "diff",
    "dmesg", "dotnet", "du", "elixir", "esbuild", "eslint", "ffmpeg", "flutter", "free", "g++", "gcc", "gh", "ghc",
    "go", "golangci-lint", "gotestsum", "gradle", "gradlew", "helm", "inotifywait", "java", "javac", "jest",
    "journalctl", "jq", "kotlinc", "mix", "mocha", "msbuild", "mvn", "mvnw", "mysql", "mysqldump", "nc", "next",
    "node", "nodejs", "nuxt", "pg_dump", "pg_restore", "pgrep", "php", "phpunit", "ping", "playwright", "prettier",
    "ps", "psql", "rg", "rollup", "rspec", "rsync", "ruby", "rustc", "rustup", "sbt", "scp", "sleep", "sqlite3",
    "ss", "stat", "swift", "tail", "tar", "tcpdump", "terraform", "tofu", "trunk", "ts-node", "tsc", "tsx", "vite",
    "vitest", "vue-tsc", "webpack", "wget", "xcodebuild", "zig",
];

/// Whether `words` can run Python. Unknown programs and runners may start it.
pub(super) fn can_run_python(words: &[String]) -> bool {
    words
        .first()
        .is_none_or(|first| !NO_PYTHON.contains(&program_name(first)))
}

/// Long-running programs written in Python, besides the interpreter itself.
const PYTHON_PROGRAMS: &[&str] = &[
    "pytest",
    "py.test",
    "torchrun",
    "accelerate",
    "tox",
    "nox",
    "celery",
    "deepspeed",
];

/// Whether `words` call the Python interpreter, or a program written in Python.
pub(super) fn is_python(words: &[String]) -> bool {
    let Some(first) = words.first() else {
        return false;
    };
    let program = interpreter_name(program_name(first));
    program == "python" || PYTHON_PROGRAMS.contains(&program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_named_like_a_builtin_is_none() {
        for (word, quick) in [
            ("test", true),
            ("/usr/bin/cat", true),
            ("./test", false),
            ("scripts/wait", false),
            ("/repo/bin/eval", false),
            ("pytest", false),
        ] {
            assert_eq!(is_quick(word), quick, "{word}");
        }
    }
}
