//! The names that the text of a start file gives to functions and aliases, and the files that it reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::shell::base_name;
use crate::shell::word::unquote;

/// Arrays whose elements define a name: zsh's, then bash's.
const ARRAYS: &[&str] = &[
    "aliases[",
    "commands[",
    "functions[",
    "BASH_ALIASES[",
    "BASH_CMDS[",
];

/// Words that can precede a command.
#[rustfmt::skip]
const BEFORE: &[&str] = &["!", "builtin", "command", "do", "else", "elif", "if", "then", "time", "while", "{"];

/// Texts that mark a line. A line without any of them neither defines a name nor reads a file. Most lines have none, and
/// parsing a line costs a hundred times as much as this search.
#[rustfmt::skip]
const MARKS: &[&str] = &[
    "()", "( ", "(\t", "function", "alias", "autoload", "enable", "hash", "eval", "source", ". ", ".\t", "for", "commands[",
    "BASH_CMDS[",
];

/// The definitions in a text.
#[derive(Debug, Default)]
pub(super) struct Names {
    functions: BTreeSet<String>,
    /// The program that an alias runs, by the alias's name.
    aliases: BTreeMap<String, BTreeSet<String>>,
    /// Whether a name is computed, so that any may be defined.
    pub(super) any: bool,
    /// Files that it reads, as written.
    pub(super) files: Vec<String>,
}

impl Names {
    /// Returns the definitions in `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut names = Self::default();
        // A snapshot also contains line breaks as `$'…\n…'`.
        let lines = text.replace("\\\n", " ").replace("\\n", "\n");
        for start in marked_lines(&lines) {
            let line = lines.get(start..).unwrap_or_default();
            let line = line.lines().next().unwrap_or_default().trim_start();
            if !line.starts_with('#') {
                names.read(line);
            }
        }
        names
    }

    /// Whether `name` is a function.
    pub(super) fn has_function(&self, name: &str) -> bool {
        self.functions.contains(name)
    }

    /// Returns the programs that the aliases called `name` run.
    pub(super) fn aliased<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a String> {
        self.aliases.get(name).into_iter().flatten()
    }

    fn read(&mut self, line: &str) {
        self.add_functions(line);
        for array in ARRAYS {
            for (at, _) in line.match_indices(array) {
                let element = line.get(at + array.len()..).unwrap_or_default();
                if let Some((name, _)) = element.split_once("]=") {
                    self.functions.insert(unquote(name));
                }
            }
        }
        for command in commands(line) {
            self.add_command(&command);
        }
    }

    /// Adds functions: `name()`, `name ()`, `function name`, and zsh's form with several names.
    fn add_functions(&mut self, line: &str) {
        let ends = line.match_indices('(').map(|(at, _)| at);
        for at in ends {
            let (before, after) = (
                line.get(..at).unwrap_or_default(),
                line.get(at + 1..).unwrap_or_default(),
            );
            if after.trim_start().starts_with(')') {
                let words = before.rsplit([';', '&', '|', '{', '}', '(', ')', '\'', '"', '`']);
                self.add_each(words.into_iter().next().unwrap_or_default());
            }
        }
        for (at, text) in line.match_indices("function") {
            let starts = line.get(..at).unwrap_or_default();
            let rest = line.get(at + text.len()..).unwrap_or_default();
            if !starts.ends_with(is_part) && rest.starts_with([' ', '\t']) {
                self.add_each(rest.split(['{', '(', ';', '\'']).next().unwrap_or_default());
            }
        }
    }

    fn add_each(&mut self, words: &str) {
        let words = words.split_whitespace();
        self.functions
            .extend(words.map(|word| word.trim_start_matches('\\').to_owned()));
    }

    fn add_command(&mut self, words: &[String]) {
        let skipped = words
            .iter()
            .take_while(|word| BEFORE.contains(&word.as_str()));
        let words = words.get(skipped.count()..).unwrap_or_default();
        let Some((program, arguments)) = words.split_first() else {
            return;
        };
        match program.trim_start_matches('\\') {
            "alias" => {
                for word in arguments {
                    if let Some((name, value)) = word.split_once('=') {
                        self.any |= name.contains(['$', '`']);
                        let run = self.aliases.entry(name.to_owned()).or_default();
                        run.insert(first_word(value).to_owned());
                    }
                }
            }
            "autoload" | "enable" | "hash" => {
                let names = arguments.iter().filter_map(|word| word.split('=').next());
                self.functions.extend(names.map(str::to_owned));
            }
            "eval" => arguments.iter().for_each(|text| self.read(text)),
            "." | "source" => self.files.extend(arguments.first().cloned()),
            // `for f in ~/.bashrc.d/*; do . "$f"; done`
            "for" => self.files.extend(arguments.iter().skip(2).cloned()),
            _ => {}
        }
    }
}

