//! How a connection is made, and what every session and transaction begins with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::limits;
use crate::store::{Failure, PostgresSettings};

/// Whether a transaction writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Sees one moment, changes nothing.
    Read,
    /// Each statement sees what was committed before it: what counts is read under a lock.
    Write,
}

/// The settings as connections use them.
pub(super) struct Settings {
    /// One for each host: each has its time.
    pub(super) connect: Vec<tokio_postgres::Config>,
    /// For how long a new connection may take to be made, and then to answer.
    pub(super) connecting: Duration,
    /// For how long nothing may come on a connection that is asked something.
    pub(super) patience: Option<Duration>,
    pub(super) tls: Option<MakeRustlsConnect>,
    /// Sent once by a new connection; empty behind a pooler.
    pub(super) session: String,
    read: String,
    write: String,
    /// Behind PgBouncer in transaction mode: nothing of a session lasts beyond its transaction.
    pub(super) is_pooled: bool,
    pub(super) log_statements: bool,
}

impl std::fmt::Debug for Settings {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("is_pooled", &self.is_pooled).finish_non_exhaustive()
    }
}

impl Settings {
    pub(super) fn new(from: &PostgresSettings) -> Result<Self, Failure> {
        let hosts = from.host.split(',').map(str::trim).filter(|host| !host.is_empty());
        // One that does not answer must leave time for the next, and so must one of its addresses.
        let names = u32::try_from(hosts.clone().count()).unwrap_or(u32::MAX).max(1);
        let connecting = from.connect_timeout / names;
        let mut connect = tokio_postgres::Config::new();
        connect
            .user(&from.user)
            .dbname(&from.name)
            .connect_timeout(connecting / 2)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(3)
            // A write to a standby would fail; among several hosts, the primary is wanted.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(if from.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        // A server that is gone without a word must not hold a thread longer than a statement may.
        connect.tcp_user_timeout(from.statement_timeout.max(from.connect_timeout));
        if !from.password.expose().is_empty() {
            connect.password(from.password.expose());
        }
        let connect = hosts.map(|host| connect.clone().host(host).port(from.port).to_owned());
        let connect = connect.collect();
        let tls = from.tls.as_ref().map(|tls| trust(tls.ca_file.as_deref())).transpose()?;
        let local = if from.is_pooled { "LOCAL " } else { "" };
        let sets = sets(local, from.statement_timeout, from.lock_timeout);
        let begin = |how: &str| match from.is_pooled {
            true => format!("BEGIN {how}; {sets}"),
            false => format!("BEGIN {how}"),
        };
        let read = begin("ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        let write = begin("ISOLATION LEVEL READ COMMITTED");
        let session = if from.is_pooled {
            String::new()
        } else {
            format!("SET client_min_messages = warning; {sets}")
        };
        let (is_pooled, log_statements) = (from.is_pooled, from.log_statements);
        // The server itself ends a statement that takes too long, and says so.
        let patience = (!from.statement_timeout.is_zero()).then(|| {
            from.statement_timeout + Duration::from_secs(limits::DATABASE_SILENCE_SECONDS)
        });
        Ok(Self {
            connect,
            connecting,
            patience,
            tls,
            session,
            read,
            write,
            is_pooled,
            log_statements,
        })
    }

    pub(super) fn begin(&self, access: Access) -> &str {
        match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
        }
    }
}

const KEEPALIVE: Duration = Duration::from_secs(15);

/// What every transaction runs under.
///
/// Plans are kept for the life of a connection, and one made while a table was small must not scan
/// it when it is large: every statement of ours finds its rows by an index, one after the other, so
/// nothing else is considered. `check`, which reads whole tables, allows the rest for itself.
fn sets(local: &str, statement_timeout: Duration, lock_timeout: Duration) -> String {
    let milliseconds = |duration: Duration| duration.as_millis();
    format!(
        "SET {local}statement_timeout = {}; SET {local}lock_timeout = {};
         SET {local}idle_in_transaction_session_timeout = {};
         SET {local}enable_seqscan = off; SET {local}enable_hashjoin = off;
         SET {local}enable_mergejoin = off; SET {local}jit = off",
        milliseconds(statement_timeout),
        milliseconds(lock_timeout),
        milliseconds(statement_timeout) * 2,
    )
}

/// For a transaction that reads whole tables.
pub(super) const WHOLE_TABLES: &str = "SET LOCAL statement_timeout = 0;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";

/// TLS that believes the authorities of `ca_file`, or else those of the system.
fn trust(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(wrong)?;
    let config = match ca_file {
        None => {
            let verifier = Verifier::new(provider).map_err(wrong)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        Some(file) => {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(wrong)? {
                roots.add(certificate.map_err(wrong)?).map_err(wrong)?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn wrong(error: impl std::fmt::Display) -> Failure {
    let source = std::io::Error::other(error.to_string());
    Failure::File { doing: "reading the authorities of the database's certificate", source }
}
