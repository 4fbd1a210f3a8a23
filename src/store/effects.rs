//! What scripts want of messages they have seen in IMAP (RFC 6785 §3), done in one transaction with how
//! far their event came.
//!
//! A message is immutable, so what is done to it is done to its flags, and to copies: a copy of the
//! message as it is shares its body. Nothing here is an event itself (§2.2.3, §2.2.4, §3.3), but for the
//! flags that a script changes which no such change has started.

use super::deliver::Appended;
use super::engine::{Tx, Value, Weight};
use super::events::{EventKey, Trigger, microseconds, values};
use super::flags::{self, FlagChange};
use super::keywords::TooMany;
use super::outbox::{self, NewOutgoing, OutgoingId};
use super::ready::{Ready, insert};
use super::row::{self, Difference};
use super::sorted::{RunReport, keep_report};
use super::{
    Error, Facts, Failure, NewBody, NewMessage, Store, accounts, keywords, mailboxes, selection,
};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{Change, FlagSet, MailboxKey, StoreMode};
use crate::limits;
use crate::mail::UidRuns;
use crate::model::{Flags, MailboxId, MailboxName, ModSeq, Timestamp, Uid};

/// How far an event came, and what is to be done.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which.
    pub event: EventKey,
    /// The first message that was left of it: it is still, or somebody else goes on with it.
    pub from: Uid,
    /// Where to go on.
    pub next: NextMessage,
    /// Ascending by UID.
    pub effects: Vec<Effect>,
    /// Whether scripts see that flags were changed (§2.2.3).
    pub trigger: Trigger,
}

/// Where to go on with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextMessage {
    /// At this one; the event stays ours for so long.
    Ours(Uid, std::time::Duration),
    /// At this one, by anybody.
    Anybody(Uid),
    /// It is over.
    None,
}

/// What is done about one message. Nothing, once it is expunged.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Which.
    pub uid: Uid,
    /// Flags it gets.
    pub add: FlagSet,
    /// Flags it loses.
    pub remove: FlagSet,
    /// It is marked as deleted (§2.2.4), unless a mailbox that it should go to is not there.
    pub discard: bool,
    /// Where it goes besides.
    pub copies: Vec<Placed>,
    /// What is sent.
    pub outgoing: Vec<NewOutgoing>,
    /// What is worth telling of the run.
    pub report: Option<RunReport>,
    /// What stands in front of a report that is begun here.
    pub about: String,
}

impl Effect {
    /// Nothing at all.
    pub fn none(uid: Uid) -> Self {
        Self {
            uid,
            add: FlagSet::default(),
            remove: FlagSet::default(),
            discard: false,
            copies: Vec::new(),
            outgoing: Vec::new(),
            report: None,
            about: String::new(),
        }
    }

    /// True if it is as if the script had not been run.
    pub fn is_none(&self) -> bool {
        let Self { uid: _, add, remove, discard, copies, outgoing, report, about: _ } = self;
        let none = FlagSet::default();
        *add == none
            && *remove == none
            && !discard
            && copies.is_empty()
            && outgoing.is_empty()
            && report.is_none()
    }
}

/// A copy.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its bytes, if they are not those of the message.
    pub body: Option<(Vec<u8>, Facts)>,
    /// To where.
    pub mailbox: MailboxName,
    /// It may be made.
    pub create: bool,
    /// With which flags.
    pub flags: FlagSet,
}

/// What became of a [`Settlement`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is committed.
    Done {
        /// What sessions have to be told.
        changes: Vec<Change>,
        /// Something leaves.
        sends: bool,
    },
    /// Somebody else went on with the event; nothing was done.
    TakenOver,
}

