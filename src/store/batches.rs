//! Deliveries that wait at the same moment, committed by one statement (PostgreSQL).
//!
//! A statement of 64 deliveries costs three times one of a single delivery, not 64 times. A few
//! couriers, each with the accounts that fall to it, take what waits and never wait for company. They
//! never wait for locks either: the statement passes over mailboxes that somebody has locked
//! (`SKIP LOCKED`). What it passed over goes back to the thread that brought it, which waits for the
//! mailbox, with all others that do (`patient`). Every member of a batch that failed, and what is
//! missing or was there before, is delivered alone, by the statements of every other delivery.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Failure;
use super::deliver::Appended;
use super::engine::{Answer, Awaited, Engine, Single, answer};
use super::parcels::{Parcel, deliver};
use super::patient::{Joined, Patient};
use super::ready::Before;
use crate::crash_point;
use crate::limits;

/// What became of a delivery.
pub(super) enum Outcome {
    /// It is committed.
    Stored(Appended),
    /// It has not happened: somebody has locked its mailbox.
    PassedOver(Box<Parcel>),
    /// It is to be delivered alone. It has not happened, or nobody knows (pitfall 10).
    Alone(Box<Parcel>, Before),
    /// It has not happened, and would not now.
    Failed(Failure),
}

/// A delivery on its way, and whoever waits for it.
pub(super) type Waiting = (Box<Parcel>, Answer<Outcome>);

/// The threads that deliver.
#[derive(Debug)]
pub(super) struct Couriers {
    queues: Vec<Sender<Waiting>>,
    threads: Vec<JoinHandle<()>>,
    patient: Patient,
}

/// Whether deliveries to several accounts may share a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// They may.
    Accounts,
    /// Only those to one: its rows may be on a server of their own.
    OneAccount,
}

impl Couriers {
    /// Starts them.
    pub(super) fn start(engine: &Arc<Engine>, sharing: Sharing) -> Result<Self, Failure> {
        let (queues, threads, patient) = (Vec::new(), Vec::new(), Patient::default());
        let mut couriers = Self { queues, threads, patient };
        for _ in 0..limits::COURIERS {
            let (sender, queue) = bounded(limits::WRITES_WAITING_MAX);
            let engine = Arc::clone(engine);
            let thread = std::thread::Builder::new().name("sora-courier".to_owned());
            let thread = thread.spawn(move || serve(&engine, &queue, sharing));
            let failed = |source| Failure::file("starting a courier", source);
            couriers.threads.push(thread.map_err(failed)?);
            couriers.queues.push(sender);
        }
        Ok(couriers)
    }

    /// Sends one on its way, by a statement that it shares with others. `Failed` if it cannot be
    /// delivered, `Alone` if it must be delivered alone.
    pub(super) fn bring(&self, parcel: Parcel) -> Awaited<Outcome> {
        let parcel = Box::new(parcel);
        // Whoever waits for the mailbox has been there for longer.
        match self.patient.join_others(parcel) {
            Joined::Others(awaited) => awaited,
            Joined::First(parcel) => self.submit(parcel),
        }
    }

    /// Hears what became of one; if its mailbox was locked, waits until it is not.
    pub(super) fn settle(
        &self,
        engine: &Engine,
        awaited: Awaited<Outcome>,
    ) -> Result<Outcome, Failure> {
        match awaited.wait().ok_or(Failure::Closed)? {
            Outcome::PassedOver(parcel) => {
                self.patient.deliver(engine, parcel).wait().ok_or(Failure::Closed)
            }
            outcome => Ok(outcome),
        }
    }

    /// Queues one; waits if too many do.
    fn submit(&self, parcel: Box<Parcel>) -> Awaited<Outcome> {
        let (told, awaited) = answer();
        // All mail of an account goes one way, so that couriers are not in each other's.
        let account = usize::try_from(parcel.ready.message.account.0).unwrap_or(0);
        let way = account.checked_rem(self.queues.len()).unwrap_or(0);
        if let Some(queue) = self.queues.get(way) {
            let _closed = queue.send((parcel, told)); // then nobody answers, and it shows
        }
        awaited
    }

    /// How many wait for a courier.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.queues.iter().map(Sender::len).sum()
    }

    /// How many wait for mailboxes.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.patient.waiting()
    }
}

