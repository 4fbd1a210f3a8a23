//! Mail from another server, with the UIDs it had there.
//!
//! A mailbox that the import makes, or that never had a message, takes the UIDVALIDITY of the source,
//! and its messages keep their UIDs: to a client that had them there they are the same (pitfall 137).
//! Where another message may have such a UID, nothing is mixed: the import is refused, or its messages
//! get new UIDs under a UIDVALIDITY that the source never had.
//!
//! A batch is one transaction. What came is remembered by its name over there, in the same
//! transaction, so an import that was cut off is run again. UIDs only rise, as with all that arrives.

use std::collections::HashSet;

use super::accounts::lock_account;
use super::engine::{Tx, Value, Weight};
use super::mailboxes;
use super::ready::{Ready, insert_numbered};
use super::row::{self, Difference};
use super::{Error, Failure, NewMessage, Store};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{Change, MailboxInfo, MailboxKey};
use crate::limits;
use crate::model::{AccountId, MailboxId, MailboxName, ModSeq, Timestamp, Uid, UidValidity};

/// A message's name at its source, as a digest: what makes it recognisable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImportSource(pub [u8; 16]);

/// The numbers of a mailbox over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The UID of the first message that is not here yet; `None` if there is none that has one.
    pub first_new: Option<Uid>,
}

/// What becomes of UIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The mailbox takes the UIDVALIDITY of the source.
    Take(UidValidity),
    /// It has it already.
    GoOn(UidValidity),
    /// Messages get new UIDs, and the mailbox keeps its UIDVALIDITY.
    New,
    /// The same, and the mailbox gets another UIDVALIDITY: under its own some of its UIDs mean other
    /// messages at the source.
    Renumber,
}

impl Plan {
    /// The UIDVALIDITY under which UIDs are kept.
    pub fn keeps(self) -> Option<UidValidity> {
        match self {
            Self::Take(uid_validity) | Self::GoOn(uid_validity) => Some(uid_validity),
            Self::New | Self::Renumber => None,
        }
    }
}

/// Why UIDs cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The mailbox has had messages under another UIDVALIDITY.
    OtherValidity {
        /// The one here.
        here: UidValidity,
    },
    /// UIDs below this one have been given out here.
    UidsTaken {
        /// The next that is free.
        uid_next: u32,
    },
    /// Another mailbox of the account has, or had, this UIDVALIDITY.
    ValidityTaken,
}

/// A message that comes.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What, and to where.
    pub message: NewMessage,
    /// The UID to keep; `None` for the next that is free.
    pub uid: Option<Uid>,
    /// By which it is recognised.
    pub source: ImportSource,
}

impl Store {
    /// What would become of the UIDs of a mailbox whose messages are to go to `name`.
    pub fn plan_import(
        &self,
        account: AccountId,
        name: &MailboxName,
        numbered: Option<Numbered>,
    ) -> Result<Result<Plan, Unfit>, Failure> {
        self.0.engine.read("planning an import", |tx| plan(tx, account, name, numbered))
    }

    /// Names of what was imported into a mailbox.
    pub fn imported(&self, mailbox: MailboxKey) -> Result<HashSet<ImportSource>, Failure> {
        self.0.engine.read("listing what was imported", |tx| {
            let mut found = HashSet::new();
            tx.query(
                "SELECT source FROM imported WHERE account_id = $1 AND mailbox_id = $2",
                &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
                |row| {
                    let source = row.bytes(0)?.try_into();
                    found.insert(ImportSource(
                        source.map_err(|_| row.corrupt("a digest's length"))?,
                    ));
                    Ok(())
                },
            )?;
            Ok(found)
        })
    }

