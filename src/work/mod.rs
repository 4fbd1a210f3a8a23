//! Work: runs the jobs of sessions against the store, on threads that may wait.
//!
//! The only place that knows both [`Job`] and the store. A loop hands a job to [`Work::submit`],
//! which never waits; the reply comes home through the loop's [`Mailbag`]. A change goes to the loops
//! that watch its mailbox, and to no other.

mod changes;
pub mod cleaner;
mod clock;
mod command;
mod deliver;
mod events;
mod facts;
mod holder;
mod login;
mod lru;
mod mailbag;
mod maildrops;
mod metadata;
mod nodes;
pub mod notify;
mod outbox;
mod parts;
pub mod password;
mod pool;
mod recipients;
mod run;
mod scripts;
mod search;
mod snapshots;
mod sorting;
mod spool;
#[cfg(test)]
mod tests;
mod trace;
mod upkeep;
mod uploader;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config};
use crate::error::{Fault, Refusal};
use crate::job::{Change, DeliveryProblem, FlagSet, Job, MailboxKey, Recipient};
use crate::model::{AccountId, Address, MailboxName, Timestamp};
use crate::s3;
use crate::store::{
    CacheSettings, Database, Failure, NewBody, NewMessage, ObjectSettings, Place, PostgresSettings,
    PostgresTls, Retention, Store,
};

pub use changes::Changes;
pub(crate) use clock::zone_minutes;
pub use deliver::{Arrival, DeliveryHook};
pub use login::{Authenticator, Outcome};
pub use mailbag::{Letters, Mailbag, ReplyTo};
pub use metadata::ServerNotes;
pub use nodes::{Hearing, NodeSettings};
pub use notify::{tell, tell_post};
pub use outbox::RelaySettings;
pub use pool::{Done, Lane, Pool, Run};
pub(crate) use sorting::ScriptSite;
pub use sorting::{KeptRuns, SieveSettings, SiteEvents};
pub use uploader::UploadSettings;

/// What work reads of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the spool and the notify socket are.
    pub data_dir: PathBuf,
    /// Our name in Received lines.
    pub hostname: String,
    /// Bytes of all spooled messages together.
    pub spool_bytes_max: u64,
    /// Connections logged in to one account.
    pub connections_per_account_max: u32,
    /// How long things are kept.
    pub retention: Retention,
    /// Between two runs of the cleaner.
    pub cleaned_every: Duration,
    /// How staged bodies are moved.
    pub uploads: UploadSettings,
    /// How nodes keep each other informed.
    pub nodes: NodeSettings,
    /// How mail is sorted.
    pub sieve: SieveSettings,
    /// Who takes the mail that leaves, if anybody does.
    pub relay: Option<RelaySettings>,
    /// For how long mail that could not be sent is kept.
    pub failed_mail_kept: Duration,
}

impl Settings {
    /// What the configuration says.
    pub fn of(config: &Config) -> Self {
        Self {
            data_dir: config.data_dir.clone(),
            hostname: config.hostname.clone(),
            spool_bytes_max: config.bodies.spool_limit.0,
            connections_per_account_max: config.servers.max_connections_per_account,
            retention: Retention {
                grace: config.cleanup.grace_period,
                max_age: config.cleanup.max_age_restriction,
            },
            cleaned_every: config.cleanup.wake_interval,
            uploads: UploadSettings {
                batch: config.uploader.batch_size as usize,
                concurrency: config.uploader.concurrency as usize,
                attempts_max: config.uploader.max_attempts,
                retry: config.uploader.retry_interval,
                put_seconds_max: s3::put_time_max(
                    config.s3.timeout,
                    config.uploader.max_body.0,
                    s3::Tries::Once,
                ),
            },
            nodes: NodeSettings {
                hearing: match config.database.listen {
                    config::Hearing::Listen => Hearing::Listen,
                    config::Hearing::Poll => Hearing::Poll,
                },
                poll_interval: config.database.poll_interval,
                beat: NodeSettings::BEAT,
            },
            sieve: sieve_settings(config),
            relay: RelaySettings::of(config),
            failed_mail_kept: config.relay.keep_failed,
        }
    }
}

