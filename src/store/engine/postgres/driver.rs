//! One connection of tokio-postgres, driven by the thread that asks, so that no wait is without an end.
//!
//! The crate `postgres` does the same, and waits for ever: a server that is frozen, or whose machine
//! answers for it, keeps its connections open and says nothing, and neither TCP's keepalives nor its user
//! timeout notice. Here a connection on which nothing moves for longer than any statement may take is
//! given up. What was sent on it may still happen, as after any connection that is lost.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Sleep, sleep, timeout};
use tokio_postgres::tls::{MakeTlsConnect, NoTlsStream};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, Row, Socket, Statement,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::value::Bound;
use crate::store::failure::DatabaseError;

/// A connection, and the little runtime that it needs.
pub(super) struct Driver {
    /// `None` once we are closing it.
    client: Option<Client>,
    wire: Wire,
    /// By NOTIFY, and not asked for yet.
    notifications: VecDeque<String>,
    /// For how long nothing may come; `None` where a statement may take any time.
    patience: Option<Duration>,
    runtime: Runtime,
}

/// The connection below the client: bytes in both directions.
enum Wire {
    Plain(Box<Connection<Socket, NoTlsStream>>),
    Tls(Box<Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>>),
}

impl Wire {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> {
        match self {
            Self::Plain(connection) => connection.poll_message(cx),
            Self::Tls(connection) => connection.poll_message(cx),
        }
    }

    /// Moves all that can be moved now. True at the end of the connection.
    fn drive(
        &mut self,
        cx: &mut Context<'_>,
        notifications: &mut VecDeque<String>,
    ) -> Result<bool, Error> {
        loop {
            match self.poll_message(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) => return Ok(true),
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(Some(Ok(AsyncMessage::Notification(said)))) => {
                    notifications.push_back(said.payload().to_owned());
                }
                Poll::Ready(Some(Ok(_))) => {}
            }
        }
    }
}

