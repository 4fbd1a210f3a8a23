//! The words of a command: tags, keywords, atoms, quoted strings and literals (RFC 9051 §4, §9).
//!
//! Every function takes what it names and stops behind it; whoever called says what may follow.

use super::classes::{ASTRING, ATOM, LIST, QUOTED, TAG, WORD, is, take};
use super::command::Str;
use super::lists::Item;
use super::number::number64;
use crate::cursor::{Cursor, Error};
use crate::steps;

/// `ATOM-CHAR = <any CHAR except atom-specials>` — RFC 9051 §9.
pub(super) fn is_atom_char(byte: u8) -> bool {
    is::<ATOM>(byte)
}

/// `ASTRING-CHAR = ATOM-CHAR / resp-specials` — RFC 9051 §9.
pub(super) fn is_astring_char(byte: u8) -> bool {
    is::<ASTRING>(byte)
}

/// Bytes of the longest tag. It is read anew with every literal of a command and told back with every
/// answer; clients make do with ten.
pub const TAG_BYTES_MAX: usize = 256;

/// `tag = 1*<any ASTRING-CHAR except "+">` — RFC 9051 §9, of [`TAG_BYTES_MAX`] at most.
///
/// Inlined into [`command()`](super::command()) at any rate: told through memory, it takes 4 ns longer.
#[inline(always)]
pub(super) fn tag<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    match text(some_of::<TAG>(cursor, "tag")?) {
        Some(tag) if tag.len() <= TAG_BYTES_MAX => Ok(tag),
        _ => Err(before.error("tag")),
    }
}

/// `atom = 1*ATOM-CHAR` — RFC 9051 §9.
pub(super) fn atom<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    text(atom_bytes(cursor)?).ok_or_else(|| before.error("atom"))
}

/// The same as bytes, where its text is of no use: making text of bytes is half the cost of an atom.
pub(super) fn atom_bytes<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    some_of::<ATOM>(cursor, "atom")
}

/// One or more bytes of a class.
pub(super) fn some<'a>(
    cursor: &mut Cursor<'a>,
    wanted: impl Fn(u8) -> bool,
    expected: &'static str,
) -> Result<&'a [u8], Error> {
    let bytes = cursor.take_while(wanted);
    if bytes.is_empty() { Err(cursor.error(expected)) } else { Ok(bytes) }
}

/// The same as text; the class is one of ASCII.
pub(super) fn some_text<'a>(
    cursor: &mut Cursor<'a>,
    wanted: impl Fn(u8) -> bool,
    expected: &'static str,
) -> Result<&'a str, Error> {
    let before = *cursor;
    text(some(cursor, wanted, expected)?).ok_or_else(|| before.error(expected))
}

/// One or more bytes of a class.
#[inline]
fn some_of<'a, const CLASS: u8>(
    cursor: &mut Cursor<'a>,
    expected: &'static str,
) -> Result<&'a [u8], Error> {
    let bytes = take::<CLASS>(cursor);
    if bytes.is_empty() { Err(cursor.error(expected)) } else { Ok(bytes) }
}

/// Bytes of an ASCII class as text, which they always are.
///
/// For the few bytes of a tag or a flag this is fewer instructions than `from_utf8`, which gets ready
/// for many.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    let chunk = bytes.utf8_chunks().next()?;
    chunk.invalid().is_empty().then_some(chunk.valid())
}

/// `SP` — RFC 9051 §9 note 2: exactly one.
pub(crate) fn sp(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    cursor.expect(b' ', "SP")
}

/// `CRLF`, or the bare LF that ended the frame, or nothing more; spaces before it are forgiven.
pub(crate) fn end(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    // As nearly every command ends: a fifth of the instructions of looking for what may be there.
    if cursor.rest() == b"\r\n" {
        cursor.take_at_most(2);
        return Ok(());
    }
    cursor.take_while(|byte| byte == b' ');
    let before = *cursor;
    cursor.eat(b'\r');
    cursor.eat(b'\n');
    if cursor.is_empty() { Ok(()) } else { Err(before.error("CRLF")) }
}

/// Bytes of the longest keyword that any grammar function knows.
const WORD_BYTES_MAX: usize = 24;

/// A keyword in upper case, to be matched against those we know: RFC 5234 §2.3 has no case.
#[derive(Clone, Copy)]
pub(super) struct Word {
    upper: [u8; WORD_BYTES_MAX],
    len: usize,
}

impl Word {
    /// The keyword; empty if none was there or none that long is known.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.upper.get(..self.len).unwrap_or_default()
    }
}

