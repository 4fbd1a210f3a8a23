//! Maildrops that one session each has for itself: a lease row an account, so that the nodes of one
//! store agree (RFC 1939 §4).
//!
//! A lease is renewed for as long as its session lives, and runs out if the whole process dies. The
//! thread that does it starts with the first lock; most servers have none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::holder::{self, Holder};
use crate::error::{Fault, Refusal};
use crate::job::Seat;
use crate::model::AccountId;
use crate::store::Store;

use super::run::Trouble;

/// The lock of a dead process ends after this long.
const LEASE_LENGTH: Duration = Duration::from_secs(90);
/// Between two renewals.
const RENEWED_EVERY: Duration = Duration::from_secs(30);
/// How long a session waits for the end of the one before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The locks of this process.
pub(super) struct Maildrops {
    store: Store,
    shared: Arc<Shared>,
    /// Where locks that were dropped go; there once the thread is.
    released: OnceLock<Sender<AccountId>>,
}

struct Shared {
    holder: String,
    /// What was locked and not given back yet. Nobody waits for the database while holding this: the
    /// loops take it.
    held: Mutex<HashMap<AccountId, State>>,
    /// Rung when a lock was given back.
    given_back: Condvar,
}

/// What a lease of ours is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is being taken.
    Asked,
    /// A session has it.
    Held,
    /// Its session is gone; another here may take it as it is.
    Dropped,
    /// It is being given back.
    Leaving,
}

impl Shared {
    /// Makes it ours to be taken; false if a session here has it.
    fn ask(&self, account: AccountId) -> bool {
        let leaving = |held: &mut HashMap<_, _>| held.get(&account) == Some(&State::Leaving);
        let waited = self.given_back.wait_timeout_while(self.held(), PATIENCE, leaving);
        let (mut held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match held.entry(account) {
            Entry::Occupied(mut place) if *place.get() == State::Dropped => {
                place.insert(State::Asked);
            }
            Entry::Occupied(_) => return false,
            Entry::Vacant(place) => _ = place.insert(State::Asked),
        }
        true
    }

    fn held(&self) -> MutexGuard<'_, HashMap<AccountId, State>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's hold; dropping it never waits.
struct Lock {
    account: AccountId,
    shared: Arc<Shared>,
    released: Sender<AccountId>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.shared.held().insert(self.account, State::Dropped);
        let _at_the_end_the_lease_runs_out = self.released.send(self.account);
    }
}

impl Maildrops {
    pub(super) fn new(store: Store) -> Self {
        let shared = Shared {
            holder: Holder::ourselves().name(),
            held: Mutex::default(),
            given_back: Condvar::new(),
        };
        Self { store, shared: Arc::new(shared), released: OnceLock::new() }
    }

    /// Takes the lock of an account, unless a session here or elsewhere has it.
    pub(super) fn lock(&self, account: AccountId) -> Result<Seat, Trouble> {
        let released = self.keeper().map_err(|error| {
            log::error!("maildrops: no thread to renew locks: {error}");
            Fault::Unavailable
        })?;
        if !self.shared.ask(account) {
            return Err(Refusal::InUse.into());
        }
        let lock = Lock { account, shared: Arc::clone(&self.shared), released };
        let lease = name(account);
        let taken = || self.store.take_lease(&lease, &self.shared.holder, LEASE_LENGTH);
        if taken()? || (holder::free_of_the_dead(&self.store, &lease)? && taken()?) {
            self.shared.held().insert(account, State::Held);
            return Ok(Seat(Box::new(lock)));
        }
        Err(Refusal::InUse.into())
    }

