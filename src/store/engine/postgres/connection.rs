//! One connection: its session, what it has prepared, and whether it is still of use.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, NoTls, Statement};

use super::super::{Value, dialect};
use super::settings::{Access, Settings};
use super::trouble::{self, Trouble};
use super::value::{Bound, Row};
use crate::limits;
use crate::model::Timestamp;
use crate::store::Failure;

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
    client: Client,
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
    pub(super) fn connect(shared: &Arc<Shared>) -> Result<Self, postgres::Error> {
        Self::connect_as(shared, "sora")
    }

    /// One that the server's administrator sees under `name`.
    #[expect(clippy::disallowed_methods, reason = "the store's clock is the engine's")]
    pub(super) fn connect_as(shared: &Arc<Shared>, name: &str) -> Result<Self, postgres::Error> {
        // Read before: a server that goes while we connect must not leave us looking new.
        let generation = shared.generation.load(Ordering::Acquire);
        let settings = &shared.settings;
        let mut connect = settings.connect.clone();
        connect.application_name(name);
        let mut client = match &settings.tls {
            Some(tls) => connect.connect(tls.clone())?,
            None => connect.connect(NoTls)?,
        };
        if !settings.session.is_empty() {
            client.batch_execute(&settings.session)?;
        }
        let row = client.query_typed_one(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
            &[],
        )?;
        let clock = (Timestamp(row.try_get(0)?), Instant::now());
        Ok(Self {
            client,
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
            && !self.client.is_closed()
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
    pub(super) fn hear(&mut self, wait: Duration) -> Result<Option<String>, postgres::Error> {
        let mut notifications = self.client.notifications();
        let heard = notifications.timeout_iter(wait).next()?;
        Ok(heard.map(|notification| notification.payload().to_owned()))
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
        let ran = self.client.batch_execute(sql);
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
        let ran = self.run(sql, values, |client, prepared, values| match &prepared.statement {
            Some(statement) => {
                let rows = client.query_raw(statement, values)?;
                finish(rows)
            }
            None => {
                let typed = values.iter().map(|value| (value, value.declared()));
                finish(client.query_typed_raw(&prepared.sql, typed)?)
            }
        });
        ran.map_err(|error| self.failed(doing, error))
    }

    /// Runs a query and shows each row until `each` says false.
    pub(super) fn query_while(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        values: &[Value<'_>],
        mut each: impl FnMut(&super::super::Row<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let ran = self.run(sql, values, |client, prepared, values| {
            let mut rows = match &prepared.statement {
                Some(statement) => client.query_raw(statement, values)?,
                None => {
                    let typed = values.iter().map(|value| (value, value.declared()));
                    client.query_typed_raw(&prepared.sql, typed)?
                }
            };
            while let Some(row) = rows.next()? {
                match each(&super::super::Row::Postgres(Row { row: &row, doing })) {
                    Ok(true) => {}
                    Ok(false) => return Ok(Ok(())),
                    Err(failure) => return Ok(Err(failure)),
                }
            }
            Ok(Ok(()))
        });
        ran.unwrap_or_else(|error| Err(self.failed(doing, error)))
    }

    fn run<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        run: impl FnOnce(&mut Client, &Prepared, &[Bound<'_>]) -> Result<T, postgres::Error>,
    ) -> Result<T, postgres::Error> {
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
                let prepared = prepare(&mut self.client, &self.shared, sql, values)?;
                self.prepared.entry(key).or_insert(prepared)
            }
        };
        let bound = bind(values, &prepared.ranges);
        run(&mut self.client, prepared, &bound)
    }

    fn failed(&mut self, doing: &'static str, error: postgres::Error) -> Failure {
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

/// A statement that an INSERT or UPDATE is: read to its end, without its rows.
fn finish(mut rows: postgres::RowIter<'_>) -> Result<u64, postgres::Error> {
    while rows.next()?.is_some() {}
    Ok(rows.rows_affected().unwrap_or(0))
}

fn prepare(
    client: &mut Client,
    shared: &Shared,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Prepared, postgres::Error> {
    let (sql, ranges) = dialect::for_postgres(sql);
    let statement = if shared.settings.is_pooled {
        None
    } else {
        shared.counts.round_trips.fetch_add(1, Ordering::Relaxed);
        let types: Vec<_> = bind(values, &ranges).iter().map(Bound::declared).collect();
        Some(client.prepare_typed(&sql, &types)?)
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
    type Error = postgres::Error;

    fn connect(&self) -> Result<Db, postgres::Error> {
        Db::connect(&self.0)
    }

    fn is_valid(&self, _: &mut Db) -> Result<(), postgres::Error> {
        Ok(()) // never asked: it would cost a round trip each time
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        !db.is_usable() || db.prepared.len() > limits::PREPARED_STATEMENTS_MAX
    }
}

/// Says why there is no connection, once in a while: the pool tries again and again.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Option<Instant>>);

impl r2d2::HandleError<postgres::Error> for Complaints {
    #[expect(clippy::disallowed_methods, reason = "a log is bounded by time")]
    fn handle_error(&self, error: postgres::Error) {
        let now = Instant::now();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = Duration::from_secs(limits::DATABASE_COMPLAINT_SECONDS);
        if said.is_some_and(|said| now.saturating_duration_since(said) < each) {
            return;
        }
        *said = Some(now);
        let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        log::warn!("the database cannot be reached: {error}: {why}");
    }
}
