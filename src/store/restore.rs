//! What was expunged or went down with its mailbox, while its grace lasts: listed, restored, purged.
//!
//! A restored message comes back under a new UID with its flags, dates and email id, but for
//! `\Deleted`, which would only take it away again; its age begins anew. Its row in `expunged` stays and
//! loses the body, so that whoever was away still learns that the old UID is gone (pitfall 144). What
//! is there already is not doubled (pitfalls 139, 145).

use std::collections::{BTreeSet, HashSet};

use super::engine::{Row, Tx, Value, Weight};
use super::expunge::{Reason, retire};
use super::retention::{self, LockedAny};
use super::row::{self, Difference};
use super::{Error, Failure, Store, copy, mailboxes, metadata};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{Change, MailboxKey};
use crate::limits;
use crate::mail::UidRuns;
use crate::model::{AccountId, BlobId, Flags, MailboxId, MailboxName, ModSeq, Timestamp, Uid};

/// A message that can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedMessage {
    /// The mailbox it was in.
    pub mailbox: MailboxId,
    /// Its UID there.
    pub uid: Uid,
    /// Its body; EMAILID.
    pub blob: BlobId,
    /// When it was expunged, or its mailbox deleted.
    pub deleted_at: Timestamp,
    /// Its flags at that moment.
    pub flags: Flags,
    /// Its INTERNALDATE.
    pub internal_date: Timestamp,
    /// Its bytes.
    pub size: u64,
    /// ENVELOPE as it is told to clients.
    pub envelope: Vec<u8>,
}

/// A mailbox with messages that can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedFrom {
    /// Which.
    pub mailbox: MailboxId,
    /// Its name, now or when it was deleted.
    pub name: MailboxName,
    /// Whether it is deleted itself.
    pub is_deleted: bool,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The mailbox they are in now.
    pub mailbox: MailboxKey,
    /// Their new UIDs.
    pub uids: UidRuns,
    /// Messages that were in that mailbox already.
    pub there_already: u64,
    /// The mailbox's mod-sequence after it, if any came.
    pub mod_seq: Option<ModSeq>,
}

/// What a purge took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Messages that cannot be restored any more.
    pub messages: u64,
    /// The bodies they referred to. Copies elsewhere may keep some of them.
    pub bodies: Vec<BlobId>,
}

impl Restored {
    /// What sessions have to be told.
    pub fn change(&self) -> Option<Change> {
        Some(Change { mailbox: self.mailbox, mod_seq: self.mod_seq? })
    }
}

impl Store {
    /// Mailboxes of an account that have messages to restore, by name.
    pub fn deleted_from(&self, account: AccountId) -> Result<Vec<DeletedFrom>, Failure> {
        self.0.engine.read("listing what was deleted", |tx| {
            let mut found = Vec::new();
            tx.query(
                "SELECT m.mailbox_id, m.name, m.deleted_at FROM mailboxes m
                 WHERE m.account_id = $1
                   AND (EXISTS (SELECT 1 FROM expunged e WHERE e.account_id = m.account_id
                                AND e.mailbox_id = m.mailbox_id AND e.blob_id IS NOT NULL)
                        OR (m.deleted_at IS NOT NULL AND m.messages > 0))
                 ORDER BY m.name, m.mailbox_id",
                &[Value::Int(account.0)],
                |row| {
                    found.push(DeletedFrom {
                        mailbox: MailboxId(row.int(0)?),
                        name: mailboxes::name_at(row, 1)?,
                        is_deleted: row.int_or_null(2)?.is_some(),
                    });
                    Ok(())
                },
            )?;
            Ok(found)
        })
    }

