//! SQLite: one file in WAL mode, one writer thread, a few reading connections.
//!
//! An fsync for each commit (`synchronous=FULL`): what was answered survives a power cut.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Sender, bounded};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags};

use super::answer::{self, Awaited};
use super::writer::{self, Job, Weight, Write};
use super::{Value, dialect};
use crate::limits;
use crate::model::Timestamp;
use crate::store::{Failure, migrations};

/// How long to wait for another program that writes to the same file (`sora-admin`, pitfall 147).
const BUSY: Duration = Duration::from_secs(10);

/// The embedded database.
#[derive(Debug)]
pub(in crate::store) struct Sqlite {
    file: PathBuf,
    readers: Mutex<Readers>,
    reader_freed: Condvar,
    /// `None` only while being dropped.
    jobs: Option<Sender<Box<dyn Job>>>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Readers {
    idle: Vec<Db>,
    open: usize,
}

impl Sqlite {
    /// Opens the file, brings its schema up to date, and starts the writer.
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let mut db = Db::open(file)?;
        migrations::run(&mut super::Schema::Sqlite(&mut db))?;
        let (jobs, queue) = bounded(limits::WRITES_WAITING_MAX);
        let writer = std::thread::Builder::new()
            .name("sora-writer".to_owned())
            .spawn(move || writer::serve(db, &queue))
            .map_err(|source| Failure::file("starting the writer", source))?;
        Ok(Self {
            file: file.to_owned(),
            readers: Mutex::default(),
            reader_freed: Condvar::new(),
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    /// See [`super::Engine::read`].
    pub(super) fn read<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = Reader { of: self, db: Some(self.take_reader()?) };
        let Some(db) = reader.db.as_mut() else { return Err(Failure::Closed.into()) };
        db.command("BEGIN", doing)?;
        let result = run(&mut super::Tx::Sqlite(Tx { db, doing }));
        db.command("COMMIT", doing)?;
        result
    }

    /// See [`super::Engine::submit`].
    pub(super) fn submit<T, E>(
        &self,
        doing: &'static str,
        weight: Weight,
        run: impl FnMut(&mut super::Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Awaited<Result<T, E>>, Failure>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
    {
        let (answer, awaited) = answer::answer();
        let job = Box::new(Write { doing, weight, run, result: None, answer });
        let jobs = self.jobs.as_ref().ok_or(Failure::Closed)?;
        jobs.send(job).map_err(|_| Failure::Closed)?;
        Ok(awaited)
    }

    fn take_reader(&self) -> Result<Db, Failure> {
        let mut readers = self.lock_readers();
        loop {
            if let Some(db) = readers.idle.pop() {
                return Ok(db);
            }
            if readers.open < limits::READERS_MAX {
                readers.open += 1;
                break;
            }
            readers = self.reader_freed.wait(readers).unwrap_or_else(PoisonError::into_inner);
        }
        drop(readers);
        Db::open_reader(&self.file).inspect_err(|_| {
            self.lock_readers().open -= 1;
            self.reader_freed.notify_one();
        })
    }

    fn lock_readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sqlite {
    /// What was submitted is still committed.
    fn drop(&mut self) {
        self.lock_readers().idle.clear();
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _joined = writer.join(); // it logs its own panics, having caught them
        }
    }
}

/// A reading connection on loan. One whose transaction ended badly is closed, not given back.
struct Reader<'a> {
    of: &'a Sqlite,
    db: Option<Db>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut readers = self.of.lock_readers();
        match self.db.take() {
            Some(db) if db.connection.is_autocommit() => readers.idle.push(db),
            _ => readers.open -= 1,
        }
        drop(readers);
        self.of.reader_freed.notify_one();
    }
}

/// A connection and the expanded form of each statement it has seen.
#[derive(Debug)]
pub(in crate::store) struct Db {
    connection: Connection,
    /// By the address of the static text: cheaper than hashing it.
    expanded: HashMap<(usize, usize), Box<str>>,
}

impl Db {
    pub(in crate::store) fn open(file: &Path) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Self::connect(file, flags)?;
        db.set(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = {};
             PRAGMA journal_size_limit = {};
             PRAGMA cache_size = -{};",
            limits::WAL_PAGES,
            limits::WAL_BYTES_KEPT,
            limits::WRITER_CACHE_KIB
        ))?;
        Ok(db)
    }

    fn open_reader(file: &Path) -> Result<Self, Failure> {
        // Not read-only: a reader of a WAL database writes to its shared index.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Self::connect(file, flags)?;
        db.set(&format!(
            "PRAGMA query_only = ON; PRAGMA cache_size = -{};",
            limits::READER_CACHE_KIB
        ))?;
        Ok(db)
    }

    fn connect(file: &Path, flags: OpenFlags) -> Result<Self, Failure> {
        let failed = |source| Failure::database("opening the database", source);
        let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(limits::PREPARED_STATEMENTS_MAX);
        // Without it SQLite prepares a statement anew for each value bound where a plan could depend
        // on it: most of what a lookup by address cost.
        let stable = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
        connection.set_db_config(stable, true).map_err(failed)?;
        let db = Self { connection, expanded: HashMap::new() };
        db.set("PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;")?;
        Ok(db)
    }

