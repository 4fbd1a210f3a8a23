//! Bytes to tokens (RFC 5228 §8.1), each with the place where it began.
//!
//! Every byte is looked at once, or twice where it is in a string; what is not a token is reported
//! and stepped over, so that one pass finds all that is wrong. A bare LF ends a line as CRLF does,
//! because people edit scripts with editors that write it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use crate::steps::took;

use super::error::{BYTE_ORDER_MARK, Errors, Position, shown};

/// One token, where it begins and where it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: Position,
    pub(super) kind: Kind<'a>,
    pub(super) end: Position,
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

impl Kind<'_> {
    /// As a message may say it.
    pub(super) fn shown(&self) -> Cow<'static, str> {
        match self {
            Self::Identifier(name) => shown(name).into(),
            Self::Tag(name) => shown(&format!(":{name}")).into(),
            Self::Number(number) => format!("the number {number}").into(),
            Self::Text(text) => format!("the string {}", shown(text)).into(),
            Self::Mark(mark) => format!("\"{}\"", char::from(*mark)).into(),
            Self::End => "the end of the script".into(),
        }
    }
}

/// What is left of a script, and all that was wrong with the rest.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    script: &'a str,
    offset: usize,
    line: u32,
    /// The offset at which a line of ASCII would have begun to come to the same column here.
    line_began: usize,
    /// The rest was passed over, for a reason that is among the errors.
    pub(super) cut: bool,
    pub(super) errors: Errors,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(script: &'a str) -> Self {
        let offset = if script.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { script, offset, line: 1, line_began: offset, cut: false, errors: Errors::default() }
    }

    /// The next token; [`Kind::End`] at the end, for ever.
    pub(super) fn token(&mut self) -> Token<'a> {
        loop {
            self.white_space();
            let at = self.position();
            let Some(byte) = self.peek() else { return Token { at, kind: Kind::End, end: at } };
            let kind = match byte {
                b';' | b',' | b'{' | b'}' | b'(' | b')' | b'[' | b']' => {
                    self.step(1);
                    Some(Kind::Mark(byte))
                }
                b'"' => Some(self.quoted_string()),
                b':' => self.tag(),
                b'0'..=b'9' => Some(self.number()),
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => Some(self.identifier_or_text()),
                b'\'' => self.apostrophe(),
                _ => {
                    self.stray();
                    None
                }
            };
            if let Some(kind) = kind {
                return Token { at, kind, end: self.position() };
            }
        }
    }

    /// Passes over all that is left, as a mistake makes it of no use.
    pub(super) fn finish(&mut self) {
        self.cut = true;
        self.advance(self.script.len());
    }

    /// The place of the next byte.
    fn position(&self) -> Position {
        let column = self.offset.saturating_sub(self.line_began).saturating_add(1);
        Position { offset: bounded(self.offset), line: self.line, column: bounded(column) }
    }

    fn rest(&self) -> &'a str {
        self.script.get(self.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.script.as_bytes().get(self.offset).copied()
    }

    /// Steps over `count` bytes of ASCII on one line.
    fn step(&mut self, count: usize) {
        took(count);
        self.offset = self.offset.saturating_add(count);
    }

    /// Steps over `count` bytes, counting lines and characters.
    fn advance(&mut self, count: usize) {
        let end = self.offset.saturating_add(count).min(self.script.len());
        let passed = self.script.as_bytes().get(self.offset..end).unwrap_or_default();
        took(passed.len());
        let mut last_line = passed;
        for newline in memchr::memchr_iter(b'\n', passed) {
            let begin = newline.saturating_add(1);
            self.line = self.line.saturating_add(1);
            self.line_began = self.offset.saturating_add(begin);
            last_line = passed.get(begin..).unwrap_or_default();
        }
        // The later bytes of a UTF-8 character are no columns of their own.
        let later = last_line.iter().filter(|&&byte| byte & 0xc0 == 0x80).count();
        self.line_began = self.line_began.saturating_add(later);
        self.offset = end;
    }

    /// Steps over ASCII of one kind, on one line.
    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let count = rest.bytes().position(|byte| !wanted(byte)).unwrap_or(rest.len());
        self.step(count);
        rest.get(..count).unwrap_or_default()
    }

    /// `white-space = 1*(SP / CRLF / HTAB) / comment` — RFC 5228 §8.1.
    fn white_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.step(1),
                Some(b'\n') => self.advance(1),
                Some(b'\r') if self.rest().starts_with("\r\n") => self.advance(2),
                Some(b'#') => self.hash_comment(),
                Some(b'/') if self.rest().starts_with("/*") => self.bracket_comment(),
                _ => return,
            }
        }
    }

    /// `hash-comment = "#" *octet-not-crlf CRLF` — RFC 5228 §8.1. The script's end ends one too.
    fn hash_comment(&mut self) {
        let rest = self.rest();
        self.advance(memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()));
    }

    /// `bracket-comment = "/*" *not-star 1*STAR *(not-star-slash *not-star 1*STAR) "/"`
    /// — RFC 5228 §8.1.
    fn bracket_comment(&mut self) {
        let began = self.position();
        let inside = self.rest().get(2..).unwrap_or_default();
        match memchr::memmem::find(inside.as_bytes(), b"*/") {
            Some(end) => self.advance(end.saturating_add(4)),
            None => {
                self.errors.add(began, "expected \"*/\" to end the comment that begins here");
                self.finish();
            }
        }
    }

    /// A string between apostrophes, as other languages have it: a mistake, but one only.
    fn apostrophe(&mut self) -> Option<Kind<'a>> {
        let inside = self.rest().get(1..).unwrap_or_default();
        let end = memchr::memchr2(b'\'', b'\n', inside.as_bytes()).unwrap_or(inside.len());
        took(end);
        let text = inside.get(..end).unwrap_or_default();
        if inside.as_bytes().get(end) != Some(&b'\'') {
            self.stray();
            return None;
        }
        self.errors.add(self.position(), "expected a string between double quotes, found \"'\"");
        self.advance(end.saturating_add(2));
        Some(Kind::Text(Cow::Borrowed(text)))
    }

    /// What begins no token: noted once for a run of it.
    fn stray(&mut self) {
        let at = self.position();
        let rest = self.rest();
        if rest.starts_with("//") {
            self.errors.add(at, "expected a command, a test or an argument, found \"//\"");
            self.errors.hint("a comment begins with \"#\"");
            self.advance(memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()));
            return;
        }
        if rest.starts_with("*/") {
            self.errors.add(at, "expected a command, a test or an argument, found \"*/\"");
            self.errors.hint("comments do not nest");
            self.step(2);
            return;
        }
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let more = rest.get(first..).unwrap_or_default();
        let stray = |c: char| !c.is_ascii() || STRAYS.contains(c);
        let more = more.find(|c| !stray(c)).unwrap_or(more.len());
        let word = rest.get(..first.saturating_add(more)).unwrap_or_default();
        let found = match word.chars().next() {
            Some('\r') => "CR without LF".into(),
            Some(c) if c.is_control() || c.is_whitespace() => format!("U+{:04X}", u32::from(c)),
            _ => shown(word),
        };
        self.errors.add(at, format!("expected a command, a test or an argument, found {found}"));
        if word.starts_with(['\'', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}']) {
            self.errors.hint("a string stands between straight double quotes");
        } else if word.contains('\u{a0}') {
            self.errors.hint("write a plain space for the no-break space");
        }
        self.advance(word.len());
    }

    /// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")` — RFC 5228 §8.1.
    fn identifier(&mut self) -> &'a str {
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// `tag = ":" identifier` — RFC 5228 §8.1.
    fn tag(&mut self) -> Option<Kind<'a>> {
        self.step(1);
        if !matches!(self.peek(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_')) {
            self.errors.add(self.position(), "expected the name of a tagged argument behind \":\"");
            return None;
        }
        Some(Kind::Tag(self.identifier()))
    }

    /// `number = 1*DIGIT [ QUANTIFIER ]`, `QUANTIFIER = "K" / "M" / "G"` — RFC 5228 §8.1. What does
    /// not fit 64 bits, or runs into a word, is an error (§2.4.1 lets us say so).
    fn number(&mut self) -> Kind<'a> {
        let began = self.position();
        let rest = self.rest();
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
            let whole = rest.get(..digits.len().saturating_add(word.len())).unwrap_or_default();
            let found = shown(whole);
            let message =
                format!("expected a number with K, M or G at most behind it, found {found}");
            self.errors.add(began, message);
            return Kind::Number(0);
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        if number.is_none() {
            self.errors.add(began, "expected a number below 2^64");
        }
        Kind::Number(number.unwrap_or(0))
    }

    /// `quoted-string = DQUOTE quoted-text DQUOTE` — RFC 5228 §8.1. `\x` stands for `x`, whatever
    /// it is (§2.4.2).
    fn quoted_string(&mut self) -> Kind<'a> {
        let began = self.position();
        let inside = self.rest().get(1..).unwrap_or_default();
        let mut owned: Option<String> = None;
        let mut from = 0_usize;
        loop {
            let tail = inside.get(from..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', tail.as_bytes()) else {
                self.errors.add(began, "expected '\"' to end the string that begins here");
                self.finish();
                return Kind::Text(Cow::Borrowed(""));
            };
            let run = tail.get(..found).unwrap_or_default();
            took(found);
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
        let began = self.position();
        let name = self.identifier();
        if !name.eq_ignore_ascii_case("text") || self.peek() != Some(b':') {
            return Kind::Identifier(name);
        }
        self.step(1);
        self.multi_line(began)
    }

    /// `multi-line = "text:" *(SP / HTAB) (hash-comment / CRLF) *(multiline-literal /
    /// multiline-dotstart) "." CRLF` — RFC 5228 §8.1. The last CRLF may be the script's end.
    fn multi_line(&mut self, began: Position) -> Kind<'a> {
        let _ = self.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        if self.peek() == Some(b'#') {
            self.hash_comment();
        }
        if self.rest().starts_with("\r\n") {
            self.step(1);
        }
        if self.peek() != Some(b'\n') {
            self.errors.add(self.position(), "expected the end of the line behind \"text:\"");
            let rest = self.rest();
            self.advance(memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len()));
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
        self.errors.add(began, "expected a line of one \".\" to end the text that begins here");
        self.finish();
        Kind::Text(Cow::Borrowed(""))
    }
}

