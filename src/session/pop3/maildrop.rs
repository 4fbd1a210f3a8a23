//! The maildrop of a session: INBOX as it was at the login (RFC 1939 §4).

use std::num::NonZeroU32;
use std::sync::Arc;

use super::sending::Ahead;
use crate::job::{Job, MailboxKey, Seat};
use crate::mail::{Message, Snapshot, UidRuns};
use crate::model::{AccountId, Uid, UidValidity};

/// Messages by number, and which of them are to go.
#[derive(Debug)]
pub(super) struct Maildrop {
    mailbox: MailboxKey,
    uid_validity: UidValidity,
    snapshot: Arc<Snapshot>,
    /// Bit n - 1 for message n; empty while nothing is marked.
    marked: Vec<u64>,
    messages: u32,
    octets: u64,
    /// Messages that will be asked for next.
    pub(super) ahead: Ahead,
    _seat: Seat,
    /// While it is held, nobody else opens the maildrop.
    lock: Option<Seat>,
}

impl Maildrop {
    pub(super) fn new(
        mailbox: MailboxKey,
        snapshot: Arc<Snapshot>,
        seat: Seat,
        lock: Option<Seat>,
    ) -> Self {
        let octets = snapshot.iter().map(|message| u64::from(message.size)).sum();
        Self {
            mailbox,
            uid_validity: snapshot.head.uid_validity,
            messages: snapshot.len(),
            octets,
            snapshot,
            marked: Vec::new(),
            ahead: Ahead::default(),
            _seat: seat,
            lock,
        }
    }

    /// Others may open the maildrop.
    pub(super) fn unlock(&mut self) {
        self.lock = None;
    }

    pub(super) const fn mailbox(&self) -> MailboxKey {
        self.mailbox
    }

    pub(super) const fn account(&self) -> AccountId {
        self.mailbox.account
    }

    /// Messages that are not marked (RFC 1939 §5 STAT).
    pub(super) const fn messages(&self) -> u32 {
        self.messages
    }

    /// Their octets.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// The highest number there is.
    pub(super) fn last(&self) -> u32 {
        self.snapshot.len()
    }

    pub(super) fn uid_validity(&self) -> UidValidity {
        self.uid_validity
    }

    /// A message by its number, unless it is marked (RFC 1939 §5 DELE).
    pub(super) fn get(&self, number: NonZeroU32) -> Option<Message> {
        if self.is_marked(number.get()) {
            return None;
        }
        self.snapshot.get(self.snapshot.uids().nth(number.get() - 1)?)
    }

    /// Every message from `number` on that is not marked, with its number.
    pub(super) fn from(&self, number: u32) -> impl Iterator<Item = (NonZeroU32, Message)> + '_ {
        let first = self.snapshot.uids().nth(number.saturating_sub(1));
        let messages = self.snapshot.iter_from(first.unwrap_or(Uid(u32::MAX)));
        let messages = messages.take(if first.is_some() { usize::MAX } else { 0 });
        let numbered = (number..).filter_map(NonZeroU32::new).zip(messages);
        numbered.filter(|(number, _)| !self.is_marked(number.get()))
    }

    fn is_marked(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.marked.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Marks a message to go at QUIT. False if there is none, or it is marked.
    pub(super) fn mark(&mut self, number: NonZeroU32) -> bool {
        let Some(message) = self.get(number) else { return false };
        if self.marked.is_empty() {
            self.marked.resize(place(self.last()).0 + 1, 0);
        }
        let (word, bit) = place(number.get());
        if let Some(word) = self.marked.get_mut(word) {
            *word |= bit;
        }
        self.messages -= 1;
        self.octets -= u64::from(message.size);
        true
    }

    /// RFC 1939 §5 RSET.
    pub(super) fn unmark_all(&mut self) {
        self.marked.clear();
        self.messages = self.snapshot.len();
        self.octets = self.snapshot.iter().map(|message| u64::from(message.size)).sum();
    }

    /// What QUIT must run.
    pub(super) fn removal(&self) -> Option<Job> {
        let uids: UidRuns = (1..)
            .zip(self.snapshot.uids().iter())
            .filter(|(number, _)| self.is_marked(*number))
            .map(|(_, uid)| uid)
            .collect();
        (!uids.is_empty()).then_some(Job::Remove { mailbox: self.mailbox, uids })
    }
}

/// The word and the bit of a message's mark.
const fn place(number: u32) -> (usize, u64) {
    let index = number.saturating_sub(1);
    ((index / u64::BITS) as usize, 1 << (index % u64::BITS))
}
