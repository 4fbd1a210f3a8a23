//! What the store's operations cost, without a network: wall time and CPU of the whole process.
//!
//! `cargo bench --bench store [WORD…]` runs the parts whose name has one of the words. Every figure
//! is durable: each commit is an fsync in a fresh directory below `TMPDIR`, which should be a disk.
//! With `SORA_BENCH_POSTGRES=HOST` it runs on the PostgreSQL there, as its user `sora` and in databases
//! of its own, and tells that server's CPU, too.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails should stop")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sora::job::{FlagSet, MailboxKey, StoreMode, Transfer, Wants};
use sora::mail::UidRuns;
use sora::model::{AccountId, Address, Flags, MailboxName, Secret, Uid};
use sora::store::{
    Database, Delivery, DeliveryDigest, Facts, FlagChange, IfMissing, NewAccount, NewBody,
    NewMessage, Opening, Place, PostgresSettings, Refreshed, Store, message_id_hash,
};

const BODY_BYTES: usize = 4 * 1024;
/// As long as an ordinary mail's.
const ENVELOPE_BYTES: usize = 350;
const MAP_BYTES: usize = 120;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    for (threads, accounts) in [(1, 1), (8, 1), (64, 1), (64, 64)] {
        let name = format!("deliver, {threads} threads, {accounts} accounts");
        if wanted(&name) {
            deliver(&name, threads, accounts, 2_000 * threads.min(10));
        }
    }
    if wanted("mailbox") {
        mailbox(10_000);
        mailbox(100_000);
    }
    if wanted("million") && postgres_host().is_some() {
        one_of(1_000);
        one_of(1_000_000);
    }
}

/// Where PostgreSQL is, if it is to be measured.
fn postgres_host() -> Option<String> {
    std::env::var("SORA_BENCH_POSTGRES").ok()
}

fn connect(host: &str, name: &str) -> postgres::Client {
    let mut config = postgres::Config::new();
    config.host(host).user("sora").dbname(name);
    config.connect(postgres::NoTls).unwrap()
}

/// A store that goes with its owner.
struct Bench {
    database: Option<(String, String)>,
    store: Store,
    accounts: Vec<AccountId>,
    dir: PathBuf,
}

impl Bench {
    fn new(accounts: u32) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("sora-bench-{}-{number}", std::process::id()));
        let mut place = Place::embedded(Path::new(&dir));
        let database = postgres_host().map(|host| {
            let name = format!("bench_{}_{number}", std::process::id());
            connect(&host, "postgres").batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
            (host, name)
        });
        if let Some((host, name)) = &database {
            place.database = Database::Postgres(PostgresSettings {
                host: host.clone(),
                port: 5432,
                user: "sora".to_owned(),
                password: Secret::new(""),
                name: name.clone(),
                tls: None,
                connections: 20,
                is_pooled: false,
                connect_timeout: Duration::from_secs(10),
                statement_timeout: Duration::from_secs(300),
                lock_timeout: Duration::from_secs(60),
                patience: Duration::ZERO,
                log_statements: false,
                one_account_statements: false,
            });
        }
        let store = Store::open_at(&place, Opening::Daemon).unwrap();
        let make = |number: u32| {
            let address = Address::new(&format!("user{number}@example.org")).unwrap();
            let account = NewAccount { address, password_hash: String::new() };
            store.create_account(account).unwrap().unwrap()
        };
        let accounts = (0..accounts).map(make).collect();
        Self { database, store, accounts, dir }
    }

    fn inbox(&self) -> MailboxKey {
        self.store.mailbox(self.accounts[0], &MailboxName::inbox()).unwrap().key
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        assert_eq!(self.store.check().unwrap(), Vec::<String>::new());
        let _gone = std::fs::remove_dir_all(&self.dir);
        if let Some((host, name)) = &self.database {
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            connect(host, "postgres").batch_execute(&drop).unwrap();
        }
    }
}

fn delivery(account: AccountId, number: u32) -> Delivery {
    let mut body = format!(
        "Return-Path: <sender@example.net>\r\nReceived: by sora with LMTP id {number}\r\n\
         Message-ID: <{number}@example.net>\r\nSubject: number {number}\r\n\r\n"
    )
    .into_bytes();
    let header_bytes = body.len() as u64;
    let mut random = number;
    while body.len() < BODY_BYTES {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body.push(b'a' + (random >> 24) as u8 % 26);
    }
    let digest = DeliveryDigest::new("sender@example.net", "user@example.org", &body);
    Delivery {
        message: NewMessage {
            account,
            mailbox: MailboxName::inbox(),
            flags: FlagSet::default(),
            internal_date: None,
            facts: Facts {
                envelope: body[..ENVELOPE_BYTES].to_vec(),
                map: body[..MAP_BYTES].to_vec(),
                header_bytes,
                message_ids: vec![message_id_hash(format!("{number}@example.net").as_bytes())],
            },
            body: NewBody::Bytes(body),
        },
        if_missing: IfMissing::Inbox,
        digest: Some(digest),
    }
}

