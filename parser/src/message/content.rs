//! The values of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183 §2), and the forms
//! that RFC 2231 gives their parameters.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use memchr::memchr;

use super::transfer::hex;
use crate::steps::took;

/// `type "/" subtype`, then the parameters. `None` if that is not what `value` begins with: then
/// it is text/plain (RFC 2045 §5.2).
pub fn media_type(value: &[u8]) -> Option<(&[u8], &[u8], Params<'_>)> {
    let (kind, rest) = token(skip(value));
    let rest = skip(rest).strip_prefix(b"/")?;
    let (subtype, rest) = token(skip(rest));
    let right = !kind.is_empty() && !subtype.is_empty();
    right.then_some((kind, subtype, Params { rest }))
}

/// `disposition-type`, then the parameters. `None` if it is empty.
pub fn disposition(value: &[u8]) -> Option<(&[u8], Params<'_>)> {
    let (kind, rest) = token(skip(value));
    (!kind.is_empty()).then_some((kind, Params { rest }))
}

/// The first token of a value such as Content-Transfer-Encoding; may be empty.
pub fn first_token(value: &[u8]) -> &[u8] {
    token(skip(value)).0
}

/// Iterator over `(attribute, value)`, names and values as sent, quoting undone.
///
/// The parts of RFC 2231 (`name*0*`) are handed out as they are.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = skip(self.rest);
            took(1);
            let Some((&first, tail)) = rest.split_first() else {
                self.rest = &[];
                return None;
            };
            if matches!(first, b';' | b',' | b'=') {
                self.rest = tail;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'=' | b';'));
            let Some(end) = end else {
                took(rest.len());
                self.rest = &[];
                return None;
            };
            took(end);
            let (name, rest) = rest.split_at_checked(end)?;
            let Some(rest) = rest.strip_prefix(b"=") else {
                self.rest = rest; // a word without a value
                continue;
            };
            // `; junk name=value`: the word that touches the `=` is the name.
            let name = name.trim_ascii().rsplit(u8::is_ascii_whitespace).next().unwrap_or(name);
            let before = rest.len();
            let (value, rest) = value(rest.trim_ascii_start());
            took(before.saturating_sub(rest.len()));
            self.rest = rest;
            return Some((name, value));
        }
    }
}

/// The tags of a Content-Language (RFC 3282 §2), without the comments and spaces between them.
pub fn tags(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    core::iter::from_fn(move || {
        loop {
            rest = skip(rest);
            let end = rest.iter().position(|byte| matches!(byte, b',' | b'(' | b' ' | b'\t'));
            took(end.unwrap_or(rest.len()));
            let (tag, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
            rest = behind.strip_prefix(b",").unwrap_or(behind);
            if !tag.is_empty() {
                return Some(tag);
            }
            if rest.is_empty() {
                return None;
            }
        }
    })
}

/// A parameter put together from the forms of RFC 2231: its pieces joined (§3), its octets decoded
/// (§4). What its charset makes of them is for others to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The charset of its octets; empty where none was named.
    pub charset: Vec<u8>,
    /// Its language; empty where none was named.
    pub language: Vec<u8>,
    /// The octets.
    pub value: Vec<u8>,
}

/// The parameter `name` in any of its forms, in any case; `None` if it is in none.
///
/// Where it stands in two, `name*` counts: those who send both mean `name` for old readers. Pieces
/// go by their numbers; of two with one number the first counts, a missing one is left out.
pub fn joined<'a, V: AsRef<[u8]>>(
    params: impl Iterator<Item = (&'a [u8], V)>,
    name: &str,
) -> Option<Joined> {
    let mut plain = None;
    let mut pieces: Vec<(u32, bool, V)> = Vec::new();
    for (is, value) in params.take(super::map::PARAMS_PER_FIELD_MAX) {
        match form(is, name) {
            Some(Form::Plain) => plain = plain.or(Some(value)),
            Some(Form::Piece { number, extended }) => pieces.push((number, extended, value)),
            None => {}
        }
    }
    if pieces.is_empty() {
        return plain.map(|value| Joined { value: value.as_ref().to_vec(), ..Joined::default() });
    }
    pieces.sort_by_key(|(number, ..)| *number); // stable: the first of equals stays in front
    pieces.dedup_by_key(|(number, ..)| *number);
    let mut whole = Joined::default();
    for (nth, (_, extended, value)) in pieces.iter().enumerate() {
        let mut value = value.as_ref();
        if nth == 0 && *extended {
            let mut parts = value.splitn(3, |byte| *byte == b'\'');
            if let (Some(charset), Some(language), Some(text)) =
                (parts.next(), parts.next(), parts.next())
            {
                (whole.charset, whole.language) = (charset.to_vec(), language.to_vec());
                value = text;
            }
        }
        if *extended {
            percent_decode(value, &mut whole.value);
        } else {
            whole.value.extend_from_slice(value);
        }
    }
    Some(whole)
}

