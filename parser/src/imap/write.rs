//! The words of a response, written straight into an output buffer (RFC 9051 §4, §7, §9).
//!
//! The rule: whatever the value, what is written is one word of the grammar. No value can end a
//! line, close a quote or pass for another word.

use super::date::{MONTHS, civil_from_days};
use super::strings::{is_astring_char, is_atom_char};
use super::utf7;
use crate::cursor::Error;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// What the client understands beyond ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Nothing: 8-bit strings are literals, mailbox names are modified UTF-7 (RFC 3501 §5.1.3).
    #[default]
    Ascii,
    /// UTF-8 in quoted strings and mailbox names, after ENABLE IMAP4rev2 (RFC 9051 §5.1).
    Utf8,
}

/// Bytes of the longest quoted string: beyond, a literal costs the client less.
pub const QUOTED_BYTES_MAX: usize = 1_024;

/// The name that a client means by `bytes` ([`Str::bytes`](super::Str::bytes)).
///
/// # Errors
/// It is not in the charset at hand, or not in its one spelling (pitfall 68).
pub fn mailbox_name(bytes: &[u8], charset: Charset) -> Result<Cow<'_, str>, Error> {
    match charset {
        Charset::Ascii => utf7::decode(bytes),
        Charset::Utf8 => core::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|error| Error { expected: "UTF-8", offset: error.valid_up_to() }),
    }
}

/// `mailbox = "INBOX" / astring` — RFC 9051 §9.
pub fn mailbox(out: &mut Vec<u8>, name: &str, charset: Charset) {
    let is_same = charset == Charset::Utf8
        || name.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'&');
    if is_same {
        return astring(out, name.as_bytes(), charset);
    }
    let mut wire = Vec::with_capacity(name.len().saturating_mul(2));
    utf7::encode(&mut wire, name);
    astring(out, &wire, charset);
}

/// `astring = 1*ASTRING-CHAR / string` — RFC 9051 §9. An atom that could be read as NIL is quoted.
pub fn astring(out: &mut Vec<u8>, value: &[u8], charset: Charset) {
    let is_atom = !value.is_empty() && value.iter().all(|&byte| is_astring_char(byte));
    if is_atom && !value.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(value);
    } else {
        string(out, value, charset);
    }
}

/// `atom = 1*ATOM-CHAR` — RFC 9051 §9. False, and nothing is written, if `value` is none: nothing
/// else could stand for it. `NIL` is none, since it would read as nothing.
#[must_use = "what is no atom is not written"]
pub fn atom(out: &mut Vec<u8>, value: &str) -> bool {
    let is_atom = is_atom(value);
    if is_atom {
        out.extend_from_slice(value.as_bytes());
    }
    is_atom
}

fn is_atom(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(is_atom_char) && !value.eq_ignore_ascii_case("NIL")
}

