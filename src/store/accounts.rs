//! Accounts and the addresses and password hashes they log in with.

use super::engine::{Engine, Row, Tx, Value, Weight};
use super::{Failure, Store, ids, mailboxes, subscriptions};
use crate::model::{AccountId, Address, MailboxName, SpecialUse};

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its first address, the primary one.
    pub address: Address,
    /// As compat.md stores it: `{BLF-CRYPT}$2b$…` and the like.
    pub password_hash: String,
}

/// What an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFound {
    /// Whose address it is.
    pub account: AccountId,
    /// The account's primary address.
    pub primary: Address,
    /// The hash that belongs to the address asked for.
    pub password_hash: String,
    /// The number of the script that sorts the account's mail.
    pub script: Option<i64>,
}

/// One account, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSummary {
    /// Which.
    pub account: AccountId,
    /// The primary one first.
    pub addresses: Vec<Address>,
    /// Mailboxes it has.
    pub mailboxes: u64,
    /// Messages in them.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An address's place among its account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// The one shown; the account's former primary one steps back.
    Primary,
    /// Another one.
    Further,
}

impl Store {
    /// Makes an account with INBOX and the standard folders, subscribed. `None` if the address
    /// belongs to an account already; of two at the same time one wins (pitfall 138).
    pub fn create_account(&self, new: NewAccount) -> Result<Option<AccountId>, Failure> {
        let made = self.0.engine.write("creating an account", Weight::Bytes(2_048), move |tx| {
            if account_of(tx, &new.address)?.is_some() {
                return Ok(None);
            }
            // Under this row's lock accounts are made one after the other.
            let account = AccountId(ids::take(tx, "account", 1)?);
            let now = tx.now().0;
            tx.execute(
                "INSERT INTO accounts (account_id, created_at, next_mailbox_id, last_uid_validity)
                 VALUES ($1, $2, 1, $3)",
                &[Value::Int(account.0), Value::Int(now), Value::Int(now.div_euclid(1_000_000))],
            )?;
            if !add_credential(tx, account, &new, Rank::Primary)? {
                return Err(Taken::Address);
            }
            create_standard_mailboxes(tx, account)?;
            Ok(Some(account))
        });
        made.or_else(|why| match why {
            Taken::Address => Ok(None),
            Taken::Failed(failure) => Err(failure),
        })
    }

    /// Adds an address with its own password hash to an account, as the primary one if `rank` says
    /// so. False if the address belongs to an account already.
    pub fn add_address(
        &self,
        account: AccountId,
        new: NewAccount,
        rank: Rank,
    ) -> Result<bool, Failure> {
        let added = self.0.engine.write("adding an address", Weight::Bytes(256), move |tx| {
            lock_account(tx, account)?;
            match account_of(tx, &new.address)? {
                Some(_) => Ok(false),
                None if add_credential(tx, account, &new, rank)? => Ok(true),
                None => Err(Taken::Address),
            }
        });
        added.or_else(|why| match why {
            Taken::Address => Ok(false),
            Taken::Failed(failure) => Err(failure),
        })
    }

    /// Replaces the password hash of one address. False if no account has it.
    pub fn update_password(&self, address: &Address, hash: &str) -> Result<bool, Failure> {
        let (address, hash) = (address.clone(), hash.to_owned());
        self.0.engine.write("changing a password", Weight::Bytes(256), move |tx| {
            let changed = tx.execute(
                "UPDATE credentials SET password_hash = $2 WHERE address = $1",
                &[Value::Text(address.as_str()), Value::Text(&hash)],
            )?;
            Ok(changed == 1)
        })
    }

    /// Puts the hash `new` in the place of `old`, for every address of the account that has just that
    /// one. False if none has it any more.
    pub fn replace_password(
        &self,
        account: AccountId,
        old: &str,
        new: &str,
    ) -> Result<bool, Failure> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.0.engine.write("renewing a password hash", Weight::Bytes(256), move |tx| {
            let changed = tx.execute(
                "UPDATE credentials SET password_hash = $3
                 WHERE account_id = $1 AND password_hash = $2",
                &[Value::Int(account.0), Value::Text(&old), Value::Text(&new)],
            )?;
            Ok(changed > 0)
        })
    }

    /// The addresses of an account, the primary one first; none if there is no such account.
    pub fn addresses(&self, account: AccountId) -> Result<Vec<Address>, Failure> {
        self.0.engine.glance("listing addresses", |tx| addresses_of(tx, account))
    }

    /// Every account, in the order they were made.
    pub fn list_accounts(&self) -> Result<Vec<AccountSummary>, Failure> {
        self.0.engine.read("listing accounts", |tx| {
            let mut accounts = Vec::new();
            tx.query(
                "SELECT a.account_id, COUNT(m.mailbox_id),
                        CAST(COALESCE(SUM(m.messages), 0) AS BIGINT),
                        CAST(COALESCE(SUM(m.bytes), 0) AS BIGINT)
                 FROM accounts a
                 LEFT JOIN mailboxes m ON m.account_id = a.account_id AND m.name_key IS NOT NULL
                 WHERE a.deleted_at IS NULL
                 GROUP BY a.account_id ORDER BY a.account_id",
                &[],
                |row| {
                    accounts.push(AccountSummary {
                        account: AccountId(row.int(0)?),
                        addresses: Vec::new(),
                        mailboxes: row.uint(1)?,
                        messages: row.uint(2)?,
                        bytes: row.uint(3)?,
                    });
                    Ok(())
                },
            )?;
            for account in &mut accounts {
                account.addresses = addresses_of(tx, account.account)?;
            }
            Ok(accounts)
        })
    }
}

