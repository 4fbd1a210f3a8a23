//! What can only happen where there are other nodes: on PostgreSQL, with `SORA_TEST_DATABASE=postgres`.

use std::sync::Barrier;
use std::sync::atomic::AtomicU32;

use super::*;
use crate::error::Fault;
use crate::job::Transfer;
use crate::mail::Snapshot;
use engine::{Engine, Tx, Value, Weight};

/// A store on PostgreSQL, if this run has one.
fn shared_fixture() -> Option<Fixture> {
    postgres::is_wanted().then(fixture)
}

impl Fixture {
    fn database(&self) -> &postgres::TestDatabase {
        self.dir.database()
    }

    /// Another node's store on the same database.
    fn node(&self) -> (Store, TemporaryDir) {
        let dir = TemporaryDir::embedded();
        let place = Place { data_dir: dir.path().to_owned(), ..self.dir.place() };
        (Store::open_at(&place, Opening::Daemon).unwrap(), dir)
    }

    fn engine(&self) -> &Engine {
        &self.0.engine
    }
}

fn label(tx: &mut Tx<'_>, label: &str) -> Result<(), Failure> {
    tx.execute("INSERT INTO sequences (name, next) VALUES ($1, 1)", &[Value::Text(label)]).map(drop)
}

fn count(store: &Fixture) -> i64 {
    let sql = "SELECT COUNT(*) FROM sequences WHERE name LIKE 't%'";
    store.engine().glance("test", |tx| tx.query_one(sql, &[], |row| row.int(0))).unwrap().unwrap()
}

#[test]
fn nodes_that_start_together_make_one_schema() {
    if !postgres::is_wanted() {
        return;
    }
    let dir = TemporaryDir::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let own = TemporaryDir::embedded();
                let place = Place { data_dir: own.path().to_owned(), ..dir.place() };
                drop(Store::open_at(&place, Opening::Daemon).unwrap());
            });
        }
    });
    let version = dir.1.as_ref().unwrap().connect();
    let version: i64 =
        { version }.query_one("SELECT version FROM schema_version", &[]).unwrap().get(0);
    assert_eq!(version, migrations::known());
}

#[test]
fn a_migration_waits_for_a_table_and_keeps_nobody_from_it() {
    let Some(store) = shared_fixture() else { return };
    let mut reader = store.database().connect();
    // To before the last step that has to do with messages.
    let undo = "UPDATE schema_version SET version = 8; DROP INDEX outbox_dead;
                ALTER TABLE uploads DROP COLUMN tries";
    reader.batch_execute(undo).unwrap();
    reader.batch_execute("BEGIN; SELECT COUNT(*) FROM messages").unwrap(); // as a backup does
    std::thread::scope(|scope| {
        let node = scope.spawn(|| store.node());
        let mut watcher = store.database().connect();
        let is_waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '%pg_sleep(2)%' AND state = 'active')";
        while !watcher.query_one(is_waiting, &[]).unwrap().get::<_, bool>(0) {
            assert!(!node.is_finished());
            watcher.batch_execute("SELECT pg_sleep(0.05)").unwrap();
        }
        // Behind the migration it would wait for the reader.
        let read = watcher.batch_execute("SET lock_timeout = '30s'; SELECT * FROM messages");
        reader.batch_execute("COMMIT").unwrap();
        drop(node.join().unwrap());
        read.unwrap();
    });
    let version = "SELECT version FROM schema_version";
    let version: i64 = reader.query_one(version, &[]).unwrap().get(0);
    assert_eq!(version, migrations::known());
}

/// Rows that were read by keys until now. A connection tells when it ends: no store is left open.
fn rows_read_until_closed(store: &mut Fixture, watcher: &mut ::postgres::Client) -> i64 {
    store.store = TemporaryDir::embedded().open(Opening::Daemon).unwrap();
    let others = "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND backend_type = 'client backend')";
    while watcher.query_one(others, &[]).unwrap().get(0) {
        watcher.batch_execute("SELECT pg_sleep(0.02)").unwrap();
    }
    let read = "SELECT CAST(SUM(idx_tup_read + idx_tup_fetch) AS BIGINT) FROM pg_stat_user_indexes
        WHERE relname IN ('messages', 'expunged', 'blobs')";
    watcher.query_one(read, &[]).unwrap().get(0)
}