/// Letters, digits, dots and hyphens: what the keywords of all IMAP grammars are made of.
///
/// Nearly all have eight at most and are made in a register: bytes that are stored one by one and then
/// loaded together, to be compared, have to be waited for, and NOOP was read in 33 ns instead of 27.
#[inline(always)]
pub(super) fn word(cursor: &mut Cursor<'_>) -> Word {
    let ahead = cursor.rest();
    let len = take::<WORD>(cursor).len();
    if len > 8 {
        return long_word(ahead, len);
    }
    let bytes = ahead.first_chunk::<8>().map_or_else(
        || ahead.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u64::from(byte)),
        |eight| u64::from_le_bytes(*eight),
    );
    let kept = u64::MAX
        .checked_shl(u32::try_from(len).unwrap_or(8).wrapping_mul(8))
        .map_or(u64::MAX, |behind| !behind);
    let [a, b, c, d, e, f, g, h] = (upper_case(bytes) & kept).to_le_bytes();
    Word { upper: [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], len }
}

/// A letter loses the bit that makes it small; digits, dots and hyphens have none of 0x40.
#[inline]
const fn upper_case(bytes: u64) -> u64 {
    bytes & !((bytes & 0x4040_4040_4040_4040) >> 1)
}

/// One of more than eight bytes.
fn long_word(ahead: &[u8], len: usize) -> Word {
    let mut upper = [0; WORD_BYTES_MAX];
    match ahead.first_chunk::<WORD_BYTES_MAX>() {
        Some(bytes) => {
            upper = *bytes; // no `map`, which is made a call
            upper.iter_mut().for_each(|byte| *byte &= !((*byte & 0x40) >> 1));
        }
        None => {
            for (to, from) in upper.iter_mut().zip(ahead) {
                *to = from.to_ascii_uppercase();
            }
        }
    }
    Word { upper, len: if len > WORD_BYTES_MAX { 0 } else { len } }
}

/// `astring = 1*ASTRING-CHAR / string` — RFC 9051 §9.
pub(super) fn astring<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    match cursor.peek() {
        Some(b'"' | b'{') => string(cursor),
        _ => some_of::<ASTRING>(cursor, "astring").map(Str::Plain),
    }
}

/// Whatever is neither quoted nor a literal goes on to the next space.
impl<'a> Item<'a> for Str<'a> {
    #[inline]
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        match cursor.peek() {
            Some(b'"' | b'{') => string(cursor),
            _ => Ok(Self::Plain(to_space(cursor))),
        }
    }
}

/// An atom, or one with a backslash before it.
impl<'a> Item<'a> for &'a str {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let before = *cursor;
        text(to_space(cursor)).ok_or_else(|| before.error("atom"))
    }
}

/// Takes what comes before the next space of a list.
#[inline]
pub(super) fn to_space<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    let rest = cursor.rest();
    cursor.take_at_most(steps::find_near(b' ', rest).unwrap_or(rest.len()))
}

/// `mailbox = "INBOX" / astring` — RFC 9051 §9. What `INBOX` means is for the mailbox's name.
pub(super) fn mailbox<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    match cursor.peek() {
        Some(b'"' | b'{') => string(cursor),
        _ => some_of::<ASTRING>(cursor, "mailbox").map(Str::Plain),
    }
}

/// `list-mailbox = 1*list-char / string` — RFC 9051 §9.
pub(super) fn list_mailbox<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    match cursor.peek() {
        Some(b'"' | b'{') => string(cursor),
        _ => some_of::<LIST>(cursor, "list-mailbox").map(Str::Plain),
    }
}

/// `nstring = string / nil` — RFC 9051 §9. An atom is forgiven.
pub(super) fn nstring<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Str<'a>>, Error> {
    let is_string = matches!(cursor.peek(), Some(b'"' | b'{'));
    match astring(cursor)? {
        Str::Plain(bytes) if !is_string && bytes.eq_ignore_ascii_case(b"NIL") => Ok(None),
        value => Ok(Some(value)),
    }
}

/// `string = quoted / literal` — RFC 9051 §9.
pub(crate) fn string<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    match cursor.peek() {
        Some(b'"') => quoted(cursor),
        Some(b'{') => literal(cursor).map(Str::Plain),
        _ => Err(cursor.error("string")),
    }
}

/// `quoted = DQUOTE *QUOTED-CHAR DQUOTE` — RFC 9051 §9.
///
/// Bytes beyond ASCII are let through whatever they encode: RFC 9051 wants UTF-8 in mailbox names,
/// and there the name is checked; old clients send passwords in other charsets.
pub(super) fn quoted<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    cursor.expect(b'"', "DQUOTE")?;
    let inside = *cursor;
    let mut escaped = false;
    loop {
        take::<QUOTED>(cursor);
        let value = cursor.since(inside);
        if cursor.eat(b'"') {
            return Ok(if escaped { Str::Escaped(value) } else { Str::Plain(value) });
        }
        cursor.expect(b'\\', "DQUOTE")?;
        escaped = true;
        if !cursor.eat(b'"') {
            cursor.expect(b'\\', "quoted-specials")?;
        }
    }
}

/// `literal = "{" number64 ["+"] "}" CRLF *CHAR8` — RFC 9051 §9. No NUL: that needs a literal8.
pub(super) fn literal<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    let bytes = literal_octets(cursor)?;
    if steps::find(0, bytes).is_some() {
        return Err(cursor.error("literal without NUL"));
    }
    Ok(bytes)
}

