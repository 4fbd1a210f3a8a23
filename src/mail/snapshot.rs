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
        Self::of(head, chunks)
    }

    fn of(head: SnapshotHead, chunks: Vec<Arc<Chunk>>) -> Self {
        let mut uids = UidRuns::new();
        for uid in chunks.iter().flat_map(|chunk| &chunk.uids) {
            uids.push(Uid(*uid));
        }
        let chunks = chunks.into_iter().filter(|chunk| chunk.len() > 0).collect();
        Self { head, uids: Arc::new(uids), chunks }
    }

    /// The mailbox after `changed` (new messages among them; UIDs ascending) and `expunged`.
    pub fn updated(&self, head: SnapshotHead, changed: &[Message], expunged: &UidRuns) -> Self {
        let mut changed = changed.iter().copied().peekable();
        let mut chunks: Vec<Arc<Chunk>> = Vec::with_capacity(self.chunks.len() + 1);
        for old in &self.chunks {
            let (Some(first), Some(last)) = (old.uids.first(), old.uids.last()) else { continue };
            let touched = UidRuns::range(Uid(*first), Uid(*last));
            let loses = !expunged.intersection(&touched).is_empty();
            if !loses && changed.peek().is_none_or(|message| message.uid.0 > *last) {
                chunks.push(Arc::clone(old));
                continue;
            }
            let mut new = Chunk::with_room();
            for mut message in old.iter() {
                while let Some(update) = changed.next_if(|update| update.uid <= message.uid) {
                    if update.uid == message.uid {
                        message = update;
                    }
                }
                if !expunged.contains(message.uid) {
                    new.push(&message);
                }
            }
            new.shrink();
            chunks.push(Arc::new(new));
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
        Self::of(head, chunks)
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