    /// The way to the thread that renews and gives back, started if need be.
    fn keeper(&self) -> io::Result<Sender<AccountId>> {
        if let Some(released) = self.released.get() {
            return Ok(released.clone());
        }
        let (sender, receiver) = unbounded(); // as many as locks were held
        let (store, shared) = (self.store.clone(), Arc::clone(&self.shared));
        let thread = std::thread::Builder::new().name("maildrops".into()).stack_size(256 * 1024);
        thread.spawn(move || keep(&store, &shared, &receiver))?;
        Ok(self.released.get_or_init(|| sender).clone())
    }
}

/// Renews what is held and gives back what was dropped, until nobody can lock any more.
fn keep(store: &Store, shared: &Shared, released: &Receiver<AccountId>) {
    let mut renewed = super::clock::now();
    loop {
        let left = RENEWED_EVERY.saturating_sub(super::clock::now().duration_since(renewed));
        if left.is_zero() {
            renew(store, shared);
            renewed = super::clock::now();
            continue;
        }
        match released.recv_timeout(left) {
            Ok(account) => give_back(store, shared, account),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Unless the account was locked again since.
fn give_back(store: &Store, shared: &Shared, account: AccountId) {
    match shared.held().get_mut(&account) {
        Some(state) if *state == State::Dropped => *state = State::Leaving,
        _ => return,
    }
    if let Err(failure) = store.give_lease_back(&name(account), &shared.holder) {
        log::warn!("maildrops: the lock of account {account} has to run out: {failure}");
    }
    shared.held().remove(&account);
    shared.given_back.notify_all();
}

/// By the one thread that gives back, too: what is dropped meanwhile it finds afterwards.
fn renew(store: &Store, shared: &Shared) {
    let held: Vec<AccountId> = {
        let held = shared.held();
        held.iter().filter(|(_, state)| **state == State::Held).map(|(id, _)| *id).collect()
    };
    for account in held {
        match store.take_lease(&name(account), &shared.holder, LEASE_LENGTH) {
            Ok(true) => {}
            // We were away for longer than it lasts: numbers stay true, for the view is fixed.
            Ok(false) => log::warn!("maildrops: account {account} was locked by another node"),
            Err(failure) => log::warn!("maildrops: account {account}: {failure}"),
        }
    }
}

fn name(account: AccountId) -> String {
    format!("pop3:{account}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Opening, Store};

    fn is_locked(answer: &Result<Seat, Trouble>) -> bool {
        matches!(answer, Err(Trouble::Store(crate::store::Error::Refused(Refusal::InUse))))
    }

    fn store(name: &str) -> (std::path::PathBuf, Store) {
        let name = format!("sora-maildrops-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&folder, Opening::Daemon).unwrap();
        (folder, store)
    }

    /// Invariant 2: a loop drops sessions, and must not wait for the database.
    #[test]
    fn a_lock_is_dropped_though_nothing_can_be_written() {
        let (folder, store) = store("dropped");
        let here = Maildrops::new(store);
        let (one, other) = (AccountId(1), AccountId(2));
        let seats = [one, other].map(|account| here.lock(account).unwrap());
        let disk = rusqlite::Connection::open(folder.join("sora.db")).unwrap();
        disk.execute_batch("BEGIN IMMEDIATE").unwrap();
        let [first, second] = seats;
        let state = |account| here.shared.held().get(&account).copied();
        drop(first);
        while state(one) != Some(State::Leaving) {
            std::thread::yield_now();
        }
        drop(second);
        assert!(state(one) == Some(State::Leaving), "it was waited for");
        assert!(state(other) == Some(State::Dropped));
        disk.execute_batch("ROLLBACK").unwrap();
        let _again = here.lock(one).unwrap(); // once it was given back
        drop(here);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn one_session_has_a_maildrop_across_nodes() {
        let (folder, store) = store("nodes");
        let (here, there) = (Maildrops::new(store.clone()), Maildrops::new(store.clone()));
        let account = AccountId(1);
        let seat = here.lock(account).unwrap();
        assert!(is_locked(&here.lock(account)) && is_locked(&there.lock(account)));
        let other = there.lock(AccountId(2)).unwrap();
        drop(seat);
        let again = here.lock(account).unwrap(); // whether or not it was given back yet
        assert!(is_locked(&there.lock(account)));
        renew(&store, &here.shared);
        assert!(is_locked(&there.lock(account)));
        here.shared.held().insert(account, State::Dropped);
        give_back(&store, &here.shared, account);
        let _theirs = there.lock(account).unwrap();
        drop((again, other));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
