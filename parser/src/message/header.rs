//! Header fields (RFC 5322 §2.2): walking them, finding one, unfolding one.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use memchr::memchr2;

use crate::steps::{find as find_byte, took};

/// Delivered-To and repeated address fields that are kept of one header.
const REPEATED_FIELDS_MAX: usize = 1_000;

/// One field with its folded lines. A line that is no field (no colon) has an empty name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Before the colon, without spaces behind it (RFC 5322 §4.5), in the sender's case.
    pub name: &'a [u8],
    /// Behind the colon, still folded, without its last line ending.
    pub value: &'a [u8],
    /// Every byte of it, line endings included.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// True if this is the field `name`, in any case (RFC 5322 §1.2.2).
    pub fn is(&self, name: &[u8]) -> bool {
        !name.is_empty() && self.name.eq_ignore_ascii_case(name)
    }
}

/// The fields of a header block up to its blank line, in order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    whole: &'a [u8],
    at: usize,
    ended: bool,
}

impl<'a> Fields<'a> {
    /// Over a header block, or a whole message: the walk stops at the blank line.
    pub const fn new(header: &'a [u8]) -> Self {
        Self { whole: header, at: 0, ended: false }
    }

    /// Bytes walked so far; when the walk is over, the header block with its blank line.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The end of the line that begins at `from`, its LF included.
    fn line_end(&self, from: usize) -> usize {
        let rest = self.whole.get(from..).unwrap_or_default();
        find_byte(b'\n', rest)
            .map_or(self.whole.len(), |at| from.saturating_add(at).saturating_add(1))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.ended || self.at >= self.whole.len() {
            return None;
        }
        let first_end = self.line_end(self.at);
        let first = self.whole.get(self.at..first_end)?;
        if matches!(first, b"\n" | b"\r\n") {
            self.at = first_end;
            self.ended = true;
            return None;
        }
        let mut end = first_end;
        while matches!(self.whole.get(end), Some(b' ' | b'\t')) {
            end = self.line_end(end);
        }
        let raw = self.whole.get(self.at..end)?;
        self.at = end;
        let Some(colon) = find_byte(b':', first) else {
            return Some(Field { name: b"", value: b"", raw });
        };
        let (name, rest) = raw.split_at_checked(colon)?;
        let value = rest.get(1..).unwrap_or_default();
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        Some(Field { name: name.trim_ascii_end(), value, raw })
    }
}

/// The bytes of the header block that `message` begins with, its blank line included.
pub fn header_len(message: &[u8]) -> usize {
    let mut fields = Fields::new(message);
    while fields.next().is_some() {}
    fields.offset()
}

/// The first field `name` in the header block that `message` begins with, still folded.
///
/// Of other fields only the start of each line is looked at.
pub fn find<'a>(message: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if !name.first().is_some_and(u8::is_ascii_graphic) {
        return None; // a line that begins with a space belongs to the one before
    }
    let mut rest = message;
    loop {
        if matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
            return None;
        }
        let begins = rest.split_at_checked(name.len()).is_some_and(|(begin, behind)| {
            begin.eq_ignore_ascii_case(name)
                && matches!(behind.first(), Some(b':' | b' ' | b'\t' | b'\r' | 0x0c))
        });
        if begins && let Some(field) = Fields::new(rest).next().filter(|field| field.is(name)) {
            return Some(field.value);
        }
        let end = find_byte(b'\n', rest)?;
        rest = rest.get(end..)?.get(1..)?;
    }
}

/// A value on one line (RFC 5322 §2.2.3): line endings go, what they folded stays; spaces around
/// it go too. A CR that ends no line becomes a space, for it may not stand in a quoted string.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    took(value.len());
    let value = value.trim_ascii();
    if memchr2(b'\n', b'\r', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut line = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr2(b'\n', b'\r', rest) {
        let (before, after) = rest.split_at_checked(at).unwrap_or_default();
        line.extend_from_slice(before);
        rest = match after {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            [_, rest @ ..] => {
                line.push(b' ');
                rest
            }
            [] => &[],
        };
    }
    line.extend_from_slice(rest);
    Cow::Owned(line)
}

/// The `<…>` identifiers in a Message-ID, In-Reply-To or References value (RFC 5322 §3.6.4), with
/// their brackets, in order. What stands between them is skipped.
pub fn message_ids(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    core::iter::from_fn(move || {
        loop {
            let start = find_byte(b'<', rest)?;
            let from = rest.get(start..)?;
            let end = find_byte(b'>', from)?.saturating_add(1);
            let (id, after) = from.split_at_checked(end)?;
            rest = after;
            if id.len() > 2 {
                return Some(id);
            }
        }
    })
}

/// A field that may stand several times, most often once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// From
    From,
    /// Sender
    Sender,
    /// Reply-To
    ReplyTo,
    /// To
    To,
    /// Cc
    Cc,
    /// Bcc
    Bcc,
    /// Delivered-To
    DeliveredTo,
}

