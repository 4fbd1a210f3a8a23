//! What has to be done now and then, whoever is connected: forgetting what is only kept for a time,
//! removing what time takes, and renewing what a login found outdated.
//!
//! It works in small batches, so that no delivery waits behind it for long, and on a thread of its
//! own, so that no login waits for it at all.

use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::cleaner::{self, Ran, Tell, Totals};
use super::{Changes, clock, password};
use crate::model::{AccountId, Secret};
use crate::store::{Failure, Retention, Store};

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// From the start to the first run of the cleaner: a daemon that is started often cleans all the same,
/// and one that is tried out does not begin with it.
const FIRST_CLEANING: Duration = Duration::from_secs(60);
/// How long the end waits for a step that is under way.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// Hashes that wait to be renewed; one that finds no room is left again by a later login.
const OUTDATED_MAX: usize = 64;

/// A thread that looks after the store until this is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    chores: Arc<Chores>,
    /// Closed when the thread has given back the store.
    ended: Receiver<()>,
}

/// A hash of another cost than we would give it, and the password it was made of.
#[derive(Debug)]
pub(super) struct Outdated {
    pub(super) account: AccountId,
    pub(super) hash: String,
    pub(super) password: Secret,
}

/// What the cleaner does, and when.
#[derive(Debug)]
pub(super) struct Cleaning {
    pub(super) retention: Retention,
    pub(super) every: Duration,
    /// For how long what could not be sent is kept.
    pub(super) failed_mail_kept: Duration,
    pub(super) changes: Arc<Changes>,
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
    Round(Round),
    Stop,
}

/// What comes round by itself.
#[derive(Clone, Copy)]
enum Round {
    ForgetDeliveries,
    Clean,
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

    /// Waits for something to do; at `at` it is `round`.
    fn next(&self, (at, round): (Instant, Round)) -> Next {
        let mut state = self.state();
        loop {
            let left = at.saturating_duration_since(clock::now());
            if state.stop {
                return Next::Stop;
            } else if left.is_zero() {
                return Next::Round(round); // before the rest, which may be a steady flow
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

fn first_cleaning() -> Duration {
    #[cfg(feature = "crash_points")]
    if crate::crash::is_wanted() {
        return Duration::from_secs(1);
    }
    FIRST_CLEANING
}

impl Upkeep {
    /// Starts looking after `store`, and doing the `chores`.
    pub(super) fn start(
        store: Store,
        chores: Arc<Chores>,
        cleaning: Cleaning,
    ) -> std::io::Result<Self> {
        let ours = Arc::clone(&chores);
        let (at_the_end, ended) = bounded::<()>(0);
        let thread = std::thread::Builder::new().name("upkeep".into());
        thread.spawn(move || {
            let _at_the_end = at_the_end;
            let store = store; // a local after it: the store is given back before the end is told
            let mut forgetting = clock::now() + PAUSE;
            let mut cleaned = clock::now() + first_cleaning().min(cleaning.every);
            loop {
                let next = if cleaned < forgetting {
                    (cleaned, Round::Clean)
                } else {
                    (forgetting, Round::ForgetDeliveries)
                };
                match ours.next(next) {
                    Next::Renew(outdated) => renew(&store, &outdated),
                    Next::Round(Round::ForgetDeliveries) => {
                        forget(&store, &ours, cleaning.failed_mail_kept);
                        give_up_reservations(&store);
                        forgetting = clock::now() + PAUSE;
                    }
                    Next::Round(Round::Clean) => {
                        clean(&store, &cleaning, &ours);
                        cleaned = clock::now() + cleaning.every;
                    }
                    Next::Stop => return,
                }
            }
        })?;
        Ok(Self { chores, ended })
    }
}

impl Drop for Upkeep {
    /// A step that is under way is finished, if that is soon.
    fn drop(&mut self) {
        self.chores.state().stop = true;
        self.chores.rung.notify_all();
        let _ended_or_not = self.ended.recv_timeout(END_PATIENCE);
    }
}

/// A bounded number of rows; true if there may be more.
type Step<'a> = &'a dyn Fn(&Store) -> Result<bool, Failure>;

/// What was only to be kept for a time: the memory of deliveries, what scripts have seen and answered, and
/// mail that could not be sent.
fn forget(store: &Store, chores: &Chores, failed_mail_kept: Duration) {
    let dead_letters = |store: &Store| store.forget_dead_letters(failed_mail_kept);
    let all: [Step<'_>; 3] = [&Store::forget_deliveries, &Store::forget_memories, &dead_letters];
    for forget in all {
        while !chores.is_stopped() {
            match forget(store) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => return log::error!("upkeep: {failure}"),
            }
        }
    }
}

/// What was to be a large body and came to nothing is left to the cleaner.
fn give_up_reservations(store: &Store) {
    match store.give_up_reservations() {
        Ok(0) => {}
        Ok(given_up) => log::info!("upkeep: {given_up} large bodies came to nothing"),
        Err(failure) => log::error!("upkeep: {failure}"),
    }
}

fn clean(store: &Store, cleaning: &Cleaning, chores: &Chores) {
    let mut done = Totals::default();
    let mut watch = |so_far: &Totals| {
        done = *so_far;
        if chores.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let ran = cleaner::clean(store, &cleaning.retention, Tell::Here(&cleaning.changes), &mut watch);
    let Totals { aged, removed, bodies, accounts } = done;
    match ran {
        Ok(Ran::Elsewhere) => log::debug!("cleaner: another one is at work"),
        Ok(Ran::Whole | Ran::Stopped) if done == Totals::default() => {}
        Ok(Ran::Whole | Ran::Stopped) => log::info!(
            "cleaner: {aged} messages expunged for their age; {removed} messages, {bodies} bodies \
             and {accounts} accounts removed"
        ),
        Err(failure) => log::error!("cleaner: {failure}; the next run goes on from there"),
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
