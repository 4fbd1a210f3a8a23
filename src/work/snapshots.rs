//! The mailboxes that sessions look at, each once for the whole process.
//!
//! A snapshot given out is at least as new as the question: it was read, or found unchanged by one
//! indexed query, after it was asked for, or is what the question's own change made of the last one. One thread at a time brings a mailbox up to date; no lock
//! that others need is held while it reads. All together stay within [`SNAPSHOT_CACHE_BYTES_MAX`];
//! one that was forgotten lives on for as long as a session holds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lru::Lru;
use crate::job::{MailboxInfo, MailboxKey};
use crate::limits::SNAPSHOT_CACHE_BYTES_MAX;
use crate::mail::Snapshot;
use crate::model::{AccountId, MailboxName};
use crate::store::{self, FlagsStored, Refreshed, Store};

/// Bytes that a kept mailbox costs beside its snapshot.
const SLOT_BYTES: usize = 256;

/// The cache.
pub(super) struct Snapshots {
    store: Store,
    slots: Mutex<Lru<MailboxKey, Arc<Slot>>>,
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
        Self { store, slots: Mutex::new(Lru::new(SNAPSHOT_CACHE_BYTES_MAX)) }
    }

    /// The mailbox as it is now; refused as missing once deleted.
    pub(super) fn current(&self, mailbox: MailboxKey) -> Result<Arc<Snapshot>, store::Error> {
        let slot = self.slot(mailbox);
        let _reading = lock(&slot.reading);
        let latest = lock(&slot.latest).clone();
        let Some(latest) = latest else {
            let loaded = self.store.load_snapshot(mailbox)?;
            return Ok(self.keep(mailbox, &slot, loaded));
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
        // What the store was handed, in case it says that nothing changed. `reading` is not taken:
        // whoever holds it may be waiting for the connection that we read with.
        let handed = Mutex::new(None);
        let have = |mailbox| {
            let latest = lock(&self.slot(mailbox).latest).clone();
            lock(&handed).clone_from(&latest);
            latest
        };
        let opened = self.store.open_mailbox(account, name, &have)?;
        let handed = lock(&handed).take();
        let (key, slot) = (opened.info.key, self.slot(opened.info.key));
        match (opened.snapshot, handed) {
            (Some(snapshot), _) => Ok((opened.info, self.keep(key, &slot, snapshot))),
            (None, Some(same)) => Ok((opened.info, same)),
            (None, None) => Ok((opened.info, self.current(key)?)),
        }
    }

    /// Drops a mailbox that was deleted.
    pub(super) fn forget(&self, mailbox: MailboxKey) {
        lock(&self.slots).remove(&mailbox);
    }

    fn slot(&self, mailbox: MailboxKey) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.touch(&mailbox) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::default());
        slots.put(mailbox, Arc::clone(&slot), SLOT_BYTES);
        slot
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
        let bytes = SLOT_BYTES.saturating_add(read.bytes());
        lock(&self.slots).put(mailbox, Arc::clone(slot), bytes);
        read
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