enum Form {
    /// `name`
    Plain,
    /// `name*`, `name*0`, `name*0*`
    Piece { number: u32, extended: bool },
}

/// In what form an attribute is the parameter `name`.
fn form(attribute: &[u8], name: &str) -> Option<Form> {
    let (base, rest) = attribute.split_at_checked(name.len())?;
    if !base.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    let Some(rest) = rest.strip_prefix(b"*") else {
        return rest.is_empty().then_some(Form::Plain);
    };
    if rest.is_empty() {
        return Some(Form::Piece { number: 0, extended: true });
    }
    let (digits, extended) = match rest.strip_suffix(b"*") {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let number = digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        Some(number.saturating_mul(10).saturating_add(u32::from(digit)))
    })?;
    Some(Form::Piece { number, extended })
}

/// `ext-octet` — RFC 2231 §7. What is none stays as it is.
fn percent_decode(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some(at) = memchr(b'%', rest) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or_default();
        out.extend_from_slice(plain);
        rest = match tail {
            [_, high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                tail
            }
            [percent, tail @ ..] => {
                out.push(*percent);
                tail
            }
            [] => tail,
        };
    }
    out.extend_from_slice(rest);
}

/// `token / quoted-string`, and what follows. Without quotes everything up to `;` counts, spaces
/// inside too, for many a mailer forgets the quotes of a file name.
fn value(input: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let Some(inside) = input.strip_prefix(b"\"") else {
        let end = input.iter().position(|byte| *byte == b';').unwrap_or(input.len());
        let (value, rest) = input.split_at_checked(end).unwrap_or_default();
        // A comment ends it.
        let comment = value.windows(2).position(|pair| matches!(pair, [b' ' | b'\t', b'(']));
        let value = comment.and_then(|at| value.get(..at)).unwrap_or(value);
        return (Cow::Borrowed(value.trim_ascii()), rest);
    };
    let special = inside.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    let Some(at) = special else { return (Cow::Borrowed(inside), &[]) };
    let (plain, rest) = inside.split_at_checked(at).unwrap_or_default();
    if let Some(rest) = rest.strip_prefix(b"\"") {
        return (Cow::Borrowed(plain), rest);
    }
    let mut value = Vec::from(plain);
    let mut rest = rest;
    loop {
        match rest {
            [b'\\', byte, tail @ ..] => {
                // Windows paths are sent unescaped: a backslash before a letter stays.
                if byte.is_ascii_alphanumeric() {
                    value.push(b'\\');
                }
                value.push(*byte);
                rest = tail;
            }
            [b'"', tail @ ..] => return (Cow::Owned(value), tail),
            [byte, tail @ ..] => {
                value.push(*byte);
                rest = tail;
            }
            [] => return (Cow::Owned(value), &[]),
        }
    }
}

/// `token` — RFC 2045 §5.1; 8-bit bytes are taken too.
fn token(input: &[u8]) -> (&[u8], &[u8]) {
    let special = |byte: &u8| byte.is_ascii_control() || b" ()<>@,;:\\\"/[]?=".contains(byte);
    let end = input.iter().position(special).unwrap_or(input.len());
    took(end);
    input.split_at_checked(end).unwrap_or_default()
}

