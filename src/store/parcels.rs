//! The one statement that stores deliveries, for as many as there are (PostgreSQL).
//!
//! It locks each mailbox first and gives out UIDs and mod-sequences from the row it locked, so that
//! their order is the commit order here, too (invariant 6).

use super::Failure;
use super::deliver::Appended;
use super::engine::{Row, Tx, Value};
use super::events::Trigger;
use super::ready::Ready;
use super::row;
use crate::job::MailboxKey;
use crate::model::{AccountId, EmailId, MailboxId, ModSeq, ThreadId, Uid, UidValidity};

/// A delivery that can share a statement.
pub(super) struct Parcel {
    pub(super) ready: Ready,
    pub(super) digest: Option<[u8; 16]>,
    /// Of what is appended.
    pub(super) trigger: Trigger,
}

impl Parcel {
    /// Where it goes: the account, and the key of the mailbox's name.
    pub(super) fn place(&self) -> (i64, String) {
        (self.ready.message.account.0, self.ready.message.mailbox.key())
    }

    /// Each once, in their order.
    pub(super) fn message_ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = Vec::new();
        for id in &self.ready.message.facts.message_ids {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        ids
    }
}

/// Everything a delivery writes, for as many as there are. Rows come back for those that were stored.
///
/// One statement has one moment: what it reads of `message_ids` was there before, and of what it
/// inserts only RETURNING tells. Rows are inserted in the order of their keys, lest two statements
/// wait for each other.
///
/// A Message-ID that somebody else has recorded since that moment is of a thread that this statement
/// has not seen: then it divides by zero, which undoes it, and is run again.
const DELIVER: &str = "
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::bytea[], $8::bigint[], $9::bytea[], $16::bigint[],
                         $19::bigint[])
         WITH ORDINALITY
         AS a(account_id, name_key, flags, size, internal_date, blob_id, hash, header_bytes,
              digest, state, trigger, at)
), locked AS MATERIALIZED (
    SELECT m.account_id, m.mailbox_id, m.name_key, m.scripted FROM mailboxes m
    WHERE (m.account_id, m.name_key) IN (SELECT a.account_id, a.name_key FROM asked a)
      AND m.uid_next <= $15
    ORDER BY m.account_id, m.mailbox_id FOR UPDATE SKIP LOCKED
), remembered AS (
    INSERT INTO deliveries (account_id, digest, delivered_at)
    SELECT a.account_id, a.digest, $14
    FROM asked a JOIN locked l ON l.account_id = a.account_id AND l.name_key = a.name_key
    WHERE a.digest IS NOT NULL ORDER BY a.account_id, a.digest
    ON CONFLICT (account_id, digest) DO NOTHING
    RETURNING account_id, digest
), kept AS MATERIALIZED (
    SELECT a.*, l.mailbox_id, CASE WHEN a.trigger + l.scripted >= 2 THEN 1 ELSE 0 END AS event,
           row_number() OVER (PARTITION BY l.account_id, l.mailbox_id ORDER BY a.at) AS place
    FROM asked a JOIN locked l ON l.account_id = a.account_id AND l.name_key = a.name_key
    WHERE a.digest IS NULL
       OR EXISTS (SELECT 1 FROM remembered r
                  WHERE r.account_id = a.account_id AND r.digest = a.digest)
), arrived AS (
    UPDATE mailboxes m
    SET uid_next = m.uid_next + c.messages, highest_mod_seq = m.highest_mod_seq + c.messages,
        messages = m.messages + c.messages, unseen = m.unseen + c.unseen,
        deleted = m.deleted + c.deleted, bytes = m.bytes + c.bytes,
        oldest_arrived = CASE WHEN m.messages > 0 AND m.oldest_arrived < $14
                              THEN m.oldest_arrived ELSE $14 END
    FROM (SELECT k.account_id, k.mailbox_id, COUNT(*) AS messages,
                 SUM(1 - (k.flags & 1))::bigint AS unseen,
                 SUM((k.flags & 8) / 8)::bigint AS deleted, SUM(k.size)::bigint AS bytes
          FROM kept k GROUP BY k.account_id, k.mailbox_id) c
    WHERE m.account_id = c.account_id AND m.mailbox_id = c.mailbox_id
    RETURNING m.account_id, m.mailbox_id, m.uid_validity, m.uid_next - c.messages AS first_uid,
              m.highest_mod_seq - c.messages AS mod_seq
), named AS MATERIALIZED (
    SELECT k.at, k.account_id, k.blob_id, i.hash, i.place, t.thread_id
    FROM unnest($12::bigint[], $13::bigint[]) WITH ORDINALITY AS i(at, hash, place)
    JOIN kept k ON k.at = i.at
    LEFT JOIN message_ids t ON t.account_id = k.account_id AND t.hash = i.hash
), threads AS MATERIALIZED (
    SELECT k.at, COALESCE((SELECT n.thread_id FROM named n
                           WHERE n.at = k.at AND n.thread_id IS NOT NULL
                           ORDER BY n.place LIMIT 1), k.blob_id) AS thread_id
    FROM kept k
), learnt AS (
    INSERT INTO message_ids (account_id, hash, thread_id)
    SELECT n.account_id, n.hash, t.thread_id
    FROM named n JOIN threads t ON t.at = n.at
    WHERE n.thread_id IS NULL ORDER BY n.account_id, n.hash
    ON CONFLICT (account_id, hash) DO NOTHING
    RETURNING 1
), blob AS (
    INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
    SELECT k.account_id, k.blob_id, k.size, k.state, 1, k.hash FROM kept k
), body AS (
    INSERT INTO bodies (account_id, blob_id, bytes)
    SELECT k.account_id, k.blob_id, b.bytes
    FROM unnest($10::bytea[]) WITH ORDINALITY AS b(bytes, at) JOIN kept k ON k.at = b.at
), map AS (
    INSERT INTO blob_map (account_id, blob_id, thread_id, header_bytes, envelope, map, header)
    SELECT k.account_id, k.blob_id, t.thread_id, k.header_bytes, e.envelope, e.map, e.header
    FROM unnest($11::bytea[], $17::bytea[], $18::bytea[])
         WITH ORDINALITY AS e(envelope, map, header, at)
    JOIN kept k ON k.at = e.at JOIN threads t ON t.at = e.at
), message AS (
    INSERT INTO messages (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
            internal_date, blob_id, created_mod_seq, save_date, arrived_at)
    SELECT k.account_id, k.mailbox_id, r.first_uid + k.place - 1, r.mod_seq + k.place, k.flags, 0,
           k.size, k.internal_date, k.blob_id, r.mod_seq + k.place, $14, $14
    FROM kept k JOIN arrived r ON r.account_id = k.account_id AND r.mailbox_id = k.mailbox_id
), event AS (
    INSERT INTO imap_events (account_id, mailbox_id, mod_seq, part, cause, source_id, changed_flags,
            uids, next_uid, due_at, attempts)
    SELECT k.account_id, k.mailbox_id, r.mod_seq + k.place, 0, 1, NULL, '',
           CONCAT(r.first_uid + k.place - 1, ':', r.first_uid + k.place - 1),
           r.first_uid + k.place - 1, $14, 0
    FROM kept k JOIN arrived r ON r.account_id = k.account_id AND r.mailbox_id = k.mailbox_id
    WHERE k.event = 1
)
SELECT k.at, k.mailbox_id, r.uid_validity, r.first_uid + k.place - 1, r.mod_seq + k.place,
       t.thread_id,
       1 / CASE WHEN (SELECT COUNT(*) FROM learnt)
                   = (SELECT COUNT(*) FROM named n WHERE n.thread_id IS NULL) THEN 1 ELSE 0 END,
       k.event::bigint
