//! Messages on their way in: LMTP's deliveries and IMAP's APPEND.
//!
//! Hashing, numbering and the files of large bodies happen on the caller's thread; the transaction
//! only writes rows. A delivery is committed together with its body (invariant 5).

use sha2::{Digest, Sha256};

use super::accounts::lock_account;
use super::batches::Outcome;
use super::engine::{Awaited, Pending, Tx};
use super::events::{self, Cause, NewEvent, Trigger};
use super::keywords::TooMany;
use super::mailboxes::{self, INBOX};
use super::parcels::Parcel;
use super::ready::{Before, Ready, header_in, insert};
use super::repeats::{DeliveryDigest, delivered_before};
use super::sorted::keep_report;
use super::{Error, Failure, PlacedBody, RunReport, Store, bodies, row};
use crate::error::Refusal;
use crate::job::{FlagSet, MailboxKey};
use crate::limits;
use crate::mail::UidRuns;
use crate::model::{
    AccountId, EmailId, MailboxId, MailboxName, ModSeq, SpecialUse, ThreadId, Timestamp, Uid,
    UidValidity,
};

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Whose.
    pub account: AccountId,
    /// To where.
    pub mailbox: MailboxName,
    /// With which flags.
    pub flags: FlagSet,
    /// INTERNALDATE; `None` for now.
    pub internal_date: Option<Timestamp>,
    /// Its bytes, exactly as they shall be given out.
    pub body: NewBody,
    /// What was learnt from them.
    pub facts: Facts,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub enum NewBody {
    /// Here; the store decides where they go.
    Bytes(Vec<u8>),
    /// On the disk already, by [`Store::place_body`].
    Placed(PlacedBody),
}

/// What is kept beside a body, so that nothing opens it again.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Ready to be written after `ENVELOPE `.
    pub envelope: Vec<u8>,
    /// The encoded message map.
    pub map: Vec<u8>,
    /// Bytes of the top header block, its blank line included.
    pub header_bytes: u64,
    /// [`super::message_id_hash`] of its Message-ID, then of those it answers and refers to; bounded by the
    /// caller (pitfall 17).
    pub message_ids: Vec<i64>,
}

/// A delivery of LMTP.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What, and to where.
    pub message: NewMessage,
    /// What to do if the mailbox is not there.
    pub if_missing: IfMissing,
    /// By which a redelivery is recognised; `None` for mail that is never suppressed.
    pub digest: Option<DeliveryDigest>,
}

/// What to do about a mailbox that is not there (pitfall 25).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Use INBOX.
    Inbox,
    /// The same, and say so: a script names it (RFC 5228 §4.1). `kept` in the account's runs, too.
    InboxAndTell { kept: bool },
    /// Make it, for this use if no mailbox has that (RFC 8579 §4.1).
    Create(Option<SpecialUse>),
}

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is in the mailbox.
    Stored(Appended),
    /// It had been delivered before, at `first`; nothing was stored (pitfall 6).
    Repeated {
        /// When.
        first: Timestamp,
        /// And now.
        now: Timestamp,
    },
}

/// Where a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Which mailbox.
    pub mailbox: MailboxKey,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The message's UID.
    pub uid: Uid,
    /// Its mod-sequence, now the mailbox's.
    pub mod_seq: ModSeq,
    /// RFC 8474.
    pub email_id: EmailId,
    /// RFC 8474.
    pub thread_id: ThreadId,
    /// A script is to see it, since it was appended (RFC 6785 §2.2.1).
    pub event: bool,
}

impl Store {
    /// Stores each delivery on its own merits, all of them in as few commits as possible; the
    /// answers are in their order.
    pub fn deliver(&self, deliveries: Vec<Delivery>) -> Vec<Result<Delivered, Error>> {
        let submitted: Vec<_> =
            deliveries.into_iter().map(|delivery| self.submit_delivery(delivery)).collect();
        submitted.into_iter().map(|submitted| self.finish(submitted?)).collect()
    }