    /// Makes the mailbox ready: made if it is missing, and numbered as `plan` says. Refused if that is
    /// not the plan any more.
    pub fn begin_import(
        &self,
        account: AccountId,
        name: &MailboxName,
        plan: Plan,
    ) -> Result<MailboxKey, Error> {
        let name = name.clone();
        self.0.engine.write("beginning an import", Weight::Bytes(1_024), move |tx| {
            lock_account(tx, account)?;
            let key = match mailboxes::info_by_name(tx, account, &name)? {
                Some(info) => info.key,
                None => mailboxes::create(tx, account, &name, None)?,
            };
            row::lock(tx, key)?;
            match plan {
                Plan::New => {}
                Plan::Renumber => renumber(tx, key)?,
                Plan::Take(uid_validity) => take(tx, key, uid_validity)?,
                Plan::GoOn(uid_validity) => {
                    if row::lock(tx, key)?.uid_validity != uid_validity {
                        return Err(CHANGED.into());
                    }
                }
            }
            Ok(key)
        })
    }

    /// Stores messages, ascending by the UIDs that they keep; those that came before are passed over.
    /// `keeps` is the UIDVALIDITY under which UIDs are kept; `uid_min` is for those without one. How many
    /// came, and what sessions have to be told.
    ///
    /// Refused, and nothing is stored, if a UID was given to another message in the meantime.
    pub fn import(
        &self,
        mailbox: MailboxKey,
        keeps: Option<UidValidity>,
        uid_min: u32,
        messages: Vec<Imported>,
    ) -> Result<(u64, Option<Change>), Error> {
        let mut batch = Vec::with_capacity(messages.len());
        for Imported { message, uid, source } in messages {
            batch.push(Arriving { ready: self.prepare(message)?, uid, source });
        }
        let bytes = batch.iter().filter_map(|each| each.ready.bytes_in_database());
        let weight = Weight::Bytes(bytes.map(<[u8]>::len).sum());
        let done = self.0.engine.write("importing", weight, move |tx| {
            let done = import(tx, mailbox, keeps, uid_min, &batch)?;
            crash_point!("import: rows written, not committed");
            Ok::<_, Error>(done)
        });
        crash_point!("import: a batch committed");
        self.ring_for_uploads();
        done
    }

    /// UIDs that the source has given out are not given to other messages here.
    pub fn end_import(
        &self,
        mailbox: MailboxKey,
        uid_next: u32,
    ) -> Result<Option<Change>, Failure> {
        self.0.engine.write("ending an import", Weight::Bytes(64), move |tx| {
            let mod_seq = tx.query_one(
                "UPDATE mailboxes SET uid_next = $3, highest_mod_seq = highest_mod_seq + 1
                 WHERE account_id = $1 AND mailbox_id = $2 AND uid_next < $3
                   AND name_key IS NOT NULL
                 RETURNING highest_mod_seq",
                &[
                    Value::Int(mailbox.account.0),
                    Value::Int(mailbox.mailbox.0),
                    Value::Int(uid_next.into()),
                ],
                |row| row.int(0).map(ModSeq),
            )?;
            Ok(mod_seq.map(|mod_seq| Change { mailbox, mod_seq }))
        })
    }
}

const CHANGED: Refusal = Refusal::Cannot(
    "the mailbox has changed since the import began: mail has come in, or somebody else is importing",
);

/// A message before its transaction.
struct Arriving {
    ready: Ready,
    uid: Option<Uid>,
    source: ImportSource,
}

/// Never had a message: nobody knows a UID of it.
fn is_fresh(info: &MailboxInfo) -> bool {
    info.uid_next == 1
}

fn plan(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
    numbered: Option<Numbered>,
) -> Result<Result<Plan, Unfit>, Failure> {
    let Some(Numbered { uid_validity, first_new }) = numbered else { return Ok(Ok(Plan::New)) };
    let found = mailboxes::info_by_name(tx, account, name)?;
    if let Some(info) = found.as_ref().filter(|info| !is_fresh(info)) {
        return Ok(match first_new {
            _ if info.uid_validity != uid_validity => {
                Err(Unfit::OtherValidity { here: info.uid_validity })
            }
            Some(uid) if uid.0 < info.uid_next => Err(Unfit::UidsTaken { uid_next: info.uid_next }),
            _ => Ok(Plan::GoOn(uid_validity)),
        });
    }
    let itself = found.map_or(MailboxId(0), |info| info.key.mailbox);
    Ok(match is_taken(tx, account, itself, uid_validity)? {
        true => Err(Unfit::ValidityTaken),
        false => Ok(Plan::Take(uid_validity)),
    })
}

