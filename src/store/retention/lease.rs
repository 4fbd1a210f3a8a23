//! Leases: one node at a time does a piece of background work, and a dead one's work is taken over.

use super::super::engine::{Value, Weight};
use super::super::{Failure, Store};
use std::time::Duration;

impl Store {
    /// Takes the lease `name` for `holder`, or renews it, for `length` from now by the engine's clock.
    /// False if somebody else holds it.
    pub fn take_lease(&self, name: &str, holder: &str, length: Duration) -> Result<bool, Failure> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        self.0.engine.write("taking a lease", Weight::Bytes(64), move |tx| {
            let now = tx.now().0;
            let taken = tx.execute(
                "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,
                                                  expires_at = excluded.expires_at
                 WHERE leases.holder = excluded.holder OR leases.expires_at <= $4",
                &[
                    Value::Text(&name),
                    Value::Text(&holder),
                    Value::Int(now.saturating_add(length)),
                    Value::Int(now),
                ],
            )?;
            Ok(taken == 1)
        })
    }

    /// Who has the lease `name`, if somebody has.
    pub fn lease_holder(&self, name: &str) -> Result<Option<String>, Failure> {
        self.0.engine.glance("reading a lease", |tx| {
            tx.query_one(
                "SELECT holder FROM leases WHERE name = $1 AND expires_at > $2",
                &[Value::Text(name), Value::Int(tx.now().0)],
                |row| row.text(0).map(str::to_owned),
            )
        })
    }

    /// Gives a lease back, if `holder` still has it.
    pub fn give_lease_back(&self, name: &str, holder: &str) -> Result<(), Failure> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.0.engine.write("giving a lease back", Weight::Bytes(64), move |tx| {
            tx.execute(
                "DELETE FROM leases WHERE name = $1 AND holder = $2",
                &[Value::Text(&name), Value::Text(&holder)],
            )
            .map(drop)
        })
    }
}
