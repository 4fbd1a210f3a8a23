//! Accounts by their addresses.

use std::collections::HashMap;

use super::accounts::{AccountFound, address_at, find, found_at};
use super::engine::Value;
use super::{Failure, Store};
use crate::model::Address;

impl Store {
    /// The account that has this address (no `+detail` here: the caller splits it off).
    pub fn account_by_address(&self, address: &Address) -> Result<Option<AccountFound>, Failure> {
        find(&self.0.engine, address)
    }

    /// Whether one statement looks several addresses up for less than one each would cost: not where the
    /// database is in the process, and not where they may be on several servers.
    pub(crate) fn finds_together(&self) -> bool {
        self.0.finds_together
    }

    /// The accounts that have any of these addresses, by one statement: it begins after everybody it is
    /// for has come, so it sees what each would have seen alone.
    pub(crate) fn accounts_by_addresses(
        &self,
        addresses: &[&Address],
    ) -> Result<HashMap<Address, AccountFound>, Failure> {
        let addresses: Vec<&str> = addresses.iter().map(|address| address.as_str()).collect();
        self.0.engine.glance("finding accounts", |tx| {
            let mut found = HashMap::with_capacity(addresses.len());
            tx.query(
                "SELECT c.account_id, p.address, c.password_hash, s.script_id, c.address
                 FROM credentials c
                 JOIN credentials p ON p.account_id = c.account_id AND p.is_primary = 1
                 LEFT JOIN sieve_scripts s ON s.account_id = c.account_id AND s.is_active = 1
                 WHERE c.address = ANY($1)",
                &[Value::Texts(&addresses)],
                |row| {
                    found.insert(address_at(row, 4)?, found_at(row)?);
                    Ok(())
                },
            )?;
            Ok(found)
        })
    }
}
