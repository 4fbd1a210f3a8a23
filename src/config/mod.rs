//! The settings: one struct a section, one table of keys (`keys.rs`) that reads, prints and explains
//! them. A key enters with the work that reads it.
//!
//! Precedence: flag, then file, then default. [`Config::default`] is what a file starts from: SEED's
//! ports, nothing started. [`Config::embedded`] is what runs where there is no file at all.

mod error;
mod file;
mod flags;
mod keys;
mod nearest;
mod relay;
mod rules;
mod s3;
mod show;
mod unused;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Networks;

pub use error::ConfigError;
pub use flags::Start;
pub use relay::{Relay, RelayProtocol, RelayTls, Remote};
pub use s3::S3;
pub use values::{
    Engine, Hearing, Hidden, Home, Listen, LogOutput, SieveLog, Size, StatusType, Text, duration,
    shown_duration,
};

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the store, bodies, spool and certificate live.
    pub data_dir: PathBuf,
    /// The name in greetings and Received lines; never empty.
    pub hostname: String,
    /// Where the log goes.
    pub log_output: LogOutput,
    /// `[database]`
    pub database: Database,
    /// `[bodies]`
    pub bodies: Bodies,
    /// `[s3]`
    pub s3: S3,
    /// `[local_cache]`
    pub local_cache: LocalCache,
    /// `[uploader]`
    pub uploader: Uploader,
    /// `[cleanup]`
    pub cleanup: Cleanup,
    /// `[sieve]`
    pub sieve: Sieve,
    /// `[relay]`
    pub relay: Relay,
    /// `[servers]`
    pub servers: Servers,
    /// True without a configuration file: an empty store gets the account `me@localhost` and a
    /// welcome message. No key sets it.
    pub first_account: bool,
}

/// `[database]`: where accounts, mailboxes and flags are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The engine.
    pub engine: Engine,
    /// Where PostgreSQL is: names, addresses or the directory of a socket, with commas between.
    pub host: Text,
    /// Its port.
    pub port: u16,
    /// As whom.
    pub user: Text,
    /// And the password.
    pub password: Hidden,
    /// The database.
    pub name: Text,
    /// Whether TLS is spoken with it.
    pub tls: bool,
    /// Whom to believe; the system's authorities if `None`.
    pub tls_ca_file: Option<PathBuf>,
    /// Connections at most.
    pub connections: u32,
    /// PgBouncer in transaction mode is in between.
    pub pgbouncer: bool,
    /// No statement stores messages of two accounts.
    pub one_account_statements: bool,
    /// How this node hears of what others changed.
    pub listen: Hearing,
    /// Between two looks, where it cannot.
    pub poll_interval: Duration,
    /// For a connection to be made or free.
    pub connect_timeout: Duration,
    /// For one statement.
    pub statement_timeout: Duration,
    /// For a row that somebody else has locked.
    pub lock_timeout: Duration,
    /// Write every statement to the log.
    pub log_queries: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine: Engine::Sqlite,
            host: Text("localhost".to_owned()),
            port: 5432,
            user: Text("postgres".to_owned()),
            password: Hidden::default(),
            name: Text("sora_mail_db".to_owned()),
            tls: false,
            tls_ca_file: None,
            connections: 20,
            pgbouncer: false,
            one_account_statements: false,
            listen: Hearing::Listen,
            poll_interval: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            log_queries: false,
        }
    }
}

/// `[bodies]`: where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// The home of bodies over `inline_max`.
    pub home: Home,
    /// Bodies up to this many bytes live in the database itself.
    pub inline_max: Size,
    /// Bytes that messages on their way in may take in `data_dir/spool`, all together.
    pub spool_limit: Size,
}

/// `[local_cache]`: bodies that were read from the bucket, near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCache {
    /// Its directory; `data_dir/cache` if `None`.
    pub path: Option<PathBuf>,
    /// Bytes of all of it; 0 for no cache.
    pub capacity: Size,
    /// Bytes of one body that is kept.
    pub max_object_size: Size,
}

/// `[uploader]`: how bodies come into the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploader {
    /// Bodies that are taken at once.
    pub batch_size: u32,
    /// Bodies that are on their way at once.
    pub concurrency: u32,
    /// Refusals of one body after which it is said loudly.
    pub max_attempts: u32,
    /// From a refusal to the next try.
    pub retry_interval: Duration,
    /// Bodies up to this are staged in the database; larger ones go to the bucket at once.
    pub max_body: Size,
    /// Bytes of all staged bodies above which no more are taken; 0 for no bound.
    pub max_staging_size: Size,
}

