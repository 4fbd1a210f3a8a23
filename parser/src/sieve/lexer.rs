//! Bytes to tokens (RFC 5228 §8.1), each with the place where it began.
//!
//! Every byte is looked at once; what is not a token is reported and stepped over, so that one
//! pass finds all that is wrong. A bare LF ends a line as CRLF does, because people edit scripts
//! with editors that write it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::{ERRORS_MAX, Error, Position};

/// One token and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: Position,
    pub(super) kind: Kind<'a>,
}

/// `identifiers / tags / numbers / quoted strings / multi-line strings / other separators`
/// — RFC 5228 §8.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Identifier(&'a str),
    /// The name behind the colon.
    Tag(&'a str),
    /// With its quantifier multiplied in.
    Number(u64),
    /// Unquoted, or with its dots unstuffed.
    Text(Cow<'a, str>),
    /// One of `; , { } ( ) [ ]`.
    Mark(u8),
    End,
}

/// What is left of a script, and all that was wrong with the rest.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    script: &'a str,
    at: Position,
    pub(super) errors: Vec<Error>,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(script: &'a str) -> Self {
        Self { script, at: Position::START, errors: Vec::new() }
    }

    /// Notes what was wanted, once for a place and up to [`ERRORS_MAX`] times.
    pub(super) fn error(&mut self, at: Position, expected: impl Into<Cow<'static, str>>) {
        let again = self.errors.last().is_some_and(|last| last.at == at);
        if !again && self.errors.len() < ERRORS_MAX {
            self.errors.push(Error { at, expected: expected.into() });
        }
    }

    /// The next token; [`Kind::End`] at the end, for ever.
    pub(super) fn token(&mut self) -> Token<'a> {
        loop {
            self.white_space();
            let at = self.at;
            let Some(byte) = self.peek() else { return Token { at, kind: Kind::End } };
            let kind = match byte {
                b';' | b',' | b'{' | b'}' | b'(' | b')' | b'[' | b']' => {
                    self.advance(1);
                    Some(Kind::Mark(byte))
                }
                b'"' => Some(self.quoted_string()),
                b':' => self.tag(),
                b'0'..=b'9' => Some(self.number()),
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => Some(self.identifier_or_text()),
                _ => {
                    self.error(at, "a command, a test or an argument");
                    self.skip_while(|byte| !byte.is_ascii());
                    if self.at == at {
                        self.advance(1);
                    }
                    None
                }
            };
            if let Some(kind) = kind {
                return Token { at, kind };
            }
        }
    }

    /// Passes over all that is left.
    pub(super) fn finish(&mut self) {
        self.advance(self.script.len());
    }

    fn rest(&self) -> &'a str {
        self.script.get(self.at.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.script.as_bytes().get(self.at.offset).copied()
    }

    /// Steps over `count` bytes, counting lines and characters.
    fn advance(&mut self, count: usize) {
        let end = self.at.offset.saturating_add(count).min(self.script.len());
        let passed = self.script.as_bytes().get(self.at.offset..end).unwrap_or_default();
        self.at = self.at.after(passed);
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let count = rest.bytes().position(|byte| !wanted(byte)).unwrap_or(rest.len());
        self.advance(count);
        rest.get(..count).unwrap_or_default()
    }

    /// `white-space = 1*(SP / CRLF / HTAB) / comment` — RFC 5228 §8.1.
    fn white_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.advance(1),
                Some(b'\r') if self.rest().starts_with("\r\n") => self.advance(2),
                Some(b'#') => self.hash_comment(),
                Some(b'/') if self.rest().starts_with("/*") => self.bracket_comment(),
                _ => return,
            }
        }
    }

    /// `hash-comment = "#" *octet-not-crlf CRLF` — RFC 5228 §8.1. The end of the script ends one too.
    fn hash_comment(&mut self) {
        let _ = self.skip_while(|byte| byte != b'\n');
    }

    /// `bracket-comment = "/*" *not-star 1*STAR *(not-star-slash *not-star 1*STAR) "/"`
    /// — RFC 5228 §8.1.
    fn bracket_comment(&mut self) {
        let began = self.at;
        let inside = self.rest().get(2..).unwrap_or_default();
        match memchr::memmem::find(inside.as_bytes(), b"*/") {
            Some(end) => self.advance(end.saturating_add(4)),
            None => {
                self.error(began, "\"*/\" to end this comment");
                self.advance(self.script.len());
            }
        }
    }

    /// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")` — RFC 5228 §8.1.
    fn identifier(&mut self) -> &'a str {
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// `tag = ":" identifier` — RFC 5228 §8.1.
    fn tag(&mut self) -> Option<Kind<'a>> {
        self.advance(1);
        if !matches!(self.peek(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_')) {
            self.error(self.at, "the name of a tagged argument");
            return None;
        }
        Some(Kind::Tag(self.identifier()))
    }

    /// `number = 1*DIGIT [ QUANTIFIER ]`, `QUANTIFIER = "K" / "M" / "G"` — RFC 5228 §8.1. What does
    /// not fit 64 bits, or runs into a word, is an error (§2.4.1 lets us say so).
    fn number(&mut self) -> Kind<'a> {
        let began = self.at;
        let digits = self.skip_while(|byte| byte.is_ascii_digit());
        let word = self.identifier();
        let unit = match word {
            "" => Some(1),
            "K" | "k" => Some(1_u64 << 10),
            "M" | "m" => Some(1 << 20),
            "G" | "g" => Some(1 << 30),
            _ => None,
        };
        let Some(unit) = unit else {
            self.error(began, "a number, with K, M or G at most behind it");
            return Kind::Number(0);
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        if number.is_none() {
            self.error(began, "a number below 2^64");
        }
        Kind::Number(number.unwrap_or(0))
    }

    /// `quoted-string = DQUOTE quoted-text DQUOTE` — RFC 5228 §8.1. `\x` stands for `x`, whatever
    /// it is (§2.4.2).
    fn quoted_string(&mut self) -> Kind<'a> {
        let began = self.at;
        let inside = self.rest().get(1..).unwrap_or_default();
        let mut owned: Option<String> = None;
        let mut from = 0_usize;
        loop {
            let tail = inside.get(from..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', tail.as_bytes()) else {
                self.error(began, "'\"' to end the string that begins here");
                self.advance(self.script.len());
                return Kind::Text(Cow::Borrowed(""));
            };
            let run = tail.get(..found).unwrap_or_default();
            let next = from.saturating_add(found).saturating_add(1);
            if tail.as_bytes().get(found) == Some(&b'"') {
                self.advance(next.saturating_add(1));
                let text = owned.map(|mut text| {
                    text.push_str(run);
                    Cow::Owned(text)
                });
                return Kind::Text(text.unwrap_or(Cow::Borrowed(run)));
            }
            let text = owned.get_or_insert_default();
            text.push_str(run);
            let quoted = inside.get(next..).and_then(|rest| rest.chars().next());
            text.extend(quoted);
            from = next.saturating_add(quoted.map_or(0, char::len_utf8));
        }
    }

    /// An identifier, unless it is the `text:` that opens a multi-line string.
    fn identifier_or_text(&mut self) -> Kind<'a> {
        let began = self.at;
        let name = self.identifier();
        if !name.eq_ignore_ascii_case("text") || self.peek() != Some(b':') {
            return Kind::Identifier(name);
        }
        self.advance(1);
        self.multi_line(began)
    }

    /// `multi-line = "text:" *(SP / HTAB) (hash-comment / CRLF) *(multiline-literal /
    /// multiline-dotstart) "." CRLF` — RFC 5228 §8.1. The last CRLF may be the script's end.
    fn multi_line(&mut self, began: Position) -> Kind<'a> {
        let _ = self.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        if self.peek() == Some(b'#') {
            self.hash_comment();
        }
        if self.peek() == Some(b'\r') {
            self.advance(1);
        }
        if self.peek() != Some(b'\n') {
            self.error(self.at, "the end of the line behind \"text:\"");
            return Kind::Text(Cow::Borrowed(""));
        }
        self.advance(1);
        self.multi_line_body(began)
    }

    /// `multiline-literal = [ octet-not-period *octet-not-crlf ] CRLF`, `multiline-dotstart = "."
    /// 1*octet-not-crlf CRLF` — RFC 5228 §8.1: one of two leading dots goes.
    fn multi_line_body(&mut self, began: Position) -> Kind<'a> {
        let body = self.rest();
        let (mut owned, mut kept, mut line_at) = (None::<String>, 0_usize, 0_usize);
        for line in body.split_inclusive('\n') {
            if matches!(line, "." | ".\n" | ".\r\n") {
                let run = body.get(kept..line_at).unwrap_or_default();
                self.advance(line_at.saturating_add(line.len()));
                let text = owned.map(|mut text| {
                    text.push_str(run);
                    Cow::Owned(text)
                });
                return Kind::Text(text.unwrap_or(Cow::Borrowed(run)));
            }
            if line.starts_with("..") {
                let text = owned.get_or_insert_default();
                text.push_str(body.get(kept..line_at).unwrap_or_default());
                kept = line_at.saturating_add(1);
            }
            line_at = line_at.saturating_add(line.len());
        }
        self.error(began, "a line of one \".\" to end the text that begins here");
        self.advance(self.script.len());
        Kind::Text(Cow::Borrowed(""))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::format;

    use super::*;

    /// Tokens as text, then errors.
    #[track_caller]
    fn check(script: &str, want: &str) {
        let mut lexer = Lexer::new(script);
        let mut got = String::new();
        loop {
            let token = lexer.token();
            let _ = match token.kind {
                Kind::Identifier(name) => write!(got, "{name} "),
                Kind::Tag(name) => write!(got, ":{name} "),
                Kind::Number(number) => write!(got, "{number} "),
                Kind::Text(text) => write!(got, "{text:?} "),
                Kind::Mark(mark) => write!(got, "{} ", char::from(mark)),
                Kind::End => break,
            };
        }
        for error in &lexer.errors {
            let _ = write!(got, "! {error}");
        }
        assert_eq!(got.trim_end(), want, "{script:?}");
    }

    #[test]
    fn tokens() {
        check(
            "if Header :Is [\"a\", \"b\"] { stop; }",
            "if Header :Is [ \"a\" , \"b\" ] { stop ; }",
        );
        check("_x9 /* a ** / b */ y # z\r\n;#", "_x9 y ;");
        check("text:\r\n.\r\n", r#""""#);
        check("text: # why\r\na\r\n..b\r\n.c\r\n.\r\n;", r#""a\r\n.b\r\n.c\r\n" ;"#);
        check("TEXT:\na\n..\n.", r#""a\n.\n""#);
        check("text;", "text ;");
    }

    #[test]
    fn strings() {
        check(r#""a\"b\\c\d""#, r#""a\"b\\cd""#);
        check("\"a\r\nb\"", r#""a\r\nb""#);
        check("\"\u{e9}\\\u{e9}\"", "\"\u{e9}\u{e9}\"");
        check(
            "a \"b",
            "a \"\" ! line 1, column 3: expected '\"' to end the string that begins here",
        );
        check("\"a\\", "\"\" ! line 1, column 1: expected '\"' to end the string that begins here");
    }

    #[test]
    fn numbers() {
        check("0 007 1k 2M 3G", "0 7 1024 2097152 3221225472");
        check("18446744073709551615", "18446744073709551615");
        check("18446744073709551616", "0 ! line 1, column 1: expected a number below 2^64");
        check("17179869184G", "0 ! line 1, column 1: expected a number below 2^64");
        let want = "line 1, column 1: expected a number, with K, M or G at most behind it";
        check("1kb", &format!("0 ! {want}"));
    }

    #[test]
    fn errors_have_places() {
        let other = "expected a command, a test or an argument";
        check("a\n  \u{e9} b", &format!("a b ! line 2, column 3: {other}"));
        check("\"\u{e9}\" ?", &format!("\"\u{e9}\" ! line 1, column 5: {other}"));
        check("a\rb", &format!("a b ! line 1, column 2: {other}"));
        check(": a", "a ! line 1, column 2: expected the name of a tagged argument");
        check("a /* b", "a ! line 1, column 3: expected \"*/\" to end this comment");
        let dot = "a line of one \".\" to end the text that begins here";
        check("text:\na\n", &format!("\"\" ! line 1, column 1: expected {dot}"));
        check(
            "text: a",
            "\"\" a ! line 1, column 7: expected the end of the line behind \"text:\"",
        );
    }
}
