//! Messages: what holds for any bytes.

use alloc::format;
use alloc::vec::Vec;

use crate::message::encoded_word::{Piece, pieces};
use crate::message::header::{Fields, find, header_len, unfold};
use crate::message::map::{DEPTH_MAX, PARTS_MAX};
use crate::message::transfer::{Base64, QuotedPrintable};
use crate::message::{
    Address, Addresses, DateTime, Header, Kind, MessageMap, content, envelope, header,
};

/// Every map keeps its promises, and says the same when it was stored in between.
pub fn message_map(input: &[u8]) {
    // Stored bytes may be damaged.
    if let Some(map) = MessageMap::decode(input) {
        sound(&map);
    }
    let map = MessageMap::parse(input);
    assert_eq!(map.size() as usize, input.len());
    sound(&map);
    let stored = MessageMap::decode(&map.encode()).expect("what was encoded can be decoded");
    for (part, again) in map.parts().zip(stored.parts()) {
        assert_eq!(part.media_type(), again.media_type());
        assert!(part.params().eq(again.params()));
        assert!(part.disposition_params().eq(again.disposition_params()));
        assert_eq!(part.envelope(), again.envelope());
        let end = part.header().0 + part.header().1;
        assert_eq!(end, part.body().0);
        for child in part.children() {
            assert!(child.header().0 >= part.body().0);
            assert!(child.body().0 + child.body().1 <= part.body().0 + part.body().1);
        }
        let body = &input[part.body().0 as usize..][..part.body().1 as usize];
        assert_eq!(part.lines() as usize, body.iter().filter(|byte| **byte == b'\n').count());
    }
}

fn sound(map: &MessageMap) {
    assert!((1..=PARTS_MAX).contains(&map.parts().len()));
    let encoded = map.encode();
    let again = MessageMap::decode(&encoded).expect("what was encoded can be decoded");
    assert_eq!(again.encode(), encoded);
    for part in map.parts() {
        let children = part.children().count();
        match part.kind() {
            Kind::Leaf => assert_eq!(children, 0),
            Kind::Multipart => assert!(children > 0),
            Kind::Message => assert_eq!(children, 1),
        }
        assert!(
            part.children().all(|child| child.parent().map(|p| p.index()) == Some(part.index()))
        );
        let mut depth = 0;
        let mut up = part;
        while let Some(parent) = up.parent() {
            assert!(parent.index() < up.index());
            (depth, up) = (depth + 1, parent);
        }
        assert!(depth < DEPTH_MAX);
        assert!(part.body().0 + part.body().1 <= map.size());
    }
}

/// The fields are the header, byte for byte; its envelope can be read by an IMAP client.
pub fn message_header(input: &[u8]) {
    let mut fields = Fields::new(input);
    let all: Vec<_> = fields.by_ref().collect();
    let len = fields.offset();
    assert_eq!(len, header_len(input));
    let raw: Vec<u8> = all.iter().flat_map(|field| field.raw).copied().collect();
    assert!(input.starts_with(&raw));
    assert!(matches!(&input[raw.len()..len], b"" | b"\n" | b"\r\n"));
    for field in &all {
        assert!(!unfold(field.value).iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        let first = all.iter().find(|other| other.is(field.name)).map(|other| other.value);
        assert_eq!(find(input, field.name), first);
        let value = unfold(field.value);
        content::media_type(&value).map(|(_, _, params)| params.count());
        content::disposition(&value).map(|(_, params)| params.count());
        assert!(header::message_ids(field.value).all(|id| id.starts_with(b"<")));
    }
    let (header, again) = Header::of(input);
    assert_eq!(again, len);
    let mut rendered = Vec::new();
    envelope::write(&header, &mut rendered);
    assert_eq!(read_value(&rendered, 0), Some(rendered.len()), "{}", rendered.escape_ascii());
}

/// The end of one IMAP value: NIL, a string, or a list of values (RFC 9051 §9).
fn read_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'N' => (text.get(at..at + 3)? == b"NIL").then_some(at + 3),
        b'"' => {
            let mut at = at + 1;
            loop {
                match text.get(at)? {
                    b'"' => return Some(at + 1),
                    b'\\' => {
                        assert!(matches!(text.get(at + 1)?, b'"' | b'\\'));
                        at += 2;
                    }
                    byte => {
                        assert!(!matches!(byte, 0 | b'\r' | b'\n' | 0x80..));
                        at += 1;
                    }
                }
            }
        }
        b'{' => {
            let close = at + text[at..].iter().position(|byte| *byte == b'}')?;
            let len: usize = core::str::from_utf8(&text[at + 1..close]).ok()?.parse().ok()?;
            let start = close + 3;
            assert_eq!(text.get(close + 1..start), Some(&b"\r\n"[..]));
            assert!(!text.get(start..start + len)?.contains(&0));
            Some(start + len)
        }
        b'(' => {
            let mut at = at + 1;
            assert_ne!(text.get(at), Some(&b')'), "no list of ours is empty");
            loop {
                at = read_value(text, at)?;
                match text.get(at)? {
                    b')' => return Some(at + 1),
                    b' ' => at += 1,
                    _ => {}
                }
            }
        }
        _ => None,
    }
}

