//! Deliveries whose mailbox somebody has locked, delivered together once it is free (PostgreSQL).
//!
//! The first that waits for a mailbox locks it, by waiting; whoever comes meanwhile joins it and needs
//! no connection. Once the mailbox is its own, all that wait by then are one statement: however many
//! others there are, each round of waiting takes everybody along.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Failure;
use super::batches::{Batch, Outcome, Sharing, Waiting};
use super::deliver::Appended;
use super::engine::{Awaited, Engine, Tx, Value, answer};
use super::parcels::{self, Parcel};
use super::ready::Before;

/// Where a delivery goes: the account, and the key of the mailbox's name.
type At = (i64, String);

/// Who waits, by mailbox. The thread of the first of each locks it; there are no more of them than
/// there are threads that write.
#[derive(Default)]
pub(super) struct Patient(Mutex<HashMap<At, Vec<Waiting>>>);

impl std::fmt::Debug for Patient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Patient").field(&self.lock().len()).finish()
    }
}

/// Whether somebody waits already.
pub(super) enum Joined {
    /// And this one with them.
    Others(Awaited<Outcome>),
    /// Nobody does.
    First(Box<Parcel>),
}

impl Patient {
    fn lock(&self) -> MutexGuard<'_, HashMap<At, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins those who wait for its mailbox, if anybody does.
    pub(super) fn join_others(&self, parcel: Box<Parcel>) -> Joined {
        let mut groups = self.lock();
        if groups.is_empty() {
            return Joined::First(parcel); // as nearly always
        }
        match groups.get_mut(&parcel.place()) {
            None => Joined::First(parcel),
            Some(group) => {
                let (told, awaited) = answer();
                group.push((parcel, told));
                Joined::Others(awaited)
            }
        }
    }

    /// Delivers one whose mailbox was locked, with all others that wait for it.
    pub(super) fn deliver(&self, engine: &Engine, parcel: Box<Parcel>) -> Awaited<Outcome> {
        let at = parcel.place();
        let (told, awaited) = answer();
        let mut groups = self.lock();
        if let Some(group) = groups.get_mut(&at) {
            group.push((parcel, told));
            return awaited;
        }
        groups.insert(at.clone(), vec![(parcel, told)]);
        drop(groups);
        self.lead(engine, &at);
        awaited
    }

    fn lead(&self, engine: &Engine, at: &At) {
        let mut batches = None;
        let ran = engine.run_write("delivering", |tx| {
            let locked = lock_by_name(tx, at)?;
            // Under the lock, and once: if it is run again, it is for the same.
            let batches = batches.get_or_insert_with(|| in_batches(self.take(at)));
            let all = batches.iter().map(|batch| match locked {
                true => parcels::deliver(tx, &batch.parcels()),
                false => Ok(Vec::new()),
            });
            all.collect::<Result<Vec<Vec<Option<Appended>>>, Failure>>()
        });
        let batches = batches.unwrap_or_else(|| in_batches(self.take(at)));
        match ran {
            Ok(stored) => {
                for (batch, stored) in batches.into_iter().zip(stored) {
                    batch.tell(stored, |parcel| Outcome::Alone(parcel, Before::No));
                }
            }
            // Each by itself would wait as long again.
            Err(failure) if failure.is_timeout() => {
                let said = failure.to_string();
                let lost = || std::io::Error::other(said.clone());
                let failed = |_| Outcome::Failed(Failure::file("delivering", lost()));
                batches.into_iter().for_each(|batch| batch.tell(Vec::new(), failed));
            }
            Err(failure) => {
                log::warn!("{failure}; those who waited for a mailbox are delivered alone");
                let alone = |parcel| Outcome::Alone(parcel, Before::Perhaps);
                batches.into_iter().for_each(|batch| batch.tell(Vec::new(), alone));
            }
        }
    }

    /// Whoever comes now waits for the next round.
    fn take(&self, at: &At) -> Vec<Waiting> {
        self.lock().remove(at).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }
}

fn in_batches(waiting: Vec<Waiting>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for next in waiting {
        let left = batches.iter_mut().try_fold(next, |next, batch| match batch.offer(next) {
            Some(next) => Ok(next),
            None => Err(()),
        });
        if let Ok(next) = left {
            batches.push(Batch::of(next, Sharing::OneAccount));
        }
    }
    batches
}

/// Waits for a mailbox; false if there is none of that name.
fn lock_by_name(tx: &mut Tx<'_>, (account, key): &At) -> Result<bool, Failure> {
    let locked = tx.query_one(
        "SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name_key = $2 {lock}",
        &[Value::Int(*account), Value::Text(key)],
        |row| row.int(0),
    )?;
    Ok(locked.is_some())
}