FROM kept k JOIN arrived r ON r.account_id = k.account_id AND r.mailbox_id = k.mailbox_id
JOIN threads t ON t.at = k.at";

/// Runs the statement: for each parcel where it went, or `None` if it was passed over. No two of them
/// may share a Message-ID, nor a digest.
pub(super) fn deliver(
    tx: &mut Tx<'_>,
    parcels: &[&Parcel],
) -> Result<Vec<Option<Appended>>, Failure> {
    let now = tx.now();
    let each = |number: fn(&Parcel) -> i64| parcels.iter().map(|p| number(p)).collect::<Vec<_>>();
    let accounts = each(|parcel| parcel.ready.message.account.0);
    let keys: Vec<String> = parcels.iter().map(|p| p.ready.message.mailbox.key()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let flags = each(|parcel| parcel.ready.message.flags.flags.0.into());
    let sizes = each(|parcel| parcel.ready.size.into());
    let dates: Vec<i64> =
        parcels.iter().map(|p| p.ready.message.internal_date.unwrap_or(now).0).collect();
    let blobs = each(|parcel| parcel.ready.blob.0);
    let header_bytes =
        each(|parcel| parcel.ready.message.facts.header_bytes.try_into().unwrap_or(i64::MAX));
    let hashes: Vec<_> = parcels.iter().map(|p| Some(&p.ready.hash[..])).collect();
    let digests: Vec<_> = parcels.iter().map(|p| p.digest.as_ref().map(|d| &d[..])).collect();
    let bodies: Vec<_> = parcels.iter().map(|p| p.ready.bytes_in_database()).collect();
    let envelopes: Vec<_> =
        parcels.iter().map(|p| Some(&p.ready.message.facts.envelope[..])).collect();
    let maps: Vec<_> = parcels.iter().map(|p| Some(&p.ready.message.facts.map[..])).collect();
    let headers: Vec<_> = parcels.iter().map(|p| p.ready.header.as_deref()).collect();
    let states = each(|parcel| parcel.ready.state);
    let triggers = each(|parcel| match parcel.trigger {
        Trigger::Never => 0,
        Trigger::IfScripted => 1,
        Trigger::Always => 2,
    });
    let ids = || {
        (1..).zip(parcels).flat_map(|(at, p)| p.message_ids().into_iter().map(move |id| (at, id)))
    };
    let id_places: Vec<i64> = ids().map(|(at, _)| at).collect();
    let id_hashes: Vec<i64> = ids().map(|(_, id)| id).collect();
    // Room for all of them in any one mailbox.
    let uid_next_max = row::UID_NEXT_MAX - i64::try_from(parcels.len()).unwrap_or(i64::MAX);
    let values = [
        Value::Ids(&accounts),
        Value::Texts(&keys),
        Value::Ids(&flags),
        Value::Ids(&sizes),
        Value::Ids(&dates),
        Value::Ids(&blobs),
        Value::Blobs(&hashes),
        Value::Ids(&header_bytes),
        Value::Blobs(&digests),
        Value::Blobs(&bodies),
        Value::Blobs(&envelopes),
        Value::Ids(&id_places),
        Value::Ids(&id_hashes),
        Value::Int(now.0),
        Value::Int(uid_next_max),
        Value::Ids(&states),
        Value::Blobs(&maps),
        Value::Blobs(&headers),
        Value::Ids(&triggers),
    ];
    let mut stored = vec![None; parcels.len()];
    tx.query(DELIVER, &values, |row| {
        let at = row.uint::<usize>(0)?.wrapping_sub(1);
        let (Some(parcel), Some(slot)) = (parcels.get(at), stored.get_mut(at)) else {
            return Err(row.corrupt("a delivery nobody asked for"));
        };
        *slot = Some(appended(row, parcel.ready.message.account, parcel)?);
        Ok(())
    })?;
    Ok(stored)
}

fn appended(row: &Row<'_>, account: AccountId, parcel: &Parcel) -> Result<Appended, Failure> {
    Ok(Appended {
        mailbox: MailboxKey { account, mailbox: MailboxId(row.int(1)?) },
        uid_validity: UidValidity(row.uint(2)?),
        uid: Uid(row.uint(3)?),
        mod_seq: ModSeq(row.int(4)?),
        email_id: EmailId(parcel.ready.blob.0),
        thread_id: ThreadId(row.int(5)?),
        event: row.int(7)? != 0,
    })
}
