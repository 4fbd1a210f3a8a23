//! One message's FETCH response, written piece by piece as its bytes come home.
//!
//! The rule: a literal announces its exact length, and that many bytes follow or the connection
//! closes. So nothing of a message is written before its first bytes are at hand: one that cannot
//! be read at all is left out, and the command ends with NO (pitfalls 48, 49, 106).

use std::ops::Range;
use std::sync::Arc;
use std::vec::IntoIter;

use parser::imap::write;
use parser::message::MessageMap;

use super::super::super::Output;
use super::super::lines::{Items, put_items, put_number, put_opening};
use super::super::mailbox::Selected;
use super::Trouble;
use super::plan::{Asked, Plan, Wanted};
use super::section::{self, Encoded, Place};
use crate::error::{Fault, Refusal};
use crate::job::{Fetched, Job, Reply};
use crate::limits::{BODY_SLICE_BYTES_MAX, PART_HEADER_BYTES_MAX};
use crate::mail::section::EncodedPart;
use crate::mail::{Snapshot, UidRuns, structure};
use crate::model::{AccountId, Uid};

/// What one `Messages` reply brought.
#[derive(Debug)]
pub(super) struct Batch {
    messages: IntoIter<Fetched>,
    count: u32,
    next: Option<Uid>,
    current: Option<Current>,
    /// The mailbox after `\Seen` was set.
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// Messages whose flags were told as `snapshot` has them.
    pub(super) told: UidRuns,
}

/// What came of one step.
pub(super) enum Outcome {
    /// A message, or a piece of one.
    Wrote,
    /// Something had to be left out.
    Trouble(Trouble),
    /// Bytes are needed.
    Needs(Job),
    /// The batch is done.
    Empty { next: Option<Uid> },
}

/// What came of one item.
enum Item {
    Told,
    /// Its bytes must come first.
    Needs(Transfer, Job),
    /// The store did not bring what it was asked for.
    Missing,
}

/// A literal's bytes stopped coming.
#[derive(Debug)]
pub(super) struct CutShort;

/// The message being written.
#[derive(Debug)]
struct Current {
    fetched: Fetched,
    map: Option<MessageMap>,
    seq: u32,
    items: Items,
    /// The item at hand, in `Plan::asked`.
    at: usize,
    transfer: Transfer,
    /// `* n FETCH (` is out.
    opened: bool,
    /// Where the first item would stand: no space before it.
    bare: bool,
}

/// How far the item at hand is.
#[derive(Debug)]
enum Transfer {
    /// Nothing was asked for.
    Idle,
    /// The first bytes were asked for; nothing is announced yet.
    Asked { offset: u64, count: u64 },
    /// The literal is announced and begun.
    Inside { offset: u64, left: u64 },
    /// A header is collected, to be filtered.
    Gathering { bytes: Vec<u8>, offset: u64, left: u64 },
    /// A part is being decoded.
    Decoding,
}

impl Batch {
    pub(super) fn new(
        messages: Vec<Fetched>,
        next: Option<Uid>,
        snapshot: Option<Arc<Snapshot>>,
    ) -> Self {
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        let messages = messages.into_iter();
        Self { messages, count, next, current: None, snapshot, told: UidRuns::new() }
    }

    pub(super) const fn len(&self) -> u32 {
        self.count
    }

    pub(super) const fn is_inside_a_response(&self) -> bool {
        matches!(&self.current, Some(current) if current.opened)
    }

    /// Writes one message, or what can be written of it.
    pub(super) fn write(
        &mut self,
        plan: &Plan,
        mailbox: &mut Selected,
        account: AccountId,
        out: &mut Output,
    ) -> Outcome {
        if self.current.is_none() {
            let Some(fetched) = self.messages.next() else {
                return Outcome::Empty { next: self.next };
            };
            let Some(current) = Current::new(fetched, plan, mailbox, out) else {
                return Outcome::Wrote;
            };
            self.current = Some(current);
        }
        let Some(current) = &mut self.current else { return Outcome::Wrote };
        let outcome = current.write(plan, account, out);
        if let Outcome::Wrote = outcome {
            let message = &current.fetched.message;
            let now = self.snapshot.as_ref().and_then(|snapshot| snapshot.get(message.uid));
            let as_told = now.is_some_and(|now| now.mod_seq == message.mod_seq);
            if current.opened && current.items.flags && as_told {
                self.told.push(message.uid);
            }
            self.current = None;
        }
        outcome
    }

    /// Takes the bytes that were asked for.
    pub(super) fn take(
        &mut self,
        reply: Reply,
        plan: &Plan,
        out: &mut Output,
    ) -> Result<Option<Trouble>, CutShort> {
        match &mut self.current {
            Some(current) => current.take(reply, plan, out),
            None => Ok(None),
        }
    }
}

