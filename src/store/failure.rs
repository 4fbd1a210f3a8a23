//! What can go wrong below an operation, by who must act: the peer (a refusal) or us (a failure).

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::engine::{is_postgres_bug, is_postgres_locked, is_postgres_timeout};
use crate::error::{Fault, Refusal};
use crate::s3;

/// Why an operation was not done. Nothing of it has happened.
#[derive(Debug)]
pub enum Error {
    /// Understood, and it cannot be.
    Refused(Refusal),
    /// We could not. Logged once by `work`, which sends its [`Fault`].
    Failed(Failure),
}

/// We could not do it, and why.
#[derive(Debug)]
pub enum Failure {
    /// The database said no.
    Database {
        /// Which operation.
        doing: &'static str,
        /// What it said.
        source: DatabaseError,
    },
    /// A file could not be written, read or locked.
    File {
        /// Which operation.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Object storage said no, or nothing.
    Objects {
        /// Which operation.
        doing: &'static str,
        /// What it said.
        source: s3::Error,
    },
    /// The settings cannot be used.
    Settings {
        /// What is wrong, and what to write.
        why: String,
    },
    /// The disk is full.
    NoSpace {
        /// Which operation.
        doing: &'static str,
    },
    /// A row or a body broke a rule we rely on: never retried, always a bug or a damaged disk.
    Corrupt {
        /// Which operation.
        doing: &'static str,
        /// Which rule.
        what: &'static str,
    },
    /// What object storage gave is not what was stored: damaged there, or on its way.
    Spoilt {
        /// Which operation.
        doing: &'static str,
        /// How it shows.
        what: &'static str,
    },
    /// The database was written by a newer Sora.
    SchemaTooNew {
        /// Its version.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// Another daemon has the data directory.
    InUse {
        /// Its lock.
        lock: PathBuf,
    },
    /// The store has been closed.
    Closed,
    /// The operation panicked; the writer lives on.
    Panicked {
        /// Which operation.
        doing: &'static str,
    },
}

/// What a database said.
#[derive(Debug)]
pub enum DatabaseError {
    /// The embedded one.
    Sqlite(rusqlite::Error),
    /// The other one.
    Postgres(tokio_postgres::Error),
    /// There was no connection to be had in time.
    NoConnection(r2d2::Error),
    /// The server has closed the connection without a word.
    Ended,
    /// The server has said nothing for longer than any statement may take, and keeps the connection.
    Silent,
    /// This machine has no means for another connection.
    Runtime(io::Error),
}

impl Failure {
    /// All that a peer may know of it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSpace { .. } => Fault::NoSpace,
            Self::Corrupt { .. } | Self::Panicked { .. } | Self::SchemaTooNew { .. } => {
                Fault::ServerBug
            }
            Self::Database { source, .. } if is_bug(source) => Fault::ServerBug,
            Self::Objects { source: s3::Error::NotFound { .. }, .. } => Fault::ServerBug,
            Self::Objects { .. } | Self::Spoilt { .. } | Self::Settings { .. } => {
                Fault::Unavailable
            }
            Self::Database { .. } | Self::File { .. } | Self::InUse { .. } | Self::Closed => {
                Fault::Unavailable
            }
        }
    }

    /// Others may still be had.
    pub(super) fn is_about_one_body(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Spoilt { .. } | Self::File { .. } => true,
            Self::Objects { source, .. } => !source.is_general(),
            _ => false,
        }
    }

    /// There is no database to be had now.
    pub(super) fn is_without_connection(&self) -> bool {
        matches!(self, Self::Database { source: DatabaseError::NoConnection(_), .. })
    }

    /// Somebody else had what it needed for longer than it waits.
    pub(super) fn is_locked_out(&self) -> bool {
        matches!(self, Self::Database { source: DatabaseError::Postgres(error), .. } if is_postgres_locked(error))
    }

    /// Time was over: who tries again at once waits as long again.
    pub(super) fn is_timeout(&self) -> bool {
        match self {
            Self::Database { source: DatabaseError::Postgres(error), .. } => {
                is_postgres_timeout(error)
            }
            Self::Database {
                source: DatabaseError::NoConnection(_) | DatabaseError::Silent,
                ..
            } => true,
            _ => false,
        }
    }

    /// From the database; a full disk is told apart, since mail then waits elsewhere (452).
    pub(super) fn database(doing: &'static str, source: rusqlite::Error) -> Self {
        let extended = source.sqlite_error().map(|error| error.extended_code);
        match source.sqlite_error_code() {
            // It needs a little room even to open.
            _ if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => Self::NoSpace { doing },
            Some(rusqlite::ErrorCode::DiskFull) => Self::NoSpace { doing },
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Corrupt { doing, what: "the database file is damaged" }
            }
            _ => Self::Database { doing, source: DatabaseError::Sqlite(source) },
        }
    }

    /// From the file system.
    pub(super) fn file(doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { doing },
            _ => Self::File { doing, source },
        }
    }
}

/// Not a matter of load or of the disk: the same statement would fail again.
fn is_bug(source: &DatabaseError) -> bool {
    use rusqlite::ErrorCode::{ConstraintViolation, TypeMismatch, Unknown};
    match source {
        DatabaseError::Sqlite(source) => match source.sqlite_error_code() {
            Some(code) => matches!(code, ConstraintViolation | TypeMismatch | Unknown),
            None => true,
        },
        DatabaseError::Postgres(source) => is_postgres_bug(source),
        DatabaseError::NoConnection(_)
        | DatabaseError::Ended
        | DatabaseError::Silent
        | DatabaseError::Runtime(_) => false,
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            // Its own words are in its source; the details of a row are not for the log.
            Self::Postgres(error) => match error.as_db_error() {
                Some(said) => write!(f, "{} ({})", said.message(), said.code().code()),
                None => error.fmt(f),
            },
            Self::NoConnection(error) => error.fmt(f),
            Self::Ended => f.write_str("the connection has ended"),
            Self::Silent => f.write_str("the server does not answer; the connection is given up"),
            Self::Runtime(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sqlite(error) => Some(error),
            Self::Postgres(error) => Some(error),
            Self::NoConnection(error) => Some(error),
            Self::Ended | Self::Silent => None,
            Self::Runtime(error) => Some(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database { doing, source } => write!(f, "{doing}: database: {source}"),
            Self::File { doing, source } => write!(f, "{doing}: {source}"),
            Self::Objects { doing, source } => write!(f, "{doing}: {source}"),
            Self::Settings { why } => f.write_str(why),
            Self::NoSpace { doing } => write!(f, "{doing}: the disk is full"),
            Self::Corrupt { doing, what } => write!(f, "{doing}: damaged data: {what}"),
            Self::Spoilt { doing, what } => write!(f, "{doing}: {what}"),
            Self::SchemaTooNew { found, known } => write!(
                f,
                "the database has schema {found}, written by a newer Sora; this one knows up to {known}"
            ),
            Self::InUse { lock } => write!(
                f,
                "another sora daemon uses this data directory (it holds {})",
                lock.display()
            ),
            Self::Closed => f.write_str("the store is closed"),
            Self::Panicked { doing } => write!(f, "{doing}: panicked"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database { source, .. } => Some(source),
            Self::File { source, .. } => Some(source),
            Self::Objects { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
