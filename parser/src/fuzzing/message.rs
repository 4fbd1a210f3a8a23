//! Messages: what holds for any bytes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{cuts, linear};
use crate::message::encoded_word::{Encoding, Piece, pieces};
use crate::message::header::{Fields, find, header_len, unfold};
use crate::message::map::{DEPTH_MAX, PARTS_MAX};
use crate::message::transfer::{Base64, QuotedPrintable};
use crate::message::{
    Address, Addresses, DateTime, Header, Kind, MessageMap, PartRef, content, envelope, header,
};

/// Every map keeps its promises, and says the same when it was stored in between.
pub fn message_map(input: &[u8]) {
    // Stored bytes may be damaged.
    if let Some(map) = MessageMap::decode(input) {
        sound(&map);
    }
    let map = linear(input.len(), 32, || MessageMap::parse(input));
    assert_eq!(map.size() as usize, input.len());
    sound(&map);
    let stored = MessageMap::decode(&map.encode()).expect("what was encoded can be decoded");
    for (part, again) in map.parts().zip(stored.parts()) {
        same(part, again);
        let body = slice(input, part.body());
        assert_eq!(part.lines() as usize, body.iter().filter(|byte| **byte == b'\n').count());
        tiled(input, part, map.parts().len() == PARTS_MAX);
        for name in ["charset", "boundary", "name"] {
            let joined = part.param_joined(name);
            assert!(part.param(name).is_none() || joined.is_some());
        }
        assert!(part.languages().all(|tag| !tag.is_empty()));
    }
    let (header, len) = Header::of(input);
    assert_eq!(MessageMap::parse_with(input, &header, len).encode(), map.encode());
}

fn slice(input: &[u8], (at, len): (u32, u32)) -> &[u8] {
    &input[at as usize..][..len as usize]
}

/// All that is told of a part, told again.
fn same(part: PartRef<'_>, again: PartRef<'_>) {
    assert_eq!(part.media_type(), again.media_type());
    assert!(part.params().eq(again.params()));
    assert!(part.disposition_params().eq(again.disposition_params()));
    assert_eq!(part.envelope(), again.envelope());
    assert_eq!((part.header(), part.body()), (again.header(), again.body()));
    assert_eq!((part.id(), part.md5()), (again.id(), again.md5()));
    assert_eq!((part.language(), part.location()), (again.language(), again.location()));
    assert_eq!(part.disposition(), again.disposition());
    assert_eq!(part.encoding(), again.encoding());
}

