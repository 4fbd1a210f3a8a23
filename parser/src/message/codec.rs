//! A [`MessageMap`] as bytes: a version, then numbers of seven bits a byte and texts with their
//! length in front. Reading checks all that the map's accessors and renderers rely on.

use alloc::vec::Vec;

use super::build::narrow;
use super::map::{DEPTH_MAX, Kind, MessageMap, PARAMS_MAX, PARTS_MAX, Part, Span};

const VERSION: u8 = 1;

pub(super) fn encode(map: &MessageMap) -> Vec<u8> {
    let mut out = Vec::with_capacity(map.text.len().saturating_add(64));
    out.push(VERSION);
    number(map.size, &mut out);
    number(narrow(map.parts.len()), &mut out);
    for part in &map.parts {
        encode_part(map, part, &mut out);
    }
    out
}

fn encode_part(map: &MessageMap, part: &Part, out: &mut Vec<u8>) {
    out.push(match part.kind {
        Kind::Leaf => 0,
        Kind::Multipart => 1,
        Kind::Message => 2,
    });
    let parent = part.parent.wrapping_add(1); // 0 for the root
    for value in [parent, part.header.0, part.header.1, part.body.0, part.body.1, part.lines] {
        number(value, out);
    }
    for span in [
        part.media,
        part.subtype,
        part.id,
        part.description,
        part.encoding,
        part.md5,
        part.disposition,
        part.language,
        part.location,
        part.envelope,
    ] {
        text(map, span, out);
    }
    for (first, count) in [part.params, part.disposition_params] {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let end = first.saturating_add(usize::try_from(count).unwrap_or(0));
        let params = map.params.get(first..end).unwrap_or_default();
        number(narrow(params.len()), out);
        for (name, value) in params {
            text(map, *name, out);
            text(map, *value, out);
        }
    }
}

fn number(value: u32, out: &mut Vec<u8>) {
    let mut value = value;
    while value >= 0x80 {
        out.push((value & 0x7f).to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// 0 for nothing, otherwise the length and one.
fn text(map: &MessageMap, span: Span, out: &mut Vec<u8>) {
    let at = usize::try_from(span.at).unwrap_or(usize::MAX);
    let end = at.saturating_add(usize::try_from(span.len).unwrap_or(0));
    match map.text.get(at..end) {
        Some(bytes) if span != Span::NONE => {
            number(span.len.saturating_add(1), out);
            out.extend_from_slice(bytes);
        }
        _ => out.push(0),
    }
}

/// The texts of the map are the bytes themselves.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let low = u32::from(byte & 0x7f);
            if shift == 28 && low > 0xf {
                return None;
            }
            value |= low << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<Span> {
        let Some(len) = self.number()?.checked_sub(1) else { return Some(Span::NONE) };
        let at = self.at;
        let end = at.checked_add(usize::try_from(len).ok()?)?;
        self.bytes.get(at..end)?;
        self.at = end;
        Some(Span { at: u32::try_from(at).ok()?, len })
    }

    fn params(&mut self, all: &mut Vec<(Span, Span)>) -> Option<(u32, u32)> {
        let first = all.len();
        let count = self.number()?;
        for _ in 0..count {
            if all.len() >= PARAMS_MAX.saturating_mul(2) {
                return None;
            }
            let (name, value) = (self.text()?, self.text()?);
            all.push((name, value));
        }
        Some((narrow(first), count))
    }

    fn range(&mut self, size: u32) -> Option<(u32, u32)> {
        let (at, len) = (self.number()?, self.number()?);
        (at.checked_add(len)? <= size).then_some((at, len))
    }

    fn part(&mut self, size: u32, params: &mut Vec<(Span, Span)>) -> Option<Part> {
        let kind = match self.byte()? {
            0 => Kind::Leaf,
            1 => Kind::Multipart,
            2 => Kind::Message,
            _ => return None,
        };
        Some(Part {
            kind,
            parent: self.number()?.wrapping_sub(1),
            end: 0,
            header: self.range(size)?,
            body: self.range(size)?,
            lines: self.number()?,
            media: self.text()?,
            subtype: self.text()?,
            id: self.text()?,
            description: self.text()?,
            encoding: self.text()?,
            md5: self.text()?,
            disposition: self.text()?,
            language: self.text()?,
            location: self.text()?,
            envelope: self.text()?,
            params: self.params(params)?,
            disposition_params: self.params(params)?,
        })
    }
}

pub(super) fn decode(bytes: &[u8]) -> Option<MessageMap> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.byte()? != VERSION {
        return None;
    }
    let size = reader.number()?;
    let count = usize::try_from(reader.number()?).ok()?;
    if count == 0 || count > PARTS_MAX {
        return None;
    }
    let mut params = Vec::new();
    let mut parts = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        parts.push(reader.part(size, &mut params)?);
    }
    if reader.at != bytes.len() {
        return None;
    }
    link(&mut parts)?;
    Some(MessageMap { size, parts, params, text: bytes.to_vec() })
}

/// Proves the order (parents first, subtrees whole) and the number of children; sets `end`.
fn link(parts: &mut [Part]) -> Option<()> {
    let mut open: Vec<(usize, u32)> = Vec::new();
    for index in 0..=parts.len() {
        let parent = parts.get(index).map(|part| part.parent);
        if parent == Some(u32::MAX) && index != 0 {
            return None;
        }
        // At the end everything closes.
        while let Some(&(top, children)) = open.last() {
            if parent == Some(narrow(top)) {
                break;
            }
            let part = parts.get_mut(top)?;
            part.end = narrow(index);
            let right = match part.kind {
                Kind::Leaf => children == 0,
                Kind::Multipart => children > 0,
                Kind::Message => children == 1,
            };
            if !right {
                return None;
            }
            open.pop();
        }
        let Some(parent) = parent else { break };
        match open.last_mut() {
            Some((_, children)) => *children = children.saturating_add(1),
            None if parent == u32::MAX => {}
            None => return None,
        }
        open.push((index, 0));
        if open.len() > DEPTH_MAX {
            return None;
        }
    }
    Some(())
}
