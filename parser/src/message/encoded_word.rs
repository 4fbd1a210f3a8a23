//! Encoded words (RFC 2047): splitting a value into text and words. What a charset means is for
//! others to know.

use alloc::vec::Vec;

use memchr::{memchr, memchr3, memmem};

use super::transfer;
use crate::steps::took;

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
    Pieces { value, at: 0, next: None, behind_word: false, closing: Closing { from: 0, at: 0 } }
}

/// Iterator over the [`Piece`]s of a value.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    value: &'a [u8],
    at: usize,
    next: Option<Word<'a>>,
    behind_word: bool,
    closing: Closing,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(word) = self.next.take() {
            self.behind_word = true;
            return Some(Piece::Word(word));
        }
        let rest = self.value.get(self.at..).filter(|rest| !rest.is_empty())?;
        let mut looked = 0;
        for start in memmem::find_iter(rest, b"=?") {
            took(start.saturating_sub(looked).saturating_add(1));
            looked = start;
            let at = self.at.saturating_add(start);
            let Some((word, end)) = self.word(at) else { continue };
            self.at = end;
            let text = rest.get(..start).unwrap_or_default();
            let silent = self.behind_word && text.trim_ascii().is_empty();
            if text.is_empty() || silent {
                self.behind_word = true;
                return Some(Piece::Word(word));
            }
            self.next = Some(word);
            self.behind_word = false;
            return Some(Piece::Text(text));
        }
        took(rest.len().saturating_sub(looked));
        self.at = self.value.len();
        Some(Piece::Text(rest))
    }
}

impl<'a> Pieces<'a> {
    /// The word at `at`, and where it ends. Spaces and `?` inside it are taken too: many a mailer
    /// writes them.
    fn word(&mut self, at: usize) -> Option<(Word<'a>, usize)> {
        let (charset, encoding, skipped) = begin(self.value.get(at..)?)?;
        let from = at.saturating_add(skipped);
        let closing = self.closing.behind(from, self.value)?;
        let text = self.value.get(from..closing)?;
        let right = text.len() <= WORD_BYTES_MAX;
        right.then_some((Word { charset, encoding, text }, closing.saturating_add(2)))
    }
}

/// Bytes of the text of a word. RFC 2047 §2 allows a whole word 75; mailers forget to break them.
const WORD_BYTES_MAX: usize = 8 * 1_024;

/// The first `?=` at `from` or behind it. To remember it keeps the walk over a value linear, for
/// many words may begin before it.
#[derive(Clone, Debug)]
struct Closing {
    from: usize,
    at: usize,
}

impl Closing {
    fn behind(&mut self, from: usize, value: &[u8]) -> Option<usize> {
        if !(self.from..=self.at).contains(&from) {
            let rest = value.get(from..)?;
            let found = memmem::find(rest, b"?=");
            took(found.unwrap_or(rest.len()));
            let at = found.map_or(usize::MAX, |found| from.saturating_add(found));
            *self = Self { from, at };
        }
        (self.at != usize::MAX).then_some(self.at)
    }
}

/// Bytes of a charset's name with its language.
const CHARSET_BYTES_MAX: usize = 100;

/// `"=?" charset ["*" language] "?" encoding "?"` at the start of `input`: the first two, and the
/// bytes of all.
fn begin(input: &[u8]) -> Option<(&[u8], Encoding, usize)> {
    let inside = input.strip_prefix(b"=?")?;
    let near = inside.get(..CHARSET_BYTES_MAX).unwrap_or(inside);
    let len = memchr(b'?', near)?;
    took(len);
    let (charset, rest) = inside.split_at_checked(len)?;
    // RFC 2047 §2 allows a token; a `=` begins the next word.
    let named = |byte: &u8| byte.is_ascii_graphic() && *byte != b'=';
    let right = charset.iter().all(named);
    let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
    if charset.is_empty() || !right {
        return None;
    }
    let encoding = match rest {
        [b'?', b'B' | b'b', b'?', ..] => Encoding::B,
        [b'?', b'Q' | b'q', b'?', ..] => Encoding::Q,
        _ => return None,
    };
    Some((charset, encoding, len.saturating_add(5)))
}

/// Bytes of the word that `input` begins with, if it is one as RFC 2047 §2 has it; 0 otherwise.
pub(super) fn word_len(input: &[u8]) -> usize {
    let Some((_, _, skipped)) = begin(input) else { return 0 };
    let text = input.get(skipped..).unwrap_or_default();
    let text = text.get(..WORD_BYTES_MAX).unwrap_or(text);
    let end = memchr3(b'?', b' ', b'\t', text);
    took(end.unwrap_or(text.len()));
    match end {
        Some(end) if text.get(end..).is_some_and(|rest| rest.starts_with(b"?=")) => {
            skipped.saturating_add(end).saturating_add(2)
        }
        _ => 0,
    }
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
        check("=?utf-8?q?a?b?=", "<utf-8 a?b>");
        check("=?x?q?=?x?q?a?=b", "<x =?x?q?a>[b]"); // as far as the first `?=`
        check("=?a=?q?b?q?c?= =?d?q?e?=", "[=?a]<q \\xa9><d e>");
        check("=?utf-8?q?=C3=?= =?utf-8?q?=B6?=", "<utf-8 \\xc3=><utf-8 \\xb6>");
        check("=?utf-8?b?w7?==?utf-8?b?Yg?=", "<utf-8 \\xc3><utf-8 b>");
        check("=?utf-8?B??=x", "<utf-8 >[x]");
    }

    #[test]
    fn what_is_no_word() {
        for value in ["=?", "=?x", "=?x?", "=?x?Q", "=?x?Q?abc", "=?x?Y?abc?=", "=??Q?a?=", "=?=?"]
        {
            check(value, &format!("[{value}]"));
        }
        let long = "=?".repeat(10_000);
        check(&long, &format!("[{long}]"));
        let long = "=?x?q? ".repeat(100_000);
        assert_eq!(pieces(long.as_bytes()).count(), 1);
        let long = long + "?=";
        assert!(pieces(long.as_bytes()).count() > 1);
        assert_eq!(pieces(b"=?x?Q?a").count().to_string(), "1");
    }
}
