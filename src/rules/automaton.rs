//! Facts about regular expressions that make most searches unnecessary, and the search with the built-in ones.
//!
//! Compiling one expression takes about as long as a whole hook process, and a call may need dozens. The build script
//! turns the built-in ones into automata; a user's expression is compiled once a text passes its facts.

use regex_automata::dfa::{Automaton as _, sparse};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind, Look};

/// Maximum length of an expression, in bytes.
const MAX_SOURCE: usize = 8 * 1024;

/// Facts about an expression, independent of any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpressionFacts {
    /// Literals of which every match contains at least one. If empty, nothing is known.
    pub(crate) literals: Vec<String>,
    /// Whether a match must start at the start of the text.
    pub(crate) anchored: bool,
    /// The bytes with which a match can begin, as [`bit`]s.
    pub(crate) first: u64,
    /// The approximate number of states when compiled. Repetitions multiply it.
    pub(crate) states: usize,
}

impl ExpressionFacts {
    /// Determines the facts about `source`.
    ///
    /// # Errors
    ///
    /// Returns the syntax error in the `regex` crate's words, or that `source` is too long.
    pub(crate) fn of(source: &str) -> Result<Self, String> {
        if source.len() > MAX_SOURCE {
            return Err(format!("it is longer than {MAX_SOURCE} bytes"));
        }
        let hir = syntax::parse_with(source, &bytes()).map_err(|error| error.to_string())?;
        Ok(Self {
            literals: required(&hir).unwrap_or_default(),
            anchored: hir.properties().look_set_prefix().contains(Look::Start),
            first: first_bytes(&hir),
            states: states(&hir),
        })
    }
}

/// Returns the syntax options of all rules. Classes such as `\w` are ASCII only.
pub(crate) fn bytes() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Whether the automaton in `bytes` matches; `None` if it isn't valid.
pub(crate) fn is_match(bytes: &[u8], anchored: bool, text: &str) -> Option<bool> {
    let (automaton, _) = sparse::DFA::from_bytes(bytes).ok()?;
    let mode = if anchored {
        Anchored::Yes
    } else {
        Anchored::No
    };
    let input = Input::new(text).anchored(mode).earliest(true);
    Some(automaton.try_search_fwd(&input).ok()?.is_some())
}

/// Maps a byte to one of 64 bits. Two bytes may share one, but no two lower-case letters do.
pub(crate) const fn bit(byte: u8) -> u64 {
    1 << (byte & 63)
}

/// Maps the first two bytes of a text's first word to a bit of 64. Few of the words that differ share one.
pub(crate) fn beginning(text: &str) -> u64 {
    let mut bytes = text.bytes().take_while(|byte| *byte != b' ');
    let (first, second) = (bytes.next(), bytes.next());
    bit(first.unwrap_or(0).wrapping_mul(7) ^ second.unwrap_or(0))
}

/// Returns the bits of these texts' first words: see [`beginning`].
pub(crate) fn beginnings(texts: &[impl AsRef<str>]) -> u64 {
    let bits = texts.iter().map(|text| beginning(text.as_ref()));
    bits.fold(0, |all, bit| all | bit)
}

fn states(hir: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().map(states).fold(0, usize::saturating_add);
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => 1,
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            states(&repetition.sub).saturating_mul(times.max(1))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts).saturating_add(1),
    }
}

/// Returns the bytes with which a match can begin; all if it can be empty or there are too many.
fn first_bytes(hir: &Hir) -> u64 {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix);
    extractor
        .limit_class(64)
        .limit_literal_len(1)
        .limit_total(1000);
    let starts = extractor.extract(hir);
    let Some(starts) = starts.literals() else {
        return u64::MAX;
    };
    let first = starts.iter().map(|start| start.as_bytes().first());
    let bits: Option<Vec<u64>> = first.map(|byte| Some(bit(*byte?))).collect();
    bits.map_or(u64::MAX, |bits| {
        bits.into_iter().fold(0, |all, bit| all | bit)
    })
}

/// Returns texts of which every match contains at least one.
fn required(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            (text.len() > 1).then(|| vec![text.to_owned()])
        }
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Alternation(branches) => {
            let all: Option<Vec<Vec<String>>> = branches.iter().map(required).collect();
            all.map(|all| all.concat())
        }
        // The set whose shortest text is longest excludes the most.
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(required)
            .max_by_key(|texts| texts.iter().map(String::len).min()),
        _ => None,
    }
}
