//! FETCH, STORE, EXPUNGE, COPY, MOVE and APPEND.

use std::sync::Arc;

use sora::error::Refusal;
use sora::job::{Body, Fetched, FlagSet, MailboxKey, Reply, StoreMode, Transfer, Wants};
use sora::mail::{Message, UidRuns};
use sora::model::{
    AccountId, BlobId, EmailId, Flags, Keyword, KeywordMask, Keywords, MailboxName, ModSeq,
    ThreadId, Timestamp, Uid, UidValidity,
};

use super::{BATCH, Model, NOW, Stored, bytes_of};

impl Model {
    pub(super) fn fetch(
        &mut self,
        key: MailboxKey,
        uids: &UidRuns,
        wants: Wants,
        mark_seen: bool,
    ) -> Result<Reply, Refusal> {
        let row = self.mailbox(key)?;
        let mut kept: Vec<Uid> = row
            .messages
            .iter()
            .chain(&row.expunged)
            .map(|stored| stored.message.uid)
            .filter(|uid| uids.contains(*uid))
            .collect();
        kept.sort_unstable();
        let next = kept.get(BATCH).copied();
        kept.truncate(BATCH);
        let marked = mark_seen && self.mark_seen(key, &kept)?;
        let row = self.mailbox(key)?;
        let keywords = Keywords::new(row.keywords.clone());
        let every = row.messages.iter().chain(&row.expunged);
        let mut found: Vec<Stored> =
            every.filter(|stored| kept.contains(&stored.message.uid)).cloned().collect();
        found.sort_by_key(|stored| stored.message.uid);
        let snapshot = marked.then(|| row.snapshot());
        let messages = found
            .into_iter()
            .map(|stored| self.fetched(&stored, keywords.clone(), wants))
            .collect();
        Ok(Reply::Messages { messages, next, snapshot })
    }

    /// True if some message was unseen until now.
    fn mark_seen(&mut self, key: MailboxKey, uids: &[Uid]) -> Result<bool, Refusal> {
        let row = self.mailbox(key)?;
        let unseen = |stored: &Stored| {
            uids.contains(&stored.message.uid) && !stored.message.flags.contains(Flags::SEEN)
        };
        if !row.messages.iter().any(unseen) {
            return Ok(false);
        }
        let mod_seq = row.next_mod_seq();
        for stored in row.messages.iter_mut().filter(|stored| unseen(stored)) {
            stored.message.flags = stored.message.flags.union(Flags::SEEN);
            stored.message.mod_seq = mod_seq;
        }
        self.changed(key);
        Ok(true)
    }

    fn fetched(&self, stored: &Stored, keywords: Keywords, wants: Wants) -> Fetched {
        let body = self.body(stored.blob);
        let facts = super::super::facts::of(&body);
        Fetched {
            message: stored.message,
            keywords,
            blob: stored.blob,
            envelope: wants.envelope.then_some(facts.envelope),
            map: wants.map.then_some(facts.map),
            header: wants.header.then(|| body.get(..facts.header_bytes).unwrap_or(&body).into()),
            body: wants.body.then(|| Arc::clone(&body)),
        }
    }