impl Store {
    /// Does what scripts want. Refused as missing if the event's mailbox is gone.
    pub fn settle_event(&self, settlement: Settlement) -> Result<Settled, Error> {
        let Settlement { event, from, next, effects, trigger } = settlement;
        let account = event.mailbox.account;
        let mut bytes = 1_024;
        let mut works = Vec::with_capacity(effects.len());
        for mut effect in effects {
            let mut bodies = Vec::with_capacity(effect.copies.len());
            for copy in &mut effect.copies {
                let Some((body, facts)) = copy.body.take() else {
                    bodies.push(None);
                    continue;
                };
                bytes += body.len();
                let message = NewMessage {
                    account,
                    mailbox: copy.mailbox.clone(),
                    flags: copy.flags.clone(),
                    internal_date: None,
                    body: NewBody::Bytes(body),
                    facts,
                };
                bodies.push(Some(self.prepare(message)?));
            }
            let mut numbers = Vec::with_capacity(effect.outgoing.len());
            for outgoing in &effect.outgoing {
                bytes += outgoing.message.len();
                numbers.push(self.0.ids.next_blob(&self.0.engine)?.0); // as in `sorted`
            }
            works.push(Work { effect, bodies, numbers });
        }
        let ready = || works.iter().flat_map(|work| work.bodies.iter().flatten());
        let staged = ready().any(Ready::is_staged);
        let placed: Vec<_> = ready().filter_map(Ready::placed).collect();
        let all = All { event, from, next, works, trigger };
        let done =
            self.0.engine.write("doing what a script wants", Weight::Bytes(bytes), move |tx| {
                all.carry_out(tx)
            });
        if staged {
            self.ring_for_uploads();
        }
        if matches!(&done, Ok(Settled::TakenOver) | Err(Error::Refused(_))) {
            for (account, body) in placed {
                if let Err(failure) = self.remove_body(account, &body) {
                    log::warn!("{failure}"); // swept later
                }
            }
        }
        done
    }
}

/// An effect, ready to be written.
struct Work {
    effect: Effect,
    /// As many as its copies: `None` for the message as it is.
    bodies: Vec<Option<Ready>>,
    /// As many as leave.
    numbers: Vec<i64>,
}

/// All that the transaction does.
struct All {
    event: EventKey,
    from: Uid,
    next: NextMessage,
    works: Vec<Work>,
    trigger: Trigger,
}

impl All {
    /// Whoever has locked the event's row waits for others, and nobody who has locked anything waits for
    /// the row: so it comes first.
    fn carry_out(&self, tx: &mut Tx<'_>) -> Result<Settled, Error> {
        if !self.move_on(tx)? {
            return Ok(Settled::TakenOver);
        }
        let mut done = Changes(Vec::new());
        let targets = self.targets(tx)?;
        self.lock(tx, &targets)?;
        let there = self.there(tx)?;
        let works = self.works.iter().zip(&targets);
        let works: Vec<_> = works.filter(|(work, _)| there.contains(work.effect.uid)).collect();
        self.flag(tx, &works, &mut done)?;
        let mut sends = false;
        for (work, targets) in works {
            for ((copy, body), target) in work.effect.copies.iter().zip(&work.bodies).zip(targets) {
                let Some(target) = target else { continue };
                let to = MailboxKey { account: self.event.mailbox.account, mailbox: *target };
                let mod_seq = match body {
                    None => self.copy(tx, work.effect.uid, to, &copy.flags)?,
                    Some(ready) => {
                        let Appended { mod_seq, .. } =
                            insert(tx, to, ready, &copy.flags, TooMany::LeftOut)?;
                        mod_seq
                    }
                };
                done.note(to, mod_seq);
            }
            for (outgoing, number) in work.effect.outgoing.iter().zip(&work.numbers) {
                let id = OutgoingId { account: self.event.mailbox.account, number: *number };
                outbox::queue(tx, id, outgoing)?;
                sends = true;
            }
            if let Some(report) = work.report(targets) {
                keep_report(tx, self.event.mailbox.account, &report)?;
            }
        }
        crash_point!("event: all written, not committed");
        Ok(Settled::Done { changes: done.0, sends })
    }

