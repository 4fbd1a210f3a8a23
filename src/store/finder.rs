//! Addresses that are looked up at the same moment, found by one statement (PostgreSQL).
//!
//! A look-up is a round trip of its own, and every RCPT makes one. Whoever comes while nobody asks, asks at
//! once; whoever comes while others do waits for one of them to come back, and then one asks for all who wait.
//! A statement begins after everybody it is for has come, so it sees what each would have seen alone:
//! nothing is kept, and nobody is told what was true before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::accounts::{AccountFound, address_at, found_at};
use super::engine::{Answer, Awaited, Engine, Value, answer};
use super::{Failure, Store};
use crate::limits;
use crate::model::Address;

/// Who asks, and who waits.
#[derive(Debug, Default)]
pub(super) struct Finder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Statements under way.
    asking: usize,
    waiting: Vec<Waiting>,
}

/// Somebody who waits, and for what.
#[derive(Debug)]
struct Waiting(Address, Answer<Turn>);

/// What somebody who waits is told.
#[derive(Debug)]
enum Turn {
    /// The answer.
    Found(Result<Option<AccountFound>, Failure>),
    /// To ask, for all who wait.
    Ask,
}

/// What becomes of somebody who comes.
enum Come {
    Asks(Asking),
    Waits(Awaited<Turn>),
}

impl Finder {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account that has an address.
    pub(super) fn find(
        &self,
        engine: &Engine,
        address: &Address,
    ) -> Result<Option<AccountFound>, Failure> {
        let others = match self.come(address) {
            Come::Asks(asking) => asking,
            Come::Waits(awaited) => match awaited.wait() {
                Some(Turn::Found(found)) => return found,
                Some(Turn::Ask) => self.take(),
                None => return Err(Failure::Closed), // who asked for us panicked
            },
        };
        let _next = Next(self); // asks when we are through, whatever becomes of us
        others.ask(engine, address)
    }

    fn come(&self, address: &Address) -> Come {
        let mut state = self.lock();
        if state.asking < limits::FINDERS {
            state.asking += 1;
            return Come::Asks(Asking(Vec::new()));
        }
        let (told, awaited) = answer();
        state.waiting.push(Waiting(address.clone(), told));
        Come::Waits(awaited)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Those who wait, as many as one statement is for.
    fn take(&self) -> Asking {
        let mut state = self.lock();
        let count = state.waiting.len().min(limits::FOUND_TOGETHER_MAX);
        Asking(state.waiting.drain(..count).collect())
    }
}

/// Gives the turn to the one who has waited longest.
struct Next<'f>(&'f Finder);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.waiting.is_empty() {
            state.asking = state.asking.saturating_sub(1);
            return;
        }
        let Waiting(_, told) = state.waiting.remove(0);
        drop(state);
        told.send(Turn::Ask);
    }
}

/// Those who are asked for beside oneself.
struct Asking(Vec<Waiting>);

impl Asking {
    fn ask(self, engine: &Engine, address: &Address) -> Result<Option<AccountFound>, Failure> {
        if self.0.is_empty() {
            return super::accounts::find(engine, address);
        }
        let all = self.0.iter().map(|Waiting(address, _)| address).chain([address]);
        let all: Vec<&str> = all.map(Address::as_str).collect();
        match find_all(engine, &all) {
            Ok(found) => {
                for Waiting(address, told) in self.0 {
                    told.send(Turn::Found(Ok(found.get(&address).cloned())));
                }
                Ok(found.get(address).cloned())
            }
            Err(failure) => {
                // Each by itself would wait for it as long again.
                let said = failure.to_string();
                for Waiting(_, told) in self.0 {
                    let lost = std::io::Error::other(said.clone());
                    told.send(Turn::Found(Err(Failure::file("finding an account", lost))));
                }
                Err(failure)
            }
        }
    }
}

fn find_all(
    engine: &Engine,
    addresses: &[&str],
) -> Result<HashMap<Address, AccountFound>, Failure> {
    engine.glance("finding accounts", |tx| {
        let mut found = HashMap::new();
        tx.query(
            "SELECT c.account_id, p.address, c.password_hash, s.script_id, c.address
             FROM credentials c
             JOIN credentials p ON p.account_id = c.account_id AND p.is_primary = 1
             LEFT JOIN sieve_scripts s ON s.account_id = c.account_id AND s.is_active = 1
             WHERE c.address = ANY($1)",
            &[Value::Texts(addresses)],
            |row| {
                found.insert(address_at(row, 4)?, found_at(row)?);
                Ok(())
            },
        )?;
        Ok(found)
    })
}

impl Store {
    /// The account that has this address (no `+detail` here: the caller splits it off).
    pub fn account_by_address(&self, address: &Address) -> Result<Option<AccountFound>, Failure> {
        match &self.0.finder {
            Some(finder) => finder.find(&self.0.engine, address),
            None => super::accounts::find(&self.0.engine, address),
        }
    }
}
