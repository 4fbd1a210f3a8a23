//! ENVELOPE (RFC 9051 §7.5.2) written from a header, valid for IMAP4rev1 and IMAP4rev2 alike.
//!
//! Encoded words stay as they are, what is missing is NIL and never invented (pitfall 105). Text
//! with 8-bit bytes goes into a literal, which both revisions can read. A Subject, Message-ID or
//! In-Reply-To that is quoted, and shorter than [`FIELD_BYTES_MAX`], is all there is of that field:
//! whoever searches need not look at the header.

use alloc::vec::Vec;

use memchr::memchr;

use super::address::{Address, Addresses, Mailbox};
use super::header::{Header, Repeated, unfold};

/// Bytes of one text field as sent; the rest of it is not told.
pub const FIELD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one address list, as sent and as told; addresses behind that are not told.
pub const LIST_BYTES_MAX: usize = 1024 * 1024;

/// The envelope of a message of which nothing is known.
pub const EMPTY: &[u8] = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

/// Appends `"(" env-date SP env-subject SP env-from … ")"`.
pub fn write(header: &Header<'_>, out: &mut Vec<u8>) {
    out.push(b'(');
    field(header.date, out);
    out.push(b' ');
    field_once(header.subject, header.not_once.subject, out);
    out.push(b' ');
    let from = out.len();
    if !addresses(header, Repeated::From, out) {
        out.extend_from_slice(b"NIL");
    }
    let from = from..out.len();
    for which in [Repeated::Sender, Repeated::ReplyTo] {
        out.push(b' ');
        if !addresses(header, which, out) {
            out.extend_from_within(from.clone()); // RFC 9051 §7.5.2: they default to From
        }
    }
    for which in [Repeated::To, Repeated::Cc, Repeated::Bcc] {
        out.push(b' ');
        if !addresses(header, which, out) {
            out.extend_from_slice(b"NIL");
        }
    }
    out.push(b' ');
    field_once(header.in_reply_to, header.not_once.in_reply_to, out);
    out.push(b' ');
    field_once(header.message_id, header.not_once.message_id, out);
    out.push(b')');
}

/// `nstring` of a field's value; an empty field is there and therefore "".
fn field(value: Option<&[u8]>, out: &mut Vec<u8>) {
    nstring(value.map(|value| unfold(near(value, FIELD_BYTES_MAX))).as_deref(), out);
}

/// As `field`, in a literal if the field stands again or its text is not told byte by byte.
fn field_once(value: Option<&[u8]>, stands_again: bool, out: &mut Vec<u8>) {
    let Some(value) = value else { return nstring(None, out) };
    let text = unfold(near(value, FIELD_BYTES_MAX));
    if stands_again || value.len() > FIELD_BYTES_MAX || memchr(0, &text).is_some() {
        literal(&text, out);
    } else {
        string(&text, out);
    }
}

/// As much of a field as is looked at: what is cut is cut before it is copied.
fn near(value: &[u8], bytes_max: usize) -> &[u8] {
    value.get(..bytes_max).unwrap_or(value)
}

