//! A string of a script as the pieces it is made of: text, variables (RFC 5229 §3) and matches.
//!
//! Encoded characters are replaced before variables are looked for (RFC 5229 §3.1); what has the
//! form of neither stays as it was written.

use alloc::string::String;
use alloc::vec::Vec;

use super::tree::Piece;

/// Characters of a variable's name at most; RFC 5229 §6 asks for 32.
const NAME_CHARS_MAX: usize = 64;
/// The largest match variable; RFC 5229 §6 asks for 9.
const MATCH_MAX: usize = 32;

/// `encoded-arb-octets / encoded-unicode-char` replaced by what they stand for — RFC 5228 §2.4.2.4.
pub(super) fn decode(text: &str) -> Result<String, &'static str> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = memchr::memmem::find(rest.as_bytes(), b"${") {
        let (before, from) = rest.split_at_checked(found).unwrap_or((rest, ""));
        octets.extend_from_slice(before.as_bytes());
        match encoded(from, &mut octets)? {
            Some(after) => rest = after,
            None => {
                octets.extend_from_slice(b"${");
                rest = from.get(2..).unwrap_or_default();
            }
        }
    }
    octets.extend_from_slice(rest.as_bytes());
    String::from_utf8(octets).map_err(|_| "octets behind \"${hex:\" that are UTF-8")
}

/// One `"${hex:" … "}"` or `"${unicode:" … "}"`; `None` if this is neither.
fn encoded<'a>(text: &'a str, octets: &mut Vec<u8>) -> Result<Option<&'a str>, &'static str> {
    let hex = text.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("${hex:"));
    let unicode = text.get(..10).is_some_and(|head| head.eq_ignore_ascii_case("${unicode:"));
    let body = text.get(if unicode { 10 } else { 6 }..).unwrap_or_default();
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let end = body.bytes().position(|byte| !byte.is_ascii_hexdigit() && !blank(byte));
    let Some(end) = end.filter(|&end| body.as_bytes().get(end) == Some(&b'}')) else {
        return Ok(None);
    };
    if !hex && !unicode {
        return Ok(None);
    }
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
                return Err("a Unicode character behind \"${unicode:\"");
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
/// `namespaces` are those that the script may use.
pub(super) fn split(text: &str, namespaces: &[&str]) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let (mut literal, mut rest) = (String::new(), text);
    while let Some(found) = memchr::memmem::find(rest.as_bytes(), b"${") {
        let (before, from) = rest.split_at_checked(found).unwrap_or((rest, ""));
        literal.push_str(before);
        let inside = from.get(2..).unwrap_or_default();
        let count = inside.bytes().take_while(|&byte| name_byte(byte)).count();
        let (name, after) = inside.split_at_checked(count).unwrap_or_default();
        match after.strip_prefix('}').filter(|_| is_name(name)) {
            Some(after) => {
                let piece = reference(name, namespaces)?;
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(core::mem::take(&mut literal)));
                }
                pieces.push(piece);
                rest = after;
            }
            None => {
                literal.push_str("${");
                rest = inside;
            }
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// `identifier = (ALPHA / "_") *(ALPHA / DIGIT / "_")` — RFC 5228 §8.1.
pub(super) fn is_identifier(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// `[namespace] variable-name`, `namespace = identifier "." *sub-namespace` — RFC 5229 §3.
fn is_name(name: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let alone = first.len() == name.len();
    (is_identifier(first) || (alone && number(first)))
        && parts.all(|part| is_identifier(part) || number(part))
}

fn reference(name: &str, namespaces: &[&str]) -> Result<Piece, &'static str> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        // Leading zeroes are allowed and ignored (RFC 5229 §3.2).
        let number = name.parse().ok().filter(|&number| number <= MATCH_MAX);
        return number.map(Piece::Match).ok_or("a match variable of at most 32");
    }
    if name.len() > NAME_CHARS_MAX {
        return Err("variable names of at most 64 characters");
    }
    let name = name.to_ascii_lowercase();
    match name.split_once('.') {
        Some((namespace, _)) if !namespaces.contains(&namespace) => {
            Err("variables of a namespace whose extension is required")
        }
        _ => Ok(Piece::Variable(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let decoded = decode(text);
        let got = decoded.and_then(|text| split(&text, &["global"]));
        let got = match got {
            Ok(pieces) => format!("{pieces:?}").replace("Literal", "L").replace("Variable", "V"),
            Err(expected) => expected.into(),
        };
        assert_eq!(got, want, "{text:?}");
    }

    #[test]
    fn variables() {
        check("&%${}!", r#"[L("&%${}!")]"#);
        check("${doh!}", r#"[L("${doh!}")]"#);
        check("${Full}", r#"[V("full")]"#);
        check("${BAD${Company}", r#"[L("${BAD"), V("company")]"#);
        check(
            "${President, ${Company} Inc.}",
            r#"[L("${President, "), V("company"), L(" Inc.}")]"#,
        );
        check("${0}${007}x", r#"[Match(0), Match(7), L("x")]"#);
        check("${33}", "a match variable of at most 32");
        check("${global.x}${1.x}", r#"[V("global.x"), L("${1.x}")]"#);
        check("${vendor.x}", "variables of a namespace whose extension is required");
        check("", "[]");
        check("${", r#"[L("${")]"#);
    }

    #[test]
    fn encoded_characters() {
        check("$${hex:40}", r#"[L("$@")]"#); // RFC 5228 §2.4.2.4, as the rest
        check("${hex: 40 }", r#"[L("@")]"#);
        check("${HEX: 40}", r#"[L("@")]"#);
        check("${hex:40", r#"[L("${hex:40")]"#);
        check("${hex:400}", r#"[L("${hex:400}")]"#);
        check("${hex:4${hex:30}}", r#"[L("${hex:40}")]"#);
        check("${unicode:40}", r#"[L("@")]"#);
        check("${ unicode:40}", r#"[L("${ unicode:40}")]"#);
        check("${UNICODE:40}", r#"[L("@")]"#);
        check("${UnICoDE:0000040}", r#"[L("@")]"#);
        check("${Unicode:Cool}", r#"[L("${Unicode:Cool}")]"#);
        check("${unicode:200000}", "a Unicode character behind \"${unicode:\"");
        check("${Unicode:DF01}", "a Unicode character behind \"${unicode:\"");
        check("${hex:c3}${hex:a9}", "[L(\"\u{e9}\")]");
        check("${hex:ff}", "octets behind \"${hex:\" that are UTF-8");
        check("dear${hex:20 24 7b 4e}ame}", r#"[L("dear "), V("name")]"#); // RFC 5229 §3.1
    }
}