/// Groups open and close in turn, and nothing is made up.
pub fn message_address(input: &[u8]) {
    let value = unfold(input);
    let mut open = false;
    for address in Addresses::new(&value) {
        match address {
            Address::Group(_) => assert!(!core::mem::replace(&mut open, true)),
            Address::GroupEnd => assert!(core::mem::replace(&mut open, false)),
            Address::Mailbox(mailbox) => {
                let domain = mailbox.domain.as_deref().unwrap_or_default();
                assert!(mailbox.local.len() + domain.len() <= value.len());
            }
        }
    }
    assert!(!open);
}

/// A date that was read is in range, and reads the same once printed.
pub fn message_date(input: &[u8]) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some(date) = DateTime::parse(input) else { return };
    let zone = date.zone_minutes.unsigned_abs();
    let sign = if date.zone_minutes < 0 { '-' } else { '+' };
    let printed = format!(
        "{} {} {:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        date.day,
        MONTHS[usize::from(date.month) - 1],
        date.year,
        date.hour,
        date.minute,
        date.second,
        zone / 60,
        zone % 60
    );
    assert_eq!(DateTime::parse(printed.as_bytes()), Some(date), "{printed}");
    assert_eq!(i64::from(date.unix_days()), {
        let local = date.unix_seconds() + i64::from(date.zone_minutes) * 60;
        (local - i64::from(date.second)).div_euclid(86_400)
    });
}

/// Pieces are in the value, in its order; decoding one never makes it longer.
pub fn message_words(input: &[u8]) {
    let mut seen = 0;
    for piece in pieces(input) {
        match piece {
            Piece::Text(text) => {
                assert!(!text.is_empty());
                seen += text.len();
            }
            Piece::Word(word) => {
                let mut out = Vec::new();
                word.decode(&mut out);
                assert!(out.len() <= word.text.len());
                seen += word.text.len() + word.charset.len() + 7;
            }
        }
        assert!(seen <= input.len());
    }
}

/// Decoders give the same whatever the split; the first byte says where that is.
pub fn message_transfer(input: &[u8]) {
    let Some((&at, input)) = input.split_first() else { return };
    let (left, right) = input.split_at(usize::from(at).min(input.len()));
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    let (mut one, mut two) = (Base64::new(), Base64::new());
    one.feed(input, &mut whole);
    one.finish(&mut whole);
    two.feed(left, &mut parts);
    two.feed(right, &mut parts);
    two.finish(&mut parts);
    assert_eq!(whole, parts);
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    let (mut one, mut two) = (QuotedPrintable::new(), QuotedPrintable::new());
    one.feed(input, &mut whole);
    one.finish(&mut whole);
    two.feed(left, &mut parts);
    two.feed(right, &mut parts);
    two.finish(&mut parts);
    assert_eq!(whole, parts);
    assert!(whole.len() <= input.len());
}