/// Returns the starts of the lines that contain a mark. Each line is searched once per mark, however long it is.
fn marked_lines(text: &str) -> BTreeSet<usize> {
    let mut starts = BTreeSet::new();
    for mark in MARKS {
        let mark = memchr::memmem::Finder::new(mark);
        let (mut from, mut rest) = (0, text);
        while let Some(at) = mark.find(rest.as_bytes()) {
            let before = rest.get(..at).and_then(|before| before.rfind('\n'));
            starts.insert(from + before.map_or(0, |end| end + 1));
            let after = rest.get(at..).unwrap_or_default();
            let next = after.find('\n').map_or(rest.len(), |end| at + end + 1);
            from += next;
            rest = rest.get(next..).unwrap_or_default();
        }
    }
    starts
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')
}

/// Returns the commands of a line, each as its words without quotes.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut raw = String::new();
    let (mut quote, mut is_escaped) = (None, false);
    for c in line.chars().chain([';']) {
        let is_plain = quote.is_none() && !is_escaped;
        is_escaped = c == '\\' && !is_escaped && quote != Some('\'');
        if matches!(c, '\'' | '"') && (is_plain || quote == Some(c)) {
            quote = if quote.is_none() { Some(c) } else { None };
        }
        let ends_command = matches!(c, ';' | '&' | '|' | '(' | ')') && is_plain;
        if ends_command || c.is_whitespace() && is_plain {
            if !raw.is_empty() {
                words.push(unquote(&std::mem::take(&mut raw)));
            }
            if ends_command {
                all.push(std::mem::take(&mut words));
            }
        } else {
            raw.push(c);
        }
    }
    // A quote may continue in the next line.
    if !raw.is_empty() {
        words.push(unquote(&raw));
    }
    all.push(words);
    all
}

/// Returns the program that a text runs.
fn first_word(text: &str) -> &str {
    let words = text.trim_start_matches('\\').split_whitespace();
    let mut words = words.skip_while(|word| *word == "command");
    base_name(words.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_marked_line_is_found_once() {
        let text = "x\nalias a=b; f() { :; }\n\nfor for\ny\n. z";
        let found = marked_lines(text).into_iter();
        let lines = found.map(|start| text[start..].lines().next().unwrap());
        assert_eq!(
            lines.collect::<Vec<_>>(),
            ["alias a=b; f() { :; }", "for for", ". z"]
        );
        assert!(marked_lines("x\ny").is_empty());
    }

    fn defines(text: &str, name: &str) -> bool {
        let names = Names::of(text);
        names.any || names.has_function(name) || names.aliased(name).next().is_some()
    }

    #[test]
    fn functions_and_aliases_are_found() {
        for text in [
            "tail() { command tail -n 50 \"$@\"; }",
            "x=1; tail () {\n  :\n}",
            "function tail {\n  :\n}",
            "function tail() { :; }",
            "\tfunction\ttail\n{ :; }",
            "\\tail() { :; }",
            "tail head () { :; }",
            "function head tail { :; }",
            "alias tail='tail -n 50'",
            "  alias -- tail=multitail",
            "alias ll='ls -l' tail=cat",
            "alias \"tail=cat\"",
            "alias 'tail'='cat'",
            "alias \\\n  tail=cat",
            "alias -g tail=cat",
            "command -v x >/dev/null && alias tail=\"x -c\"",
            "if x; then alias tail=x; fi",
            "for c in head tail; do alias $c=\"g$c\"; done",
            "eval 'alias tail=x'",
            "eval $'tail () \\n{ \\n    cat\\n}' > /dev/null 2>&1",
            "aliases[tail]=cat",
            "functions[tail]=cat",
            "BASH_CMDS[tail]=/x",
            "hash -p ~/t tail",
            "hash tail=/x",
            "autoload -Uz tail",
            "enable -f ./x tail",
        ] {
            assert!(defines(text, "tail"), "{text}");
        }
        for text in [
            "",
            "# tail() { :; }",
            "# alias tail=x",
            "alias t='tail -f'",
            "alias logs='tail -f x' t=\"tail\"",
            "ltail() { tail \"$@\"; }",
            "my-tail () { :; }",
            "function logs { tail -f \"$1\"; }",
            "tail -n 5 log",
            "for f in *; do tail -n 5 \"$f\"; done",
            "x=$(command tail -n 1)",
            "if (( $+commands[tail] )); then x; fi",
            "hash -r",
        ] {
            assert!(!defines(text, "tail"), "{text}");
        }
    }

    #[test]
    fn files_that_are_read_are_found() {
        for (text, file) in [
            (". ~/.fn", "~/.fn"),
            ("source \"$HOME/.fn\"", "$HOME/.fn"),
            ("[ -f ~/.fn ] && . ~/.fn", "~/.fn"),
            ("if x; then . /x/fn; fi", "/x/fn"),
            ("for f in ~/.d/*.sh; do . \"$f\"; done", "~/.d/*.sh"),
        ] {
            let names = Names::of(text);
            assert!(names.files.iter().any(|found| found == file), "{text}");
        }
    }
}
