//! A mailbox whole, by one statement (PostgreSQL): its row, its keywords and its messages at the same
//! moment, without a transaction.
//!
//! Rows of a million messages cost the server and us more to pass one by one than to read: columns of
//! some thousand messages each come as arrays instead, block after block of UIDs.

use super::Failure;
use super::engine::{Row, Tx, Value};
use super::{keywords, mailboxes};
use crate::job::{MailboxInfo, MailboxKey};
use crate::mail::{Message, Snapshot, SnapshotHead};
use crate::model::{Flags, KeywordMask, ModSeq, Timestamp, Uid};

/// The columns of [`mailboxes::info_at`], keywords, and a row for each block that has messages; one
/// without if none has. Flags stand above the 32 bits of the size, and keywords are left out where the
/// mailbox has none: each column less is a sixth of the time. A block is wide enough that there are not many more of them than of
/// thousands of messages, however many UIDs were used up.
const WHOLE: &str = "
SELECT m.account_id, m.mailbox_id, m.uid_next, m.highest_mod_seq, m.messages, m.unseen, m.deleted,
       m.bytes, m.uid_validity, m.special_use, m.name, s.name_key IS NOT NULL,
       k.bits, k.names, x.uids, x.mod_seqs, x.sizes, x.dates, x.keywords
FROM mailboxes m
LEFT JOIN subscriptions s ON s.account_id = m.account_id AND s.name_key = m.name_key
LEFT JOIN LATERAL (
    SELECT array_agg(w.bit ORDER BY w.bit) AS bits, array_agg(w.name ORDER BY w.bit) AS names
    FROM keywords w WHERE w.account_id = m.account_id AND w.mailbox_id = m.mailbox_id) k ON TRUE
LEFT JOIN LATERAL (
    SELECT y.*
    FROM (SELECT 4096 * GREATEST(1, m.uid_next / GREATEST(1, m.messages)) AS width) b
    CROSS JOIN generate_series(0, m.uid_next, b.width) AS g(first)
    CROSS JOIN LATERAL (
        SELECT array_agg(o.uid) AS uids, array_agg(o.mod_seq) AS mod_seqs,
               array_agg(o.size | (o.flags << 32)) AS sizes, array_agg(o.internal_date) AS dates,
               array_agg(o.keywords) FILTER (WHERE k.bits IS NOT NULL) AS keywords
        FROM messages o
        WHERE o.account_id = m.account_id AND o.mailbox_id = m.mailbox_id
          AND o.uid >= g.first AND o.uid < g.first + b.width) y
    WHERE m.messages > 0 AND y.uids IS NOT NULL) x ON TRUE
WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.name_key IS NOT NULL";

/// The mailbox as it is; `None` if it is not there.
pub(super) fn load(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
) -> Result<Option<(MailboxInfo, Snapshot)>, Failure> {
    let mut head = None;
    let mut messages = Vec::new();
    tx.query(WHOLE, &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)], |row| {
        if head.is_none() {
            head = Some((mailboxes::info_at(row)?, keywords::at(row, 12, 13)?));
        }
        push_block(row, &mut messages)
    })?;
    let Some((info, keywords)) = head else { return Ok(None) };
    let head = SnapshotHead {
        mailbox: mailbox.mailbox,
        uid_validity: info.uid_validity,
        uid_next: info.uid_next,
        highest_mod_seq: info.highest_mod_seq,
        keywords,
    };
    Ok(Some((info, Snapshot::load(head, messages))))
}

fn push_block(row: &Row<'_>, messages: &mut Vec<Message>) -> Result<(), Failure> {
    let Some(uids) = row.ints_or_null(14)? else { return Ok(()) };
    let column = |column| row.ints_or_null(column).map(Option::unwrap_or_default);
    let (mod_seqs, sizes, dates) = (column(15)?, column(16)?, column(17)?);
    let keywords = row.ints_or_null(18)?.unwrap_or_else(|| vec![0; uids.len()]);
    if [&mod_seqs, &sizes, &dates, &keywords].iter().any(|all| all.len() != uids.len()) {
        return Err(row.corrupt("columns of unlike length"));
    }
    let before = messages.len();
    messages.reserve(uids.len());
    let rows = uids.iter().zip(&mod_seqs).zip(&sizes).zip(&dates).zip(&keywords);
    for ((((uid, mod_seq), size), date), keywords) in rows {
        messages.push(Message {
            uid: Uid(narrow(row, *uid)?),
            mod_seq: ModSeq(*mod_seq),
            flags: Flags(u8::try_from(size >> 32).map_err(|_| row.corrupt("unknown flags"))?),
            keywords: KeywordMask(keywords.cast_unsigned()),
            size: narrow(row, size & i64::from(u32::MAX))?,
            internal_seconds: Timestamp(*date).seconds(),
        });
    }
    // A block is read by the index or by its pages, in whatever order they are.
    let block = messages.get_mut(before..).unwrap_or_default();
    if !block.is_sorted_by_key(|message| message.uid) {
        block.sort_unstable_by_key(|message| message.uid);
    }
    Ok(())
}

fn narrow(row: &Row<'_>, number: i64) -> Result<u32, Failure> {
    u32::try_from(number).map_err(|_| row.corrupt("a number out of its range"))
}