/// `nstring = string / nil` — RFC 9051 §9.
pub fn nstring(out: &mut Vec<u8>, value: Option<&[u8]>, charset: Charset) {
    match value {
        Some(value) => string(out, value, charset),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `nstring / literal8`: a METADATA value (RFC 5464 §5) or a decoded body (RFC 3516 §6). Only a NUL
/// makes it a literal8: then nothing else may hold the value.
pub fn nstring8(out: &mut Vec<u8>, value: Option<&[u8]>, charset: Charset) {
    match value {
        Some(value) if memchr::memchr(0, value).is_some() => literal8(out, value),
        value => nstring(out, value, charset),
    }
}

/// `string = quoted / literal` — RFC 9051 §9: quoted if it is short and may be.
///
/// A NUL is written as it is, in a literal. Deviation: CHAR8 has no NUL; a stored message is not
/// changed on its way out (pitfall 142).
pub fn string(out: &mut Vec<u8>, value: &[u8], charset: Charset) {
    // Without an early exit, so that the compiler looks at many bytes at once.
    let (mut breaks, mut eight_bit, mut escapes) = (false, false, false);
    if value.len() <= QUOTED_BYTES_MAX {
        for &byte in value {
            breaks |= matches!(byte, 0 | b'\r' | b'\n');
            eight_bit |= byte >= 0x80;
            escapes |= matches!(byte, b'"' | b'\\');
        }
        let is_utf8 = || charset == Charset::Utf8 && core::str::from_utf8(value).is_ok();
        if !breaks && (!eight_bit || is_utf8()) {
            return quoted(out, value, escapes);
        }
    }
    literal(out, value);
}

/// `quoted = DQUOTE *QUOTED-CHAR DQUOTE` — RFC 9051 §9.
fn quoted(out: &mut Vec<u8>, value: &[u8], escapes: bool) {
    out.reserve(value.len().saturating_add(2));
    out.push(b'"');
    if escapes {
        for &byte in value {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    } else {
        out.extend_from_slice(value);
    }
    out.push(b'"');
}

/// `literal = "{" number64 "}" CRLF *CHAR8` — RFC 9051 §9.
pub fn literal(out: &mut Vec<u8>, value: &[u8]) {
    literal_head(out, u64::try_from(value.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(value);
}

/// The head of a literal, for a value that follows in slices.
pub fn literal_head(out: &mut Vec<u8>, bytes: u64) {
    out.push(b'{');
    number(out, bytes);
    out.extend_from_slice(b"}\r\n");
}

/// `literal8 = "~{" number64 "}" CRLF *OCTET` — RFC 3516 §6: for decoded bodies, NUL and all.
pub fn literal8(out: &mut Vec<u8>, value: &[u8]) {
    literal8_head(out, u64::try_from(value.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(value);
}

/// The head of a literal8, for a value that follows in slices.
pub fn literal8_head(out: &mut Vec<u8>, bytes: u64) {
    out.push(b'~');
    literal_head(out, bytes);
}

/// `"00"` to `"99"`.
static PAIRS: [[u8; 2]; 100] = pairs();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "run by the compiler"
)]
const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + at as u8 / 10, b'0' + at as u8 % 10];
        at += 1;
    }
    pairs
}

/// The last two digits of a number.
fn pair(value: u64) -> [u8; 2] {
    let at = usize::try_from(value % 100).unwrap_or(0);
    PAIRS.get(at).copied().unwrap_or(*b"00")
}

/// `number64 = 1*DIGIT` — RFC 9051 §9.
pub fn number(out: &mut Vec<u8>, value: impl Into<u64>) {
    let mut value: u64 = value.into();
    let mut digits = [*b"00"; 10];
    let mut unused = 20usize;
    for slot in digits.iter_mut().rev() {
        *slot = pair(value);
        unused = unused.saturating_sub(if value < 10 { 1 } else { 2 });
        value /= 100;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.as_flattened().get(unused..).unwrap_or_default());
}

/// `flag-list = "(" [flag *(SP flag)] ")"` — RFC 9051 §9. Each flag with its backslash, if any; `\*`
/// too, for PERMANENTFLAGS (`flag-perm`). What is no flag is left out.
pub fn flag_list<'f>(out: &mut Vec<u8>, flags: impl IntoIterator<Item = &'f str>) {
    out.push(b'(');
    let mut first = true;
    for flag in flags {
        if flag != "\\*" && !is_atom(flag.strip_prefix('\\').unwrap_or(flag)) {
            continue;
        }
        if !first {
            out.push(b' ');
        }
        first = false;
        out.extend_from_slice(flag.as_bytes());
    }
    out.push(b')');
}

/// `sequence-set`, `uid-set` — RFC 9051 §9: ranges as they come, `7:7` as `7`. At least one is
/// needed to make a set.
pub fn set(out: &mut Vec<u8>, ranges: impl IntoIterator<Item = (u32, u32)>) {
    let mut first = true;
    for (low, high) in ranges {
        if !first {
            out.push(b',');
        }
        first = false;
        number(out, low);
        if high != low {
            out.push(b':');
            number(out, high);
        }
    }
}

/// `date-time` — RFC 9051 §9, as INTERNALDATE is told, in a zone so many minutes east of UTC.
///
/// What lies outside the years 0000 to 9999 is told as their first or last second.
pub fn date_time(out: &mut Vec<u8>, unix_seconds: i64, zone_minutes: i16) {
    const FIRST: i64 = -62_167_219_200; // 0000-01-01T00:00:00
    const LAST: i64 = 253_402_300_799; // 9999-12-31T23:59:59
    let zone = i64::from(zone_minutes.clamp(-1_439, 1_439));
    let local = unix_seconds.saturating_add(zone.saturating_mul(60)).clamp(FIRST, LAST);
    let (year, month, day) = civil_from_days(local.div_euclid(86_400));
    let second = local.rem_euclid(86_400).unsigned_abs();
    let east = zone.unsigned_abs();
    let [tens, ones] = pair(day.into());
    let month = month.checked_sub(1).and_then(|month| MONTHS.get(usize::try_from(month).ok()?));
    out.extend_from_slice(&[b'"', if tens == b'0' { b' ' } else { tens }, ones, b'-']);
    out.extend_from_slice(month.copied().unwrap_or(b"Jan"));
    out.push(b'-');
    out.extend_from_slice(&pair((year / 100).into()));
    out.extend_from_slice(&pair(year.into()));
    for (mark, value) in [(b' ', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)] {
        out.push(mark);
        out.extend_from_slice(&pair(value));
    }
    out.extend_from_slice(if zone < 0 { b" -" } else { b" +" });
    out.extend_from_slice(&pair(east / 60));
    out.extend_from_slice(&pair(east % 60));
    out.push(b'"');
}

/// `text = 1*(TEXT-CHAR / …)` — RFC 9051 §9: the human part of a response. Line ends and NUL become
/// spaces; what the charset cannot say becomes `?`.
pub fn text(out: &mut Vec<u8>, value: &str, charset: Charset) {
    for character in value.chars() {
        match character {
            '\r' | '\n' | '\0' => out.push(b' '),
            character if character.is_ascii() || charset == Charset::Utf8 => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => out.push(b'?'),
        }
    }
}

/// `url-resp-text = 1*(any TEXT-CHAR except "]")` — RFC 4469 §5: a URL as a client gave it, for
/// BADURL. Bytes that may not stand there are percent-encoded; an empty URL is told as `%`.
pub fn url_resp_text(out: &mut Vec<u8>, url: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
    for &byte in url {
        match byte {
            b'!'..=b'~' if byte != b']' => out.push(byte),
            _ => out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 0x0f)]),
        }
    }
    if url.is_empty() {
        out.push(b'%');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), want: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(out.escape_ascii().to_string(), want.replace('"', "\\\""));
    }

    use Charset::{Ascii, Utf8};

    #[test]
    fn strings() {
        check(|out| string(out, b"", Ascii), r#""""#);
        check(|out| string(out, b"a b", Ascii), r#""a b""#);
        check(|out| string(out, b"a\tb", Ascii), r#""a\tb""#);
        check(|out| string(out, br#"a"b\"#, Ascii), r#""a\\"b\\\\""#);
        check(|out| string(out, b"a\r\nb", Ascii), r"{4}\r\na\r\nb");
        check(|out| string(out, b"a\nb", Utf8), r"{3}\r\na\nb");
        check(|out| string(out, b"\0", Utf8), r"{1}\r\n\x00"); // pitfall 142
        check(|out| string(out, "\u{e9}".as_bytes(), Ascii), r"{2}\r\n\xc3\xa9");
        check(|out| string(out, "\u{e9}".as_bytes(), Utf8), r#""\xc3\xa9""#);
        check(|out| string(out, b"\xe9", Utf8), r"{1}\r\n\xe9"); // no UTF-8
        let long = "x".repeat(1_024);
        check(|out| string(out, long.as_bytes(), Ascii), &alloc::format!("\"{long}\""));
        let long = "x".repeat(1_025);
        check(|out| string(out, long.as_bytes(), Ascii), &alloc::format!("{{1025}}\\r\\n{long}"));
        check(|out| nstring(out, None, Ascii), "NIL");
        check(|out| nstring(out, Some(b"NIL"), Ascii), r#""NIL""#);
        check(|out| literal8(out, b"\0"), r"~{1}\r\n\x00");
        check(|out| nstring8(out, None, Ascii), "NIL");
        check(|out| nstring8(out, Some(b"a"), Ascii), r#""a""#);
        check(|out| nstring8(out, Some(b"a\n"), Ascii), r"{2}\r\na\n");
        check(|out| nstring8(out, Some(b"a\0"), Utf8), r"~{2}\r\na\x00");
        check(|out| literal8_head(out, 5), r"~{5}\r\n");
    }

    #[test]
    fn astrings() {
        check(|out| astring(out, b"INBOX", Ascii), "INBOX");
        check(|out| astring(out, b"a]/b&c", Ascii), "a]/b&c");
        check(|out| astring(out, b"", Ascii), r#""""#);
        check(|out| astring(out, b"nil", Ascii), r#""nil""#);
        check(|out| astring(out, b"a b", Ascii), r#""a b""#);
        check(|out| astring(out, b"a*", Ascii), r#""a*""#);
        check(|out| astring(out, b"a\n", Ascii), r"{2}\r\na\n");
    }

    #[test]
    fn atoms() {
        #[track_caller]
        fn check(value: &str, right: bool) {
            let mut out = Vec::new();
            assert_eq!(atom(&mut out, value), right, "{value:?}");
            assert_eq!(out, if right { value } else { "" }.as_bytes());
        }
        check("STORAGE", true);
        check("$x/y+z", true);
        for none in ["", "nil", "a b", "a]", "a\"", "a\r\n", "\u{e9}", "\\Seen", "x*", "x%", "{"] {
            check(none, false);
        }
    }

    #[test]
    fn urls() {
        check(|out| url_resp_text(out, b"/a%20b;UID=1?[x"), "/a%20b;UID=1?[x");
        check(|out| url_resp_text(out, b"a]\r\n \xff\0"), "a%5D%0D%0A%20%FF%00");
        check(|out| url_resp_text(out, b""), "%");
    }

    #[test]
    fn mailboxes() {
        check(|out| mailbox(out, "a/b", Ascii), "a/b");
        check(|out| mailbox(out, "Entw\u{fc}rfe & x", Ascii), r#""Entw&APw-rfe &- x""#);
        check(|out| mailbox(out, "Entw\u{fc}rfe", Ascii), "Entw&APw-rfe");
        check(|out| mailbox(out, "Entw\u{fc}rfe & x", Utf8), r#""Entw\xc3\xbcrfe & x""#);
        check(|out| mailbox(out, "a&b", Utf8), "a&b");
        check(|out| mailbox(out, "\u{7f}", Ascii), "&AH8-");
        assert_eq!(mailbox_name(b"&AOQ-", Ascii).as_deref(), Ok("\u{e4}"));
        assert_eq!(mailbox_name(b"&AOQ-", Utf8).as_deref(), Ok("&AOQ-"));
        assert_eq!(mailbox_name("\u{e4}".as_bytes(), Utf8).as_deref(), Ok("\u{e4}"));
        assert!(mailbox_name("\u{e4}".as_bytes(), Ascii).is_err());
        assert!(mailbox_name(b"a\xe4", Utf8).is_err());
    }

    #[test]
    fn numbers() {
        for value in (0..1_100).chain([9_999, 10_000, 99_999, 100_000, 4_294_967_295, u64::MAX]) {
            check(|out| number(out, value), &value.to_string());
        }
        let mut power = 1u64;
        for _ in 0..19 {
            power *= 10;
            check(|out| number(out, power), &power.to_string());
            check(|out| number(out, power - 1), &(power - 1).to_string());
        }
    }

    #[test]
    fn lists_and_sets() {
        check(|out| flag_list(out, []), "()");
        check(|out| flag_list(out, ["\\Seen", "$Junk"]), r"(\\Seen $Junk)");
        check(|out| flag_list(out, ["", "a b", "\\*", "x)", "NIL", "\\", "y"]), r"(\\* y)");
        check(|out| set(out, [(1, 3), (5, 5), (7, u32::MAX)]), "1:3,5,7:4294967295");
    }

    #[test]
    fn dates() {
        check(|out| date_time(out, 0, 0), r#"" 1-Jan-1970 00:00:00 +0000""#);
        check(|out| date_time(out, 1_582_977_599, 0), r#""29-Feb-2020 11:59:59 +0000""#);
        check(|out| date_time(out, 0, 330), r#"" 1-Jan-1970 05:30:00 +0530""#);
        check(|out| date_time(out, 0, -690), r#""31-Dec-1969 12:30:00 -1130""#);
        check(|out| date_time(out, -1, 0), r#""31-Dec-1969 23:59:59 +0000""#);
        // pitfall 140
        check(|out| date_time(out, i64::MAX, 60), r#""31-Dec-9999 23:59:59 +0100""#);
        check(|out| date_time(out, i64::MIN, i16::MIN), r#"" 1-Jan-0000 00:00:00 -2359""#);
    }

    /// What is written reads back as the same instant.
    #[test]
    fn dates_read_back() {
        for (place, seconds) in
            (-62_167_219_200..253_402_300_799i64).step_by(86_399_999).enumerate()
        {
            let zone = i16::try_from(place % 1_440).unwrap() - 720;
            let mut out = Vec::new();
            date_time(&mut out, seconds, zone);
            let read = super::super::date::date_time(&mut crate::Cursor::new(&out)).unwrap();
            // At both ends the zone may lead out of the calendar.
            if (-62_167_000_000..253_402_000_000).contains(&seconds) {
                assert_eq!((read.unix_seconds, read.zone_minutes), (seconds, zone));
            }
        }
    }

    #[test]
    fn texts() {
        check(|out| text(out, "done\r\n* 1 EXISTS", Ascii), "done  * 1 EXISTS");
        check(|out| text(out, "\u{e9}", Ascii), "?");
        check(|out| text(out, "\u{e9}", Utf8), r"\xc3\xa9");
        let plain = String::from("a b");
        check(|out| text(out, &plain, Ascii), "a b");
    }
}