    /// The next messages of a mailbox that can be restored, ascending by UID from the one after
    /// `after` on, deleted at `since` or later; at most `RESTORED_MESSAGES_MAX`.
    pub fn deleted_messages(
        &self,
        mailbox: MailboxKey,
        after: Uid,
        since: Timestamp,
    ) -> Result<Vec<DeletedMessage>, Failure> {
        self.0.engine.read("listing what was deleted", |tx| {
            let mut found = Vec::new();
            tx.query(
                "SELECT x.uid, x.blob_id, x.deleted_at, x.flags, x.internal_date, x.size, b.envelope
                 FROM (SELECT account_id, uid, blob_id, expunged_at AS deleted_at, flags,
                              internal_date, size
                       FROM expunged
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3
                         AND blob_id IS NOT NULL
                       UNION ALL
                       SELECT m.account_id, m.uid, m.blob_id, d.deleted_at, m.flags,
                              m.internal_date, m.size
                       FROM mailboxes d JOIN messages m ON m.account_id = d.account_id
                                                       AND m.mailbox_id = d.mailbox_id
                       WHERE d.account_id = $1 AND d.mailbox_id = $2 AND m.uid > $3
                         AND d.deleted_at IS NOT NULL) x
                 JOIN blob_map b ON b.account_id = x.account_id AND b.blob_id = x.blob_id
                 WHERE x.deleted_at >= $4 ORDER BY x.uid LIMIT $5",
                &[
                    Value::Int(mailbox.account.0),
                    Value::Int(mailbox.mailbox.0),
                    Value::Int(after.0.into()),
                    Value::Int(since.0),
                    Value::Int(limits::RESTORED_MESSAGES_MAX),
                ],
                |row| {
                    found.push(deleted_message_at(mailbox, row)?);
                    Ok(())
                },
            )?;
            Ok(found)
        })
    }

    /// Brings messages back into the mailbox they were in, or, if it is deleted, into the one that has
    /// its name now, which is made if there is none. UIDs that cannot be restored are passed over.
    /// At most `RESTORED_MESSAGES_MAX` in a call.
    pub fn restore(&self, from: MailboxKey, uids: &UidRuns) -> Result<Restored, Error> {
        let uids = uids.clone();
        self.0.engine.write("restoring messages", Weight::Bulk, move |tx| {
            let target = target_of(tx, from)?;
            let locked = lock_both(tx, from, target)?;
            if locked.deleted_at.is_some() {
                expunge_all_of(tx, from, &locked, &uids)?;
            }
            let restored = restore(tx, from, target, &uids)?;
            crash_point!("restore: rows written, not committed");
            Ok(restored)
        })
    }

    /// Takes the bodies of messages that could be restored: they are gone for good, once
    /// [`Store::remove_bodies`] has been there, and [`Store::bodies_left`] finds none.
    pub fn purge(&self, from: MailboxKey, uids: &UidRuns) -> Result<Purged, Failure> {
        let uids = uids.clone();
        self.0.engine.write("purging messages", Weight::Bulk, move |tx| {
            let Some(locked) = retention::lock(tx, from)? else { return Ok(Purged::default()) };
            if locked.deleted_at.is_some() {
                expunge_all_of(tx, from, &locked, &uids)?;
            }
            let chosen = Chosen::read(tx, from, &uids)?;
            let references = chosen.references();
            retention::release(tx, from.account, &references)?;
            take_bodies(tx, from, &chosen.ids())?;
            let bodies = references.iter().map(|(blob, _)| BlobId(*blob)).collect();
            Ok(Purged { messages: chosen.0.len() as u64, bodies })
        })
    }
}

fn deleted_message_at(mailbox: MailboxKey, row: &Row<'_>) -> Result<DeletedMessage, Failure> {
    Ok(DeletedMessage {
        mailbox: mailbox.mailbox,
        uid: Uid(row.uint(0)?),
        blob: BlobId(row.int(1)?),
        deleted_at: Timestamp(row.int(2)?),
        flags: Flags(row.uint(3)?),
        internal_date: Timestamp(row.int(4)?),
        size: row.uint(5)?,
        envelope: row.bytes(6)?.to_vec(),
    })
}