/// `[cleanup]`: how long things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// How long what was expunged or deleted can be restored.
    pub grace_period: Duration,
    /// Between two runs of the cleaner; at least a minute.
    pub wake_interval: Duration,
    /// Messages that entered the store longer ago are expunged.
    pub max_age_restriction: Option<Duration>,
}

/// `[sieve]`: what scripts may do, and those of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sieve {
    /// Runs before an account's own script.
    pub before: Option<PathBuf>,
    /// Runs after it.
    pub after: Option<PathBuf>,
    /// The folder of `include :global`.
    pub global: Option<PathBuf>,
    /// The folder of external lists.
    pub lists: Option<PathBuf>,
    /// Which runs are kept for `sora-admin sieve log`.
    pub log: SieveLog,
    /// Runs on events in IMAP, before a mailbox's own script (RFC 6785).
    pub imap_script: Option<PathBuf>,
    /// In which mailboxes.
    pub imap_mailboxes: Text,
    /// On which events.
    pub imap_causes: Text,
    /// Gets what is moved into the mailbox with `\Junk`.
    pub learn_spam: Text,
    /// Gets what is moved out of it.
    pub learn_ham: Text,
    /// Where it is written how certainly a message is spam.
    pub spam: StatusHeader,
    /// Where it is written whether it has a virus.
    pub virus: StatusHeader,
    /// Actions of one run.
    pub max_actions: u32,
    /// Redirects of one run, and notifications.
    pub max_redirects: u32,
    /// Members of a list that a message is sent on to.
    pub max_list_members: u32,
    /// Scripts included in one run.
    pub max_includes: u32,
    /// Scripts that include each other.
    pub max_include_depth: u32,
    /// One string, its variables put in.
    pub max_string_size: Size,
    /// All variables.
    pub max_variables_size: Size,
    /// Commands and tests of one run.
    pub max_instructions: u32,
    /// Bytes that one run may compare.
    pub max_match_steps: u32,
    /// Global variables of one run.
    pub max_globals: u32,
    /// Changes that one run makes to a message.
    pub max_edits: u32,
    /// What one run adds to a message.
    pub max_added_size: Size,
    /// All changed copies of a message that one run makes.
    pub max_copied_size: Size,
    /// Questions of one run to the store.
    pub max_questions: u32,
    /// Lines that are kept of one run.
    pub max_trace_lines: u32,
}

/// The header field that a checker of mail writes, and what it means (RFC 5235).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusHeader {
    /// `NAME`, or `NAME: PATTERN`; empty for none.
    pub header: Text,
    /// How its value is read.
    pub kind: StatusType,
    /// The score, or length, that is certainty.
    pub max_value: u32,
    /// `WORD=NUMBER`, several with commas between.
    pub texts: Text,
}

impl StatusHeader {
    const NONE: Self = Self {
        header: Text(String::new()),
        kind: StatusType::Score,
        max_value: 5,
        texts: Text(String::new()),
    };

    /// The field's name, and the pattern if there is one. `None` if nothing is configured.
    pub fn parts(&self) -> Option<(&str, Option<&str>)> {
        let text = self.header.0.as_str();
        let (name, pattern) = match text.split_once(':') {
            Some((name, pattern)) => (name.trim(), Some(pattern.trim())),
            None => (text, None),
        };
        (!name.is_empty()).then_some((name, pattern.filter(|pattern| !pattern.is_empty())))
    }

    /// The words with their numbers. `None` if it is not written as it should be.
    pub fn words(&self) -> Option<Vec<(String, u8)>> {
        let rows = self.texts.0.split(',').filter(|row| !row.trim().is_empty());
        let row = |row: &str| {
            let (word, number) = row.rsplit_once('=')?;
            Some((word.trim().to_owned(), number.trim().parse().ok()?))
        };
        rows.map(row).collect()
    }
}