/// Fields that stand more than once, against RFC 5322 §3.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotOnce {
    /// Subject
    pub subject: bool,
    /// Message-ID
    pub message_id: bool,
    /// In-Reply-To
    pub in_reply_to: bool,
}

/// What one walk over a header finds: the raw value of each field that the server reads itself.
///
/// Of a field that may stand once only the first counts (RFC 5322 §3.6).
#[derive(Clone, Debug, Default)]
pub struct Header<'a> {
    /// Date
    pub date: Option<&'a [u8]>,
    /// Subject
    pub subject: Option<&'a [u8]>,
    /// Message-ID
    pub message_id: Option<&'a [u8]>,
    /// In-Reply-To
    pub in_reply_to: Option<&'a [u8]>,
    /// References
    pub references: Option<&'a [u8]>,
    /// Content-Type
    pub content_type: Option<&'a [u8]>,
    /// Content-Transfer-Encoding
    pub encoding: Option<&'a [u8]>,
    /// Content-ID
    pub id: Option<&'a [u8]>,
    /// Content-Description
    pub description: Option<&'a [u8]>,
    /// Content-MD5
    pub md5: Option<&'a [u8]>,
    /// Content-Disposition
    pub disposition: Option<&'a [u8]>,
    /// Content-Language
    pub language: Option<&'a [u8]>,
    /// Content-Location
    pub location: Option<&'a [u8]>,
    /// How many Received fields.
    pub received: u32,
    /// Of Subject, Message-ID and In-Reply-To, those that stand more than once.
    pub not_once: NotOnce,
    /// Address fields and Delivered-To, in the order they stand.
    pub repeated: Vec<(Repeated, &'a [u8])>,
}

impl<'a> Header<'a> {
    /// Walks the header block that `message` begins with; gives its length, blank line included.
    pub fn of(message: &'a [u8]) -> (Self, usize) {
        let mut header = Self::default();
        let mut fields = Fields::new(message);
        for field in fields.by_ref() {
            header.note(&field);
        }
        (header, fields.offset())
    }

    /// The value of the first field `name` of a message or a header block, still folded, without
    /// reading the rest of the header; `name` in any case.
    ///
    /// ```
    /// # use parser::message::Header;
    /// let message = b"To: a@example.org\r\nSubject: Hello\r\n\r\nSubject: body\r\n";
    /// assert_eq!(Header::first(message, "subject"), Some(&b" Hello"[..]));
    /// assert_eq!(Header::first(message, "cc"), None);
    /// ```
    pub fn first(message: &'a [u8], name: &str) -> Option<&'a [u8]> {
        find(message, name.as_bytes())
    }

    /// The values of a field that may stand several times.
    pub fn all(&self, which: Repeated) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.repeated.iter().filter(move |(is, _)| *is == which).map(|(_, value)| *value)
    }

    /// Takes notice of one field.
    pub fn note(&mut self, field: &Field<'a>) {
        let Some(first) = field.name.first().map(u8::to_ascii_lowercase) else { return };
        let (name, slot): (&[u8], _) = match (field.name.len(), first) {
            (2, b't') => return self.again(Repeated::To, b"to", field),
            (2, b'c') => return self.again(Repeated::Cc, b"cc", field),
            (3, b'b') => return self.again(Repeated::Bcc, b"bcc", field),
            (4, b'f') => return self.again(Repeated::From, b"from", field),
            (6, b's') => return self.again(Repeated::Sender, b"sender", field),
            (8, b'r') if field.is(b"received") => {
                self.received = self.received.saturating_add(1);
                return;
            }
            (8, b'r') => return self.again(Repeated::ReplyTo, b"reply-to", field),
            (12, b'd') => return self.again(Repeated::DeliveredTo, b"delivered-to", field),
            (4, b'd') => (b"date", &mut self.date),
            (7, b's') => (b"subject", &mut self.subject),
            (10, b'm') => (b"message-id", &mut self.message_id),
            (10, b'r') => (b"references", &mut self.references),
            (11, b'i') => (b"in-reply-to", &mut self.in_reply_to),
            (12, b'c') => (b"content-type", &mut self.content_type),
            (25, b'c') => (b"content-transfer-encoding", &mut self.encoding),
            (10, b'c') => (b"content-id", &mut self.id),
            (11, b'c') => (b"content-md5", &mut self.md5),
            (19, b'c') if field.is(b"content-description") => {
                (b"content-description", &mut self.description)
            }
            (19, b'c') => (b"content-disposition", &mut self.disposition),
            (16, b'c') if field.is(b"content-language") => {
                (b"content-language", &mut self.language)
            }
            (16, b'c') => (b"content-location", &mut self.location),
            _ => return,
        };
        if !field.is(name) {
            return;
        }
        if slot.is_none() {
            *slot = Some(field.value);
            return;
        }
        match name {
            b"subject" => self.not_once.subject = true,
            b"message-id" => self.not_once.message_id = true,
            b"in-reply-to" => self.not_once.in_reply_to = true,
            _ => {}
        }
    }

