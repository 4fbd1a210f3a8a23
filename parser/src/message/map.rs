//! The map of a message: where its parts lie and what their headers say of them, without a byte
//! of their bodies. All that BODY, BODYSTRUCTURE and sections need (RFC 9051 §7.5.2).
//!
//! Parts stand in a flat list in the order of the message (parents first), so a subtree is a run
//! of it. A [`Kind::Multipart`] has at least one child and a [`Kind::Message`] exactly one; what
//! cannot keep that is a leaf of text/plain (pitfalls 19, 106).

use alloc::vec::Vec;

use super::content::{self, Joined};
use super::{build, codec};

/// Parts of one message; what comes behind belongs to the last one.
pub const PARTS_MAX: usize = 10_000;
/// Levels of nesting; a deeper multipart or message is text/plain.
pub const DEPTH_MAX: usize = 100;
/// Parameters of one field.
pub const PARAMS_PER_FIELD_MAX: usize = 100;
/// Parameters of all parts.
pub const PARAMS_MAX: usize = 50_000;
/// Bytes of one value; the rest of it is not kept.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of all values; those that do not fit are absent.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The map. [`MessageMap::encode`] makes bytes of it that need no message to be read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageMap {
    pub(super) size: u32,
    pub(super) parts: Vec<Part>,
    pub(super) params: Vec<(Span, Span)>,
    pub(super) text: Vec<u8>,
}

/// What a part is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// No parts.
    #[default]
    Leaf,
    /// multipart/*, with at least one part.
    Multipart,
    /// message/rfc822 or message/global, with the message's root as its only part.
    Message,
}

/// A piece of `MessageMap::text`, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) const NONE: Self = Self { at: u32::MAX, len: 0 };
}

impl Default for Span {
    fn default() -> Self {
        Self::NONE
    }
}

/// Offsets count from the first byte of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// `u32::MAX` for the root.
    pub(super) parent: u32,
    /// The index behind the last part below this one.
    pub(super) end: u32,
    pub(super) header: (u32, u32),
    pub(super) body: (u32, u32),
    pub(super) lines: u32,
    pub(super) media: Span,
    pub(super) subtype: Span,
    pub(super) id: Span,
    pub(super) description: Span,
    pub(super) encoding: Span,
    pub(super) md5: Span,
    pub(super) disposition: Span,
    pub(super) language: Span,
    pub(super) location: Span,
    pub(super) envelope: Span,
    /// First and count, in `MessageMap::params`.
    pub(super) params: (u32, u32),
    pub(super) disposition_params: (u32, u32),
}

impl MessageMap {
    /// Maps `message` in one pass. Never fails: see the module's rule. Of a message over 4 GiB
    /// only the first 4 GiB are seen.
    pub fn parse(message: &[u8]) -> Self {
        build::build(message, None)
    }

    /// As [`MessageMap::parse`], with the top header already read by [`super::Header::of`].
    pub fn parse_with(message: &[u8], header: &super::Header<'_>, header_len: usize) -> Self {
        build::build(message, Some((header, header_len)))
    }

    /// The map as bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// A map from [`MessageMap::encode`]'s bytes; `None` if they are of another version or damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        codec::decode(bytes)
    }

    /// Bytes of the message.
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The message itself: always there.
    pub const fn root(&self) -> PartRef<'_> {
        PartRef { map: self, index: 0 }
    }

    /// A part by its place in the list.
    pub fn part(&self, index: usize) -> Option<PartRef<'_>> {
        (index < self.parts.len()).then_some(PartRef { map: self, index })
    }

    /// Every part, parents first.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = PartRef<'_>> {
        (0..self.parts.len()).map(|index| PartRef { map: self, index })
    }

    pub(super) fn value(&self, span: Span) -> Option<&[u8]> {
        let at = usize::try_from(span.at).ok()?;
        let end = at.checked_add(usize::try_from(span.len).ok()?)?;
        (span != Span::NONE).then(|| self.text.get(at..end)).flatten()
    }

    fn values(&self, (first, count): (u32, u32)) -> impl Iterator<Item = (&[u8], &[u8])> {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let end = first.saturating_add(usize::try_from(count).unwrap_or(0));
        let params = self.params.get(first..end).unwrap_or_default();
        params.iter().map(|(name, value)| {
            (self.value(*name).unwrap_or_default(), self.value(*value).unwrap_or_default())
        })
    }
}

/// One part of a map.
#[derive(Clone, Copy, Debug)]
pub struct PartRef<'a> {
    map: &'a MessageMap,
    index: usize,
}

/// A part that nothing is known of: only an empty map, which the parser never makes, has one.
static NO_PART: Part = Part {
    kind: Kind::Leaf,
    parent: u32::MAX,
    end: 0,
    header: (0, 0),
    body: (0, 0),
    lines: 0,
    media: Span::NONE,
    subtype: Span::NONE,
    id: Span::NONE,
    description: Span::NONE,
    encoding: Span::NONE,
    md5: Span::NONE,
    disposition: Span::NONE,
    language: Span::NONE,
    location: Span::NONE,
    envelope: Span::NONE,
    params: (0, 0),
    disposition_params: (0, 0),
};

