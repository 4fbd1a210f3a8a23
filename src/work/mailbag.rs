//! What waits for one loop: replies of its jobs, and changes in the mailboxes it watches.
//!
//! A loop is woken once for a burst: only the first letter into an empty bag rings. Replies are
//! bounded by the loop's connections (one job each, invariant 3), changes by the mailboxes watched
//! (a later change of a mailbox replaces the earlier).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::job::{Change, MailboxKey, Reply};
use crate::model::ModSeq;

/// One loop's post, shared with everybody who may write to it.
pub struct Mailbag {
    waiting: Mutex<Letters>,
    waker: Arc<mio::Waker>,
}

/// What [`Mailbag::empty_into`] takes out. Kept by the loop, so that its memory is used again.
#[derive(Debug, Default)]
pub struct Letters {
    /// Each with the token its job was submitted with.
    pub replies: Vec<(u64, Reply)>,
    /// The highest mod-sequence by mailbox.
    pub changes: HashMap<MailboxKey, ModSeq>,
}

impl Letters {
    fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.changes.is_empty()
    }
}

impl Mailbag {
    /// An empty bag for the loop that `waker` wakes.
    pub fn new(waker: Arc<mio::Waker>) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), waker })
    }

    /// The address on a job: its reply comes back beside `token`.
    pub fn to(self: &Arc<Self>, token: u64) -> ReplyTo {
        ReplyTo { bag: Arc::clone(self), token }
    }

    /// Swaps all that waits with `letters`, which the loop has emptied.
    pub fn empty_into(&self, letters: &mut Letters) {
        debug_assert!(letters.is_empty(), "letters not read would be delivered twice");
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *waiting, letters);
    }

    /// Tells the loop of a change.
    pub fn tell(&self, change: Change) {
        self.put(|letters| {
            let told = letters.changes.entry(change.mailbox).or_insert(change.mod_seq);
            *told = change.mod_seq.max(*told);
        });
    }

    #[cfg(test)]
    pub(crate) fn replies_waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).replies.len()
    }

    fn put(&self, write: impl FnOnce(&mut Letters)) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        write(&mut waiting);
        drop(waiting);
        if first && let Err(error) = self.waker.wake() {
            log::error!("work: a loop cannot be woken: {error}");
        }
    }
}

impl fmt::Debug for Mailbag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbag")
    }
}

/// Where a reply goes.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    bag: Arc<Mailbag>,
    token: u64,
}

impl ReplyTo {
    /// Sends the reply home.
    pub fn send(self, reply: Reply) {
        self.bag.put(|letters| letters.replies.push((self.token, reply)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{AccountId, MailboxId};

    fn change(mailbox: i64, mod_seq: i64) -> Change {
        let mailbox = MailboxKey { account: AccountId(1), mailbox: MailboxId(mailbox) };
        Change { mailbox, mod_seq: ModSeq(mod_seq) }
    }

    #[test]
    fn a_burst_wakes_once_and_changes_of_one_mailbox_become_one() {
        let mut poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(7)).unwrap());
        let bag = Mailbag::new(waker);
        for token in 0..3 {
            bag.to(token).send(Reply::Done);
        }
        bag.tell(change(1, 5));
        bag.tell(change(1, 4)); // late: an older one changes nothing (invariant 8)
        bag.tell(change(2, 9));
        let mut events = mio::Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.iter().count(), 1);
        let mut letters = Letters::default();
        bag.empty_into(&mut letters);
        let tokens: Vec<u64> = letters.replies.drain(..).map(|(token, _)| token).collect();
        assert_eq!(tokens, [0, 1, 2]);
        assert_eq!(letters.changes.remove(&change(1, 0).mailbox), Some(ModSeq(5)));
        assert_eq!(letters.changes.remove(&change(2, 0).mailbox), Some(ModSeq(9)));
        assert!(letters.is_empty());
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "nothing new, yet woken");
        bag.to(8).send(Reply::Done);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.iter().count(), 1);
    }
}
