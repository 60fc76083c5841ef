//! Checks a script in linear time before it is parsed.
//!
//! The parser recurses, and its time grows with the cube of the depth of substitutions (200 nested `$(…)` take 3 s).
//! So scripts that are too long or too deep are rejected first. The limits are counts, not times, so the same text
//! always gets the same result.

use super::parse_error::ParseError;

/// Maximum length of a script, in bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// Maximum nesting of parentheses, `${…}`, backquotes and double quotes.
const MAX_DEPTH: usize = 24;
/// Maximum number of compound commands and list operators at any depth. The parser nests lists to the left.
const MAX_COMPOUNDS: usize = 120;
const MAX_OPERATORS: usize = 400;
/// Maximum number of `$(…)`, backquotes and `<(…)`, each of which is parsed separately.
const MAX_SUBSTITUTIONS: usize = 500;
/// Maximum number of `$` of any kind.
const MAX_EXPANSIONS: usize = 8000;
/// Maximum number of operators inside `((…))`, where the parser recurses for each.
const MAX_ARITHMETIC: usize = 200;
/// Maximum number of opening braces outside quotes. The parser's time grows with their square.
const MAX_BRACES: usize = 300;
/// Maximum number of lines, without blank lines, here-documents and lines inside quotes.
const MAX_LINES: usize = 2000;
/// Maximum number of words outside quotes.
const MAX_WORDS: usize = 8000;

#[derive(PartialEq, Eq, Clone, Copy)]
enum Frame {
    Parenthesis,
    /// The inner parenthesis of `((`.
    Arithmetic,
    Brace,
    Backquote,
    DoubleQuote,
}

/// Checks that `source` is short and shallow enough to parse.
pub(super) fn check(source: &str) -> Result<(), ParseError> {
    if source.len() > MAX_LENGTH {
        return Err(ParseError::TooLong {
            limit: MAX_LENGTH,
            length: source.len(),
        });
    }
    if source.contains('\0') || source.contains('\r') {
        return Err(ParseError::ControlCharacter);
    }
    Scanner::new(source.as_bytes()).run()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    counts: Counts,
    heredocs: Vec<Heredoc>,
}

/// Numbers of constructs that cost the parser more than their length.
#[derive(Default)]
struct Counts {
    compounds: usize,
    operators: usize,
    substitutions: usize,
    expansions: usize,
    arithmetic: usize,
    braces: usize,
    lines: usize,
    words: usize,
}

impl Counts {
    fn are_small(&self) -> bool {
        self.compounds <= MAX_COMPOUNDS
            && self.operators <= MAX_OPERATORS
            && self.substitutions <= MAX_SUBSTITUTIONS
            && self.expansions <= MAX_EXPANSIONS
            && self.arithmetic <= MAX_ARITHMETIC
            && self.braces <= MAX_BRACES
            && self.lines <= MAX_LINES
            && self.words <= MAX_WORDS
    }
}

struct Heredoc {
    delimiter: Vec<u8>,
    strip_tabs: bool,
}