impl<'a> PartRef<'a> {
    fn part(&self) -> &'a Part {
        self.map.parts.get(self.index).unwrap_or(&NO_PART)
    }

    /// Its place in the list.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        self.part().kind
    }

    /// The part it is in; `None` for the message itself.
    pub fn parent(&self) -> Option<PartRef<'a>> {
        let parent = usize::try_from(self.part().parent).ok()?;
        self.map.part(parent)
    }

    /// The parts directly in it, in order.
    pub fn children(&self) -> impl Iterator<Item = PartRef<'a>> + use<'a> {
        let map = self.map;
        let end = usize::try_from(self.part().end).unwrap_or(0);
        let mut next = self.index.saturating_add(1);
        core::iter::from_fn(move || {
            let child = map.part(next).filter(|_| next < end)?;
            let behind = usize::try_from(child.part().end).unwrap_or(usize::MAX);
            next = behind.max(next.saturating_add(1));
            Some(child)
        })
    }

    /// The place in the list behind the last part in it: the parts in it are those between.
    pub fn end(&self) -> usize {
        usize::try_from(self.part().end).unwrap_or(usize::MAX).max(self.index.saturating_add(1))
    }

    /// Offset and bytes of its header with the blank line.
    pub fn header(&self) -> (u32, u32) {
        self.part().header
    }

    /// Offset and bytes of its body, still encoded.
    pub fn body(&self) -> (u32, u32) {
        self.part().body
    }

    /// Line endings in its body.
    pub fn lines(&self) -> u32 {
        self.part().lines
    }

    /// Its type and subtype in lower case, as ("text", "plain").
    pub fn media_type(&self) -> (&'a [u8], &'a [u8]) {
        let part = self.part();
        match (self.map.value(part.media), self.map.value(part.subtype)) {
            (Some(media), Some(subtype)) => (media, subtype),
            _ => (b"text", b"plain"),
        }
    }

    /// True for a message that is itself in base64, against RFC 2045 §6.4: its only part stands for
    /// all of it, as text in that encoding.
    pub fn is_encoded_message(&self) -> bool {
        let inside = self.children().next().filter(|_| self.kind() == Kind::Message);
        inside.is_some_and(|inside| inside.encoding() == b"base64" && inside.header().1 == 0)
    }

    /// True if its type and subtype are these; in lower case.
    pub fn is(&self, media: &str, subtype: &str) -> bool {
        self.media_type() == (media.as_bytes(), subtype.as_bytes())
    }

    /// Content-Type's parameters: names in lower case, values as sent; the parts of RFC 2231 as
    /// they are. A text/plain without parameters is us-ascii (RFC 2045 §5.2).
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.map.values(self.part().params)
    }

    /// One of Content-Type's parameters.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        self.params().find(|(is, _)| *is == name.as_bytes()).map(|(_, value)| value)
    }

    /// One of Content-Type's parameters in any form of RFC 2231, put together and decoded.
    pub fn param_joined(&self, name: &str) -> Option<Joined> {
        content::joined(self.params(), name)
    }

    /// Content-ID.
    pub fn id(&self) -> Option<&'a [u8]> {
        self.map.value(self.part().id)
    }

    /// Content-Description, unfolded.
    pub fn description(&self) -> Option<&'a [u8]> {
        self.map.value(self.part().description)
    }

    /// Content-Transfer-Encoding in lower case; `7bit` if there is none (RFC 2045 §6.1).
    pub fn encoding(&self) -> &'a [u8] {
        self.map.value(self.part().encoding).unwrap_or(b"7bit")
    }

    /// Content-MD5.
    pub fn md5(&self) -> Option<&'a [u8]> {
        self.map.value(self.part().md5)
    }

    /// Content-Disposition's type in lower case.
    pub fn disposition(&self) -> Option<&'a [u8]> {
        self.map.value(self.part().disposition)
    }

    /// Content-Disposition's parameters, as [`PartRef::params`].
    pub fn disposition_params(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.map.values(self.part().disposition_params)
    }

    /// One of Content-Disposition's parameters, as [`PartRef::param_joined`].
    pub fn disposition_param_joined(&self, name: &str) -> Option<Joined> {
        content::joined(self.disposition_params(), name)
    }

    /// Content-Language, unfolded; [`PartRef::languages`] are the tags in it.
    pub fn language(&self) -> Option<&'a [u8]> {
        self.map.value(self.part().language)
    }

    /// The tags of Content-Language (RFC 3282 §2).
    pub fn languages(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        content::tags(self.language().unwrap_or_default())
    }

    /// Content-Location, unfolded (RFC 2557 §4.4.3).
    pub fn location(&self) -> Option<&'a [u8]> {
        self.map.value(self.part().location)
    }

    /// For a [`Kind::Message`]: the rendered ENVELOPE of the message in it.
    pub fn envelope(&self) -> &'a [u8] {
        self.map.value(self.part().envelope).unwrap_or(super::envelope::EMPTY)
    }
}

#[cfg(test)]
mod tests;