    /// False if the event is not where it was: another one has gone on with it.
    fn move_on(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let [account, mailbox, mod_seq, part] = values(self.event);
        let from = Value::Int(self.from.0.into());
        let (next, due) = match self.next {
            NextMessage::Ours(uid, lease) => (uid, tx.now().0.saturating_add(microseconds(lease))),
            NextMessage::Anybody(uid) => (uid, tx.now().0),
            NextMessage::None => {
                let gone = tx.execute(
                    "DELETE FROM imap_events
                     WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq = $3 AND part = $4
                       AND next_uid = $5",
                    &[account, mailbox, mod_seq, part, from],
                )?;
                return Ok(gone == 1);
            }
        };
        let moved = tx.execute(
            "UPDATE imap_events SET next_uid = $6, due_at = $7, attempts = 0
             WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq = $3 AND part = $4
               AND next_uid = $5",
            &[account, mailbox, mod_seq, part, from, Value::Int(next.0.into()), Value::Int(due)],
        )?;
        Ok(moved == 1)
    }

    /// The mailbox of each copy, made where that was asked for; before any of them is locked
    /// (invariant 6). `None` for one that is not there.
    fn targets(&self, tx: &mut Tx<'_>) -> Result<Vec<Vec<Option<MailboxId>>>, Error> {
        let target = |tx: &mut Tx<'_>, copy: &Placed| -> Result<Option<MailboxId>, Error> {
            let account = self.event.mailbox.account;
            match mailboxes::find(tx, account, &copy.mailbox.key())? {
                None if copy.create => {
                    accounts::lock_account(tx, account)?;
                    let made = mailboxes::create(tx, account, &copy.mailbox, None)?;
                    Ok(Some(made.mailbox))
                }
                found => Ok(found),
            }
        };
        let each = |work: &Work, tx: &mut Tx<'_>| {
            work.effect.copies.iter().map(|copy| target(tx, copy)).collect()
        };
        self.works.iter().map(|work| each(work, tx)).collect()
    }

    /// In the order of their numbers.
    fn lock(&self, tx: &mut Tx<'_>, targets: &[Vec<Option<MailboxId>>]) -> Result<(), Error> {
        let mut all: Vec<MailboxId> = targets.iter().flatten().flatten().copied().collect();
        all.push(self.event.mailbox.mailbox);
        all.sort_unstable();
        all.dedup();
        for mailbox in all {
            row::lock(tx, MailboxKey { account: self.event.mailbox.account, mailbox })?;
        }
        Ok(())
    }

    /// Of the messages, those that are.
    fn there(&self, tx: &mut Tx<'_>) -> Result<UidRuns, Failure> {
        let wanted: UidRuns = self.works.iter().map(|work| work.effect.uid).collect();
        let mut there = UidRuns::new();
        selection::rows(tx, self.event.mailbox, &wanted, |row| {
            there.push(Uid(row.uint(0)?));
            Ok(())
        })?;
        Ok(there)
    }

    /// Changes flags, of those that change alike at once.
    fn flag(
        &self,
        tx: &mut Tx<'_>,
        works: &[(&Work, &Vec<Option<MailboxId>>)],
        done: &mut Changes,
    ) -> Result<(), Error> {
        let mut alike: Vec<(StoreMode, FlagSet, Trigger, UidRuns)> = Vec::new();
        for (work, targets) in works {
            let effect = &work.effect;
            let mut deleted = FlagSet::default();
            if effect.discard && targets.iter().all(Option::is_some) {
                deleted.flags = Flags::DELETED;
            }
            let changes = [
                (StoreMode::Add, &effect.add, self.trigger),
                (StoreMode::Remove, &effect.remove, self.trigger),
                (StoreMode::Add, &deleted, Trigger::Never), // RFC 6785 §2.2.4
            ];
            for (mode, flags, trigger) in changes {
                if *flags == FlagSet::default() {
                    continue;
                }
                let known =
                    alike.iter_mut().find(|(m, f, t, _)| (*m, f, *t) == (mode, flags, trigger));
                match known {
                    Some((_, _, _, uids)) => uids.push(effect.uid),
                    None => {
                        let uids = UidRuns::range(effect.uid, effect.uid);
                        alike.push((mode, flags.clone(), trigger, uids));
                    }
                }
            }
        }
        for (mode, flags, trigger, uids) in alike {
            let change = FlagChange { uids, mode, flags, unchanged_since: None };
            let stored = flags::store(tx, self.event.mailbox, &change, trigger)?;
            if !stored.changed.is_empty() {
                done.note(self.event.mailbox, stored.mod_seq);
            }
        }
        Ok(())
    }

    /// One more message of the same bytes and dates, as COPY makes it.
    fn copy(
        &self,
        tx: &mut Tx<'_>,
        uid: Uid,
        to: MailboxKey,
        flags: &FlagSet,
    ) -> Result<ModSeq, Error> {
        let from = self.event.mailbox;
        let of = [Value::Int(from.account.0), Value::Int(from.mailbox.0), Value::Int(uid.0.into())];
        let found = tx.query_one(
            "SELECT blob_id, size, arrived_at FROM messages
             WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
            &of,
            |row| Ok((row.int(0)?, row.int(1)?, Timestamp(row.int(2)?))),
        )?;
        let (blob, size, arrived) =
            found.ok_or_else(|| tx.corrupt("a message changed under its mailbox's lock"))?;
        let mut difference = Difference::default();
        difference.add(flags.flags, size);
        let arrival = row::arrive(tx, to, difference, arrived.0)?.ok_or(Refusal::NoSuchMailbox)?;
        let mask = keywords::mask_of(tx, to, &flags.keywords, TooMany::LeftOut)?;
        let [account, mailbox, number] = of;
        tx.execute(
            "INSERT INTO messages (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                    internal_date, blob_id, created_mod_seq, save_date, arrived_at)
             SELECT account_id, $4, $5, $6, $7, $8, size, internal_date, blob_id, $6, $9, arrived_at
             FROM messages WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
            &[
                account,
                mailbox,
                number,
                Value::Int(to.mailbox.0),
                Value::Int(arrival.first_uid),
                Value::Int(arrival.mod_seq.0),
                Value::Int(i64::from(flags.flags.0)),
                Value::Int(mask.0.cast_signed()),
                Value::Int(tx.now().0),
            ],
        )?;
        tx.execute(
            "UPDATE blobs SET refs = refs + 1 WHERE account_id = $1 AND blob_id = $2",
            &[account, Value::Int(blob)],
        )?;
        Ok(arrival.mod_seq)
    }
}

impl Work {
    /// With a word about each mailbox that is not there.
    fn report(&self, targets: &[Option<MailboxId>]) -> Option<RunReport> {
        let mut report = self.effect.report.clone();
        for (copy, _) in self.effect.copies.iter().zip(targets).filter(|(_, found)| found.is_none())
        {
            let told = report
                .get_or_insert_with(|| RunReport { failed: true, text: self.effect.about.clone() });
            told.failed = true;
            let name = copy.mailbox.as_str().escape_debug();
            let line = format!("fileinto: there is no mailbox {name}: the message stays\n");
            if told.text.len() + line.len() <= limits::SCRIPT_REPORT_BYTES_MAX {
                told.text.push_str(&line);
            }
        }
        report
    }
}

/// The last change of each mailbox.
struct Changes(Vec<Change>);

impl Changes {
    fn note(&mut self, mailbox: MailboxKey, mod_seq: ModSeq) {
        match self.0.iter_mut().find(|change| change.mailbox == mailbox) {
            Some(change) => change.mod_seq = mod_seq,
            None => self.0.push(Change { mailbox, mod_seq }),
        }
    }
}
