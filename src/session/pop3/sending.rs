//! RETR and TOP (RFC 1939 §5, §7): a message on its way out, and those that will be asked for next.
//!
//! The rule: `+OK` follows the first bytes, so that a message which cannot be read is `-ERR` and the
//! session goes on (pitfall 124). What then stops in the middle ends the connection, for there is no
//! other way to tell that from a message's end.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use parser::pop3::DotWriter;
use parser::pop3::write;

use super::maildrop::Maildrop;
use super::{Doing, Next, Output, Pop3, State};
use crate::error::Refusal;
use crate::job::{Fetched, Job, Reply, Wants};
use crate::limits::{BODY_SLICE_BYTES_MAX, FETCH_BATCH_BYTES_MAX, FETCH_BATCH_MESSAGES_MAX};
use crate::mail::{Message, UidRuns};
use crate::model::{BlobId, Uid};

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Sending {
    message: Message,
    how: How,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// RETR
    Whole,
    /// TOP, with so many lines of the body.
    Top(u64),
}

#[derive(Debug)]
enum Stage {
    /// Messages were asked for, so many of them.
    Reading(u32),
    /// A slice was asked for.
    Slice(Slices),
    /// A slice was written.
    Written(Slices),
}

/// A message too large to be read at once.
#[derive(Debug)]
struct Slices {
    writer: DotWriter,
    blob: BlobId,
    offset: u64,
    /// `+OK` was said.
    begun: bool,
}

/// Messages that were read before they were asked for, by clients that take one after the other.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    read: VecDeque<Fetched>,
    /// The number that would continue the row, and how many to read then.
    next: u32,
    count: u32,
}

impl Ahead {
    fn take(&mut self, uid: Uid) -> Option<Fetched> {
        while self.read.front().is_some_and(|fetched| fetched.message.uid < uid) {
            self.read.pop_front();
        }
        self.read.pop_front_if(|fetched| fetched.message.uid == uid)
    }

    /// How many messages to read when `number` is asked for: more and more while the client goes on
    /// in order.
    fn count_for(&mut self, number: u32) -> u32 {
        let in_order = number == self.next;
        self.count = if in_order { (self.count * 4).min(COUNT_MAX) } else { 1 };
        self.count
    }
}

/// Messages of one batch.
const COUNT_MAX: u32 = 256;
const _: () = assert!(COUNT_MAX as usize <= FETCH_BATCH_MESSAGES_MAX);

impl Sending {
    pub(super) const fn awaits_bytes(&self) -> bool {
        matches!(self.stage, Stage::Reading(_) | Stage::Slice(_))
    }
}

impl Pop3 {
    pub(super) fn on_retr(&mut self, number: NonZeroU32, out: &mut Output) -> Next {
        let State::Transaction(maildrop) = &mut self.state else { return Next::Read };
        let Some(message) = maildrop.get(number) else { return self.no_such_message(out) };
        let ahead = &mut maildrop.ahead;
        let fetched = ahead.take(message.uid);
        if let Some(fetched) = fetched {
            ahead.next = number.get() + 1;
            return self.send(Sending::of(message, How::Whole), fetched, out);
        }
        let count = ahead.count_for(number.get());
        ahead.next = number.get() + 1;
        self.read(Sending::of(message, How::Whole), number, count)
    }

    pub(super) fn on_top(&mut self, number: NonZeroU32, lines: u64, out: &mut Output) -> Next {
        let State::Transaction(maildrop) = &self.state else { return Next::Read };
        let Some(message) = maildrop.get(number) else { return self.no_such_message(out) };
        self.read(Sending::of(message, How::Top(lines)), number, 1)
    }

    /// Asks for a message, and for more behind it.
    fn read(&mut self, mut sending: Sending, number: NonZeroU32, count: u32) -> Next {
        let State::Transaction(maildrop) = &self.state else { return Next::Read };
        let uids = window(maildrop, number, count);
        sending.stage = Stage::Reading(uids.len());
        // The header alone never needs the bucket.
        let body = sending.how != How::Top(0);
        let wants = Wants { header: !body, body, ..Wants::default() };
        let mailbox = maildrop.mailbox();
        self.doing = Doing::Sending(Box::new(sending));
        Next::Run(Box::new(Job::Fetch { mailbox, uids, wants, mark_seen: false }))
    }

    /// A reply came for the message at hand.
    pub(super) fn on_sent(&mut self, mut sending: Sending, reply: Reply, out: &mut Output) -> Next {
        match (sending.stage, reply) {
            (Stage::Reading(_), Reply::Messages { messages, .. }) => {
                sending.stage = Stage::Reading(1);
                self.on_read(sending, messages.into(), out)
            }
            // One of those read ahead may be the reason: this one is tried alone.
            (Stage::Reading(2..), Reply::Failed(_)) => {
                sending.stage = Stage::Reading(1);
                self.read_alone(sending)
            }
            (Stage::Slice(slices), Reply::Bytes(bytes)) => {
                sending.stage = Stage::Reading(1);
                self.on_slice(sending, slices, &bytes, out)
            }
            (Stage::Slice(Slices { begun: true, .. }), _) => Next::Close,
            (_, reply) => {
                self.fail(&reply, "The message cannot be read", out);
                Next::Read
            }
        }
    }

