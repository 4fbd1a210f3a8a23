//! One connection: its session, what it has prepared, and whether it is still of use.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::Statement;

use super::super::{Value, dialect};
use super::driver::Driver;
use super::settings::{Access, Settings};
use super::trouble::{self, Trouble};
use super::value::{Bound, Row};
use crate::limits;
use crate::model::Timestamp;
use crate::store::Failure;
use crate::store::failure::DatabaseError;

/// What the connections of one store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// Connections older than this are of no use: the server went, or is no longer the primary.
    pub(super) generation: AtomicU64,
    pub(super) counts: Counts,
}

/// What was sent to the server, for tests and figures. Counted, not timed.
#[derive(Debug, Default)]
pub(in crate::store) struct Counts {
    statements: AtomicU64,
    round_trips: AtomicU64,
}

impl Counts {
    /// Statements of the store, and round trips with BEGIN, COMMIT and what was prepared.
    #[cfg(test)]
    pub(super) fn read(&self) -> (u64, u64) {
        (self.statements.load(Ordering::Relaxed), self.round_trips.load(Ordering::Relaxed))
    }
}

/// A connection. Dropped in the middle of a transaction it is not used again.
pub(in crate::store) struct Db {
    driver: Driver,
    shared: Arc<Shared>,
    generation: u64,
    /// By the address of the static text: cheaper than hashing it.
    prepared: HashMap<(usize, usize), Prepared>,
    /// The server's clock when we connected, and ours.
    clock: (Timestamp, Instant),
    in_transaction: bool,
    /// The last error of this transaction: what follows cannot be committed.
    trouble: Option<Trouble>,
}

