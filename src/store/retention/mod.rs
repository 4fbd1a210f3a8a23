//! What time takes: mail that is too old, mail whose grace is over, and what deleted mailboxes and
//! accounts held (design: "Retention").
//!
//! Two phases, as the original Sora had them: age expunges, and grace removes for good. Every step is
//! one short transaction over at most `CLEANED_ROWS_MAX` rows, so that a first run over ten million
//! holds nothing up (pitfall 42); each can be cut off anywhere and taken up again. A body goes when its
//! last reference has gone: its bytes first, its rows after (pitfalls 45, 46).

mod accounts;
mod bodies;
mod lease;
mod mailboxes;

pub use accounts::{AccountRestored, AccountStep, DeletedAccount};
pub use bodies::RemovedBodies;
pub(super) use mailboxes::{LockedAny, lock};

use std::time::Duration;

use super::engine::{Tx, Value};
use super::{Failure, Store};
use crate::job::MailboxKey;
use crate::mail::UidRuns;
use crate::model::{AccountId, ModSeq, Timestamp};

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What was expunged or deleted can be restored for this long.
    pub grace: Duration,
    /// Messages that entered the store longer ago than this are expunged.
    pub max_age: Option<Duration>,
}

/// The moments before which something is due, at one reading of the engine's clock.
#[derive(Clone, Copy, Debug)]
struct Cuts {
    grace: i64,
    age: Option<i64>,
}

impl Retention {
    fn cuts(&self, now: Timestamp) -> Cuts {
        let before = |length: Duration| {
            now.0.saturating_sub(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
        };
        Cuts { grace: before(self.grace), age: self.max_age.map(before) }
    }
}

/// Mailboxes in which something is due, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePage {
    /// At most `CLEANED_PAGE_MAILBOXES` were looked at.
    pub mailboxes: Vec<MailboxKey>,
    /// The last one looked at; `None` after the last of all.
    pub next: Option<MailboxKey>,
}

/// What one step did in a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Messages expunged for their age.
    pub aged: u64,
    /// Messages whose grace was over.
    pub removed: u64,
    /// There may be more to do here.
    pub more: bool,
    /// Somebody may be looking: the mod-sequence that tells of the aged ones.
    pub changed: Option<ModSeq>,
}

/// How far a run has come in a mailbox: what a step has left behind is not looked at again, for it
/// may be rows that are gone and that PostgreSQL has yet to vacuum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sweep {
    /// Messages up to this UID have been looked at for their age; those that stay are below it.
    after: i64,
    /// Messages up to this UID have gone with their mailbox.
    dropped: i64,
    /// Of them, when the oldest that stays came.
    oldest: Option<i64>,
    /// What the mailbox's row said of that when the sweep began.
    oldest_before: Option<i64>,
    /// What was expunged before this change has left.
    from_mod_seq: i64,
}

/// What a run would do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Messages to be expunged for their age.
    pub aged: u64,
    /// Expunged messages whose grace is over.
    pub removed: u64,
    /// Mailboxes whose grace is over, with all that was in them counted in `removed`.
    pub mailboxes: u64,
    /// Accounts whose grace is over.
    pub accounts: u64,
    /// Bytes of the messages in `removed`. Copies elsewhere may keep some of them.
    pub bytes: u64,
}

impl std::ops::AddAssign for Due {
    fn add_assign(&mut self, other: Self) {
        self.aged += other.aged;
        self.removed += other.removed;
        self.mailboxes += other.mailboxes;
        self.accounts += other.accounts;
        self.bytes += other.bytes;
    }
}

impl Store {
    /// The engine's clock.
    pub fn now(&self) -> Result<Timestamp, Failure> {
        self.0.engine.glance("reading the clock", |tx| Ok(tx.now()))
    }
}

/// Takes away references to bodies, `(blob, how many)` each; a body without any is left to
/// [`Store::remove_bodies`].
pub(super) fn release(
    tx: &mut Tx<'_>,
    account: AccountId,
    references: &[(i64, i64)],
) -> Result<(), Failure> {
    if references.is_empty() {
        return Ok(());
    }
    let changed = tx.execute(
        "UPDATE blobs SET refs = blobs.refs - r.last,
                state = CASE WHEN blobs.refs = r.last THEN 4 ELSE blobs.state END
         {sqlite} FROM ({ranges $2}) r WHERE blobs.account_id = $1 AND blobs.blob_id = r.first
         {postgres} FROM (SELECT $1::bigint AS account, o.* FROM ({ranges $2}) o OFFSET 0) r
         {postgres} WHERE blobs.account_id = r.account AND blobs.blob_id = r.first
        ",
        &[Value::Int(account.0), Value::Ranges(references)],
    )?;
    if changed != references.len() as u64 {
        return Err(tx.corrupt("a body is missing"));
    }
    Ok(())
}

/// Counts references, for [`release`].
#[derive(Debug, Default)]
struct References(std::collections::BTreeMap<i64, i64>);

impl References {
    fn add(&mut self, blob: i64) {
        *self.0.entry(blob).or_default() += 1;
    }

    fn counted(&self) -> Vec<(i64, i64)> {
        self.0.iter().map(|(blob, count)| (*blob, *count)).collect()
    }
}

/// Rows of `expunged` on their way out for good, with what they refer to.
struct Leaving {
    uids: UidRuns,
    references: References,
    /// The newest change among them: below it, nothing is known of what vanished.
    mod_seq: i64,
}
