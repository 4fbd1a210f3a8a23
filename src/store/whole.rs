//! A mailbox whole, by one statement (PostgreSQL): its row, its keywords and its messages at the same
//! moment, without a transaction.
//!
//! Rows of a million messages cost the server and us more to pass one by one than to read: columns of
//! some thousand messages each come as strings of eight bytes a number instead, block after block of
//! UIDs. An array of as many numbers costs the server three times as much as such a string.

use super::Failure;
use super::engine::{Row, Tx, Value};
use super::{keywords, mailboxes};
use crate::job::{MailboxInfo, MailboxKey};
use crate::mail::{Message, Snapshot, SnapshotHead};
use crate::model::{Flags, KeywordMask, ModSeq, Timestamp, Uid};

/// The columns of [`mailboxes::info_at`], keywords, and a row for each block that has messages; one
/// without if none has. What fits into one number is one: UIDs stand above the 32 bits of the size,
/// mod-sequences above the 8 of the flags; keywords are left out where the mailbox has none. A block is
/// wide enough that there are not many more of them than of thousands of messages, however many UIDs
/// were used up.
const WHOLE: &str = "
SELECT m.account_id, m.mailbox_id, m.uid_next, m.highest_mod_seq, m.messages, m.unseen, m.deleted,
       m.bytes, m.uid_validity, m.special_use, m.name, s.name_key IS NOT NULL,
       k.bits, k.names, x.uids, x.mod_seqs, x.dates, x.keywords
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
        SELECT string_agg(int8send(o.uid << 32 | o.size), '') AS uids,
               string_agg(int8send(o.mod_seq << 8 | o.flags), '') AS mod_seqs,
               string_agg(int8send(o.internal_date), '') AS dates,
               string_agg(int8send(o.keywords), '') FILTER (WHERE k.bits IS NOT NULL) AS keywords
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
    let Some(uids) = row.bytes_or_null(14)? else { return Ok(()) };
    let (uids, mod_seqs) = (numbers(uids), numbers(row.bytes(15)?));
    let (dates, keywords) = (numbers(row.bytes(16)?), row.bytes_or_null(17)?.map(numbers));
    let unlike = |numbers: &[[u8; 8]]| numbers.len() != uids.len();
    if unlike(mod_seqs) || unlike(dates) || keywords.is_some_and(unlike) {
        return Err(row.corrupt("columns of unlike length"));
    }
    let before = messages.len();
    let keywords = keywords.unwrap_or_default().iter().map(Some).chain(std::iter::repeat(None));
    let rows = uids.iter().zip(mod_seqs).zip(dates).zip(keywords);
    messages.extend(rows.map(|(((uid, mod_seq), date), keywords)| {
        let [u0, u1, u2, u3, s0, s1, s2, s3] = *uid;
        let [.., flags] = *mod_seq;
        Message {
            uid: Uid(u32::from_be_bytes([u0, u1, u2, u3])),
            mod_seq: ModSeq(i64::from_be_bytes(*mod_seq) >> 8),
            flags: Flags(flags),
            keywords: KeywordMask(keywords.map_or(0, |mask| u64::from_be_bytes(*mask))),
            size: u32::from_be_bytes([s0, s1, s2, s3]),
            internal_seconds: Timestamp(i64::from_be_bytes(*date)).seconds(),
        }
    }));
    // A block is read by the index or by its pages, in whatever order they are.
    let block = messages.get_mut(before..).unwrap_or_default();
    if !block.is_sorted_by_key(|message| message.uid) {
        block.sort_unstable_by_key(|message| message.uid);
    }
    Ok(())
}

/// The numbers that `int8send` wrote.
fn numbers(bytes: &[u8]) -> &[[u8; 8]] {
    bytes.as_chunks().0
}
