//! The store's contract: what every engine must do, told by what goes in and what comes out.
//!
//! Every test has a store of its own in a directory of its own, and ends with `check` clean. They
//! run on the embedded engine, or on PostgreSQL if `SORA_TEST_DATABASE=postgres`.

mod accounts;
mod bodies;
mod check;
mod copy;
mod costs;
#[cfg(feature = "crash_points")]
mod crash;
mod deliver;
mod events;
mod expunge;
mod fetch;
mod flags;
mod mailboxes;
mod metadata;
mod opening;
#[path = "../../../tests/support/postgres.rs"]
pub(crate) mod postgres;
mod retention;
mod rivals;
mod scripts;
mod secured;
mod snapshots;
mod sorted;
mod together;
mod uploads;
mod writer;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;
use crate::error::Refusal;
use crate::job::{FlagSet, MailboxInfo, MailboxKey};
use crate::mail::UidRuns;
use crate::model::{AccountId, Address, Flags, Keyword, MailboxName, Secret, Uid};

/// A directory, and a database if one is wanted, that go with their owner.
pub(crate) struct TemporaryDir(PathBuf, Option<postgres::TestDatabase>);

impl TemporaryDir {
    pub(crate) fn new() -> Self {
        let mut dir = Self::embedded();
        dir.1 = postgres::is_wanted().then(|| postgres::cluster().database());
        dir
    }

    pub(crate) fn embedded() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("sora-store-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir, None)
    }

    pub(crate) fn place(&self) -> Place {
        let embedded = Place::embedded(&self.0);
        match &self.1 {
            None => embedded,
            Some(database) => {
                let database = Database::Postgres(settings(&database.host(), &database.name));
                Place { database, ..embedded }
            }
        }
    }

    fn open(&self, opening: Opening) -> Result<Store, Failure> {
        Store::open_at(&self.place(), opening)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> &postgres::TestDatabase {
        self.1.as_ref().unwrap()
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A store with one account, which must be found clean at the end.
struct Fixture {
    store: Store,
    account: AccountId,
    dir: TemporaryDir,
}

impl Deref for Fixture {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.store.check().unwrap(), Vec::<String>::new());
        }
    }
}

fn fixture() -> Fixture {
    fixture_in(TemporaryDir::new())
}

/// For what only the embedded engine has.
fn embedded_fixture() -> Fixture {
    fixture_in(TemporaryDir::embedded())
}

fn fixture_in(dir: TemporaryDir) -> Fixture {
    let store = dir.open(Opening::Daemon).unwrap();
    let account = store.create_account(new_account("me@example.org")).unwrap().unwrap();
    Fixture { store, account, dir }
}

/// Of a server that trusts us.
fn settings(host: &str, name: &str) -> PostgresSettings {
    PostgresSettings {
        host: host.to_owned(),
        port: 5432,
        user: "sora".to_owned(),
        password: Secret::new(""),
        name: name.to_owned(),
        tls: None,
        connections: 8,
        is_pooled: postgres::is_pooled(),
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(60),
        lock_timeout: Duration::from_secs(20),
        patience: Duration::ZERO,
        log_statements: false,
        one_account_statements: false,
    }
}

fn new_account(address: &str) -> NewAccount {
    NewAccount { address: Address::new(address).unwrap(), password_hash: "{X}hash".to_owned() }
}

fn name(text: &str) -> MailboxName {
    MailboxName::new(text).unwrap()
}

fn uids(uids: &[u32]) -> UidRuns {
    uids.iter().copied().map(Uid).collect()
}

fn keywords(names: &[&str]) -> Vec<Keyword> {
    names.iter().map(|name| Keyword::new(name).unwrap()).collect()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

impl Fixture {
    fn message(&self, mailbox: &str, body: &[u8]) -> NewMessage {
        let header_bytes = body.windows(4).position(|at| at == b"\r\n\r\n").map_or(0, |at| at + 4);
        NewMessage {
            account: self.account,
            mailbox: name(mailbox),
            flags: FlagSet::default(),
            internal_date: None,
            body: NewBody::Bytes(body.to_vec()),
            facts: Facts {
                envelope: b"(envelope)".to_vec(),
                map: b"map".to_vec(),
                header_bytes: header_bytes as u64,
                message_ids: Vec::new(),
            },
        }
    }

    fn append(&self, mailbox: &str) -> Appended {
        self.store.append(self.message(mailbox, b"A: b\r\n\r\nc\r\n")).unwrap()
    }

    fn append_with(&self, mailbox: &str, flags: Flags, names: &[&str]) -> Appended {
        let mut message = self.message(mailbox, b"A: b\r\n\r\nc\r\n");
        message.flags = FlagSet { flags, keywords: keywords(names) };
        self.store.append(message).unwrap()
    }

    fn append_many(&self, mailbox: &str, count: u32) {
        let delivery = || Delivery {
            message: self.message(mailbox, b"A: b\r\n\r\nc\r\n"),
            if_missing: IfMissing::Inbox,
            digest: None,
        };
        let answers = self.store.deliver((0..count).map(|_| delivery()).collect());
        assert!(answers.iter().all(Result::is_ok));
    }

    fn info(&self, mailbox: &str) -> MailboxInfo {
        self.store.mailbox(self.account, &name(mailbox)).unwrap()
    }

    fn key(&self, mailbox: &str) -> MailboxKey {
        self.info(mailbox).key
    }

    /// `uid:flags:keywords` of every message.
    fn shown(&self, mailbox: &str) -> Vec<String> {
        let snapshot = self.store.load_snapshot(self.key(mailbox)).unwrap();
        let names = &snapshot.head.keywords;
        let show = |message: crate::mail::Message| {
            let words: Vec<_> =
                names.names_in(message.keywords).map(Keyword::as_str).map(str::to_owned).collect();
            format!("{} {:?} {}", message.uid, message.flags, words.join(" ")).trim().to_owned()
        };
        snapshot.iter().map(show).collect()
    }
}
