//! One mailbox: the aged are expunged, the expunged leave once their grace is over, and a deleted
//! mailbox is emptied and goes.

use super::super::engine::{Row, Tx, Value, Weight};
use super::super::expunge::{Reason, retire};
use super::super::row::{self, Difference};
use super::super::{Failure, Store, import};
use super::{Cleaned, Due, DuePage, Leaving, References, Retention, Sweep, release};
use crate::crash_point;
use crate::job::MailboxKey;
use crate::limits;
use crate::mail::UidRuns;
use crate::model::{AccountId, Flags, MailboxId, ModSeq, Uid};

const ROWS: i64 = limits::CLEANED_ROWS_MAX;

impl Store {
    /// Looks for mailboxes in which something is due, from the one after `after` on.
    pub fn due_mailboxes(
        &self,
        after: Option<MailboxKey>,
        retention: &Retention,
    ) -> Result<DuePage, Failure> {
        let after = after.map_or((0, 0), |key| (key.account.0, key.mailbox.0));
        self.0.engine.read("looking for mail to remove", |tx| {
            let cuts = retention.cuts(tx.now());
            let mut page = DuePage { mailboxes: Vec::new(), next: None };
            let mut looked_at = 0;
            tx.query(
                // The oldest expunge stands first in the index by change.
                "SELECT m.account_id, m.mailbox_id, m.deleted_at, m.messages, m.oldest_arrived,
                        (SELECT e.expunged_at FROM expunged e
                         WHERE e.account_id = m.account_id AND e.mailbox_id = m.mailbox_id{changed}
                         ORDER BY e.mod_seq LIMIT 1)
                 FROM mailboxes m
                 WHERE (m.account_id, m.mailbox_id) > ($1, $2)
                 ORDER BY m.account_id, m.mailbox_id LIMIT $3",
                &[
                    Value::Int(after.0),
                    Value::Int(after.1),
                    Value::Int(limits::CLEANED_PAGE_MAILBOXES),
                ],
                |row| {
                    let key = MailboxKey {
                        account: AccountId(row.int(0)?),
                        mailbox: MailboxId(row.int(1)?),
                    };
                    let is_due = match row.int_or_null(2)? {
                        Some(deleted_at) => deleted_at <= cuts.grace,
                        None => {
                            let (messages, oldest) = (row.int(3)?, row.int(4)?);
                            let is_aged = messages > 0 && cuts.age.is_some_and(|cut| oldest <= cut);
                            is_aged || row.int_or_null(5)?.is_some_and(|at| at <= cuts.grace)
                        }
                    };
                    page.mailboxes.extend(is_due.then_some(key));
                    looked_at += 1;
                    page.next = Some(key);
                    Ok(())
                },
            )?;
            if looked_at < limits::CLEANED_PAGE_MAILBOXES {
                page.next = None;
            }
            Ok(page)
        })
    }

    /// Does the next piece of what is due in a mailbox, and says in `sweep` how far it came. Whoever
    /// wants to write to the mailbox waits for `CLEANED_ROWS_MAX` rows at most, however many it has.
    pub fn clean_mailbox(
        &self,
        mailbox: MailboxKey,
        retention: &Retention,
        sweep: &mut Sweep,
    ) -> Result<Cleaned, Failure> {
        let (retention, before) = (*retention, *sweep);
        let aged = self.look_for_aged(mailbox, retention, before)?;
        let cleaned;
        (cleaned, *sweep) =
            self.0.engine.write("removing mail", Weight::Bytes(256 * 1024), move |tx| {
                let cuts = retention.cuts(tx.now());
                let mut sweep = before;
                let Some(locked) = lock(tx, mailbox)? else {
                    return Ok((Cleaned::default(), sweep));
                };
                let cleaned = match locked.deleted_at {
                    Some(deleted_at) if deleted_at <= cuts.grace => {
                        dismantle(tx, mailbox, &mut sweep)?
                    }
                    Some(_) => Cleaned::default(),
                    None => {
                        let forgotten = forget_expunged(tx, mailbox, cuts.grace, &mut sweep)?;
                        let mut cleaned = match &aged {
                            Some(aged) => age(tx, mailbox, &locked, aged, &mut sweep)?,
                            None => Cleaned::default(),
                        };
                        cleaned.removed = forgotten.messages;
                        cleaned.more |= forgotten.rows == ROWS;
                        cleaned
                    }
                };
                crash_point!("cleaner: rows removed, not committed");
                Ok((cleaned, sweep))
            })?;
        Ok(cleaned)
    }

