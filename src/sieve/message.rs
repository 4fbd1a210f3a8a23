//! The message of a run: its header as an indexed list that scripts may change (RFC 5293), its parts,
//! and their texts as they are asked for.
//!
//! The header is walked once; a field is decoded when a test first wants it, and never again.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use parser::message::header::unfold;
use parser::message::{Address, Addresses, Fields, Mailbox, MessageMap, PartRef};

use super::action::Version;
use super::limits::Budget;
use super::run::Halt;
use crate::mail::text;

/// A message that may have been changed.
#[derive(Debug)]
pub(super) struct Message<'m> {
    bytes: Cow<'m, [u8]>,
    map: Cow<'m, MessageMap>,
    fields: Vec<Field>,
    /// Where the blank line is that ends the header, if it is there.
    blank: Range<usize>,
    edited: bool,
    /// The bytes as they are now, once somebody wanted them.
    version: Option<Version>,
    /// What `body` looks at, by part: as text, and decoded.
    texts: Vec<OnceCell<Option<Box<str>>>>,
    contents: Vec<OnceCell<Box<[u8]>>>,
}

/// A field of the top header.
#[derive(Debug)]
pub(super) struct Field {
    raw: Raw,
    /// Length and first letter of its name: most fields differ in them from the one looked for.
    key: (usize, u8),
    /// In `raw`, folded, without the last line ending.
    value: Range<usize>,
    /// `None` inside: it reads as it stands, but for the spaces around.
    decoded: OnceCell<Option<Box<str>>>,
    mailboxes: OnceCell<Box<[MailAddress]>>,
}

/// An address of a field, quotes undone. Rules look at the same few again and again.
#[derive(Debug)]
pub(super) struct MailAddress {
    /// `local@domain`, or what stands there instead.
    pub(super) all: Box<[u8]>,
    /// Bytes before the `@`; all of them if there is none.
    local: usize,
}

impl MailAddress {
    /// Both sides of the `@`, if it is an address (RFC 5228 §2.7.4).
    pub(super) fn parts(&self) -> Option<(&[u8], &[u8])> {
        let (local, rest) = self.all.split_at_checked(self.local)?;
        let domain = rest.strip_prefix(b"@")?;
        (!local.is_empty() && !domain.is_empty()).then_some((local, domain))
    }

    fn all_in(line: &[u8]) -> Box<[Self]> {
        let address = |address| match address {
            Address::Mailbox(Mailbox { local, domain, .. }) => Some(Self {
                local: local.len(),
                all: match domain {
                    Some(domain) => [&local, &b"@"[..], &domain].concat().into(),
                    None => local.into(),
                },
            }),
            _ => None,
        };
        Addresses::new(line).filter_map(address).collect()
    }
}

#[derive(Debug)]
enum Raw {
    Received(Range<usize>),
    Added(Box<[u8]>),
}

/// The value of a field, wherever it comes from.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    raw: &'a [u8],
    field: Option<&'a Field>,
}

impl<'a> Value<'a> {
    /// As readers see it (RFC 5228 §2.7.2), without spaces around (§5.7).
    pub(super) fn text(&self) -> Cow<'a, [u8]> {
        match self.field {
            Some(field) => match field.decoded.get_or_init(|| decoded(self.raw)) {
                Some(text) => Cow::Borrowed(text.as_bytes()),
                None => Cow::Borrowed(self.raw.trim_ascii()),
            },
            None => match decoded(self.raw) {
                Some(text) => Cow::Owned(String::from(text).into_bytes()),
                None => Cow::Borrowed(self.raw.trim_ascii()),
            },
        }
    }

    /// On one line, nothing decoded: for addresses and dates.
    pub(super) fn line(&self) -> Cow<'a, [u8]> {
        unfold(self.raw)
    }

    /// The mailboxes in it, in and out of groups.
    pub(super) fn mailboxes<R>(&self, visit: impl FnOnce(&[MailAddress]) -> R) -> R {
        match self.field {
            Some(field) => visit(field.mailboxes.get_or_init(|| MailAddress::all_in(&self.line()))),
            None => visit(&MailAddress::all_in(&self.line())),
        }
    }

    /// Bytes of it.
    pub(super) const fn len(&self) -> usize {
        self.raw.len()
    }
}

