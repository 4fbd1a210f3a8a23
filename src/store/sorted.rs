//! Deliveries that a Sieve script has sorted: copies in several mailboxes, mail that leaves, and what
//! the script remembers, in one transaction. All of it happens, or nothing.

use sha2::{Digest, Sha256};

use super::deliver::target;
use super::engine::{Tx, Value, Weight};
use super::keywords::TooMany;
use super::mailboxes::INBOX;
use super::outbox::{self, NewOutgoing, OutgoingId};
use super::ready::{Ready, insert, place_again};
use super::repeats::{DeliveryDigest, delivered_before};
use super::{Appended, Error, Facts, Failure, IfMissing, NewBody, NewMessage, Store, row};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{FlagSet, MailboxKey};
use crate::limits;
use crate::model::{AccountId, MailboxId, MailboxName, Timestamp};

/// A delivery, sorted.
#[derive(Clone, Debug)]
pub struct SortedDelivery {
    /// Whose.
    pub account: AccountId,
    /// Each body that is kept, once: as received, and as the script has edited it.
    pub bodies: Vec<(NewBody, Facts)>,
    /// Where they go; none if the message is thrown away, or only sent on.
    pub copies: Vec<SortedCopy>,
    /// What leaves.
    pub outgoing: Vec<SortedOutgoing>,
    /// What the script remembers from now on.
    pub remembered: Vec<Remembered>,
    /// By which a redelivery is recognised.
    pub digest: Option<DeliveryDigest>,
    /// What is worth telling of the run.
    pub report: Option<RunReport>,
}

/// One copy.
#[derive(Clone, Debug)]
pub struct SortedCopy {
    /// Which of the bodies.
    pub body: usize,
    /// To where.
    pub mailbox: MailboxName,
    /// If that is not there.
    pub if_missing: IfMissing,
    /// With which flags.
    pub flags: FlagSet,
    /// Only if this one of `outgoing` is sent (RFC 8580).
    pub with: Option<usize>,
}

/// A message that leaves.
#[derive(Clone, Debug)]
pub struct SortedOutgoing {
    /// What.
    pub new: NewOutgoing,
    /// Unless the script remembers this; if not, it does from now on (RFC 5230 §4.2).
    pub unless: Option<Remembered>,
}

/// What a script remembers, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What.
    pub what: MemoryDigest,
    /// From now.
    pub seconds: u64,
}

/// A thing to remember, as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryDigest([u8; 16]);

impl MemoryDigest {
    /// An answer with `handle` to `address` (RFC 5230 §4.2).
    pub fn of_answer(handle: &str, address: &str) -> Self {
        Self::of(["vacation", handle, &address.to_lowercase()])
    }

    /// An id on the list `handle` (RFC 7352 §3).
    pub fn of_duplicate(handle: &str, id: &str) -> Self {
        Self::of(["duplicate", handle, id])
    }

    fn of(parts: [&str; 3]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let mut digest = [0; 16];
        digest.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(digest)
    }
}

/// What is kept of a run, for `sora-admin sieve log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// It ended with an error.
    pub failed: bool,
    /// What to tell, line by line.
    pub text: String,
}

/// A run that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRun {
    /// When.
    pub ran_at: Timestamp,
    /// What.
    pub report: RunReport,
}

/// What a sorted delivery came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sorted {
    /// It is committed.
    Done {
        /// Where the copies went, in their order; `None` for one that was not to be made, or that
        /// went where another already is.
        copies: Vec<Option<Appended>>,
        /// Which of `outgoing` leave.
        queued: Vec<bool>,
    },
    /// It had been delivered before, at `first`; nothing was done (pitfall 6).
    Repeated {
        /// When.
        first: Timestamp,
        /// And now.
        now: Timestamp,
    },
}

impl Store {
    /// Carries out what a script decided.
    pub fn deliver_sorted(&self, delivery: SortedDelivery) -> Result<Sorted, Error> {
        let SortedDelivery { account, bodies, copies, outgoing, remembered, digest, report } =
            delivery;
        let mut ready = Vec::with_capacity(bodies.len());
        for (body, facts) in bodies {
            let (mailbox, flags) = (MailboxName::inbox(), FlagSet::default());
            let message = NewMessage { account, mailbox, flags, internal_date: None, body, facts };
            ready.push(self.prepare(message)?);
        }
        let mut numbers = Vec::with_capacity(outgoing.len());
        for _ in &outgoing {
            // Of the same row of numbers as bodies: nothing else has it.
            numbers.push(self.0.ids.next_blob(&self.0.engine)?.0);
        }
        let bytes = ready.iter().map(|ready| ready.size as usize).sum::<usize>()
            + outgoing.iter().map(|outgoing| outgoing.new.message.len()).sum::<usize>();
        let staged = ready.iter().any(Ready::is_staged);
        let placed: Vec<_> = ready.iter().filter_map(Ready::placed).collect();
        let work = Work { account, ready, copies, outgoing, numbers, remembered, digest, report };
        let done =
            self.0.engine.write("delivering", Weight::Bytes(bytes), move |tx| work.carry_out(tx));
        if staged {
            self.ring_for_uploads();
        }
        if matches!(&done, Ok(Sorted::Repeated { .. }) | Err(Error::Refused(_))) {
            for (account, body) in placed {
                if let Err(failure) = self.remove_body(account, &body) {
                    log::warn!("{failure}"); // swept later
                }
            }
        }
        done
    }