/// The mailbox that messages of `from` come back to. Names change under the account's lock.
fn target_of(tx: &mut Tx<'_>, from: MailboxKey) -> Result<MailboxKey, Error> {
    let account = from.account;
    super::accounts::lock_account(tx, account)?;
    let found = tx.query_one(
        "SELECT name, deleted_at, special_use FROM mailboxes
         WHERE account_id = $1 AND mailbox_id = $2",
        &[Value::Int(account.0), Value::Int(from.mailbox.0)],
        |row| {
            let is_deleted = row.int_or_null(1)?.is_some();
            Ok((mailboxes::name_at(row, 0)?, is_deleted, mailboxes::special_use_at(row, 2)?))
        },
    )?;
    let (name, used) = match found {
        None => return Err(Refusal::NoSuchMailbox.into()),
        Some((_, false, _)) => return Ok(from),
        Some((name, true, used)) => (name, used),
    };
    if let Some(mailbox) = mailboxes::find(tx, account, &name.key())? {
        return Ok(MailboxKey { account, mailbox });
    }
    let used = match used {
        Some(used) if mailboxes::holder(tx, account, used)?.is_none() => Some(used),
        _ => None, // a use has one mailbox, and another has it by now (RFC 6154 §5.3)
    };
    let made = mailboxes::create(tx, account, &name, used)?;
    metadata::take_over(tx, from, made.mailbox)?;
    Ok(made)
}

/// Locks both in the order of their numbers (invariant 6); the row of `from`.
fn lock_both(tx: &mut Tx<'_>, from: MailboxKey, to: MailboxKey) -> Result<LockedAny, Error> {
    if to.mailbox < from.mailbox {
        row::lock(tx, to)?;
    }
    let locked = retention::lock(tx, from)?.ok_or(Refusal::NoSuchMailbox)?;
    if from.mailbox < to.mailbox {
        row::lock(tx, to)?;
    }
    Ok(locked)
}

/// Expunges messages of a deleted mailbox, so that what follows finds them where all others are.
fn expunge_all_of(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    locked: &LockedAny,
    among: &UidRuns,
) -> Result<(), Failure> {
    let (mut uids, mut difference) = (UidRuns::new(), Difference::default());
    super::selection::rows(tx, mailbox, among, |row| {
        uids.push(Uid(row.uint(0)?));
        difference.add(Flags(row.uint(2)?), row.int(4)?);
        Ok(())
    })?;
    if uids.is_empty() {
        return Ok(());
    }
    let mod_seq = ModSeq(locked.highest_mod_seq.0 + 1);
    retire(tx, mailbox, &uids, mod_seq, Reason::Expunged)?;
    row::change(tx, mailbox, mod_seq, difference.negated())
}

/// One row of `expunged` that has a body.
struct Found {
    uid: Uid,
    blob: i64,
    flags: Flags,
    keywords: u64,
    size: i64,
}

/// Rows of `expunged` that are asked for and have a body, ascending by UID.
struct Chosen(Vec<Found>);

impl Chosen {
    fn read(tx: &mut Tx<'_>, from: MailboxKey, uids: &UidRuns) -> Result<Self, Failure> {
        let ids: Vec<i64> = uids.iter().map(|uid| uid.0.into()).collect();
        let mut found = Vec::new();
        tx.query(
            "SELECT uid, blob_id, flags, keywords, size FROM expunged
             WHERE {each account_id=$1 mailbox_id=$2 uid=$3} AND blob_id IS NOT NULL ORDER BY uid",
            &[Value::Int(from.account.0), Value::Int(from.mailbox.0), Value::Ids(&ids)],
            |row| {
                found.push(Found {
                    uid: Uid(row.uint(0)?),
                    blob: row.int(1)?,
                    flags: Flags(row.uint(2)?),
                    keywords: row.int(3)?.cast_unsigned(),
                    size: row.int(4)?,
                });
                Ok(())
            },
        )?;
        Ok(Self(found))
    }