impl Current {
    fn new(
        fetched: Fetched,
        plan: &Plan,
        mailbox: &mut Selected,
        out: &mut Output,
    ) -> Option<Self> {
        let seq = mailbox.view.seq_of(fetched.message.uid)?;
        let mut items = plan.items;
        // Pitfall 108: what setting `\Seen` changed is told right here, and only here.
        items.flags |= plan.marks_seen && fetched.message.mod_seq > mailbox.view.mod_seq();
        if items.flags {
            mailbox.announce(&fetched.keywords, out);
        }
        let transfer = Transfer::Idle;
        let map = fetched.map.as_deref().and_then(MessageMap::decode);
        Some(Self { fetched, map, seq, items, at: 0, transfer, opened: false, bare: true })
    }

    /// Items from `at` on, until one needs a job. `Wrote` when the message is done.
    fn write(&mut self, plan: &Plan, account: AccountId, out: &mut Output) -> Outcome {
        if let Transfer::Inside { offset, left } = self.transfer {
            return Outcome::Needs(self.read(account, offset, left));
        }
        if let Transfer::Gathering { offset, left, .. } = self.transfer {
            return Outcome::Needs(self.read(account, offset, left));
        }
        while let Some(asked) = plan.asked.get(self.at) {
            match self.item(asked, account, out) {
                Item::Told => self.at += 1,
                Item::Needs(transfer, job) => {
                    self.transfer = transfer;
                    return Outcome::Needs(job);
                }
                Item::Missing => {
                    self.at += 1;
                    return Outcome::Trouble(Trouble::Fault(Fault::ServerBug));
                }
            }
        }
        if plan.asked.is_empty() {
            self.open(out);
        }
        if self.opened {
            out.put(b")\r\n");
        }
        Outcome::Wrote
    }

    /// Tells one item, if what it needs is at hand.
    fn item(&mut self, asked: &Asked, account: AccountId, out: &mut Output) -> Item {
        match asked {
            Asked::Envelope => {
                let Some(envelope) = self.fetched.envelope.clone() else { return Item::Missing };
                self.put_text(b"ENVELOPE ", &envelope, out);
                Item::Told
            }
            Asked::Structure { label, form } => {
                if self.map.is_none() {
                    return Item::Missing;
                }
                self.put_label(label.as_bytes(), out);
                if let Some(map) = &self.map {
                    structure::write(map, *form, out.buffer());
                }
                Item::Told
            }
            Asked::Section(wanted) => self.section(wanted, account, out),
            Asked::Binary(wanted) => self.binary(asked, wanted, account, out),
            Asked::BinarySize(wanted) => self.binary(asked, wanted, account, out),
        }
    }

    fn section(&mut self, wanted: &Wanted, account: AccountId, out: &mut Output) -> Item {
        match section::place(&self.fetched, self.map.as_ref(), wanted) {
            Place::Absent => self.put_text(&wanted.label, b"NIL", out), // pitfall 100
            Place::Here { bytes, range } => {
                self.put_literal(wanted, bytes.get(range).unwrap_or_default(), out);
            }
            Place::Made(bytes) => self.put_literal(wanted, &bytes, out),
            Place::Stored(range) => {
                let (offset, count) = partial(range, wanted);
                if count > 0 {
                    let transfer = Transfer::Asked { offset, count };
                    return Item::Needs(transfer, self.read(account, offset, count));
                }
                self.put_literal(wanted, b"", out);
            }
            Place::StoredHeader(range) => {
                let left = (range.end - range.start).min(PART_HEADER_BYTES_MAX);
                let job = self.read(account, range.start, left);
                let (bytes, offset) = (Vec::new(), range.start);
                return Item::Needs(Transfer::Gathering { bytes, offset, left }, job);
            }
            Place::Unknown => return Item::Missing,
        }
        Item::Told
    }

    /// BINARY and BINARY.SIZE: what was never encoded needs no decoding.
    fn binary(
        &mut self,
        asked: &Asked,
        wanted: &Wanted,
        account: AccountId,
        out: &mut Output,
    ) -> Item {
        let wants_size = matches!(asked, Asked::BinarySize(_));
        let EncodedPart { range, encoding } = match section::encoded(self.map.as_ref(), wanted) {
            Encoded::Part(part) => part,
            Encoded::Unknown => return Item::Missing,
            Encoded::Absent => {
                self.put_text(&wanted.label, if wants_size { b"0" } else { b"NIL" }, out);
                return Item::Told;
            }
        };
        let (offset, count) = (range.start, range.end - range.start);
        if matches!(encoding.as_str(), "7bit" | "8bit" | "binary") {
            if wants_size {
                self.put_label(&wanted.label, out);
                put_number(count, out);
                return Item::Told;
            }
            if let Place::Here { bytes, range } = section::in_body(&self.fetched, range) {
                self.put_literal(wanted, bytes.get(range).unwrap_or_default(), out);
                return Item::Told;
            }
        }
        let blob = self.fetched.blob;
        let job = Job::DecodePart { account, blob, offset, count, encoding };
        Item::Needs(Transfer::Decoding, job)
    }