    fn read_alone(&mut self, mut sending: Sending) -> Next {
        let State::Transaction(maildrop) = &mut self.state else { return Next::Read };
        maildrop.ahead.count = 1;
        sending.stage = Stage::Reading(1);
        let (mailbox, uid) = (maildrop.mailbox(), sending.message.uid);
        let wants = Wants { body: true, ..Wants::default() };
        self.doing = Doing::Sending(Box::new(sending));
        let uids = UidRuns::range(uid, uid);
        Next::Run(Box::new(Job::Fetch { mailbox, uids, wants, mark_seen: false }))
    }

    fn on_read(
        &mut self,
        sending: Sending,
        mut messages: VecDeque<Fetched>,
        out: &mut Output,
    ) -> Next {
        let found = messages.pop_front_if(|fetched| fetched.message.uid == sending.message.uid);
        let State::Transaction(maildrop) = &mut self.state else { return Next::Read };
        maildrop.ahead.read = messages;
        match found {
            Some(fetched) => self.send(sending, fetched, out),
            None => {
                // Removed for good since the login (pitfall 119).
                self.fail(&Reply::Refused(Refusal::MessageGone), "", out);
                Next::Read
            }
        }
    }

    /// A message whose bytes are here, or are not because it is large.
    fn send(&mut self, sending: Sending, fetched: Fetched, out: &mut Output) -> Next {
        let mut writer = match sending.how {
            How::Whole => DotWriter::retr(),
            How::Top(lines) => DotWriter::top(lines),
        };
        let bytes: Option<Arc<[u8]>> = match sending.how {
            How::Top(0) => fetched.header,
            _ => fetched.body,
        };
        let Some(bytes) = bytes else {
            let slices = Slices { writer, blob: fetched.blob, offset: 0, begun: false };
            return self.ask_for_slice(sending, slices);
        };
        self.say_octets(&sending, out);
        writer.feed(&bytes, out.buffer());
        writer.finish(out.buffer());
        Next::Read
    }

    /// RFC 1939 §5: "the POP3 server issues a positive response, then the message".
    fn say_octets(&self, sending: &Sending, out: &mut Output) {
        match sending.how {
            How::Whole => {
                let text = format!("{} octets", sending.message.size);
                write::ok(out.buffer(), &text, self.charset);
            }
            How::Top(_) => write::ok(out.buffer(), "The top of it", self.charset),
        }
    }

    fn ask_for_slice(&mut self, mut sending: Sending, slices: Slices) -> Next {
        let State::Transaction(maildrop) = &self.state else { return Next::Read };
        let account = maildrop.account();
        let (blob, offset) = (slices.blob, slices.offset);
        let left = u64::from(sending.message.size).saturating_sub(offset);
        let count = left.min(BODY_SLICE_BYTES_MAX as u64);
        sending.stage = Stage::Slice(slices);
        self.doing = Doing::Sending(Box::new(sending));
        Next::Run(Box::new(Job::ReadBody { account, blob, offset, count }))
    }

    fn on_slice(
        &mut self,
        mut sending: Sending,
        mut slices: Slices,
        bytes: &[u8],
        out: &mut Output,
    ) -> Next {
        if !std::mem::replace(&mut slices.begun, true) {
            self.say_octets(&sending, out);
        }
        slices.writer.feed(bytes, out.buffer());
        slices.offset += bytes.len() as u64;
        if slices.offset >= u64::from(sending.message.size) || !slices.writer.wants_more() {
            slices.writer.finish(out.buffer());
            return Next::Read;
        }
        sending.stage = Stage::Written(slices);
        self.doing = Doing::Sending(Box::new(sending));
        Next::Drain
    }

    /// The peer has taken a slice.
    pub(super) fn go_on_sending(&mut self, mut sending: Box<Sending>, _out: &mut Output) -> Next {
        match sending.stage {
            Stage::Written(slices) => {
                sending.stage = Stage::Reading(1);
                self.ask_for_slice(*sending, slices)
            }
            stage => {
                sending.stage = stage;
                self.doing = Doing::Sending(sending);
                Next::Read
            }
        }
    }
}

impl Sending {
    const fn of(message: Message, how: How) -> Self {
        Self { message, how, stage: Stage::Reading(1) }
    }
}

/// A message and those behind it, up to a batch's bytes.
fn window(maildrop: &Maildrop, number: NonZeroU32, count: u32) -> UidRuns {
    let mut bytes = 0;
    let in_room = |(_, message): &(NonZeroU32, Message)| {
        let first = bytes == 0;
        bytes += message.size as usize + 1;
        first || bytes <= FETCH_BATCH_BYTES_MAX
    };
    let messages = maildrop.from(number.get()).take(count as usize).take_while(in_room);
    messages.map(|(_, message)| message.uid).collect()
}
