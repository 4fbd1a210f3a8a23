//! PostgreSQL: a pool of connections, whole transactions, and what to do when one is lost.
//!
//! A write runs on its caller's thread. It is run again from its beginning if others were in its way
//! (a deadlock, a serialisation failure) or its connection ended, a few times, as long as it is
//! certain that it did not happen. Once COMMIT was sent and its answer is lost, nothing is certain:
//! that is a failure, and whoever asked comes again (pitfall 10).

mod connection;
mod driver;
mod line;
mod settings;
mod trouble;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use r2d2::{Pool, PooledConnection};

use super::{Single, Value};
use crate::crash_point;
use crate::limits;
use crate::model::Timestamp;
use crate::store::failure::DatabaseError;
use crate::store::{Failure, PostgresSettings, migrations};

use connection::{Complaints, Connector, Counts, Shared};
use settings::{Access, Settings};
use trouble::Trouble;

pub(in crate::store) use connection::Db;
pub(in crate::store) use line::Line;
pub(in crate::store) use trouble::{is_bug, is_locked, is_timeout};
pub(in crate::store) use value::Row;

/// The database of the production home.
#[derive(Debug)]
pub(in crate::store) struct Postgres {
    pool: Pool<Connector>,
    shared: Arc<Shared>,
}

impl Postgres {
    /// Connects, and brings the schema up to date. A server that is not there yet is waited for.
    pub(super) fn open(from: &PostgresSettings) -> Result<Self, Failure> {
        let settings = Settings::new(from)?;
        let shared =
            Arc::new(Shared { settings, generation: AtomicU64::new(0), counts: Counts::default() });
        let mut first = connect_first(&shared, from.patience)?;
        migrations::run(&mut super::Schema::Postgres(&mut first))?;
        let pool = Pool::builder()
            .max_size(from.connections)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(from.connect_timeout)
            .error_handler(Box::new(Complaints::default()))
            .build_unchecked(Connector(Arc::clone(&shared)));
        Ok(Self { pool, shared })
    }

    /// See [`super::Engine::read`].
    pub(super) fn read<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        mut run: impl FnMut(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut attempt = Attempt::first();
        loop {
            let mut db = self.begin_reading(doing, &mut attempt)?;
            match db.read(doing, &mut run) {
                Ok(value) => return Ok(value),
                Err(error) => attempt.again(db.trouble()).ok_or(error)?,
            }
        }
    }

    /// See [`super::Engine::read_once`].
    pub(super) fn read_once<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: impl FnOnce(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin_reading(doing, &mut Attempt::first())?.read(doing, run)
    }

    fn begin_reading(
        &self,
        doing: &'static str,
        attempt: &mut Attempt,
    ) -> Result<PooledConnection<Connector>, Failure> {
        loop {
            let mut db = self.take(doing)?;
            match db.begin(Access::Read, doing) {
                Ok(()) => return Ok(db),
                Err(failure) => attempt.again(db.trouble()).ok_or(failure)?,
            }
        }
    }

    /// See [`super::Engine::glance`].
    pub(super) fn glance<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        mut run: impl FnMut(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.shared.settings.is_pooled {
            return self.read(doing, run); // for the sake of the time limits
        }
        let mut attempt = Attempt::first();
        loop {
            let mut db = self.take(doing)?;
            db.begin_single();
            match run(&mut super::Tx::Postgres(Tx { db: &mut db, doing })) {
                Ok(value) => return Ok(value),
                Err(error) => attempt.again(db.trouble()).ok_or(error)?,
            }
        }
    }

    /// See [`super::Engine::write`].
    pub(super) fn write<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        mut run: impl FnMut(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut attempt = Attempt::first();
        loop {
            match self.write_once(doing, &mut run) {
                Ok(value) => return Ok(value),
                Err(Undone { error, trouble, .. }) => attempt.again(trouble).ok_or(error)?,
            }
        }
    }

