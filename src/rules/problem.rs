//! Faults in the user's files.

use std::fmt;
use std::path::PathBuf;

use crate::text::nearest;

/// A fault in a file, with its position and its fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file or other origin.
    pub origin: FaultOrigin,
    /// Line and column, from 1.
    pub position: Option<(usize, usize)>,
    /// The fault and its fix.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            FaultOrigin::File(path) => write!(f, "{}", path.display())?,
            FaultOrigin::Environment => f.write_str("the environment")?,
            FaultOrigin::BuiltIn => f.write_str("built-in rules")?,
        }
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Problem {
    pub(super) fn at(position: Position, message: &impl ToString) -> Self {
        Self {
            origin: FaultOrigin::BuiltIn,
            position: Some(position),
            message: message.to_string(),
        }
    }

    /// Creates a problem from the TOML parser's error in `text`.
    pub fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        Self {
            origin: FaultOrigin::BuiltIn,
            position: error.span().map(|span| position(text, span.start)),
            message: plain(error.message()),
        }
    }
}

/// The parser's terms, and terms that the file's author knows.
const PLAIN_TERMS: &[(&str, &str)] = &[
    ("unknown field", "unknown key"),
    ("unknown variant", "unknown value"),
    ("missing field", "missing key"),
    ("invalid type: ", "found "),
    ("invalid value: ", "found "),
    ("invalid length ", "found a list of "),
    ("expected a boolean", "expected `true` or `false`"),
    ("expected usize", "expected a whole number"),
    ("expected u64", "expected a whole number"),
    ("expected u32", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected a sequence", "expected a list"),
    ("wanted string or table", "expected a text"),
    ("found string", "found text"),
    ("found sequence", "found a list"),
    ("found map", "found a table"),
    ("expected a string", "expected a text"),
];

/// Rewords the parser's error for the author of the file, and adds the word that was probably meant.
fn plain(message: &str) -> String {
    let mut plain = message.trim_end().replace('\n', "; ");
    for (word, better) in PLAIN_TERMS {
        plain = plain.replace(word, better);
    }
    let unknown = ["unknown key", "unknown value"];
    let mut quoted = message.split('`').skip(1).step_by(2);
    if let Some(word) = quoted.next()
        && unknown.iter().any(|start| plain.starts_with(start))
        && let Some(meant) = nearest(word, quoted)
    {
        plain = format!("{plain}; did you mean `{meant}`?");
    }
    plain
}

/// A fault in a rules file and its fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RulesFault {
    #[error("rule `{rule}`: `{expression}` isn't a regular expression: {why}")]
    Expression {
        rule: String,
        expression: String,
        why: String,
    },
    #[error(
        "the expressions of this file are too large together: over {limit} states; use smaller counts or fewer expressions"
    )]
    LargeExpressions { limit: usize },
    #[error("rule `{rule}` would match every command; give it `commands`, `arguments` or `match`")]
    MatchesEverything { rule: String },
    #[error("two rules are called `{rule}`; rename one of them")]
    Twice { rule: String },
    #[error("`off` names `{rule}`, but there is no such rule; `bg-run rules` lists them")]
    OffUnknown { rule: String },
    #[error("{count} rules; up to {limit} are read from a file")]
    TooManyRules { count: usize, limit: usize },
    #[error("{count} regular expressions; up to {limit} are read from a file")]
    TooManyExpressions { count: usize, limit: usize },
}

/// The origin of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultOrigin {
    /// This file.
    File(PathBuf),
    /// A variable.
    Environment,
    /// The built-in rules.
    BuiltIn,
}

pub(super) use crate::text::position;

/// Line and column, from 1.
pub(super) type Position = (usize, usize);