    pub(super) fn store(
        &mut self,
        key: MailboxKey,
        uids: &UidRuns,
        mode: StoreMode,
        set: &FlagSet,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Reply, Refusal> {
        let row = self.mailbox(key)?;
        let mask = row.mask_of(&set.keywords).ok_or(Refusal::Limit("too many keywords"))?;
        let (mut modified, mut changed) = (UidRuns::new(), UidRuns::new());
        let next = ModSeq(row.highest_mod_seq + 1);
        for stored in &mut row.messages {
            let message = &mut stored.message;
            if !uids.contains(message.uid) {
                continue;
            }
            if unchanged_since.is_some_and(|since| message.mod_seq > since) {
                modified.push(message.uid);
                continue;
            }
            let before = (message.flags, message.keywords);
            (message.flags, message.keywords) = combined(message, mode, set.flags, mask);
            if (message.flags, message.keywords) != before {
                message.mod_seq = next;
                changed.push(message.uid);
            }
        }
        if !changed.is_empty() {
            row.highest_mod_seq = next.0;
        }
        let (mod_seq, snapshot) = (ModSeq(row.highest_mod_seq), row.snapshot());
        if !changed.is_empty() {
            self.changed(key);
        }
        Ok(Reply::Stored { modified, changed, mod_seq, snapshot })
    }

    pub(super) fn expunge(
        &mut self,
        key: MailboxKey,
        uids: Option<&UidRuns>,
    ) -> Result<Reply, Refusal> {
        let goes = |message: &Message| {
            message.flags.contains(Flags::DELETED)
                && uids.is_none_or(|set| set.contains(message.uid))
        };
        self.expunge_those(key, goes)
    }

    /// With `\Deleted` or without.
    pub(super) fn remove(&mut self, key: MailboxKey, uids: &UidRuns) -> Result<Reply, Refusal> {
        self.expunge_those(key, |message| uids.contains(message.uid))
    }

    fn expunge_those(
        &mut self,
        key: MailboxKey,
        goes: impl Fn(&Message) -> bool,
    ) -> Result<Reply, Refusal> {
        let row = self.mailbox(key)?;
        let (gone, left): (Vec<Stored>, Vec<Stored>) =
            row.messages.drain(..).partition(|stored| goes(&stored.message));
        row.messages = left;
        let taken: UidRuns = gone.iter().map(|stored| stored.message.uid).collect();
        if !taken.is_empty() {
            row.next_mod_seq();
        }
        row.expunged.extend(gone);
        let snapshot = row.snapshot();
        if !taken.is_empty() {
            self.changed(key);
        }
        Ok(Reply::Expunged { uids: taken, snapshot })
    }

    pub(super) fn copy(&mut self, transfer: &Transfer) -> Result<Reply, Refusal> {
        let target = self.find(transfer.from.account, &transfer.to)?;
        let row = self.mailbox(transfer.from)?;
        let names = Keywords::new(row.keywords.clone());
        let chosen =
            row.messages.iter().filter(|stored| transfer.uids.contains(stored.message.uid));
        let chosen: Vec<Stored> = chosen.cloned().collect();
        let from = chosen.iter().map(|stored| stored.message.uid).collect();
        let row = self.mailbox(target)?;
        let mut ready = Vec::new(); // all or nothing: no message is added until every mask is known
        for mut stored in chosen {
            let names: Vec<Keyword> = names.names_in(stored.message.keywords).cloned().collect();
            stored.message.keywords =
                row.mask_of(&names).ok_or(Refusal::Limit("too many keywords"))?;
            ready.push(stored);
        }
        let mod_seq = if ready.is_empty() { ModSeq(0) } else { row.next_mod_seq() };
        let to: UidRuns = ready.into_iter().map(|stored| row.add(stored, mod_seq)).collect();
        let uid_validity = UidValidity(row.uid_validity);
        if !to.is_empty() {
            self.changed(target);
        }
        let snapshot = self.mailbox(transfer.from)?.snapshot();
        Ok(Reply::Copied { uid_validity, from, to, snapshot })
    }

    pub(super) fn r#move(&mut self, transfer: &Transfer) -> Result<Reply, Refusal> {
        let Reply::Copied { uid_validity, from, to, .. } = self.copy(transfer)? else {
            return Ok(Reply::Failed(sora::error::Fault::ServerBug));
        };
        let row = self.mailbox(transfer.from)?;
        let (gone, left): (Vec<Stored>, Vec<Stored>) =
            row.messages.drain(..).partition(|stored| from.contains(stored.message.uid));
        row.messages = left;
        row.moved.extend(gone);
        if !from.is_empty() {
            row.next_mod_seq();
        }
        let snapshot = row.snapshot();
        if !from.is_empty() {
            self.changed(transfer.from);
        }
        Ok(Reply::Copied { uid_validity, from, to, snapshot })
    }

    pub(super) fn append(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        set: &FlagSet,
        internal_date: Option<Timestamp>,
        body: Body,
    ) -> Result<Reply, Refusal> {
        let key = self.find(account, name)?;
        let row = self.mailbox(key)?;
        let mask = row.mask_of(&set.keywords).ok_or(Refusal::Limit("too many keywords"))?;
        let uid_validity = UidValidity(row.uid_validity);
        let (blob, uid) =
            self.add_message(key, bytes_of(body), set.flags, mask, internal_date.unwrap_or(NOW));
        Ok(Reply::Appended {
            mailbox: key,
            uid_validity,
            uid,
            email_id: EmailId(blob.0 + 1),
            thread_id: ThreadId(blob.0 + 1),
        })
    }

    pub(super) fn add_message(
        &mut self,
        key: MailboxKey,
        bytes: Vec<u8>,
        flags: Flags,
        keywords: KeywordMask,
        internal_date: Timestamp,
    ) -> (BlobId, Uid) {
        let size = u32::try_from(bytes.len()).expect("a small message");
        let blob = self.keep_body(bytes);
        let message = Message {
            uid: Uid(0),        // given by `add`
            mod_seq: ModSeq(0), // given by `add`
            flags,
            keywords,
            internal_seconds: internal_date.seconds(),
            size,
        };
        let row = self.mailbox(key).expect("just found");
        let mod_seq = row.next_mod_seq();
        let uid = row.add(Stored { message, blob }, mod_seq);
        self.changed(key);
        (blob, uid)
    }
}

/// RFC 9051 §6.4.6
fn combined(
    message: &Message,
    mode: StoreMode,
    flags: Flags,
    mask: KeywordMask,
) -> (Flags, KeywordMask) {
    match mode {
        StoreMode::Replace => (flags, mask),
        StoreMode::Add => (message.flags.union(flags), KeywordMask(message.keywords.0 | mask.0)),
        StoreMode::Remove => {
            (message.flags.without(flags), KeywordMask(message.keywords.0 & !mask.0))
        }
    }
}
