//! EXPUNGE: moves messages to the expunged, where they can be read by who still sees them, and
//! restored, until the grace time is over (design: "Retention").

use super::engine::{Tx, Value, Weight};
use super::row::{self, Difference};
use super::selection::{self, BULK_ROWS, Forms};
use super::{Error, Failure, Store};
use crate::crash_point;
use crate::job::MailboxKey;
use crate::mail::UidRuns;
use crate::model::{Flags, ModSeq, Uid};

/// What EXPUNGE took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expunged {
    /// Which.
    pub uids: UidRuns,
    /// The mod-sequence of it; the mailbox's if it took nothing.
    pub mod_seq: ModSeq,
}

impl Store {
    /// Takes the messages with `\Deleted`, of `uids` only if given, under one new mod-sequence
    /// (RFC 7162 §3.2.7, pitfall 89).
    pub fn expunge(&self, mailbox: MailboxKey, uids: Option<UidRuns>) -> Result<Expunged, Error> {
        self.expunge_those(mailbox, uids.map_or(Which::Deleted, Which::DeletedAmong))
    }

    /// Takes `uids`, with `\Deleted` or without; those that are gone already are skipped (RFC 1939 §6).
    pub fn remove(&self, mailbox: MailboxKey, uids: UidRuns) -> Result<Expunged, Error> {
        self.expunge_those(mailbox, Which::All(uids))
    }

    fn expunge_those(&self, mailbox: MailboxKey, which: Which) -> Result<Expunged, Error> {
        let weight = match which.uids() {
            Some(uids) if uids.len() <= BULK_ROWS => Weight::Bytes(uids.len() as usize * 128),
            _ => Weight::Bytes(64 * 1024),
        };
        self.0.engine.write("expunging", weight, move |tx| {
            let locked = row::lock(tx, mailbox)?;
            let mut expunged = Expunged { uids: UidRuns::new(), mod_seq: locked.highest_mod_seq };
            if locked.deleted == 0 && !matches!(which, Which::All(_)) {
                return Ok(expunged);
            }
            let mut difference = Difference::default();
            each(tx, mailbox, &which, locked.deleted, |uid, flags, size| {
                expunged.uids.push(uid);
                difference.add(flags, size);
            })?;
            if !expunged.uids.is_empty() {
                expunged.mod_seq = locked.next_mod_seq();
                retire(tx, mailbox, &expunged.uids, expunged.mod_seq, Reason::Expunged)?;
                row::change(tx, mailbox, expunged.mod_seq, difference.negated())?;
                crash_point!("expunge: rows moved, not committed");
            }
            Ok(expunged)
        })
    }
}

/// Which messages go.
enum Which {
    /// All that have `\Deleted`.
    Deleted,
    /// Those of these that have it.
    DeletedAmong(UidRuns),
    /// These.
    All(UidRuns),
}

impl Which {
    const fn uids(&self) -> Option<&UidRuns> {
        match self {
            Self::Deleted => None,
            Self::DeletedAmong(uids) | Self::All(uids) => Some(uids),
        }
    }
}

/// Shows the messages that go; the row's counter says when the last with `\Deleted` was found.
fn each(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    which: &Which,
    deleted: i64,
    mut each: impl FnMut(Uid, Flags, i64),
) -> Result<(), Failure> {
    let whatever = matches!(which, Which::All(_));
    if let Some(uids) = which.uids() {
        return selection::rows(tx, mailbox, uids, |row| {
            let flags = flags(row.int(2)?);
            if whatever || flags.contains(Flags::DELETED) {
                each(Uid(row.uint(0)?), flags, row.int(4)?);
            }
            Ok(())
        });
    }
    tx.query(
        "SELECT uid, flags, size FROM messages
         WHERE account_id = $1 AND mailbox_id = $2 AND flags & $3 <> 0 ORDER BY uid LIMIT $4",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(i64::from(Flags::DELETED.0)),
            Value::Int(deleted),
        ],
        |row| {
            each(Uid(row.uint(0)?), flags(row.int(1)?), row.int(2)?);
            Ok(())
        },
    )
}

fn flags(column: i64) -> Flags {
    Flags(u8::try_from(column & i64::from(Flags::ALL.0)).unwrap_or(0))
}

/// Why a message left its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It keeps its body's reference, and can be read and restored.
    Expunged = 1,
    /// Its body went with it: nothing of it can be restored here (pitfall 145).
    Moved = 2,
    /// As `Expunged`, by the cleaner: it was in the store for too long.
    Aged = 3,
}

/// Moves rows from `messages` to `expunged`. Every UID of `uids` has a row; the caller counts them.
pub(super) fn retire(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    uids: &UidRuns,
    mod_seq: ModSeq,
    reason: Reason,
) -> Result<(), Failure> {
    let into_expunged = Forms {
        range: "INSERT INTO expunged (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                       internal_date, blob_id, reason, expunged_at, save_date, arrived_at)
                SELECT account_id, mailbox_id, uid, $5, flags, keywords, size, internal_date,
                       CASE WHEN $6 <> 2 THEN blob_id END, $6, $7, save_date, arrived_at
                FROM messages
                WHERE account_id = $3 AND mailbox_id = $4 AND uid BETWEEN $1 AND $2",
        list: "INSERT INTO expunged (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                      internal_date, blob_id, reason, expunged_at, save_date, arrived_at)
               SELECT account_id, mailbox_id, uid, $5, flags, keywords, size, internal_date,
                      CASE WHEN $6 <> 2 THEN blob_id END, $6, $7, save_date, arrived_at
               FROM messages
               WHERE CAST($2 AS BIGINT) IS NULL AND {each account_id=$3 mailbox_id=$4 uid=$1}",
    };
    let from_messages = Forms {
        range: "DELETE FROM messages
                WHERE account_id = $3 AND mailbox_id = $4 AND uid BETWEEN $1 AND $2",
        list: "DELETE FROM messages
               WHERE CAST($2 AS BIGINT) IS NULL AND {each account_id=$3 mailbox_id=$4 uid=$1}",
    };
    let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
    let reason = Value::Int(reason as i64);
    let more = [account, number, Value::Int(mod_seq.0), reason, Value::Int(tx.now().0)];
    let kept = selection::execute(tx, into_expunged, uids, &more)?;
    let gone = selection::execute(tx, from_messages, uids, &[account, number])?;
    if kept != u64::from(uids.len()) || gone != kept {
        return Err(tx.corrupt("a message changed under its mailbox's lock"));
    }
    Ok(())
}
