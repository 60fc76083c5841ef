//! A linear look at a script before it is parsed.
//!
//! The parser recurses, and its time grows with the cube of the depth of substitutions (200 nested `$(…)`
//! take 3 s), so what is too long or too deep never reaches it. Counts, not clocks: the same text always
//! gets the same answer.

use super::ParseError;

/// Longest script that is parsed, in bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// Deepest nesting of parentheses, `${…}`, backquotes and double quotes.
const MAX_DEPTH: usize = 24;
/// Most compound commands and list operators, at any depth: the parser nests lists to the left.
const MAX_COMPOUNDS: usize = 120;
const MAX_OPERATORS: usize = 400;

#[derive(PartialEq, Eq, Clone, Copy)]
enum Frame {
    Parenthesis,
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
    if source.bytes().any(|b| b == 0 || b == b'\r') {
        return Err(ParseError::ControlCharacter);
    }
    Scanner::new(source.as_bytes()).run()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    compounds: usize,
    operators: usize,
    heredocs: Vec<Heredoc>,
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
            compounds: 0,
            operators: 0,
            heredocs: Vec::new(),
        }
    }

    fn run(mut self) -> Result<(), ParseError> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let in_double = self.frames.last() == Some(&Frame::DoubleQuote);
            match byte {
                b'\\' => self.at += 1,
                b'\'' if !in_double => self.skip_single_quotes(),
                b'"' => self.toggle(Frame::DoubleQuote),
                b'`' => self.toggle(Frame::Backquote),
                b'$' if matches!(self.peek(1), Some(b'(')) => self.open(Frame::Parenthesis, 1),
                b'$' if matches!(self.peek(1), Some(b'{')) => self.open(Frame::Brace, 1),
                b'(' if !in_double => self.open(Frame::Parenthesis, 0),
                b')' => self.close(Frame::Parenthesis),
                b'}' => self.close(Frame::Brace),
                b'#' if !in_double && self.at_word_start() => self.skip_comment(),
                b'<' if !in_double && self.peek(1) == Some(b'<') => self.heredoc_operator(),
                b'\n' if !in_double => self.skip_heredoc_bodies(),
                b';' | b'&' | b'|' if !in_double => self.operators += 1,
                b'{' | b'!' | b'a'..=b'z' if !in_double && self.at_word_start() => self.word(),
                _ => {}
            }
            self.at += 1;
            if self.frames.len() > MAX_DEPTH
                || self.compounds > MAX_COMPOUNDS
                || self.operators > MAX_OPERATORS
            {
                return Err(ParseError::TooDeep);
            }
        }
        Ok(())
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

    /// Counts reserved words that open a compound command, wherever they stand: an argument that is spelt
    /// like one costs a little of the limit, a closing word that isn't one can't lower the count.
    /// `case` also makes room for a `)` that closes nothing, so it counts as depth for good.
    fn word(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|b| b.is_ascii_whitespace() || b";&|()<>".contains(b))
            .unwrap_or(rest.len());
        match rest.get(..end).unwrap_or_default() {
            b"case" => {
                self.compounds += MAX_COMPOUNDS / MAX_DEPTH;
            }
            b"if" | b"elif" | b"while" | b"until" | b"for" | b"select" | b"{" | b"!" | b"time"
            | b"function" | b"coproc" => self.compounds += 1,
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