/// `[servers]`: what all listeners share, and one section each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// Log in detail.
    pub debug: bool,
    /// Connections in total; the next one is told so and closed.
    pub max_connections: u32,
    /// Connections from one address; loopback is exempt.
    pub max_connections_per_address: u32,
    /// Logged-in connections of one account.
    pub max_connections_per_account: u32,
    /// How long a stop waits for jobs and goodbyes.
    pub shutdown_grace: Duration,
    /// `[servers.imap]`
    pub imap: Imap,
    /// `[servers.lmtp]`
    pub lmtp: Lmtp,
    /// `[servers.pop3]`
    pub pop3: Pop3,
    /// `[servers.managesieve]`
    pub managesieve: ManageSieve,
}

/// `[servers.imap]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imap {
    /// Where it listens.
    pub listener: Listener,
    /// Largest message by APPEND (RFC 7889).
    pub append_limit: Size,
    /// What clients are told of the server (RFC 5464 §6.2.1).
    pub comment: Text,
    /// How to reach whoever runs it, as a URI (RFC 5464 §6.2.2).
    pub admin: Text,
    /// Passwords in the clear are taken from anywhere, not only from loopback.
    pub insecure_auth: bool,
    /// How long a logged-in client may stay silent (RFC 9051 §5.4: at least 30 minutes).
    pub idle_timeout: Duration,
    /// How long a client may take to log in.
    pub login_timeout: Duration,
}

/// `[servers.lmtp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lmtp {
    /// Where it listens.
    pub listener: Listener,
    /// Largest message (RFC 1870).
    pub max_message_size: Size,
    /// How long a peer may stay silent (RFC 5321 §4.5.3.2.7: at least 5 minutes).
    pub timeout: Duration,
    /// The relay, where `[relay]` names none.
    pub external_relay: Option<Remote>,
    /// Proxies that say by XCLIENT for whom they speak.
    pub xclient_from: Networks,
}

/// `[servers.pop3]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3 {
    /// Where it listens.
    pub listener: Listener,
    /// One session a maildrop; the next is told `[IN-USE]`.
    pub exclusive: bool,
    /// Passwords in the clear are taken from anywhere, not only from loopback.
    pub insecure_auth: bool,
    /// How long a logged-in client may stay silent (RFC 1939 §3: at least 10 minutes).
    pub idle_timeout: Duration,
    /// How long a client may take to log in.
    pub login_timeout: Duration,
}

/// `[servers.managesieve]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManageSieve {
    /// Where it listens.
    pub listener: Listener,
    /// Passwords in the clear are taken from anywhere, not only from loopback.
    pub insecure_auth: bool,
    /// Largest script.
    pub max_script_size: Size,
    /// Scripts of one account.
    pub max_scripts: u32,
    /// How long a logged-in client may stay silent (RFC 5804 §1.2: at least 30 minutes).
    pub idle_timeout: Duration,
    /// How long a client may take to log in.
    pub login_timeout: Duration,
}

/// Where one protocol listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Whether it listens at all.
    pub start: bool,
    /// Plain, with STARTTLS; implicit TLS if `tls` is set without `tls_use_starttls`.
    pub addr: Option<Listen>,
    /// Implicit TLS.
    pub tls_addr: Option<Listen>,
    /// SEED's switch: see `addr`.
    pub tls: bool,
    /// With `tls`: the TLS of `addr` is STARTTLS after all.
    pub tls_use_starttls: bool,
    /// PEM chain; with `tls_key_file` or not at all. Without, Sora uses the certificate that it
    /// made for itself in `data_dir`.
    pub tls_cert_file: Option<PathBuf>,
    /// PEM key.
    pub tls_key_file: Option<PathBuf>,
    /// Balancers that say by the PROXY protocol for whom they connect, and must.
    pub proxy_protocol_from: Networks,
}

impl Listener {
    /// The sockets to open: an address, and whether TLS is implicit there. None unless started.
    pub fn sockets(&self) -> impl Iterator<Item = (&Listen, bool)> {
        let implicit = self.tls && !self.tls_use_starttls;
        let plain = self.addr.iter().map(move |addr| (addr, implicit));
        let both = plain.chain(self.tls_addr.iter().map(|addr| (addr, true)));
        both.filter(|_| self.start)
    }

