//! Accounts and the addresses and password hashes they log in with.

use super::{Failure, Store};
use crate::model::{AccountId, Address};

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

impl Store {
    /// Makes an account with INBOX and the standard folders, subscribed. `None` if the address
    /// belongs to an account already; of two at the same time one wins (pitfall 138).
    pub fn create_account(&self, _new: NewAccount) -> Result<Option<AccountId>, Failure> {
        Err(Failure::Closed)
    }

    /// Adds an address with its own password hash to an account, as the primary one if `primary`.
    /// False if the address belongs to an account already.
    pub fn add_address(
        &self,
        _account: AccountId,
        _new: NewAccount,
        _rank: Rank,
    ) -> Result<bool, Failure> {
        Err(Failure::Closed)
    }

    /// Replaces the password hash of one address. False if no account has it.
    pub fn update_password(&self, _address: &Address, _hash: &str) -> Result<bool, Failure> {
        Err(Failure::Closed)
    }

    /// The account that has this address (no `+detail` here: the caller splits it off).
    pub fn account_by_address(&self, _address: &Address) -> Result<Option<AccountFound>, Failure> {
        Err(Failure::Closed)
    }

    /// The addresses of an account, the primary one first; none if there is no such account.
    pub fn addresses(&self, _account: AccountId) -> Result<Vec<Address>, Failure> {
        Err(Failure::Closed)
    }

    /// Every account.
    pub fn list_accounts(&self) -> Result<Vec<AccountSummary>, Failure> {
        Err(Failure::Closed)
    }
}

/// An address's place among its account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// The one shown; the account's former primary one steps back.
    Primary,
    /// Another one.
    Further,
}