    fn set(&self, pragmas: &str) -> Result<(), Failure> {
        let set = self.connection.execute_batch(pragmas);
        set.map_err(|source| Failure::database("opening the database", source))
    }

    /// True if no transaction is open, perhaps because an error ended it.
    pub(super) fn is_autocommit(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// Runs a statement without values or rows: BEGIN and its like.
    pub(in crate::store) fn command(&self, sql: &str, doing: &'static str) -> Result<(), Failure> {
        let failed = |source| Failure::database(doing, source);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        statement.raw_execute().map(drop).map_err(failed)
    }

    /// Runs a whole script, as a migration is.
    pub(in crate::store) fn script(&self, sql: &str, doing: &'static str) -> Result<(), Failure> {
        let run = self.connection.execute_batch(&dialect::for_sqlite(sql));
        run.map_err(|source| Failure::database(doing, source))
    }

    /// A transaction that the caller has begun.
    pub(in crate::store) fn tx(&mut self, doing: &'static str) -> super::Tx<'_> {
        super::Tx::Sqlite(Tx { db: self, doing })
    }

    fn prepare(
        &mut self,
        sql: &'static str,
        doing: &'static str,
        values: &[Value<'_>],
    ) -> Result<CachedStatement<'_>, Failure> {
        let key = (sql.as_ptr() as usize, sql.len());
        let expanded =
            self.expanded.entry(key).or_insert_with(|| dialect::for_sqlite(sql).into_boxed_str());
        let failed = |source| Failure::database(doing, source);
        let mut statement = self.connection.prepare_cached(expanded).map_err(failed)?;
        debug_assert_eq!(statement.parameter_count(), values.len(), "{doing}: {sql}");
        for (value, at) in values.iter().zip(1..) {
            statement.raw_bind_parameter::<usize, _>(at, value).map_err(failed)?;
        }
        Ok(statement)
    }
}

/// One transaction on a connection.
pub(in crate::store) struct Tx<'c> {
    db: &'c mut Db,
    doing: &'static str,
}

impl Tx<'_> {
    pub(super) fn doing(&self) -> &'static str {
        self.doing
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Failure> {
        let doing = self.doing;
        let mut statement = self.db.prepare(sql, doing, values)?;
        let changed = statement.raw_execute();
        changed.map(|rows| rows as u64).map_err(|source| Failure::database(doing, source))
    }

    pub(super) fn query_while(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut each: impl FnMut(&super::Row<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let doing = self.doing;
        let mut statement = self.db.prepare(sql, doing, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|source| Failure::database(doing, source))? {
            if !each(&super::Row::Sqlite(Row { row, doing }))? {
                break;
            }
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "the store's clock is the engine's")]
    #[expect(clippy::unused_self, reason = "another engine asks its database")]
    pub(super) fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// One row.
pub(in crate::store) struct Row<'a> {
    row: &'a rusqlite::Row<'a>,
    doing: &'static str,
}

impl Row<'_> {
    fn get(&self, column: usize) -> Result<ValueRef<'_>, Failure> {
        self.row.get_ref(column).map_err(|source| Failure::database(self.doing, source))
    }

    pub(super) fn corrupt(&self, what: &'static str) -> Failure {
        Failure::Corrupt { doing: self.doing, what }
    }

    fn mistyped(&self) -> Failure {
        self.corrupt("a column of another type than the schema says")
    }

    pub(super) fn int(&self, column: usize) -> Result<i64, Failure> {
        self.int_or_null(column)?.ok_or_else(|| self.mistyped())
    }

    pub(super) fn int_or_null(&self, column: usize) -> Result<Option<i64>, Failure> {
        match self.get(column)? {
            ValueRef::Integer(value) => Ok(Some(value)),
            ValueRef::Null => Ok(None),
            _ => Err(self.mistyped()),
        }
    }

    pub(super) fn bytes(&self, column: usize) -> Result<&[u8], Failure> {
        self.bytes_or_null(column)?.ok_or_else(|| self.mistyped())
    }

    pub(super) fn bytes_or_null(&self, column: usize) -> Result<Option<&[u8]>, Failure> {
        match self.get(column)? {
            ValueRef::Blob(value) => Ok(Some(value)),
            ValueRef::Null => Ok(None),
            _ => Err(self.mistyped()),
        }
    }

    pub(super) fn text(&self, column: usize) -> Result<&str, Failure> {
        self.text_or_null(column)?.ok_or_else(|| self.mistyped())
    }

    pub(super) fn text_or_null(&self, column: usize) -> Result<Option<&str>, Failure> {
        match self.get(column)? {
            ValueRef::Text(value) => {
                std::str::from_utf8(value).map(Some).map_err(|_| self.mistyped())
            }
            ValueRef::Null => Ok(None),
            _ => Err(self.mistyped()),
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Self::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Ids(ids) => json(ids.iter().map(|id| format!("{id}"))),
            Self::Ranges(ranges) => {
                json(ranges.iter().map(|(first, last)| format!("[{first},{last}]")))
            }
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Texts(_) | Self::Blobs(_) => {
                return Err(rusqlite::Error::ToSqlConversionFailure("an array".into()));
            }
        })
    }
}

fn json(items: impl Iterator<Item = String>) -> ToSqlOutput<'static> {
    let mut text = String::from("[");
    for item in items {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    ToSqlOutput::Owned(text.into())
}