    fn stopped(port: u16) -> Self {
        Self {
            start: false,
            addr: Some(Listen::any(port)),
            tls_addr: None,
            tls: false,
            tls_use_starttls: false,
            tls_cert_file: None,
            tls_key_file: None,
            proxy_protocol_from: Networks::default(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./sora-data"),
            hostname: values::machine_name(),
            log_output: LogOutput::Stderr,
            database: Database::default(),
            bodies: Bodies {
                home: Home::Directory,
                inline_max: Size::kibi(128),
                spool_limit: Size::mebi(1024),
            },
            s3: S3::default(),
            local_cache: LocalCache {
                path: None,
                capacity: Size::mebi(1024),
                max_object_size: Size::mebi(5),
            },
            uploader: Uploader {
                batch_size: 100,
                concurrency: 32,
                max_attempts: 5,
                retry_interval: Duration::from_secs(30),
                max_body: Size::mebi(1),
                max_staging_size: Size::mebi(10 * 1024),
            },
            cleanup: Cleanup {
                grace_period: Duration::from_secs(14 * 86_400),
                wake_interval: Duration::from_secs(3_600),
                max_age_restriction: None,
            },
            sieve: Sieve {
                before: None,
                after: None,
                global: None,
                lists: None,
                log: SieveLog::Errors,
                imap_script: None,
                imap_mailboxes: Text("\\Junk".to_owned()),
                imap_causes: Text("copy".to_owned()),
                learn_spam: Text::default(),
                learn_ham: Text::default(),
                spam: StatusHeader::NONE,
                virus: StatusHeader::NONE,
                max_actions: 32,
                max_redirects: 4,
                max_list_members: 100,
                max_includes: 64,
                max_include_depth: 10,
                max_string_size: Size::kibi(64),
                max_variables_size: Size::mebi(1),
                max_instructions: 1_000_000,
                max_match_steps: 400_000_000,
                max_globals: 1_024,
                max_edits: 256,
                max_added_size: Size::mebi(1),
                max_copied_size: Size::mebi(64),
                max_questions: 256,
                max_trace_lines: 2_000,
            },
            relay: Relay::default(),
            servers: Servers::default(),
            first_account: false,
        }
    }
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            debug: false,
            max_connections: 100_000,
            max_connections_per_address: 1_000,
            max_connections_per_account: 200,
            shutdown_grace: Duration::from_secs(10),
            imap: Imap {
                listener: Listener::stopped(143),
                append_limit: Size::mebi(25),
                comment: Text::default(),
                admin: Text::default(),
                insecure_auth: false,
                idle_timeout: Duration::from_secs(30 * 60),
                login_timeout: Duration::from_secs(60),
            },
            lmtp: Lmtp {
                listener: Listener::stopped(24),
                max_message_size: Size::mebi(50),
                timeout: Duration::from_secs(5 * 60),
                external_relay: None,
                xclient_from: Networks::default(),
            },
            pop3: Pop3 {
                listener: Listener::stopped(110),
                exclusive: false,
                insecure_auth: false,
                idle_timeout: Duration::from_secs(10 * 60),
                login_timeout: Duration::from_secs(60),
            },
            managesieve: ManageSieve {
                listener: Listener::stopped(4190),
                insecure_auth: false,
                max_script_size: Size::kibi(16),
                max_scripts: 32,
                idle_timeout: Duration::from_secs(30 * 60),
                login_timeout: Duration::from_secs(60),
            },
        }
    }
}

impl Config {
    /// What runs without a file: loopback ports, and a first account.
    pub fn embedded() -> Self {
        let mut config = Self { first_account: true, ..Self::default() };
        let imap = &mut config.servers.imap.listener;
        (imap.start, imap.addr) = (true, Some(Listen::loopback(1143)));
        imap.tls_addr = Some(Listen::loopback(1993));
        let lmtp = &mut config.servers.lmtp.listener;
        (lmtp.start, lmtp.addr) = (true, Some(Listen::loopback(2424)));
        let pop3 = &mut config.servers.pop3.listener;
        (pop3.start, pop3.addr) = (true, Some(Listen::loopback(1110)));
        pop3.tls_addr = Some(Listen::loopback(1995));
        let managesieve = &mut config.servers.managesieve.listener;
        (managesieve.start, managesieve.addr) = (true, Some(Listen::loopback(4190)));
        config
    }

    /// Every protocol's listener, with its name.
    pub fn listeners(&self) -> [(&'static str, &Listener); 4] {
        let servers = &self.servers;
        [
            ("imap", &servers.imap.listener),
            ("lmtp", &servers.lmtp.listener),
            ("pop3", &servers.pop3.listener),
            ("managesieve", &servers.managesieve.listener),
        ]
    }
}
