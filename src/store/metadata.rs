//! Annotations of mailboxes and of an account as a server (RFC 5464). The server is mailbox 0.
//!
//! They change under their account's lock (invariant 6), which counts the changes: an account's
//! `metadata_mod_seq`. What was removed keeps its row without a value for a while, so that whoever
//! asks what changed is told of it. The special use of a mailbox is shown as the annotation of
//! RFC 6154 §4, and is kept in the mailbox's own row.

use std::collections::HashMap;

use super::accounts::lock_account;
use super::engine::{Row, Tx, Value, Weight};
use super::{Error, Failure, Store, events, mailboxes};
use crate::error::Refusal;
use crate::job::{Annotated, Annotation, AnnotationChange, Change, MailboxAnnotations, MailboxKey};
use crate::limits;
use crate::model::{AccountId, Depth, EntryName, MailboxId, MailboxName, ModSeq, SpecialUse};

/// Under which the annotations of the account itself are kept.
const SERVER: MailboxId = MailboxId::SERVER;

/// The mailboxes of account `$1`, each as often as it has annotations, and at least once.
macro_rules! select_annotations {
    ($where:literal) => {
        concat!(
            "SELECT m.name, m.special_use, d.name, d.value
             FROM mailboxes m
             LEFT JOIN metadata d ON d.account_id = m.account_id
                  AND d.mailbox_id = m.mailbox_id AND d.value IS NOT NULL
             WHERE m.account_id = $1 AND ",
            $where,
            " ORDER BY m.name, d.name"
        )
    };
}

/// Which mailboxes of an account have a script for events of IMAP (RFC 6785 §2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventScripts {
    /// The last change of the account's annotations that this knows.
    pub mod_seq: ModSeq,
    named: HashMap<MailboxId, String>,
}

impl EventScripts {
    /// The name of the script that an event in `mailbox` runs: the server's if the mailbox has none.
    /// An empty name runs none.
    pub fn of(&self, mailbox: MailboxId) -> Option<&str> {
        let named = self.named.get(&mailbox).or_else(|| self.named.get(&SERVER));
        named.map(String::as_str).filter(|name| !name.is_empty())
    }

    /// True if no event of the account runs a script.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Bytes that it takes, roughly.
    pub fn bytes(&self) -> usize {
        self.named.values().map(|name| name.len() + 64).sum()
    }
}

impl Store {
    /// The annotations that `names` reach within `depth`, ascending by name: of the server, of one
    /// mailbox, or of each of an account's mailboxes. One statement.
    pub fn annotations(
        &self,
        account: AccountId,
        of: &Annotated,
        names: &[EntryName],
        depth: Depth,
    ) -> Result<Vec<MailboxAnnotations>, Error> {
        let wanted = Wanted { names, depth };
        match of {
            Annotated::Server => Ok(vec![self.of_server(account, wanted)?]),
            Annotated::Mailbox(name) => {
                let sql = select_annotations!("m.name_key = $2");
                let key = name.key();
                let values = [Value::Int(account.0), Value::Text(&key)];
                let found = self.of_mailboxes(sql, &values, wanted)?;
                Ok(if found.is_empty() { Err(Refusal::NoSuchMailbox)? } else { found })
            }
            Annotated::Mailboxes => {
                let sql = select_annotations!("m.name_key IS NOT NULL");
                Ok(self.of_mailboxes(sql, &[Value::Int(account.0)], wanted)?)
            }
        }
    }

    fn of_server(
        &self,
        account: AccountId,
        wanted: Wanted<'_>,
    ) -> Result<MailboxAnnotations, Failure> {
        self.0.engine.glance("reading annotations", |tx| {
            let mut found = MailboxAnnotations { mailbox: None, entries: Vec::new() };
            tx.query(
                "SELECT name, value FROM metadata
                 WHERE account_id = $1 AND mailbox_id = 0 AND value IS NOT NULL ORDER BY name",
                &[Value::Int(account.0)],
                |row| {
                    found.entries.extend(wanted.annotation_at(row, 0)?);
                    Ok(())
                },
            )?;
            Ok(found)
        })
    }

    fn of_mailboxes(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        wanted: Wanted<'_>,
    ) -> Result<Vec<MailboxAnnotations>, Failure> {
        self.0.engine.glance("reading annotations", |tx| {
            let mut found: Vec<MailboxAnnotations> = Vec::new();
            tx.query(sql, values, |row| {
                let name = mailboxes::name_at(row, 0)?;
                if found.last().is_none_or(|last| last.mailbox.as_ref() != Some(&name)) {
                    let entries = wanted.special_use(row.text_or_null(1)?);
                    found.push(MailboxAnnotations { mailbox: Some(name), entries });
                }
                if let (Some(last), Some(_)) = (found.last_mut(), row.text_or_null(2)?) {
                    last.entries.extend(wanted.annotation_at(row, 2)?);
                }
                Ok(())
            })?;
            found.iter_mut().for_each(|mailbox| mailbox.entries.sort());
            Ok(found)
        })
    }