    fn write_once<T, E: From<Failure>>(
        &self,
        doing: &'static str,
        run: &mut impl FnMut(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, Undone<E>> {
        let undone = |error: E, trouble| Undone { error, trouble, is_certain: true };
        let mut db = self.take(doing).map_err(|failure| undone(failure.into(), None))?;
        if let Err(failure) = db.begin(Access::Write, doing) {
            return Err(undone(failure.into(), db.trouble()));
        }
        let mut tx = super::Tx::Postgres(Tx { db: &mut db, doing });
        let ran = catch_unwind(AssertUnwindSafe(|| run(&mut tx)));
        let result = ran.unwrap_or_else(|_| Err(Failure::Panicked { doing }.into()));
        match result {
            Err(error) => {
                let trouble = db.trouble();
                db.roll_back(doing);
                Err(undone(error, trouble))
            }
            // COMMIT would say "rolled back" and no error.
            Ok(_) if db.trouble().is_some() => {
                db.roll_back(doing);
                let what = "a statement failed and was passed over";
                Err(undone(Failure::Corrupt { doing, what }.into(), None))
            }
            Ok(value) => {
                crash_point!("postgres: written, not committed");
                // What the server itself refuses to commit has certainly not happened.
                let committed = db.commit(doing).map_err(|failure| {
                    let is_certain = db.trouble() != Some(Trouble::Connection);
                    let trouble = db.trouble().filter(|trouble| *trouble == Trouble::Again);
                    Undone { error: failure.into(), trouble, is_certain }
                });
                committed?;
                crash_point!("postgres: committed, not answered");
                Ok(value)
            }
        }
    }

    /// See [`super::Engine::write_single`]. Run again if others were in its way, and for nothing else.
    pub(super) fn write_single<T>(
        &self,
        doing: &'static str,
        mut run: impl FnMut(&mut super::Tx<'_>) -> Result<T, Failure>,
    ) -> Single<T> {
        if self.shared.settings.is_pooled {
            let ran = self.write_once(doing, &mut run);
            return ran.map_or_else(|undone| undone.told(), Single::Done);
        }
        let mut attempt = Attempt::first();
        loop {
            let mut db = match self.take(doing) {
                Ok(db) => db,
                Err(failure) => return Single::Undone(failure),
            };
            db.begin_single();
            let failure = match run(&mut super::Tx::Postgres(Tx { db: &mut db, doing })) {
                Ok(value) => return Single::Done(value),
                Err(failure) => failure,
            };
            // An error that the server tells has undone the statement.
            match db.trouble() {
                Some(Trouble::Connection) => return Single::Unknown(failure),
                Some(Trouble::Again) if attempt.again(db.trouble()).is_some() => {}
                _ => return Single::Undone(failure),
            }
        }
    }

    /// What was sent so far: statements, and round trips.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (u64, u64) {
        self.shared.counts.read()
    }

    /// A connection that is of use, as far as can be told without asking the server.
    fn take(&self, doing: &'static str) -> Result<PooledConnection<Connector>, Failure> {
        loop {
            let db = self.pool.get().map_err(|source| Failure::Database {
                doing,
                source: DatabaseError::NoConnection(source),
            })?;
            if db.is_usable() {
                return Ok(db);
            } // given back, it is dropped
        }
    }
}

impl Db {
    /// Runs `run` in the transaction that was begun, and ends it.
    fn read<T, E: From<Failure>>(
        &mut self,
        doing: &'static str,
        run: impl FnOnce(&mut super::Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = run(&mut super::Tx::Postgres(Tx { db: self, doing }));
        match &result {
            Ok(_) => self.commit(doing)?,
            Err(_) => self.roll_back(doing),
        }
        result
    }
}

/// A transaction that did not happen and may be run again, or one that may have or must not be
/// (`None`).
struct Undone<E> {
    error: E,
    trouble: Option<Trouble>,
    is_certain: bool,
}

impl Undone<Failure> {
    fn told<T>(self) -> Single<T> {
        match self.is_certain {
            true => Single::Undone(self.error),
            false => Single::Unknown(self.error),
        }
    }
}

/// How often something was tried.
struct Attempt {
    made: u32,
    began: Instant,
}

impl Attempt {
    #[expect(clippy::disallowed_methods, reason = "retries are bounded by time")]
    fn first() -> Self {
        Self { made: 1, began: Instant::now() }
    }

    /// Waits a little, unlike others who were in the same trouble; `None` if it has been enough.
    #[expect(clippy::disallowed_methods, reason = "a pool thread may wait")]
    fn again(&mut self, trouble: Option<Trouble>) -> Option<()> {
        let passing = trouble.filter(|trouble| trouble.is_passing())?;
        if self.made >= limits::TRANSACTION_ATTEMPTS_MAX
            || self.began.elapsed() > Duration::from_secs(limits::TRANSACTION_RETRY_SECONDS_MAX)
        {
            return None;
        }
        // The first time a connection is found dead another is taken at once.
        if passing == Trouble::Again || self.made > 1 {
            let spread = u64::from(self.began.elapsed().subsec_nanos()) % 20;
            std::thread::sleep(Duration::from_millis(spread << self.made.min(4)));
        }
        self.made += 1;
        Some(())
    }
}

/// The first connection: a database that comes up after us is waited for.
#[expect(clippy::disallowed_methods, reason = "there is no event to wait for")]
fn connect_first(shared: &Arc<Shared>, patience: Duration) -> Result<Db, Failure> {
    let began = Instant::now();
    loop {
        match Db::connect(shared) {
            Ok(db) => return Ok(db),
            Err(error) => {
                let lasting = trouble::code(&error).is_some() && !Trouble::of(&error).is_passing();
                if lasting || began.elapsed() > patience {
                    return Err(trouble::failure("connecting to the database", error));
                }
                log::warn!("the database cannot be reached yet: {error}");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

/// One transaction on a connection, or one statement on its own.
pub(in crate::store) struct Tx<'c> {
    db: &'c mut Db,
    doing: &'static str,
}

impl<'c> Tx<'c> {
    pub(super) fn new(db: &'c mut Db, doing: &'static str) -> Self {
        Self { db, doing }
    }

    pub(super) fn doing(&self) -> &'static str {
        self.doing
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Failure> {
        self.db.execute(self.doing, sql, values)
    }

    pub(super) fn query_while(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        each: impl FnMut(&super::Row<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        self.db.query_while(self.doing, sql, values, each)
    }

    pub(super) fn again(&mut self) {
        self.db.set_trouble(Trouble::Again);
    }

    pub(super) fn read_whole_tables(&mut self) -> Result<(), Failure> {
        self.db.take_any_time();
        self.db.command(settings::WHOLE_TABLES, self.doing)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.db.now()
    }
}
