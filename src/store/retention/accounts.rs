//! Deleting an account, bringing it back, and removing it when its grace is over.
//!
//! A deleted account's mailboxes are deleted in the same moment, INBOX too, and its addresses are put
//! aside: whoever is connected sees its mailbox go, nobody logs in, mail is refused, and the addresses
//! are free for others.

use super::super::engine::{Tx, Value, Weight};
use super::super::{Error, Failure, Store, accounts, mailboxes};
use super::Retention;
use crate::error::Refusal;
use crate::job::{Change, MailboxKey};
use crate::limits;
use crate::model::{AccountId, Address, MailboxId, ModSeq, Timestamp};

/// A deleted account that can still be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedAccount {
    /// Which.
    pub account: AccountId,
    /// The addresses it had, the primary one first.
    pub addresses: Vec<Address>,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// Messages it had.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An account that is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRestored {
    /// The addresses it has again, the primary one first.
    pub addresses: Vec<Address>,
    /// Addresses that others took in the meantime.
    pub taken: Vec<Address>,
    /// Mailboxes that are back.
    pub mailboxes: u64,
}

/// What [`Store::remove_account`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStep {
    /// There may be more to do.
    More,
    /// The account is gone.
    Removed,
    /// It stays for now: it was restored since it was due, or has mailboxes or bodies left.
    Left,
}

