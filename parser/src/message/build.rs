//! The one pass that makes a [`MessageMap`].
//!
//! A stack holds the open parts from the message down to where the pass stands. Between headers
//! only lines that begin with `--` are looked at; each is held against the open boundaries.

use alloc::vec::Vec;

use memchr::{memchr, memchr_iter, memmem};

use super::boundaries::Boundaries;
use super::content::{self, Params};
use super::header::{Fields, Header, unfold};
use super::map::{
    DEPTH_MAX, Kind, MessageMap, PARAMS_MAX, PARAMS_PER_FIELD_MAX, PARTS_MAX, Part, Span,
    TEXT_BYTES_MAX, VALUE_BYTES_MAX,
};
use super::{envelope, transfer};
use crate::steps::{self, took};

/// Bytes of a boundary. RFC 2046 §5.1.1 allows 70.
const BOUNDARY_BYTES_MAX: usize = 250;
/// Bytes of a field that are looked at: what is cut is cut before it is copied.
const FIELD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message in base64 that are decoded for its envelope.
const ENCODED_HEADER_BYTES_MAX: usize = 64 * 1024;

struct Builder<'a> {
    message: &'a [u8],
    map: MessageMap,
    open: Vec<Open>,
    /// Of the open multiparts whose closing delimiter has not been seen.
    boundaries: Boundaries,
    /// Line endings before an offset.
    counted: (usize, u32),
}

/// A part whose end has not been seen.
struct Open {
    part: usize,
    /// Parts of multipart/digest are messages unless they say otherwise (RFC 2046 §5.1.5).
    digest: bool,
    children: u32,
    /// Line endings before its body.
    lines_before: u32,
}

/// A part about to begin.
struct Start {
    at: usize,
    default_message: bool,
}

/// A line that ends parts.
struct Delimiter {
    /// Which of the open parts it belongs to.
    of: usize,
    last: bool,
    line_at: usize,
    line_end: usize,
}

