//! Splits a command's words into the names of what runs and the values that change from call to call, and generalises
//! the values.

use crate::shell::base_name;

/// Subcommands that are followed by another subcommand or a target: `npm run build`, `gh pr checks`.
#[rustfmt::skip]
const CARRIERS: &[&str] = &[
    "run", "run-script", "exec", "x", "compose", "pr", "workspace", "issue", "repo", "release", "buildx", "nextest", "stack",
    "bisect", "stash", "remote", "image", "container", "volume", "network", "s3", "ec2", "lambda", "compute", "workflow", "tool",
];

/// Programs whose arguments aren't shown, because any of them may contain a password.
#[rustfmt::skip]
const SECRET_ARGUMENTS: &[&str] = &[
    "aws", "az", "curl", "ftp", "gcloud", "gpg", "http", "https", "lftp", "mongo", "mongosh", "mysql", "mysqldump", "openssl",
    "psql", "redis-cli", "scp", "sftp", "smbclient", "sqlcmd", "ssh", "sshpass", "vault", "wget", "xh",
];

/// Options that limit a run to a part, besides paths and names.
#[rustfmt::skip]
const NARROWING: &[&str] = &[
    "-k", "-t", "-g", "-p", "--filter", "--grep", "--only", "--package", "--test", "--testNamePattern", "--testPathPattern",
    "--tests", "-run", "--run", "--lf", "--last-failed", "--changed", "--related", "--bin", "--lib", "--example", "--spec",
];

/// Whether `word` can be a subcommand or a target: a short name without a value.
fn is_name(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && word.len() <= 40
        && bytes
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.'))
}

fn is_path(word: &str) -> bool {
    word.contains('/')
        || word.rsplit_once('.').is_some_and(|(name, kind)| {
            !name.is_empty()
                && (1..=5).contains(&kind.len())
                && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && !kind.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Returns the number of leading words, program included, that name what runs.
pub(super) fn count_name_words(words: &[String]) -> usize {
    let is_script = words.first().is_some_and(|word| is_path(word));
    let name = |at: usize| {
        words
            .get(at)
            .is_some_and(|word| is_name(word) && !is_path(word))
    };
    if is_script || !name(1) {
        return 1.min(words.len());
    }
    let carries = words
        .get(1)
        .is_some_and(|word| CARRIERS.contains(&word.as_str()));
    if carries && name(2) { 3 } else { 2 }
}

/// Whether the command runs only a part of what its name stands for: a path, a name or a filter follows.
pub(super) fn is_narrowed(words: &[String], named: usize) -> bool {
    words.iter().skip(named).any(|word| {
        let option = word.split('=').next().unwrap_or(word);
        word != "--" && (!word.starts_with('-') || NARROWING.contains(&option))
    })
}

/// Generalises the values: options stay, paths keep their kind, numbers and strings are replaced.
pub(super) fn shape(words: &[String], named: usize) -> String {
    let mut shape = words.get(..named).unwrap_or_default().join(" ");
    let mut last = "";
    for word in words.iter().skip(named) {
        let general = general(word);
        // Repeated values count as one: `a b c` equals `a`.
        if general != last || general.starts_with('-') {
            shape.push(' ');
            shape.push_str(general);
        }
        last = general;
    }
    shape
}

fn general(word: &str) -> &str {
    if word.starts_with('-') {
        let name = word.split('=').next().unwrap_or(word);
        let digits = name.trim_end_matches(|c: char| c.is_ascii_digit());
        return if digits.len() > 1 { digits } else { "#" };
    }
    if word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return "#";
    }
    if is_path(word) {
        return match word.rsplit_once('.') {
            Some((_, kind)) if kind.len() <= 5 && !kind.contains('/') => kind,
            _ => "/",
        };
    }
    "*"
}

/// Returns the words as they are stored and shown to the user, without possible secrets.
pub(super) fn in_clear(words: &[String], named: usize) -> String {
    let program = words.first().map(String::as_str).unwrap_or_default();
    let hides_all = SECRET_ARGUMENTS.contains(&base_name(program));
    let mut shown: Vec<&str> = Vec::new();
    let mut is_value = false;
    for (index, word) in words.iter().enumerate() {
        let plain = index < named || !hides_all && is_harmless(word, is_value);
        let cell = if plain { word } else { HIDDEN };
        if !(cell == HIDDEN && shown.last() == Some(&HIDDEN)) {
            shown.push(cell);
        }
        is_value = word.starts_with('-') && word.len() > 1 && !word.contains('=');
    }
    clean(&shown.join(" "))
}

/// Replaces hidden words.
const HIDDEN: &str = "…";

/// Whether the word is of a kind that contains no secret: a name, a path, a number, or an option without a value.
fn is_harmless(word: &str, is_value: bool) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./,*+[]:".contains(&byte);
    let single_colon = word.replace("::", "").contains(':');
    if !word.bytes().all(allowed) || single_colon {
        return false;
    }
    match (word.starts_with("--"), word.starts_with('-')) {
        (true, _) => true,
        // `-pSECRET` is an option with its value.
        (_, true) => word.len() <= 3,
        _ => !is_value || is_path(word) || word.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Removes everything that looks random from `text`: 16 or more mixed letters and digits, or 32 of either.
pub(super) fn clean(text: &str) -> String {
    let is_random = |run: &str| {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        run.len() >= 16 && digits > 0 && digits < run.len() || run.len() >= 32
    };
    let words = text.split(' ').map(|word| {
        let mut runs = word.split(|c: char| !c.is_ascii_alphanumeric());
        if runs.any(is_random) { HIDDEN } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}
