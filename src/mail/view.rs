//! What one client was last told about its mailbox: the only place where sequence numbers exist.
//!
//! Between what the client believes and what the store holds lies a gap that only [`View::news`]
//! and [`View::accept`] close, when the protocol allows it (RFC 9051 §7.5.1; pitfalls 78-85).

use std::sync::Arc;

use super::{Message, Snapshot, UidRuns};
use crate::model::{ModSeq, Uid};

/// A client's picture of its selected mailbox.
#[derive(Clone, Debug)]
pub struct View {
    uids: Arc<UidRuns>,
    mod_seq: ModSeq,
}

/// What the client has not been told yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// UIDs that the view has and the store no longer has.
    pub expunged: UidRuns,
    /// UIDs above the view's last.
    pub arrived: UidRuns,
    /// Messages the view has whose flags changed since it was last brought up to date.
    pub changed: Vec<Message>,
}

impl News {
    /// True if there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.expunged.is_empty() && self.arrived.is_empty() && self.changed.is_empty()
    }
}

impl View {
    /// The view of a client that has just been told of all of `snapshot`.
    pub fn new(snapshot: &Snapshot) -> Self {
        Self { uids: Arc::clone(snapshot.uids()), mod_seq: snapshot.head.highest_mod_seq }
    }

    /// EXISTS, as the client believes it.
    pub fn exists(&self) -> u32 {
        self.uids.len()
    }

    /// The UIDs the client counts, in sequence order.
    pub fn uids(&self) -> &UidRuns {
        &self.uids
    }

    /// The same, to be kept by a job.
    pub fn shared_uids(&self) -> Arc<UidRuns> {
        Arc::clone(&self.uids)
    }

    /// The mod-sequence up to which flags have been told.
    pub fn mod_seq(&self) -> ModSeq {
        self.mod_seq
    }

    /// The sequence number of a message, from 1.
    pub fn seq_of(&self, uid: Uid) -> Option<u32> {
        self.uids.position(uid).map(|position| position + 1)
    }

    /// The UID behind a sequence number.
    pub fn uid_of(&self, seq: u32) -> Option<Uid> {
        self.uids.nth(seq.checked_sub(1)?)
    }

    /// What the client does not know yet. A message that came and went unseen is not mentioned
    /// (pitfall 82).
    pub fn news(&self, snapshot: &Snapshot) -> News {
        if snapshot.head.highest_mod_seq <= self.mod_seq
            && (Arc::ptr_eq(&self.uids, snapshot.uids()) || *self.uids == **snapshot.uids())
        {
            return News::default();
        }
        let last = self.uids.last().map_or(0, |uid| uid.0);
        let arrived = match last.checked_add(1) {
            Some(next) => snapshot.uids().intersection(&UidRuns::range(Uid(next), Uid(u32::MAX))),
            None => UidRuns::new(),
        };
        let changed = snapshot.changed_since(self.mod_seq).filter(|message| message.uid.0 <= last);
        News {
            expunged: self.uids.difference(snapshot.uids()),
            arrived,
            changed: changed.collect(),
        }
    }

    /// Records that the client now knows of `arrived` and of every flag up to `mod_seq`.
    pub fn accept(&mut self, arrived: &UidRuns, mod_seq: ModSeq) {
        if !arrived.is_empty() {
            let uids = Arc::make_mut(&mut self.uids);
            arrived.ranges().for_each(|(first, last)| uids.push_range(first, last));
        }
        self.mod_seq = self.mod_seq.max(mod_seq); // never back (pitfall 83)
    }

    /// Forgets `expunged`, giving the sequence numbers to tell, in the order to tell them: each
    /// counts those already told (RFC 9051 §7.5.1).
    pub fn forget(&mut self, expunged: &UidRuns) -> Vec<u32> {
        let told = expunged.iter().filter_map(|uid| self.seq_of(uid)).zip(0..);
        let told = told.map(|(seq, gone)| seq - gone).collect();
        self.uids = Arc::new(self.uids.difference(expunged));
        told
    }