fn sieve_settings(config: &Config) -> SieveSettings {
    let from = &config.sieve;
    let size = |size: config::Size| usize::try_from(size.0).unwrap_or(usize::MAX);
    SieveSettings {
        before: from.before.clone(),
        after: from.after.clone(),
        global: from.global.clone(),
        lists: from.lists.clone(),
        list_members_max: from.max_list_members as usize,
        spam: sorting::Check::of(&from.spam),
        virus: sorting::Check::of(&from.virus),
        notes: ServerNotes::of(config),
        limits: crate::sieve::Limits {
            actions_max: from.max_actions as usize,
            redirects_max: from.max_redirects as usize,
            includes_max: from.max_includes as usize,
            include_depth_max: from.max_include_depth as usize,
            string_bytes_max: size(from.max_string_size),
            variables_bytes_max: size(from.max_variables_size),
            instructions_max: from.max_instructions.into(),
            match_steps_max: from.max_match_steps.into(),
            globals_max: from.max_globals as usize,
            edits_max: from.max_edits as usize,
            added_bytes_max: size(from.max_added_size),
            copied_bytes_max: size(from.max_copied_size),
            questions_max: from.max_questions as usize,
            trace_lines_max: from.max_trace_lines as usize,
        },
        kept: match from.log {
            config::SieveLog::Off => KeptRuns::Off,
            config::SieveLog::Errors => KeptRuns::Errors,
            config::SieveLog::All => KeptRuns::All,
        },
        events: SiteEvents {
            script: from.imap_script.clone(),
            mailboxes: words(&from.imap_mailboxes, |c| c == ','),
            causes: words(&from.imap_causes, |c| c == ',' || c.is_whitespace()),
            learn_spam: words(&from.learn_spam, char::is_whitespace),
            learn_ham: words(&from.learn_ham, char::is_whitespace),
        },
    }
}

/// What a configuration says to scripts, without a store.
pub(crate) fn script_site(config: &Config) -> ScriptSite {
    ScriptSite::new(sieve_settings(config))
}

fn words(text: &config::Text, between: impl Fn(char) -> bool) -> Vec<String> {
    let words = text.0.split(between).map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Where the store of a configuration is.
pub fn place(config: &Config) -> Place {
    let data_dir = config.data_dir.clone();
    let database = match config.database.engine {
        config::Engine::Sqlite => Database::Embedded,
        config::Engine::Postgres => Database::Postgres(postgres(&config.database)),
    };
    let objects = (config.bodies.home == config::Home::S3).then(|| objects(config));
    Place { data_dir, database, objects }
}

fn postgres(from: &config::Database) -> PostgresSettings {
    PostgresSettings {
        host: from.host.0.clone(),
        port: from.port,
        user: from.user.0.clone(),
        password: from.password.0.clone(),
        name: from.name.0.clone(),
        tls: from.tls.then(|| PostgresTls { ca_file: from.tls_ca_file.clone() }),
        connections: from.connections,
        is_pooled: from.pgbouncer,
        connect_timeout: from.connect_timeout,
        statement_timeout: from.statement_timeout,
        lock_timeout: from.lock_timeout,
        patience: Duration::ZERO,
        log_statements: from.log_queries,
        one_account_statements: from.one_account_statements,
    }
}

/// Tries what the configuration names and only use can tell; what there is to say of it, by line.
pub fn try_out(config: &Config) -> Result<Vec<String>, Failure> {
    let mut lines = sorting::try_out(&sieve_settings(config))?;
    if let Some(objects) = place(config).objects {
        lines.extend(crate::store::try_objects(&objects)?);
    }
    Ok(lines)
}

fn objects(config: &Config) -> ObjectSettings {
    let Config { s3, local_cache, uploader, .. } = config;
    let connections = uploader.concurrency as usize + crate::limits::REMOTE_THREADS_MAX;
    let cache = || CacheSettings {
        dir: local_cache.path.clone().unwrap_or_else(|| config.data_dir.join("cache")),
        bytes_max: local_cache.capacity.0,
        body_bytes_max: local_cache.max_object_size.0,
    };
    ObjectSettings {
        s3: s3.client(connections),
        prefix: s3.prefix.0.clone(),
        compress: s3.compress,
        encrypt: s3.encrypt,
        key: s3.key(),
        staged_bytes_max: uploader.max_body.0,
        backlog_bytes_max: uploader.max_staging_size.0,
        cache: (local_cache.capacity.0 > 0).then(cache),
    }
}

/// Fails if a script of the site does not compile: nobody's mail is to be sorted otherwise than meant.
pub fn check_scripts(settings: &Settings) -> Result<(), Failure> {
    sorting::try_out(&settings.sieve).map(drop)
}

/// What an embedding program may bring.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Instead of the stored passwords.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Told of each delivery.
    pub on_delivery: Option<Arc<dyn DeliveryHook>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("authenticator", &self.authenticator.is_some())
            .field("on_delivery", &self.on_delivery.is_some())
            .finish()
    }
}

/// All that `net` needs of work: a pool, and word of changes.
#[derive(Debug)]
pub struct Work {
    pool: Pool,
    changes: Arc<Changes>,
    _nodes: Option<nodes::Nodes>,
    _listener: Option<notify::Listener>,
    _upkeep: Option<upkeep::Upkeep>,
    _uploader: Option<uploader::Uploader>,
    _post: Option<outbox::Post>,
    _events: Option<events::Events>,
}