/// Deleted ones count: a client may remember them. Of one that never had a message nobody knows
/// anything.
fn is_taken(
    tx: &mut Tx<'_>,
    account: AccountId,
    but: MailboxId,
    uid_validity: UidValidity,
) -> Result<bool, Failure> {
    let holder = tx.query_one(
        "SELECT mailbox_id FROM mailboxes
         WHERE account_id = $1 AND uid_validity = $2 AND mailbox_id <> $3 AND uid_next > 1",
        &[Value::Int(account.0), Value::Int(uid_validity.0.into()), Value::Int(but.0)],
        |_| Ok(()),
    )?;
    Ok(holder.is_some())
}

/// Mailboxes that never had a message give way: no two of an account have one UIDVALIDITY.
fn make_way(tx: &mut Tx<'_>, key: MailboxKey, uid_validity: UidValidity) -> Result<(), Failure> {
    let mut fresh = Vec::new();
    tx.query(
        "SELECT mailbox_id FROM mailboxes
         WHERE account_id = $1 AND uid_validity = $2 AND mailbox_id <> $3 AND uid_next = 1
         ORDER BY mailbox_id",
        &[Value::Int(key.account.0), Value::Int(uid_validity.0.into()), Value::Int(key.mailbox.0)],
        |row| {
            fresh.push(MailboxId(row.int(0)?));
            Ok(())
        },
    )?;
    fresh.into_iter().try_for_each(|mailbox| renumber(tx, MailboxKey { mailbox, ..key }))
}

/// Gives a mailbox that never had a message the UIDVALIDITY of its source.
///
/// Its mod-sequences begin above all that the source may have given out: a client that comes with one
/// of those must not be told that nothing has changed since (RFC 7162 §3.1). They count changes there,
/// so seconds since 1970 are more. Below that nobody knows what vanished: the horizon.
fn take(tx: &mut Tx<'_>, key: MailboxKey, uid_validity: UidValidity) -> Result<(), Error> {
    if is_taken(tx, key.account, key.mailbox, uid_validity)? {
        return Err(CHANGED.into());
    }
    make_way(tx, key, uid_validity)?;
    let values = [Value::Int(key.account.0), Value::Int(uid_validity.0.into())];
    let [account, validity] = values;
    let taken = tx.execute(
        // Or it was begun a moment ago, and cut off.
        "UPDATE mailboxes
         SET uid_validity = $2,
             highest_mod_seq = CASE WHEN highest_mod_seq < $4 THEN $4 ELSE highest_mod_seq + 1 END,
             horizon = CASE WHEN highest_mod_seq < $4 THEN $4 ELSE highest_mod_seq + 1 END
         WHERE account_id = $1 AND mailbox_id = $3 AND uid_next = 1",
        &[account, validity, Value::Int(key.mailbox.0), Value::Int(tx.now().seconds())],
    )?;
    if taken != 1 {
        return Err(CHANGED.into());
    }
    tx.execute(
        // No mailbox that is made later has this one again (pitfall 70).
        "UPDATE accounts SET last_uid_validity = $2
         WHERE account_id = $1 AND last_uid_validity < $2",
        &values,
    )?;
    Ok(())
}

/// Gives a mailbox a UIDVALIDITY that no other ever had (RFC 9051 §2.3.1.1 lets a server do so).
fn renumber(tx: &mut Tx<'_>, key: MailboxKey) -> Result<(), Failure> {
    let uid_validity = mailboxes::take_uid_validity(tx, key.account)?;
    tx.execute(
        "UPDATE mailboxes SET uid_validity = $3, highest_mod_seq = highest_mod_seq + 1
         WHERE account_id = $1 AND mailbox_id = $2",
        &[Value::Int(key.account.0), Value::Int(key.mailbox.0), Value::Int(uid_validity)],
    )
    .map(drop)
}

