//! A message that is ready to be stored, and the rows it becomes.

use super::blobs::Form;
use super::deliver::{Appended, Facts, NewBody, NewMessage};
use super::engine::{Tx, Value, Weight};
use super::keywords::TooMany;
use super::row::{self, Difference};
use super::{Error, Failure, PlacedBody, bodies, keywords, threads};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{FlagSet, MailboxKey};
use crate::limits;
use crate::model::{AccountId, BlobId, EmailId, KeywordMask, ModSeq, ThreadId, Uid};

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
pub(super) fn header_in(bytes: &[u8], facts: &Facts) -> Option<Vec<u8>> {
    if facts.header_bytes > limits::HEADER_KEPT_BYTES_MAX {
        return None;
    }
    bytes.get(..usize::try_from(facts.header_bytes).ok()?).map(<[u8]>::to_vec)
}

impl Ready {
    /// True if one statement for many can store it: most mail is small and has no keywords.
    pub(super) fn can_share(&self) -> bool {
        self.message.flags.keywords.is_empty() && self.bytes_in_database().is_some()
    }

    /// The body, if it goes into the database.
    pub(super) fn bytes_in_database(&self) -> Option<&[u8]> {
        match &self.message.body {
            NewBody::Bytes(bytes) => Some(bytes),
            NewBody::Placed(_) => None,
        }
    }

    pub(super) fn weight(&self) -> Weight {
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

/// Whether a message may have been stored before, by a statement whose answer was lost (pitfall 10).
/// Its body's identifier is its own, so that it is known by that; and what is still on its way when it
/// is stored again finds the identifier taken, and comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It was not.
    No,
    /// Nobody knows.
    Perhaps,
}

impl Before {
    /// Where it is, if it is.
    pub(super) fn find(
        self,
        tx: &mut Tx<'_>,
        mailbox: MailboxKey,
        ready: &Ready,
    ) -> Result<Option<Appended>, Error> {
        if self == Self::No {
            return Ok(None);
        }
        let uid_validity = row::lock(tx, mailbox)?.uid_validity; // first: it may be under way
        let found = tx.query_one(
            "SELECT m.uid, m.mod_seq, b.thread_id FROM messages m
             JOIN blob_map b ON b.account_id = m.account_id AND b.blob_id = m.blob_id
             WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.blob_id = $3",
            &[
                Value::Int(mailbox.account.0),
                Value::Int(mailbox.mailbox.0),
                Value::Int(ready.blob.0),
            ],
            |row| {
                Ok(Appended {
                    mailbox,
                    uid_validity,
                    uid: Uid(row.uint(0)?),
                    mod_seq: ModSeq(row.int(1)?),
                    email_id: EmailId(ready.blob.0),
                    thread_id: ThreadId(row.int(2)?),
                    event: false, // it was written then
                })
            },
        );
        Ok(found?)
    }
}

/// Writes every row of a new message. Lock order: the mailbox first (invariant 6).
pub(super) fn insert(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    flags: &FlagSet,
    too_many: TooMany,
) -> Result<Appended, Error> {
    let arrival = arrive(tx, mailbox, ready, flags)?;
    let mask = keywords::mask_of(tx, mailbox, &flags.keywords, too_many)?;
    let ids = &ready.message.facts.message_ids;
    let thread = threads::of_message(tx, mailbox.account, ready.blob, ids)?;
    insert_blob(tx, ready)?;
    insert_map(tx, ready, thread)?;
    let appended = insert_message(tx, mailbox, ready, (flags, mask), (arrival, thread))?;
    crash_point!("deliver: rows written, not committed");
    Ok(appended)
}

/// One more copy of a delivery that [`insert`] has written in this transaction: it shares the body.
pub(super) fn place_again(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    flags: &FlagSet,
    thread: ThreadId,
) -> Result<Appended, Error> {
    let arrival = arrive(tx, mailbox, ready, flags)?;
    let mask = keywords::mask_of(tx, mailbox, &flags.keywords, TooMany::LeftOut)?;
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
        event: arrival.scripted,
    })
}

/// The same with a UID that was chosen and a mod-sequence that many have: the mailbox's row is the
/// caller's (`import`).
pub(super) fn insert_numbered(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    ready: &Ready,
    arrival: row::Arrival,
) -> Result<(), Error> {
    let flags = &ready.message.flags;
    let mask = keywords::mask_of(tx, mailbox, &flags.keywords, TooMany::Refused)?;
    let ids = &ready.message.facts.message_ids;
    let thread = threads::of_message(tx, mailbox.account, ready.blob, ids)?;
    insert_blob(tx, ready)?;
    insert_map(tx, ready, thread)?;
    insert_message(tx, mailbox, ready, (flags, mask), (arrival, thread))?;
    Ok(())
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
            if placed.form != Form::NONE || tx.has_rivals() {
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
