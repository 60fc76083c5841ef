//! The text between a rule's parentheses, and whether it matches a command by the interpretation of any client
//! version.

/// The prefix that makes Python print at once. The client ignores it when it matches rules.
pub const UNBUFFERED: &str = "PYTHONUNBUFFERED=1 ";

/// Results for each interpretation: a prefix that ends with a word, any prefix, the prefix itself, a pattern with `*`,
/// a pattern in which `\*` is a literal star, and the exact text.
pub(super) type Readings = [bool; 6];

/// Returns the text between the parentheses of a rule for `tool`; `*` if there are none.
pub(super) fn of<'a>(rule: &'a str, tool: &str) -> Option<&'a str> {
    match rule.strip_prefix(tool)? {
        "" => Some("*"),
        rest => rest.strip_prefix('(')?.strip_suffix(')'),
    }
}

/// Returns the specifier without the escapes that the client adds when it saves one (measured, 2.1.90 to 2.1.331: `\(`
/// and `\)`).
pub(super) fn unescaped(specifier: &str) -> impl Iterator<Item = String> {
    let parentheses = specifier.replace("\\(", "(").replace("\\)", ")");
    let all = parentheses.replace("\\\\", "\\");
    [parentheses, all].into_iter()
}

/// Whether the specifier matches by any interpretation.
pub(super) fn matches(specifier: &str, text: &str) -> bool {
    is_everything(specifier) || readings(specifier, text).contains(&true)
}

/// Whether the specifier matches every command.
pub(super) fn is_everything(specifier: &str) -> bool {
    matches!(specifier, "" | "*" | ":*")
}

/// Whether the specifier names a command after [`UNBUFFERED`].
pub(super) fn is_saved(specifier: &str) -> bool {
    specifier
        .strip_prefix(UNBUFFERED)
        .is_some_and(|rest| !rest.starts_with(['*', ':', ' ']) && !rest.is_empty())
}

/// Returns the interpretations by which the specifier matches.
pub(super) fn readings(specifier: &str, text: &str) -> Readings {
    if !may_begin(specifier, text) {
        return Readings::default();
    }
    let prefix = prefix(specifier);
    let rest = prefix.and_then(|prefix| text.strip_prefix(prefix));
    let has_star = specifier.contains('*');
    [
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)),
        rest.is_some(),
        rest == Some(""),
        has_star && wildcard(specifier.split('*'), text),
        has_star && specifier.contains('\\') && {
            let parts = split_at_stars(specifier);
            wildcard(parts.iter().map(String::as_str), text)
        },
        specifier == text,
    ]
}

/// Whether `text` contains the specifier's text, ignoring its stars.
pub(super) fn is_in(specifier: &str, text: &str) -> bool {
    let core = specifier.strip_suffix(":*").unwrap_or(specifier);
    wildcard([""].into_iter().chain(core.split('*')).chain([""]), text)
}

/// Work of [`readings`], in steps of about one byte.
pub(super) fn work(specifier: &str, text: &str) -> usize {
    if may_begin(specifier, text) {
        work_of_search(specifier, text)
    } else {
        4
    }
}

/// Work of [`is_in`], in steps of about one byte.
pub(super) fn work_of_search(specifier: &str, text: &str) -> usize {
    const STEPS_PER_PART: usize = 32;
    let stars = specifier.bytes().filter(|byte| *byte == b'*').count();
    STEPS_PER_PART * (stars + 1) + specifier.len() + text.len()
}

fn prefix(specifier: &str) -> Option<&str> {
    specifier
        .strip_suffix(":*")
        .or_else(|| specifier.strip_suffix(" *"))
}

/// Whether `text` begins like the specifier. Otherwise no interpretation matches.
fn may_begin(specifier: &str, text: &str) -> bool {
    let literal = prefix(specifier).unwrap_or(specifier);
    let end = literal.find(['*', '\\']).unwrap_or(literal.len());
    text.as_bytes().starts_with(&literal.as_bytes()[..end])
}

/// Splits the pattern at its stars. A star or backslash after a backslash is an ordinary character.
fn split_at_stars(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match (c, chars.peek()) {
            ('*', _) => {
                parts.push(String::new());
                continue;
            }
            ('\\', Some('*' | '\\')) => chars.next().unwrap_or(c),
            _ => c,
        };
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// Whether `text` consists of these parts with any text in between.
pub(super) fn wildcard<'a>(mut parts: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        Some(last) => text.ends_with(last),
    }
}
