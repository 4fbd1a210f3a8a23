//! Reading a mailbox whole, and bringing an earlier reading up to date (design: "Views and changes").
//!
//! The mailbox row is read first, in the same transaction as the messages: if its mod-sequence has
//! not moved, nothing else is read.

use std::sync::Arc;

use super::engine::{Row, Tx, Value};
use super::{Error, Failure, Store, keywords, mailboxes, whole};
use crate::error::Refusal;
use crate::job::{MailboxInfo, MailboxKey};
use crate::mail::{Message, Snapshot, SnapshotHead, UidRuns};
use crate::model::{
    AccountId, Flags, KeywordMask, MailboxName, ModSeq, Timestamp, Uid, UidValidity,
};

/// What SELECT needs, read at one moment.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The row.
    pub info: MailboxInfo,
    /// The messages, unless `have` was still right.
    pub snapshot: Option<Snapshot>,
}

/// What a caller has of a mailbox that is opened.
#[derive(Clone, Debug)]
pub enum Have {
    /// An earlier snapshot, which is refreshed rather than loaded anew.
    This(Arc<Snapshot>),
    /// Nothing: it is loaded.
    Nothing,
    /// Nothing yet: the caller waits for another's, and then asks again. Only the row is read.
    Awaited,
}

/// An earlier snapshot against what the mailbox is now.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// Nothing changed.
    Same,
    /// What it is now; chunks that did not change are shared with the earlier one.
    New(Snapshot),
    /// The mailbox was deleted.
    Gone,
}

impl Store {
    /// The mailbox row and the messages at the same moment. `have` is asked what the caller keeps of the
    /// mailbox once its key is known, and may be asked again; it must not wait. `Opened::snapshot` is
    /// `None` if that is still right, or awaited.
    pub fn open_mailbox(
        &self,
        account: AccountId,
        name: &MailboxName,
        have: &dyn Fn(MailboxKey) -> Have,
    ) -> Result<Opened, Error> {
        if self.0.engine.is_shared()
            && let Some(opened) = self.open_whole(account, name, have)?
        {
            return Ok(opened);
        }
        self.0.engine.read("opening a mailbox", |tx| {
            let info = mailboxes::info_by_name(tx, account, name)?.ok_or(Refusal::NoSuchMailbox)?;
            let snapshot = match have(info.key) {
                Have::Awaited => None,
                Have::Nothing => Some(load(tx, info.key)?.ok_or(Refusal::NoSuchMailbox)?),
                Have::This(earlier) => match refresh(tx, info.key, &earlier)? {
                    Refreshed::Same => None,
                    Refreshed::New(snapshot) => Some(snapshot),
                    Refreshed::Gone => return Err(Refusal::NoSuchMailbox.into()),
                },
            };
            Ok(Opened { info, snapshot })
        })
    }

    /// By two statements at most, without a transaction: the row, and all of the mailbox if nothing of
    /// it is at hand. `None` if something is and has changed.
    fn open_whole(
        &self,
        account: AccountId,
        name: &MailboxName,
        have: &dyn Fn(MailboxKey) -> Have,
    ) -> Result<Option<Opened>, Error> {
        let engine = &self.0.engine;
        let row = engine
            .glance("opening a mailbox", |tx| mailboxes::info_by_name(tx, account, name))?
            .ok_or(Refusal::NoSuchMailbox)?;
        match have(row.key) {
            Have::Nothing => {}
            Have::Awaited => return Ok(Some(Opened { info: row, snapshot: None })),
            Have::This(earlier) => {
                let is_same = earlier.head.highest_mod_seq == row.highest_mod_seq
                    && earlier.head.uid_validity == row.uid_validity;
                return Ok(is_same.then_some(Opened { info: row, snapshot: None }));
            }
        }
        let (info, snapshot) = engine
            .glance("loading a mailbox", |tx| whole::load(tx, row.key))?
            .ok_or(Refusal::NoSuchMailbox)?;
        Ok(Some(Opened { info, snapshot: Some(snapshot) }))
    }

    /// The mailbox as it is; refused as missing once deleted.
    pub fn load_snapshot(&self, mailbox: MailboxKey) -> Result<Snapshot, Error> {
        if self.0.engine.is_shared() {
            let whole = self.0.engine.glance("loading a mailbox", |tx| whole::load(tx, mailbox))?;
            return Ok(whole.ok_or(Refusal::NoSuchMailbox)?.1);
        }
        self.0.engine.read("loading a mailbox", |tx| {
            load(tx, mailbox)?.ok_or_else(|| Refusal::NoSuchMailbox.into())
        })
    }

    /// What became of `earlier` since; one indexed query if nothing did.
    pub fn refresh_snapshot(
        &self,
        mailbox: MailboxKey,
        earlier: &Snapshot,
    ) -> Result<Refreshed, Failure> {
        let row = self.0.engine.glance("looking at a mailbox", |tx| head(tx, mailbox))?;
        match row {
            None => Ok(Refreshed::Gone),
            Some(row) if row.is_of(earlier) => Ok(Refreshed::Same),
            Some(_) => {
                self.0.engine.read("refreshing a mailbox", |tx| refresh(tx, mailbox, earlier))
            }
        }
    }
}

