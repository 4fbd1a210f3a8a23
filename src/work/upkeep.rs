//! What has to be done now and then, whoever is connected: forgetting what is only kept for a time,
//! and renewing what a login found outdated.
//!
//! It works in small batches, so that no delivery waits behind it for long, and on a thread of its
//! own, so that no login waits for it at all.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{clock, password};
use crate::model::{AccountId, Secret};
use crate::store::Store;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// Hashes that wait to be renewed; one that finds no room is left again by a later login.
const OUTDATED_MAX: usize = 64;

/// A thread that looks after the store until this is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    chores: Arc<Chores>,
}

/// A hash of another cost than we would give it, and the password it was made of.
#[derive(Debug)]
pub(super) struct Outdated {
    pub(super) account: AccountId,
    pub(super) hash: String,
    pub(super) password: Secret,
}

/// What others leave to be done.
#[derive(Debug, Default)]
pub(super) struct Chores {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    outdated: Vec<Outdated>,
}

/// What the thread does next.
enum Next {
    Renew(Outdated),
    Round,
    Stop,
}

impl Chores {
    /// Leaves a hash to be renewed, soon. Never waits.
    pub(super) fn renew(&self, outdated: Outdated) {
        let mut state = self.state();
        if state.outdated.len() < OUTDATED_MAX {
            state.outdated.push(outdated);
            self.rung.notify_all();
        }
    }

    /// A hash that was left.
    #[cfg(test)]
    pub(super) fn outdated(&self) -> Option<Outdated> {
        self.state().outdated.pop()
    }

    /// Waits for something to do; at `round` it is a round.
    fn next(&self, round: Instant) -> Next {
        let mut state = self.state();
        loop {
            let left = round.saturating_duration_since(clock::now());
            if state.stop {
                return Next::Stop;
            } else if left.is_zero() {
                return Next::Round; // before the rest, which may be a steady flow
            } else if let Some(outdated) = state.outdated.pop() {
                return Next::Renew(outdated);
            }
            let woken = self.rung.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn is_stopped(&self) -> bool {
        self.state().stop
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upkeep {
    /// Starts looking after `store`, and doing the `chores`.
    pub(super) fn start(store: Store, chores: Arc<Chores>) -> std::io::Result<Self> {
        let ours = Arc::clone(&chores);
        let thread = std::thread::Builder::new().name("upkeep".into());
        thread.spawn(move || {
            let mut round = clock::now() + PAUSE;
            loop {
                match ours.next(round) {
                    Next::Renew(outdated) => renew(&store, &outdated),
                    Next::Round => {
                        forget_deliveries(&store, &ours);
                        round = clock::now() + PAUSE;
                    }
                    Next::Stop => return,
                }
            }
        })?;
        Ok(Self { chores })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.chores.state().stop = true;
        self.chores.rung.notify_all();
    }
}

fn forget_deliveries(store: &Store, chores: &Chores) {
    while !chores.is_stopped() {
        match store.forget_deliveries() {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => return log::error!("upkeep: {failure}"),
        }
    }
}

/// The same password under a hash of our cost, unless it was changed in the meantime.
pub(super) fn renew(store: &Store, outdated: &Outdated) {
    let Outdated { account, hash, password } = outdated;
    // One that is too long for bcrypt was compared as far as bcrypt looks: it stays as it is.
    let Ok(renewed) = password::hash(password::Scheme::Bcrypt, password) else { return };
    match store.replace_password(*account, hash, &renewed) {
        Ok(true) => log::info!("upkeep: a password hash of account {account} has our cost now"),
        Ok(false) => {}
        Err(failure) => log::error!("upkeep: {failure}"),
    }
}