    /// Sets annotations of a mailbox, or of the server with `None`; those without a value are removed.
    /// All of it happens or nothing (RFC 5464 §4.3). What sessions have to be told.
    pub fn set_annotations(
        &self,
        account: AccountId,
        of: Option<&MailboxName>,
        entries: Vec<(EntryName, Option<Vec<u8>>)>,
    ) -> Result<Change, Error> {
        let key = of.map(MailboxName::key);
        let bytes = entries
            .iter()
            .map(|(name, value)| name.as_str().len() + value.as_ref().map_or(0, Vec::len) + 64);
        let weight = Weight::Bytes(bytes.sum());
        self.0.engine.write("setting annotations", weight, move |tx| {
            lock_account(tx, account)?;
            let mailbox = match &key {
                None => SERVER,
                Some(key) => mailboxes::find(tx, account, key)?.ok_or(Refusal::NoSuchMailbox)?,
            };
            if entries.len() > limits::METADATA_ENTRIES_MAX {
                return Err(Refusal::MetadataTooMany.into());
            }
            let mailbox = MailboxKey { account, mailbox };
            let mod_seq = next_mod_seq(tx, account)?;
            for (name, value) in &entries {
                set(tx, mailbox, mod_seq, name, value.as_deref())?;
            }
            within_limits(tx, mailbox, mod_seq)?;
            if entries.iter().any(|(name, _)| *name == EntryName::event_script()) {
                events::note_scripts(tx, account, of_server_or(mailbox.mailbox))?;
            }
            Ok(change_of(account, mod_seq))
        })
    }

    /// How often the account's annotations have changed by now, and what was set or removed after
    /// `since`, in the order of the changes.
    pub fn changed_annotations(
        &self,
        account: AccountId,
        since: ModSeq,
    ) -> Result<(ModSeq, Vec<AnnotationChange>), Failure> {
        self.0.engine.glance("reading what annotations changed", |tx| {
            let (mut now, mut changed) = (since, Vec::new());
            tx.query(
                "SELECT a.metadata_mod_seq, d.mod_seq, d.name, m.name
                 FROM accounts a
                 LEFT JOIN metadata d ON d.account_id = a.account_id AND d.mod_seq > $2
                 LEFT JOIN mailboxes m ON m.account_id = d.account_id
                      AND m.mailbox_id = d.mailbox_id AND m.name_key IS NOT NULL
                 WHERE a.account_id = $1
                   AND (d.mailbox_id IS NULL OR d.mailbox_id = 0 OR m.name IS NOT NULL)
                 ORDER BY d.mod_seq, m.name, d.name",
                &[Value::Int(account.0), Value::Int(since.0)],
                |row| {
                    now = ModSeq(row.int(0)?);
                    if let Some(mod_seq) = row.int_or_null(1)?.map(ModSeq) {
                        let mailbox = row.text_or_null(3)?.map(|_| mailboxes::name_at(row, 3));
                        let (mailbox, name) = (mailbox.transpose()?, name_at(row, 2)?);
                        changed.push(AnnotationChange { mod_seq, mailbox, name });
                    }
                    Ok(())
                },
            )?;
            Ok((now, changed))
        })
    }

