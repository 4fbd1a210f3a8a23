//! The tree of mailboxes: their rows, CREATE and DELETE. RENAME is in `rename`.
//!
//! Every parent of a mailbox exists, so children are found by the prefix of their key. Names change
//! under the account's lock (invariant 6). UIDVALIDITY comes from the account's row, so that no two
//! mailboxes of an account ever have the same, and a name used again gets a greater one (pitfall 70).

use super::accounts::lock_account;
use super::engine::{Row, Tx, Value, Weight};
use super::{Error, Failure, Store};
use crate::error::Refusal;
use crate::job::{MailboxInfo, MailboxKey};
use crate::limits;
use crate::model::{AccountId, MailboxId, MailboxName, ModSeq, SpecialUse, UidValidity};

/// INBOX is the first mailbox of every account and never goes (RFC 9051 §5.1).
pub(super) const INBOX: MailboxId = MailboxId(1);

/// What [`info_at`] reads, from `mailboxes m` and `subscriptions s`.
macro_rules! select_info {
    ($where:literal) => {
        concat!(
            "SELECT m.account_id, m.mailbox_id, m.uid_next, m.highest_mod_seq, m.messages,
                    m.unseen, m.deleted, m.bytes, m.uid_validity, m.special_use, m.name,
                    s.name_key IS NOT NULL
             FROM mailboxes m
             LEFT JOIN subscriptions s
                    ON s.account_id = m.account_id AND s.name_key = m.name_key
             WHERE ",
            $where
        )
    };
}

impl Store {
    /// Every mailbox of an account, ascending by name.
    pub fn list_mailboxes(&self, account: AccountId) -> Result<Vec<MailboxInfo>, Failure> {
        self.0.engine.glance("listing mailboxes", |tx| {
            let mut mailboxes = Vec::new();
            tx.query(
                select_info!("m.account_id = $1 AND m.name_key IS NOT NULL ORDER BY m.name"),
                &[Value::Int(account.0)],
                |row| {
                    mailboxes.push(info_at(row)?);
                    Ok(())
                },
            )?;
            Ok(mailboxes)
        })
    }

    /// One mailbox by name, in any case.
    pub fn mailbox(&self, account: AccountId, name: &MailboxName) -> Result<MailboxInfo, Error> {
        self.0.engine.glance("reading a mailbox", |tx| {
            Ok(info_by_name(tx, account, name)?.ok_or(Refusal::NoSuchMailbox)?)
        })
    }

    /// One mailbox by key; refused as missing once deleted.
    pub fn mailbox_by_key(&self, mailbox: MailboxKey) -> Result<MailboxInfo, Error> {
        self.0.engine.glance("reading a mailbox", |tx| {
            let found = tx.query_one(
                select_info!("m.account_id = $1 AND m.mailbox_id = $2 AND m.name_key IS NOT NULL"),
                &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
                info_at,
            )?;
            Ok(found.ok_or(Refusal::NoSuchMailbox)?)
        })
    }

