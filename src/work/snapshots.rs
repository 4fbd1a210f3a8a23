//! The mailboxes that sessions look at, each once for the whole process.
//!
//! A snapshot given out is at least as new as the question: it was read, or found unchanged by one
//! indexed query, after it was asked for, or is what the question's own change made of the last one. One
//! thread at a time brings a mailbox up to date, and one loads it, for which others wait; no lock that
//! others need is held while it reads. All together stay within [`SNAPSHOT_CACHE_BYTES_MAX`]; one that
//! was forgotten for the room lives on for as long as a session holds it, and is found again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::lru::Lru;
use crate::job::{MailboxInfo, MailboxKey};
use crate::limits::SNAPSHOT_CACHE_BYTES_MAX;
use crate::mail::Snapshot;
use crate::model::{AccountId, MailboxName};
use crate::store::{self, FlagsStored, Have, Refreshed, Store};

/// Bytes that a kept mailbox costs beside its snapshot.
const SLOT_BYTES: usize = 256;
/// Mailboxes that are remembered without being kept, before they are looked through.
const HELD_MIN: usize = 64;

/// The cache.
pub(super) struct Snapshots {
    store: Store,
    slots: Mutex<Slots>,
    loads: Loads,
}

/// What is kept, and what others may have kept.
struct Slots {
    kept: Lru<MailboxKey, Arc<Slot>>,
    /// Of those that somebody uses just now, or whose snapshot a session holds: forgotten for the room or
    /// too large to be kept.
    held: HashMap<MailboxKey, (Weak<Slot>, Weak<Snapshot>)>,
    /// How many there may be before those that nobody holds go.
    held_max: usize,
}

/// One mailbox.
#[derive(Default)]
struct Slot {
    latest: Mutex<Option<Arc<Snapshot>>>,
    /// Held while reading: the next waits, and then finds little left to do.
    reading: Mutex<()>,
}

impl Snapshots {
    /// An empty cache over `store`.
    pub(super) fn new(store: Store) -> Self {
        Self::with_room(store, SNAPSHOT_CACHE_BYTES_MAX)
    }

    /// The same, that keeps so many bytes.
    pub(super) fn with_room(store: Store, bytes_max: usize) -> Self {
        let (kept, held) = (Lru::new(bytes_max), HashMap::new());
        let slots = Mutex::new(Slots { kept, held, held_max: HELD_MIN });
        Self { store, slots, loads: Loads::default() }
    }

    /// The mailbox as it is now; refused as missing once deleted.
    pub(super) fn current(&self, mailbox: MailboxKey) -> Result<Arc<Snapshot>, store::Error> {
        let slot = self.slot(mailbox);
        let _reading = lock(&slot.reading);
        let latest = loop {
            match self.at_hand(mailbox, &slot) {
                AtHand::This(latest) => break latest,
                AtHand::Awaited => self.loads.wait(mailbox),
                AtHand::Nothing(_loading) => {
                    let loaded = self.store.load_snapshot(mailbox)?;
                    return Ok(self.keep(mailbox, &slot, loaded));
                }
            }
        };
        match self.store.refresh_snapshot(mailbox, &latest)? {
            Refreshed::Same => Ok(latest),
            Refreshed::New(snapshot) => Ok(self.keep(mailbox, &slot, snapshot)),
            Refreshed::Gone => {
                self.forget(mailbox);
                Err(crate::error::Refusal::NoSuchMailbox.into())
            }
        }
    }

    /// The mailbox as a STORE left it, or newer.
    pub(super) fn after(
        &self,
        mailbox: MailboxKey,
        stored: &FlagsStored,
    ) -> Result<Arc<Snapshot>, store::Error> {
        let slot = self.slot(mailbox);
        let latest = lock(&slot.latest).clone();
        match latest.and_then(|latest| stored.follow(&latest)) {
            Some(snapshot) => Ok(self.keep(mailbox, &slot, snapshot)),
            None => self.current(mailbox),
        }
    }

    /// The mailbox after a commit: as it is now or, if it cannot be read, as it was when it last was. What
    /// has happened must not be told as a failure, or it would be asked for again.
    pub(super) fn after_commit(&self, mailbox: MailboxKey) -> Result<Arc<Snapshot>, store::Error> {
        self.current(mailbox).or_else(|error| {
            let latest = lock(&self.slot(mailbox).latest).clone();
            match (error, latest) {
                (store::Error::Failed(failure), Some(latest)) => {
                    log::warn!("work: done, and not read back: {failure}");
                    Ok(latest)
                }
                (error, _) => Err(error),
            }
        })
    }