/// The octets of a literal or literal8, its head included in what is taken.
pub(super) fn literal_octets<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    cursor.expect(b'{', "literal")?;
    let size = number64(cursor)?;
    cursor.eat(b'+');
    cursor.expect(b'}', "\"}\"")?;
    cursor.eat(b'\r');
    cursor.expect(b'\n', "CRLF")?;
    let size = usize::try_from(size).map_err(|_| cursor.error("literal"))?;
    cursor.take(size, "literal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};

    type Parser<'a> = fn(&mut Cursor<'a>) -> Result<Str<'a>, Error>;

    #[track_caller]
    fn check<'a>(parser: Parser<'a>, input: &'a str, want: &str) {
        let mut cursor = Cursor::new(input.as_bytes());
        let told = match parser(&mut cursor) {
            Ok(value) => {
                let borrowed = if matches!(value, Str::Plain(_)) { "" } else { " (escaped)" };
                let rest = String::from_utf8_lossy(cursor.rest()).into_owned();
                format!("<{}>{borrowed}{rest}", value.bytes().escape_ascii())
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "from {input:?}");
    }

    #[test]
    fn astrings() {
        check(astring, "INBOX x", "<INBOX> x");
        check(astring, "a]b)", "<a]b>)");
        check(astring, "~{3}\r\nabc", "<~>{3}\r\nabc"); // literal8 is for APPEND only
        check(astring, "a*", "<a>*");
        check(list_mailbox, "a*/% x", "<a*/%> x");
        check(astring, "", "expected astring at byte 0");
        check(astring, "(", "expected astring at byte 0");
        check(astring, "\u{e9}", "expected astring at byte 0");
        check(astring, "\0", "expected astring at byte 0");
        check(string, "atom", "expected string at byte 0");
    }

    #[test]
    fn plain_strings_seen_again() {
        check(Str::again, "x-priority list-id", "<x-priority> list-id");
        check(Str::again, "list-id", "<list-id>");
        check(Str::again, "\"a b\" list-id", "<a b> list-id");
        check(Str::again, "{3}\r\na b c", "<a b> c");
    }

    #[test]
    fn quoted_strings() {
        // pitfall 53
        check(astring, r#""" x"#, "<> x");
        check(astring, r#""a b" x"#, "<a b> x");
        check(astring, r#""a\"b\\c" x"#, r#"<a\"b\\c> (escaped) x"#);
        check(astring, r#""\\""#, r#"<\\> (escaped)"#);
        check(astring, "\"\u{e9}\"", "<\\xc3\\xa9>");
        check(astring, r#""a\nb""#, "expected quoted-specials at byte 3");
        check(astring, r#""abc"#, "expected DQUOTE at byte 4");
        check(astring, r#""abc\"#, "expected quoted-specials at byte 5");
        check(astring, "\"a\r\n\"", "expected DQUOTE at byte 2");
        check(astring, "\"a\0\"", "expected DQUOTE at byte 2");
    }

    #[test]
    fn literals() {
        // pitfall 53
        check(astring, "{5}\r\na \"\\b x", "<a \\\"\\\\b> x");
        check(astring, "{5+}\r\nhello", "<hello>");
        check(astring, "{0}\r\n x", "<> x");
        check(astring, "{2}\n\r\nx", "<\\r\\n>x");
        check(astring, "{5}\r\nhell", "expected literal at byte 5");
        check(astring, "{1}\r\n\0", "expected literal without NUL at byte 6");
        check(astring, "{}\r\n", "expected number64 at byte 1");
        check(astring, "{9223372036854775808}\r\n", "expected number64 at byte 1");
        check(astring, "{9223372036854775807}\r\nx", "expected literal at byte 23");
        check(astring, "{1}x", "expected CRLF at byte 3");
        check(astring, "{1 }\r\nx", "expected \"}\" at byte 2");
    }

    #[test]
    fn nil() {
        #[track_caller]
        fn check(input: &str, want: Option<&str>) {
            let value = nstring(&mut Cursor::new(input.as_bytes()));
            assert_eq!(value, Ok(want.map(|want| Str::Plain(want.as_bytes()))));
        }
        check("NIL", None);
        check("nil)", None);
        check("\"NIL\"", Some("NIL"));
        check("{3}\r\nNIL", Some("NIL"));
        check("NILE", Some("NILE"));
    }

    #[test]
    fn words_have_no_case() {
        #[track_caller]
        fn check(input: &str, want: &str) {
            for behind in ["", " and more than there is of any word"] {
                let whole = format!("{input}{behind}");
                let mut cursor = Cursor::new(whole.as_bytes());
                assert_eq!(word(&mut cursor).as_bytes(), want.as_bytes());
            }
        }
        check("body.Peek[", "BODY.PEEK");
        check("Special-Use)", "SPECIAL-USE");
        check("", "");
        check("(", "");
        check("abcdefghijklmnopqrstuvwxyz", ""); // longer than any we know
    }
}