    /// Leaves out what `target` has already, and all but one of the same: how many.
    fn leave_out_doubles(&mut self, tx: &mut Tx<'_>, target: MailboxKey) -> Result<u64, Failure> {
        let blobs: Vec<i64> = self.0.iter().map(|found| found.blob).collect();
        let mut there = HashSet::new();
        tx.query(
            "SELECT DISTINCT blob_id FROM messages
             WHERE account_id = $1 AND mailbox_id = $2 AND
             {sqlite} blob_id IN ({ids $3})
             {postgres} blob_id = ANY($3::bigint[])
            ",
            &[Value::Int(target.account.0), Value::Int(target.mailbox.0), Value::Ids(&blobs)],
            |row| {
                there.insert(row.int(0)?);
                Ok(())
            },
        )?;
        let before = self.0.len();
        self.0.retain(|found| there.insert(found.blob));
        Ok((before - self.0.len()) as u64)
    }

    fn ids(&self) -> Vec<i64> {
        self.0.iter().map(|found| found.uid.0.into()).collect()
    }

    fn masks(&self) -> BTreeSet<u64> {
        self.0.iter().map(|found| found.keywords).filter(|mask| *mask != 0).collect()
    }

    /// As they will be counted: without `\Deleted`.
    fn difference(&self) -> Difference {
        let mut difference = Difference::default();
        for found in &self.0 {
            difference.add(Flags(found.flags.0 & !Flags::DELETED.0), found.size);
        }
        difference
    }

    fn references(&self) -> Vec<(i64, i64)> {
        let mut counted = std::collections::BTreeMap::new();
        self.0.iter().for_each(|found| *counted.entry(found.blob).or_insert(0) += 1);
        counted.into_iter().collect()
    }
}

fn restore(
    tx: &mut Tx<'_>,
    from: MailboxKey,
    target: MailboxKey,
    uids: &UidRuns,
) -> Result<Restored, Error> {
    let mut chosen = Chosen::read(tx, from, uids)?;
    let there_already = chosen.leave_out_doubles(tx, target)?;
    let mut restored =
        Restored { mailbox: target, uids: UidRuns::new(), there_already, mod_seq: None };
    if chosen.0.is_empty() {
        return Ok(restored);
    }
    let masks = copy::map_masks(tx, from, target, &chosen.masks())?;
    let arrival = row::arrive(tx, target, chosen.difference(), tx.now().0)?
        .ok_or(Refusal::Limit("the mailbox has no UIDs left"))?;
    let written = tx.execute(
        // The body moves from one row to the other, so its references stay as many.
        "INSERT INTO messages (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                internal_date, blob_id, created_mod_seq, save_date, arrived_at)
         SELECT account_id, $4, $5 + row_number() OVER (ORDER BY uid) - 1, $6, flags & ~$9,
                CASE WHEN keywords = 0 THEN 0 ELSE keywords | $8 END, size, internal_date, blob_id,
                $6, $7, $7
         FROM expunged WHERE {each account_id=$1 mailbox_id=$2 uid=$3}",
        &[
            Value::Int(from.account.0),
            Value::Int(from.mailbox.0),
            Value::Ids(&chosen.ids()),
            Value::Int(target.mailbox.0),
            Value::Int(arrival.first_uid),
            Value::Int(arrival.mod_seq.0),
            Value::Int(tx.now().0),
            Value::Int(masks.mark()),
            Value::Int(Flags::DELETED.0.into()),
        ],
    )?;
    if written != chosen.0.len() as u64 {
        return Err(tx.corrupt("an expunged message changed under its mailbox's lock").into());
    }
    masks.apply(tx, target, arrival)?;
    take_bodies(tx, from, &chosen.ids())?;
    restored.uids = copy::given_uids(tx, arrival, chosen.difference().messages)?;
    restored.mod_seq = Some(arrival.mod_seq);
    Ok(restored)
}

/// What is left tells that the UID is gone, and nothing more.
fn take_bodies(tx: &mut Tx<'_>, mailbox: MailboxKey, uids: &[i64]) -> Result<(), Failure> {
    tx.execute(
        "UPDATE expunged SET blob_id = NULL
         WHERE {each account_id=$1 mailbox_id=$2 uid=$3}",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0), Value::Ids(uids)],
    )
    .map(drop)
}