/// The statistics of an average mailbox say nothing of a large one.
#[test] // pitfall 42
fn among_many_small_mailboxes_a_large_one_is_read_by_its_keys() {
    if postgres::is_pooled() {
        return; // connections outlive the stores that used them
    }
    let Some(mut store) = shared_fixture() else { return };
    store.append_many("INBOX", 11);
    for _ in 0..10 {
        store.copy_all("INBOX", "INBOX");
    }
    let all = i64::from(store.info("INBOX").messages);
    let mut watcher = store.database().connect();
    let others = "
        INSERT INTO messages SELECT 1000000 + a, 1000000 + a, u, u, 0, 0, 1, 0, 1, u, 0, 0
        FROM generate_series(1, 4000) a, generate_series(1, 5) u;
        INSERT INTO expunged (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                              internal_date, reason, expunged_at, save_date, arrived_at)
        SELECT 1000000 + a, 1000000 + a, u, u, 0, 0, 1, 0, 1, 0, 0, 0
        FROM generate_series(1, 4000) a, generate_series(1, 5) u;
        INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
        SELECT 1000000 + a, 1000000 + a * 5 + u, 1, 3, 1, ''
        FROM generate_series(1, 4000) a, generate_series(1, 5) u;
        ANALYZE messages; ANALYZE expunged; ANALYZE blobs";
    watcher.batch_execute(others).unwrap();
    let inbox = store.key("INBOX");
    let before = rows_read_until_closed(&mut store, &mut watcher);
    let (node, dir) = store.node();
    let flags = |flags| FlagSet { flags, ..FlagSet::default() };
    let change = |uids: UidRuns, flag| {
        let mode = crate::job::StoreMode::Add;
        let change = FlagChange { uids, mode, flags: flags(flag), unchanged_since: None };
        node.store_flags(inbox, change).unwrap().changed.len()
    };
    let scattered = |from: u32| (0..100).map(|n| Uid(from + n * 7)).collect::<UidRuns>();
    // Often enough for plans that are kept.
    for round in 0..7 {
        assert_eq!(change(uids(&[5_000 + round]), Flags::SEEN), 1);
        assert_eq!(change(scattered(1 + round), Flags::FLAGGED), 100);
        assert_eq!(change(scattered(8_000 + round), Flags::DELETED), 100);
        let expunged = node.expunge(inbox, Some(scattered(8_000 + round))).unwrap();
        assert_eq!(expunged.uids.len(), 100);
        let copy = Transfer { from: inbox, uids: scattered(1 + round), to: name("Archive") };
        node.copy(copy).unwrap();
        let at_once = Retention { grace: Duration::ZERO, max_age: None };
        let cleaned = node.clean_mailbox(inbox, &at_once, &mut Sweep::default()).unwrap();
        assert_eq!(cleaned.removed, 100);
    }
    drop(node);
    let read = rows_read_until_closed(&mut store, &mut watcher) - before;
    assert!(read < 5 * all, "{read} rows read, of {all} in the mailbox");
    let gone = "DELETE FROM messages WHERE account_id > 1000000;
        DELETE FROM expunged WHERE account_id > 1000000; DELETE FROM blobs WHERE account_id > 1000000";
    watcher.batch_execute(gone).unwrap();
    (store.store, _) = store.node();
    drop(dir);
}

