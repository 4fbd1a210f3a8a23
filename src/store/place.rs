//! Where a store is: its directory and its database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ObjectSettings;
use super::batches::Sharing;
use crate::model::Secret;

/// Where a store is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Of this process alone: locks, bodies in files, and the embedded database.
    pub data_dir: PathBuf,
    /// Rows, and what bodies are in them.
    pub database: Database,
    /// Bodies that are not in the database for good: in a bucket, or in files if `None`.
    pub objects: Option<ObjectSettings>,
}

/// Where the rows are.
#[derive(Clone, Debug)]
pub enum Database {
    /// In one file of the data directory.
    Embedded,
    /// On a server that other nodes use, too.
    Postgres(PostgresSettings),
}

/// How to reach PostgreSQL, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// A name, an address or the directory of a Unix socket; several, with commas between, of which
    /// the primary is used.
    pub host: String,
    /// Of all of them.
    pub port: u16,
    /// As whom.
    pub user: String,
    /// Empty for none.
    pub password: Secret,
    /// The database.
    pub name: String,
    /// `None` for no TLS.
    pub tls: Option<PostgresTls>,
    /// At most so many connections.
    pub connections: u32,
    /// PgBouncer in transaction mode is between us and it.
    pub is_pooled: bool,
    /// For a connection to be made, or to be free.
    pub connect_timeout: Duration,
    /// For one statement.
    pub statement_timeout: Duration,
    /// For a row that somebody else has locked.
    pub lock_timeout: Duration,
    /// For the server to be there when the store is opened.
    pub patience: Duration,
    /// Write each statement to the log, without its values.
    pub log_statements: bool,
    /// Deliveries share a statement only with those to the same account.
    pub one_account_statements: bool,
}

impl PostgresSettings {
    pub(super) fn sharing(&self) -> Sharing {
        if self.one_account_statements { Sharing::OneAccount } else { Sharing::Accounts }
    }
}

/// TLS to PostgreSQL: always with a certificate that is checked.
#[derive(Clone, Debug, Default)]
pub struct PostgresTls {
    /// Whom to believe; the system's authorities if `None`.
    pub ca_file: Option<PathBuf>,
}

impl Place {
    /// The embedded store in `data_dir`.
    pub fn embedded(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), database: Database::Embedded, objects: None }
    }

    /// Waits so long for a database that is not there yet.
    pub fn wait_for_database(&mut self, patience: Duration) {
        if let Database::Postgres(settings) = &mut self.database {
            settings.patience = patience;
        }
    }
}