    /// Makes a mailbox and its missing parents (RFC 9051 §6.3.4, RFC 6154 §3).
    pub fn create_mailbox(
        &self,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxKey, Error> {
        let name = name.clone();
        self.0.engine.write("creating a mailbox", Weight::Bytes(1_024), move |tx| {
            lock_account(tx, account)?;
            create(tx, account, &name, special_use)
        })
    }

    /// Deletes a mailbox without children (RFC 9051 §6.3.5). Its row becomes a tombstone, so its
    /// size costs nothing (pitfall 72). Returns the key of what is gone, for its `Change`.
    pub fn delete_mailbox(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<MailboxKey, Error> {
        let name = name.clone();
        self.0.engine.write("deleting a mailbox", Weight::Bytes(256), move |tx| {
            lock_account(tx, account)?;
            let mailbox = find(tx, account, &name.key())?.ok_or(Refusal::NoSuchMailbox)?;
            if mailbox == INBOX {
                return Err(Refusal::Cannot("INBOX cannot be deleted").into());
            }
            if !below(tx, account, &name.key())?.is_empty() {
                return Err(Refusal::HasChildren.into());
            }
            tx.execute(
                "UPDATE mailboxes
                 SET name_key = NULL, deleted_at = $3, highest_mod_seq = highest_mod_seq + 1
                 WHERE account_id = $1 AND mailbox_id = $2",
                &[Value::Int(account.0), Value::Int(mailbox.0), Value::Int(tx.now().0)],
            )?;
            Ok(MailboxKey { account, mailbox })
        })
    }
}

/// A stored name.
pub(super) fn name_at(row: &Row<'_>, column: usize) -> Result<MailboxName, Failure> {
    MailboxName::new(row.text(column)?).map_err(|_| row.corrupt("a mailbox name is not one"))
}

/// A stored special use.
pub(super) fn special_use_at(row: &Row<'_>, column: usize) -> Result<Option<SpecialUse>, Failure> {
    let parse = |text| SpecialUse::parse(text).ok_or_else(|| row.corrupt("an unknown special use"));
    row.text_or_null(column)?.map(parse).transpose()
}

pub(super) fn info_at(row: &Row<'_>) -> Result<MailboxInfo, Failure> {
    Ok(MailboxInfo {
        key: MailboxKey { account: AccountId(row.int(0)?), mailbox: MailboxId(row.int(1)?) },
        name: name_at(row, 10)?,
        special_use: special_use_at(row, 9)?,
        subscribed: row.int(11)? != 0,
        uid_validity: UidValidity(row.uint(8)?),
        uid_next: row.uint(2)?,
        highest_mod_seq: ModSeq(row.int(3)?),
        messages: row.uint(4)?,
        unseen: row.uint(5)?,
        deleted: row.uint(6)?,
        bytes: row.uint(7)?,
    })
}

/// The row of a mailbox that is there.
pub(super) fn info_by_name(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Option<MailboxInfo>, Failure> {
    tx.query_one(
        select_info!("m.account_id = $1 AND m.name_key = $2"),
        &[Value::Int(account.0), Value::Text(&name.key())],
        info_at,
    )
}

/// The mailbox behind a key, if it is there.
pub(super) fn find(
    tx: &mut Tx<'_>,
    account: AccountId,
    key: &str,
) -> Result<Option<MailboxId>, Failure> {
    tx.query_one(
        "SELECT mailbox_id FROM mailboxes WHERE account_id = $1 AND name_key = $2",
        &[Value::Int(account.0), Value::Text(key)],
        |row| row.int(0).map(MailboxId),
    )
}

/// Every mailbox below a key, at any depth; not its siblings that begin alike (pitfall 71).
pub(super) fn below(
    tx: &mut Tx<'_>,
    account: AccountId,
    key: &str,
) -> Result<Vec<(MailboxId, MailboxName)>, Failure> {
    let mut children = Vec::new();
    tx.query(
        // '0' is the character after '/'.
        "SELECT mailbox_id, name FROM mailboxes
         WHERE account_id = $1 AND name_key > $2 AND name_key < $3 ORDER BY name_key",
        &[Value::Int(account.0), Value::Text(&format!("{key}/")), Value::Text(&format!("{key}0"))],
        |row| {
            children.push((MailboxId(row.int(0)?), name_at(row, 1)?));
            Ok(())
        },
    )?;
    Ok(children)
}

/// Makes a mailbox and its missing parents; the caller holds the account's lock.
pub(super) fn create(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> Result<MailboxKey, Error> {
    if find(tx, account, &name.key())?.is_some() {
        return Err(Refusal::MailboxExists.into());
    }
    if let Some(special_use) = special_use
        && holder(tx, account, special_use)?.is_some()
    {
        return Err(Refusal::SpecialUseTaken.into()); // RFC 6154 §5.3, pitfall 74
    }
    let name = as_parents_spell(tx, account, name)?;
    let parents = missing_parents(tx, account, &name)?;
    // Before anything is written: a delivery goes on after the refusal.
    let there = tx.query_one(
        "SELECT COUNT(*) FROM mailboxes WHERE account_id = $1 AND name_key IS NOT NULL",
        &[Value::Int(account.0)],
        |row| row.uint::<usize>(0),
    )?;
    let new = parents.len() + 1;
    if there.is_none_or(|there| there.saturating_add(new) > limits::MAILBOXES_PER_ACCOUNT_MAX) {
        return Err(Refusal::Limit("too many mailboxes").into());
    }
    for parent in &parents {
        insert(tx, account, parent, None)?;
    }
    let mailbox = insert(tx, account, &name, special_use)?;
    Ok(MailboxKey { account, mailbox })
}

/// `name` with its nearest parent's own spelling: `work/new` below `Work` is `Work/new`, or LIST
/// would show two trees (pitfall 66).
pub(super) fn as_parents_spell(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<MailboxName, Failure> {
    let mut level = name.parent();
    while let Some(parent) = level {
        if let Some(info) = info_by_name(tx, account, &parent)? {
            let rest = name.as_str().get(parent.as_str().len()..).unwrap_or_default();
            let spelt = MailboxName::new(&format!("{}{rest}", info.name));
            return Ok(spelt.unwrap_or_else(|_| name.clone()));
        }
        level = parent.parent();
    }
    Ok(name.clone())
}

/// Makes every missing parent (RFC 9051 §6.3.4: "the server SHOULD create").
pub(super) fn create_parents(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<(), Failure> {
    let missing = missing_parents(tx, account, name)?;
    missing.iter().try_for_each(|parent| insert(tx, account, parent, None).map(drop))
}

/// The parents that are not there, the outermost first.
fn missing_parents(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Vec<MailboxName>, Failure> {
    let mut missing = Vec::new();
    let mut level = name.parent();
    while let Some(parent) = level {
        if find(tx, account, &parent.key())?.is_some() {
            break;
        }
        level = parent.parent();
        missing.push(parent);
    }
    missing.reverse();
    Ok(missing)
}

/// The mailbox that has a special use.
pub(super) fn holder(
    tx: &mut Tx<'_>,
    account: AccountId,
    special_use: SpecialUse,
) -> Result<Option<MailboxId>, Failure> {
    tx.query_one(
        "SELECT mailbox_id FROM mailboxes
         WHERE account_id = $1 AND special_use = $2 AND name_key IS NOT NULL",
        &[Value::Int(account.0), Value::Text(special_use.as_str())],
        |row| row.int(0).map(MailboxId),
    )
}

/// Adds the row of a mailbox, empty, with a UIDVALIDITY greater than any the account has given out.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> Result<MailboxId, Failure> {
    let (mailbox, uid_validity) = take_mailbox_id(tx, account)?;
    let special_use = special_use.map_or(Value::Null, |used| Value::Text(used.as_str()));
    tx.execute(
        "INSERT INTO mailboxes (account_id, mailbox_id, uid_next, highest_mod_seq, messages,
                unseen, deleted, bytes, oldest_arrived, horizon, uid_validity, special_use, name,
                name_key, deleted_at, scripted)
         VALUES ($1, $2, 1, 1, 0, 0, 0, 0, 0, 0, $3, $4, $5, $6, NULL, COALESCE(
             (SELECT CASE WHEN LENGTH(d.value) > 0 THEN 1 ELSE 0 END FROM metadata d
              WHERE d.account_id = $1 AND d.mailbox_id = 0
                AND d.name = '/shared/imapsieve/script' AND d.value IS NOT NULL), 0))",
        &[
            Value::Int(account.0),
            Value::Int(mailbox.0),
            Value::Int(uid_validity),
            special_use,
            Value::Text(name.as_str()),
            Value::Text(&name.key()),
        ],
    )?;
    Ok(mailbox)
}

/// UIDVALIDITY follows the clock in seconds, as clients expect, and never stands still.
fn take_mailbox_id(tx: &mut Tx<'_>, account: AccountId) -> Result<(MailboxId, i64), Failure> {
    let now = tx.now().seconds().clamp(1, i64::from(u32::MAX));
    tx.query_one(
        "UPDATE accounts
         SET next_mailbox_id = next_mailbox_id + 1,
             last_uid_validity = CASE WHEN last_uid_validity >= $2 THEN last_uid_validity + 1
                                      ELSE $2 END
         WHERE account_id = $1
         RETURNING next_mailbox_id - 1, last_uid_validity",
        &[Value::Int(account.0), Value::Int(now)],
        |row| Ok((MailboxId(row.int(0)?), row.int(1)?)),
    )?
    .ok_or_else(|| tx.corrupt("an account is missing"))
}

/// A UIDVALIDITY greater than any the account has given out.
pub(super) fn take_uid_validity(tx: &mut Tx<'_>, account: AccountId) -> Result<i64, Failure> {
    let now = tx.now().seconds().clamp(1, i64::from(u32::MAX));
    tx.query_one(
        "UPDATE accounts
         SET last_uid_validity = CASE WHEN last_uid_validity >= $2 THEN last_uid_validity + 1
                                      ELSE $2 END
         WHERE account_id = $1
         RETURNING last_uid_validity",
        &[Value::Int(account.0), Value::Int(now)],
        |row| row.int(0),
    )?
    .ok_or_else(|| tx.corrupt("an account is missing"))
}
