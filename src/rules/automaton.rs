//! Regular expressions as finite automata in bytes: built once, searched without compiling.
//!
//! Compiling one expression costs about as much as a whole process of ours, and a call may come near dozens of
//! them. The built-in ones are built with the program, the user's once per change of their file.

use regex_automata::dfa::{Automaton as _, StartKind, dense, sparse};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind};

/// Larger automata are slower to load than the expression is to compile.
const MAX_BYTES: usize = 128 * 1024;

/// What building one may take, in bytes: of the expression's states, and of the automaton before it is made sparse. They
/// bound its time too, whatever the expression.
const MAX_STATES: usize = 256 * 1024;
const MAX_BUILDING: usize = 384 * 1024;

/// Longer expressions aren't read, in bytes.
const MAX_SOURCE: usize = 8 * 1024;

/// What is known of an expression before any text is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Automaton {
    /// One of these is in every text that matches. Empty: nothing is known.
    pub(crate) literals: Vec<String>,
    /// It matches from the start of the text only.
    pub(crate) anchored: bool,
    /// The bytes that a match can begin with, each by its [`bit`].
    pub(crate) first: u64,
    /// A sparse automaton, or nothing where that would be too large.
    pub(crate) bytes: Vec<u8>,
}

/// Builds the automaton of `source`.
///
/// # Errors
///
/// The syntax error, as the `regex` crate words it.
pub(crate) fn build(source: &str) -> Result<Automaton, String> {
    if source.len() > MAX_SOURCE {
        return Err(format!("it is longer than {MAX_SOURCE} bytes"));
    }
    // The same syntax as the `regex` crate's, then bytes: classes such as `\w` mean their ASCII part.
    regex_syntax::parse(source).map_err(|error| error.to_string())?;
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    let hir = syntax::parse_with(source, &syntax).map_err(|error| error.to_string())?;
    let anchored = hir
        .properties()
        .look_set_prefix()
        .contains(regex_syntax::hir::Look::Start);
    let start = if anchored {
        StartKind::Anchored
    } else {
        StartKind::Unanchored
    };
    let limits = dense::Config::new()
        .start_kind(start)
        .dfa_size_limit(Some(MAX_BUILDING))
        .determinize_size_limit(Some(MAX_BUILDING));
    let states = thompson::Config::new().nfa_size_limit(Some(MAX_STATES));
    let nfa = thompson::Compiler::new()
        .configure(states.clone())
        .build_from_hir(&hir);
    nfa.map_err(|_| "it has too many states; write it shorter".to_owned())?;
    let bytes = dense::Builder::new()
        .syntax(syntax)
        .configure(limits)
        .thompson(states)
        .build(source)
        .ok()
        .and_then(|automaton| automaton.to_sparse().ok())
        .map(|automaton| automaton.to_bytes_native_endian())
        .filter(|bytes| bytes.len() <= MAX_BYTES)
        .unwrap_or_default();
    Ok(Automaton {
        literals: required(&hir).unwrap_or_default(),
        anchored,
        first: first_bytes(&hir),
        bytes,
    })
}

/// Whether the automaton in `bytes` matches; `None` where it isn't one.
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

/// What stands for a byte in a set of 64: two bytes may share one, no two small letters do.
pub(crate) const fn bit(byte: u8) -> u64 {
    1 << (byte & 63)
}

/// The bytes that a match can begin with; all, where it can be empty or begins with too many.
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

/// Texts of which one is in every match.
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
        // The set whose shortest text is longest says most.
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(required)
            .max_by_key(|texts| texts.iter().map(String::len).min()),
        _ => None,
    }
}
