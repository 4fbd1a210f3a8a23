//! Who watches which mailbox: a change wakes the loops that asked for it, and no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crossbeam_channel::Sender;

use super::Mailbag;
use super::nodes::Outbox;
use crate::job::{Change, MailboxKey};
use crate::limits::RECENT_CHANGES_MAX;
use crate::model::{AccountId, MailboxId, ModSeq};

/// No mailbox at all, but word to whoever sends the mail that leaves: some of it is due.
pub(super) const MAIL_LEAVES: Change = Change {
    mailbox: MailboxKey { account: AccountId(0), mailbox: MailboxId(0) },
    mod_seq: ModSeq(0),
};

/// The watched mailboxes of the process. Bounded by the connections: each watches a mailbox and an account's annotations at most.
#[derive(Debug, Default)]
pub struct Changes {
    watched: RwLock<HashMap<MailboxKey, Vec<Watcher>>>,
    recent: Mutex<Recent>,
    /// The way to other nodes, where there are any.
    outbox: Option<Arc<Outbox>>,
    /// Rung for [`MAIL_LEAVES`].
    post: Option<Sender<()>>,
}

/// The last change of each mailbox that changed lately, watched or not: who starts to watch has read
/// the mailbox a moment ago, and what came in that moment was told to nobody.
#[derive(Debug, Default)]
struct Recent {
    young: HashMap<MailboxKey, ModSeq>,
    old: HashMap<MailboxKey, ModSeq>,
}

impl Recent {
    fn note(&mut self, change: Change) {
        if self.young.len() >= RECENT_CHANGES_MAX && !self.young.contains_key(&change.mailbox) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        let noted = self.young.entry(change.mailbox).or_insert(change.mod_seq);
        *noted = change.mod_seq.max(*noted);
    }

    fn find(&self, mailbox: MailboxKey) -> Option<Change> {
        let mod_seq = *self.young.get(&mailbox).max(self.old.get(&mailbox))?;
        Some(Change { mailbox, mod_seq })
    }
}

/// A loop, and how many of its connections watch.
#[derive(Debug)]
struct Watcher {
    bag: Arc<Mailbag>,
    connections: u32,
}

impl Changes {
    /// One more connection of the loop behind `bag` watches `mailbox`. Returns its last change, if
    /// that is not long ago.
    pub fn watch(&self, mailbox: MailboxKey, bag: &Arc<Mailbag>) -> Option<Change> {
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        let loops = watched.entry(mailbox).or_default();
        match loops.iter_mut().find(|watcher| Arc::ptr_eq(&watcher.bag, bag)) {
            Some(watcher) => watcher.connections += 1,
            None => loops.push(Watcher { bag: Arc::clone(bag), connections: 1 }),
        }
        drop(watched);
        // Whoever publishes notes first and tells then: what is not told from here on is noted.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).find(mailbox)
    }

    /// One connection fewer watches: for every [`Changes::watch`] once.
    pub fn unwatch(&self, mailbox: MailboxKey, bag: &Arc<Mailbag>) {
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        let Some(loops) = watched.get_mut(&mailbox) else { return };
        loops.retain_mut(|watcher| {
            let same = Arc::ptr_eq(&watcher.bag, bag);
            watcher.connections -= u32::from(same);
            watcher.connections > 0
        });
        if loops.is_empty() {
            watched.remove(&mailbox);
        }
    }

    /// Those of a node that tells others.
    pub(super) fn with_outbox(outbox: Arc<Outbox>) -> Self {
        Self { outbox: Some(outbox), ..Self::default() }
    }

    /// Those of a process that sends, and hears this bell.
    pub(super) fn ringing(self, bell: Sender<()>) -> Self {
        Self { post: Some(bell), ..self }
    }

    /// Tells whoever watches, on every node; called after the commit, never before.
    pub fn publish(&self, change: Change) {
        self.publish_here(change);
        if let Some(outbox) = &self.outbox {
            outbox.put(change);
        }
    }

    /// What is watched now.
    pub(super) fn watched(&self) -> Vec<MailboxKey> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.keys().copied().collect()
    }

    /// Tells whoever watches in this process of what another has committed.
    pub(super) fn publish_here(&self, change: Change) {
        if change == MAIL_LEAVES {
            let _rung_already = self.post.as_ref().map(|post| post.try_send(()));
            return;
        }
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).note(change);
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        let loops = watched.get(&change.mailbox).map_or(&[][..], Vec::as_slice);
        loops.iter().for_each(|watcher| watcher.bag.tell(change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, MailboxId};
    use crate::work::Letters;

    #[track_caller]
    fn check(bag: &Mailbag, want: &[(i64, i64)]) {
        let mut letters = Letters::default();
        bag.empty_into(&mut letters);
        let mut told: Vec<_> =
            letters.changes.iter().map(|(key, mod_seq)| (key.mailbox.0, mod_seq.0)).collect();
        told.sort_unstable();
        assert_eq!(told, want);
    }

    #[test]
    fn only_watchers_hear_and_only_while_they_watch() {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (one, two) = (Mailbag::new(Arc::clone(&waker)), Mailbag::new(waker));
        let key = |mailbox| MailboxKey { account: AccountId(1), mailbox: MailboxId(mailbox) };
        let publish = |changes: &Changes, mailbox, mod_seq| {
            changes.publish(Change { mailbox: key(mailbox), mod_seq: ModSeq(mod_seq) });
        };
        let changes = Changes::default();
        for (mailbox, bag) in [(1, &one), (1, &one), (2, &two)] {
            assert_eq!(changes.watch(key(mailbox), bag), None);
        }
        publish(&changes, 1, 10);
        publish(&changes, 3, 11);
        check(&one, &[(1, 10)]);
        check(&two, &[]);
        changes.unwatch(key(1), &one);
        publish(&changes, 1, 12);
        check(&one, &[(1, 12)]); // its second connection still watches
        changes.unwatch(key(1), &one);
        changes.unwatch(key(1), &one); // once too often: nothing breaks
        publish(&changes, 1, 13);
        check(&one, &[]);
        changes.unwatch(key(2), &two);
        assert!(changes.watched.read().unwrap().is_empty());
    }

    #[test]
    fn who_starts_to_watch_learns_what_came_a_moment_before() {
        let poll = mio::Poll::new().unwrap();
        let bag = Mailbag::new(Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap()));
        let change = |mailbox, mod_seq| {
            let mailbox = MailboxKey { account: AccountId(1), mailbox: MailboxId(mailbox) };
            Change { mailbox, mod_seq: ModSeq(mod_seq) }
        };
        let changes = Changes::default();
        changes.publish(change(-1, 7));
        changes.publish(change(-1, 6));
        let many = i64::try_from(RECENT_CHANGES_MAX).unwrap();
        (1..many).for_each(|mailbox| changes.publish(change(mailbox, 1)));
        assert_eq!(changes.watch(change(-1, 0).mailbox, &bag), Some(change(-1, 7)));
        changes.publish(change(many, 1));
        assert_eq!(
            changes.watch(change(-1, 0).mailbox, &bag),
            Some(change(-1, 7)),
            "old, still there"
        );
        changes.publish(change(-1, 8));
        assert_eq!(changes.watch(change(-1, 0).mailbox, &bag), Some(change(-1, 8)));
        (0..2 * many).for_each(|mailbox| changes.publish(change(mailbox, 2)));
        assert_eq!(changes.watch(change(-1, 0).mailbox, &bag), None, "long ago");
    }
}