    /// True if the script remembers this.
    pub fn remembers(&self, account: AccountId, what: MemoryDigest) -> Result<bool, Failure> {
        self.0.engine.glance("asking a script's memory", |tx| {
            let found = tx.query_one(
                "SELECT 1 FROM script_memory
                 WHERE account_id = $1 AND digest = $2 AND expires_at > $3",
                &[Value::Int(account.0), Value::Bytes(&what.0), Value::Int(tx.now().0)],
                |_| Ok(()),
            )?;
            Ok(found.is_some())
        })
    }

    /// Forgets what scripts remembered for long enough, a bounded number of rows. True if there may
    /// be more.
    pub fn forget_memories(&self) -> Result<bool, Failure> {
        self.0.engine.write("forgetting what scripts remembered", Weight::Bulk, |tx| {
            let gone = tx.execute(
                "DELETE FROM script_memory WHERE (account_id, digest) IN
                     (SELECT account_id, digest FROM script_memory WHERE expires_at <= $1 LIMIT $2)",
                &[Value::Int(tx.now().0), Value::Int(limits::DELIVERIES_SWEPT_MAX)],
            )?;
            Ok(i64::try_from(gone).unwrap_or(i64::MAX) >= limits::DELIVERIES_SWEPT_MAX)
        })
    }

    /// The last runs of an account's scripts that were worth telling, the newest first.
    pub fn script_runs(&self, account: AccountId) -> Result<Vec<KeptRun>, Failure> {
        self.0.engine.glance("reading a script's runs", |tx| {
            let mut runs = Vec::new();
            tx.query(
                "SELECT ran_at, failed, report FROM script_runs WHERE account_id = $1
                 ORDER BY ran_at DESC, run_id DESC",
                &[Value::Int(account.0)],
                |row| {
                    let report =
                        RunReport { failed: row.int(1)? == 1, text: row.text(2)?.to_owned() };
                    runs.push(KeptRun { ran_at: Timestamp(row.int(0)?), report });
                    Ok(())
                },
            )?;
            Ok(runs)
        })
    }
}

/// All that the transaction does.
struct Work {
    account: AccountId,
    ready: Vec<Ready>,
    copies: Vec<SortedCopy>,
    outgoing: Vec<SortedOutgoing>,
    numbers: Vec<i64>,
    remembered: Vec<Remembered>,
    digest: Option<DeliveryDigest>,
    report: Option<RunReport>,
}

impl Work {
    fn carry_out(&self, tx: &mut Tx<'_>) -> Result<Sorted, Error> {
        let targets = self.targets(tx)?;
        self.lock(tx, &targets)?;
        if let Some(digest) = self.digest
            && let Some(first) = delivered_before(tx, self.account, digest)?
        {
            return Ok(Sorted::Repeated { first, now: tx.now() });
        }
        let queued = self.queue(tx)?;
        let copies = self.store(tx, &targets, &queued)?;
        for remembered in &self.remembered {
            remember(tx, self.account, remembered, true)?;
        }
        if let Some(report) = &self.report {
            keep_report(tx, self.account, report)?;
        }
        crash_point!("deliver: sorted, not committed");
        Ok(Sorted::Done { copies, queued })
    }

