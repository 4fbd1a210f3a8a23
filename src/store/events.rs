//! What happened in IMAP and scripts are still to see (RFC 6785): rows written in the transaction of the
//! command itself, and only where a script is to see it.
//!
//! An event is taken for a time by whoever runs the script, and how far it came moves on in the
//! transaction that does what the script wants (`effects`): whoever is killed in between is followed by
//! another, and no message is seen twice with effect. Events of one mailbox are taken in their order.

use std::time::Duration;

use super::engine::{Row, Tx, Value, Weight};
use super::{Failure, Store};
use crate::job::MailboxKey;
use crate::limits;
use crate::mail::UidRuns;
use crate::model::{AccountId, MailboxId, ModSeq, Timestamp, Uid};

/// Whether scripts are to see what a command does (RFC 6785 §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// No: a delivery, or what a script does itself (§2.2.4, §3.3), but for flags that it changes and no
    /// change of flags has started it (§2.2.3).
    Never,
    /// If the mailbox has one.
    #[default]
    IfScripted,
    /// Yes: the site has one.
    Always,
}

impl Trigger {
    pub(super) const fn wants(self, scripted: bool) -> bool {
        match self {
            Self::Never => false,
            Self::IfScripted => scripted,
            Self::Always => true,
        }
    }
}

/// What happened (RFC 6785 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// APPEND
    Append = 1,
    /// COPY, and MOVE
    Copy = 2,
    /// Flags were changed.
    Flag = 3,
}

impl Cause {
    fn of(column: i64) -> Option<Self> {
        [Self::Append, Self::Copy, Self::Flag].into_iter().find(|cause| *cause as i64 == column)
    }

    /// As scripts read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Append => "APPEND",
            Self::Copy => "COPY",
            Self::Flag => "FLAG",
        }
    }
}

/// Which event: a change of a mailbox, in parts if it is a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// Where.
    pub mailbox: MailboxKey,
    /// The mod-sequence of the change.
    pub mod_seq: ModSeq,
    /// From 0.
    pub part: i64,
}

/// Messages that a command brought or changed, and no script has seen yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which.
    pub key: EventKey,
    /// What happened.
    pub cause: Cause,
    /// From where they were copied.
    pub source: Option<MailboxId>,
    /// The flags that are different now, with spaces between.
    pub changed_flags: String,
    /// Which messages: those that are left.
    pub uids: UidRuns,
    /// Times it was taken since it last came further.
    pub attempts: u32,
}

impl Store {
    /// Events that are due, at most one of a mailbox and `count` of all, the longest waiting first. They
    /// are ours for `lease`.
    pub fn take_events(&self, count: u32, lease: Duration) -> Result<Vec<Event>, Failure> {
        self.0.engine.write("taking IMAP events", Weight::Bytes(4_096), move |tx| {
            let now = tx.now().0;
            let mut taken = Vec::new();
            tx.query(
                "UPDATE imap_events SET due_at = $2, attempts = attempts + 1
                 WHERE (account_id, mailbox_id, mod_seq, part) IN (
                     SELECT e.account_id, e.mailbox_id, e.mod_seq, e.part FROM imap_events e
                     WHERE e.due_at <= $1 AND NOT EXISTS (
                         SELECT 1 FROM imap_events o
                         WHERE o.account_id = e.account_id AND o.mailbox_id = e.mailbox_id
                           AND (o.mod_seq, o.part) < (e.mod_seq, e.part))
                     ORDER BY e.due_at LIMIT $3
                     {postgres} FOR UPDATE OF e SKIP LOCKED
                 )
                 RETURNING account_id, mailbox_id, mod_seq, part, cause, source_id, changed_flags,
                           uids, next_uid, attempts",
                &[
                    Value::Int(now),
                    Value::Int(now.saturating_add(microseconds(lease))),
                    Value::Int(i64::from(count)),
                ],
                |row| {
                    taken.push(event_at(row)?);
                    Ok(())
                },
            )?;
            Ok(taken)
        })
    }

    /// When the next one is due, if any waits.
    pub fn next_event(&self) -> Result<Option<Timestamp>, Failure> {
        self.0.engine.glance("looking for IMAP events", |tx| {
            tx.query_one("SELECT due_at FROM imap_events ORDER BY due_at LIMIT 1", &[], |row| {
                row.int(0).map(Timestamp)
            })
        })
    }

    /// An event that could not be gone on with: it is due again after `wait`.
    pub fn postpone_event(&self, event: EventKey, wait: Duration) -> Result<(), Failure> {
        self.0.engine.write("postponing an IMAP event", Weight::Bytes(64), move |tx| {
            let [account, mailbox, mod_seq, part] = values(event);
            let due = Value::Int(tx.now().0.saturating_add(microseconds(wait)));
            tx.execute(
                "UPDATE imap_events SET due_at = $5
                 WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq = $3 AND part = $4",
                &[account, mailbox, mod_seq, part, due],
            )
            .map(drop)
        })
    }

    /// An event that no script is to see after all.
    pub fn drop_event(&self, event: EventKey) -> Result<(), Failure> {
        self.0.engine.write("dropping an IMAP event", Weight::Bytes(64), move |tx| {
            tx.execute(
                "DELETE FROM imap_events
                 WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq = $3 AND part = $4",
                &values(event),
            )
            .map(drop)
        })
    }

    /// What somebody before us had taken is due, where nobody else can have it.
    pub fn reclaim_events(&self) -> Result<(), Failure> {
        if self.is_shared() {
            return Ok(()); // what another node has taken becomes due by itself
        }
        self.0.engine.write("reclaiming IMAP events", Weight::Bytes(64), |tx| {
            let now = Value::Int(tx.now().0);
            tx.execute("UPDATE imap_events SET due_at = $1 WHERE due_at > $1", &[now]).map(drop)
        })
    }

