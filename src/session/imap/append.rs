//! APPEND (RFC 9051 §6.3.12): a message on its way in, a piece at a time.
//!
//! The rule: nothing is taken that will be refused. What is known to be wrong is told before `+`,
//! and of a client that does not wait every byte is passed over, so that the connection stays in
//! step (pitfall 63).

use parser::imap::{
    self, AppendHead, AppendItem, AppendOctets, AppendPiece, AppendPieces, AppendRead,
};

use super::super::{Next, Output, Step};
use super::codes::{self, Missing};
use super::doing::{Doing, Ending, What};
use super::input::read;
use super::store::{BAD_KEYWORD, flag_set};
use super::table::APPEND;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Body, FlagSet, Job, Reply, Ticket};
use crate::limits::{MESSAGE_IN_MEMORY_BYTES_MAX, SPOOL_CHUNK_BYTES};
use crate::model::{AccountId, MailboxName, Timestamp};

const CATENATE: &str = "CATENATE is not offered";

/// A message on its way in.
#[derive(Debug)]
pub(super) struct Append {
    ending: Ending,
    account: AccountId,
    name: MailboxName,
    flags: FlagSet,
    internal_date: Option<Timestamp>,
    /// Bytes of the literal still to come.
    left: u64,
    /// What came and is not in the spool.
    bytes: Vec<u8>,
    /// A message too large for memory; `None` until its first chunk is there.
    spooled: Spooled,
}

#[derive(Debug)]
enum Spooled {
    /// Small enough for memory.
    No,
    /// To be spooled, once the store has said that the mailbox is there.
    Unasked,
    /// To be spooled; the ticket comes with the first chunk.
    Yes(Option<Ticket>),
    /// Spooling failed: the rest is passed over.
    Lost,
}

impl Imap {
    /// The head of a literal of an APPEND: `None` if the literal is still part of the command.
    pub(super) fn on_append_head(&mut self, head: &[u8], out: &mut Output) -> Option<Step> {
        let piece = match AppendPieces::new().read(head) {
            Ok(AppendRead::Name) => return None,
            Ok(AppendRead::Piece(piece)) => piece,
            Ok(AppendRead::Url) => {
                self.framer.refuse_literal();
                let next = self.bad(imap::tag_of(head), format_args!("{CATENATE}"), out);
                return Some(Step { consumed: 0, next });
            }
            Err(error) => {
                self.framer.refuse_literal();
                let next = self.bad(error.tag, format_args!("{error}"), out);
                return Some(Step { consumed: 0, next });
            }
        };
        let tag = piece.head.map_or("*", |head| head.tag);
        let waits = piece.literal.is_some_and(|literal| literal.synchronizing);
        match self.append(&piece) {
            Ok(append) => {
                self.framer.reset();
                let next = self.await_message(append, waits, out);
                Some(Step { consumed: head.len(), next })
            }
            Err(text) => {
                self.framer.refuse_literal();
                let ending = Ending::ok(tag, &APPEND).saying(text);
                Some(Step { consumed: 0, next: self.end(ending, out) })
            }
        }
    }

    /// A client that waits for `+` before it sends much is told first if it would be for nothing.
    fn await_message(&mut self, mut append: Append, waits: bool, out: &mut Output) -> Next {
        let mut next = Next::Read;
        if waits && matches!(append.spooled, Spooled::Yes(_)) {
            append.spooled = Spooled::Unasked;
            let (account, name) = (append.account, append.name.clone());
            next = Next::Run(Box::new(Job::Status { account, name }));
        } else if waits {
            out.put(b"+ OK\r\n");
        }
        self.doing = Doing::Append(Box::new(append));
        next
    }

    /// A job of a message on its way in is home.
    pub(super) fn on_append_reply(
        &mut self,
        mut append: Box<Append>,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        match (&append.spooled, reply) {
            (Spooled::Unasked, Reply::MailboxStatus(_)) => {
                append.spooled = Spooled::Yes(None);
                out.put(b"+ OK\r\n");
            }
            (Spooled::Unasked, reply) => {
                return self.fail(append.ending, &reply, Missing::Target, out); // [TRYCREATE]
            }
            (_, Reply::Spooled(ticket)) => append.spooled = Spooled::Yes(Some(ticket)),
            (_, reply) => {
                append.spooled = Spooled::Lost;
                append.ending = append.ending.saying(codes::problem(&reply, Missing::Target));
            }
        }
        self.doing = Doing::Append(append);
        Next::Read
    }

