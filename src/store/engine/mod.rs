//! The seam between the store's operations and a database: transactions, values and rows.
//!
//! Operations are written once, over this; SQL is written once, in the form that `dialect` expands.
//! A closed enum, not a trait object: a second engine is a second variant, and the compiler lists
//! every place that must know it.

mod answer;
mod dialect;
mod postgres;
mod schema;
mod sqlite;
mod writer;

use std::path::Path;

use super::{Failure, PostgresSettings};
use crate::model::Timestamp;

pub(super) use answer::{Answer, Awaited, answer};
pub(super) use postgres::{
    Line, is_bug as is_postgres_bug, is_locked as is_postgres_locked,
    is_timeout as is_postgres_timeout,
};
pub(super) use schema::Schema;
#[cfg(test)]
pub(super) use sqlite::Db;
pub(super) use writer::Weight;

/// A database.
#[derive(Debug)]
pub(super) enum Engine {
    /// The embedded one.
    Sqlite(sqlite::Sqlite),
    /// That of the production home.
    Postgres(postgres::Postgres),
}

/// What became of a statement that was a transaction of its own.
pub(super) enum Single<T> {
    /// It is committed.
    Done(T),
    /// It has certainly not happened.
    Undone(Failure),
    /// It may have happened.
    Unknown(Failure),
}

/// The answer of a write that others may be waiting for too.
pub(super) enum Pending<T, E> {
    /// Somebody else writes.
    Awaited(Awaited<Result<T, E>>),
    /// It is known already.
    Known(Result<T, E>),
}

impl<T, E: From<Failure>> Pending<T, E> {
    /// Waits for the commit.
    pub(super) fn wait(self) -> Result<T, E> {
        match self {
            Self::Awaited(awaited) => awaited.wait().unwrap_or_else(|| Err(Failure::Closed.into())),
            Self::Known(result) => result,
        }
    }
}

impl Engine {
    /// Opens the embedded database, with its schema brought up to date.
    pub(super) fn sqlite(file: &Path) -> Result<Self, Failure> {
        sqlite::Sqlite::open(file).map(Self::Sqlite)
    }

    /// Connects to PostgreSQL, with its schema brought up to date.
    pub(super) fn postgres(settings: &PostgresSettings) -> Result<Self, Failure> {
        postgres::Postgres::open(settings).map(Self::Postgres)
    }

    /// Runs `run` in one transaction that sees one moment and changes nothing. It may be run again.
    pub(super) fn read<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(doing, run),
            Self::Postgres(postgres) => postgres.read(doing, run),
        }
    }

    /// As `read`, for what must not be run twice, since others see what it does.
    pub(super) fn read_once<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(doing, run),
            Self::Postgres(postgres) => postgres.read_once(doing, run),
        }
    }

    /// Runs the one statement of `run`: on PostgreSQL without the round trips of a transaction. It
    /// may be run again.
    pub(super) fn glance<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(doing, run),
            Self::Postgres(postgres) => postgres.glance(doing, run),
        }
    }

    /// Runs `run` in a transaction and waits for its commit. An error undoes all it did. It may be
    /// run again, so it must touch nothing but the transaction.
    pub(super) fn write<T, E>(
        &self,
        doing: &'static str,
        weight: Weight,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
    {
        self.submit(doing, weight, run).wait()
    }

    /// Runs the one statement of `run`, which writes, on PostgreSQL: committed once it is through.
    pub(super) fn write_single<T>(
        &self,
        doing: &'static str,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, Failure>,
    ) -> Single<T> {
        match self {
            Self::Sqlite(_) => Single::Undone(Failure::Closed),
            Self::Postgres(postgres) => postgres.write_single(doing, run),
        }
    }

    /// True if other nodes may use the same database.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Listens to what other programs say on the same database, on a connection of its own.
    pub(super) fn listen(&self) -> Result<Line, Failure> {
        match self {
            Self::Sqlite(_) => Err(Failure::Closed),
            Self::Postgres(postgres) => postgres.listen(),
        }
    }

    /// Statements sent to PostgreSQL so far, and round trips.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (u64, u64) {
        match self {
            Self::Sqlite(_) => (0, 0),
            Self::Postgres(postgres) => postgres.counts(),
        }
    }

    /// As `write`, by a closure that borrows; only where it runs on this thread.
    pub(super) fn run_write<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(_) => Err(Failure::Closed.into()),
            Self::Postgres(postgres) => postgres.write(doing, run),
        }
    }

    /// As `write`, without waiting yet: what is submitted together is committed together, by the
    /// embedded engine. On PostgreSQL it runs here and now.
    pub(super) fn submit<T, E>(
        &self,
        doing: &'static str,
        weight: Weight,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Pending<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
    {
        match self {
            Self::Sqlite(sqlite) => match sqlite.submit(doing, weight, run) {
                Ok(awaited) => Pending::Awaited(awaited),
                Err(failure) => Pending::Known(Err(failure.into())),
            },
            Self::Postgres(postgres) => Pending::Known(postgres.write(doing, run)),
        }
    }
}