    /// Rung after each commit that scripts are to see something of.
    pub fn event_bell(&self) -> crossbeam_channel::Receiver<()> {
        self.0.events.1.clone()
    }

    /// Rings it for whoever else may take one.
    pub fn call_for_events(&self) {
        self.ring_for_events(true);
    }

    /// Never waits.
    pub(super) fn ring_for_events(&self, queued: bool) {
        if queued {
            let _rung_already = self.0.events.0.try_send(());
        }
    }
}

/// Notes which mailboxes have a script now (RFC 6785 §2.3.1), of an account or one mailbox of it: its own,
/// or the server's if it has none; an empty name is none. The caller holds the account's lock.
pub(super) fn note_scripts(
    tx: &mut Tx<'_>,
    account: AccountId,
    only: Option<MailboxId>,
) -> Result<(), Failure> {
    let (first, last) = only.map_or((0, i64::MAX), |mailbox| (mailbox.0, mailbox.0));
    let which = [Value::Int(account.0), Value::Int(first), Value::Int(last)];
    if tx.has_rivals() {
        // In the order of all who lock several (invariant 6).
        let sql = "SELECT mailbox_id FROM mailboxes
                   WHERE account_id = $1 AND mailbox_id BETWEEN $2 AND $3
                   ORDER BY mailbox_id {lock}";
        tx.query(sql, &which, |_| Ok(()))?;
    }
    tx.execute(
        "UPDATE mailboxes SET scripted = COALESCE(
             (SELECT CASE WHEN LENGTH(d.value) > 0 THEN 1 ELSE 0 END FROM metadata d
              WHERE d.account_id = mailboxes.account_id AND d.mailbox_id = mailboxes.mailbox_id
                AND d.name = '/shared/imapsieve/script' AND d.value IS NOT NULL),
             (SELECT CASE WHEN LENGTH(d.value) > 0 THEN 1 ELSE 0 END FROM metadata d
              WHERE d.account_id = mailboxes.account_id AND d.mailbox_id = 0
                AND d.name = '/shared/imapsieve/script' AND d.value IS NOT NULL),
             0)
         WHERE account_id = $1 AND mailbox_id BETWEEN $2 AND $3",
        &which,
    )
    .map(drop)
}

/// What to write of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewEvent<'a> {
    pub(super) mailbox: MailboxKey,
    pub(super) mod_seq: ModSeq,
    pub(super) cause: Cause,
    pub(super) source: Option<MailboxId>,
    pub(super) changed_flags: &'a str,
}

/// Writes an event of `uids`, from `part` on; the next part.
pub(super) fn queue(
    tx: &mut Tx<'_>,
    new: &NewEvent<'_>,
    uids: &UidRuns,
    part: i64,
) -> Result<i64, Failure> {
    let ranges: Vec<(Uid, Uid)> = uids.ranges().collect();
    let mut part = part;
    for ranges in ranges.chunks(limits::EVENT_RANGES_MAX) {
        let Some((first, _)) = ranges.first() else { continue };
        let text: Vec<String> =
            ranges.iter().map(|(first, last)| format!("{first}:{last}")).collect();
        let key = EventKey { mailbox: new.mailbox, mod_seq: new.mod_seq, part };
        let [account, mailbox, mod_seq, number] = values(key);
        tx.execute(
            "INSERT INTO imap_events (account_id, mailbox_id, mod_seq, part, cause, source_id,
                    changed_flags, uids, next_uid, due_at, attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)",
            &[
                account,
                mailbox,
                mod_seq,
                number,
                Value::Int(new.cause as i64),
                new.source.map_or(Value::Null, |source| Value::Int(source.0)),
                Value::Text(new.changed_flags),
                Value::Text(&text.join(",")),
                Value::Int(first.0.into()),
                Value::Int(tx.now().0),
            ],
        )?;
        part += 1;
    }
    Ok(part)
}

/// The columns of its key.
pub(super) const fn values(event: EventKey) -> [Value<'static>; 4] {
    let EventKey { mailbox, mod_seq, part } = event;
    [
        Value::Int(mailbox.account.0),
        Value::Int(mailbox.mailbox.0),
        Value::Int(mod_seq.0),
        Value::Int(part),
    ]
}

pub(super) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn event_at(row: &Row<'_>) -> Result<Event, Failure> {
    let mailbox = MailboxKey { account: AccountId(row.int(0)?), mailbox: MailboxId(row.int(1)?) };
    let uids = uids_in(row.text(7)?).ok_or_else(|| row.corrupt("an event's UIDs are none"))?;
    let next = Uid(row.uint(8)?);
    let done = next.0.checked_sub(1).filter(|last| *last > 0);
    let left = match done {
        Some(last) => uids.difference(&UidRuns::range(Uid(1), Uid(last))),
        None => uids,
    };
    Ok(Event {
        key: EventKey { mailbox, mod_seq: ModSeq(row.int(2)?), part: row.int(3)? },
        cause: Cause::of(row.int(4)?).ok_or_else(|| row.corrupt("an unknown cause"))?,
        source: row.int_or_null(5)?.map(MailboxId),
        changed_flags: row.text(6)?.to_owned(),
        uids: left,
        attempts: row.uint(9)?,
    })
}

/// What [`queue`] writes.
fn uids_in(text: &str) -> Option<UidRuns> {
    let mut uids = UidRuns::new();
    for range in text.split(',') {
        let (first, last) = range.split_once(':')?;
        uids.push_range(Uid(first.parse().ok()?), Uid(last.parse().ok()?));
    }
    Some(uids)
}
