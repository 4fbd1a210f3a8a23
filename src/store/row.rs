//! The mailbox row: the lock, the allocator of UIDs and mod-sequences, and the counters (invariants
//! 6 and 10). Whoever changes a mailbox's messages locks its row first and tells it the difference.

use super::engine::{Tx, Value};
use super::{Error, Failure};
use crate::error::Refusal;
use crate::job::MailboxKey;
use crate::model::{Flags, ModSeq, UidValidity};

/// The highest UID there can be is below this (RFC 9051 §2.3.1.1: 32 bits; UIDNEXT is one too).
pub(super) const UID_NEXT_MAX: i64 = u32::MAX as i64;

/// A mailbox row that this transaction has locked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locked {
    pub(super) highest_mod_seq: ModSeq,
    pub(super) deleted: i64,
    pub(super) uid_validity: UidValidity,
    /// What happens here is seen by a script (RFC 6785).
    pub(super) scripted: bool,
}

impl Locked {
    /// The mod-sequence of a change made under this lock.
    pub(super) fn next_mod_seq(&self) -> ModSeq {
        ModSeq(self.highest_mod_seq.0 + 1)
    }
}

/// Locks a mailbox; refused as missing once deleted.
pub(super) fn lock(tx: &mut Tx<'_>, key: MailboxKey) -> Result<Locked, Error> {
    let found = tx.query_one(
        "SELECT highest_mod_seq, deleted, uid_validity, scripted FROM mailboxes
         WHERE account_id = $1 AND mailbox_id = $2 AND name_key IS NOT NULL {lock}",
        &[Value::Int(key.account.0), Value::Int(key.mailbox.0)],
        |row| {
            Ok(Locked {
                highest_mod_seq: ModSeq(row.int(0)?),
                deleted: row.int(1)?,
                uid_validity: UidValidity(row.uint(2)?),
                scripted: row.int(3)? != 0,
            })
        },
    )?;
    Ok(found.ok_or(Refusal::NoSuchMailbox)?)
}

/// By how much the counters change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) messages: i64,
    pub(super) unseen: i64,
    pub(super) deleted: i64,
    pub(super) bytes: i64,
}

impl Difference {
    /// Counts one more message.
    pub(super) fn add(&mut self, flags: Flags, size: i64) {
        self.messages += 1;
        self.unseen += i64::from(!flags.contains(Flags::SEEN));
        self.deleted += i64::from(flags.contains(Flags::DELETED));
        self.bytes += size;
    }

    /// Counts a change of flags.
    pub(super) fn reflag(&mut self, old: Flags, new: Flags) {
        let has = |flags: Flags, flag| i64::from(flags.contains(flag));
        self.unseen += has(old, Flags::SEEN) - has(new, Flags::SEEN);
        self.deleted += has(new, Flags::DELETED) - has(old, Flags::DELETED);
    }

    /// The same, taken away.
    pub(super) fn negated(self) -> Self {
        Self {
            messages: -self.messages,
            unseen: -self.unseen,
            deleted: -self.deleted,
            bytes: -self.bytes,
        }
    }
}

/// Records a change to messages that were there.
pub(super) fn change(
    tx: &mut Tx<'_>,
    key: MailboxKey,
    mod_seq: ModSeq,
    by: Difference,
) -> Result<(), Failure> {
    tx.execute(
        "UPDATE mailboxes
         SET highest_mod_seq = $3, messages = messages + $4, unseen = unseen + $5,
             deleted = deleted + $6, bytes = bytes + $7
         WHERE account_id = $1 AND mailbox_id = $2",
        &[
            Value::Int(key.account.0),
            Value::Int(key.mailbox.0),
            Value::Int(mod_seq.0),
            Value::Int(by.messages),
            Value::Int(by.unseen),
            Value::Int(by.deleted),
            Value::Int(by.bytes),
        ],
    )
    .map(drop)
}

/// Records messages that came, the oldest of which entered the store at `oldest_arrived`; gives out
/// their UIDs and one mod-sequence. `None` if the mailbox is not there or its UIDs are used up.
pub(super) fn arrive(
    tx: &mut Tx<'_>,
    key: MailboxKey,
    by: Difference,
    oldest_arrived: i64,
) -> Result<Option<Arrival>, Failure> {
    tx.query_one(
        "UPDATE mailboxes
         SET uid_next = uid_next + $3, highest_mod_seq = highest_mod_seq + 1,
             messages = messages + $3, unseen = unseen + $4, deleted = deleted + $5,
             bytes = bytes + $6,
             oldest_arrived = CASE WHEN messages > 0 AND oldest_arrived < $7
                                   THEN oldest_arrived ELSE $7 END
         WHERE account_id = $1 AND mailbox_id = $2 AND name_key IS NOT NULL
           AND uid_next + $3 <= $8
         RETURNING uid_next - $3, highest_mod_seq, uid_validity, scripted",
        &[
            Value::Int(key.account.0),
            Value::Int(key.mailbox.0),
            Value::Int(by.messages),
            Value::Int(by.unseen),
            Value::Int(by.deleted),
            Value::Int(by.bytes),
            Value::Int(oldest_arrived),
            Value::Int(UID_NEXT_MAX),
        ],
        |row| {
            Ok(Arrival {
                first_uid: row.int(0)?,
                mod_seq: ModSeq(row.int(1)?),
                uid_validity: UidValidity(row.uint(2)?),
                scripted: row.int(3)? != 0,
            })
        },
    )
}

/// What messages that came were given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) first_uid: i64,
    pub(super) mod_seq: ModSeq,
    pub(super) uid_validity: UidValidity,
    /// What comes here is seen by a script (RFC 6785).
    pub(super) scripted: bool,
}
