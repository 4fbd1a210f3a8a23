//! Where a section of a message lies (RFC 9051 §6.4.5.1), by the map alone.
//!
//! Part numbers count as the RFC says: the parts of a multipart from 1; in a message that is no
//! multipart, 1 is its text; below a message/rfc822 part, the parts of the message in it
//! (pitfall 100). All ranges are bytes of the stored message, still encoded (pitfall 101).

use std::ops::Range;

use parser::imap::{Section, SectionText};
use parser::message::header::Fields;
use parser::message::{Kind, MessageMap, PartRef};

/// What of a part is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The message, or the part's body.
    Whole,
    /// The header block of the message or of the message in the part, its blank line included.
    Header,
    /// What follows that header.
    Text,
    /// The part's own header.
    Mime,
}

impl Piece {
    /// Of a section; HEADER.FIELDS lies where HEADER does, and [`header_fields`] picks from it.
    pub const fn of(section: &Section<'_>) -> Self {
        match section.text {
            SectionText::Whole => Self::Whole,
            SectionText::Text => Self::Text,
            SectionText::Mime => Self::Mime,
            SectionText::Header
            | SectionText::HeaderFields(_)
            | SectionText::HeaderFieldsNot(_) => Self::Header,
        }
    }
}

/// A leaf of the MIME tree as BINARY needs it (RFC 3516 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPart {
    /// Its bytes, encoded.
    pub range: Range<u64>,
    /// How, in lower case; `7bit` if it does not say.
    pub encoding: String,
}

/// Finds a piece of the part that `numbers` lead to; none lead to the message itself. `None` if
/// there is no such part, or it has no such piece.
pub fn locate(map: &MessageMap, numbers: &[u32], piece: Piece) -> Option<Range<u64>> {
    let part = find(map, numbers)?;
    let message = match part.kind() {
        _ if numbers.is_empty() => Some(part),
        Kind::Message => part.children().next(),
        _ => None,
    };
    match piece {
        Piece::Whole if numbers.is_empty() => Some(0..u64::from(map.size())),
        Piece::Whole => Some(range(part.body())),
        Piece::Header => Some(range(message?.header())),
        Piece::Text => Some(range(message?.body())),
        Piece::Mime if numbers.is_empty() => None,
        Piece::Mime => Some(range(part.header())),
    }
}

/// The part that BINARY decodes. No numbers mean the whole message, which is not encoded.
///
/// Of a multipart or a message/rfc822 the body is given as it stands: RFC 2045 §6.4 forbids to
/// encode them. A message that is encoded nevertheless is decoded.
pub fn encoded_part(map: &MessageMap, numbers: &[u32]) -> Option<EncodedPart> {
    let range = locate(map, numbers, Piece::Whole)?;
    let part = find(map, numbers)?;
    let leaf = part.kind() == Kind::Leaf || part.is_encoded_message();
    let encoded = !numbers.is_empty() && leaf;
    let encoding = if encoded { part.encoding() } else { b"binary" };
    Some(EncodedPart { range, encoding: String::from_utf8_lossy(encoding).into_owned() })
}

/// RFC 9051 §6.4.5.1, about part numbers.
fn find<'a>(map: &'a MessageMap, numbers: &[u32]) -> Option<PartRef<'a>> {
    let mut part = map.root();
    let mut root_of_message = true;
    for &number in numbers {
        if !root_of_message && part.kind() == Kind::Message {
            part = part.children().next()?;
            root_of_message = true;
        }
        part = match part.kind() {
            Kind::Multipart => {
                part.children().nth(usize::try_from(number).ok()?.checked_sub(1)?)?
            }
            Kind::Leaf | Kind::Message if root_of_message && number == 1 => part,
            Kind::Leaf | Kind::Message => return None,
        };
        root_of_message = false;
    }
    Some(part)
}

fn range((at, len): (u32, u32)) -> Range<u64> {
    u64::from(at)..u64::from(at) + u64::from(len)
}

/// Which fields of a header are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// HEADER.FIELDS
    Only,
    /// HEADER.FIELDS.NOT
    Except,
}

