//! `Read(…)` rules in `deny` and `ask`. bg-run doesn't show a file that one of them covers.
//!
//! The client matches like `.gitignore`: `//x` from the root, `~/x` from the home folder, `/x` from the folder of the
//! settings, `x` and `./x` from the session's folder. If that folder is uncertain, a pattern applies to each possible
//! one.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::specifier;
use crate::environment;

/// A `Read` rule of `deny` or `ask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadRule {
    /// The rule's text.
    pub(super) rule: String,
    pattern: String,
    /// The folder of the settings file.
    folder: Option<PathBuf>,
}

impl ReadRule {
    /// Parses a Read rule. An exception (`!x`) never makes a file readable here.
    pub(super) fn parse(rule: &str, folder: Option<&Path>) -> Option<Self> {
        let pattern = specifier::of(rule, "Read")?.trim();
        (!pattern.starts_with('!')).then(|| Self {
            rule: rule.to_owned(),
            pattern: pattern.to_owned(),
            folder: folder.map(Path::to_owned),
        })
    }

    /// Whether the rule covers the file at `path`, under this path or its real one.
    pub(super) fn covers(&self, path: &Path, project: &Path) -> bool {
        let real = real_path(path);
        let mut paths = [Some(normal(path)), real].into_iter().flatten();
        paths.any(|path| self.covers_name(&path, project))
    }

    fn covers_name(&self, path: &Path, project: &Path) -> bool {
        let pattern = self.pattern.as_str();
        if is_everything(pattern) {
            return true;
        }
        let pattern = without_everything_below(pattern);
        let path = names(path);
        let is_below = |folder: &Path, pattern: &PathPattern| {
            let covers = |folder: &Path| {
                let rest = path.strip_prefix(names(folder).as_slice());
                rest.is_some_and(|rest| pattern.matches(rest))
            };
            covers(folder) || fs::canonicalize(folder).is_ok_and(|folder| covers(&folder))
        };
        if let Some(rest) = pattern.strip_prefix("//") {
            return is_below(Path::new("/"), &PathPattern::anchored(rest));
        }
        if let Some(rest) = pattern.strip_prefix("~/") {
            let pattern = PathPattern::anchored(rest);
            return environment::home_dir().is_some_and(|home| is_below(&home, &pattern));
        }
        let Some(rest) = pattern.strip_prefix('/') else {
            return is_below(project, &PathPattern::of(pattern));
        };
        let pattern = PathPattern::anchored(rest);
        let folder = self.folder.as_deref();
        let around = folder.and_then(Path::parent);
        let folders = [Some(project), folder, around, Some(Path::new("/"))];
        let mut folders = folders.into_iter().flatten();
        folders.any(|folder| is_below(folder, &pattern))
    }
}

/// Whether the pattern denies the whole tool.
fn is_everything(pattern: &str) -> bool {
    matches!(pattern, "" | "*")
}

/// Removes a trailing `/**`, as the client does: a matched folder covers everything below it.
fn without_everything_below(pattern: &str) -> &str {
    let mut pattern = pattern;
    while let Some(rest) = pattern.strip_suffix("/**").filter(|rest| !rest.is_empty()) {
        pattern = rest;
    }
    pattern
}

/// The segments that a rule compares with the names of a path below its folder.
struct PathPattern<'a>(Vec<&'a str>);

impl<'a> PathPattern<'a> {
    /// Returns a pattern that is anchored to its folder.
    fn anchored(pattern: &'a str) -> Self {
        let parts = pattern.split('/');
        Self(
            parts
                .filter(|part| !part.is_empty() && *part != ".")
                .collect(),
        )
    }

    /// Returns a pattern that is anchored unless it is a single name, which matches in any folder below.
    fn of(pattern: &'a str) -> Self {
        let mut pattern = Self::anchored(pattern);
        if pattern.0.len() == 1 {
            pattern.0.insert(0, ANY);
        }
        pattern
    }

    fn matches(&self, names: &[String]) -> bool {
        matches(&self.0, names)
    }
}

/// Matches any number of folders, including none.
const ANY: &str = "**";

/// Removes `.` and `..` from the path without reading the disk.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Resolves the links in a path. The file itself need not exist.
fn real_path(path: &Path) -> Option<PathBuf> {
    let of_folder = || {
        Some(
            fs::canonicalize(path.parent()?)
                .ok()?
                .join(path.file_name()?),
        )
    };
    fs::canonicalize(path).ok().or_else(of_folder)
}

fn names(path: &Path) -> Vec<String> {
    let name = |name: &OsStr| name.to_string_lossy().to_lowercase();
    let components = path.components();
    components
        .filter_map(|component| match component {
            Component::Normal(text) => Some(name(text)),
            _ => None,
        })
        .collect()
}