/// What one node reads to load INBOX, and then to follow one message after the other.
fn rows_read_by_single_changes(count: u32) -> Option<i64> {
    let mut store = shared_fixture()?;
    store.append_many("INBOX", count);
    let mut watcher = store.database().connect();
    watcher.batch_execute("ANALYZE messages; ANALYZE expunged; ANALYZE blobs").unwrap();
    let (inbox, message) = (store.key("INBOX"), store.message("INBOX", b"A: b\r\n\r\nc\r\n"));
    let mut nodes = Vec::new(); // their directories
    let mut costs = |act: &dyn Fn(&Store, Snapshot)| {
        let before = rows_read_until_closed(&mut store, &mut watcher);
        let (node, dir) = store.node();
        nodes.push(dir);
        act(&node, node.load_snapshot(inbox).unwrap());
        drop(node);
        rows_read_until_closed(&mut store, &mut watcher) - before
    };
    let loading = costs(&|_, _| {});
    let all = costs(&|node, mut snapshot| {
        let mut follow = |changed: u32| {
            let Refreshed::New(now) = node.refresh_snapshot(inbox, &snapshot).unwrap() else {
                panic!("{changed}: nothing changed");
            };
            snapshot = now;
        };
        // Often enough for plans that are kept.
        for round in 0..7 {
            node.append(message.clone()).unwrap();
            follow(round);
            let uids = UidRuns::range(Uid(100 + round), Uid(100 + round));
            let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
            let mode = crate::job::StoreMode::Add;
            let change = FlagChange { uids: uids.clone(), mode, flags, unchanged_since: None };
            assert_eq!(node.store_flags(inbox, change).unwrap().changed.len(), 1);
            follow(round);
            assert_eq!(node.expunge(inbox, Some(uids)).unwrap().uids.len(), 1);
            follow(round);
            let window = UidRuns::range(Uid(200), Uid(219));
            let wants = crate::job::Wants { envelope: true, ..Default::default() };
            assert_eq!(node.fetch(inbox, &window, wants).unwrap().messages.len(), 20);
        }
    });
    (store.store, _) = store.node();
    Some(all - loading)
}

#[test]
fn one_message_costs_the_same_in_a_large_mailbox() {
    if postgres::is_pooled() {
        return; // connections outlive the stores that used them
    }
    let Some(small) = rows_read_by_single_changes(1_000) else { return };
    let large = rows_read_by_single_changes(20_000).unwrap();

    assert!(large < small + 1_000, "{small} rows read, and {large} in a mailbox of 20,000");
}

#[test]
fn a_newer_schema_is_refused() {
    let Some(store) = shared_fixture() else { return };
    store.database().connect().batch_execute("UPDATE schema_version SET version = 1000").unwrap();
    let failure = store.dir.open(Opening::Beside).unwrap_err();
    assert!(matches!(failure, Failure::SchemaTooNew { found: 1000, .. }), "{failure}");
}

#[test]
fn what_one_node_commits_another_has_at_once() {
    let Some(store) = shared_fixture() else { return };
    let (other, _dir) = store.node();
    let mailbox = store.key("INBOX");
    for round in 1..=20_u32 {
        let from = if round % 2 == 0 { &other } else { &store.store };
        from.append(store.message("INBOX", b"A: b\r\n\r\nc\r\n")).unwrap();
        for node in [&other, &store.store] {
            assert_eq!(node.load_snapshot(mailbox).unwrap().iter().count(), round as usize);
        }
    }
}

