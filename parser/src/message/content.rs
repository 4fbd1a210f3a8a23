//! The values of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183 §2).

use alloc::borrow::Cow;
use alloc::vec::Vec;

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
                self.rest = &[];
                return None;
            };
            let (name, rest) = rest.split_at_checked(end)?;
            let Some(rest) = rest.strip_prefix(b"=") else {
                self.rest = rest; // a word without a value
                continue;
            };
            // `; junk name=value`: the word that touches the `=` is the name.
            let name = name.trim_ascii().rsplit(u8::is_ascii_whitespace).next().unwrap_or(name);
            let (value, rest) = value(rest.trim_ascii_start());
            self.rest = rest;
            return Some((name, value));
        }
    }
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
}
