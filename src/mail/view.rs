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
            && (Arc::ptr_eq(&self.uids, snapshot.uids()) || self.uids.len() == snapshot.len())
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