/// What a statement is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// BIGINT.
    Int(i64),
    /// BLOB or BYTEA.
    Bytes(&'a [u8]),
    /// TEXT.
    Text(&'a str),
    /// For `{ids $n}`.
    Ids(&'a [i64]),
    /// For `{ranges $n}`: inclusive, ascending.
    Ranges(&'a [(i64, i64)]),
    /// TEXT[], on PostgreSQL.
    Texts(&'a [&'a str]),
    /// BYTEA[], on PostgreSQL.
    Blobs(&'a [Option<&'a [u8]>]),
    /// NULL.
    Null,
}

/// One transaction.
pub(super) enum Tx<'c> {
    /// Of the embedded database.
    Sqlite(sqlite::Tx<'c>),
    /// Of PostgreSQL.
    Postgres(postgres::Tx<'c>),
}

impl Tx<'_> {
    /// Runs a statement; how many rows it changed.
    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Failure> {
        match self {
            Self::Sqlite(tx) => tx.execute(sql, values),
            Self::Postgres(tx) => tx.execute(sql, values),
        }
    }

    /// Runs a query and shows each row.
    pub(super) fn query(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.query_while(sql, values, |row| each(row).map(|()| true))
    }

    /// Runs a query and shows each row until `each` says false.
    pub(super) fn query_while(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        each: impl FnMut(&Row<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Sqlite(tx) => tx.query_while(sql, values, each),
            Self::Postgres(tx) => tx.query_while(sql, values, each),
        }
    }

    /// Runs a query of which at most one row is wanted.
    pub(super) fn query_one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut found = None;
        // PostgreSQL may still fail after the first row: its answer is heard to the end.
        let goes_on = matches!(self, Self::Postgres(_));
        self.query_while(sql, values, |row| {
            if found.is_none() {
                found = Some(read(row)?);
            }
            Ok(goes_on)
        })?;
        Ok(found)
    }

    /// The engine's clock: this machine's, or on PostgreSQL the server's.
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Sqlite(tx) => tx.now(),
            Self::Postgres(tx) => tx.now(),
        }
    }

    /// Above how many ranges one statement for all of them costs less than one for each: a statement
    /// of SQLite is a call, one of PostgreSQL a round trip.
    pub(super) fn ranges_apart_max(&self) -> usize {
        match self {
            Self::Sqlite(_) => 16,
            Self::Postgres(_) => 1,
        }
    }

    /// Lets this transaction scan and hash whole tables, and take its time over it.
    pub(super) fn read_whole_tables(&mut self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(tx) => tx.read_whole_tables(),
        }
    }

    /// True if others may write at the same time, so that what is read first must be locked first.
    pub(super) fn has_rivals(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What was read is no longer so: the failure that has the transaction run again, where it has
    /// rivals.
    pub(super) fn again(&mut self) -> Failure {
        if let Self::Postgres(tx) = self {
            tx.again();
        }
        self.corrupt("what was read changed again and again")
    }

    /// A rule was found broken.
    pub(super) fn corrupt(&self, what: &'static str) -> Failure {
        match self {
            Self::Sqlite(tx) => Failure::Corrupt { doing: tx.doing(), what },
            Self::Postgres(tx) => Failure::Corrupt { doing: tx.doing(), what },
        }
    }
}

/// One row of a query. Reading a column of another type than asked for is a failure: the schema
/// promises the types.
pub(super) enum Row<'a> {
    /// Of the embedded database.
    Sqlite(sqlite::Row<'a>),
    /// Of PostgreSQL.
    Postgres(postgres::Row<'a>),
}

impl Row<'_> {
    /// A BIGINT.
    pub(super) fn int(&self, column: usize) -> Result<i64, Failure> {
        match self {
            Self::Sqlite(row) => row.int(column),
            Self::Postgres(row) => row.int(column),
        }
    }

    /// A BIGINT that is a count, an identifier or a size: not negative, and fitting `T`.
    pub(super) fn uint<T: TryFrom<i64>>(&self, column: usize) -> Result<T, Failure> {
        T::try_from(self.int(column)?).map_err(|_| self.corrupt("a number out of its range"))
    }

    /// A BIGINT or NULL.
    pub(super) fn int_or_null(&self, column: usize) -> Result<Option<i64>, Failure> {
        match self {
            Self::Sqlite(row) => row.int_or_null(column),
            Self::Postgres(row) => row.int_or_null(column),
        }
    }

    /// A BLOB.
    pub(super) fn bytes(&self, column: usize) -> Result<&[u8], Failure> {
        match self {
            Self::Sqlite(row) => row.bytes(column),
            Self::Postgres(row) => row.bytes(column),
        }
    }

    /// A BLOB or NULL.
    pub(super) fn bytes_or_null(&self, column: usize) -> Result<Option<&[u8]>, Failure> {
        match self {
            Self::Sqlite(row) => row.bytes_or_null(column),
            Self::Postgres(row) => row.bytes_or_null(column),
        }
    }

    /// A TEXT.
    pub(super) fn text(&self, column: usize) -> Result<&str, Failure> {
        match self {
            Self::Sqlite(row) => row.text(column),
            Self::Postgres(row) => row.text(column),
        }
    }

    /// A BIGINT[] without NULLs, or NULL; on PostgreSQL.
    pub(super) fn ints_or_null(&self, column: usize) -> Result<Option<Vec<i64>>, Failure> {
        match self {
            Self::Sqlite(row) => Err(row.corrupt("an array")),
            Self::Postgres(row) => row.ints_or_null(column),
        }
    }

    /// A TEXT[] without NULLs, or NULL; on PostgreSQL.
    pub(super) fn texts_or_null(&self, column: usize) -> Result<Option<Vec<&str>>, Failure> {
        match self {
            Self::Sqlite(row) => Err(row.corrupt("an array")),
            Self::Postgres(row) => row.texts_or_null(column),
        }
    }

    /// A TEXT or NULL.
    pub(super) fn text_or_null(&self, column: usize) -> Result<Option<&str>, Failure> {
        match self {
            Self::Sqlite(row) => row.text_or_null(column),
            Self::Postgres(row) => row.text_or_null(column),
        }
    }

    /// A rule was found broken.
    pub(super) fn corrupt(&self, what: &'static str) -> Failure {
        match self {
            Self::Sqlite(row) => row.corrupt(what),
            Self::Postgres(row) => row.corrupt(what),
        }
    }
}