/// Header, body and, between the parts of a multipart, boundary lines: nothing else is there, and
/// all in its order.
fn tiled(input: &[u8], part: PartRef<'_>, full: bool) {
    let (header, body) = (part.header(), part.body());
    assert_eq!(header.0 + header.1, body.0);
    let end = body.0 + body.1;
    match part.kind() {
        Kind::Leaf => {}
        Kind::Message => {
            let child = part.children().next().expect("a message has one part");
            assert_eq!((child.header().0, child.body().0 + child.body().1), (body.0, end));
        }
        Kind::Multipart => {
            let boundary = part.param("boundary").map(|value| value.trim_ascii_end().to_vec());
            let boundary = boundary.or_else(|| Some(part.param_joined("boundary")?.value));
            let delimiter = [b"--", &*boundary.expect("a multipart has a boundary")].concat();
            let mut at = body.0;
            for child in part.children() {
                let gap = slice(input, (at, child.header().0 - at));
                let gap = gap.strip_suffix(b"\n").unwrap_or(gap);
                let line = gap.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
                assert!(line.starts_with(&delimiter), "{} in a gap", line.escape_ascii());
                at = child.body().0 + child.body().1;
            }
            let rest = slice(input, (at, end - at));
            let line = rest.strip_prefix(b"\r").unwrap_or(rest);
            let line = line.strip_prefix(b"\n").unwrap_or(line);
            assert!(rest.is_empty() || line.starts_with(&delimiter) || full);
        }
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
    let all: Vec<_> = linear(input.len(), 4, || fields.by_ref().collect());
    let len = fields.offset();
    assert_eq!(len, header_len(input));
    let raw: Vec<u8> = all.iter().flat_map(|field| field.raw).copied().collect();
    assert!(input.starts_with(&raw));
    assert!(matches!(&input[raw.len()..len], b"" | b"\n" | b"\r\n"));
    for field in all.iter().take(100) {
        assert!(!unfold(field.value).iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        let first = all.iter().find(|other| other.is(field.name)).map(|other| other.value);
        let found = linear(input.len(), 8, || find(input, field.name));
        let right = field.name.first().is_some_and(u8::is_ascii_graphic);
        assert_eq!(found, first.filter(|_| right), "{}", field.name.escape_ascii());
        assert!(header::message_ids(field.value).all(|id| id.starts_with(b"<")));
    }
    let (header, again) = linear(input.len(), 8, || Header::of(input));
    assert_eq!(again, len);
    let mut rendered = Vec::new();
    linear(input.len(), 32, || envelope::write(&header, &mut rendered));
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

/// The values of Content-Type and its like: what parses prints and parses to the same.
pub fn message_params(input: &[u8]) {
    let value = unfold(input);
    let tags: Vec<_> = linear(value.len(), 8, || content::tags(&value).collect());
    assert!(tags.iter().all(|tag| !tag.is_empty() && !tag.contains(&b',')));
    content::disposition(&value).map(|(_, params)| params.count());
    let Some((media, subtype, params)) = content::media_type(&value) else { return };
    let all: Vec<_> = linear(value.len(), 16, || params.clone().collect());
    for (name, _) in all.iter().take(20) {
        let name = core::str::from_utf8(name).unwrap_or("name");
        let joined = linear(value.len(), 16, || content::joined(params.clone(), name));
        assert!(joined.is_none_or(|joined| joined.value.len() <= value.len()));
    }
    let mut printed = [media, b"/", subtype].concat();
    for (name, value) in &all {
        if *name != content::first_token(name) || name.is_empty() {
            return; // no name of RFC 2045 §5.1
        }
        printed.extend_from_slice(&[b"; ", *name, b"=", &quoted(value)].concat());
    }
    let again = content::media_type(&printed).expect("it was printed");
    assert_eq!((again.0, again.1), (media, subtype));
    assert!(again.2.eq(all), "printed as {}", printed.escape_ascii());
}

/// `quoted-string` — RFC 5322 §3.2.4.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::from(*b"\"");
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

/// Groups open and close in turn, nothing is made up, and what was read reads the same once it is
/// printed.
pub fn message_address(input: &[u8]) {
    let value = unfold(input);
    let all: Vec<_> = linear(value.len(), 16, || Addresses::new(&value).collect());
    let mut open = false;
    let mut printed = Vec::new();
    let mut plain = true;
    for address in &all {
        match address {
            Address::Group(name) => {
                assert!(!core::mem::replace(&mut open, true));
                printed.extend_from_slice(&[&quoted(name), &b":"[..]].concat());
            }
            Address::GroupEnd => {
                assert!(core::mem::replace(&mut open, false));
                printed.push(b';');
            }
            Address::Mailbox(mailbox) => {
                let domain = mailbox.domain.as_deref().unwrap_or_default();
                assert!(mailbox.local.len() + domain.len() <= value.len());
                if let Some(name) = &mailbox.name {
                    assert!(!name.is_empty());
                    printed.extend_from_slice(&quoted(name));
                }
                printed.push(b'<');
                if let Some(route) = &mailbox.route {
                    plain &= route.iter().all(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b',' | b'.')
                    });
                    printed.extend_from_slice(&[&route[..], b":"].concat());
                }
                printed.extend_from_slice(&quoted(&mailbox.local));
                if let Some(domain) = &mailbox.domain {
                    printed.extend_from_slice(&[&b"@"[..], &quoted(domain)].concat());
                }
                printed.push(b'>');
            }
        }
        printed.extend_from_slice(b" , ");
    }
    assert!(!open);
    if plain {
        let again: Vec<_> = Addresses::new(&printed).collect();
        assert_eq!(again, all, "printed as {}", printed.escape_ascii());
    }
}

/// A date that was read is in range, and reads the same once printed.
pub fn message_date(input: &[u8]) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some(date) = linear(input.len(), 8, || DateTime::parse(input)) else { return };
    let zone = date.zone_minutes.unsigned_abs();
    let sign = if date.zone_minutes < 0 { '-' } else { '+' };
    let (hour, minute, second) = (date.hour, date.minute, date.second);
    let (day, month, year) = (date.day, MONTHS[usize::from(date.month) - 1], date.year);
    let zone = format!("{sign}{:02}{:02}", zone / 60, zone % 60);
    for printed in [
        format!("{day} {month} {year:04} {hour:02}:{minute:02}:{second:02} {zone}"),
        format!("Mon {month} {day} {hour:02}:{minute:02}:{second:02} {zone} {year:04}"),
        format!("{month} {day}, {year:04} {hour:02}:{minute:02}:{second:02} GMT{zone}"),
    ] {
        assert_eq!(DateTime::parse(printed.as_bytes()), Some(date), "{printed}");
    }
    assert_eq!(i64::from(date.unix_days()), {
        let local = date.unix_seconds() + i64::from(date.zone_minutes) * 60;
        (local - i64::from(second)).div_euclid(86_400)
    });
}