    fn again(&mut self, which: Repeated, name: &[u8], field: &Field<'a>) {
        if field.is(name) && self.repeated.len() < REPEATED_FIELDS_MAX {
            self.repeated.push((which, field.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::{format, vec};

    #[track_caller]
    fn check(input: &str, want: &[(&str, &str)], header: usize) {
        let mut fields = Fields::new(input.as_bytes());
        let found: Vec<_> = fields
            .by_ref()
            .map(|field| {
                let value = String::from_utf8_lossy(&unfold(field.value)).into_owned();
                (String::from_utf8_lossy(field.name).into_owned(), value)
            })
            .collect();
        let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(found, want);
        assert_eq!((fields.offset(), header_len(input.as_bytes())), (header, header));
    }

    #[test]
    fn fields() {
        check("A: b\r\n\r\nbody: x\r\n", &[("A", "b")], 8);
        check("A: b\nC:d\n\nbody", &[("A", "b"), ("C", "d")], 10);
        check("A: b\r\n c\r\n\td\r\n\r\n", &[("A", "b c\td")], 16);
        check("A : b", &[("A", "b")], 5);
        check("A \t\r: b", &[("A", "b")], 7);
        check(" A: b\nC: d", &[(" A", "b"), ("C", "d")], 10);
        check("A: b\rC: d\n\r\n", &[("A", "b C: d")], 12); // a bare CR ends nothing
        check("A: b\r\nC: d\n e\n\nf", &[("A", "b"), ("C", "d e")], 15);
        check("\0: b\0\n\n", &[("\0", "b\0")], 7);
        check("A: \u{fc}\nC", &[("A", "\u{fc}"), ("", "")], 7);
        check("A:", &[("A", "")], 2);
        check("A: b\r\n \r\n\r\n", &[("A", "b")], 11); // a fold of spaces only is no blank line
        check("From x@y Mon\r\nA: b\r\n", &[("", ""), ("A", "b")], 20);
        check("\r\nA: b", &[], 2);
        check("", &[], 0);
        check("junk\r\nA: b\r\n\r\n", &[("", ""), ("A", "b")], 14);
    }

    #[test]
    fn unfolding() {
        assert_eq!(&*unfold(b" a\rb\r\n c\n d \r\n"), b"a b c d");
        assert_eq!(&*unfold(b"\r\n x"), b"x");
        assert_eq!(&*unfold(b""), b"");
    }

    #[test]
    fn identifiers() {
        let ids: Vec<_> = message_ids(b"x <a@b> (c) <> <d@e>\r\n <f").collect();
        assert_eq!(ids, [b"<a@b>", b"<d@e>"]);
    }

    #[test] // a line without end, and a header without one
    fn long_lines() {
        let line = format!("X: {}", "a".repeat(1024 * 1024));
        let text = format!("{line}\r\nSubject: s\r\n");
        let (header, len) = Header::of(text.as_bytes());
        assert_eq!((header.subject, len), (Some(&b" s"[..]), text.len()));
        assert_eq!(Header::first(text.as_bytes(), "SUBJECT"), Some(&b" s"[..]));
        assert_eq!(header_len(line.as_bytes()), line.len());
    }

    #[test]
    fn one_walk() {
        let text =
            b"to: a\r\nTO: b\r\nSubject: one\r\nsubject: two\r\nReceived: x\r\nReceived: y\r\n\
            Content-Disposition: inline\r\nContent-Description: d\r\n\r\nTo: c";
        let (header, len) = Header::of(text);
        assert_eq!(len, text.len() - 5);
        assert_eq!(header.all(Repeated::To).collect::<Vec<_>>(), [b" a", b" b"]);
        assert_eq!(header.subject, Some(&b" one"[..]));
        assert_eq!(header.received, 2);
        assert_eq!(header.disposition, Some(&b" inline"[..]));
        assert_eq!(header.description, Some(&b" d"[..]));
        let many = vec!["To: x\r\n"; 3_000].concat();
        assert_eq!(Header::of(many.as_bytes()).0.repeated.len(), REPEATED_FIELDS_MAX);
        assert_eq!(find(text, b"received"), Some(&b" x"[..]));
        assert_eq!(find(text, b"receive"), None);
        assert_eq!(find(text, b""), None);
        assert_eq!(find(b"A\n: b\nC : d\n e\n\nf: g", b"c"), Some(&b" d\n e"[..]));
        assert_eq!(find(b"A\n: b\nC : d\n e\n\nf: g", b"f"), None);
        assert_eq!(find(b"Ab c: d\nab: e", b"ab"), Some(&b" e"[..]));
        assert_eq!(find(format!("{many}X: y").as_bytes(), b"x"), Some(&b" y"[..]));
    }
}