fn deliver_all(bench: &Bench, threads: u32, count: u32) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let account = bench.accounts[thread as usize % bench.accounts.len()];
                for number in (thread..count).step_by(threads as usize) {
                    bench.store.deliver(vec![delivery(account, number)]).remove(0).unwrap();
                }
            });
        }
    });
}

fn deliver(name: &str, threads: u32, accounts: u32, count: u32) {
    let bench = Bench::new(accounts);
    measure(name, count, || deliver_all(&bench, threads, count));
}

fn mailbox(count: u32) {
    let bench = Bench::new(1);
    deliver_all(&bench, 64, count);
    let (store, inbox) = (&bench.store, bench.inbox());
    let all = UidRuns::range(Uid(1), Uid(count));
    let fetch = |name: &str, wants: Wants| {
        measure(&format!("fetch {name} of {count}"), count, || {
            let (mut left, mut read) = (all.clone(), 0);
            loop {
                let batch = store.fetch(inbox, &left, wants).unwrap();
                read += batch.messages.len();
                let Some(next) = batch.next else { break };
                left = UidRuns::range(next, Uid(count));
            }
            assert_eq!(read, count as usize);
        });
    };
    let snapshot = measure(&format!("load snapshot of {count}"), count, || {
        store.load_snapshot(inbox).unwrap()
    });
    measure(&format!("refresh unchanged {count}"), 1, || {
        store.refresh_snapshot(inbox, &snapshot).unwrap()
    });
    fetch("rows", Wants::default());
    fetch("envelopes, first time,", Wants { envelope: true, ..Wants::default() });
    fetch("envelopes", Wants { envelope: true, ..Wants::default() });
    fetch("headers", Wants { header: true, ..Wants::default() });
    fetch("bodies", Wants { body: true, ..Wants::default() });

    let set = |name: &str, uids: &UidRuns, mode, flags: Flags| {
        measure(&format!("store {name} of {count}"), uids.len(), || {
            let flags = FlagSet { flags, ..FlagSet::default() };
            let uids = uids.clone();
            let change = FlagChange { uids, mode, flags, unchanged_since: None };
            store.store_flags(inbox, change).unwrap()
        });
    };
    let some = UidRuns::range(Uid(1), Uid(10_000.min(count)));
    let odd: UidRuns = (1..=10_000).step_by(2).map(Uid).collect();
    set("1", &UidRuns::range(Uid(1), Uid(1)), StoreMode::Add, Flags::SEEN);
    measure(&format!("refresh after 1 of {count}"), 1, || {
        store.refresh_snapshot(inbox, &snapshot).unwrap()
    });
    set("all", &all, StoreMode::Add, Flags::SEEN);
    set("nothing", &some, StoreMode::Add, Flags::SEEN);
    set("10,000", &some, StoreMode::Add, Flags::FLAGGED);
    set("every other", &odd, StoreMode::Remove, Flags::FLAGGED);
    measure(&format!("refresh after 10,000 of {count}"), 10_000, || {
        store.refresh_snapshot(inbox, &snapshot).unwrap()
    });
    let archive = MailboxName::new("Archive").unwrap();
    let transfer = Transfer { from: inbox, uids: some.clone(), to: archive };
    measure(&format!("copy 10,000 of {count}"), 10_000, || store.copy(transfer.clone()).unwrap());
    measure(&format!("move 10,000 of {count}"), 10_000, || {
        store.move_messages(transfer.clone()).unwrap()
    });
    if count > 20_000 {
        let next = UidRuns::range(Uid(10_001), Uid(20_000));
        set("10,000 deleted", &next, StoreMode::Add, Flags::DELETED);
        measure(&format!("expunge 10,000 of {count}"), 10_000, || {
            store.expunge(inbox, None).unwrap()
        });
        measure("delete mailbox", 1, || {
            let archive = MailboxName::new("Archive").unwrap();
            store.delete_mailbox(bench.accounts[0], &archive).unwrap()
        });
    }
}