/// Pieces are in the value, in its order; decoding one never makes it longer; printed they are the
/// same pieces.
pub fn message_words(input: &[u8]) {
    let all: Vec<_> = linear(input.len(), 8, || pieces(input).collect());
    let mut seen = 0;
    let mut printed = Vec::new();
    for piece in &all {
        match piece {
            Piece::Text(text) => {
                assert!(!text.is_empty());
                seen += text.len();
                printed.extend_from_slice(text);
            }
            Piece::Word(word) => {
                let mut out = Vec::new();
                word.decode(&mut out);
                assert!(out.len() <= word.text.len());
                seen += word.text.len() + word.charset.len() + 7;
                let encoding = if word.encoding == Encoding::B { b"?B?" } else { b"?q?" };
                let word = [b"=?", word.charset, encoding, word.text, b"?="].concat();
                printed.extend_from_slice(&word);
            }
        }
        assert!(seen <= input.len());
    }
    // A word may be only so long: what did not fit may do so once others are shorter.
    if input.len() < 8_000 {
        let again: Vec<_> = pieces(&printed).collect();
        assert_eq!(again, all, "printed as {}", printed.escape_ascii());
    }
}

/// Decoders give the same whatever the splits, which the first two bytes choose; what was encoded
/// comes back.
pub fn message_transfer(input: &[u8]) {
    let [seed, density, input @ ..] = input else { return };
    let cuts = cuts(input.len(), *seed, *density);
    let base64 = |cuts: &[usize], input: &[u8]| {
        let mut decoder = Base64::new();
        let mut out = Vec::new();
        in_pieces(input, cuts, |piece| decoder.feed(piece, &mut out));
        decoder.finish(&mut out);
        out
    };
    let quoted_printable = |cuts: &[usize], input: &[u8]| {
        let mut decoder = QuotedPrintable::new();
        let mut out = Vec::new();
        in_pieces(input, cuts, |piece| decoder.feed(piece, &mut out));
        decoder.finish(&mut out);
        out
    };
    let whole = linear(input.len(), 4, || base64(&[], input));
    assert_eq!(whole, base64(&cuts, input));
    assert!(whole.len() <= input.len());
    let whole = linear(input.len(), 4, || quoted_printable(&[], input));
    assert_eq!(whole, quoted_printable(&cuts, input));
    assert!(whole.len() <= input.len());
    assert_eq!(base64(&cuts, &encode_base64(input)), input);
    let encoded: String = input.iter().map(|byte| format!("={byte:02X}=\r\n")).collect();
    assert_eq!(quoted_printable(&cuts, encoded.as_bytes()), input);
}

fn in_pieces<'a>(input: &'a [u8], cuts: &[usize], mut feed: impl FnMut(&'a [u8])) {
    let mut at = 0;
    for &cut in cuts {
        feed(&input[at..cut]);
        at = cut;
    }
    feed(&input[at..]);
}

/// In lines of 76 (RFC 2045 §6.8).
fn encode_base64(input: &[u8]) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for (nth, group) in input.chunks(3).enumerate() {
        if nth > 0 && nth % 19 == 0 {
            out.extend_from_slice(b"\r\n");
        }
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let value = (bits >> (18 - 6 * place)) & 63;
            out.push(if place > group.len() { b'=' } else { alphabet[value as usize] });
        }
    }
    out
}