#[test] // pitfall 98
fn uids_are_in_commit_order_whoever_delivers() {
    let Some(store) = shared_fixture() else { return };
    let (other, _dir) = store.node();
    let (mailbox, done) = (store.key("INBOX"), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for node in [&store.store, &other, &store.store, &other] {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                for _ in 0..25 {
                    node.append(store.message("INBOX", b"A: b\r\n\r\nc\r\n")).unwrap();
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut seen = 0;
        while done.load(Ordering::Relaxed) < 4 {
            let snapshot = other.load_snapshot(mailbox).unwrap();
            let uids: Vec<u32> = snapshot.iter().map(|message| message.uid.0).collect();
            let upto: Vec<u32> = (1..snapshot.head.uid_next).collect();
            assert_eq!(uids, upto); // never n+1 before n
            let top = snapshot.iter().map(|message| message.mod_seq).max();
            assert!(top.is_none_or(|top| top == snapshot.head.highest_mod_seq));
            assert!(uids.len() >= seen);
            seen = uids.len();
        }
    });
    assert_eq!(store.info("INBOX").uid_next, 101);
}

#[test] // pitfall 138
fn of_many_who_make_an_account_one_wins() {
    let Some(store) = shared_fixture() else { return };
    let (other, _dir) = store.node();
    let made = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for node in [&store.store, &other, &store.store, &other] {
            scope.spawn(|| {
                let account = node.create_account(new_account("new@example.org")).unwrap();
                made.fetch_add(account.is_some().into(), Ordering::Relaxed);
                let address = new_account("also@example.org");
                let added = node.add_address(store.account, address, Rank::Further).unwrap();
                made.fetch_add(u32::from(added) * 100, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(made.into_inner(), 101);
}

#[test] // pitfall 131
fn a_deadlock_is_run_again() {
    let Some(store) = shared_fixture() else { return };
    let both = Barrier::new(2);
    let runs = AtomicU32::new(0);
    let lock = |first: i64, second: i64| {
        let (both, runs, engine) = (&both, &runs, store.engine());
        let sql = "SELECT uid_next FROM mailboxes WHERE mailbox_id = $1 {lock}";
        move || {
            let mut is_first = true;
            engine.run_write("test", |tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                tx.query_one(sql, &[Value::Int(first)], |row| row.int(0))?;
                if std::mem::take(&mut is_first) {
                    both.wait();
                }
                tx.query_one(sql, &[Value::Int(second)], |row| row.int(0))?;
                label(tx, &format!("t{first}"))
            })
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(lock(2, 1));
        lock(1, 2)().unwrap();
        other.join().unwrap().unwrap();
    });
    assert_eq!((runs.into_inner(), count(&store)), (3, 2));
}

#[test] // pitfall 130
fn a_connection_cut_in_the_middle_is_not_used_again() {
    let Some(store) = shared_fixture() else { return };
    let mut runs = 0;
    let cut = "SELECT pg_terminate_backend(pg_backend_pid()) IS NULL";
    let written = store.engine().run_write("test", |tx| {
        runs += 1;
        label(tx, "t1")?;
        if runs == 1 {
            tx.query_one(cut, &[], |row| row.int(0))?; // its answer may overtake the end
        }
        tx.execute("DELETE FROM deliveries", &[])
    });
    written.unwrap();
    assert_eq!((runs, count(&store)), (2, 1));
    // All others are cut at once, as by a restart: what waits in the pool is found to be dead.
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..3 {
        store.database().connect().query(others, &[]).unwrap();
        assert_eq!(store.info("INBOX").uid_next, 1); // a single statement
        store.database().connect().query(others, &[]).unwrap();
        store.load_snapshot(store.key("INBOX")).unwrap(); // one moment
        store.database().connect().query(others, &[]).unwrap();
        store.engine().run_write("test", |tx| tx.execute("DELETE FROM deliveries", &[])).unwrap();
    }
}

#[test] // pitfall 132
fn a_server_that_is_no_longer_the_primary_is_left() {
    let Some(store) = shared_fixture() else { return };
    let demoted = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
    store.engine().run_write("test", |tx| tx.execute(demoted, &[]).map(drop)).unwrap();
    let mut runs = 0;
    let written = store.engine().run_write("test", |tx| {
        runs += 1;
        label(tx, "t1")
    });
    written.unwrap();
    assert_eq!((runs, count(&store)), (2, 1));
}

#[test] // pitfall 131
fn what_lasts_is_not_run_again() {
    let Some(store) = shared_fixture() else { return };
    let mut runs = 0;
    let twice = store.engine().run_write("test", |tx| {
        runs += 1;
        label(tx, "t1")?;
        label(tx, "t1")
    });
    let failure = twice.unwrap_err();
    assert_eq!((runs, count(&store), failure.fault()), (1, 0, Fault::ServerBug));
    // A lock that is not to be had in time is trouble that passes, for the peer to come again.
    let mut holder = store.database().connect();
    let mut held = holder.transaction().unwrap();
    held.query("SELECT * FROM mailboxes FOR UPDATE", &[]).unwrap();
    let impatient = "SET LOCAL lock_timeout = 1";
    let failure = store.engine().run_write("test", |tx| {
        tx.execute(impatient, &[])?;
        tx.execute("UPDATE mailboxes SET unseen = unseen", &[])
    });
    assert_eq!(failure.unwrap_err().fault(), Fault::Unavailable);
    held.rollback().unwrap();
    store.append("INBOX");
}

#[test]
fn the_server_ends_what_takes_too_long() {
    let Some(store) = shared_fixture() else { return };
    let mut holder = store.database().connect();
    let mut held = holder.transaction().unwrap();
    held.query("SELECT * FROM mailboxes FOR UPDATE", &[]).unwrap();
    let (short, long) = (Duration::from_millis(200), Duration::from_secs(60));
    let cases = [(short, long, "lock timeout"), (long, short, "statement timeout")];
    for (lock_timeout, statement_timeout, said) in cases {
        let Database::Postgres(settings) = store.dir.place().database else { panic!("a server") };
        let settings = PostgresSettings { lock_timeout, statement_timeout, ..settings };
        let engine = Engine::postgres(&settings).unwrap();
        let ended =
            engine.run_write("test", |tx| tx.execute("UPDATE mailboxes SET unseen = unseen", &[]));
        let failure = ended.unwrap_err();
        assert!(failure.to_string().contains(said), "{failure}");
        assert_eq!(failure.fault(), Fault::Unavailable);
    }
    held.rollback().unwrap();
}

#[test] // design: "PostgreSQL"; what other servers of the kind are slow by
fn the_schema_has_no_triggers_and_every_key_begins_with_the_account() {
    let Some(store) = shared_fixture() else { return };
    let mut server = store.database().connect();
    let mut ask = |sql: &str| -> Vec<String> {
        server.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let none: [&str; 0] = [];
    let triggers = "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(ask(triggers), none);
    let sequences =
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE c.relkind = 'S' AND n.nspname = 'public'";
    assert_eq!(ask(sequences), none);
    let on_messages =
        "SELECT indexname::text FROM pg_indexes WHERE tablename = 'messages' ORDER BY 1";
    assert_eq!(ask(on_messages), ["messages_by_change", "messages_pkey"]);
    let others = "SELECT i.relname::text FROM pg_index x
                  JOIN pg_class i ON i.oid = x.indexrelid
                  JOIN pg_class t ON t.oid = x.indrelid
                  JOIN pg_namespace n ON n.oid = t.relnamespace
                  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
                  WHERE n.nspname = 'public' AND a.attname <> 'account_id' ORDER BY 1";
    // By address, by node, by what is due in all accounts; and tables that are of no account.
    let known = [
        "blobs_unfinished",
        "credentials_pkey",
        "imap_events_due",
        "leases_pkey",
        "outbox_dead",
        "outbox_due",
        "script_memory_expiry",
        "sequences_pkey",
    ];
    assert_eq!(ask(others), known);
}

#[test] // invariant 11
fn a_write_that_panics_undoes_itself() {
    let Some(store) = shared_fixture() else { return };
    for _ in 0..20 {
        let panicked: Result<(), Failure> =
            store.0.engine.write("test", Weight::Bytes(0), |tx: &mut Tx<'_>| {
                label(tx, "t1")?;
                panic!("on purpose")
            });
        assert!(matches!(panicked, Err(Failure::Panicked { doing: "test" })));
    }
    assert_eq!(count(&store), 0);
}

#[test] // PostgreSQL answers COMMIT with "rolled back" and no error
fn an_error_that_is_passed_over_is_not_a_success() {
    let Some(store) = shared_fixture() else { return };
    let passed_over = store.engine().run_write("test", |tx| {
        label(tx, "t1")?;
        let _passed_over = label(tx, "t1");
        Ok::<_, Failure>(())
    });
    assert!(matches!(passed_over, Err(Failure::Corrupt { .. })));
    assert_eq!(count(&store), 0);
}

#[test]
fn a_reader_cannot_write_and_sees_one_moment() {
    let Some(store) = shared_fixture() else { return };
    let written = store.engine().read::<_, Failure>("test", |tx| label(tx, "t1"));
    assert!(written.is_err());
    let sql = "SELECT uid_next FROM mailboxes WHERE mailbox_id = 1";
    let seen = store.engine().read::<_, Failure>("test", |tx| {
        let before = tx.query_one(sql, &[], |row| row.int(0))?;
        store.append("INBOX");
        Ok((before, tx.query_one(sql, &[], |row| row.int(0))?))
    });
    assert_eq!(seen.unwrap(), (Some(1), Some(1)));
}
