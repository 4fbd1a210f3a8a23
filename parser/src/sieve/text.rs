//! A string of a script as the parts it is made of: text, variables (RFC 5229 §3) and matches.
//!
//! Encoded characters are replaced before variables are looked for (RFC 5229 §3.1); what has the
//! form of neither stays as it was written.

use alloc::string::String;
use alloc::vec::Vec;

use crate::steps::took;

/// Characters of a variable's name at most; RFC 5229 §6 asks for 32.
const NAME_CHARS_MAX: usize = 64;
/// The largest match variable; RFC 5229 §6 asks for 9.
const MATCH_MAX: u8 = 32;

/// What both kinds of reference begin with.
pub(super) const REFERENCE: &[u8] = b"${";

/// A part of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Mostly UTF-8: `${hex:…}` can write any octets.
    Literal(Vec<u8>),
    /// In lower case, with its namespace.
    Variable(String),
    Match(u8),
}

/// `encoded-arb-octets / encoded-unicode-char` replaced by what they stand for — RFC 5228
/// §2.4.2.4.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = memchr::memmem::find(rest.as_bytes(), REFERENCE) {
        let (before, from) = rest.split_at_checked(found).unwrap_or((rest, ""));
        octets.extend_from_slice(before.as_bytes());
        match encoded(from, &mut octets)? {
            Some(after) => rest = after,
            None => {
                octets.extend_from_slice(REFERENCE);
                rest = from.get(2..).unwrap_or_default();
            }
        }
    }
    octets.extend_from_slice(rest.as_bytes());
    took(text.len());
    Ok(octets)
}

/// One `"${hex:" … "}"` or `"${unicode:" … "}"`; `None` if this is neither.
fn encoded<'a>(text: &'a str, octets: &mut Vec<u8>) -> Result<Option<&'a str>, &'static str> {
    let begins = |head: &str| text.get(..head.len()).is_some_and(|t| t.eq_ignore_ascii_case(head));
    let (hex, head) = match (begins("${hex:"), begins("${unicode:")) {
        (true, _) => (true, 6),
        (_, true) => (false, 10),
        _ => return Ok(None),
    };
    let body = text.get(head..).unwrap_or_default();
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let end = body.bytes().position(|byte| !byte.is_ascii_hexdigit() && !blank(byte));
    took(end.unwrap_or(body.len()));
    let Some(end) = end.filter(|&end| body.as_bytes().get(end) == Some(&b'}')) else {
        return Ok(None);
    };
    let mark = octets.len();
    let numbers = body.get(..end).unwrap_or_default();
    for digits in numbers.split(|c: char| c.is_ascii_whitespace()).filter(|part| !part.is_empty()) {
        if hex && digits.len() > 2 {
            octets.truncate(mark);
            return Ok(None);
        }
        let number = u32::from_str_radix(digits, 16).ok();
        if hex {
            octets.extend(number.and_then(|number| u8::try_from(number).ok()));
        } else {
            let Some(c) = number.and_then(char::from_u32) else {
                return Err("expected a Unicode character behind \"${unicode:\"");
            };
            octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    // The sequence has one number at least.
    if octets.len() == mark {
        return Ok(None);
    }
    Ok(body.get(end.saturating_add(1)..))
}

/// `variable-ref = "${" [namespace] variable-name "}"` — RFC 5229 §3 — split from the text around.
pub(super) fn split(text: &[u8]) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let (mut literal, mut rest) = (Vec::new(), text);
    while let Some(found) = memchr::memmem::find(rest, REFERENCE) {
        let (before, from) = rest.split_at_checked(found).unwrap_or((rest, &[]));
        literal.extend_from_slice(before);
        let inside = from.get(2..).unwrap_or_default();
        let count = inside.iter().take_while(|&&byte| name_byte(byte)).count();
        took(found.saturating_add(count));
        let (name, after) = inside.split_at_checked(count).unwrap_or_default();
        let name = core::str::from_utf8(name).unwrap_or_default();
        match after.split_first() {
            Some((b'}', after)) if is_name(name) => {
                let part = reference(name)?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(core::mem::take(&mut literal)));
                }
                parts.push(part);
                rest = after;
            }
            _ => {
                literal.extend_from_slice(REFERENCE);
                rest = inside;
            }
        }
    }
    literal.extend_from_slice(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

const fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")` — RFC 5228 §8.1 — of no more characters than
/// variables may have.
pub(super) fn is_identifier(name: &str) -> bool {
    name.len() <= NAME_CHARS_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// `[namespace] variable-name`, `namespace = identifier "." *sub-namespace` — RFC 5229 §3.
fn is_name(name: &str) -> bool {
    let word = |part: &str| {
        part.bytes().all(|byte| byte != b'.')
            && part.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let alone = first.len() == name.len();
    (word(first) || (alone && number(first))) && parts.all(|part| word(part) || number(part))
}

fn reference(name: &str) -> Result<Part, &'static str> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        // Leading zeroes are allowed and ignored (RFC 5229 §3.2).
        let number = name.parse().ok().filter(|&number| number <= MATCH_MAX);
        return number.map(Part::Match).ok_or("expected a match variable of at most 32");
    }
    if name.len() > NAME_CHARS_MAX {
        return Err("expected a variable name of at most 64 characters");
    }
    Ok(Part::Variable(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn shown(part: &Part) -> String {
        match part {
            Part::Literal(text) => format!("\"{}\"", text.escape_ascii()),
            Part::Variable(name) => format!("V({name})"),
            Part::Match(number) => format!("M{number}"),
        }
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        let decoded = decode(text);
        let got = match decoded.and_then(|text| split(&text)) {
            Ok(parts) => parts.iter().map(shown).collect::<Vec<String>>().join(" "),
            Err(expected) => expected.into(),
        };
        assert_eq!(got, want, "{text:?}");
    }

    #[test]
    fn variables() {
        check("&%${}!", r#""&%${}!""#);
        check("${doh!}", r#""${doh!}""#);
        check("${Full}", r#"V(full)"#);
        check("${BAD${Company}", r#""${BAD" V(company)"#);
        check("${President, ${Company} Inc.}", r#""${President, " V(company) " Inc.}""#);
        check("${0}${007}x", r#"M0 M7 "x""#);
        check("${33}", "expected a match variable of at most 32");
        check("${global.x}${1.x}", r#"V(global.x) "${1.x}""#);
        check("${vendor.x.1}", "V(vendor.x.1)");
        check("", "");
        check("${", r#""${""#);
    }

    #[test]
    fn encoded_characters() {
        check("$${hex:40}", r#""$@""#); // RFC 5228 §2.4.2.4, as the rest
        check("${hex: 40 }", r#""@""#);
        check("${HEX: 40}", r#""@""#);
        check("${hex:40", r#""${hex:40""#);
        check("${hex:400}", r#""${hex:400}""#);
        check("${hex:4${hex:30}}", r#""${hex:40}""#);
        check("${unicode:40}", r#""@""#);
        check("${ unicode:40}", r#""${ unicode:40}""#);
        check("${UNICODE:40}", r#""@""#);
        check("${UnICoDE:0000040}", r#""@""#);
        check("${Unicode:Cool}", r#""${Unicode:Cool}""#);
        check("${unicode:200000}", "expected a Unicode character behind \"${unicode:\"");
        check("${Unicode:DF01}", "expected a Unicode character behind \"${unicode:\"");
        check("${hex:c3}${hex:a9}", r#""\xc3\xa9""#);
        check("${hex:ff}", r#""\xff""#);
        check("dear${hex:20 24 7b 4e}ame}", r#""dear " V(name)"#); // RFC 5229 §3.1
    }
}