fn import(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    keeps: Option<UidValidity>,
    uid_min: u32,
    batch: &[Arriving],
) -> Result<(u64, Option<Change>), Error> {
    let locked = row::lock(tx, mailbox)?;
    if keeps.is_some_and(|keeps| keeps != locked.uid_validity) {
        return Err(CHANGED.into());
    }
    let uid_validity = locked.uid_validity;
    let mod_seq = locked.next_mod_seq();
    let began = tx.now(); // no message is older than the mailbox's oldest
    let mut uid_next = uid_next(tx, mailbox)?;
    let (mut difference, mut first) = (Difference::default(), true);
    for Arriving { ready, uid, source } in batch {
        if !remember(tx, mailbox, *source)? {
            continue;
        }
        let uid = uid.map_or(uid_next.max(uid_min.into()), |uid| uid.0.into());
        if uid < uid_next {
            return Err(CHANGED.into());
        }
        if uid >= row::UID_NEXT_MAX {
            return Err(Refusal::Limit("the mailbox has no UIDs left").into());
        }
        let arrival = row::Arrival { first_uid: uid, mod_seq, uid_validity, scripted: false };
        insert_numbered(tx, mailbox, ready, arrival)?;
        difference.add(ready.message.flags.flags, ready.size.into());
        uid_next = uid + 1;
        if std::mem::take(&mut first) {
            crash_point!("import: one message written, not committed");
        }
    }
    if first {
        return Ok((0, None));
    }
    arrived(tx, mailbox, uid_next, difference, began)?;
    Ok((difference.messages.cast_unsigned(), Some(Change { mailbox, mod_seq })))
}

fn uid_next(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<i64, Failure> {
    let found = tx.query_one(
        "SELECT uid_next FROM mailboxes WHERE account_id = $1 AND mailbox_id = $2",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
        |row| row.int(0),
    )?;
    found.ok_or_else(|| tx.corrupt("a locked mailbox is missing"))
}

/// As `row::arrive`, where UIDs have gaps.
fn arrived(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    uid_next: i64,
    by: Difference,
    oldest_arrived: Timestamp,
) -> Result<(), Failure> {
    tx.execute(
        "UPDATE mailboxes
         SET uid_next = $3, highest_mod_seq = highest_mod_seq + 1,
             messages = messages + $4, unseen = unseen + $5, deleted = deleted + $6,
             bytes = bytes + $7,
             oldest_arrived = CASE WHEN messages > 0 AND oldest_arrived < $8
                                   THEN oldest_arrived ELSE $8 END
         WHERE account_id = $1 AND mailbox_id = $2",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(uid_next),
            Value::Int(by.messages),
            Value::Int(by.unseen),
            Value::Int(by.deleted),
            Value::Int(by.bytes),
            Value::Int(oldest_arrived.0),
        ],
    )
    .map(drop)
}

/// False if it came before.
fn remember(tx: &mut Tx<'_>, mailbox: MailboxKey, source: ImportSource) -> Result<bool, Failure> {
    let new = tx.execute(
        "INSERT INTO imported (account_id, mailbox_id, source) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, mailbox_id, source) DO NOTHING",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0), Value::Bytes(&source.0)],
    )?;
    Ok(new == 1)
}

/// Forgets the next piece of what was imported into a mailbox that is being removed: how many.
pub(super) fn forget(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<u64, Failure> {
    tx.execute(
        "DELETE FROM imported WHERE account_id = $1 AND mailbox_id = $2 AND source IN
             (SELECT source FROM imported WHERE account_id = $1 AND mailbox_id = $2 LIMIT $3)",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(limits::CLEANED_ROWS_MAX),
        ],
    )
}
