//! Shell words without their quotes.

/// Removes quotes and backslashes from a raw word (POSIX XCU 2.2). Expansions (`$x`, `$(…)`) stay as written.
pub(crate) fn unquote(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    let mut in_double = false;
    while let Some(c) = chars.next() {
        match c {
            '\'' if !in_double => text.extend(chars.by_ref().take_while(|&c| c != '\'')),
            '"' => in_double = !in_double,
            '$' if !in_double && matches!(chars.peek(), Some('\'' | '"')) => {}
            '\\' => match chars.next() {
                None => text.push('\\'),
                Some('\n') => {}
                Some(next) => {
                    if in_double && !matches!(next, '"' | '\\' | '$' | '`') {
                        text.push('\\');
                    }
                    text.push(next);
                }
            },
            _ => text.push(c),
        }
    }
    text
}

/// Whether `raw` always expands to exactly one word: it has no expansion outside of double quotes that could be split
/// or empty, no pattern, no braces, and no list of arguments.
pub(crate) fn is_one_word(raw: &str) -> bool {
    let mut chars = raw.chars().peekable();
    let mut in_double = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            // Skips the text up to the closing quote.
            '\'' if !in_double && !chars.by_ref().any(|c| c == '\'') => return false,
            '"' => in_double = !in_double,
            '$' if in_double && raw.contains('@') => return false,
            '$' if !in_double && !matches!(chars.peek(), Some('\'' | '"') | None) => return false,
            '`' | '*' | '?' | '[' | '{' | '(' if !in_double => return false,
            _ => {}
        }
    }
    !in_double
}

/// Returns the last component of a path: `python` for `/usr/bin/python`, `train.sh` for `./train.sh`.
pub(crate) fn base_name(text: &str) -> &str {
    match text.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_removed_and_expansions_kept() {
        for (raw, text) in [
            ("pytest", "pytest"),
            ("'a b'", "a b"),
            (r#""a \"b\" \n $X""#, r#"a "b" \n $X"#),
            (r"a\ b\'c", "a b'c"),
            ("py\\\ntest", "pytest"),
            ("$'x'", "x"),
            ("\"it's\"", "it's"),
            ("${A:-b}/c", "${A:-b}/c"),
            ("", ""),
            ("\\", "\\"),
            ("'open", "open"),
        ] {
            assert_eq!(unquote(raw), text, "{raw}");
        }
    }

    #[test]
    fn words_that_may_expand_differently_are_detected() {
        for (raw, one) in [
            ("pytest", true),
            ("'a b'", true),
            ("\"$X\"", true),
            ("a\\ b", true),
            ("$'x'", true),
            ("A=\"$X y\"", true),
            ("$X", false),
            ("\"$@\"", false),
            ("\"${arr[@]}\"", false),
            ("`x`", false),
            ("\"`x`\"", true),
            ("{a,b}", false),
            ("*.txt", false),
            ("$(x)", false),
            ("<(x)", false),
        ] {
            assert_eq!(is_one_word(raw), one, "{raw}");
        }
    }

    #[test]
    fn a_path_gives_its_last_component() {
        assert_eq!(base_name("/usr/bin/python3"), "python3");
        assert_eq!(base_name("./run.sh"), "run.sh");
        assert_eq!(base_name("dir/"), "dir/");
        assert_eq!(base_name("plain"), "plain");
    }
}