    /// Looks for the next messages that have been in the store for too long (pitfall 43: since they
    /// first came, not by their date); `None` if there are none.
    fn look_for_aged(
        &self,
        mailbox: MailboxKey,
        retention: Retention,
        sweep: Sweep,
    ) -> Result<Option<Aged>, Failure> {
        if retention.max_age.is_none() {
            return Ok(None);
        }
        self.0.engine.read("looking for aged mail", |tx| {
            let cut = retention.cuts(tx.now()).age;
            let Some((row, cut)) = look(tx, mailbox)?.zip(cut) else { return Ok(None) };
            if row.deleted_at.is_some() || row.oldest_arrived > cut {
                return Ok(None);
            }
            let mut aged = Aged { sweep, uids: Vec::new(), is_all: true };
            aged.sweep.oldest_before.get_or_insert(row.oldest_arrived);
            let mut looked_at = 0;
            tx.query_while(
                "SELECT uid, arrived_at FROM messages
                 WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3 ORDER BY uid LIMIT $4",
                &[
                    Value::Int(mailbox.account.0),
                    Value::Int(mailbox.mailbox.0),
                    Value::Int(sweep.after),
                    Value::Int(limits::CLEANED_ROWS_READ_MAX),
                ],
                |row| {
                    let (uid, arrived_at) = (row.int(0)?, row.int(1)?);
                    if arrived_at <= cut {
                        aged.uids.push(uid);
                    } else {
                        let oldest = aged.sweep.oldest.unwrap_or(arrived_at).min(arrived_at);
                        aged.sweep.oldest = Some(oldest);
                    }
                    aged.sweep.after = uid;
                    looked_at += 1;
                    aged.is_all = (aged.uids.len() as u64) < ROWS.unsigned_abs();
                    Ok(aged.is_all)
                },
            )?;
            aged.is_all &= looked_at < limits::CLEANED_ROWS_READ_MAX;
            Ok(Some(aged))
        })
    }

    /// What is due in a mailbox, counted.
    pub fn count_due(&self, mailbox: MailboxKey, retention: &Retention) -> Result<Due, Failure> {
        self.0.engine.read("counting mail to remove", |tx| {
            let cuts = retention.cuts(tx.now());
            let Some(locked) = look(tx, mailbox)? else { return Ok(Due::default()) };
            let mut due = Due::default();
            let (all, grace) = match locked.deleted_at {
                Some(deleted_at) if deleted_at > cuts.grace => return Ok(due),
                Some(_) => (i64::from(true), i64::MAX),
                None => (i64::from(false), cuts.grace),
            };
            due.mailboxes = all.cast_unsigned();
            let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
            tx.query(
                "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM expunged
                 WHERE account_id = $1 AND mailbox_id = $2 AND expunged_at <= $3
                   AND blob_id IS NOT NULL
                 UNION ALL
                 SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM messages
                 WHERE account_id = $1 AND mailbox_id = $2 AND $4 = 1",
                &[account, number, Value::Int(grace), Value::Int(all)],
                |row| {
                    due.removed += row.uint::<u64>(0)?;
                    due.bytes += row.uint::<u64>(1)?;
                    Ok(())
                },
            )?;
            if let (Some(cut), None) = (cuts.age, locked.deleted_at) {
                let aged = tx.query_one(
                    "SELECT COUNT(*) FROM messages
                     WHERE account_id = $1 AND mailbox_id = $2 AND arrived_at <= $3",
                    &[account, number, Value::Int(cut)],
                    |row| row.uint(0),
                )?;
                due.aged = aged.unwrap_or(0);
            }
            Ok(due)
        })
    }
}

/// A locked row, deleted or not.
pub(in crate::store) struct LockedAny {
    pub(in crate::store) highest_mod_seq: ModSeq,
    pub(in crate::store) deleted_at: Option<i64>,
    oldest_arrived: i64,
}