    /// What can be known of an APPEND before its message comes.
    fn append(&self, piece: &AppendPiece<'_>) -> Result<Append, std::borrow::Cow<'static, str>> {
        let account = self.account().ok_or("BAD Log in first")?;
        let Some(AppendHead { tag, replaces: None, mailbox }) = piece.head else {
            return Err("BAD REPLACE is not offered".into());
        };
        let mut items = piece.items.clone();
        let (flags, date_time, size) = match (items.next(), items.next()) {
            (
                Some(AppendItem::Message { flags, date_time }),
                Some(AppendItem::Octets(AppendOctets {
                    literal, part: false, utf8: false, ..
                })),
            ) => (flags, date_time, literal.size),
            (_, Some(AppendItem::Octets(AppendOctets { utf8: true, part: false, .. }))) => {
                return Err("BAD UTF8=ACCEPT is not offered".into());
            }
            _ => return Err(format!("BAD {CATENATE}").into()),
        };
        let name = self.name_of(mailbox)?;
        if size == 0 {
            return Err("NO [CANNOT] An empty message is none".into()); // pitfall 13
        }
        if size > self.settings.append_bytes_max {
            return Err(codes::refusal(Refusal::TooBig, Missing::Target));
        }
        let flags = flag_set(flags).ok_or(BAD_KEYWORD)?;
        let in_memory =
            usize::try_from(size).ok().filter(|size| *size <= MESSAGE_IN_MEMORY_BYTES_MAX);
        let spooled = if in_memory.is_some() { Spooled::No } else { Spooled::Yes(None) };
        Ok(Append {
            ending: Ending::ok(tag, &APPEND),
            account,
            name,
            flags,
            internal_date: date_time.map(|at| Timestamp::from_seconds(at.unix_seconds)),
            left: size,
            bytes: Vec::with_capacity(in_memory.unwrap_or_default()),
            spooled,
        })
    }

    /// Bytes of the message.
    pub(super) fn on_append_bytes(
        &mut self,
        mut append: Box<Append>,
        input: &[u8],
        out: &mut Output,
    ) -> Step {
        if append.left == 0 {
            return self.on_append_end(append, input, out);
        }
        let room = match append.spooled {
            Spooled::No | Spooled::Lost => usize::MAX,
            Spooled::Yes(_) | Spooled::Unasked => {
                SPOOL_CHUNK_BYTES - append.bytes.len().min(SPOOL_CHUNK_BYTES)
            }
        };
        let wanted = usize::try_from(append.left).unwrap_or(usize::MAX).min(room);
        let taken = input.get(..wanted.min(input.len())).unwrap_or_default();
        append.left -= taken.len() as u64;
        if !matches!(append.spooled, Spooled::Lost) {
            append.bytes.extend_from_slice(taken);
        }
        let full = append.bytes.len() >= SPOOL_CHUNK_BYTES || append.left == 0;
        let next = match &mut append.spooled {
            Spooled::Yes(ticket) if full => {
                let ticket = ticket.take();
                let chunk = std::mem::take(&mut append.bytes);
                Next::Run(Box::new(Job::Spool { ticket, chunk }))
            }
            _ => Next::Read,
        };
        self.doing = Doing::Append(append);
        Step { consumed: taken.len(), next }
    }

    /// What follows the message: the end of the line, or what we do not take.
    fn on_append_end(&mut self, append: Box<Append>, input: &[u8], out: &mut Output) -> Step {
        let limits = self.limits();
        match self.framer.next(input, &limits) {
            imap::Frame::Incomplete => {
                self.doing = Doing::Append(append);
                read(0)
            }
            imap::Frame::Complete { bytes } => {
                let line = input.get(..bytes).unwrap_or_default();
                let next = if line.trim_ascii().is_empty() {
                    self.append_received(*append, out)
                } else {
                    self.bad(Some(&append.ending.tag), format_args!("Expected CRLF"), out)
                };
                Step { consumed: bytes, next }
            }
            imap::Frame::Literal { .. } => {
                // MULTIAPPEND (RFC 3502) is not offered: whatever follows goes unread.
                self.framer.refuse_literal();
                let next =
                    self.bad(Some(&append.ending.tag), format_args!("One message a command"), out);
                self.go_on_skipping(next, input)
            }
            imap::Frame::TooLong => {
                let next = self.bad(Some(&append.ending.tag), format_args!("Too long"), out);
                self.go_on_skipping(next, input)
            }
            imap::Frame::Skip { bytes } => {
                self.doing = Doing::Append(append);
                read(bytes)
            }
        }
    }

    /// A refused line is passed over at once: to have consumed nothing means to wait for more.
    fn go_on_skipping(&mut self, next: Next, input: &[u8]) -> Step {
        let limits = self.limits();
        let consumed = match next {
            Next::Read => match self.framer.next(input, &limits) {
                imap::Frame::Skip { bytes } => bytes,
                _ => 0,
            },
            _ => 0,
        };
        Step { consumed, next }
    }

    fn append_received(&mut self, append: Append, out: &mut Output) -> Next {
        let Append { ending, account, name, flags, internal_date, bytes, spooled, .. } = append;
        let body = match spooled {
            Spooled::No => Body::Memory(bytes),
            Spooled::Yes(Some(ticket)) => Body::Spooled(ticket),
            Spooled::Unasked | Spooled::Yes(None) | Spooled::Lost => return self.end(ending, out),
        };
        let job = Job::Append { account, name, flags, internal_date, body };
        self.run(ending, What::Appended, job)
    }

    /// Pitfall 85: a message appended to the selected mailbox is told by EXISTS first.
    pub(super) fn on_appended(&mut self, ending: Ending, reply: &Reply, out: &mut Output) -> Next {
        let Reply::Appended { mailbox, uid_validity, uid, .. } = reply else {
            return self.fail(ending, reply, Missing::Target, out);
        };
        let text = format!("OK [APPENDUID {uid_validity} {uid}] APPEND completed");
        let ending = ending.saying(text);
        match &self.state {
            State::Selected(_, selected) if selected.key == *mailbox => {
                let job = Job::Refresh { mailbox: selected.key };
                self.run(ending, What::Refresh, job)
            }
            _ => self.end(ending, out),
        }
    }
}