    fn take(
        &mut self,
        reply: Reply,
        plan: &Plan,
        out: &mut Output,
    ) -> Result<Option<Trouble>, CutShort> {
        let asked = plan.asked.get(self.at);
        let transfer = std::mem::replace(&mut self.transfer, Transfer::Idle);
        let bytes = match reply {
            Reply::Bytes(bytes) if !bytes.is_empty() || matches!(transfer, Transfer::Decoding) => {
                bytes
            }
            _ if matches!(transfer, Transfer::Inside { .. }) => return Err(CutShort),
            reply => {
                self.at += 1;
                return Ok(Some(match reply {
                    Reply::Failed(fault) => Trouble::Fault(fault),
                    Reply::Refused(Refusal::UnknownEncoding) => Trouble::UnknownEncoding,
                    Reply::Refused(_) => Trouble::Gone,
                    _ => Trouble::Fault(Fault::ServerBug),
                }));
            }
        };
        match (transfer, asked) {
            (Transfer::Asked { offset, count }, Some(Asked::Section(wanted))) => {
                self.put_label(&wanted.label, out);
                write::literal_head(out.buffer(), count);
                self.put_slice(&bytes, offset, count, out);
            }
            (Transfer::Inside { offset, left }, _) => self.put_slice(&bytes, offset, left, out),
            (
                Transfer::Gathering { bytes: mut header, offset, left },
                Some(Asked::Section(wanted)),
            ) => {
                let taken = slice(&bytes, left);
                header.extend_from_slice(taken);
                let count = taken.len() as u64;
                if count == left {
                    let fields = section::fields(&header, &wanted.text);
                    self.put_literal(wanted, &fields, out);
                    self.at += 1;
                } else {
                    let (offset, left) = (offset + count, left - count);
                    self.transfer = Transfer::Gathering { bytes: header, offset, left };
                }
            }
            (Transfer::Decoding, Some(Asked::Binary(wanted))) => {
                self.put_literal(wanted, &bytes, out);
                self.at += 1;
            }
            (Transfer::Decoding, Some(Asked::BinarySize(wanted))) => {
                self.put_label(&wanted.label, out);
                put_number(bytes.len() as u64, out);
                self.at += 1;
            }
            _ => {}
        }
        Ok(None)
    }

    /// A slice of an announced literal.
    fn put_slice(&mut self, bytes: &[u8], offset: u64, left: u64, out: &mut Output) {
        let taken = slice(bytes, left);
        out.put(taken);
        let count = taken.len() as u64;
        if count == left {
            self.at += 1;
        } else {
            self.transfer = Transfer::Inside { offset: offset + count, left: left - count };
        }
    }

    fn read(&self, account: AccountId, offset: u64, left: u64) -> Job {
        let count = left.min(BODY_SLICE_BYTES_MAX as u64);
        Job::ReadBody { account, blob: self.fetched.blob, offset, count }
    }

    fn open(&mut self, out: &mut Output) {
        if self.opened {
            return;
        }
        self.opened = true;
        put_opening(self.seq, out);
        let start = out.len();
        put_items(self.items, &self.fetched.message, &self.fetched.keywords, out);
        self.bare = out.len() == start;
    }

    fn put_label(&mut self, label: &[u8], out: &mut Output) {
        self.open(out);
        if !std::mem::replace(&mut self.bare, false) {
            out.put(b" ");
        }
        out.put(label);
    }

    fn put_text(&mut self, label: &[u8], text: &[u8], out: &mut Output) {
        self.put_label(label, out);
        out.put(text);
    }

    /// The wanted part of `bytes`; as a literal8 if BINARY has a NUL in it (RFC 3516 §4.2). In a
    /// BODY section one goes out as it was stored (pitfall 142).
    fn put_literal(&mut self, wanted: &Wanted, bytes: &[u8], out: &mut Output) {
        let (offset, count) = partial(0..bytes.len() as u64, wanted);
        let bytes = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        let bytes = slice(bytes.unwrap_or_default(), count);
        self.put_label(&wanted.label, out);
        if bytes.is_empty() && wanted.partial.is_some() {
            out.put(b"\"\""); // pitfall 103
        } else if wanted.is_binary() && memchr::memchr(0, bytes).is_some() {
            write::literal8(out.buffer(), bytes);
        } else {
            write::literal(out.buffer(), bytes);
        }
    }
}

/// At most `count` of `bytes`.
fn slice(bytes: &[u8], count: u64) -> &[u8] {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..count).unwrap_or_default()
}

/// `<offset.count>` of a range, as offset and count; nothing beyond its end (pitfall 103).
fn partial(range: Range<u64>, wanted: &Wanted) -> (u64, u64) {
    let whole = range.end.saturating_sub(range.start);
    match wanted.partial {
        None => (range.start, whole),
        Some(partial) => {
            let skipped = partial.offset.min(whole);
            (range.start + skipped, partial.count.min(whole - skipped))
        }
    }
}