impl Work {
    /// The daemon's work on `store`. Threads come with the jobs, but for a few: one hears what
    /// `sora-admin` changes, one looks after the store, two speak with other nodes and hear them.
    pub fn start(store: &Store, settings: &Settings, hooks: Hooks) -> Result<Self, StartError> {
        let (relay, bell) = outbox::Relay::new(settings.relay.is_some());
        let outbox = store.is_shared().then(Arc::<nodes::Outbox>::default);
        let changes = outbox.clone().map_or_else(Changes::default, Changes::with_outbox);
        let changes = Arc::new(changes.ringing(relay.bell()));
        let directory: Arc<dyn login::Directory> =
            Arc::new(recipients::StoredAccounts(store.clone()));
        let chores = Arc::new(upkeep::Chores::default());
        let keeper = match hooks.authenticator {
            Some(authenticator) => login::Keeper::Brought(authenticator),
            None => {
                let (directory, chores) = (Arc::clone(&directory), Arc::clone(&chores));
                let stored = login::StoredPasswords::new(directory, chores)?;
                login::Keeper::Stored(Box::new(stored))
            }
        };
        let spool = spool::Spool::new(&settings.data_dir.join("spool"), settings.spool_bytes_max);
        spool.sweep();
        let sorter = Arc::new(sorting::Sorter::new(
            store.clone(),
            settings.sieve.clone(),
            settings.hostname.clone(),
            relay,
        ));
        let usher = events::Usher {
            store: store.clone(),
            sorter: Arc::clone(&sorter),
            changes: Arc::clone(&changes),
        };
        let runner = run::Runner {
            store: store.clone(),
            snapshots: snapshots::Snapshots::new(store.clone()),
            changes: Arc::clone(&changes),
            logins: login::Logins::new(keeper, directory, settings.connections_per_account_max),
            spool,
            maildrops: maildrops::Maildrops::new(store.clone()),
            notes: settings.sieve.notes.clone(),
            recipients: recipients::Recipients {
                store: store.clone(),
                srs: settings.relay.as_ref().and_then(|relay| outbox::Srs::of(&relay.relay)),
            },
            courier: deliver::Courier {
                store: store.clone(),
                changes: Arc::clone(&changes),
                hostname: settings.hostname.clone(),
                hook: hooks.on_delivery,
                sorter,
            },
        };
        let listener = notify::Listener::start(&settings.data_dir, Arc::clone(&changes));
        let listener = listener
            .inspect_err(|error| {
                log::warn!("notify: what sora-admin does will be seen late: {error}");
            })
            .ok();
        let nodes =
            outbox.map(|outbox| nodes::Nodes::start(store, outbox, &changes, settings.nodes));
        let nodes = nodes.transpose().inspect_err(|error| log::error!("nodes: {error}"));
        let cleaning = upkeep::Cleaning {
            retention: settings.retention,
            every: settings.cleaned_every,
            failed_mail_kept: settings.failed_mail_kept,
            changes: Arc::clone(&changes),
        };
        let upkeep = upkeep::Upkeep::start(store.clone(), chores, cleaning);
        let upkeep = upkeep.inspect_err(|error| log::error!("upkeep: {error}")).ok();
        let uploader =
            store.has_uploads().then(|| uploader::Uploader::start(store, settings.uploads));
        let uploader = uploader.transpose().inspect_err(|error| log::error!("uploader: {error}"));
        let post = outbox::start(store, settings.relay.clone(), bell);
        let events = events::Events::start(&usher);
        let events = events.inspect_err(|error| log::error!("events: {error}")).ok();
        let pool = Pool::new(Box::new(runner));
        Ok(Self {
            pool,
            changes,
            _nodes: nodes.ok().flatten(),
            _listener: listener,
            _upkeep: upkeep,
            _uploader: uploader.ok().flatten(),
            _post: post,
            _events: events,
        })
    }

    /// Work done by something else than a store, which publishes what it changed to `changes`.
    pub fn new(run: Box<dyn Run>, changes: Arc<Changes>) -> Self {
        Self {
            pool: Pool::new(run),
            changes,
            _nodes: None,
            _listener: None,
            _upkeep: None,
            _uploader: None,
            _post: None,
            _events: None,
        }
    }

    /// Queues a job whose reply goes to `to`; gives it back if there are too many. Never waits.
    pub fn submit(&self, job: Box<Job>, to: ReplyTo) -> Result<(), Box<Job>> {
        self.pool.submit(job, to)
    }

