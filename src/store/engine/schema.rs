//! What a migration runs on: one connection of either engine, before anybody else uses it.

use super::{Tx, postgres, sqlite};
use crate::store::Failure;

/// A connection whose schema is to be brought up to date.
pub(in crate::store) enum Schema<'a> {
    /// To the embedded database.
    Sqlite(&'a mut sqlite::Db),
    /// To PostgreSQL.
    Postgres(&'a mut postgres::Db),
}

/// Taken for the time of a migration: any number does that nobody else in the database uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6009241347)";
/// How long a step waits for a table. All who want it queue behind the step: nodes that run, while
/// somebody reads it for an hour, as a backup does.
const TABLES: &str = "SET LOCAL lock_timeout = '2s'";
/// And how long it then leaves it to them.
const PAUSE: &str = "SELECT pg_sleep(2)";

impl Schema<'_> {
    /// Begins a transaction that no other migration runs beside: a second node waits here, as long
    /// as the first takes.
    pub(in crate::store) fn begin(&mut self, doing: &'static str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => db.command("BEGIN IMMEDIATE", doing),
            Self::Postgres(db) => {
                db.take_any_time();
                db.command(
                    "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0",
                    doing,
                )?;
                db.command(LOCK, doing)?;
                db.command(TABLES, doing)
            }
        }
    }

    /// Waits outside of any transaction.
    pub(in crate::store) fn pause(&mut self, doing: &'static str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => Ok(()), // it waits by itself
            Self::Postgres(db) => db.command(PAUSE, doing),
        }
    }

    /// Ends it: `COMMIT` or `ROLLBACK`.
    pub(in crate::store) fn end(
        &mut self,
        how: &'static str,
        doing: &'static str,
    ) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => db.command(how, doing),
            Self::Postgres(db) => db.command(how, doing),
        }
    }

    /// Runs a whole script.
    pub(in crate::store) fn script(
        &mut self,
        sql: &str,
        doing: &'static str,
    ) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => db.script(sql, doing),
            Self::Postgres(db) => db.script(sql, doing),
        }
    }

    /// For single statements.
    pub(in crate::store) fn tx(&mut self, doing: &'static str) -> Tx<'_> {
        match self {
            Self::Sqlite(db) => db.tx(doing),
            Self::Postgres(db) => Tx::Postgres(postgres::Tx::new(db, doing)),
        }
    }

    /// True if there is a schema at all, as far as can be told without a lock.
    pub(in crate::store) fn is_there(&mut self, doing: &'static str) -> Result<bool, Failure> {
        match self {
            Self::Sqlite(_) => Ok(false), // its lock costs nothing
            Self::Postgres(_) => {
                let mut tx = self.tx(doing);
                let found =
                    tx.query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[], |row| {
                        row.int(0)
                    })?;
                Ok(found == Some(1))
            }
        }
    }
}