/// Whether the segments match the first names. A matched folder covers everything below it.
fn matches(pattern: &[&str], names: &[String]) -> bool {
    // Numbers of names that can have been matched after each segment.
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for segment in pattern {
        let mut next = vec![false; names.len() + 1];
        let is_any = *segment == ANY;
        for at in 0..=names.len() {
            let before = at.checked_sub(1);
            let is_matched =
                || before.is_some_and(|at| reached[at] && is_name(segment, &names[at]));
            next[at] = if is_any {
                reached[at] || before.is_some_and(|at| next[at])
            } else {
                is_matched()
            };
        }
        reached = next;
    }
    reached.contains(&true) && !names.is_empty()
}

/// Whether a pattern's segment matches a name, ignoring case. A class (`[a-z]`) or `?` matches anything.
fn is_name(segment: &str, name: &str) -> bool {
    let mut pattern = String::new();
    let mut chars = segment.chars();
    while let Some(c) = chars.next() {
        match c {
            '[' => {
                chars.by_ref().find(|c| *c == ']');
                pattern.push('*');
            }
            '?' => pattern.push('*'),
            '\\' => pattern.extend(chars.next()),
            _ => pattern.extend(c.to_lowercase()),
        }
    }
    specifier::wildcard(pattern.split('*'), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_covers_files_that_the_client_refuses() {
        let home = environment::home_dir().unwrap();
        let of_home = home.join("keys/x.log");
        let of_home = of_home.to_str().unwrap();
        for (rule, path, covered) in [
            ("Read", "/p/train.log", true),
            ("Read(**)", "/p/train.log", true),
            ("Read(*.log)", "/p/a/train.log", true),
            ("Read(*.LOG)", "/p/a/train.log", true),
            ("Read(*.txt)", "/p/a/train.log", false),
            ("Read(./secret.log)", "/p/secret.log", true),
            ("Read(./secret.log)", "/P/Secret.log", true),
            ("Read(./secret.log)", "/p/a/secret.log", true),
            ("Read(*.log)", "/tmp/train.log", false),
            ("Read(**)", "/tmp/train.log", false),
            ("Read(*)", "/tmp/train.log", true),
            ("Read()", "/tmp/train.log", true),
            ("Read(secrets/**)", "/p/a/secrets/b/k.log", true),
            ("Read(./secrets/**)", "/p/a/secrets/k.log", true),
            ("Read(**/secrets/**)", "/p/a/secrets/k.log", true),
            ("Read(a/secrets/**)", "/p/b/a/secrets/k.log", false),
            ("Read(~/secrets/**)", "/p/secrets/k.log", false),
            ("Read(./logs/**)", "/p/logs/a/b.log", true),
            ("Read(logs/*.log)", "/p/logs/b.log", true),
            ("Read(logs/*.log)", "/p/a/logs/b.log", false),
            ("Read(**/logs/*.log)", "/p/a/logs/b.log", true),
            ("Read(logs)", "/p/a/logs/b.log", true),
            ("Read(logs/)", "/p/a/logs/b.log", true),
            ("Read(./logs/a/../b.log)", "/p/logs/b.log", false),
            ("Read(//tmp/x/**)", "/tmp/x/y/z.log", true),
            ("Read(//tmp/x)", "/tmp/x/y/z.log", true),
            ("Read(//tmp/x/*)", "/tmp/y/z.log", false),
            ("Read(/logs/**)", "/p/logs/z.log", true),
            ("Read(/logs/**)", "/q/logs/z.log", true),
            ("Read(/logs/**)", "/r/logs/z.log", false),
            ("Read(/etc/x.log)", "/etc/x.log", true),
            ("Read(~/keys/**)", of_home, true),
            ("Read(~/keys/**)", "/p/keys/x.log", false),
            ("Read(secret[0-9].log)", "/p/secret7.log", true),
            ("Read(secret?.log)", "/p/secret7.log", true),
            ("Read(s{a,b}.log)", "/p/sa.log", false),
            ("Read(s{a,b}.log)", "/p/s{a,b}.log", true),
            ("Read(./x.log)", "/p/a/../x.log", true),
        ] {
            let folder = Path::new("/q/.claude");
            let rule_ = ReadRule::parse(rule, Some(folder)).unwrap();
            let found = rule_.covers(Path::new(path), Path::new("/p"));
            assert_eq!(found, covered, "{rule} on {path}");
        }
        for other in ["Bash(x)", "Edit(x)", "Read(!x)", "ReadMcp(x)"] {
            assert_eq!(ReadRule::parse(other, None), None, "{other}");
        }
    }

    #[test]
    fn a_link_does_not_bypass_a_rule() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(root.join("secret")).unwrap();
        std::os::unix::fs::symlink(root.join("secret"), root.join("open")).unwrap();
        let rule = ReadRule::parse("Read(./secret/**)", None).unwrap();
        assert!(rule.covers(&root.join("open/x.log"), &root));
        assert!(!rule.covers(&root.join("x.log"), &root));
    }
}
