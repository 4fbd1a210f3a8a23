//! BODY and BODYSTRUCTURE (RFC 9051 §7.5.2, RFC 3501 §7.4.2), written from a map in one walk.
//!
//! Deviation: RFC 9051 would have a parameter in RFC 2231 form turned into UTF-8. IMAP4rev1
//! clients decode that form themselves and cannot know, so it stays; but its numbered pieces are
//! joined into one `name` or `name*`, which both kinds of client read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use parser::message::envelope::{decimal, nstring, string};
use parser::message::{Kind, MessageMap, PartRef};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// BODY: without extension data.
    Basic,
    /// BODYSTRUCTURE.
    Extended,
}

/// Appends `body` (RFC 9051 §9).
pub fn write(map: &MessageMap, form: Form, out: &mut Vec<u8>) {
    // Parts come parents first: what is open closes when a part comes that is not in it.
    let mut open: Vec<PartRef<'_>> = Vec::new();
    for part in map.parts() {
        let parent = part.parent().map(|parent| parent.index());
        while let Some(top) = open.pop_if(|top| Some(top.index()) != parent) {
            end(top, form, out);
        }
        begin(part, out);
        open.push(part);
    }
    while let Some(top) = open.pop() {
        end(top, form, out);
    }
}

/// What stands before the parts of a part.
fn begin(part: PartRef<'_>, out: &mut Vec<u8>) {
    out.push(b'(');
    match part.kind() {
        Kind::Multipart => {}
        Kind::Leaf => fields(part, out),
        Kind::Message => {
            fields(part, out);
            out.push(b' ');
            out.extend_from_slice(part.envelope());
            out.push(b' ');
        }
    }
}

/// What stands behind them.
fn end(part: PartRef<'_>, form: Form, out: &mut Vec<u8>) {
    let (media, subtype) = part.media_type();
    if part.kind() == Kind::Multipart {
        out.push(b' ');
        string(subtype, out);
        if form == Form::Extended {
            out.push(b' ');
            params(part.params(), out);
            extension(part, out);
        }
    } else {
        if part.kind() == Kind::Message || media == b"text" {
            out.push(b' ');
            number(part.lines(), out);
        }
        if form == Form::Extended {
            out.push(b' ');
            nstring(part.md5(), out);
            extension(part, out);
        }
    }
    out.push(b')');
}

/// `media-… SP body-fields`.
fn fields(part: PartRef<'_>, out: &mut Vec<u8>) {
    let (media, subtype) = part.media_type();
    // A message/rfc822 too deep to be opened is a leaf of text/plain: the map sees to that.
    string(media, out);
    out.push(b' ');
    string(subtype, out);
    out.push(b' ');
    params(part.params(), out);
    out.push(b' ');
    nstring(part.id(), out);
    out.push(b' ');
    nstring(part.description(), out);
    out.push(b' ');
    string(part.encoding(), out);
    out.push(b' ');
    number(part.body().1, out);
}

/// `SP body-fld-dsp SP body-fld-lang SP body-fld-loc`.
fn extension(part: PartRef<'_>, out: &mut Vec<u8>) {
    out.push(b' ');
    match part.disposition() {
        Some(disposition) => {
            out.push(b'(');
            string(disposition, out);
            out.push(b' ');
            params(part.disposition_params(), out);
            out.push(b')');
        }
        None => out.extend_from_slice(b"NIL"),
    }
    out.push(b' ');
    language(part.languages().collect(), out);
    out.push(b' ');
    nstring(part.location(), out);
}

/// `body-fld-lang`: one tag or a list of them.
fn language(tags: Vec<&[u8]>, out: &mut Vec<u8>) {
    match tags.as_slice() {
        [] => out.extend_from_slice(b"NIL"),
        [tag] => string(tag, out),
        tags => {
            for (nth, tag) in tags.iter().enumerate() {
                out.push(if nth == 0 { b'(' } else { b' ' });
                string(tag, out);
            }
            out.push(b')');
        }
    }
}

/// `body-fld-param`.
fn params<'a>(params: impl Iterator<Item = (&'a [u8], &'a [u8])>, out: &mut Vec<u8>) {
    let params: Vec<_> = params.collect();
    if params.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    let mut separator = b'(';
    let mut pair = |name: &[u8], value: &[u8]| {
        out.push(separator);
        separator = b' ';
        string(name, out);
        out.push(b' ');
        string(value, out);
    };
    if params.iter().any(|(name, _)| name.contains(&b'*')) {
        joined(&params).iter().for_each(|(name, value)| pair(name, value));
    } else {
        params.iter().for_each(|(name, value)| pair(name, value));
    }
    out.push(b')');
}

/// A numbered piece of RFC 2231 §3: `name*1` or `name*1*`.
fn piece(name: &[u8]) -> Option<(&[u8], u16, bool)> {
    let (plain, extended) = match name.strip_suffix(b"*") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    let star = plain.iter().rposition(|byte| *byte == b'*')?;
    let (base, number) = (plain.get(..star)?, plain.get(star + 1..)?);
    let digits = number.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(number).ok().filter(|_| digits)?.parse().ok()?;
    Some((base, number, extended))
}

