//! What a mailbox holds at one moment, in packed columns (design: "Views and changes").
//!
//! A snapshot never changes. An update copies the chunks it touches and shares the rest, so one that
//! a session still reads stays whole while the next is made.

use std::sync::Arc;

use super::UidRuns;
use crate::limits::SNAPSHOT_CHUNK_MESSAGES;
use crate::model::{Flags, KeywordMask, Keywords, MailboxId, ModSeq, Uid, UidValidity};

/// What is told about a message without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its UID.
    pub uid: Uid,
    /// When it last changed.
    pub mod_seq: ModSeq,
    /// System flags.
    pub flags: Flags,
    /// Keywords, by the snapshot's names.
    pub keywords: KeywordMask,
    /// INTERNALDATE in seconds since 1970 UTC.
    pub internal_seconds: i64,
    /// RFC822.SIZE.
    pub size: u32,
}

/// What the mailbox row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotHead {
    /// Which mailbox.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The UID that the next message gets.
    pub uid_next: u32,
    /// The mod-sequence of the last change.
    pub highest_mod_seq: ModSeq,
    /// Its keywords.
    pub keywords: Keywords,
}

/// A whole mailbox at one mod-sequence.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The mailbox row it was read with.
    pub head: SnapshotHead,
    uids: Arc<UidRuns>,
    chunks: Vec<Arc<Chunk>>,
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    uids: Vec<u32>,
    mod_seqs: Vec<i64>,
    flags: Vec<u8>,
    keywords: Vec<u64>,
    internal_seconds: Vec<i64>,
    sizes: Vec<u32>,
    highest_mod_seq: i64,
}

impl Chunk {
    fn with_room() -> Self {
        Self { uids: Vec::with_capacity(64), ..Self::default() }
    }

    fn len(&self) -> usize {
        self.uids.len()
    }

    fn push(&mut self, message: &Message) {
        self.uids.push(message.uid.0);
        self.mod_seqs.push(message.mod_seq.0);
        self.flags.push(message.flags.0);
        self.internal_seconds.push(message.internal_seconds);
        self.sizes.push(message.size);
        if message.keywords.0 != 0 || !self.keywords.is_empty() {
            self.keywords.resize(self.uids.len() - 1, 0);
            self.keywords.push(message.keywords.0);
        }
        self.highest_mod_seq = self.highest_mod_seq.max(message.mod_seq.0);
    }

    fn at(&self, index: usize) -> Option<Message> {
        Some(Message {
            uid: Uid(*self.uids.get(index)?),
            mod_seq: ModSeq(*self.mod_seqs.get(index)?),
            flags: Flags(*self.flags.get(index)?),
            keywords: KeywordMask(self.keywords.get(index).copied().unwrap_or(0)),
            internal_seconds: *self.internal_seconds.get(index)?,
            size: *self.sizes.get(index)?,
        })
    }

    /// Overwrites the message with that UID, if it is here.
    fn set(&mut self, message: &Message) {
        let Ok(index) = self.uids.binary_search(&message.uid.0) else { return };
        if message.keywords.0 != 0 && self.keywords.is_empty() {
            self.keywords.resize(self.uids.len(), 0);
        }
        put(&mut self.mod_seqs, index, message.mod_seq.0);
        put(&mut self.flags, index, message.flags.0);
        put(&mut self.keywords, index, message.keywords.0);
        put(&mut self.internal_seconds, index, message.internal_seconds);
        put(&mut self.sizes, index, message.size);
        self.highest_mod_seq = self.highest_mod_seq.max(message.mod_seq.0);
    }

    fn without(&self, expunged: &UidRuns) -> Self {
        let mut left = Self::with_room();
        let kept = self.iter().filter(|message| !expunged.contains(message.uid));
        kept.for_each(|message| left.push(&message));
        left.shrink();
        left
    }

    fn iter(&self) -> impl Iterator<Item = Message> + '_ {
        self.iter_from(Uid(1))
    }

    fn iter_from(&self, uid: Uid) -> impl Iterator<Item = Message> + '_ {
        let first = self.uids.partition_point(|own| *own < uid.0);
        (first..self.len()).filter_map(|index| self.at(index))
    }

    fn shrink(&mut self) {
        self.uids.shrink_to_fit();
        self.mod_seqs.shrink_to_fit();
        self.flags.shrink_to_fit();
        self.keywords.shrink_to_fit();
        self.internal_seconds.shrink_to_fit();
        self.sizes.shrink_to_fit();
    }
}