    /// Which mailboxes of an account have a script for events of IMAP (RFC 6785 §2.3.1). One statement.
    pub fn event_scripts(&self, account: AccountId) -> Result<EventScripts, Failure> {
        self.0.engine.glance("reading the scripts for events", |tx| {
            let mut scripts = EventScripts { mod_seq: ModSeq(0), named: HashMap::new() };
            tx.query(
                "SELECT a.metadata_mod_seq, d.mailbox_id, d.value
                 FROM accounts a
                 LEFT JOIN metadata d ON d.account_id = a.account_id
                      AND d.name = '/shared/imapsieve/script' AND d.value IS NOT NULL
                 WHERE a.account_id = $1",
                &[Value::Int(account.0)],
                |row| {
                    scripts.mod_seq = ModSeq(row.int(0)?);
                    if let (Some(mailbox), Some(value)) =
                        (row.int_or_null(1)?, row.bytes_or_null(2)?)
                    {
                        let name = String::from_utf8_lossy(value).into_owned();
                        scripts.named.insert(MailboxId(mailbox), name);
                    }
                    Ok(())
                },
            )?;
            Ok(scripts)
        })
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    names: &'a [EntryName],
    depth: Depth,
}

impl Wanted<'_> {
    fn has(self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted.reaches(name, self.depth))
    }

    /// A name, and behind it a value.
    fn annotation_at(self, row: &Row<'_>, column: usize) -> Result<Option<Annotation>, Failure> {
        if !self.has(row.text(column)?) {
            return Ok(None);
        }
        let value = row.bytes(column + 1)?.to_vec();
        Ok(Some(Annotation { name: name_at(row, column)?, value }))
    }

    /// RFC 6154 §4.
    fn special_use(self, special_use: Option<&str>) -> Vec<Annotation> {
        let name = EntryName::special_use();
        let has = self.has(name.as_str());
        let value = special_use.filter(|_| has).map(|value| value.as_bytes().to_vec());
        value.map(|value| Annotation { name, value }).into_iter().collect()
    }
}

fn name_at(row: &Row<'_>, column: usize) -> Result<EntryName, Failure> {
    EntryName::new(row.text(column)?).ok_or_else(|| row.corrupt("an entry name is not one"))
}

/// The mailbox, or all of them for the server.
fn of_server_or(mailbox: MailboxId) -> Option<MailboxId> {
    (mailbox != SERVER).then_some(mailbox)
}

/// What sessions are told when annotations of an account have changed.
fn change_of(account: AccountId, mod_seq: ModSeq) -> Change {
    Change { mailbox: MailboxKey { account, mailbox: SERVER }, mod_seq }
}

/// Counts one more change; the caller holds the account's lock.
fn next_mod_seq(tx: &mut Tx<'_>, account: AccountId) -> Result<ModSeq, Failure> {
    tx.query_one(
        "UPDATE accounts SET metadata_mod_seq = metadata_mod_seq + 1 WHERE account_id = $1
         RETURNING metadata_mod_seq",
        &[Value::Int(account.0)],
        |row| row.int(0).map(ModSeq),
    )?
    .ok_or_else(|| tx.corrupt("an account is missing"))
}

fn set(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    mod_seq: ModSeq,
    name: &EntryName,
    value: Option<&[u8]>,
) -> Result<(), Error> {
    if value.is_some_and(|value| value.len() > limits::METADATA_VALUE_BYTES_MAX) {
        return Err(Refusal::MetadataTooBig(limits::METADATA_VALUE_BYTES_MAX).into());
    }
    let is_server = mailbox.mailbox == SERVER;
    if is_server && (*name == EntryName::admin() || *name == EntryName::shared_comment()) {
        return Err(Refusal::MetadataReadOnly.into());
    }
    if !is_server && *name == EntryName::special_use() {
        set_special_use(tx, mailbox, value)?;
        return put(tx, mailbox, mod_seq, name, Value::Null).map_err(Error::from);
    }
    match value {
        Some(value) => put(tx, mailbox, mod_seq, name, Value::Bytes(value))?,
        None => remove(tx, mailbox, mod_seq, name)?,
    }
    Ok(())
}

fn put(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    mod_seq: ModSeq,
    name: &EntryName,
    value: Value<'_>,
) -> Result<(), Failure> {
    let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
    tx.execute(
        "INSERT INTO metadata (account_id, mailbox_id, name, mod_seq, value)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, mailbox_id, name) DO UPDATE
         SET mod_seq = excluded.mod_seq, value = excluded.value",
        &[account, number, Value::Text(name.as_str()), Value::Int(mod_seq.0), value],
    )
    .map(drop)
}

fn remove(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    mod_seq: ModSeq,
    name: &EntryName,
) -> Result<(), Failure> {
    let (account, number) = (Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0));
    tx.execute(
        "UPDATE metadata SET mod_seq = $4, value = NULL
         WHERE account_id = $1 AND mailbox_id = $2 AND name = $3 AND value IS NOT NULL",
        &[account, number, Value::Text(name.as_str()), Value::Int(mod_seq.0)],
    )
    .map(drop)
}