    /// The row and the messages of the mailbox with this name, read at one moment.
    pub(super) fn open(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<(MailboxInfo, Arc<Snapshot>), store::Error> {
        loop {
            // What the store was told. `reading` is not taken, nor is a load waited for: whoever has that
            // may be waiting for the connection that we read with.
            let told = RefCell::new(None);
            let have = |mailbox| {
                let mut told = told.borrow_mut();
                let found = match told.take() {
                    Some(ours @ AtHand::Nothing(_)) => ours, // the transaction is run again
                    _ => self.at_hand(mailbox, &self.slot(mailbox)),
                };
                told.insert(found).told()
            };
            let opened = self.store.open_mailbox(account, name, &have)?;
            let key = opened.info.key;
            match (opened.snapshot, told.into_inner()) {
                (Some(read), _loading) => {
                    return Ok((opened.info, self.keep(key, &self.slot(key), read)));
                }
                (None, Some(AtHand::This(same))) => return Ok((opened.info, same)),
                (None, _) => self.loads.wait(key),
            }
        }
    }

    /// Drops a mailbox that was deleted.
    pub(super) fn forget(&self, mailbox: MailboxKey) {
        let mut slots = lock(&self.slots);
        slots.kept.remove(&mailbox);
        slots.held.remove(&mailbox);
    }

    /// What there is to begin with.
    fn at_hand(&self, mailbox: MailboxKey, slot: &Slot) -> AtHand<'_> {
        let latest = || lock(&slot.latest).clone().map(AtHand::This);
        latest().unwrap_or_else(|| match self.loads.begin(mailbox) {
            None => AtHand::Awaited,
            Some(loading) => latest().unwrap_or(AtHand::Nothing(loading)), // it may just have come
        })
    }

    fn slot(&self, mailbox: MailboxKey) -> Arc<Slot> {
        lock(&self.slots).slot(mailbox)
    }

    /// Keeps what was read, unless somebody read a newer one meanwhile.
    fn keep(&self, mailbox: MailboxKey, slot: &Arc<Slot>, read: Snapshot) -> Arc<Snapshot> {
        let read = Arc::new(read);
        let mut latest = lock(&slot.latest);
        let mod_seq = read.head.highest_mod_seq;
        if latest.as_ref().is_some_and(|latest| latest.head.highest_mod_seq >= mod_seq) {
            return read;
        }
        *latest = Some(Arc::clone(&read));
        drop(latest);
        lock(&self.slots).put(mailbox, slot, Some(&read));
        read
    }
}

impl Slots {
    fn slot(&mut self, mailbox: MailboxKey) -> Arc<Slot> {
        if let Some(slot) = self.kept.touch(&mailbox) {
            return Arc::clone(slot);
        }
        let held = self.held.get(&mailbox);
        if let Some(slot) = held.and_then(|(slot, _)| slot.upgrade()) {
            return slot;
        }
        let latest = held.and_then(|(_, latest)| latest.upgrade());
        let slot = Arc::new(Slot { latest: Mutex::new(latest.clone()), ..Slot::default() });
        self.put(mailbox, &slot, latest.as_ref());
        slot
    }

    fn put(&mut self, mailbox: MailboxKey, slot: &Arc<Slot>, latest: Option<&Arc<Snapshot>>) {
        let bytes = latest.map_or(0, |latest| latest.bytes());
        self.kept.put(mailbox, Arc::clone(slot), SLOT_BYTES.saturating_add(bytes));
        if self.held.len() >= self.held_max {
            self.held
                .retain(|_, (slot, latest)| slot.strong_count() > 0 || latest.strong_count() > 0);
            self.held_max = HELD_MIN.max(self.held.len().saturating_mul(2));
        }
        let latest = latest.map_or_else(Weak::new, Arc::downgrade);
        self.held.insert(mailbox, (Arc::downgrade(slot), latest));
    }
}