/// `"(" 1*address ")"` of every field of that name; writes nothing and is false if there is none.
fn addresses(header: &Header<'_>, which: Repeated, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    out.push(b'(');
    let mut in_group = false;
    for value in header.all(which) {
        for item in Addresses::new(&unfold(near(value, LIST_BYTES_MAX))) {
            let full = out.len().saturating_sub(before) > LIST_BYTES_MAX;
            let told = match item {
                Address::GroupEnd => core::mem::take(&mut in_group),
                _ => !full,
            };
            if told {
                in_group |= matches!(item, Address::Group(_));
                address(&item, out);
            }
        }
    }
    if out.len() == before.saturating_add(1) {
        out.truncate(before);
        return false;
    }
    out.push(b')');
    true
}

/// One string of an address, bounded as a field is.
fn part(value: &[u8], out: &mut Vec<u8>) {
    string(value.get(..FIELD_BYTES_MAX).unwrap_or(value), out);
}

/// `address` — RFC 9051 §9. A host of NIL means a group, so an address without `@` has "".
fn address(address: &Address<'_>, out: &mut Vec<u8>) {
    let Mailbox { name, route, local, domain } = match address {
        Address::Group(name) => {
            out.extend_from_slice(b"(NIL NIL ");
            part(name, out);
            out.extend_from_slice(b" NIL)");
            return;
        }
        Address::GroupEnd => return out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        Address::Mailbox(mailbox) => mailbox,
    };
    out.push(b'(');
    for value in [name.as_deref(), route.as_deref()] {
        match value {
            Some(value) => part(value, out),
            None => out.extend_from_slice(b"NIL"),
        }
        out.push(b' ');
    }
    part(local, out);
    out.push(b' ');
    part(domain.as_deref().unwrap_or_default(), out);
    out.push(b')');
}

/// `nstring` — RFC 9051 §9.
pub fn nstring(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        Some(value) => string(value, out),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `string` — RFC 9051 §9: quoted where that can hold the text, a literal otherwise. A NUL fits
/// in neither and is written as `?`.
pub fn string(value: &[u8], out: &mut Vec<u8>) {
    let (mut plain, mut quotable) = (true, true);
    for &byte in value {
        plain &= !matches!(byte, b'"' | b'\\' | 0);
        quotable &= byte < 0x80 && !matches!(byte, b'\r' | b'\n');
    }
    if plain && quotable {
        out.push(b'"');
        out.extend_from_slice(value);
        out.push(b'"');
        return;
    }
    if !quotable {
        literal(value, out);
        return;
    }
    out.push(b'"');
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(if byte == 0 { b'?' } else { byte });
    }
    out.push(b'"');
}

fn literal(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    decimal(value.len(), out);
    out.extend_from_slice(b"}\r\n");
    if memchr(0, value).is_none() {
        out.extend_from_slice(value);
    } else {
        out.extend(value.iter().map(|byte| if *byte == 0 { b'?' } else { *byte }));
    }
}

/// A number in decimal.
pub fn decimal(value: usize, out: &mut Vec<u8>) {
    let before = out.len();
    let mut value = value;
    loop {
        let digit = u8::try_from(value.rem_euclid(10)).unwrap_or(0);
        out.push(b'0'.saturating_add(digit));
        value = value.div_euclid(10);
        if value == 0 {
            break;
        }
    }
    out.get_mut(before..).unwrap_or_default().reverse();
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[track_caller]
    fn check(header: &str, want: &str) {
        let mut out = Vec::new();
        write(&Header::of(header.as_bytes()).0, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), want, "{header}");
    }

    #[test] // pitfall 105
    fn envelopes() {
        check("", core::str::from_utf8(EMPTY).unwrap());
        check(
            "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: Terry <gray@cac.washington.edu>\r\n\
             Subject: =?x?q?a?= \"b\\\r\nTo: imap@cac.washington.edu\r\ncc: a@b, Joe\r\n <c@d>\r\n\
             Message-Id: <B27397@cac>\r\n\r\n",
            "(\"Wed, 17 Jul 1996 02:23:25 -0700\" \"=?x?q?a?= \\\"b\\\\\" \
             ((\"Terry\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry\" NIL \"gray\" \"cac.washington.edu\")) \
             ((NIL NIL \"imap\" \"cac.washington.edu\")) \
             ((NIL NIL \"a\" \"b\")(\"Joe\" NIL \"c\" \"d\")) NIL NIL \"<B27397@cac>\")",
        );
        check(
            "From: a@b\nSender: c@d\nReply-To: \nTo: g: x, y@z;\nTo: <@r:s@t>\nSubject:\n",
            "(NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) ((NIL NIL \"a\" \"b\")) \
             ((NIL NIL \"g\" NIL)(NIL NIL \"x\" \"\")(NIL NIL \"y\" \"z\")(NIL NIL NIL NIL)\
             (NIL \"@r\" \"s\" \"t\")) NIL NIL NIL NIL)",
        );
        check("Subject: gr\u{fc}n\r\n", "(NIL {5}\r\ngr\u{fc}n NIL NIL NIL NIL NIL NIL NIL NIL)");
        check("Subject: a\0b\r\n", "(NIL {3}\r\na?b NIL NIL NIL NIL NIL NIL NIL NIL)");
        check("Date: a\0b\r\n", "(\"a?b\" NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
        check(
            "Subject: a\r\nsubject: b\r\nIn-Reply-To: c\r\nMessage-ID: <d>\r\nMessage-ID: e\r\n",
            "(NIL {1}\r\na NIL NIL NIL NIL NIL NIL \"c\" {3}\r\n<d>)",
        );
        check(
            "Subject: a\r\nIn-Reply-To: c\r\nIn-Reply-To: c\r\n\r\nSubject: b\r\n",
            "(NIL \"a\" NIL NIL NIL NIL NIL NIL {1}\r\nc NIL)",
        );
        check("Subject: \0\u{fc}\r\n", "(NIL {3}\r\n?\u{fc} NIL NIL NIL NIL NIL NIL NIL NIL)");
    }

    #[test] // pitfall 106
    fn long_lists_are_bounded_and_whole() {
        for many in ["a,".repeat(150_000), "g: ".to_string() + &"a,".repeat(150_000)] {
            let mut out = Vec::new();
            write(&Header::of(alloc::format!("To: {many}\r\n").as_bytes()).0, &mut out);
            assert!(out.len() < LIST_BYTES_MAX + 1_000, "{}", out.len());
            let groups = memchr::memmem::find_iter(&out, b"(NIL NIL \"g\" NIL)").count();
            assert_eq!(memchr::memmem::find_iter(&out, b"(NIL NIL NIL NIL)").count(), groups);
        }
        let mut out = Vec::new();
        let long = alloc::format!("Subject: {}\r\n", "x".repeat(FIELD_BYTES_MAX * 3));
        write(&Header::of(long.as_bytes()).0, &mut out);
        assert!(out.len() < FIELD_BYTES_MAX + 100);
    }

    #[test]
    fn numbers() {
        for value in [0, 7, 10, 4_294_967_295] {
            let mut out = Vec::new();
            decimal(value, &mut out);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }
}