/// `None`: as it stands.
fn decoded(raw: &[u8]) -> Option<Box<str>> {
    let plain = raw.trim_ascii();
    let simple = plain.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if simple && !plain.windows(2).any(|pair| pair == b"=?") {
        return None;
    }
    let text = text::decode_header(raw);
    Some(text.trim_matches([' ', '\t', '\r', '\n']).into())
}

impl<'m> Message<'m> {
    pub(super) fn new(bytes: Cow<'m, [u8]>, map: Cow<'m, MessageMap>) -> Self {
        let mut fields = Vec::with_capacity(FIELDS_USUAL);
        let mut walk = Fields::new(&bytes);
        let mut at = 0;
        for field in walk.by_ref() {
            let value = behind_colon(field.raw, field.name);
            fields.push(Field {
                raw: Raw::Received(at..at + field.raw.len()),
                key: key(field.name),
                value: value..value + field.value.len(),
                decoded: OnceCell::new(),
                mailboxes: OnceCell::new(),
            });
            at += field.raw.len();
        }
        let blank = at..walk.offset();
        Self {
            bytes,
            map,
            fields,
            blank,
            edited: false,
            version: None,
            texts: Vec::new(),
            contents: Vec::new(),
        }
    }

    pub(super) fn part(&self, index: usize) -> PartRef<'_> {
        self.map.part(index).unwrap_or_else(|| self.map.root())
    }

    /// Bytes of a part: for 0 those of the message (RFC 5228 §5.9).
    pub(super) fn size(&self, part: usize) -> u64 {
        if part == 0 {
            return u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        }
        let part = self.part(part);
        u64::from(part.header().1) + u64::from(part.body().1)
    }

    fn slice(&self, (at, len): (u32, u32)) -> &[u8] {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let end = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        self.bytes.get(at..end).unwrap_or_default()
    }

    fn raw<'a>(&'a self, field: &'a Field) -> &'a [u8] {
        match &field.raw {
            Raw::Received(range) => self.bytes.get(range.clone()).unwrap_or_default(),
            Raw::Added(raw) => raw,
        }
    }

    fn value<'a>(&'a self, field: &'a Field) -> Value<'a> {
        let raw = self.raw(field).get(field.value.clone()).unwrap_or_default();
        Value { raw, field: Some(field) }
    }

    fn is(&self, field: &Field, key: (usize, u8), name: &[u8]) -> bool {
        field.key == key
            && key.0 > 0
            && self.raw(field).get(..key.0).is_some_and(|is| is.eq_ignore_ascii_case(name))
    }

    /// The fields of a part's header that have this name, in order. Part 0 is the message, whose
    /// header is as the script has made it; a nested message counts with its own header.
    pub(super) fn values<'a>(
        &'a self,
        part: usize,
        name: &'a [u8],
    ) -> impl Iterator<Item = Value<'a>> + use<'a, 'm> {
        let top = if part == 0 { self.fields.as_slice() } else { &[] };
        let inner = (part != 0).then(|| Fields::new(self.slice(self.part(part).header())));
        let key = key(name);
        let top = top.iter().filter(move |field| self.is(field, key, name));
        let inner = inner.into_iter().flatten().filter(move |field| field.is(name));
        top.map(|field| self.value(field))
            .chain(inner.map(|field| Value { raw: field.value, field: None }))
    }

    /// The first such field of the message.
    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<Value<'a>> {
        self.values(0, name.as_bytes()).next()
    }

    /// The raw fields of a part's header.
    pub(super) fn raw_fields(&self, part: usize) -> Vec<&[u8]> {
        if part == 0 {
            return self.fields.iter().map(|field| self.raw(field)).collect();
        }
        Fields::new(self.slice(self.part(part).header())).map(|field| field.raw).collect()
    }

    /// A part's body as it came; `None` if there is not even the line that would end its header.
    pub(super) fn body(&self, part: usize) -> Option<&[u8]> {
        if part == 0 && self.blank.is_empty() && self.part(0).body().1 == 0 {
            return None;
        }
        Some(self.slice(self.part(part).body()))
    }

    /// The text of a part, for `body :text` and `extracttext`; `None` for what has none.
    pub(super) fn text(&self, part: usize, budget: &mut Budget) -> Result<Option<&str>, Halt> {
        let Some(slot) = self.texts.get(part) else { return Ok(None) };
        if slot.get().is_none() {
            budget.steps(self.slice(self.part(part).body()).len())?;
        }
        let text = slot.get_or_init(|| {
            text::part_text(self.part(part), &self.bytes).map(|text| Box::from(&*text))
        });
        Ok(text.as_deref())
    }

    /// A leaf's body with its transfer encoding undone, in UTF-8 if it is text (RFC 5173 §5.2).
    pub(super) fn content(&self, part: usize, budget: &mut Budget) -> Result<&[u8], Halt> {
        let Some(slot) = self.contents.get(part) else { return Ok(&[]) };
        if slot.get().is_none() {
            budget.steps(self.slice(self.part(part).body()).len())?;
        }
        Ok(slot.get_or_init(|| self.decode(self.part(part))))
    }

    fn decode(&self, part: PartRef<'_>) -> Box<[u8]> {
        let encoded = self.slice(part.body());
        let encoding = String::from_utf8_lossy(part.encoding());
        let plain = text::undo_encoding(&encoding, encoded).unwrap_or(Cow::Borrowed(encoded));
        if part.media_type().0 != b"text" {
            return plain.into();
        }
        let named = part.param_joined("charset").map_or(Vec::new(), |named| named.value);
        crate::mail::charset::decode(&named, &plain).as_bytes().into()
    }

    /// What lies in a multipart before its first part and behind its last (RFC 5173 §5.2).
    pub(super) fn around(&self, part: usize) -> [&[u8]; 2] {
        let whole = self.part(part);
        let body = self.slice(whole.body());
        let offset = |at: u32| usize::try_from(at.saturating_sub(whole.body().0)).unwrap_or(0);
        let first = whole.children().next();
        let last = whole.children().last();
        let before = first.map_or(body.len(), |first| offset(first.header().0));
        let behind =
            last.map_or(body.len(), |last| offset(last.body().0.saturating_add(last.body().1)));
        // The boundary lines belong to neither.
        let prologue = body.get(..before).unwrap_or_default();
        let prologue = prologue.trim_ascii_end();
        let cut = memchr::memrchr(b'\n', prologue).map_or(0, |newline| newline + 1);
        let epilogue = body.get(behind.min(body.len())..).unwrap_or_default();
        let epilogue = epilogue.trim_ascii_start();
        let line = memchr::memchr(b'\n', epilogue).map_or(epilogue.len(), |newline| newline + 1);
        [prologue.get(..cut).unwrap_or_default(), epilogue.get(line..).unwrap_or_default()]
    }

    /// The header of the message in a `message/rfc822`.
    pub(super) fn inner_header(&self, part: usize) -> &[u8] {
        let inner = self.part(part).children().next();
        inner.map_or(&[], |inner| self.slice(inner.header()))
    }

    /// Room for what tests of the body decode.
    pub(super) fn prepare_body(&mut self) {
        let parts = self.map.parts().len();
        if self.texts.len() != parts {
            self.texts.resize_with(parts, OnceCell::new);
            self.contents.resize_with(parts, OnceCell::new);
        }
    }

    /// The place behind the last part in one.
    pub(super) fn end(&self, part: usize) -> usize {
        self.part(part).end()
    }

    /// What looking for a field in a part's header costs, in steps.
    pub(super) fn look_up_steps(&self, part: usize) -> usize {
        if part == 0 {
            return self.fields.len() / 4;
        }
        usize::try_from(self.part(part).header().1).unwrap_or(usize::MAX)
    }

    // Changes.

    /// Puts a whole field, line ending and all, in front of the header or behind it.
    pub(super) fn add_field(&mut self, raw: Vec<u8>, name_len: usize, last: bool) {
        let end = raw.strip_suffix(b"\r\n").unwrap_or(&raw).len();
        let field = Field {
            value: (name_len + 1).min(end)..end,
            key: key(raw.get(..name_len).unwrap_or_default()),
            raw: Raw::Added(raw.into()),
            decoded: OnceCell::new(),
            mailboxes: OnceCell::new(),
        };
        if last {
            self.fields.push(field);
        } else {
            self.fields.insert(0, field);
        }
        self.changed();
    }

    /// Removes those fields of a name, counted from 0, that are not wanted any more.
    pub(super) fn remove_fields(&mut self, name: &[u8], mut unwanted: impl FnMut(usize) -> bool) {
        let mut nth = 0;
        let fields = std::mem::take(&mut self.fields);
        let before = fields.len();
        let mut kept = Vec::with_capacity(before);
        for field in fields {
            let is_named = self.is(&field, key(name), name);
            if !is_named || !unwanted(nth) {
                kept.push(field);
            }
            nth += usize::from(is_named);
        }
        self.fields = kept;
        if self.fields.len() != before {
            self.changed();
        }
    }

    /// Puts other bytes in the place of the message.
    pub(super) fn become_bytes(&mut self, bytes: Vec<u8>) {
        let map = MessageMap::parse(&bytes);
        *self = Self::new(Cow::Owned(bytes), Cow::Owned(map));
        self.edited = true;
        self.version = None;
    }

    fn changed(&mut self) {
        self.edited = true;
        self.version = None;
    }

    /// The bytes as they are now.
    pub(super) fn whole(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.bytes.len() + 1_024);
        for field in &self.fields {
            whole.extend_from_slice(self.raw(field));
            if !whole.ends_with(b"\n") {
                whole.extend_from_slice(b"\r\n");
            }
        }
        let body = self.bytes.get(self.blank.end..).unwrap_or_default();
        match self.bytes.get(self.blank.clone()) {
            Some(blank) if !blank.is_empty() => whole.extend_from_slice(blank),
            _ if !body.is_empty() => whole.extend_from_slice(b"\r\n"),
            _ => {}
        }
        whole.extend_from_slice(body);
        whole
    }

    /// Bytes of what the map is of.
    pub(super) fn received_len(&self) -> usize {
        self.bytes.len()
    }

    /// What an action is about that runs now; made once for as long as nothing changes, and then
    /// counted in `copied`.
    pub(super) fn version(&mut self, copied: &mut usize) -> Version {
        if !self.edited {
            return Version::AsReceived;
        }
        if let Some(version) = &self.version {
            return version.clone();
        }
        let whole = self.whole();
        *copied = copied.saturating_add(whole.len());
        let version = Version::Edited(Arc::new(whole));
        self.version = Some(version.clone());
        version
    }
}

/// Fields of an ordinary header.
const FIELDS_USUAL: usize = 32;

fn key(name: &[u8]) -> (usize, u8) {
    (name.len(), name.first().map_or(0, u8::to_ascii_lowercase))
}

/// Where the value begins in a field.
fn behind_colon(raw: &[u8], name: &[u8]) -> usize {
    if name.is_empty() {
        return raw.len();
    }
    let rest = raw.get(name.len()..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b':').map_or(raw.len(), |colon| name.len() + colon + 1)
}
