//! What an error of PostgreSQL means for the transaction it ended.

use tokio_postgres::error::{Severity, SqlState};

use crate::store::Failure;
use crate::store::failure::DatabaseError;

/// What to do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The same again would fail again.
    Lasting,
    /// Others were in the way: the whole transaction may be run again.
    Again,
    /// The connection is of no use any more, nor are those as old as it; a new one may be.
    Connection,
    /// Only this connection is: what it has prepared does not fit the tables any more.
    Prepared,
}

impl Trouble {
    /// Of an error of the driver.
    pub(super) fn of(error: &DatabaseError) -> Self {
        let DatabaseError::Postgres(error) = error else { return Self::Connection };
        let Some(code) = error.code() else {
            // Not from the server: the connection ended, or a value was of a wrong type.
            return if is_conversion(error) { Self::Lasting } else { Self::Connection };
        };
        match *code {
            // No statement of ours divides but to say that what it saw is no longer so.
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::DIVISION_BY_ZERO => Self::Again,
            // A standby took over and we still talk to the old primary, or to the new standby.
            SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::DATABASE_DROPPED
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Connection,
            // "cached plan must not change result type", after a migration by a newer node; and a
            // pooler that gave us another server connection.
            SqlState::FEATURE_NOT_SUPPORTED
            | SqlState::INVALID_SQL_STATEMENT_NAME
            | SqlState::DUPLICATE_PSTATEMENT => Self::Prepared,
            ref other if other.code().starts_with("08") => Self::Connection,
            // The server has hung up, whatever for: it was idle for too long, for one.
            _ if is_the_end(error) => Self::Connection,
            _ => Self::Lasting,
        }
    }

    /// True if the transaction may be run again, once it is certain that it did not happen.
    pub(super) fn is_passing(self) -> bool {
        self != Self::Lasting
    }
}

/// True if the server ends a connection with these words.
fn is_the_end(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(|told| told.parsed_severity());
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

fn is_conversion(error: &tokio_postgres::Error) -> bool {
    error.to_string().starts_with("error serializing parameter")
}

/// The failure that the store tells.
pub(super) fn failure(doing: &'static str, source: DatabaseError) -> Failure {
    match code(&source) {
        Some(&SqlState::DISK_FULL) => Failure::NoSpace { doing },
        Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => {
            Failure::Corrupt { doing, what: "the database says that its files are damaged" }
        }
        _ => Failure::Database { doing, source },
    }
}

/// What the server said was wrong, if it said anything.
pub(super) fn code(error: &DatabaseError) -> Option<&SqlState> {
    match error {
        DatabaseError::Postgres(error) => error.code(),
        _ => None,
    }
}

/// A lock was not to be had in time, or a statement took too long.
pub(in crate::store) fn is_timeout(error: &tokio_postgres::Error) -> bool {
    is_locked(error) || error.code() == Some(&SqlState::QUERY_CANCELED)
}

/// A lock was not to be had in time.
pub(in crate::store) fn is_locked(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Not a matter of load, of locks or of the network: the same statement would fail again.
pub(in crate::store) fn is_bug(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        // 22 data exception, 23 constraint, 25 transaction state, 42 syntax and names
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => false,
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => false, // the operator's
        Some(code) => ["22", "23", "25", "42"].iter().any(|class| code.code().starts_with(class)),
        None => is_conversion(error),
    }
}