pub(super) fn build(message: &[u8], top: Option<(&Header<'_>, usize)>) -> MessageMap {
    let seen = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
    let message = message.get(..seen).unwrap_or(message);
    let map = MessageMap {
        size: narrow(message.len()),
        parts: Vec::with_capacity(4),
        params: Vec::with_capacity(8),
        text: Vec::with_capacity(256),
    };
    let (open, boundaries) = (Vec::with_capacity(4), Boundaries::default());
    let mut builder = Builder { message, map, open, boundaries, counted: (0, 0) };
    let read;
    let (header, header_len) = match top {
        Some(top) => top,
        None => {
            read = Header::of(message);
            (&read.0, read.1)
        }
    };
    let mut next = builder.begin(header, (0, header_len), false);
    while let Some(start) = next {
        let (header, body_at) = builder.header(start.at);
        let place = (start.at, body_at.saturating_sub(start.at));
        next = builder.begin(&header, place, start.default_message);
    }
    builder.map
}

impl<'a> Builder<'a> {
    /// Reads a part's header. A boundary line ends it as well: then there is no blank line.
    fn header(&self, at: usize) -> (Header<'a>, usize) {
        let mut header = Header::default();
        let rest = self.message.get(at..).unwrap_or_default();
        let mut fields = Fields::new(rest);
        loop {
            let line_at = at.saturating_add(fields.offset());
            let Some(field) = fields.next() else { break };
            if field.raw.starts_with(b"--") && self.delimiter(line_at).is_some() {
                return (header, line_at);
            }
            header.note(&field);
        }
        (header, at.saturating_add(fields.offset()))
    }

    /// Adds a part whose header lies at `place`, and finds where the next one begins.
    fn begin(
        &mut self,
        header: &Header<'_>,
        place: (usize, usize),
        default_message: bool,
    ) -> Option<Start> {
        let body_at = place.0.saturating_add(place.1);
        let index = self.map.parts.len();
        let (part, boundary) = self.describe(header, default_message);
        let kind = part.kind;
        let encoding = part.encoding;
        let digest = kind == Kind::Multipart && self.map.value(part.subtype) == Some(b"digest");
        if let Some(parent) = self.open.last_mut() {
            parent.children = parent.children.saturating_add(1);
        }
        self.map.parts.push(Part {
            parent: self.open.last().map_or(u32::MAX, |parent| narrow(parent.part)),
            end: narrow(index.saturating_add(1)),
            header: (narrow(place.0), narrow(place.1)),
            body: (narrow(body_at), 0),
            ..part
        });
        let lines_before = self.lines_before(body_at);
        if let Some(boundary) = boundary {
            self.boundaries.open(boundary, self.open.len());
        }
        self.open.push(Open { part: index, digest, children: 0, lines_before });
        if kind == Kind::Message {
            if self.map.value(encoding) == Some(b"base64") && self.is_base64(body_at) {
                return self.encoded_message(index, body_at);
            }
            let (header, _) = self.header(body_at);
            self.envelope(index, &header);
            return Some(Start { at: body_at, default_message: false });
        }
        self.next_part(body_at)
    }

    /// True unless the line at `at` is a header field after all, as it is when an encoding is
    /// named and was never applied.
    fn is_base64(&self, at: usize) -> bool {
        let rest = self.message.get(at..).unwrap_or_default();
        let near = rest.get(..ENCODED_HEADER_BYTES_MAX).unwrap_or(rest);
        let line = memchr(b'\n', near).and_then(|end| near.get(..end)).unwrap_or(near);
        memchr(b':', line).is_none()
    }

    /// A message that is itself encoded, against RFC 2045 §6.4: nothing in it has a place in the
    /// bytes of this one. Its envelope is told; it has one part, text in the same encoding.
    fn encoded_message(&mut self, index: usize, at: usize) -> Option<Start> {
        let rest = self.message.get(at..).unwrap_or_default();
        let near = rest.get(..ENCODED_HEADER_BYTES_MAX).unwrap_or(rest);
        let end = memmem::find(near, b"\n--").unwrap_or(near.len());
        let mut message = Vec::new();
        let mut decoder = transfer::Base64::new();
        decoder.feed(near.get(..end).unwrap_or_default(), &mut message);
        decoder.finish(&mut message);
        self.envelope(index, &Header::of(&message).0);
        let header = Header { encoding: Some(b"base64"), ..Header::default() };
        self.begin(&header, (at, 0), false)
    }

    /// Looks from `at`, the start of a line, for the delimiter that begins the next part.
    fn next_part(&mut self, at: usize) -> Option<Start> {
        let mut at = at;
        while !self.boundaries.is_empty() {
            let Some(delimiter) = self.find_delimiter(at) else { break };
            let mut end = self.before_line_ending(delimiter.line_at);
            while self.open.len() > delimiter.of.saturating_add(1) {
                end = self.close(end);
            }
            at = delimiter.line_end;
            let full = self.map.parts.len() >= PARTS_MAX;
            let Some(of) = self.open.last_mut() else { break };
            if delimiter.last {
                self.boundaries.close(delimiter.of);
            } else if full {
                break;
            } else {
                return Some(Start { at, default_message: of.digest });
            }
        }
        while !self.open.is_empty() {
            self.close(self.message.len());
        }
        None
    }

    fn find_delimiter(&self, at: usize) -> Option<Delimiter> {
        let rest = self.message.get(at..)?;
        if rest.starts_with(b"--")
            && let Some(found) = self.delimiter(at)
        {
            return Some(found);
        }
        let mut looked = 0;
        memmem::find_iter(rest, b"\n--").find_map(|found| {
            took(found.saturating_sub(looked));
            looked = found;
            self.delimiter(at.saturating_add(found).saturating_add(1))
        })
    }

    /// The line at `line_at`, if it begins with `"--" boundary` of an open part; with `--` behind
    /// that it is the last one.
    ///
    /// What else stands on the line does not matter (RFC 2046 §5.1.1, note to implementors). Where
    /// one boundary begins as another does, the longest counts, and the innermost of equals.
    fn delimiter(&self, line_at: usize) -> Option<Delimiter> {
        let name = self.message.get(line_at..)?.strip_prefix(b"--")?;
        let (of, len) = self.boundaries.longest(name.get(..BOUNDARY_BYTES_MAX).unwrap_or(name))?;
        let behind = name.get(len..).unwrap_or_default();
        let line_end = steps::find(b'\n', behind).map_or(self.message.len(), |end| {
            let skipped = len.saturating_add(end).saturating_add(3);
            line_at.saturating_add(skipped)
        });
        Some(Delimiter { of, last: behind.starts_with(b"--"), line_at, line_end })
    }

    /// The line ending before a delimiter belongs to it (RFC 2046 §5.1.1).
    fn before_line_ending(&self, line_at: usize) -> usize {
        let before = self.message.get(..line_at).unwrap_or_default();
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        before.strip_suffix(b"\r").unwrap_or(before).len()
    }

    /// Ends the innermost open part; says where, for a body never ends before it begins and a part
    /// never before its last child.
    fn close(&mut self, end: usize) -> usize {
        let Some(open) = self.open.pop() else { return end };
        self.boundaries.close(self.open.len());
        let last = narrow(self.map.parts.len());
        let body_at = self.map.parts.get(open.part).map_or(0, |part| part.body.0);
        let end = end.max(usize::try_from(body_at).unwrap_or(0));
        let lines = self.lines_before(end).saturating_sub(open.lines_before);
        let text_plain = match self.map.parts.get_mut(open.part) {
            Some(part) => {
                part.end = last;
                part.body.1 = narrow(end).saturating_sub(body_at);
                part.lines = lines;
                part.kind == Kind::Multipart && open.children == 0
            }
            None => false,
        };
        if text_plain {
            let plain = self.text_plain();
            if let Some(part) = self.map.parts.get_mut(open.part) {
                // Nothing in it: all of it is text (pitfall 106).
                part.kind = Kind::Leaf;
                (part.media, part.subtype, part.params) = plain;
            }
        }
        end
    }

    /// Counts forward from where it last stood, or back over the few bytes of a line ending.
    fn lines_before(&mut self, offset: usize) -> u32 {
        let (counted, lines) = self.counted;
        let count = |bytes: &[u8]| {
            took(bytes.len());
            narrow(memchr_iter(b'\n', bytes).count())
        };
        let lines = match self.message.get(counted..offset) {
            Some(ahead) => lines.saturating_add(count(ahead)),
            None => {
                lines.saturating_sub(count(self.message.get(offset..counted).unwrap_or_default()))
            }
        };
        self.counted = (offset, lines);
        lines
    }

    /// What the header says of its part, and the boundary of a multipart.
    fn describe(&mut self, header: &Header<'_>, default_message: bool) -> (Part, Option<Vec<u8>>) {
        let mut part = Part::default();
        let mut boundary = None;
        let value = header.content_type.map(near).map(unfold).unwrap_or_default();
        match content::media_type(&value) {
            Some((media, subtype, params)) => {
                (part.kind, boundary) = self.kind(media, subtype, params.clone());
                let whole =
                    part.kind != Kind::Leaf || !(is_multipart(media) || is_message(media, subtype));
                if whole {
                    part.media = self.lower(media);
                    part.subtype = self.lower(subtype);
                    part.params = self.params(params);
                    if media.eq_ignore_ascii_case(b"text")
                        && subtype.eq_ignore_ascii_case(b"plain")
                        && part.params.1 == 0
                    {
                        part.params = self.us_ascii();
                    }
                } else {
                    (part.media, part.subtype, part.params) = self.text_plain();
                }
            }
            None if default_message && header.content_type.is_none() && self.has_room() => {
                part.kind = Kind::Message;
                part.media = self.keep(b"message");
                part.subtype = self.keep(b"rfc822");
            }
            None => (part.media, part.subtype, part.params) = self.text_plain(),
        }
        if let Some(value) = header.encoding {
            part.encoding = self.lower_some(content::first_token(&unfold(near(value))));
        }
        part.id = self.unfolded(header.id);
        part.description = self.unfolded(header.description);
        part.md5 = self.unfolded(header.md5);
        part.language = self.unfolded(header.language);
        part.location = self.location(header.location);
        if let Some(value) = header.disposition
            && let Some((kind, params)) = content::disposition(&unfold(near(value)))
        {
            part.disposition = self.lower(kind);
            part.disposition_params = self.params(params);
        }
        (part, boundary)
    }

    /// A multipart needs a boundary; a multipart or message needs room below it.
    fn kind(&self, media: &[u8], subtype: &[u8], params: Params<'_>) -> (Kind, Option<Vec<u8>>) {
        if is_multipart(media) && self.has_room() {
            // Of those that the map keeps: it must tell what its parts were found by.
            let room = PARAMS_MAX.saturating_sub(self.map.params.len());
            let mut params = params.take(room.min(PARAMS_PER_FIELD_MAX));
            let pieces = params.clone();
            let whole = params.find(|(name, _)| name.eq_ignore_ascii_case(b"boundary"));
            let boundary = match whole {
                Some((_, value)) => Some(value.trim_ascii_end().to_vec()),
                None => content::joined(pieces, "boundary").map(|joined| joined.value),
            };
            let right = |value: &Vec<u8>| (1..=BOUNDARY_BYTES_MAX).contains(&value.len());
            return match boundary.filter(right) {
                Some(boundary) => (Kind::Multipart, Some(boundary)),
                None => (Kind::Leaf, None),
            };
        }
        let message = is_message(media, subtype) && self.has_room();
        (if message { Kind::Message } else { Kind::Leaf }, None)
    }

    /// True if a part may have parts.
    fn has_room(&self) -> bool {
        self.open.len() < DEPTH_MAX.saturating_sub(1)
            && self.map.parts.len().saturating_add(1) < PARTS_MAX
    }

    /// Renders the envelope of the message in `part`, which has this header.
    fn envelope(&mut self, part: usize, header: &Header<'_>) {
        let mut rendered = Vec::new();
        envelope::write(header, &mut rendered);
        let fits = self.map.text.len().saturating_add(rendered.len()) <= TEXT_BYTES_MAX;
        let span = if fits { self.keep_whole(&rendered) } else { Span::NONE };
        if let Some(part) = self.map.parts.get_mut(part) {
            part.envelope = span;
        }
    }

    fn text_plain(&mut self) -> (Span, Span, (u32, u32)) {
        (self.keep(b"text"), self.keep(b"plain"), self.us_ascii())
    }

    fn us_ascii(&mut self) -> (u32, u32) {
        let first = narrow(self.map.params.len());
        let param = (self.keep(b"charset"), self.keep(b"us-ascii"));
        self.map.params.push(param);
        (first, 1)
    }

    fn params(&mut self, params: Params<'_>) -> (u32, u32) {
        let first = self.map.params.len();
        for (name, value) in params.take(PARAMS_PER_FIELD_MAX) {
            if self.map.params.len() >= PARAMS_MAX {
                break;
            }
            let param = (self.lower(name), self.keep(&value));
            self.map.params.push(param);
        }
        (narrow(first), narrow(self.map.params.len().saturating_sub(first)))
    }

    fn unfolded(&mut self, value: Option<&[u8]>) -> Span {
        value.map_or(Span::NONE, |value| self.keep(&unfold(near(value))))
    }

    /// Content-Location: where it was folded nothing stood (RFC 2557 §4.4.3).
    fn location(&mut self, value: Option<&[u8]>) -> Span {
        let Some(value) = value.map(|value| near(value).trim_ascii()) else { return Span::NONE };
        if memchr(b'\n', value).is_none() {
            return self.unfolded(Some(value));
        }
        let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        self.keep(&unfold(&lines.collect::<Vec<_>>().concat()))
    }

    fn keep(&mut self, value: &[u8]) -> Span {
        self.keep_whole(value.get(..VALUE_BYTES_MAX).unwrap_or(value))
    }

    fn keep_whole(&mut self, value: &[u8]) -> Span {
        let at = self.map.text.len();
        if at.saturating_add(value.len()) > TEXT_BYTES_MAX {
            return Span::NONE;
        }
        self.map.text.extend_from_slice(value);
        Span { at: narrow(at), len: narrow(value.len()) }
    }

    fn lower(&mut self, value: &[u8]) -> Span {
        let at = self.map.text.len();
        let span = self.keep(value);
        self.map.text.get_mut(at..).unwrap_or_default().make_ascii_lowercase();
        span
    }

    fn lower_some(&mut self, value: &[u8]) -> Span {
        if value.is_empty() { Span::NONE } else { self.lower(value) }
    }
}

/// As much of a field as is looked at.
fn near(value: &[u8]) -> &[u8] {
    value.get(..FIELD_BYTES_MAX).unwrap_or(value)
}

fn is_multipart(media: &[u8]) -> bool {
    media.eq_ignore_ascii_case(b"multipart")
}

/// RFC 2046 §5.2.1, RFC 6532 §3.7.
fn is_message(media: &[u8], subtype: &[u8]) -> bool {
    media.eq_ignore_ascii_case(b"message")
        && (subtype.eq_ignore_ascii_case(b"rfc822") || subtype.eq_ignore_ascii_case(b"global"))
}

pub(super) fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