    /// One more connection of the loop behind `bag` wants to hear of changes in `mailbox`. Returns the
    /// last of late, which came too early for it to hear.
    pub fn watch(&self, mailbox: MailboxKey, bag: &Arc<Mailbag>) -> Option<Change> {
        self.changes.watch(mailbox, bag)
    }

    /// One fewer.
    pub fn unwatch(&self, mailbox: MailboxKey, bag: &Arc<Mailbag>) {
        self.changes.unwatch(mailbox, bag);
    }

    /// Takes no more jobs and finishes those it has, within `grace`. True if all are done.
    pub fn shutdown(&self, grace: Duration) -> bool {
        self.pool.shutdown(grace)
    }
}

/// Why work cannot start: the system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartError(password::PasswordError);

impl From<password::PasswordError> for StartError {
    fn from(error: password::PasswordError) -> Self {
        Self(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StartError {}

/// The Date and Message-ID fields of a message that is written here and now (RFC 5322 §3.6.1, §3.6.4).
pub fn origination_fields(hostname: &str) -> Result<String, StartError> {
    let unique = deliver::queue_id().ok_or(password::PasswordError::NoRandomness)?;
    Ok(trace::origination_fields(clock::today(), &unique, hostname))
}

/// True if mail to `address` has an account to go to, with or without its `+detail`.
pub fn is_deliverable(store: &Store, address: &Address) -> Result<bool, Failure> {
    Ok(recipients::find_account(store, address)?.is_some())
}

/// A message with its facts, ready for the store: for what comes in by no protocol.
pub fn new_message(
    account: AccountId,
    mailbox: MailboxName,
    flags: FlagSet,
    internal_date: Timestamp,
    bytes: Vec<u8>,
) -> NewMessage {
    let facts = facts::of(&bytes);
    let body = NewBody::Bytes(bytes);
    NewMessage { account, mailbox, flags, internal_date: Some(internal_date), body, facts }
}

/// Delivers one message by the ordinary path but without a server: for `sora-admin deliver` and the
/// welcome message. A daemon on the same store is told. Never taken for a repetition.
pub fn deliver_now(
    store: &Store,
    settings: &Settings,
    sender: &str,
    to: &str,
    message: &[u8],
) -> Result<(), DeliverError> {
    let Some(address) = Address::new(to) else { return Err(DeliverError::NoSuchAccount) };
    let Some((found, _)) = recipients::find_account(store, &address)? else {
        return Err(DeliverError::NoSuchAccount);
    };
    let (relay, bell) = outbox::Relay::new(settings.relay.is_some());
    let courier = deliver::Courier {
        store: store.clone(),
        changes: Arc::default(),
        hostname: settings.hostname.clone(),
        hook: None,
        sorter: Arc::new(sorting::Sorter::new(
            store.clone(),
            settings.sieve.clone(),
            settings.hostname.clone(),
            relay,
        )),
    };
    let recipient = Recipient {
        account: found.account,
        given: to.to_owned(),
        detail: address.split_detail().1.map(str::to_owned),
        script: found.script,
        dsn: None,
        goes_on_to: None,
    };
    let (via, repeats) = (trace::Via::Local, deliver::Repeats::Keep);
    let (answers, changes) = courier.deliver(via, sender, &[recipient], message.to_vec(), repeats);
    tell(store, &settings.data_dir, &changes);
    if bell.try_recv().is_ok() {
        tell_post(store, &settings.data_dir);
    }
    match answers.first() {
        Some(Ok(())) => Ok(()),
        Some(Err(DeliveryProblem::Rejected(why))) => Err(DeliverError::Rejected(why.clone())),
        Some(Err(DeliveryProblem::Refused(refusal))) => Err(DeliverError::Refused(*refusal)),
        Some(Err(DeliveryProblem::Failed(fault))) => Err(DeliverError::Failed(*fault)),
        None => Err(DeliverError::Failed(Fault::ServerBug)),
    }
}

/// Why [`deliver_now`] did not.
#[derive(Debug)]
pub enum DeliverError {
    /// No account has the address.
    NoSuchAccount,
    /// The account could not be looked up.
    Store(Failure),
    /// The account's script refuses it, with these words.
    Rejected(String),
    /// It cannot be.
    Refused(Refusal),
    /// We could not; the log says why.
    Failed(Fault),
}

impl From<Failure> for DeliverError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

impl fmt::Display for DeliverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAccount => f.write_str("no account has this address"),
            Self::Store(failure) => failure.fmt(f),
            Self::Refused(Refusal::MailLoop) => {
                f.write_str("the message has been delivered there before (Delivered-To)")
            }
            Self::Rejected(why) => write!(f, "rejected by the account's script: {why}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::Failed(fault) => write!(f, "failed ({fault:?}): the log says why"),
        }
    }
}

impl std::error::Error for DeliverError {}