impl Drop for Couriers {
    /// What was submitted is still delivered.
    fn drop(&mut self) {
        self.queues.clear();
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

fn serve(engine: &Engine, queue: &Receiver<Waiting>, sharing: Sharing) {
    let mut later = VecDeque::new();
    while let Some(first) = later.pop_front().or_else(|| queue.recv().ok()) {
        let mut batch = Batch::of(first, sharing);
        let held = std::mem::take(&mut later);
        for next in held.into_iter().chain(queue.try_iter()) {
            later.extend(batch.offer(next));
            // Enough is at hand for the next one, too.
            if batch.is_full() || later.len() >= limits::DELIVERIES_IN_BATCH_MAX {
                break;
            }
        }
        batch.run(engine);
    }
}

/// Deliveries that share a statement.
pub(super) struct Batch {
    pub(super) members: Vec<Waiting>,
    bytes: usize,
    /// If all must be of one.
    account: Option<i64>,
    /// By account: a message's thread must not depend on another of its own batch, and of two with
    /// one digest only the first is stored.
    message_ids: HashSet<(i64, i64)>,
    digests: HashSet<(i64, [u8; 16])>,
}

impl Batch {
    pub(super) fn of(first: Waiting, sharing: Sharing) -> Self {
        let account = first.0.ready.message.account.0;
        let mut batch = Self {
            members: Vec::new(),
            bytes: 0,
            account: (sharing == Sharing::OneAccount).then_some(account),
            message_ids: HashSet::new(),
            digests: HashSet::new(),
        };
        batch.add(first);
        batch
    }

    fn is_full(&self) -> bool {
        self.members.len() >= limits::DELIVERIES_IN_BATCH_MAX
            || self.bytes >= limits::WRITE_GROUP_BYTES_MAX
    }

    /// Takes one more, or gives it back for a later one.
    pub(super) fn offer(&mut self, next: Waiting) -> Option<Waiting> {
        if self.is_full() || self.clashes(&next.0) {
            return Some(next);
        }
        self.add(next);
        None
    }

    fn clashes(&self, parcel: &Parcel) -> bool {
        let account = parcel.ready.message.account.0;
        let ids = &parcel.ready.message.facts.message_ids;
        if self.account.is_some_and(|only| only != account) {
            return true;
        }
        ids.iter().any(|id| self.message_ids.contains(&(account, *id)))
            || parcel.digest.is_some_and(|digest| self.digests.contains(&(account, digest)))
    }

    fn add(&mut self, next: Waiting) {
        let account = next.0.ready.message.account.0;
        self.bytes += next.0.ready.bytes_in_database().map_or(0, <[u8]>::len);
        self.message_ids
            .extend(next.0.ready.message.facts.message_ids.iter().map(|id| (account, *id)));
        self.digests.extend(next.0.digest.map(|digest| (account, digest)));
        self.members.push(next);
    }

    fn run(self, engine: &Engine) {
        let parcels = self.parcels();
        let ran = engine.write_single("delivering", |tx| deliver(tx, &parcels));
        crash_point!("batch: committed, not answered");
        match ran {
            Single::Done(stored) => {
                // Where one was stored, no other was passed over for a lock.
                let places = parcels.iter().zip(&stored).filter(|(_, stored)| stored.is_some());
                let free: HashSet<_> = places.map(|(parcel, _)| parcel.place()).collect();
                self.tell(stored, |parcel| match free.contains(&parcel.place()) {
                    true => Outcome::Alone(parcel, Before::No),
                    false => Outcome::PassedOver(parcel),
                });
            }
            // Each by itself would wait for one as long again.
            Single::Undone(failure) if failure.is_without_connection() => {
                let said = failure.to_string();
                let lost = || std::io::Error::other(said.clone());
                let failed = |_| Outcome::Failed(Failure::file("delivering", lost()));
                self.tell(Vec::new(), failed);
            }
            Single::Undone(failure) => {
                log::warn!("{failure}; {} deliveries each alone", self.members.len());
                self.tell(Vec::new(), |parcel| Outcome::Alone(parcel, Before::No));
            }
            Single::Unknown(failure) => {
                log::warn!("{failure}; {} deliveries are looked for", self.members.len());
                self.tell(Vec::new(), |parcel| Outcome::Alone(parcel, Before::Perhaps));
            }
        }
    }

    pub(super) fn parcels(&self) -> Vec<&Parcel> {
        self.members.iter().map(|(parcel, _)| &**parcel).collect()
    }

    /// Tells each where it went, or if it went nowhere, what `otherwise` says.
    pub(super) fn tell(
        self,
        stored: Vec<Option<Appended>>,
        otherwise: impl Fn(Box<Parcel>) -> Outcome,
    ) {
        let stored = stored.into_iter().chain(std::iter::repeat(None));
        for ((parcel, told), stored) in self.members.into_iter().zip(stored) {
            told.send(stored.map_or_else(|| otherwise(parcel), Outcome::Stored));
        }
    }
}