    /// Waits for a delivery; one that could not share a statement is delivered now.
    fn finish(&self, submitted: Submitted) -> Result<Delivered, Error> {
        let (awaited, if_missing) = match submitted {
            Submitted::Alone(in_flight) => return self.settle(in_flight),
            Submitted::InBatch(awaited, if_missing) => (awaited, if_missing),
        };
        match self.shared(awaited)? {
            Shared::Stored(appended) => Ok(Delivered::Stored(appended)),
            Shared::Alone(parcel, before) => {
                let Parcel { ready, digest, .. } = *parcel;
                let digest = digest.map(DeliveryDigest);
                self.settle(self.deliver_alone(ready, if_missing, digest, before))
            }
        }
    }

    /// Stores a message in the mailbox it names (RFC 9051 §6.3.12).
    pub fn append(&self, message: NewMessage) -> Result<Appended, Error> {
        self.append_seen(message, Trigger::default())
    }

    /// The same, and who sees it.
    pub fn append_seen(&self, message: NewMessage, trigger: Trigger) -> Result<Appended, Error> {
        let ready = self.prepare(message)?;
        let appended = match self.0.couriers.as_ref().filter(|_| ready.can_share()) {
            None => self.append_alone(ready, Before::No, trigger),
            Some(couriers) => {
                match self.shared(couriers.bring(Parcel { ready, digest: None, trigger }))? {
                    Shared::Stored(appended) => Ok(appended),
                    Shared::Alone(parcel, before) => {
                        self.append_alone(parcel.ready, before, trigger)
                    }
                }
            }
        };
        let appended = appended?;
        self.ring_for_events(appended.event);
        Ok(appended)
    }

    /// By a transaction of its own.
    pub(super) fn append_alone(
        &self,
        ready: Ready,
        before: Before,
        trigger: Trigger,
    ) -> Result<Appended, Error> {
        let (weight, placed, staged) = (ready.weight(), ready.placed(), ready.is_staged());
        let pending = self.0.engine.submit("appending", weight, move |tx| {
            let account = ready.message.account;
            let mailbox = match ready.message.mailbox.is_inbox() {
                true => INBOX,
                false => mailboxes::find(tx, account, &ready.message.mailbox.key())?
                    .ok_or(Refusal::NoSuchMailbox)?,
            };
            let mailbox = MailboxKey { account, mailbox };
            match before.find(tx, mailbox, &ready)? {
                Some(stored) => Ok(stored), // with its event
                None => {
                    let mut stored =
                        insert(tx, mailbox, &ready, &ready.message.flags, TooMany::Refused)?;
                    stored.event = trigger.wants(stored.event);
                    if stored.event {
                        let (mod_seq, cause) = (stored.mod_seq, Cause::Append);
                        let (source, changed_flags) = (None, "");
                        let new = NewEvent { mailbox, mod_seq, cause, source, changed_flags };
                        events::queue(tx, &new, &UidRuns::range(stored.uid, stored.uid), 0)?;
                    }
                    Ok(stored)
                }
            }
        });
        self.settle(InFlight { pending, placed, staged })
    }

    /// Hears what became of one that shares a statement.
    fn shared(&self, awaited: Awaited<Outcome>) -> Result<Shared, Failure> {
        let Some(couriers) = &self.0.couriers else { return Err(Failure::Closed) };
        match couriers.settle(&self.0.engine, awaited)? {
            Outcome::Stored(appended) => {
                self.ring_for_uploads();
                Ok(Shared::Stored(appended))
            }
            Outcome::PassedOver(parcel) => Ok(Shared::Alone(parcel, Before::No)),
            Outcome::Alone(parcel, before) => Ok(Shared::Alone(parcel, before)),
            Outcome::Failed(failure) => Err(failure),
        }
    }

