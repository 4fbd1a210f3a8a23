//! What this node has to tell the others, until it is sent: one entry a mailbox, whatever happens to it
//! meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::job::{Change, MailboxKey};
use crate::limits::OUTBOX_MAILBOXES_MAX;
use crate::model::ModSeq;
use crate::work::clock;

/// Changes on their way out.
#[derive(Debug, Default)]
pub(in crate::work) struct Outbox {
    state: Mutex<Waiting>,
    rung: Condvar,
    /// How often something was sent.
    sent: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    changes: HashMap<MailboxKey, ModSeq>,
    /// There was no room: something was dropped.
    is_cut: bool,
    /// Somebody wants to hear us, whether there is something to say or not.
    is_asked: bool,
    is_stopped: bool,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) changes: Vec<Change>,
    /// More than that, but nobody knows what.
    pub(super) is_cut: bool,
    /// Nothing will come after it.
    pub(super) is_stopped: bool,
}

impl Outbox {
    /// Leaves a change to be sent. Never waits.
    pub(in crate::work) fn put(&self, change: Change) {
        let mut state = self.state();
        if state.changes.len() >= OUTBOX_MAILBOXES_MAX
            && !state.changes.contains_key(&change.mailbox)
        {
            state.is_cut = true;
            state.changes.clear();
        }
        let is_first = state.changes.is_empty();
        let noted = state.changes.entry(change.mailbox).or_insert(change.mod_seq);
        *noted = change.mod_seq.max(*noted);
        drop(state);
        if is_first {
            self.rung.notify_all();
        }
    }

    /// Waits for something to send, until `until`.
    pub(super) fn take(&self, until: Instant) -> Taken {
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(clock::now());
            let is_due = !state.changes.is_empty() || state.is_cut || state.is_asked;
            if is_due || state.is_stopped || left.is_zero() {
                state.is_asked = false;
                let changes = std::mem::take(&mut state.changes).into_iter();
                let changes = changes.map(|(mailbox, mod_seq)| Change { mailbox, mod_seq });
                return Taken {
                    changes: changes.collect(),
                    is_cut: std::mem::take(&mut state.is_cut),
                    is_stopped: state.is_stopped,
                };
            }
            state = self.wait(state, left);
        }
    }

    /// A word is to be sent even if there is nothing to say.
    pub(super) fn ask(&self) {
        self.state().is_asked = true;
        self.rung.notify_all();
    }

    /// What was taken is on its way.
    pub(super) fn note_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// How often something was sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits for `time`, or until it is stopped; true if it is. What comes meanwhile is gathered.
    pub(super) fn rest(&self, time: Duration) -> bool {
        let until = clock::now() + time;
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(clock::now());
            if state.is_stopped || left.is_zero() {
                return state.is_stopped;
            }
            state = self.wait(state, left);
        }
    }

    /// Sends what is there, says goodbye, and ends.
    pub(super) fn stop(&self) {
        self.state().is_stopped = true;
        self.rung.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    fn wait<'a>(&self, state: MutexGuard<'a, Waiting>, left: Duration) -> MutexGuard<'a, Waiting> {
        self.rung.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, MailboxId};

    fn change(mailbox: i64, mod_seq: i64) -> Change {
        let mailbox = MailboxKey { account: AccountId(1), mailbox: MailboxId(mailbox) };
        Change { mailbox, mod_seq: ModSeq(mod_seq) }
    }

    #[test]
    fn a_mailbox_is_told_once_for_all_that_happened_to_it() {
        let outbox = Outbox::default();
        for (mailbox, mod_seq) in [(1, 5), (2, 9), (1, 7), (1, 6)] {
            outbox.put(change(mailbox, mod_seq));
        }
        let mut taken = outbox.take(clock::now());
        taken.changes.sort_by_key(|change| change.mailbox.mailbox.0);
        assert_eq!(taken.changes, [change(1, 7), change(2, 9)]);
        assert!(!taken.is_cut && !taken.is_stopped);
        assert!(outbox.take(clock::now()).changes.is_empty()); // a beat
        outbox.ask();
        let far = clock::now() + Duration::from_secs(3_600);
        assert!(outbox.take(far).changes.is_empty());
    }

    #[test]
    fn what_finds_no_room_is_known_to_be_missing() {
        let outbox = Outbox::default();
        let many = i64::try_from(OUTBOX_MAILBOXES_MAX).unwrap();
        (0..many).for_each(|mailbox| outbox.put(change(mailbox, 1)));
        outbox.put(change(3, 2)); // no new one
        assert!(!outbox.state().is_cut);
        outbox.put(change(many, 1));
        let taken = outbox.take(clock::now());
        assert!(taken.is_cut);
        assert_eq!(taken.changes, [change(many, 1)]);
        assert!(!outbox.take(clock::now()).is_cut);
    }

    #[test]
    fn what_is_left_at_the_end_is_taken() {
        let outbox = Outbox::default();
        outbox.put(change(1, 2));
        outbox.stop();
        let far = Duration::from_secs(3_600);
        assert!(outbox.rest(far));
        let taken = outbox.take(clock::now() + far);
        assert!(taken.is_stopped && taken.changes == [change(1, 2)]);
    }
}