impl Driver {
    /// Connects to one host, within `patience` for all of it.
    pub(super) fn connect(
        config: &Config,
        tls: Option<&MakeRustlsConnect>,
        patience: Duration,
    ) -> Result<Self, DatabaseError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(DatabaseError::Runtime)?;
        let connecting = async {
            Ok(match tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, Wire::Tls(Box::new(connection)))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, Wire::Plain(Box::new(connection)))
                }
            })
        };
        let connected = runtime.block_on(async { timeout(patience, connecting).await });
        match connected.map_err(|_| DatabaseError::Silent).and_then(|done| done.map_err(said)) {
            Ok((client, wire)) => {
                let (client, patience) = (Some(client), Some(patience));
                Ok(Self { client, wire, notifications: VecDeque::new(), patience, runtime })
            }
            Err(error) => {
                runtime.shutdown_background(); // a name may still be looked up
                Err(error)
            }
        }
    }

    /// For how long nothing may come, from here on.
    pub(super) fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// True once the connection was found to have ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    /// Runs what has no values or rows.
    pub(super) fn command(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.run(async |client| client.batch_execute(sql).await)
    }

    /// Runs a query without values of which one number is wanted.
    pub(super) fn number(&mut self, sql: &str) -> Result<i64, DatabaseError> {
        self.run(async |client| client.query_typed_one(sql, &[]).await?.try_get(0))
    }

    /// Prepares a statement.
    pub(super) fn prepare(
        &mut self,
        sql: &str,
        values: &[Bound<'_>],
    ) -> Result<Statement, DatabaseError> {
        let types: Vec<_> = values.iter().map(Bound::declared).collect();
        self.run(async |client| client.prepare_typed(sql, &types).await)
    }

    /// Runs a statement and shows each row until `each` says false; how many rows it changed, if it was
    /// heard to its end.
    pub(super) fn rows(
        &mut self,
        sql: &str,
        statement: Option<&Statement>,
        values: &[Bound<'_>],
        mut each: impl FnMut(&Row) -> bool,
    ) -> Result<u64, DatabaseError> {
        self.run(async |client| {
            let rows = match statement {
                Some(statement) => client.query_raw(statement, values).await?,
                None => {
                    let typed = values.iter().map(|value| (value, value.declared()));
                    client.query_typed_raw(sql, typed).await?
                }
            };
            let mut rows = pin!(rows);
            while let Some(row) = poll_fn(|cx| rows.as_mut().poll_next(cx)).await.transpose()? {
                if !each(&row) {
                    break;
                }
            }
            Ok(rows.rows_affected().unwrap_or(0))
        })
    }

    /// What comes by NOTIFY within `wait`; `None` also at the end of the connection.
    pub(super) fn hear(&mut self, wait: Duration) -> Result<Option<String>, DatabaseError> {
        let Self { wire, notifications, runtime, .. } = self;
        let hearing = poll_fn(|cx| {
            if let Some(said) = notifications.pop_front() {
                return Poll::Ready(Ok(Some(said)));
            }
            match wire.drive(cx, notifications) {
                Err(error) => Poll::Ready(Err(said(error))),
                Ok(is_end) => match notifications.pop_front() {
                    None if !is_end => Poll::Pending,
                    heard => Poll::Ready(Ok(heard)),
                },
            }
        });
        runtime.block_on(async { timeout(wait, hearing).await }).unwrap_or(Ok(None))
    }

    /// Drives the connection until `run` is done, or nothing has moved for too long.
    fn run<T>(
        &mut self,
        run: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, DatabaseError> {
        let Self { client, wire, notifications, patience, runtime } = self;
        let Some(client) = client else { return Err(DatabaseError::Ended) };
        runtime.block_on(async {
            let mut running = pin!(run(client));
            let mut silence = pin!(patience.map(Silence::new));
            poll_fn(|cx| {
                if let Err(error) = wire.drive(cx, notifications) {
                    return Poll::Ready(Err(said(error)));
                }
                if let Poll::Ready(done) = running.as_mut().poll(cx) {
                    return Poll::Ready(done.map_err(said));
                }
                match silence.as_mut().as_pin_mut().map(|silence| silence.poll_end(cx)) {
                    Some(Poll::Ready(())) => Poll::Ready(Err(DatabaseError::Silent)),
                    _ => Poll::Pending,
                }
            })
            .await
        })
    }
}

fn said(error: Error) -> DatabaseError {
    DatabaseError::Postgres(error)
}

impl Drop for Driver {
    /// Takes leave, if the server listens.
    fn drop(&mut self) {
        self.client = None;
        let Self { wire, notifications, runtime, .. } = self;
        let leaving = poll_fn(|cx| match wire.drive(cx, notifications) {
            Ok(false) => Poll::Pending,
            Ok(true) | Err(_) => Poll::Ready(()),
        });
        let _left = runtime.block_on(async { timeout(LEAVING, leaving).await });
    }
}

/// For the last words to be on their way.
const LEAVING: Duration = Duration::from_millis(200);

/// Counts the time in which nothing moves, by quarters: a clock that was read each time that something
/// does would cost more than that.
struct Silence {
    quarter: Duration,
    tick: Pin<Box<Sleep>>,
    /// Ticks since something moved.
    quiet: u32,
}

impl Silence {
    fn new(patience: Duration) -> Self {
        let quarter = patience / QUARTERS;
        Self { quarter, tick: Box::pin(sleep(quarter)), quiet: 0 }
    }

    /// Polled whenever something has moved, or a tick is over.
    fn poll_end(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.tick.as_mut().poll(cx).is_pending() {
            self.quiet = 0;
            return Poll::Pending;
        }
        self.quiet += 1;
        if self.quiet >= QUARTERS {
            return Poll::Ready(());
        }
        self.tick = Box::pin(sleep(self.quarter));
        let _not_yet = self.tick.as_mut().poll(cx);
        Poll::Pending
    }
}

const QUARTERS: u32 = 4;