    fn submit_delivery(&self, delivery: Delivery) -> Result<Submitted, Error> {
        let Delivery { message, if_missing, digest } = delivery;
        let ready = self.prepare(message)?;
        Ok(match &self.0.couriers {
            Some(couriers) if ready.can_share() => {
                let digest = digest.map(|digest| digest.0);
                let parcel = Parcel { ready, digest, trigger: Trigger::Never };
                Submitted::InBatch(couriers.bring(parcel), if_missing)
            }
            _ => Submitted::Alone(self.deliver_alone(ready, if_missing, digest, Before::No)),
        })
    }

    fn deliver_alone(
        &self,
        ready: Ready,
        if_missing: IfMissing,
        digest: Option<DeliveryDigest>,
        before: Before,
    ) -> InFlight<Delivered> {
        let (weight, placed, staged) = (ready.weight(), ready.placed(), ready.is_staged());
        let pending = self.0.engine.submit("delivering", weight, move |tx| {
            let account = ready.message.account;
            let mailbox = target(tx, account, &ready.message.mailbox, if_missing)?;
            let key = MailboxKey { account, mailbox };
            if tx.has_rivals() {
                // What the memory of deliveries is asked under, lest two wait for each other.
                row::lock(tx, key).map_err(|error| missing(error, mailbox))?;
            }
            if let Some(stored) = before.find(tx, key, &ready)? {
                return Ok(Delivered::Stored(stored));
            }
            if let Some(digest) = digest
                && let Some(first) = delivered_before(tx, account, digest)?
            {
                return Ok(Delivered::Repeated { first, now: tx.now() });
            }
            let inserted = insert(tx, key, &ready, &ready.message.flags, TooMany::LeftOut);
            let inserted = inserted.map(|stored| Appended { event: false, ..stored });
            inserted.map(Delivered::Stored).map_err(|error| missing(error, mailbox))
        });
        InFlight { pending, placed, staged }
    }

    /// All that can be done before the transaction. A body too large for the database goes to disk.
    pub(super) fn prepare(&self, mut message: NewMessage) -> Result<Ready, Failure> {
        let mut header = None;
        let mut state = bodies::STORED;
        if let NewBody::Bytes(bytes) = &message.body {
            if bytes.len() > self.bytes_in_database_max() {
                header = header_in(bytes, &message.facts);
                let placed = self.place_bytes(message.account, bytes)?;
                message.body = NewBody::Placed(placed);
            } else if let Some(objects) = &self.0.objects {
                self.admit(objects, bytes.len() as u64)?;
                header = header_in(bytes, &message.facts);
                state = bodies::STAGED;
            }
        }
        let (blob, bytes, hash) = match &message.body {
            NewBody::Bytes(bytes) => {
                let blob = self.0.ids.next_blob(&self.0.engine)?;
                (blob, bytes.len() as u64, Sha256::digest(bytes).into())
            }
            NewBody::Placed(placed) => {
                if header.is_none() {
                    header = self.header_of(message.account, placed, &message.facts)?;
                }
                (placed.blob, placed.bytes, placed.hash)
            }
        };
        let size = u32::try_from(bytes).map_err(|_| Failure::NoSpace { doing: "delivering" })?;
        Ok(Ready { message, blob, size, hash, header, state })
    }

    /// The header block of a file body, to be kept beside its map; `None` if it is too large.
    fn header_of(
        &self,
        account: AccountId,
        placed: &PlacedBody,
        facts: &Facts,
    ) -> Result<Option<Vec<u8>>, Failure> {
        if facts.header_bytes > limits::HEADER_KEPT_BYTES_MAX {
            return Ok(None);
        }
        let count = usize::try_from(facts.header_bytes).unwrap_or(usize::MAX);
        let Some(objects) = &self.0.objects else {
            return self.0.bodies.read(placed.blob, 0, count);
        };
        let body = placed.located(account);
        objects.get_part(&body, &(0..facts.header_bytes.min(body.size))).map(Some)
    }

    /// A body may have been staged: somebody is to move it.
    pub(super) fn ring_for_uploads(&self) {
        if let Some(objects) = &self.0.objects {
            objects.ring();
        }
    }