/// What follows spaces and comments (RFC 5322 §3.2.2 CFWS).
fn skip(input: &[u8]) -> &[u8] {
    let mut rest = input.trim_ascii_start();
    let mut depth = 0_u32;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'(' => depth = depth.saturating_add(1),
            b')' if depth > 0 => depth = depth.saturating_sub(1),
            b'\\' if depth > 0 => {
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            _ if depth > 0 || byte.is_ascii_whitespace() => {}
            _ => break,
        }
        rest = tail;
    }
    took(input.len().saturating_sub(rest.len()));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[track_caller]
    fn check(value: &str, want: &str) {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = media_type(value.as_bytes()).map_or(String::from("none"), |found| {
            let (kind, subtype, params) = found;
            let params = params.map(|(name, value)| format!(";{}={}", show(name), show(&value)));
            format!("{}/{}{}", show(kind), show(subtype), params.collect::<String>())
        });
        assert_eq!(found, want, "{value}");
    }

    #[test]
    fn media_types() {
        check("text/plain", "text/plain");
        check("text/plain; charset=us-ascii", "text/plain;charset=us-ascii");
        check("Text / HTML (x) ; Charset = \"utf-8\" (y)", "Text/HTML;Charset=utf-8");
        check("text/plain charset=utf-8", "text/plain;charset=utf-8");
        check("text/plain; charset=utf-8 (Plain text)", "text/plain;charset=utf-8");
        check("a/b; x=\"q\\\"\\\\\"; y=z", "a/b;x=q\"\\;y=z");
        check("a/b; name=\"C:\\dir\\file\"", "a/b;name=C:\\dir\\file");
        check("a/b; name=my file.txt; x=1", "a/b;name=my file.txt;x=1");
        check("a/b; name=\"open", "a/b;name=open");
        check("a/b;;; x=1; junk; y=2;", "a/b;x=1;y=2");
        check("a/b; x=\"1\" y=\"2\"", "a/b;x=1;y=2");
        check("a/b; f*0*=utf-8''%41; f*1=b", "a/b;f*0*=utf-8''%41;f*1=b");
        check("a/b; x=", "a/b;x=");
        check("text", "none");
        check("/plain", "none");
        check("text/", "none");
        check("", "none");
        check("((((", "none");
    }

    #[test]
    fn dispositions() {
        let (kind, params) = disposition(b" attachment; filename=x.txt").unwrap();
        assert_eq!((kind, params.count()), (&b"attachment"[..], 1));
        assert!(disposition(b" ; filename=x").is_none());
        assert_eq!(first_token(b" (x) Quoted-Printable ; y"), b"Quoted-Printable");
    }

    #[test] // RFC 2231 §3, §4
    fn forms_of_a_parameter() {
        let check = |value: &str, want: &str| {
            let (_, _, params) = media_type(value.as_bytes()).unwrap();
            let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let found = joined(params, "Name").map_or(String::from("none"), |found| {
                let Joined { charset, language, value } = found;
                format!("{}'{}'{}", show(&charset), show(&language), show(&value))
            });
            assert_eq!(found, want, "{value}");
        };
        check("a/b; name=x", "''x");
        check("a/b; NAME*=utf-8'de'%41%4", "utf-8'de'A%4");
        check("a/b; name*=%41", "''A");
        check("a/b; name*2=c; name*0*=x''%41; name*1*=%42", "x''ABc");
        check("a/b; name*0=a; name*1*=x''%42; name*1=no", "''ax''B");
        check("a/b; name=old; name*=utf-8''new", "utf-8''new");
        check("a/b; name*1=b; name*3=d", "''bd");
        check("a/b; name*+1=x; name*x=y; name**=z; name*123456=1; names=n", "none");
        check(&format!("a/b{}", "; name*1=x".repeat(100_000)), "''x");
        // No more of a flood is looked at than of any field.
        let flood: String = (0..50_000).map(|n| format!("; name*{n}=x")).collect();
        check(&format!("a/b{flood}"), &format!("''{}", "x".repeat(100)));
    }

    #[test] // RFC 3282 §2
    fn language_tags() {
        let found = |value: &'static str| tags(value.as_bytes()).collect::<Vec<_>>();
        assert_eq!(found(" de (German), en-GB(x),,fr "), [&b"de"[..], b"en-GB", b"fr"]);
        assert_eq!(found("de en"), [b"de", b"en"]);
        assert!(found("").is_empty() && found(" , (x").is_empty());
    }

    #[test]
    fn hostile_input_is_linear() {
        for piece in
            [";", "(", "\"", "a=", "a=\"", "\\", "; (", ";a=b ", "a=(", "=", " (x)", "; a=\"\\"]
        {
            let long = format!("a/b; {}", piece.repeat(200_000));
            let (_, _, params) = media_type(long.as_bytes()).unwrap();
            assert!(params.count() <= 200_001, "{piece}");
            assert!(tags(long.as_bytes()).count() <= 400_000, "{piece}");
        }
        check("a/b; x=\"q\\", "a/b;x=q\\");
        check("a/b (x\\", "a/b");
    }
}