/// The account that has an address.
pub(super) fn find(engine: &Engine, address: &Address) -> Result<Option<AccountFound>, Failure> {
    engine.glance("finding an account", |tx| {
        tx.query_one(
            "SELECT c.account_id, p.address, c.password_hash, s.script_id
             FROM credentials c
             JOIN credentials p ON p.account_id = c.account_id AND p.is_primary = 1
             LEFT JOIN sieve_scripts s ON s.account_id = c.account_id AND s.is_active = 1
             WHERE c.address = $1",
            &[Value::Text(address.as_str())],
            found_at,
        )
    })
}

pub(super) fn found_at(row: &Row<'_>) -> Result<AccountFound, Failure> {
    Ok(AccountFound {
        account: AccountId(row.int(0)?),
        primary: address_at(row, 1)?,
        password_hash: row.text(2)?.to_owned(),
        script: row.int_or_null(3)?,
    })
}

/// Takes the lock under which an account's names and credentials change (invariant 6).
pub(super) fn lock_account(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Failure> {
    tx.query_one(
        "SELECT account_id FROM accounts WHERE account_id = $1 AND deleted_at IS NULL {lock}",
        &[Value::Int(account.0)],
        |_| Ok(()),
    )?
    .ok_or_else(|| tx.corrupt("an account is missing"))
}

fn account_of(tx: &mut Tx<'_>, address: &Address) -> Result<Option<AccountId>, Failure> {
    tx.query_one(
        "SELECT account_id FROM credentials WHERE address = $1",
        &[Value::Text(address.as_str())],
        |row| row.int(0).map(AccountId),
    )
}

pub(super) fn address_at(row: &Row<'_>, column: usize) -> Result<Address, Failure> {
    Address::new(row.text(column)?).ok_or_else(|| row.corrupt("an address is not one"))
}

fn addresses_of(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<Address>, Failure> {
    let mut addresses = Vec::new();
    tx.query(
        "SELECT address FROM credentials WHERE account_id = $1 ORDER BY is_primary DESC, address",
        &[Value::Int(account.0)],
        |row| {
            addresses.push(address_at(row, 0)?);
            Ok(())
        },
    )?;
    Ok(addresses)
}

/// Why nothing was made.
enum Taken {
    /// Somebody else was faster: nothing of the transaction may stay.
    Address,
    Failed(Failure),
}

impl From<Failure> for Taken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// False if another account has the address, or just got it.
fn add_credential(
    tx: &mut Tx<'_>,
    account: AccountId,
    new: &NewAccount,
    rank: Rank,
) -> Result<bool, Failure> {
    if rank == Rank::Primary {
        tx.execute(
            "UPDATE credentials SET is_primary = 0 WHERE account_id = $1 AND is_primary = 1",
            &[Value::Int(account.0)],
        )?;
    }
    let added = tx.execute(
        "INSERT INTO credentials (address, account_id, password_hash, is_primary, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (address) DO NOTHING",
        &[
            Value::Text(new.address.as_str()),
            Value::Int(account.0),
            Value::Text(&new.password_hash),
            Value::Int(i64::from(rank == Rank::Primary)),
            Value::Int(tx.now().0),
        ],
    )?;
    Ok(added == 1)
}

/// INBOX and one folder for each special use (RFC 6154), all subscribed.
fn create_standard_mailboxes(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Failure> {
    let standard = SpecialUse::ALL.iter().map(|(special_use, _, name)| (*name, Some(*special_use)));
    for (name, special_use) in std::iter::once(("INBOX", None)).chain(standard) {
        let name = MailboxName::new(name).map_err(|_| tx.corrupt("a standard name is not one"))?;
        mailboxes::insert(tx, account, &name, special_use)?;
        subscriptions::insert(tx, account, &name)?;
    }
    Ok(())
}