    /// Waits. A placed body that certainly has no message is removed; after a failure it is kept,
    /// since the commit may have happened all the same (pitfall 10), and left to the next sweep.
    fn settle<T: Settled>(&self, in_flight: InFlight<T>) -> Result<T, Error> {
        let result = in_flight.pending.wait();
        if in_flight.staged {
            self.ring_for_uploads();
        }
        let unused = match &result {
            Ok(done) => !done.uses_body(),
            Err(Error::Refused(_)) => true,
            Err(Error::Failed(_)) => false,
        };
        if let (Some((account, body)), true) = (in_flight.placed, unused)
            && let Err(failure) = self.remove_body(account, &body)
        {
            log::warn!("{failure}"); // swept later
        }
        result
    }
}

/// What became of one that was to share a statement.
enum Shared {
    Stored(Appended),
    Alone(Box<Parcel>, Before),
}

/// A delivery that waits for its commit.
enum Submitted {
    Alone(InFlight<Delivered>),
    InBatch(Awaited<Outcome>, IfMissing),
}

/// A delivery that waits for its commit, and the file it would leave behind.
struct InFlight<T> {
    pending: Pending<T, Error>,
    placed: Option<(AccountId, PlacedBody)>,
    /// Somebody is to move its body.
    staged: bool,
}

trait Settled {
    fn uses_body(&self) -> bool;
}

impl Settled for Delivered {
    fn uses_body(&self) -> bool {
        matches!(self, Self::Stored(_)) // pitfall 8
    }
}

impl Settled for Appended {
    fn uses_body(&self) -> bool {
        true
    }
}

/// No INBOX means no account: it went between RCPT and DATA.
fn missing(error: Error, mailbox: MailboxId) -> Error {
    match error {
        Error::Refused(Refusal::NoSuchMailbox) if mailbox == INBOX => {
            Refusal::NoSuchRecipient.into()
        }
        other => other,
    }
}

/// The mailbox a delivery goes to. A tombstone is never used again (pitfall 25).
pub(super) fn target(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
    if_missing: IfMissing,
) -> Result<MailboxId, Error> {
    if name.is_inbox() {
        return Ok(INBOX);
    }
    match (mailboxes::find(tx, account, &name.key())?, if_missing) {
        (Some(mailbox), _) => Ok(mailbox),
        (None, IfMissing::Inbox) => Ok(INBOX),
        (None, IfMissing::InboxAndTell { kept }) => {
            // Its name may be made of what the message says.
            log::warn!("sieve: account {account}: fileinto: no such mailbox: kept in INBOX");
            if kept {
                let text = format!("fileinto: no mailbox {name}: the message is kept in INBOX\n");
                keep_report(tx, account, &RunReport { failed: true, text })?;
            }
            Ok(INBOX)
        }
        (None, IfMissing::Create(special_use)) => {
            lock_account(tx, account)?;
            match make(tx, account, name, special_use) {
                Err(Error::Refused(Refusal::Limit(why))) => {
                    // RFC 5490 §3.2, RFC 5228 §2.10.6: an error, so that the message is kept.
                    let text = format!("{name}: {why}: the message is kept in INBOX");
                    keep_report(tx, account, &RunReport { failed: true, text })?;
                    Ok(INBOX)
                }
                made => made,
            }
        }
    }
}

/// Makes the mailbox of a delivery; the caller holds the account's lock.
fn make(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> Result<MailboxId, Error> {
    match mailboxes::create(tx, account, name, special_use) {
        Err(Error::Refused(Refusal::SpecialUseTaken)) => make(tx, account, name, None),
        // While the lock was waited for.
        Err(Error::Refused(Refusal::MailboxExists)) => {
            Ok(mailboxes::find(tx, account, &name.key())?.ok_or(Refusal::NoSuchMailbox)?)
        }
        made => made.map(|made| made.mailbox),
    }
}
