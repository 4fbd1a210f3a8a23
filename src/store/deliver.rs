//! Messages on their way in: LMTP's deliveries and IMAP's APPEND.
//!
//! Hashing, numbering and the files of large bodies happen on the caller's thread; the transaction
//! only writes rows. A delivery is committed together with its body (invariant 5).

use sha2::{Digest, Sha256};

use super::accounts::lock_account;
use super::batches::{Outcome, Parcel};
use super::blobs::Form;
use super::engine::{Awaited, Pending, Tx, Value, Weight};
use super::mailboxes::{self, INBOX};
use super::repeats::{DeliveryDigest, delivered_before};
use super::row::Difference;
use super::{Error, Failure, PlacedBody, Store, bodies, keywords, row, threads};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{FlagSet, MailboxKey};
use crate::limits;
use crate::model::{
    AccountId, BlobId, EmailId, KeywordMask, MailboxId, MailboxName, ModSeq, ThreadId, Timestamp,
    Uid, UidValidity,
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
    /// Make it.
    Create,
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
        match awaited.wait().ok_or(Failure::Closed)? {
            Outcome::Stored(appended) => {
                self.ring_for_uploads();
                Ok(Delivered::Stored(appended))
            }
            Outcome::Unknown(failure) => Err(failure.into()),
            Outcome::Alone(parcel) => {
                let Parcel { ready, digest } = *parcel;
                self.settle(self.deliver_alone(ready, if_missing, digest.map(DeliveryDigest)))
            }
        }
    }

    /// Stores a message in the mailbox it names (RFC 9051 §6.3.12).
    pub fn append(&self, message: NewMessage) -> Result<Appended, Error> {
        let mut ready = self.prepare(message)?;
        if let Some(couriers) = self.0.couriers.as_ref().filter(|_| ready.can_share()) {
            let awaited = couriers.submit(Parcel { ready, digest: None });
            match awaited.wait().ok_or(Failure::Closed)? {
                Outcome::Stored(appended) => {
                    self.ring_for_uploads();
                    return Ok(appended);
                }
                Outcome::Unknown(failure) => return Err(failure.into()),
                Outcome::Alone(parcel) => ready = parcel.ready,
            }
        }
        let (weight, placed, staged) = (ready.weight(), ready.placed(), ready.is_staged());
        let pending = self.0.engine.submit("appending", weight, move |tx| {
            let account = ready.message.account;
            let mailbox = match ready.message.mailbox.is_inbox() {
                true => INBOX,
                false => mailboxes::find(tx, account, &ready.message.mailbox.key())?
                    .ok_or(Refusal::NoSuchMailbox)?,
            };
            insert(tx, MailboxKey { account, mailbox }, &ready, &ready.message.flags)
        });
        self.settle(InFlight { pending, placed, staged })
    }

    fn submit_delivery(&self, delivery: Delivery) -> Result<Submitted, Error> {
        let Delivery { message, if_missing, digest } = delivery;
        let ready = self.prepare(message)?;
        Ok(match &self.0.couriers {
            Some(couriers) if ready.can_share() => {
                let digest = digest.map(|digest| digest.0);
                Submitted::InBatch(couriers.submit(Parcel { ready, digest }), if_missing)
            }
            _ => Submitted::Alone(self.deliver_alone(ready, if_missing, digest)),
        })
    }

    fn deliver_alone(
        &self,
        ready: Ready,
        if_missing: IfMissing,
        digest: Option<DeliveryDigest>,
    ) -> InFlight<Delivered> {
        let (weight, placed, staged) = (ready.weight(), ready.placed(), ready.is_staged());
        let pending = self.0.engine.submit("delivering", weight, move |tx| {
            let account = ready.message.account;
            let mailbox = target(tx, account, &ready.message.mailbox, if_missing)?;
            if tx.has_rivals() {
                // What the memory of deliveries is asked under, lest two wait for each other.
                row::lock(tx, MailboxKey { account, mailbox })
                    .map_err(|error| missing(error, mailbox))?;
            }
            if let Some(digest) = digest
                && let Some(first) = delivered_before(tx, account, digest)?
            {
                return Ok(Delivered::Repeated { first, now: tx.now() });
            }
            let key = MailboxKey { account, mailbox };
            let inserted = insert(tx, key, &ready, &ready.message.flags);
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
                objects.admit(bytes.len())?;
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

/// A message and what the rows need besides.
pub(super) struct Ready {
    pub(super) message: NewMessage,
    pub(super) blob: BlobId,
    pub(super) size: u32,
    pub(super) hash: [u8; 32],
    pub(super) header: Option<Vec<u8>>,
    /// Of a body that goes into the database.
    pub(super) state: i64,
}

/// The header block of a body whose bytes will not be at hand; `None` if it is too large to keep.
fn header_in(bytes: &[u8], facts: &Facts) -> Option<Vec<u8>> {
    if facts.header_bytes > limits::HEADER_KEPT_BYTES_MAX {
        return None;
    }
    bytes.get(..usize::try_from(facts.header_bytes).ok()?).map(<[u8]>::to_vec)
}

impl Ready {
    /// True if one statement for many can store it: most mail is small and has no keywords.
    fn can_share(&self) -> bool {
        self.message.flags.keywords.is_empty() && self.bytes_in_database().is_some()
    }

    /// The body, if it goes into the database.
    pub(super) fn bytes_in_database(&self) -> Option<&[u8]> {
        match &self.message.body {
            NewBody::Bytes(bytes) => Some(bytes),
            NewBody::Placed(_) => None,
        }
    }

    fn weight(&self) -> Weight {
        match &self.message.body {
            NewBody::Bytes(bytes) => Weight::Bytes(bytes.len()),
            NewBody::Placed(_) => Weight::Bytes(1_024),
        }
    }

    pub(super) fn is_staged(&self) -> bool {
        matches!(self.message.body, NewBody::Bytes(_)) && self.state == bodies::STAGED
    }

    pub(super) fn placed(&self) -> Option<(AccountId, PlacedBody)> {
        match &self.message.body {
            NewBody::Bytes(_) => None,
            NewBody::Placed(placed) => Some((self.message.account, placed.clone())),
        }
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
        (None, IfMissing::Create) => {
            lock_account(tx, account)?;
            mailboxes::create(tx, account, name, None).map(|made| made.mailbox)
        }
    }
}

/// Writes every row of a new message. Lock order: the mailbox first (invariant 6).
pub(super) fn insert(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    flags: &FlagSet,
) -> Result<Appended, Error> {
    let arrival = arrive(tx, mailbox, ready, flags)?;
    let mask = keywords::mask_of(tx, mailbox, &flags.keywords)?;
    let ids = &ready.message.facts.message_ids;
    let thread = threads::of_message(tx, mailbox.account, ready.blob, ids)?;
    insert_blob(tx, ready)?;
    insert_map(tx, ready, thread)?;
    let appended = insert_message(tx, mailbox, ready, (flags, mask), (arrival, thread))?;
    crash_point!("deliver: rows written, not committed");
    Ok(appended)
}

/// One more copy of a message that [`insert`] has written in this transaction: it shares the body.
pub(super) fn place_again(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    flags: &FlagSet,
    thread: ThreadId,
) -> Result<Appended, Error> {
    let arrival = arrive(tx, mailbox, ready, flags)?;
    let mask = keywords::mask_of(tx, mailbox, &flags.keywords)?;
    tx.execute(
        "UPDATE blobs SET refs = refs + 1 WHERE account_id = $1 AND blob_id = $2",
        &[Value::Int(mailbox.account.0), Value::Int(ready.blob.0)],
    )?;
    insert_message(tx, mailbox, ready, (flags, mask), (arrival, thread)).map_err(Error::from)
}

fn arrive(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    flags: &FlagSet,
) -> Result<row::Arrival, Error> {
    let now = tx.now().0;
    let mut difference = Difference::default();
    difference.add(flags.flags, i64::from(ready.size));
    Ok(row::arrive(tx, mailbox, difference, now)?.ok_or(Refusal::NoSuchMailbox)?)
}

fn insert_message(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    (flags, mask): (&FlagSet, KeywordMask),
    (arrival, thread): (row::Arrival, ThreadId),
) -> Result<Appended, Failure> {
    let now = tx.now();
    let date = ready.message.internal_date.unwrap_or(now);
    tx.execute(
        "INSERT INTO messages (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                internal_date, blob_id, created_mod_seq, save_date, arrived_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $4, $10, $10)",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(arrival.first_uid),
            Value::Int(arrival.mod_seq.0),
            Value::Int(i64::from(flags.flags.0)),
            Value::Int(mask.0.cast_signed()),
            Value::Int(i64::from(ready.size)),
            Value::Int(date.0),
            Value::Int(ready.blob.0),
            Value::Int(now.0),
        ],
    )?;
    let uid = u32::try_from(arrival.first_uid).map_err(|_| tx.corrupt("a UID out of range"))?;
    Ok(Appended {
        mailbox,
        uid_validity: arrival.uid_validity,
        uid: Uid(uid),
        mod_seq: arrival.mod_seq,
        email_id: EmailId(ready.blob.0),
        thread_id: thread,
    })
}

/// The body and its row; a placed body's row is there already.
fn insert_blob(tx: &mut Tx<'_>, ready: &Ready) -> Result<(), Failure> {
    let account = Value::Int(ready.message.account.0);
    let blob = Value::Int(ready.blob.0);
    let size = Value::Int(i64::from(ready.size));
    let hash = Value::Bytes(&ready.hash);
    match &ready.message.body {
        NewBody::Bytes(bytes) => {
            tx.execute(
                "INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
                 VALUES ($1, $2, $3, $4, 1, $5)",
                &[account, blob, size, Value::Int(ready.state), hash],
            )?;
            tx.execute(
                "INSERT INTO bodies (account_id, blob_id, bytes) VALUES ($1, $2, $3)",
                &[account, blob, Value::Bytes(bytes)],
            )?;
        }
        NewBody::Placed(placed) => {
            let named = tx.execute(
                "UPDATE blobs SET size = $3, state = $4, refs = 1, hash = $5, form = $6,
                        object_bytes = $7
                 WHERE account_id = $1 AND blob_id = $2 AND refs = 0 AND state = 1",
                &[
                    account,
                    blob,
                    size,
                    Value::Int(bodies::STORED),
                    hash,
                    Value::Int(placed.form.column()),
                    Value::Int(i64::try_from(placed.object_bytes).unwrap_or(i64::MAX)),
                ],
            )?;
            if named != 1 {
                return Err(tx.corrupt("a placed body has no row, or a message already"));
            }
            if placed.form != Form::NONE {
                let sql = "DELETE FROM uploads WHERE account_id = $1 AND blob_id = $2";
                tx.execute(sql, &[account, blob])?;
            }
            crash_point!("deliver: placed body named, not committed");
        }
    }
    Ok(())
}

fn insert_map(tx: &mut Tx<'_>, ready: &Ready, thread: ThreadId) -> Result<(), Failure> {
    let facts = &ready.message.facts;
    tx.execute(
        "INSERT INTO blob_map (account_id, blob_id, thread_id, header_bytes, envelope, map, header)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Value::Int(ready.message.account.0),
            Value::Int(ready.blob.0),
            Value::Int(thread.0),
            Value::Int(i64::try_from(facts.header_bytes).unwrap_or(i64::MAX)),
            Value::Bytes(&facts.envelope),
            Value::Bytes(&facts.map),
            ready.header.as_deref().map_or(Value::Null, Value::Bytes),
        ],
    )
    .map(drop)
}