/// Locks a mailbox, deleted or not.
pub(in crate::store) fn lock(
    tx: &mut Tx<'_>,
    key: MailboxKey,
) -> Result<Option<LockedAny>, Failure> {
    tx.query_one(
        "SELECT highest_mod_seq, deleted_at, oldest_arrived FROM mailboxes
         WHERE account_id = $1 AND mailbox_id = $2 {lock}",
        &[Value::Int(key.account.0), Value::Int(key.mailbox.0)],
        locked_at,
    )
}

/// The same without the lock, for who only reads.
fn look(tx: &mut Tx<'_>, key: MailboxKey) -> Result<Option<LockedAny>, Failure> {
    tx.query_one(
        "SELECT highest_mod_seq, deleted_at, oldest_arrived FROM mailboxes
         WHERE account_id = $1 AND mailbox_id = $2",
        &[Value::Int(key.account.0), Value::Int(key.mailbox.0)],
        locked_at,
    )
}

fn locked_at(row: &Row<'_>) -> Result<LockedAny, Failure> {
    Ok(LockedAny {
        highest_mod_seq: ModSeq(row.int(0)?),
        deleted_at: row.int_or_null(1)?,
        oldest_arrived: row.int(2)?,
    })
}

/// What has been in the store for too long, and how far that was looked for.
struct Aged {
    sweep: Sweep,
    uids: Vec<i64>,
    /// Behind it there is no more.
    is_all: bool,
}

/// Expunges what is still there of the aged.
fn age(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    locked: &LockedAny,
    aged: &Aged,
    sweep: &mut Sweep,
) -> Result<Cleaned, Failure> {
    let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
    let (mut uids, mut difference) = (UidRuns::new(), Difference::default());
    if !aged.uids.is_empty() {
        tx.query(
            "SELECT uid, flags, size FROM messages
             WHERE {each account_id=$1 mailbox_id=$2 uid=$3} ORDER BY uid",
            &[account, number, Value::Ids(&aged.uids)],
            |row| {
                uids.push(Uid(row.uint(0)?));
                difference.add(Flags(row.uint(1)?), row.int(2)?);
                Ok(())
            },
        )?;
    }
    let mut cleaned = Cleaned { aged: uids.len().into(), ..Cleaned::default() };
    cleaned.more = !aged.is_all;
    if !uids.is_empty() {
        let mod_seq = ModSeq(locked.highest_mod_seq.0 + 1);
        retire(tx, mailbox, &uids, mod_seq, Reason::Aged)?;
        row::change(tx, mailbox, mod_seq, difference.negated())?;
        cleaned.changed = Some(mod_seq);
    }
    let Sweep { after, oldest, oldest_before, .. } = aged.sweep;
    // An older one may have come in front of us: then the next run looks again.
    if aged.is_all && oldest_before == Some(locked.oldest_arrived) {
        let since = tx.query_one(
            "SELECT MIN(arrived_at) FROM messages
             WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3",
            &[account, number, Value::Int(after)],
            |row| row.int_or_null(0),
        )?;
        let oldest = oldest.into_iter().chain(since.flatten()).min();
        tx.execute(
            "UPDATE mailboxes SET oldest_arrived = $3 WHERE account_id = $1 AND mailbox_id = $2",
            &[account, number, Value::Int(oldest.unwrap_or(0))],
        )?;
    }
    *sweep = Sweep { from_mod_seq: sweep.from_mod_seq, ..aged.sweep };
    Ok(cleaned)
}

/// What left `expunged`: rows, and messages that could have been restored until then.
struct Forgotten {
    rows: i64,
    messages: u64,
}