    /// Shares the snapshot's UIDs where they equal the view's, so that an idle session owns none.
    pub fn share(&mut self, snapshot: &Snapshot) {
        if *self.uids == **snapshot.uids() {
            self.uids = Arc::clone(snapshot.uids());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::SnapshotHead;
    use crate::model::{Flags, KeywordMask, Keywords, MailboxId, UidValidity};

    fn message((uid, mod_seq): (u32, i64)) -> Message {
        Message {
            uid: Uid(uid),
            mod_seq: ModSeq(mod_seq),
            flags: Flags::NONE,
            keywords: KeywordMask(0),
            internal_seconds: 0,
            size: 1,
        }
    }

    fn snapshot(mod_seq: i64, messages: &[(u32, i64)]) -> Snapshot {
        let head = SnapshotHead {
            mailbox: MailboxId(1),
            uid_validity: UidValidity(1),
            uid_next: 100,
            highest_mod_seq: ModSeq(mod_seq),
            keywords: Keywords::default(),
        };
        Snapshot::load(head, messages.iter().copied().map(message))
    }

    fn uids(uids: &[u32]) -> UidRuns {
        uids.iter().map(|uid| Uid(*uid)).collect()
    }

    #[track_caller]
    fn check(view: &View, snapshot: &Snapshot, gone: &[u32], new: &[u32], changed: &[u32]) {
        let news = view.news(snapshot);
        let found: Vec<u32> = news.changed.iter().map(|message| message.uid.0).collect();
        assert_eq!((&news.expunged, &news.arrived), (&uids(gone), &uids(new)));
        assert_eq!(found, changed);
        assert_eq!(news.is_empty(), gone.is_empty() && new.is_empty() && changed.is_empty());
    }

    #[test] // pitfalls 78, 82
    fn news() {
        let view = View::new(&snapshot(5, &[(1, 1), (2, 5), (3, 2)]));
        check(&view, &snapshot(5, &[(1, 1), (2, 5), (3, 2)]), &[], &[], &[]);
        check(&view, &snapshot(9, &[(1, 1), (3, 9), (7, 8)]), &[2], &[7], &[3]);
        check(&view, &snapshot(9, &[]), &[1, 2, 3], &[], &[]);
        // 4 came and went between two looks.
        check(&view, &snapshot(9, &[(1, 1), (2, 5), (3, 2)]), &[], &[], &[]);
        let last = View::new(&snapshot(1, &[(u32::MAX, 1)]));
        check(&last, &snapshot(2, &[(u32::MAX, 2)]), &[], &[], &[u32::MAX]);
    }

    #[test] // pitfall 84
    fn one_gone_and_one_new_are_two_news() {
        let mut view = View::new(&snapshot(5, &[(1, 1), (2, 5)]));
        let now = snapshot(7, &[(1, 1), (3, 7)]);
        // Flags were told, EXISTS and EXPUNGE were not: equal counts are not equal mailboxes.
        view.accept(&UidRuns::new(), ModSeq(7));
        check(&view, &now, &[2], &[3], &[]);
    }

    #[test] // pitfalls 78, 81, 83
    fn sequence_numbers() {
        let mut view = View::new(&snapshot(5, &[(3, 1), (5, 1), (6, 1), (9, 1)]));
        assert_eq!(
            (view.exists(), view.seq_of(Uid(6)), view.uid_of(2)),
            (4, Some(3), Some(Uid(5)))
        );
        assert_eq!((view.seq_of(Uid(4)), view.uid_of(0), view.uid_of(5)), (None, None, None));
        view.accept(&uids(&[12]), ModSeq(8));
        assert_eq!((view.exists(), view.uid_of(5), view.mod_seq()), (5, Some(Uid(12)), ModSeq(8)));
        view.accept(&UidRuns::new(), ModSeq(2));
        assert_eq!(view.mod_seq(), ModSeq(8)); // never back
        // RFC 9051 §7.5.1: each number counts those already told.
        assert_eq!(view.forget(&uids(&[3, 4, 6, 9])), [1, 2, 2]);
        assert_eq!(view.uids(), &uids(&[5, 12]));
        assert_eq!(view.forget(&uids(&[3])), [0_u32; 0]);
    }

    #[test]
    fn an_idle_view_owns_nothing() {
        let first = snapshot(5, &[(1, 1), (2, 5)]);
        let second = snapshot(6, &[(1, 1), (2, 6)]);
        let mut view = View::new(&first);
        view.share(&second);
        assert!(Arc::ptr_eq(&view.uids, second.uids()));
        view.share(&snapshot(7, &[(1, 1)]));
        assert!(Arc::ptr_eq(&view.uids, second.uids()));
    }
}