fn put<T>(column: &mut [T], index: usize, value: T) {
    if let Some(place) = column.get_mut(index) {
        *place = value;
    }
}

impl Snapshot {
    /// From every message of the mailbox, UIDs ascending.
    pub fn load(head: SnapshotHead, messages: impl IntoIterator<Item = Message>) -> Self {
        let mut chunks = Vec::new();
        let mut chunk = Chunk::with_room();
        for message in messages {
            if chunk.len() == SNAPSHOT_CHUNK_MESSAGES {
                chunk.shrink();
                chunks.push(Arc::new(std::mem::replace(&mut chunk, Chunk::with_room())));
            }
            chunk.push(&message);
        }
        chunk.shrink();
        chunks.push(Arc::new(chunk));
        let mut uids = UidRuns::new();
        for uid in chunks.iter().flat_map(|chunk| &chunk.uids) {
            uids.push(Uid(*uid));
        }
        Self::of(head, Arc::new(uids), chunks)
    }

    fn of(head: SnapshotHead, uids: Arc<UidRuns>, chunks: Vec<Arc<Chunk>>) -> Self {
        let chunks: Vec<_> = chunks.into_iter().filter(|chunk| chunk.len() > 0).collect();
        debug_assert_eq!(
            chunks.iter().map(|chunk| chunk.len()).sum::<usize>(),
            uids.len() as usize
        );
        Self { head, uids, chunks }
    }

    /// The UIDs after an update: the same ones, shared, if only flags changed.
    fn uids_after(&self, changed: &[Message], expunged: &UidRuns) -> Arc<UidRuns> {
        let last = self.uids.last();
        let arrived =
            |message: &&Message| Some(message.uid) > last && !expunged.contains(message.uid);
        let mut arrived = changed.iter().filter(arrived).map(|message| message.uid).peekable();
        let left = self.uids.difference(expunged);
        if arrived.peek().is_none() && left.len() == self.uids.len() {
            return Arc::clone(&self.uids);
        }
        let mut uids = left;
        arrived.for_each(|uid| uids.push(uid));
        Arc::new(uids)
    }

    /// The mailbox after `changed` (new messages among them; UIDs ascending) and `expunged`.
    pub fn updated(&self, head: SnapshotHead, changed: &[Message], expunged: &UidRuns) -> Self {
        let uids = self.uids_after(changed, expunged);
        let mut changed = changed.iter().copied().peekable();
        let mut chunks: Vec<Arc<Chunk>> = Vec::with_capacity(self.chunks.len() + 1);
        for old in &self.chunks {
            let (Some(first), Some(last)) = (old.uids.first(), old.uids.last()) else { continue };
            let below_end =
                expunged.count_below(Uid(*last)) + u32::from(expunged.contains(Uid(*last)));
            let loses = below_end > expunged.count_below(Uid(*first));
            if !loses && changed.peek().is_none_or(|message| message.uid.0 > *last) {
                chunks.push(Arc::clone(old));
                continue;
            }
            let mut new = Chunk::clone(old);
            while let Some(update) = changed.next_if(|update| update.uid.0 <= *last) {
                new.set(&update);
            }
            chunks.push(Arc::new(if loses { new.without(expunged) } else { new }));
        }
        let mut changed = changed.filter(|message| !expunged.contains(message.uid)).peekable();
        if changed.peek().is_some() {
            let mut last = match chunks.pop() {
                Some(chunk) if chunk.len() < SNAPSHOT_CHUNK_MESSAGES => Arc::unwrap_or_clone(chunk),
                full => {
                    chunks.extend(full);
                    Chunk::with_room()
                }
            };
            for message in changed {
                if last.len() == SNAPSHOT_CHUNK_MESSAGES {
                    chunks.push(Arc::new(std::mem::replace(&mut last, Chunk::with_room())));
                }
                last.push(&message);
            }
            chunks.push(Arc::new(last));
        }
        Self::of(head, uids, chunks)
    }

    /// Its UIDs.
    pub fn uids(&self) -> &Arc<UidRuns> {
        &self.uids
    }

    /// Messages.
    pub fn len(&self) -> u32 {
        self.uids.len()
    }

    /// True if the mailbox is empty.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// One message.
    pub fn get(&self, uid: Uid) -> Option<Message> {
        let chunk = self.chunks.get(self.chunk_of(uid))?;
        chunk.uids.binary_search(&uid.0).ok().and_then(|index| chunk.at(index))
    }