/// The numbers of a mailbox row that a snapshot has.
struct Head {
    uid_validity: UidValidity,
    uid_next: u32,
    highest_mod_seq: ModSeq,
    horizon: ModSeq,
    messages: usize,
}

impl Head {
    /// True if nothing has changed since `earlier` was read.
    fn is_of(&self, earlier: &Snapshot) -> bool {
        let head = &earlier.head;
        self.highest_mod_seq == head.highest_mod_seq && self.uid_validity == head.uid_validity
    }

    fn with_keywords(&self, tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<SnapshotHead, Failure> {
        Ok(SnapshotHead {
            mailbox: mailbox.mailbox,
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            highest_mod_seq: self.highest_mod_seq,
            keywords: keywords::load(tx, mailbox)?,
        })
    }
}

fn head(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<Option<Head>, Failure> {
    tx.query_one(
        "SELECT uid_validity, uid_next, highest_mod_seq, horizon, messages FROM mailboxes
         WHERE account_id = $1 AND mailbox_id = $2 AND name_key IS NOT NULL",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
        |row| {
            Ok(Head {
                uid_validity: UidValidity(row.uint(0)?),
                uid_next: row.uint(1)?,
                highest_mod_seq: ModSeq(row.int(2)?),
                horizon: ModSeq(row.int(3)?),
                messages: row.uint(4)?,
            })
        },
    )
}

/// The first six columns of a message's row, as every query that reads messages orders them.
pub(super) fn message_at(row: &Row<'_>) -> Result<Message, Failure> {
    Ok(Message {
        uid: Uid(row.uint(0)?),
        mod_seq: ModSeq(row.int(1)?),
        flags: Flags(u8::try_from(row.int(2)?).map_err(|_| row.corrupt("unknown flags"))?),
        keywords: KeywordMask(row.int(3)?.cast_unsigned()),
        size: row.uint(4)?,
        internal_seconds: Timestamp(row.int(5)?).seconds(),
    })
}

fn load(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<Option<Snapshot>, Failure> {
    match head(tx, mailbox)? {
        Some(head) => load_under(tx, mailbox, &head).map(Some),
        None => Ok(None),
    }
}

fn load_under(tx: &mut Tx<'_>, mailbox: MailboxKey, head: &Head) -> Result<Snapshot, Failure> {
    let mut messages = Vec::with_capacity(head.messages);
    tx.query(
        "SELECT uid, mod_seq, flags, keywords, size, internal_date FROM messages
         WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
        |row| {
            messages.push(message_at(row)?);
            Ok(())
        },
    )?;
    Ok(Snapshot::load(head.with_keywords(tx, mailbox)?, messages))
}

fn refresh(tx: &mut Tx<'_>, mailbox: MailboxKey, earlier: &Snapshot) -> Result<Refreshed, Failure> {
    let Some(head) = head(tx, mailbox)? else { return Ok(Refreshed::Gone) };
    let since = earlier.head.highest_mod_seq;
    if head.is_of(earlier) {
        return Ok(Refreshed::Same);
    }
    let knows_all_expunged = since >= head.horizon && head.highest_mod_seq > since;
    // A row found by its change costs about five rows read in order.
    if !knows_all_expunged || changed_count(tx, mailbox, since)? > head.messages / 4 {
        return load_under(tx, mailbox, &head).map(Refreshed::New);
    }
    let changed = changed(tx, mailbox, since)?;
    let expunged = expunged(tx, mailbox, since)?;
    let head = head.with_keywords(tx, mailbox)?;
    Ok(Refreshed::New(earlier.updated(head, &changed, &expunged)))
}

/// How many messages changed; by the index alone, which is far cheaper than their rows.
fn changed_count(tx: &mut Tx<'_>, mailbox: MailboxKey, since: ModSeq) -> Result<usize, Failure> {
    let count = tx.query_one(
        "SELECT COUNT(*) FROM messages
         WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq > $3{changed}",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0), Value::Int(since.0)],
        |row| row.uint(0),
    )?;
    Ok(count.unwrap_or(0))
}

fn changed(tx: &mut Tx<'_>, mailbox: MailboxKey, since: ModSeq) -> Result<Vec<Message>, Failure> {
    let mut changed = Vec::new();
    tx.query(
        "SELECT uid, mod_seq, flags, keywords, size, internal_date FROM messages
         WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq > $3{changed}",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0), Value::Int(since.0)],
        |row| {
            changed.push(message_at(row)?);
            Ok(())
        },
    )?;
    changed.sort_unstable_by_key(|message: &Message| message.uid);
    Ok(changed)
}

fn expunged(tx: &mut Tx<'_>, mailbox: MailboxKey, since: ModSeq) -> Result<UidRuns, Failure> {
    let mut expunged = Vec::new();
    tx.query(
        "SELECT uid FROM expunged
         WHERE account_id = $1 AND mailbox_id = $2 AND mod_seq > $3{changed}",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0), Value::Int(since.0)],
        |row| {
            expunged.push(Uid(row.uint(0)?));
            Ok(())
        },
    )?;
    Ok(expunged.into_iter().collect())
}