/// Name and value.
type Param<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);
/// By number: whether it is percent-encoded, and its text.
type Pieces<'a> = BTreeMap<u16, (bool, &'a [u8])>;

/// The parameters with numbered pieces joined where the first of them stood.
fn joined<'a>(params: &[(&'a [u8], &'a [u8])]) -> Vec<Param<'a>> {
    let mut pieces: BTreeMap<&[u8], Pieces<'a>> = BTreeMap::new();
    for (name, value) in params {
        if let Some((base, number, extended)) = piece(name) {
            pieces.entry(base).or_default().entry(number).or_insert((extended, *value));
        }
    }
    let mut whole = Vec::with_capacity(params.len());
    for (name, value) in params {
        let Some((base, ..)) = piece(name) else {
            whole.push((Cow::Borrowed(*name), Cow::Borrowed(*value)));
            continue;
        };
        let Some(pieces) = pieces.remove(base) else { continue };
        let extended = pieces.values().any(|(extended, _)| *extended);
        let mut text = Vec::new();
        if extended && !pieces.get(&0).is_some_and(|(extended, _)| *extended) {
            text.extend_from_slice(b"''"); // no charset was named, yet the form has one
        }
        for (piece_extended, value) in pieces.values() {
            if extended && !piece_extended {
                percent_encode(value, &mut text);
            } else {
                text.extend_from_slice(value);
            }
        }
        let name = if extended { [base, b"*"].concat() } else { base.to_vec() };
        whole.push((Cow::Owned(name), Cow::Owned(text)));
    }
    whole
}

/// RFC 2231 §7 ext-octet, for all but attribute-char.
fn percent_encode(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

fn number(value: u32, out: &mut Vec<u8>) {
    decimal(usize::try_from(value).unwrap_or(usize::MAX), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, basic: &str, extended: &str) {
        let map = MessageMap::parse(message.as_bytes());
        let map = MessageMap::decode(&map.encode()).unwrap();
        for (form, want) in [(Form::Basic, basic), (Form::Extended, extended)] {
            let mut out = Vec::new();
            write(&map, form, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), want);
        }
    }

    #[test]
    fn of_one_part() {
        check(
            "\r\nbody\r\n",
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1)",
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1 NIL NIL NIL NIL)",
        );
        check(
            "Content-Type: application/x\r\nContent-Transfer-Encoding: BASE64\r\n\
             Content-Id: <i>\r\nContent-Description: a \"b\"\r\nContent-MD5: m\r\n\
             Content-Disposition: attachment; filename=f\r\nContent-Language: de (x), en\r\n\
             Content-Location: l\r\n\r\nAAAA",
            "(\"application\" \"x\" NIL \"<i>\" \"a \\\"b\\\"\" \"base64\" 4)",
            "(\"application\" \"x\" NIL \"<i>\" \"a \\\"b\\\"\" \"base64\" 4 \"m\" \
             (\"attachment\" (\"filename\" \"f\")) (\"de\" \"en\") \"l\")",
        );
    }

    #[test]
    fn of_many_parts() {
        check(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; x=y\n\n1\n\
             --b\nContent-Type: message/rfc822\n\nSubject: s\n\n2\n--b--\n",
            "((\"text\" \"html\" (\"x\" \"y\") NIL NIL \"7bit\" 1 0)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 13 \
             (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0) 2) \"mixed\")",
            "((\"text\" \"html\" (\"x\" \"y\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 13 \
             (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL) \
             2 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
        );
    }

    #[test] // pitfall 106
    fn of_a_multipart_without_parts() {
        check(
            "Content-Type: multipart/mixed; boundary=b\n\nnothing\n",
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1)",
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1 NIL NIL NIL NIL)",
        );
    }

    #[test] // RFC 2045 §6.4; RFC 9051 §9 media-message
    fn of_an_encoded_message() {
        check(
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n\
             U3ViamVjdDogcw0KDQp4",
            "(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 20 \
             (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"base64\" 20 0) 0)",
            "(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 20 \
             (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"base64\" 20 0 NIL NIL NIL NIL) \
             0 NIL NIL NIL NIL)",
        );
    }

    #[test] // RFC 2231 §3, §4.1
    fn of_pieces_of_parameters() {
        let pairs = |value: &str| {
            let map = MessageMap::parse(format!("Content-Type: a/b; {value}\n\n").as_bytes());
            let mut out = Vec::new();
            params(map.root().params(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(pairs("n*1=b; x=y; n*0=\"a \""), "(\"n\" \"a b\" \"x\" \"y\")");
        assert_eq!(
            pairs("n*0*=utf-8'de'%41; n*1=\"b c\"; n*2*=%42"),
            "(\"n*\" \"utf-8'de'%41b%20c%42\")"
        );
        assert_eq!(pairs("n*=utf-8''%41; n=A"), "(\"n*\" \"utf-8''%41\" \"n\" \"A\")");
        assert_eq!(pairs("n*+1=a; n*x=b"), "(\"n*+1\" \"a\" \"n*x\" \"b\")");
        assert_eq!(pairs("n*0=a; n*1*=%42"), "(\"n*\" \"''a%42\")");
        assert_eq!(pairs("*=1; *0=2; a*b=3"), "(\"*\" \"1\" \"\" \"2\" \"a*b\" \"3\")");
    }
}