/// The fields of `header` that are, or are not, among `names`: in the header's order, byte for
/// byte, then a blank line (RFC 9051 §6.4.5.1; pitfall 104). Names in any case.
pub fn header_fields<N: AsRef<[u8]>>(header: &[u8], names: &[N], which: Selection) -> Vec<u8> {
    let mut picked = Vec::with_capacity(header.len().min(1_024));
    for field in Fields::new(header) {
        let named = names.iter().any(|name| field.is(name.as_ref()));
        if named == (which == Selection::Only) {
            picked.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\n") {
                picked.extend_from_slice(b"\r\n");
            }
        }
    }
    picked.extend_from_slice(b"\r\n");
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Like the example of RFC 9051 §6.4.5.1: 1 text, 2 binary, 3 message/rfc822 with two parts,
    /// 4 multipart/mixed with 4.1 image and 4.2 message/rfc822 with one text.
    const MESSAGE: &str = "From: top\n\
        Content-Type: multipart/mixed; boundary=a\n\n\
        --a\nX: 1\n\none\n\
        --a\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\ndHdv\n\
        --a\nContent-Type: message/rfc822\n\n\
        From: three\nContent-Type: multipart/mixed; boundary=b\n\n\
        --b\nX: 3.1\n\nthree-one\n--b\n\nthree-two\n--b--\n\
        --a\nContent-Type: multipart/mixed; boundary=c\n\n\
        --c\nContent-Type: image/gif\n\ngif\n\
        --c\nContent-Type: message/rfc822\n\nFrom: four\n\nfour-two\n--c--\n--a--\n";

    #[track_caller]
    fn check(message: &str, numbers: &[u32], piece: Piece, want: Option<&str>) {
        let map = MessageMap::parse(message.as_bytes());
        let found = locate(&map, numbers, piece).map(|range| {
            &message[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
        });
        assert_eq!(found, want, "{numbers:?} {piece:?}");
    }

    #[test] // RFC 9051 §6.4.5.1; pitfall 100
    fn parts() {
        let part = |numbers, want| check(MESSAGE, numbers, Piece::Whole, want);
        part(&[], Some(MESSAGE));
        part(&[1], Some("one"));
        part(&[2], Some("dHdv"));
        part(&[3, 1], Some("three-one"));
        part(&[3, 2], Some("three-two"));
        part(&[4, 1], Some("gif"));
        part(&[4, 2], Some("From: four\n\nfour-two"));
        part(&[4, 2, 1], Some("four-two"));
        for absent in [&[5][..], &[1, 1], &[3, 3], &[4, 2, 2], &[4, 2, 1, 1], &[0], &[9]] {
            part(absent, None);
        }
    }

    #[test]
    fn headers_texts_and_mime() {
        check(MESSAGE, &[4, 2], Piece::Header, Some("From: four\n\n"));
        check(MESSAGE, &[4, 2], Piece::Text, Some("four-two"));
        check(MESSAGE, &[4, 2], Piece::Mime, Some("Content-Type: message/rfc822\n\n"));
        check(MESSAGE, &[1], Piece::Mime, Some("X: 1\n\n"));
        check(MESSAGE, &[3, 1], Piece::Mime, Some("X: 3.1\n\n"));
        check(MESSAGE, &[1], Piece::Header, None);
        check(MESSAGE, &[4], Piece::Text, None);
        check(MESSAGE, &[], Piece::Mime, None);
        let (header, text) = MESSAGE.split_once("\n\n").unwrap();
        check(MESSAGE, &[], Piece::Header, Some(&format!("{header}\n\n")));
        check(MESSAGE, &[], Piece::Text, Some(text));
    }

    #[test] // pitfall 100
    fn a_message_of_one_part() {
        let plain = "From: x\r\n\r\ntext\r\n";
        check(plain, &[1], Piece::Whole, Some("text\r\n"));
        check(plain, &[1], Piece::Mime, Some("From: x\r\n\r\n"));
        check(plain, &[1], Piece::Header, None);
        check(plain, &[2], Piece::Whole, None);
        check(plain, &[1, 1], Piece::Whole, None);
        check(plain, &[], Piece::Text, Some("text\r\n"));
        let forwarded = "Content-Type: message/rfc822\n\nFrom: in\n\ninner";
        check(forwarded, &[1], Piece::Whole, Some("From: in\n\ninner"));
        check(forwarded, &[1], Piece::Header, Some("From: in\n\n"));
        check(forwarded, &[1, 1], Piece::Whole, Some("inner"));
        check(forwarded, &[1, 1], Piece::Mime, Some("From: in\n\n"));
        check(forwarded, &[], Piece::Text, Some("From: in\n\ninner"));
    }

    #[test] // pitfall 102
    fn binary() {
        let map = MessageMap::parse(MESSAGE.as_bytes());
        let encoding = |numbers: &[u32]| encoded_part(&map, numbers).map(|part| part.encoding);
        assert_eq!(encoding(&[2]).as_deref(), Some("base64"));
        assert_eq!(encoding(&[1]).as_deref(), Some("7bit"));
        assert_eq!(encoding(&[4]).as_deref(), Some("binary"));
        assert_eq!(encoding(&[]).as_deref(), Some("binary"));
        assert_eq!(encoding(&[7]), None);
        let sealed = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYg==";
        let map = MessageMap::parse(sealed);
        let part = encoded_part(&map, &[1]).unwrap();
        assert_eq!((part.range, part.encoding.as_str()), (64..72, "base64"));
    }

    #[test] // pitfall 104
    fn chosen_fields() {
        let header = b"To: a\r\nX-A: 1\r\nto: b\r\n c\r\nFrom: d\r\n\r\n";
        let pick =
            |names: &[&str], which| String::from_utf8(header_fields(header, names, which)).unwrap();
        assert_eq!(pick(&["TO"], Selection::Only), "To: a\r\nto: b\r\n c\r\n\r\n");
        assert_eq!(pick(&["from", "x-a"], Selection::Only), "X-A: 1\r\nFrom: d\r\n\r\n");
        assert_eq!(pick(&["to", "from"], Selection::Except), "X-A: 1\r\n\r\n");
        assert_eq!(pick(&["absent"], Selection::Only), "\r\n");
        assert_eq!(header_fields(b"To: a", &["to"], Selection::Only), b"To: a\r\n\r\n");
    }
}