/// Takes out what was expunged before `cut`, oldest change first, and raises the horizon: rows only
/// ever leave as a prefix of the mailbox's changes, so what is left tells all that vanished since.
fn forget_expunged(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    cut: i64,
    sweep: &mut Sweep,
) -> Result<Forgotten, Failure> {
    let mut leaving =
        Leaving { uids: UidRuns::new(), references: References::default(), mod_seq: 0 };
    let (mut uids, mut messages) = (Vec::new(), 0);
    tx.query_while(
        "SELECT uid, mod_seq, expunged_at, blob_id FROM expunged
         WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq >= $3{changed}
         ORDER BY mod_seq LIMIT $4",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(sweep.from_mod_seq),
            Value::Int(ROWS),
        ],
        |row| {
            let is_due = row.int(2)? <= cut;
            if is_due {
                uids.push(Uid(row.uint(0)?));
                leaving.mod_seq = row.int(1)?;
                if let Some(blob) = row.int_or_null(3)? {
                    leaving.references.add(blob);
                    messages += 1;
                }
            }
            Ok(is_due)
        },
    )?;
    leaving.uids = uids.into_iter().collect();
    remove_expunged(tx, mailbox, &leaving)?;
    sweep.from_mod_seq = sweep.from_mod_seq.max(leaving.mod_seq);
    Ok(Forgotten { rows: leaving.uids.len().into(), messages })
}

fn remove_expunged(tx: &mut Tx<'_>, mailbox: MailboxKey, leaving: &Leaving) -> Result<(), Failure> {
    if leaving.uids.is_empty() {
        return Ok(());
    }
    release(tx, mailbox.account, &leaving.references.counted())?;
    let ids: Vec<i64> = leaving.uids.iter().map(|uid| uid.0.into()).collect();
    let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
    tx.execute(
        "DELETE FROM expunged WHERE {each account_id=$1 mailbox_id=$2 uid=$3}",
        &[account, number, Value::Ids(&ids)],
    )?;
    tx.execute(
        "UPDATE mailboxes SET horizon = $3
         WHERE account_id = $1 AND mailbox_id = $2 AND horizon < $3",
        &[account, number, Value::Int(leaving.mod_seq)],
    )
    .map(drop)
}

/// The next piece of a deleted mailbox; at last the mailbox itself.
fn dismantle(tx: &mut Tx<'_>, mailbox: MailboxKey, sweep: &mut Sweep) -> Result<Cleaned, Failure> {
    let mut cleaned = Cleaned { removed: drop_messages(tx, mailbox, sweep)?, ..Cleaned::default() };
    cleaned.more = cleaned.removed > 0;
    if !cleaned.more {
        let forgotten = forget_expunged(tx, mailbox, i64::MAX, sweep)?;
        cleaned.removed = forgotten.messages;
        cleaned.more = forgotten.rows > 0;
    }
    if !cleaned.more {
        cleaned.more = import::forget(tx, mailbox)? > 0;
    }
    if !cleaned.more {
        for sql in [
            "DELETE FROM keywords WHERE account_id = $1 AND mailbox_id = $2",
            "DELETE FROM metadata WHERE account_id = $1 AND mailbox_id = $2",
            "DELETE FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2",
        ] {
            tx.execute(sql, &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)])?;
        }
    }
    Ok(cleaned)
}

/// Drops messages that went down with their mailbox: how many.
fn drop_messages(tx: &mut Tx<'_>, mailbox: MailboxKey, sweep: &mut Sweep) -> Result<u64, Failure> {
    let (mut ids, mut difference) = (Vec::new(), Difference::default());
    let mut references = References::default();
    let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
    tx.query(
        "SELECT uid, flags, size, blob_id FROM messages
         WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3 ORDER BY uid LIMIT $4",
        &[account, number, Value::Int(sweep.dropped), Value::Int(ROWS)],
        |row| {
            ids.push(row.int(0)?);
            difference.add(Flags(row.uint(1)?), row.int(2)?);
            references.add(row.int(3)?);
            Ok(())
        },
    )?;
    let Some(last) = ids.last() else { return Ok(0) };
    sweep.dropped = *last;
    release(tx, mailbox.account, &references.counted())?;
    tx.execute(
        "DELETE FROM messages WHERE {each account_id=$1 mailbox_id=$2 uid=$3}",
        &[account, number, Value::Ids(&ids)],
    )?;
    let by = difference.negated();
    tx.execute(
        "UPDATE mailboxes SET messages = messages + $3, unseen = unseen + $4,
                deleted = deleted + $5, bytes = bytes + $6
         WHERE account_id = $1 AND mailbox_id = $2",
        &[
            account,
            number,
            Value::Int(by.messages),
            Value::Int(by.unseen),
            Value::Int(by.deleted),
            Value::Int(by.bytes),
        ],
    )?;
    Ok(ids.len() as u64)
}