impl Store {
    /// Deletes an account: within the grace it can be restored. What sessions have to be told.
    pub fn delete_account(&self, account: AccountId) -> Result<Vec<Change>, Failure> {
        self.0.engine.write("deleting an account", Weight::Bytes(16 * 1024), move |tx| {
            accounts::lock_account(tx, account)?;
            let now = tx.now().0;
            let at = [Value::Int(account.0), Value::Int(now)];
            tx.execute("UPDATE accounts SET deleted_at = $2 WHERE account_id = $1", &at)?;
            tx.execute(
                "INSERT INTO deleted_credentials (account_id, address, password_hash, is_primary,
                        created_at)
                 SELECT account_id, address, password_hash, is_primary, created_at
                 FROM credentials WHERE account_id = $1",
                &at[..1],
            )?;
            tx.execute("DELETE FROM credentials WHERE account_id = $1", &at[..1])?;
            let changes = changes_of(tx, account)?;
            tx.execute(
                "UPDATE mailboxes
                 SET name_key = NULL, deleted_at = $2, highest_mod_seq = highest_mod_seq + 1
                 WHERE account_id = $1 AND name_key IS NOT NULL",
                &at,
            )?;
            Ok(changes)
        })
    }

    /// Deleted accounts that can still be brought back, the last one first.
    pub fn deleted_accounts(&self) -> Result<Vec<DeletedAccount>, Failure> {
        self.0.engine.read("listing deleted accounts", |tx| {
            let mut found = Vec::new();
            tx.query(
                "SELECT a.account_id, a.deleted_at,
                        CAST(COALESCE(SUM(m.messages), 0) AS BIGINT),
                        CAST(COALESCE(SUM(m.bytes), 0) AS BIGINT)
                 FROM accounts a
                 LEFT JOIN mailboxes m ON m.account_id = a.account_id AND m.deleted_at = a.deleted_at
                 WHERE a.deleted_at IS NOT NULL
                   AND EXISTS (SELECT 1 FROM mailboxes i WHERE i.account_id = a.account_id
                               AND i.mailbox_id = $1 AND i.deleted_at = a.deleted_at)
                 GROUP BY a.account_id, a.deleted_at ORDER BY a.deleted_at DESC",
                &[Value::Int(mailboxes::INBOX.0)],
                |row| {
                    found.push(DeletedAccount {
                        account: AccountId(row.int(0)?),
                        addresses: Vec::new(),
                        deleted_at: Timestamp(row.int(1)?),
                        messages: row.uint(2)?,
                        bytes: row.uint(3)?,
                    });
                    Ok(())
                },
            )?;
            for account in &mut found {
                let put_aside = put_aside(tx, account.account)?;
                account.addresses = put_aside.into_iter().map(|(address, _)| address).collect();
            }
            Ok(found)
        })
    }

    /// Brings a deleted account back, with every mailbox that was deleted with it. Refused if others
    /// have all of its addresses by now, or once the cleaner has removed its INBOX: mail to an account
    /// without one would bounce.
    pub fn restore_account(&self, account: AccountId) -> Result<AccountRestored, Error> {
        self.0.engine.write("restoring an account", Weight::Bytes(16 * 1024), move |tx| {
            let deleted_at = tx.query_one(
                "SELECT deleted_at FROM accounts WHERE account_id = $1 {lock}",
                &[Value::Int(account.0)],
                |row| row.int_or_null(0),
            )?;
            let Some(deleted_at) = deleted_at.flatten() else {
                return Err(Refusal::Cannot("the account is not deleted").into());
            };
            let (addresses, taken) = take_back_addresses(tx, account)?;
            if addresses.is_empty() {
                return Err(Refusal::Cannot("others have all of its addresses by now").into());
            }
            let mailboxes = take_back_mailboxes(tx, account, deleted_at)?
                .ok_or(Refusal::Cannot("its grace is over, and its mail is gone"))?;
            tx.execute(
                "UPDATE accounts SET deleted_at = NULL WHERE account_id = $1",
                &[Value::Int(account.0)],
            )?;
            Ok(AccountRestored { addresses, taken, mailboxes })
        })
    }

    /// Deleted accounts whose grace is over, in the order of their numbers from the one after `after`
    /// on, at most `CLEANED_PAGE_ACCOUNTS`.
    pub fn due_accounts(
        &self,
        after: AccountId,
        retention: &Retention,
    ) -> Result<Vec<AccountId>, Failure> {
        self.0.engine.read("looking for accounts to remove", |tx| {
            let cuts = retention.cuts(tx.now());
            let mut due = Vec::new();
            tx.query(
                "SELECT account_id FROM accounts WHERE deleted_at <= $1 AND account_id > $2
                 ORDER BY account_id LIMIT $3",
                &[
                    Value::Int(cuts.grace),
                    Value::Int(after.0),
                    Value::Int(limits::CLEANED_PAGE_ACCOUNTS),
                ],
                |row| {
                    due.push(AccountId(row.int(0)?));
                    Ok(())
                },
            )?;
            Ok(due)
        })
    }

    /// Removes the next piece of what a deleted account has besides mailboxes and bodies; the account
    /// itself when nothing is left.
    pub fn remove_account(
        &self,
        account: AccountId,
        retention: &Retention,
    ) -> Result<AccountStep, Failure> {
        let retention = *retention;
        self.0.engine.write("removing an account", Weight::Bytes(64 * 1024), move |tx| {
            let grace = retention.cuts(tx.now()).grace;
            let due = tx.query_one(
                "SELECT 1 FROM accounts WHERE account_id = $1 AND deleted_at <= $2 {lock}",
                &[Value::Int(account.0), Value::Int(grace)],
                |row| row.int(0),
            )?;
            if due.is_none() {
                return Ok(AccountStep::Left);
            }
            let piece = [Value::Int(account.0), Value::Int(limits::CLEANED_ROWS_MAX)];
            for sql in [
                "DELETE FROM message_ids WHERE account_id = $1 AND hash IN
                     (SELECT hash FROM message_ids WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM deliveries WHERE account_id = $1 AND digest IN
                     (SELECT digest FROM deliveries WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM subscriptions WHERE account_id = $1 AND name_key IN
                     (SELECT name_key FROM subscriptions WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM sieve_scripts WHERE account_id = $1 AND name IN
                     (SELECT name FROM sieve_scripts WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM outbox WHERE account_id = $1 AND outbox_id IN
                     (SELECT outbox_id FROM outbox WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM script_memory WHERE account_id = $1 AND digest IN
                     (SELECT digest FROM script_memory WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM imap_events WHERE account_id = $1 AND (mailbox_id, mod_seq, part) IN
                     (SELECT mailbox_id, mod_seq, part FROM imap_events
                      WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM script_runs WHERE account_id = $1 AND run_id IN
                     (SELECT run_id FROM script_runs WHERE account_id = $1 LIMIT $2)",
                "DELETE FROM metadata WHERE account_id = $1 AND mailbox_id = 0 AND name IN
                     (SELECT name FROM metadata
                      WHERE account_id = $1 AND mailbox_id = 0 LIMIT $2)",
            ] {
                if tx.execute(sql, &piece)? > 0 {
                    return Ok(AccountStep::More);
                }
            }
            let rest = tx.query_one(
                "SELECT (SELECT COUNT(*) FROM mailboxes WHERE account_id = $1)
                      + (SELECT COUNT(*) FROM blobs WHERE account_id = $1)",
                &piece[..1],
                |row| row.int(0),
            )?;
            if rest != Some(0) {
                return Ok(AccountStep::Left);
            }
            tx.execute("DELETE FROM deleted_credentials WHERE account_id = $1", &piece[..1])?;
            tx.execute("DELETE FROM accounts WHERE account_id = $1", &piece[..1])?;
            Ok::<_, Failure>(AccountStep::Removed)
        })
    }
}

/// What the mailboxes of an account will look like to whoever watches them when they have gone.
fn changes_of(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    tx.query(
        "SELECT mailbox_id, highest_mod_seq + 1 FROM mailboxes
         WHERE account_id = $1 AND name_key IS NOT NULL ORDER BY mailbox_id {lock}",
        &[Value::Int(account.0)],
        |row| {
            let mailbox = MailboxKey { account, mailbox: MailboxId(row.int(0)?) };
            changes.push(Change { mailbox, mod_seq: ModSeq(row.int(1)?) });
            Ok(())
        },
    )?;
    Ok(changes)
}

/// Addresses of a deleted account, the primary one first, and whether somebody else has each by now.
fn put_aside(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<(Address, bool)>, Failure> {
    let mut addresses = Vec::new();
    tx.query(
        "SELECT d.address, c.address IS NOT NULL
         FROM deleted_credentials d LEFT JOIN credentials c ON c.address = d.address
         WHERE d.account_id = $1 ORDER BY d.is_primary DESC, d.address",
        &[Value::Int(account.0)],
        |row| {
            addresses.push((accounts::address_at(row, 0)?, row.int(1)? != 0));
            Ok(())
        },
    )?;
    Ok(addresses)
}

/// The addresses that are back and those that others have.
fn take_back_addresses(
    tx: &mut Tx<'_>,
    account: AccountId,
) -> Result<(Vec<Address>, Vec<Address>), Failure> {
    let (taken, free): (Vec<_>, Vec<_>) =
        put_aside(tx, account)?.into_iter().partition(|(_, is_taken)| *is_taken);
    for (number, (address, _)) in free.iter().enumerate() {
        tx.execute(
            "INSERT INTO credentials (address, account_id, password_hash, is_primary, created_at)
             SELECT address, account_id, password_hash, $3, created_at
             FROM deleted_credentials WHERE account_id = $1 AND address = $2",
            &[
                Value::Int(account.0),
                Value::Text(address.as_str()),
                Value::Int(i64::from(number == 0)),
            ],
        )?;
    }
    tx.execute("DELETE FROM deleted_credentials WHERE account_id = $1", &[Value::Int(account.0)])?;
    let names = |list: Vec<(Address, bool)>| list.into_iter().map(|(address, _)| address).collect();
    Ok((names(free), names(taken)))
}

/// Gives the mailboxes that were deleted at that moment their names again: how many. `None` if
/// INBOX is not among them.
fn take_back_mailboxes(
    tx: &mut Tx<'_>,
    account: AccountId,
    deleted_at: i64,
) -> Result<Option<u64>, Failure> {
    let mut found = Vec::new();
    tx.query(
        "SELECT mailbox_id, name FROM mailboxes
         WHERE account_id = $1 AND name_key IS NULL AND deleted_at = $2 ORDER BY mailbox_id {lock}",
        &[Value::Int(account.0), Value::Int(deleted_at)],
        |row| {
            found.push((row.int(0)?, mailboxes::name_at(row, 1)?));
            Ok(())
        },
    )?;
    if !found.iter().any(|(mailbox, _)| *mailbox == mailboxes::INBOX.0) {
        return Ok(None);
    }
    for (mailbox, name) in &found {
        tx.execute(
            "UPDATE mailboxes
             SET name_key = $3, deleted_at = NULL, highest_mod_seq = highest_mod_seq + 1
             WHERE account_id = $1 AND mailbox_id = $2",
            &[Value::Int(account.0), Value::Int(*mailbox), Value::Text(&name.key())],
        )?;
    }
    Ok(Some(found.len() as u64))
}
