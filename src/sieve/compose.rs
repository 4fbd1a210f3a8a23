//! What a script adds to messages, in the form messages must have: fields folded and encoded
//! (RFC 5322 §2.2.3, RFC 2047), lines that end in CRLF, entities of MIME.

use std::borrow::Cow;
use std::fmt::Write as _;

use parser::message::date::days_from_civil;

/// Characters of a line that folding aims at (RFC 5322 §2.1.1).
const LINE_CHARS: usize = 78;
/// Characters of a line at most, beside its ending (RFC 5322 §2.1.1).
const LINE_CHARS_MAX: usize = 998;
/// Bytes that one encoded word of base64 may hold: 75 characters in all (RFC 2047 §2).
const WORD_BYTES: usize = 45;

/// `Name: value`, folded, and in encoded words if and only if it must be.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let value = one_line(value);
    let plain = value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && value
            .split([' ', '\t'])
            .all(|word| word.len() < LINE_CHARS_MAX - name.len().min(900) - 3);
    let mut out = Vec::with_capacity(name.len() + value.len() + 16);
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    if plain {
        fold(&value, name.len() + 1, &mut out);
    } else {
        for word in words(&value) {
            out.extend_from_slice(if out.ends_with(b":") { b" " } else { b"\r\n " });
            out.extend_from_slice(word.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// A field of addresses: only names may be encoded (RFC 2047 §5). An address that is not ASCII stands as
/// it is, and the message is one for SMTPUTF8 (RFC 6532 §3.2).
pub(crate) fn address_field(name: &str, value: &str) -> Vec<u8> {
    use parser::message::{Address, Addresses};
    let mut texts = Vec::new();
    for address in Addresses::new(value.as_bytes()) {
        let Address::Mailbox(mailbox) = address else { continue };
        let path = path(&mailbox.local, mailbox.domain.as_deref().unwrap_or_default());
        texts.push(match mailbox.name {
            Some(phrase) if phrase.is_ascii() => {
                let phrase = String::from_utf8_lossy(&phrase).into_owned();
                format!("{} <{path}>", quoted_phrase(&phrase))
            }
            Some(phrase) => {
                let phrase = String::from_utf8_lossy(&phrase).into_owned();
                let words: Vec<String> = words(&phrase).collect();
                format!("{} <{path}>", words.join(" "))
            }
            None => path,
        });
    }
    let value = texts.join(", ");
    let mut out = format!("{name}:").into_bytes();
    fold(&one_line(&value), out.len(), &mut out);
    out.extend_from_slice(b"\r\n");
    out
}

fn quoted_phrase(phrase: &str) -> String {
    let atoms = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~ ".contains(&byte);
    if phrase.bytes().all(atoms) {
        return phrase.to_owned();
    }
    format!("\"{}\"", phrase.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `local@domain`, quoted where RFC 5321 §4.1.2 wants it.
pub(crate) fn path(local: &[u8], domain: &[u8]) -> String {
    let (local, domain) = (String::from_utf8_lossy(local), String::from_utf8_lossy(domain));
    let atext =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let atoms = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext));
    if atoms {
        return format!("{local}@{domain}");
    }
    format!("\"{}\"@{domain}", local.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Line endings and controls become spaces, of which one is left of many.
fn one_line(value: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() && c != '\t';
    if !value.contains(bad) {
        return Cow::Borrowed(value.trim_matches([' ', '\t']));
    }
    let parts = value.split(bad).map(|part| part.trim_matches([' ', '\t']));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    Cow::Owned(parts.join(" "))
}

/// Breaks lines before spaces.
fn fold(value: &str, indent: usize, out: &mut Vec<u8>) {
    let (mut line, mut rest, mut first) = (indent, value, true);
    if value.is_empty() {
        out.push(b' ');
        return;
    }
    while !rest.is_empty() {
        // A word with the spaces before it.
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let word = rest.get(spaces..).unwrap_or_default();
        let end = spaces + word.find([' ', '\t']).unwrap_or(word.len());
        let (piece, tail) = rest.split_at(end);
        if !first && line + piece.len() > LINE_CHARS && spaces > 0 {
            out.extend_from_slice(b"\r\n");
            line = 0;
        } else if first {
            out.push(b' ');
            line += 1;
        }
        out.extend_from_slice(piece.as_bytes());
        line += piece.len();
        (rest, first) = (tail, false);
    }
}

/// `encoded-word`s of base64, each of whole characters (RFC 2047 §5).
fn words(value: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = value;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(WORD_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(format!("=?utf-8?b?{}?=", base64_simd::STANDARD.encode_to_string(piece)))
    })
}

/// Text whose lines all end in CRLF.
pub(super) fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut last = '\0';
    for c in text.chars() {
        if c == '\n' && last != '\r' {
            out.push('\r');
        }
        out.push(c);
        last = c;
    }
    out
}

/// The fields and the body of a text/plain part in UTF-8 (RFC 5703 §5).
pub(super) fn text_part(text: &str) -> (String, String) {
    let text = crlf(text);
    let short = text.split("\r\n").all(|line| line.len() <= LINE_CHARS_MAX);
    let simple = short && !text.contains('\0') && !text.replace("\r\n", "").contains('\r');
    let (encoding, body) = match (simple, text.is_ascii()) {
        (true, true) => ("7bit", text),
        (true, false) => ("8bit", text),
        (false, _) => ("base64", base64_lines(text.as_bytes())),
    };
    let charset = if encoding == "7bit" { "us-ascii" } else { "utf-8" };
    let header = format!(
        "Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    );
    (header, body)
}

fn base64_lines(bytes: &[u8]) -> String {
    let text = base64_simd::STANDARD.encode_to_string(bytes);
    let mut out = String::with_capacity(text.len() + text.len() / 38 + 2);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(76));
        out.push_str(line);
        out.push_str("\r\n");
        rest = tail;
    }
    out
}

/// A boundary that stands nowhere in `content`: the same content gives the same one.
pub(crate) fn boundary(content: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::digest(content);
    loop {
        let mut boundary = String::from("=_sieve_");
        for byte in hash.iter().take(12) {
            // Writing to a String cannot fail.
            let _written = write!(boundary, "{byte:02x}");
        }
        if memchr::memmem::find(content, boundary.as_bytes()).is_none() {
            return boundary;
        }
        hash = Sha256::digest(hash);
    }
}

/// `date-time` (RFC 3339 §5.6) as seconds since 1970.
pub(super) fn rfc3339_seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i32>().ok())?
    };
    let is = |at: usize, marks: &[u8]| text.as_bytes().get(at).is_some_and(|c| marks.contains(c));
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let marks = is(4, b"-") && is(7, b"-") && is(10, b"Tt") && is(13, b":") && is(16, b":");
    let right = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let behind = text.get(19..)?;
    let zone = match behind.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => behind,
    };
    let east = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        // The second is what RFC 6009 §7.2 writes.
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let digit = |byte: &u8| char::from(*byte).to_digit(10).map(i64::from);
            let minutes = (digit(h1)? * 10 + digit(h2)?) * 60 + digit(m1)? * 10 + digit(m2)?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let days = i64::from(days_from_civil(year, month, day));
    let clock = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    (marks && right).then(|| days * 86_400 + clock - east * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let check = |name: &str, value: &str, want: &str| {
            assert_eq!(String::from_utf8(field(name, value)).unwrap(), want);
        };
        check("X-A", "b", "X-A: b\r\n");
        check("X-A", "", "X-A: \r\n");
        check("X-A", " b\r\nBcc: c\r\n", "X-A: b Bcc: c\r\n");
        check("X-A", "\u{e4}", "X-A: =?utf-8?b?w6Q=?=\r\n");
        let long = "word ".repeat(30);
        let folded = String::from_utf8(field("X-A", &long)).unwrap();
        assert!(folded.split("\r\n").all(|line| line.len() <= LINE_CHARS), "{folded}");
        assert_eq!(folded.replace("\r\n", ""), format!("X-A: {}", long.trim()));
        let solid = String::from_utf8(field("X-A", &"x".repeat(3_000))).unwrap();
        assert!(solid.split("\r\n").all(|line| line.len() <= LINE_CHARS), "{solid}");
        for (value, want) in [(long.trim(), long.trim()), (&"\u{e4}b ".repeat(50), "")] {
            let raw = field("X-A", value);
            let text = crate::mail::text::decode_header(&raw[4..]);
            assert_eq!(text, if want.is_empty() { value.trim() } else { want });
        }
    }

    #[test]
    fn addresses() {
        let check = |value: &str, want: &str| {
            assert_eq!(String::from_utf8(address_field("From", value)).unwrap(), want);
        };
        check("a@b", "From: a@b\r\n");
        check(
            "J\u{f6}rg <a@b>, \"x, y\" <c@d>",
            "From: =?utf-8?b?SsO2cmc=?= <a@b>, \"x, y\" <c@d>\r\n",
        );
        // RFC 2047 §5 (3), RFC 6532 §3.2: no encoded word is an address
        check("b\u{f6}b@d\u{f6}.example", "From: b\u{f6}b@d\u{f6}.example\r\n");
        check("B\u{f6}b <b\u{f6}b@x>, c@d", "From: =?utf-8?b?QsO2Yg==?= <b\u{f6}b@x>, c@d\r\n");
        check("\"a\r\nBcc: x@y\"@b", "From: \"a Bcc: x@y\"@b\r\n");
        let long = ["someone@example.org"; 9].join(", ");
        let folded = String::from_utf8(address_field("To", &long)).unwrap();
        assert!(folded.split("\r\n").all(|line| line.len() <= LINE_CHARS), "{folded}");
        assert_eq!(folded.replace("\r\n", ""), format!("To: {long}"));
        assert_eq!(path(b"a b", b"c"), "\"a b\"@c");
        assert_eq!(path(b"a.b", b"c"), "a.b@c");
    }

    #[test]
    fn dates() {
        assert_eq!(rfc3339_seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339_seconds("2007-02-26t09:00:00.25-05:00"), Some(1_172_498_400));
        for wrong in [
            "",
            "2007-02-26",
            "2007-02-26 09:00:00Z",
            "2007-13-26T09:00:00Z",
            "2007-02-26T09:00:00",
        ] {
            assert_eq!(rfc3339_seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn parts() {
        assert_eq!(text_part("a\nb").1, "a\r\nb");
        assert!(text_part("\u{e4}").0.contains("8bit"));
        assert!(text_part(&"x".repeat(2_000)).0.contains("base64"));
        assert_ne!(boundary(b"a"), boundary(b"b"));
    }
}