/// What there is of a mailbox.
enum AtHand<'a> {
    This(Arc<Snapshot>),
    /// Whoever has this loads it.
    Nothing(Loading<'a>),
    /// Another loads it.
    Awaited,
}

impl AtHand<'_> {
    fn told(&self) -> Have {
        match self {
            Self::This(latest) => Have::This(Arc::clone(latest)),
            Self::Nothing(_) => Have::Nothing,
            Self::Awaited => Have::Awaited,
        }
    }
}

/// The mailboxes that are being loaded, each by one: after a start, many open the same ones at once.
#[derive(Default)]
struct Loads {
    /// With how many wait for it.
    under_way: Mutex<HashMap<MailboxKey, usize>>,
    ended: Condvar,
}

/// Ends when it is dropped, however.
struct Loading<'a> {
    loads: &'a Loads,
    mailbox: MailboxKey,
}

impl Loads {
    /// `None` if another loads it.
    fn begin(&self, mailbox: MailboxKey) -> Option<Loading<'_>> {
        let mut under_way = lock(&self.under_way);
        if under_way.contains_key(&mailbox) {
            return None;
        }
        under_way.insert(mailbox, 0);
        Some(Loading { loads: self, mailbox })
    }

    /// Until nobody loads it, or another does.
    fn wait(&self, mailbox: MailboxKey) {
        let mut under_way = lock(&self.under_way);
        if let Some(waiting) = under_way.get_mut(&mailbox) {
            *waiting += 1;
            drop(self.ended.wait(under_way));
        }
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        lock(&self.loads.under_way).remove(&self.mailbox);
        self.loads.ended.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MailboxId;
    use crate::work::tests::Room;

    #[test]
    fn a_mailbox_is_loaded_by_one_and_others_wait() {
        let room = Room::new();
        room.append("INBOX", b"x");
        let (store, account, inbox) = (&room.runner.store, room.account, MailboxName::inbox());
        let snapshots = Snapshots::new(store.clone());
        let (mailbox, _) = room.open("INBOX");
        let loading = snapshots.loads.begin(mailbox).expect("nobody loads it");
        let waiting = || lock(&snapshots.loads.under_way).get(&mailbox).copied();
        std::thread::scope(|scope| {
            let opens = scope.spawn(|| snapshots.open(account, &inbox).unwrap().1);
            let looks = scope.spawn(|| snapshots.current(mailbox).unwrap());
            while waiting() != Some(2) {
                std::thread::yield_now();
            }
            let loaded = store.load_snapshot(mailbox).unwrap();
            let loaded = snapshots.keep(mailbox, &snapshots.slot(mailbox), loaded);
            drop(loading);
            assert!(Arc::ptr_eq(&opens.join().unwrap(), &loaded));
            assert!(Arc::ptr_eq(&looks.join().unwrap(), &loaded));
        });
        assert_eq!(waiting(), None);
    }

    #[test]
    fn a_load_that_fails_is_anothers() {
        let room = Room::new();
        let mailbox = MailboxKey { account: room.account, mailbox: MailboxId(77) };
        let snapshots = &room.runner.snapshots;
        for _ in 0..2 {
            snapshots.current(mailbox).unwrap_err();
        }
        assert!(lock(&snapshots.loads.under_way).is_empty());
    }

    #[test]
    fn what_a_session_holds_is_not_read_again() {
        let room = Room::new();
        room.append("INBOX", b"x");
        let (account, inbox) = (room.account, MailboxName::inbox());
        // Nothing is kept.
        let snapshots = Snapshots::with_room(room.runner.store.clone(), 0);
        let (info, held) = snapshots.open(account, &inbox).unwrap();
        assert!(Arc::ptr_eq(&held, &snapshots.current(info.key).unwrap()));
        assert!(Arc::ptr_eq(&held, &snapshots.open(account, &inbox).unwrap().1));
        room.append("INBOX", b"y");
        let newer = snapshots.current(info.key).unwrap();
        assert_eq!((held.len(), newer.len()), (1, 2));
        drop((held, newer));
        for nth in 0..2 * HELD_MIN {
            let mailbox = MailboxId(i64::try_from(nth).unwrap());
            let mailbox = MailboxKey { mailbox, ..info.key };
            drop(snapshots.slot(mailbox));
        }
        assert!(lock(&snapshots.slots).held.len() <= HELD_MIN, "nobody holds them");
    }
}