/// What one message costs in a mailbox of `count`.
fn one_of(count: u32) {
    let bench = Bench::new(1);
    let (store, inbox) = (&bench.store, bench.inbox());
    let (host, name) = bench.database.clone().unwrap();
    connect(&host, &name).batch_execute(&fill(count)).unwrap();
    let snapshot = measure(&format!("load {count}"), 1, || store.load_snapshot(inbox).unwrap());
    let again = measure(&format!("load {count} again"), 1, || store.load_snapshot(inbox).unwrap());
    assert_eq!((snapshot.iter().count(), again.iter().count()), (count as usize, count as usize));
    let mut have = snapshot;
    let mut refresh = |what: &str| {
        let refreshed = measure(&format!("refresh after {what} of {count}"), 1, || {
            store.refresh_snapshot(inbox, &have).unwrap()
        });
        if let Refreshed::New(snapshot) = refreshed {
            have = snapshot;
        }
    };
    for _ in 0..3 {
        refresh("nothing"); // prepares its statements
        let middle = count / 2;
        measure(&format!("deliver one to {count}"), 1, || {
            store.deliver(vec![delivery(bench.accounts[0], middle)]).remove(0).unwrap()
        });
        refresh("a delivery to one");
        let window = UidRuns::range(Uid(middle), Uid(middle + 49));
        let wants = Wants { envelope: true, ..Wants::default() };
        measure(&format!("fetch 50 of {count}"), 50, || {
            store.fetch(inbox, &window, wants).unwrap()
        });
        let one = UidRuns::range(Uid(middle), Uid(middle));
        let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
        for mode in [StoreMode::Add, StoreMode::Remove, StoreMode::Add] {
            let change =
                FlagChange { uids: one.clone(), mode, flags: flags.clone(), unchanged_since: None };
            measure(&format!("store one of {count}"), 1, || {
                store.store_flags(inbox, change).unwrap()
            });
        }
        refresh("a store of one");
        measure(&format!("expunge one of {count}"), 1, || {
            store.expunge(inbox, Some(one.clone())).unwrap()
        });
        refresh("an expunge of one");
    }
}

/// Rows as deliveries would have written them, less the bodies that nobody reads here.
fn fill(count: u32) -> String {
    format!(
        "INSERT INTO messages SELECT 1, 1, n, n + 1, 1, 0, 5, 1700000000000000 + n * 1000000, n,
                n + 1, 1, 1 FROM generate_series(1::bigint, {count}) n;
         INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
         SELECT 1, n, 5, 3, 1, '' FROM generate_series(1::bigint, {count}) n;
         INSERT INTO bodies SELECT 1, n, 'bytes' FROM generate_series(1::bigint, {count}) n;
         INSERT INTO blob_map SELECT 1, n, n, 0, repeat('e', 350)::bytea, repeat('m', 120)::bytea,
                NULL FROM generate_series(1::bigint, {count}) n;
         UPDATE mailboxes SET uid_next = {count} + 1, highest_mod_seq = {count} + 1,
                messages = {count}, bytes = 5 * {count}::bigint, oldest_arrived = 1
         WHERE account_id = 1 AND mailbox_id = 1;
         UPDATE sequences SET next = {count} + 2 WHERE name = 'blob'; ANALYZE"
    )
}

/// Prints rate, wall time and CPU for each of `count`.
fn measure<T>(name: &str, count: u32, run: impl FnOnce() -> T) -> T {
    let server = server_cpu_seconds();
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let result = run();
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let server = server_cpu_seconds() - server;
    println!(
        "{name:40} {:10.1} ms {:10.0}/s {:8.2} us wall {:8.2} us CPU each{}",
        wall * 1e3,
        f64::from(count) / wall,
        wall * 1e6 / f64::from(count),
        cpu * 1e6 / f64::from(count),
        match postgres_host() {
            Some(_) => format!(" {:8.2} us of PostgreSQL's", server * 1e6 / f64::from(count)),
            None => String::new(),
        },
    );
    result
}

/// User and system time of all processes named `postgres`, of those that ended as well.
fn server_cpu_seconds() -> f64 {
    if postgres_host().is_none() {
        return 0.0;
    }
    let ticks = |entry: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (before, after) = stat.rsplit_once(')')?;
        before.ends_with("(postgres").then_some(())?;
        let ticks = after.split_whitespace().skip(11).take(4);
        Some(ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>())
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(ticks).sum::<f64>() / 100.0
}

/// User and system time of this process so far; its clock ticks a hundred times a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