    /// The mailboxes, made where that was asked for; before any of them is locked (invariant 6).
    fn targets(&self, tx: &mut Tx<'_>) -> Result<Vec<MailboxId>, Error> {
        let target = |tx: &mut Tx<'_>, copy: &SortedCopy| {
            target(tx, self.account, &copy.mailbox, copy.if_missing)
        };
        self.copies.iter().map(|copy| target(tx, copy)).collect()
    }

    /// In the order of their numbers; INBOX if there is none, for deliveries are counted under it. Nobody's
    /// mail has no mailbox: of two that bring the same at the same moment, the key of `deliveries` lets one.
    fn lock(&self, tx: &mut Tx<'_>, targets: &[MailboxId]) -> Result<(), Error> {
        if !tx.has_rivals() || self.account == AccountId::NOBODY {
            return Ok(());
        }
        let mut mailboxes = targets.to_vec();
        mailboxes.push(INBOX);
        mailboxes.sort_unstable();
        mailboxes.dedup();
        for mailbox in mailboxes {
            let key = MailboxKey { account: self.account, mailbox };
            row::lock(tx, key).map_err(|error| gone(error, mailbox))?;
        }
        Ok(())
    }

    fn queue(&self, tx: &mut Tx<'_>) -> Result<Vec<bool>, Error> {
        let mut queued = Vec::with_capacity(self.outgoing.len());
        for (outgoing, number) in self.outgoing.iter().zip(&self.numbers) {
            let due = match &outgoing.unless {
                Some(unless) => remember(tx, self.account, unless, false)?,
                None => true,
            };
            if due {
                let id = OutgoingId { account: self.account, number: *number };
                outbox::queue(tx, id, &outgoing.new)?;
            }
            queued.push(due);
        }
        Ok(queued)
    }

    fn store(
        &self,
        tx: &mut Tx<'_>,
        targets: &[MailboxId],
        queued: &[bool],
    ) -> Result<Vec<Option<Appended>>, Error> {
        let mut stored = Vec::with_capacity(self.copies.len());
        let mut first: Vec<Option<Appended>> = vec![None; self.ready.len()];
        let is_wanted =
            |copy: &SortedCopy| copy.with.is_none_or(|with| queued.get(with) == Some(&true));
        for (nth, (copy, &mailbox)) in self.copies.iter().zip(targets).enumerate() {
            // A mailbox that is not there is INBOX, which may get the message anyway: once, as the last
            // has it (RFC 5228 §2.10.3, RFC 5232 §2, RFC 5293 §7).
            let is_replaced = self.copies.iter().zip(targets).skip(nth + 1).any(|(later, to)| {
                let is_message = copy.with.is_none() && later.with.is_none();
                *to == mailbox && is_wanted(later) && (is_message || later.body == copy.body)
            });
            let slot = self.ready.get(copy.body).zip(first.get_mut(copy.body));
            let (Some((ready, first)), true) = (slot, is_wanted(copy) && !is_replaced) else {
                stored.push(None);
                continue;
            };
            let key = MailboxKey { account: self.account, mailbox };
            let appended = match first {
                None => insert(tx, key, ready, &copy.flags, TooMany::LeftOut),
                Some(first) => place_again(tx, key, ready, &copy.flags, first.thread_id),
            };
            let appended = appended.map_err(|error| gone(error, mailbox))?;
            let appended = Appended { event: false, ..appended };
            first.get_or_insert(appended);
            stored.push(Some(appended));
        }
        // A body that has no copy after all was reserved in vain: sweeping finds it.
        Ok(stored)
    }
}

/// No INBOX means no account: it went between RCPT and DATA.
fn gone(error: Error, mailbox: MailboxId) -> Error {
    match error {
        Error::Refused(Refusal::NoSuchMailbox) if mailbox == INBOX => {
            Refusal::NoSuchRecipient.into()
        }
        other => other,
    }
}

/// Remembers something; false if that was remembered already, and is not to be renewed.
fn remember(
    tx: &mut Tx<'_>,
    account: AccountId,
    remembered: &Remembered,
    renew: bool,
) -> Result<bool, Failure> {
    let now = tx.now().0;
    let length = i64::try_from(remembered.seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let new = tx.execute(
        "INSERT INTO script_memory (account_id, digest, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, digest) DO UPDATE SET expires_at = excluded.expires_at
         WHERE script_memory.expires_at <= $4 OR $5 = 1",
        &[
            Value::Int(account.0),
            Value::Bytes(&remembered.what.0),
            Value::Int(now.saturating_add(length)),
            Value::Int(now),
            Value::Int(i64::from(renew)),
        ],
    )?;
    Ok(new == 1)
}

/// Keeps the newest [`limits::SCRIPT_RUNS_KEPT`].
pub(super) fn keep_report(
    tx: &mut Tx<'_>,
    account: AccountId,
    report: &RunReport,
) -> Result<(), Failure> {
    let last = tx.query_one(
        "SELECT COALESCE(MAX(run_id), 0) FROM script_runs WHERE account_id = $1",
        &[Value::Int(account.0)],
        |row| row.int(0),
    )?;
    let run = last.unwrap_or(0).saturating_add(1);
    tx.execute(
        "INSERT INTO script_runs (account_id, run_id, ran_at, failed, report)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, run_id) DO NOTHING",
        &[
            Value::Int(account.0),
            Value::Int(run),
            Value::Int(tx.now().0),
            Value::Int(i64::from(report.failed)),
            Value::Text(&report.text),
        ],
    )?;
    tx.execute(
        "DELETE FROM script_runs WHERE account_id = $1 AND run_id <= $2",
        &[Value::Int(account.0), Value::Int(run.saturating_sub(limits::SCRIPT_RUNS_KEPT))],
    )
    .map(drop)
}