impl<'a> Scanner<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            frames: Vec::new(),
            counts: Counts::default(),
            heredocs: Vec::new(),
        }
    }

    fn run(mut self) -> Result<(), ParseError> {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.count(byte);
            self.step(byte);
            self.at += 1;
            if self.frames.len() > MAX_DEPTH || !self.counts.are_small() {
                return Err(ParseError::TooDeep);
            }
        }
        Ok(())
    }

    fn in_double(&self) -> bool {
        self.frames.last() == Some(&Frame::DoubleQuote)
    }

    fn step(&mut self, byte: u8) {
        let in_double = self.in_double();
        match byte {
            b'\\' => self.at += 1,
            b'\'' if !in_double => self.skip_single_quotes(),
            b'"' => self.toggle(Frame::DoubleQuote),
            b'`' => self.toggle(Frame::Backquote),
            b'$' if matches!(self.peek(1), Some(b'(')) => self.open(Frame::Parenthesis, 1),
            b'$' if matches!(self.peek(1), Some(b'{')) => self.open(Frame::Brace, 1),
            b'(' if !in_double => {
                let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
                let is_second = before == Some(&b'(') && !self.frames.is_empty();
                let frame = if is_second {
                    Frame::Arithmetic
                } else {
                    Frame::Parenthesis
                };
                self.open(frame, 0);
            }
            b')' => self.close_parenthesis(),
            b'}' => self.close(Frame::Brace),
            b'#' if !in_double && self.at_word_start() => self.skip_comment(),
            b'<' if !in_double && self.peek(1) == Some(b'<') => self.heredoc_operator(),
            b'\n' if !in_double => self.skip_heredoc_bodies(),
            b'{' | b'!' | b'a'..=b'z' if !in_double && self.at_word_start() => self.word(),
            _ => {}
        }
    }

    fn count(&mut self, byte: u8) {
        let in_double = self.in_double();
        let in_arithmetic = self.frames.contains(&Frame::Arithmetic);
        let next = self.peek(1);
        let counts = &mut self.counts;
        match byte {
            b'$' => {
                counts.expansions += 1;
                counts.substitutions += usize::from(next == Some(b'('));
            }
            b'`' => counts.substitutions += 1,
            b'<' | b'>' if !in_double && next == Some(b'(') => counts.substitutions += 1,
            _ if in_arithmetic && b"+-*/%<>=!&|^~?:,[".contains(&byte) => counts.arithmetic += 1,
            b';' | b'&' | b'|' if !in_double => counts.operators += 1,
            b'{' if !in_double => counts.braces += 1,
            b'\n' if !in_double => counts.lines += usize::from(next != Some(b'\n')),
            b' ' | b'\t' if !in_double => {
                let starts = next.is_some_and(|next| !next.is_ascii_whitespace());
                counts.words += usize::from(starts);
            }
            _ => {}
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn at_word_start(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|i| self.bytes.get(i));
        before.is_none_or(|b| b.is_ascii_whitespace() || b";&|(){`".contains(b))
    }

    fn open(&mut self, frame: Frame, skip: usize) {
        self.at += skip;
        self.frames.push(frame);
    }

    fn close_parenthesis(&mut self) {
        if matches!(
            self.frames.last(),
            Some(Frame::Parenthesis | Frame::Arithmetic)
        ) {
            self.frames.pop();
        }
    }

    fn close(&mut self, frame: Frame) {
        if self.frames.last() == Some(&frame) {
            self.frames.pop();
        }
    }

    fn toggle(&mut self, frame: Frame) {
        if self.frames.last() == Some(&frame) {
            self.frames.pop();
        } else {
            self.frames.push(frame);
        }
    }

    fn skip_single_quotes(&mut self) {
        self.at += 1;
        while self.peek(0).is_some_and(|b| b != b'\'') {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) {
        while self.peek(1).is_some_and(|b| b != b'\n') {
            self.at += 1;
        }
    }

    /// Counts reserved words that open a compound command, wherever they occur. An argument spelt like one only wastes
    /// a little of the limit, and no word lowers the count. `case` also allows an unmatched `)`, so it counts as depth
    /// permanently.
    fn word(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|b| b.is_ascii_whitespace() || b";&|()<>".contains(b))
            .unwrap_or(rest.len());
        match rest.get(..end).unwrap_or_default() {
            b"case" => {
                self.counts.compounds += MAX_COMPOUNDS / MAX_DEPTH;
            }
            b"if" | b"elif" | b"while" | b"until" | b"for" | b"select" | b"{" | b"!" | b"time"
            | b"function" | b"coproc" => self.counts.compounds += 1,
            _ => {}
        }
    }

    fn heredoc_operator(&mut self) {
        self.at += 2;
        if self.peek(0) == Some(b'<') {
            return;
        }
        let strip_tabs = self.peek(0) == Some(b'-');
        if strip_tabs {
            self.at += 1;
        }
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|b| !b.is_ascii_whitespace() && !b";&|()<>".contains(&b))
        {
            self.at += 1;
        }
        let delimiter: Vec<u8> = self
            .bytes
            .get(start..self.at)
            .unwrap_or_default()
            .iter()
            .copied()
            .filter(|b| !b"'\"\\".contains(b))
            .collect();
        self.at -= 1;
        if !delimiter.is_empty() {
            self.heredocs.push(Heredoc {
                delimiter,
                strip_tabs,
            });
        }
    }

    fn skip_heredoc_bodies(&mut self) {
        for heredoc in std::mem::take(&mut self.heredocs) {
            loop {
                let start = self.at + 1;
                let Some(rest) = self.bytes.get(start..).filter(|rest| !rest.is_empty()) else {
                    return;
                };
                let length = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                let mut line = rest.get(..length).unwrap_or_default();
                while heredoc.strip_tabs && line.first() == Some(&b'\t') {
                    line = line.get(1..).unwrap_or_default();
                }
                self.at = start + length;
                if line == heredoc.delimiter {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_scripts_pass() {
        for source in [
            "cd src && pytest -x | tee log",
            "python - <<'EOF'\nprint('((((((((((((((((((((((((((((((((((((')\nEOF\necho \"$(date)\"",
            "echo '((((((((((((((((((((((((((((((((((' # ((((((((((((((((((((((((((((((((((((",
            "for i in 1 2; do (cd $i && { pytest; }); done",
        ] {
            assert!(check(source).is_ok(), "{source}");
        }
    }

    #[test]
    fn deep_and_long_scripts_are_refused() {
        for (open, close) in [
            ("(", ")"),
            ("echo $(", ")"),
            ("echo \"$(", ")\""),
            ("{ ", "; }"),
            ("if x; then ", "; fi"),
            ("${a:-", "}"),
            ("$(case x in a) ", ";; esac)"),
            ("a && ", ""),
            ("! ", ""),
        ] {
            let source = format!("{}x{}", open.repeat(10_000), close.repeat(10_000));
            assert!(check(&source).is_err(), "{open}");
            let unclosed = open.repeat(10_000);
            assert!(check(&unclosed).is_err(), "{open} unclosed");
        }
        assert!(check(&"a".repeat(MAX_LENGTH + 1)).is_err());
        assert!(check("pytest\r\nls").is_err());
        assert!(check("pytest\0").is_err());
    }

    #[test]
    fn unclosed_quotes_and_heredocs_end() {
        for source in [
            "'",
            "\"",
            "`",
            "cat <<",
            "cat <<E\nx",
            "cat <<-E\n\t\tx\n\tE",
            "\\",
            "$(",
            "#",
        ] {
            assert!(check(source).is_ok(), "{source}");
        }
    }
}