/// A statement of the store as this connection runs it.
struct Prepared {
    sql: Box<str>,
    /// Which values are ranges.
    ranges: Vec<usize>,
    /// `None` behind a pooler, where what is prepared may be another's next time.
    statement: Option<Statement>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Db {
    pub(super) fn connect(shared: &Arc<Shared>) -> Result<Self, DatabaseError> {
        Self::connect_as(shared, "sora")
    }

    /// One that the server's administrator sees under `name`.
    #[expect(clippy::disallowed_methods, reason = "the store's clock is the engine's")]
    pub(super) fn connect_as(shared: &Arc<Shared>, name: &str) -> Result<Self, DatabaseError> {
        // Read before: a server that goes while we connect must not leave us looking new.
        let generation = shared.generation.load(Ordering::Acquire);
        let settings = &shared.settings;
        let mut driver = connect_to_one(settings, name)?;
        if !settings.session.is_empty() {
            driver.command(&settings.session)?;
        }
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let clock = (Timestamp(driver.number(sql)?), Instant::now());
        driver.set_patience(settings.patience);
        Ok(Self {
            driver,
            shared: Arc::clone(shared),
            generation,
            prepared: HashMap::new(),
            clock,
            in_transaction: false,
            trouble: None,
        })
    }

    /// False once it must not be used again.
    pub(super) fn is_usable(&self) -> bool {
        !self.in_transaction
            && !self.driver.is_closed()
            && self.generation == self.shared.generation.load(Ordering::Acquire)
    }

    /// The server's clock, as far as ours has kept up with it since we connected.
    pub(super) fn now(&self) -> Timestamp {
        let since = i64::try_from(self.clock.1.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.clock.0.0.saturating_add(since))
    }

    pub(super) fn begin(&mut self, access: Access, doing: &'static str) -> Result<(), Failure> {
        self.trouble = None;
        self.in_transaction = true;
        let shared = Arc::clone(&self.shared);
        self.driver.set_patience(shared.settings.patience);
        self.command(shared.settings.begin(access), doing)
    }

    pub(super) fn commit(&mut self, doing: &'static str) -> Result<(), Failure> {
        self.command("COMMIT", doing)?;
        self.in_transaction = false;
        Ok(())
    }

    /// One that cannot be rolled back is not used again.
    pub(super) fn roll_back(&mut self, doing: &'static str) {
        let was = self.trouble;
        if was != Some(Trouble::Connection) && self.command("ROLLBACK", doing).is_ok() {
            self.in_transaction = false;
        }
        self.trouble = was;
    }

    /// A statement of its own is to come, in no transaction.
    pub(super) fn begin_single(&mut self) {
        self.trouble = None;
    }

    /// The last error, since the transaction began.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// What comes by NOTIFY within `wait`; `None` also at the end of the connection.
    pub(super) fn hear(&mut self, wait: Duration) -> Result<Option<String>, DatabaseError> {
        self.driver.hear(wait)
    }

    /// The server may take any time over what follows, until the next transaction.
    pub(in crate::store) fn take_any_time(&mut self) {
        self.driver.set_patience(None);
    }

    /// Ends the transaction as an error of the server would.
    pub(super) fn set_trouble(&mut self, trouble: Trouble) {
        self.trouble = Some(trouble);
    }

    /// Runs what has no values or rows.
    pub(in crate::store) fn command(
        &mut self,
        sql: &str,
        doing: &'static str,
    ) -> Result<(), Failure> {
        self.shared.counts.round_trips.fetch_add(1, Ordering::Relaxed);
        let ran = self.driver.command(sql);
        ran.map_err(|error| self.failed(doing, error))
    }

    /// Runs a whole script, as a migration is.
    pub(in crate::store) fn script(
        &mut self,
        sql: &str,
        doing: &'static str,
    ) -> Result<(), Failure> {
        self.command(&dialect::for_postgres(sql).0, doing)
    }

    /// Runs a statement; how many rows it changed.
    pub(super) fn execute(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Failure> {
        self.run(sql, values, |_| true).map_err(|error| self.failed(doing, error))
    }

    /// Runs a query and shows each row until `each` says false.
    pub(super) fn query_while(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        values: &[Value<'_>],
        mut each: impl FnMut(&super::super::Row<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut seen = Ok(());
        let ran = self.run(sql, values, |row| {
            let more = each(&super::super::Row::Postgres(Row { row, doing }));
            let goes_on = matches!(more, Ok(true));
            seen = more.map(drop);
            goes_on
        });
        match ran {
            Ok(_) => seen,
            Err(error) => Err(self.failed(doing, error)),
        }
    }

    fn run(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        each: impl FnMut(&tokio_postgres::Row) -> bool,
    ) -> Result<u64, DatabaseError> {
        let counts = &self.shared.counts;
        counts.statements.fetch_add(1, Ordering::Relaxed);
        counts.round_trips.fetch_add(1, Ordering::Relaxed);
        if self.shared.settings.log_statements {
            log::info!("database: {}", sql.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let key = (sql.as_ptr() as usize, sql.len());
        let prepared = match self.prepared.get(&key) {
            Some(prepared) => prepared,
            None => {
                let prepared = prepare(&mut self.driver, &self.shared, sql, values)?;
                self.prepared.entry(key).or_insert(prepared)
            }
        };
        let bound = bind(values, &prepared.ranges);
        self.driver.rows(&prepared.sql, prepared.statement.as_ref(), &bound, each)
    }

    fn failed(&mut self, doing: &'static str, error: DatabaseError) -> Failure {
        let trouble = Trouble::of(&error);
        self.trouble = Some(trouble);
        match trouble {
            Trouble::Connection => {
                // All that are as old are, too; those made since are not.
                let generation = &self.shared.generation;
                let (ours, next) = (self.generation, self.generation + 1);
                let order = (Ordering::AcqRel, Ordering::Relaxed);
                let _newer = generation.compare_exchange(ours, next, order.0, order.1);
                self.in_transaction = true; // not used again
            }
            Trouble::Prepared => self.in_transaction = true,
            Trouble::Lasting | Trouble::Again => {}
        }
        trouble::failure(doing, error)
    }
}

/// Connects to the first of the hosts that is there and can be written to.
fn connect_to_one(settings: &Settings, name: &str) -> Result<Driver, DatabaseError> {
    let mut failed = DatabaseError::Ended; // no host at all
    for config in &settings.connect {
        let mut config = config.clone();
        config.application_name(name);
        match Driver::connect(&config, settings.tls.as_ref(), settings.connecting) {
            Ok(driver) => return Ok(driver),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn prepare(
    driver: &mut Driver,
    shared: &Shared,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Prepared, DatabaseError> {
    let (sql, ranges) = dialect::for_postgres(sql);
    let statement = if shared.settings.is_pooled {
        None
    } else {
        shared.counts.round_trips.fetch_add(1, Ordering::Relaxed);
        Some(driver.prepare(&sql, &bind(values, &ranges))?)
    };
    Ok(Prepared { sql: sql.into_boxed_str(), ranges, statement })
}

fn bind<'v>(values: &'v [Value<'v>], ranges: &[usize]) -> Vec<Bound<'v>> {
    let lasts = ranges.iter().filter_map(|number| match values.get(number.checked_sub(1)?)? {
        Value::Ranges(ranges) => Some(Bound::Lasts(ranges)),
        _ => None,
    });
    values.iter().map(Bound::Value).chain(lasts).collect()
}

/// Makes connections for the pool.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Arc<Shared>);

impl r2d2::ManageConnection for Connector {
    type Connection = Db;
    type Error = DatabaseError;

    fn connect(&self) -> Result<Db, DatabaseError> {
        Db::connect(&self.0)
    }

    fn is_valid(&self, _: &mut Db) -> Result<(), DatabaseError> {
        Ok(()) // never asked: it would cost a round trip each time
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        !db.is_usable() || db.prepared.len() > limits::PREPARED_STATEMENTS_MAX
    }
}

/// Says why there is no connection, once in a while: the pool tries again and again.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Option<Instant>>);

impl r2d2::HandleError<DatabaseError> for Complaints {
    #[expect(clippy::disallowed_methods, reason = "a log is bounded by time")]
    fn handle_error(&self, error: DatabaseError) {
        let now = Instant::now();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = Duration::from_secs(limits::DATABASE_COMPLAINT_SECONDS);
        if said.is_some_and(|said| now.saturating_duration_since(said) < each) {
            return;
        }
        *said = Some(now);
        let cause = std::error::Error::source(&error).and_then(std::error::Error::source);
        let why = cause.map(|why| format!(": {why}")).unwrap_or_default();
        log::warn!("the database cannot be reached: {error}{why}");
    }
}
