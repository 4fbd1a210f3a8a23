//! Maildrops that one session each has for itself: a lease row an account, so that the nodes of one
//! store agree (RFC 1939 §4).
//!
//! A lease is renewed for as long as its session lives, and runs out if the whole process dies. The
//! thread that does it starts with the first lock; most servers have none.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::holder::Holder;
use crate::error::{Fault, Refusal};
use crate::job::Seat;
use crate::model::AccountId;
use crate::store::Store;

use super::run::Trouble;

/// The lock of a dead process ends after this long.
const LEASE_LENGTH: Duration = Duration::from_secs(90);
/// Between two renewals.
const RENEWED_EVERY: Duration = Duration::from_secs(30);

/// The locks of this process.
pub(super) struct Maildrops {
    store: Store,
    shared: Arc<Shared>,
    /// Where locks that were dropped go; there once the thread is.
    released: OnceLock<Sender<AccountId>>,
}

struct Shared {
    holder: String,
    /// What was locked and not dropped yet.
    held: Mutex<HashMap<AccountId, State>>,
}

/// What a lease of ours is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is being taken.
    Asked,
    /// A session has it.
    Held,
}

impl Shared {
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
        self.shared.held().remove(&self.account);
        let _at_the_end_the_lease_runs_out = self.released.send(self.account);
    }
}

impl Maildrops {
    pub(super) fn new(store: Store) -> Self {
        let shared = Shared { holder: Holder::ourselves().name(), held: Mutex::default() };
        Self { store, shared: Arc::new(shared), released: OnceLock::new() }
    }

    /// Takes the lock of an account, unless a session here or elsewhere has it.
    pub(super) fn lock(&self, account: AccountId) -> Result<Seat, Trouble> {
        let released = self.keeper().map_err(|error| {
            log::error!("maildrops: no thread to renew locks: {error}");
            Fault::Unavailable
        })?;
        match self.shared.held().entry(account) {
            std::collections::hash_map::Entry::Occupied(_) => return Err(Refusal::InUse.into()),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(State::Asked),
        };
        let lock = Lock { account, shared: Arc::clone(&self.shared), released };
        if self.store.take_lease(&name(account), &self.shared.holder, LEASE_LENGTH)? {
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
        match released.recv_timeout(left) {
            Ok(account) => give_back(store, shared, account),
            Err(RecvTimeoutError::Timeout) => {
                renew(store, shared);
                renewed = super::clock::now();
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Unless the account was locked again since.
fn give_back(store: &Store, shared: &Shared, account: AccountId) {
    let held = shared.held();
    if held.contains_key(&account) {
        return;
    }
    // With the lock on `held`: whoever locks again must find the row as we leave it.
    if let Err(failure) = store.give_lease_back(&name(account), &shared.holder) {
        log::warn!("maildrops: the lock of account {account} has to run out: {failure}");
    }
}

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
        // Dropped meanwhile, and given back before we took it again.
        if !shared.held().contains_key(&account) {
            give_back(store, shared, account);
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

    #[test]
    fn one_session_has_a_maildrop_across_nodes() {
        let folder = std::env::temp_dir().join(format!("sora-maildrops-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&folder, Opening::Daemon).unwrap();
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
        here.shared.held().clear(); // as if dropped
        give_back(&store, &here.shared, account);
        let _theirs = there.lock(account).unwrap();
        drop((again, other));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
