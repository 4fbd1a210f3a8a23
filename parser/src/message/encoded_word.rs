//! Encoded words (RFC 2047): splitting a value into text and words. What a charset means is for
//! others to know.

use alloc::vec::Vec;

use memchr::memmem;

use super::transfer;

/// A piece of an unfolded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it stands.
    Text(&'a [u8]),
    /// Encoded.
    Word(Word<'a>),
}

/// `"=?" charset "?" encoding "?" encoded-text "?="` — RFC 2047 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Name of the charset, without the language RFC 2231 §5 adds.
    pub charset: &'a [u8],
    /// B or Q.
    pub encoding: Encoding,
    /// Still encoded.
    pub text: &'a [u8],
}

/// RFC 2047 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Base64
    B,
    /// Like quoted-printable
    Q,
}

impl Word<'_> {
    /// Appends the bytes it stands for, in its charset.
    pub fn decode(&self, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::B => {
                let mut decoder = transfer::Base64::new();
                decoder.feed(self.text, out);
                decoder.finish(out);
            }
            Encoding::Q => transfer::decode_q(self.text, out),
        }
    }
}

/// Splits an unfolded value. Spaces between two words are dropped (RFC 2047 §6.2).
pub const fn pieces(value: &[u8]) -> Pieces<'_> {
    Pieces { rest: value, next: None, behind_word: false }
}

/// Iterator over the [`Piece`]s of a value.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    next: Option<Word<'a>>,
    behind_word: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(word) = self.next.take() {
            self.behind_word = true;
            return Some(Piece::Word(word));
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0_usize;
        loop {
            let ahead = self.rest.get(from..).unwrap_or_default();
            let Some(start) = memmem::find(ahead, b"=?").map(|at| at.saturating_add(from)) else {
                return Some(Piece::Text(core::mem::take(&mut self.rest)));
            };
            let (text, candidate) = self.rest.split_at_checked(start)?;
            let Some((word, after)) = word(candidate) else {
                from = start.saturating_add(2);
                continue;
            };
            self.rest = after;
            let silent = self.behind_word && text.trim_ascii().is_empty();
            if text.is_empty() || silent {
                self.behind_word = true;
                return Some(Piece::Word(word));
            }
            self.next = Some(word);
            self.behind_word = false;
            return Some(Piece::Text(text));
        }
    }
}

/// Bytes of the word that `input` begins with, if it has no spaces: 0 if it begins with none.
pub(super) fn word_len(input: &[u8]) -> usize {
    match word(input) {
        Some((word, rest)) if !word.text.iter().any(u8::is_ascii_whitespace) => {
            input.len().saturating_sub(rest.len())
        }
        _ => 0,
    }
}

/// One word at the start of `input`, and what follows it.
///
/// Spaces inside are taken too: many a mailer writes them. RFC 2047 §2 allows a word 75 bytes;
/// looking no further than the bound keeps the walk over a value linear.
fn word(input: &[u8]) -> Option<(Word<'_>, &[u8])> {
    const WORD_BYTES_MAX: usize = 1_024;
    let inside = input.strip_prefix(b"=?")?;
    let inside = inside.get(..WORD_BYTES_MAX).unwrap_or(inside);
    let charset_len = inside.iter().take(100).position(|byte| *byte == b'?')?;
    let (charset, rest) = inside.split_at_checked(charset_len)?;
    let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
    if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let (encoding, rest) = match rest {
        [b'?', b'B' | b'b', b'?', rest @ ..] => (Encoding::B, rest),
        [b'?', b'Q' | b'q', b'?', rest @ ..] => (Encoding::Q, rest),
        _ => return None,
    };
    let (text, _) = rest.split_at_checked(memmem::find(rest, b"?=")?)?;
    // "=?" + charset and language + "?B?" + text + "?="
    let len = charset_len.saturating_add(text.len()).saturating_add(7);
    Some((Word { charset, encoding, text }, input.get(len..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};

    #[track_caller]
    fn check(value: &str, want: &str) {
        let mut found = String::new();
        for piece in pieces(value.as_bytes()) {
            found += &match piece {
                Piece::Text(text) => format!("[{}]", text.escape_ascii()),
                Piece::Word(word) => {
                    let mut bytes = Vec::new();
                    word.decode(&mut bytes);
                    format!("<{} {}>", word.charset.escape_ascii(), bytes.escape_ascii())
                }
            };
        }
        assert_eq!(found, want, "{value}");
    }

    #[test] // RFC 2047 §8
    fn words() {
        check("plain", "[plain]");
        check("", "");
        check("=?ISO-8859-1?Q?a?=", "<ISO-8859-1 a>");
        check("=?ISO-8859-1?Q?a?= b", "<ISO-8859-1 a>[ b]");
        check("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "<ISO-8859-1 a><ISO-8859-1 b>");
        check("=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?b?=", "<ISO-8859-1 a><ISO-8859-1 b>");
        check("=?ISO-8859-1?Q?a_b?=", "<ISO-8859-1 a b>");
        check("x =?utf-8?b?w6Q=?= y =?utf-8?B?eA==?=", "[x ]<utf-8 \\xc3\\xa4>[ y ]<utf-8 x>");
        check("=?us-ascii*en?q?=3D=4a?=", "<us-ascii =J>");
        check("=?utf-8?q?=3D?=?=", "<utf-8 =>[?=]");
        check("=?utf-8?q?a b?=", "<utf-8 a b>");
    }

    #[test]
    fn what_is_no_word() {
        for value in ["=?", "=?x", "=?x?", "=?x?Q", "=?x?Q?abc", "=?x?Y?abc?=", "=??Q?a?=", "=?=?"]
        {
            check(value, &format!("[{value}]"));
        }
        let long = "=?".repeat(10_000);
        check(&long, &format!("[{long}]"));
        assert_eq!(pieces(b"=?x?Q?a").count().to_string(), "1");
    }
}