/// ASCII that begins no token.
const STRAYS: &str = "!$%&'*+-.<=>?@\\^`|~";

/// A script has at most [`super::SCRIPT_BYTES_MAX`].
fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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
        for error in &lexer.errors.list {
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
        let want =
            "line 1, column 1: expected a number with K, M or G at most behind it, found \"1kb\"";
        check("1kb", &format!("0 ! {want}"));
    }

    #[test]
    fn errors_have_places() {
        let found = |what| format!("expected a command, a test or an argument, found {what}");
        check("a\n  \u{e9} b", &format!("a b ! line 2, column 3: {}", found("\"\u{e9}\"")));
        check("\"\u{e9}\" ?", &format!("\"\u{e9}\" ! line 1, column 5: {}", found("\"?\"")));
        check("a\rb", &format!("a b ! line 1, column 2: {}", found("CR without LF")));
        let name = "expected the name of a tagged argument behind \":\"";
        check(": a", &format!("a ! line 1, column 2: {name}"));
        check(
            "a /* b",
            "a ! line 1, column 3: expected \"*/\" to end the comment that begins here",
        );
        let dot = "a line of one \".\" to end the text that begins here";
        check("text:\na\n", &format!("\"\" ! line 1, column 1: expected {dot}"));
        check(
            "text: a\nb",
            "\"\" b ! line 1, column 7: expected the end of the line behind \"text:\"",
        );
    }
}