/// RFC 6154 §4: checked like that of CREATE. A mailbox has one use at most here, and INBOX none.
fn set_special_use(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    value: Option<&[u8]>,
) -> Result<(), Error> {
    let text = value.map(|value| std::str::from_utf8(value).unwrap_or("?").trim());
    let special_use = match text {
        None | Some("") => None,
        Some(text) => Some(SpecialUse::parse(text).ok_or(Refusal::SpecialUseUnknown)?),
    };
    if special_use.is_some() && mailbox.mailbox == mailboxes::INBOX {
        return Err(Refusal::SpecialUseUnknown.into());
    }
    if let Some(special_use) = special_use {
        let holder = mailboxes::holder(tx, mailbox.account, special_use)?;
        if holder.is_some_and(|holder| holder != mailbox.mailbox) {
            return Err(Refusal::SpecialUseTaken.into());
        }
    }
    tx.execute(
        "UPDATE mailboxes SET special_use = $3 WHERE account_id = $1 AND mailbox_id = $2",
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            special_use.map_or(Value::Null, |used| Value::Text(used.as_str())),
        ],
    )?;
    Ok(())
}

/// Refuses what is too much (RFC 5464 §4.1), and forgets what was removed before if that is too much.
fn within_limits(tx: &mut Tx<'_>, mailbox: MailboxKey, mod_seq: ModSeq) -> Result<(), Error> {
    let counted = count(tx, mailbox)?;
    if counted.entries > limits::METADATA_ENTRIES_MAX
        || counted.bytes > limits::METADATA_BYTES_PER_ACCOUNT_MAX
    {
        return Err(Refusal::MetadataTooMany.into());
    }
    if counted.removed > limits::METADATA_REMOVED_MAX {
        tx.execute(
            "DELETE FROM metadata WHERE account_id = $1 AND value IS NULL AND mod_seq < $2",
            &[Value::Int(mailbox.account.0), Value::Int(mod_seq.0)],
        )?;
    }
    Ok(())
}

/// Entries of a mailbox; bytes and removed ones of its account.
struct Counted {
    entries: usize,
    bytes: usize,
    removed: usize,
}

fn count(tx: &mut Tx<'_>, mailbox: MailboxKey) -> Result<Counted, Failure> {
    tx.query_one(
        "SELECT COUNT(CASE WHEN mailbox_id = $2 THEN value END),
                CAST(COALESCE(SUM(LENGTH(name) + LENGTH(value)), 0) AS BIGINT),
                COUNT(*) - COUNT(value)
         FROM metadata WHERE account_id = $1",
        &[Value::Int(mailbox.account.0), Value::Int(mailbox.mailbox.0)],
        |row| Ok(Counted { entries: row.uint(0)?, bytes: row.uint(1)?, removed: row.uint(2)? }),
    )?
    .ok_or_else(|| tx.corrupt("a count without a row"))
}

/// Gives a mailbox the annotations of another, as RENAME of INBOX does (RFC 5464 §4.1), if there is
/// room for them. What sessions have to be told.
pub(super) fn copy(tx: &mut Tx<'_>, from: MailboxKey, to: MailboxId) -> Result<Change, Failure> {
    let mod_seq = next_mod_seq(tx, from.account)?;
    tx.execute(
        "INSERT INTO metadata (account_id, mailbox_id, name, mod_seq, value)
         SELECT account_id, $3, name, $4, value FROM metadata
         WHERE account_id = $1 AND mailbox_id = $2 AND value IS NOT NULL
           AND (SELECT SUM(LENGTH(d.name) + LENGTH(d.value)
                           + CASE WHEN d.mailbox_id = $2 THEN LENGTH(d.name) + LENGTH(d.value)
                                  ELSE 0 END)
                FROM metadata d WHERE d.account_id = $1) <= $5",
        &[
            Value::Int(from.account.0),
            Value::Int(from.mailbox.0),
            Value::Int(to.0),
            Value::Int(mod_seq.0),
            Value::Int(i64::try_from(limits::METADATA_BYTES_PER_ACCOUNT_MAX).unwrap_or(i64::MAX)),
        ],
    )?;
    events::note_scripts(tx, from.account, Some(to))?;
    Ok(change_of(from.account, mod_seq))
}

/// Gives the annotations of a deleted mailbox to the one that was made for what is restored of it.
pub(super) fn take_over(tx: &mut Tx<'_>, from: MailboxKey, to: MailboxId) -> Result<(), Failure> {
    let mod_seq = next_mod_seq(tx, from.account)?;
    tx.execute(
        "UPDATE metadata SET mailbox_id = $3, mod_seq = $4
         WHERE account_id = $1 AND mailbox_id = $2 AND value IS NOT NULL",
        &[
            Value::Int(from.account.0),
            Value::Int(from.mailbox.0),
            Value::Int(to.0),
            Value::Int(mod_seq.0),
        ],
    )?;
    events::note_scripts(tx, from.account, Some(to))
}