    /// Every message from `uid` on, ascending.
    pub fn iter_from(&self, uid: Uid) -> impl Iterator<Item = Message> + '_ {
        let chunks = self.chunks.get(self.chunk_of(uid)..).unwrap_or_default();
        chunks.iter().flat_map(move |chunk| chunk.iter_from(uid))
    }

    /// Every message, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Message> + '_ {
        self.iter_from(Uid(1))
    }

    /// The messages that changed after `mod_seq`, ascending by UID; untouched chunks are skipped.
    pub fn changed_since(&self, mod_seq: ModSeq) -> impl Iterator<Item = Message> + '_ {
        let chunks = self.chunks.iter().filter(move |chunk| chunk.highest_mod_seq > mod_seq.0);
        chunks.flat_map(|chunk| chunk.iter()).filter(move |message| message.mod_seq > mod_seq)
    }

    /// Bytes of memory, about; chunks shared with other snapshots count here too.
    pub fn bytes(&self) -> usize {
        let messages: usize = self.chunks.iter().map(|chunk| chunk.len()).sum();
        messages * 25 + self.chunks.len() * size_of::<Chunk>() + self.uids.bytes()
    }

    /// The chunk that holds `uid` if any does.
    fn chunk_of(&self, uid: Uid) -> usize {
        self.chunks.partition_point(|chunk| chunk.uids.last().is_some_and(|last| *last < uid.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> SnapshotHead {
        SnapshotHead {
            mailbox: MailboxId(1),
            uid_validity: UidValidity(1),
            uid_next: 1,
            highest_mod_seq: ModSeq(1),
            keywords: Keywords::default(),
        }
    }

    fn message(uid: u32, mod_seq: i64) -> Message {
        Message {
            uid: Uid(uid),
            mod_seq: ModSeq(mod_seq),
            flags: Flags(u8::try_from(mod_seq % 32).unwrap()),
            keywords: KeywordMask(u64::try_from(mod_seq / 20).unwrap()),
            internal_seconds: 0,
            size: uid,
        }
    }

    /// A mailbox as a plain list, updated as a snapshot is; both must agree after each of many
    /// updates, across the bounds of chunks.
    #[test]
    fn an_updated_snapshot_is_as_if_loaded() {
        let mut seed = 7_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below.max(1)
        };
        let mut model: Vec<Message> = (1..=10_000).map(|uid| message(uid, 1)).collect();
        let mut snapshot = Snapshot::load(head(), model.iter().copied());
        let mut next_uid = 10_001;
        for mod_seq in 2..60 {
            let mut changed: Vec<Message> = Vec::new();
            for known in &mut model {
                if random(2_000) == 0 {
                    *known = message(known.uid.0, mod_seq);
                    changed.push(*known);
                }
            }
            for _ in 0..random(4) * random(500) {
                changed.push(message(next_uid, mod_seq));
                model.push(message(next_uid, mod_seq));
                next_uid += 1 + random(2);
            }
            let gone: UidRuns = if random(2) == 0 {
                let first = random(next_uid);
                UidRuns::range(Uid(first), Uid(first + random(800)))
            } else {
                UidRuns::new()
            };
            model.retain(|message| !gone.contains(message.uid));
            snapshot = snapshot.updated(head(), &changed, &gone);
            assert_eq!(snapshot.iter().collect::<Vec<_>>(), model);
            assert_eq!(**snapshot.uids(), model.iter().map(|message| message.uid).collect());
            let probe = Uid(random(next_uid));
            let known = model.iter().find(|message| message.uid == probe).copied();
            assert_eq!(snapshot.get(probe), known);
            let from = model.iter().copied().filter(|message| message.uid >= probe);
            assert!(snapshot.iter_from(probe).eq(from));
            let since = ModSeq(mod_seq - 3);
            let newer = model.iter().copied().filter(|message| message.mod_seq > since);
            assert!(snapshot.changed_since(since).eq(newer));
        }
    }

    #[test]
    fn an_update_of_flags_shares_the_uids_and_the_other_chunks() {
        let snapshot = Snapshot::load(head(), (1..=10_000).map(|uid| message(uid, 1)));
        let after = snapshot.updated(head(), &[message(5_000, 2)], &UidRuns::new());
        assert!(Arc::ptr_eq(snapshot.uids(), after.uids()));
        let same =
            snapshot.chunks.iter().zip(&after.chunks).map(|(old, new)| Arc::ptr_eq(old, new));
        assert_eq!(same.collect::<Vec<_>>(), [true, false, true]);
    }
}
