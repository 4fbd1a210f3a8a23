//! One slice of an event: as many of its messages as a moment allows.

use std::time::Duration;

use crossbeam_channel::Receiver;

use super::super::sorting::{Happened, Onlookers, Place};
use super::super::{clock, parts};
use super::{LEASE, Usher, learn};
use crate::job::{Fetched, FlagSet, MailboxInfo, MailboxKey, Wants};
use crate::mail::UidRuns;
use crate::model::Uid;
use crate::store::{
    Cause, Effect, Error, Event, Failure, NextMessage, Settled, Settlement, Trigger,
};

/// After which another event has its turn.
const SLICE: Duration = Duration::from_millis(250);
/// Messages of one slice.
const MESSAGES_MAX: usize = 64;
/// Bytes that scripts want written by one transaction; one message may want more.
const WRITTEN_BYTES_MAX: usize = 8 * 1024 * 1024;

const WHOLE: Wants = Wants { envelope: false, map: false, header: false, body: true };

impl Usher {
    /// Shows some messages of an event, and does what the scripts want.
    pub(super) fn slice(&self, event: &Event, stops: &Receiver<()>) -> Result<(), Failure> {
        let mailbox = event.key.mailbox;
        let (Some(first), Some(info)) = (event.uids.first(), self.mailbox(mailbox)?) else {
            return self.store.drop_event(event.key); // it was deleted
        };
        let source = event.source.map(|source| MailboxKey { mailbox: source, ..mailbox });
        let source = source.map(|source| self.mailbox(source)).transpose()?.flatten();
        let onlookers = self.sorter.onlookers(event, &info, source.as_ref())?;
        if onlookers.is_empty() {
            return self.store.drop_event(event.key);
        }
        let window: UidRuns = event.uids.iter().take(MESSAGES_MAX).collect();
        let batch = self.store.fetch(mailbox, &window, WHOLE)?;
        let deadline = clock::now() + SLICE;
        let showing = Showing { usher: self, event, onlookers, info, source, stops };
        let mut effects = Vec::new();
        let (mut bytes, mut next) = (0_usize, batch.next);
        for (nth, message) in batch.messages.iter().enumerate() {
            if nth > 0 && (clock::now() >= deadline || bytes >= WRITTEN_BYTES_MAX) {
                next = Some(message.message.uid);
                break;
            }
            let effect = showing.message(message)?;
            bytes = bytes.saturating_add(size(&effect));
            if !effect.is_none() {
                effects.push(effect);
            }
        }
        let next = next.or_else(|| event.uids.nth(u32::try_from(MESSAGES_MAX).unwrap_or(u32::MAX)));
        showing.settle(first, next.map_or(NextMessage::None, NextMessage::Anybody), effects)
    }

    fn mailbox(&self, key: MailboxKey) -> Result<Option<MailboxInfo>, Failure> {
        match self.store.mailbox_by_key(key) {
            Ok(info) => Ok(Some(info)),
            Err(Error::Refused(_)) => Ok(None),
            Err(Error::Failed(failure)) => Err(failure),
        }
    }
}

/// An event, and who sees it.
struct Showing<'a> {
    usher: &'a Usher,
    event: &'a Event,
    onlookers: Onlookers,
    info: MailboxInfo,
    source: Option<MailboxInfo>,
    stops: &'a Receiver<()>,
}

impl Showing<'_> {
    fn message(&self, message: &Fetched) -> Result<Effect, Failure> {
        let account = self.event.key.mailbox.account;
        let read;
        let bytes = match &message.body {
            Some(bytes) => &bytes[..],
            None => {
                let size = u64::from(message.message.size);
                read = parts::read(&self.usher.store, account, message.blob, 0..size)?;
                &read[..]
            }
        };
        let flags = FlagSet {
            flags: message.message.flags,
            keywords: message.keywords.names_in(message.message.keywords).cloned().collect(),
        };
        let happened = self.happened(message.message.uid, &flags, bytes);
        if !self.onlookers.command.is_empty() {
            learn::run(&self.onlookers.command, self.onlookers.user(), &happened, self.stops);
        }
        if !self.onlookers.has_scripts() {
            return Ok(Effect::none(happened.uid));
        }
        self.usher.sorter.look(&self.onlookers, &happened)
    }

    fn happened<'h>(&'h self, uid: Uid, flags: &'h FlagSet, bytes: &'h [u8]) -> Happened<'h> {
        let (event, mailbox, source) = (self.event, &self.info, self.source.as_ref());
        Happened { event, mailbox, source, uid, flags, bytes }
    }

    /// All at once; if that is refused, each on its own merits.
    fn settle(&self, from: Uid, next: NextMessage, effects: Vec<Effect>) -> Result<(), Failure> {
        if effects.len() > 1 {
            match self.try_settle(from, next, effects.clone()) {
                Ok(_) => return Ok(()),
                Err(Error::Failed(failure)) => return Err(failure),
                Err(Error::Refused(_)) => {}
            }
        }
        let mut from = from;
        let mut effects = effects.into_iter().peekable();
        loop {
            let effect = effects.next();
            let next = effects.peek().map_or(next, |after| NextMessage::Ours(after.uid, LEASE));
            let uid = effect.as_ref().map_or(from, |effect| effect.uid);
            let settled = match self.try_settle(from, next, effect.into_iter().collect()) {
                Err(Error::Refused(crate::error::Refusal::NoSuchMailbox)) => {
                    return self.usher.store.drop_event(self.event.key);
                }
                Err(Error::Refused(refusal)) => {
                    let (none, nothing) = (FlagSet::default(), Vec::new());
                    let happened = self.happened(uid, &none, &nothing);
                    let told = self.usher.sorter.undone(&happened, refusal);
                    self.try_settle(from, next, vec![told])
                }
                settled => settled,
            };
            match (settled, next) {
                (Ok(Settled::Done { .. }), NextMessage::Ours(after, _)) => from = after,
                (Ok(_), _) => return Ok(()),
                (Err(Error::Failed(failure)), _) => return Err(failure),
                (Err(Error::Refused(_)), _) => return self.usher.store.drop_event(self.event.key),
            }
        }
    }

    fn try_settle(
        &self,
        from: Uid,
        next: NextMessage,
        effects: Vec<Effect>,
    ) -> Result<Settled, Error> {
        // RFC 6785 §2.2.3: a script that a change of flags has started starts none.
        let trigger = match self.event.cause {
            Cause::Flag => Trigger::Never,
            Cause::Append | Cause::Copy => {
                let place = Place::Key(self.event.key.mailbox);
                self.usher.sorter.trigger(Cause::Flag, &[place])
            }
        };
        let settlement = Settlement { event: self.event.key, from, next, effects, trigger };
        let settled = self.usher.store.settle_event(settlement)?;
        if let Settled::Done { changes, sends } = &settled {
            changes.iter().for_each(|change| self.usher.changes.publish(*change));
            if *sends {
                self.usher.sorter.ring();
            }
        }
        Ok(settled)
    }
}

/// Bytes that an effect writes.
fn size(effect: &Effect) -> usize {
    let copies = effect.copies.iter().filter_map(|copy| copy.body.as_ref());
    let copies: usize = copies.map(|(bytes, _)| bytes.len()).sum();
    copies + effect.outgoing.iter().map(|outgoing| outgoing.message.len()).sum::<usize>()
}
