//! Deliveries and copies that meet each other: on PostgreSQL, with `SORA_TEST_DATABASE=postgres`.

use std::thread::ScopedJoinHandle;

use super::*;
use crate::job::Transfer;
use crate::model::ThreadId;
use crate::store::ready::{Before, Ready};

/// A store on PostgreSQL, if this run has one.
fn shared_fixture() -> Option<Fixture> {
    postgres::is_wanted().then(fixture)
}

impl Fixture {
    fn with_ids(&self, mailbox: &str, ids: &[i64]) -> NewMessage {
        let mut message = self.message(mailbox, b"A: b\r\n\r\nc\r\n");
        message.facts.message_ids = ids.to_vec();
        message
    }

    fn deliver_one(&self, message: NewMessage, digest: &[u8]) -> Result<Delivered, Error> {
        let digest = Some(DeliveryDigest::new("you@example.net", "me@example.org", digest));
        let delivery = Delivery { message, if_missing: IfMissing::Inbox, digest };
        self.store.deliver(vec![delivery]).remove(0)
    }
}

/// Waits until so many statements wait for locks that others hold.
fn wait_for_waiting(observer: &mut ::postgres::Client, count: i64) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while observer.query_one(sql, &[]).unwrap().get::<_, i64>(0) != count {
        std::thread::yield_now();
    }
}

#[test] // RFC 8474 §5.2: a THREADID once told never changes
fn deliveries_of_one_thread_at_once_agree_on_it() {
    let Some(store) = shared_fixture() else { return };
    let mut rival = store.dir.database().connect();
    let mut observer = store.dir.database().connect();
    let alone = |store: &Fixture| {
        let mut message = store.with_ids("INBOX", &[3, 4, 5]);
        message.flags.keywords = keywords(&["alone"]);
        store.store.append(message)
    };
    let together = |store: &Fixture| store.store.append(store.with_ids("INBOX", &[1, 2]));
    for (hash, is_alone) in [(2_i64, false), (4, true)] {
        // Another node has stored a message of the thread, and commits while ours is on its way.
        let mut other = rival.transaction().unwrap();
        let sql = "INSERT INTO message_ids (account_id, hash, thread_id) VALUES ($1, $2, 999)";
        other.execute(sql, &[&store.account.0, &hash]).unwrap();
        let stored = std::thread::scope(|scope| {
            let ours: ScopedJoinHandle<'_, Result<Appended, Error>> =
                scope.spawn(|| if is_alone { alone(&store) } else { together(&store) });
            wait_for_waiting(&mut observer, 1);
            other.commit().unwrap();
            ours.join().unwrap().unwrap()
        });
        assert_eq!(stored.thread_id, ThreadId(999), "thread of {hash}");
    }
    // An identifier that a message names twice is no rival of itself.
    let twice = store.store.append(store.with_ids("INBOX", &[7, 7, 8, 7])).unwrap();
    assert_eq!(twice.thread_id, ThreadId(twice.email_id.0));
}

#[test]
fn who_looks_for_addresses_at_once_shares_a_statement() {
    let Some(store) = shared_fixture() else { return };
    let sql = "INSERT INTO credentials SELECT 'late@x.org', account_id, 'other', 0, 1
               FROM credentials WHERE is_primary = 1";
    store.dir.database().connect().batch_execute(sql).unwrap();
    assert!(store.store.finds_together());
    let addresses = ["me@x.org", "me@example.org", "late@x.org", "me@example.org"];
    let addresses = addresses.map(|address| Address::new(address).unwrap());
    let before = store.statements();
    let found = store.store.accounts_by_addresses(&addresses.each_ref()).unwrap();
    assert_eq!(store.statements() - before, 1);
    let hashes = addresses[..3].iter().map(|address| {
        let found = found.get(address)?;
        assert_eq!(found.account, store.account);
        assert_eq!(found.primary.as_str(), "me@example.org");
        Some(found.password_hash.as_str())
    });
    assert_eq!(hashes.collect::<Vec<_>>(), [None, Some("{X}hash"), Some("other")]);
}

#[test] // invariant 6
fn copies_lock_bodies_in_the_order_of_their_identifiers() {
    let Some(store) = shared_fixture() else { return };
    let count = 40;
    store.append_many("INBOX", count);
    let inbox = store.key("INBOX");
    let ids: Vec<i64> = {
        let sql = "SELECT blob_id FROM blobs ORDER BY blob_id";
        let rows = store.dir.database().connect().query(sql, &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    // The other way round, so that the order of UIDs is not that of identifiers.
    for uid in (1..=count).rev() {
        let transfer = Transfer { from: inbox, uids: uids(&[uid]), to: name("Archive") };
        store.copy(transfer).unwrap();
    }
    // A node whose plans leave rows as a hash table has them, unless they are asked for in order.
    let mut observer = store.dir.database().connect();
    let hashes = format!("ALTER DATABASE {} SET enable_sort = off", store.dir.database().name);
    observer.batch_execute(&hashes).unwrap();
    let own = TemporaryDir::embedded();
    let place = Place { data_dir: own.path().to_owned(), ..store.dir.place() };
    let node = Store::open_at(&place, Opening::Daemon).unwrap();
    for at in [0, 13, 26, 39] {
        let mut rival = store.dir.database().connect();
        let mut held = rival.transaction().unwrap();
        let sql = "SELECT * FROM blobs WHERE blob_id = $1 FOR UPDATE";
        held.query(sql, &[&ids[at]]).unwrap();
        std::thread::scope(|scope| {
            let all = UidRuns::range(Uid(1), Uid(count));
            let transfer = Transfer { from: store.key("Archive"), uids: all, to: name("Sent") };
            let copied = scope.spawn(|| node.copy(transfer).unwrap());
            wait_for_waiting(&mut observer, 1);
            let sql = "SELECT blob_id FROM blobs ORDER BY blob_id FOR UPDATE SKIP LOCKED";
            let free = observer.query(sql, &[]).unwrap();
            let free: Vec<i64> = free.iter().map(|row| row.get(0)).collect();
            assert_eq!(free, ids[at + 1..], "those before the one that is held are locked");
            held.rollback().unwrap();
            assert_eq!(copied.join().unwrap().to.len(), count);
        });
    }
}

#[test] // pitfall 130
fn deliveries_survive_the_end_of_their_connection() {
    let Some(store) = shared_fixture() else { return };
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 1..=4_u8 {
        store.dir.database().connect().query(others, &[]).unwrap();
        let delivered = store.deliver_one(store.with_ids("INBOX", &[]), &[round]).unwrap();
        assert!(matches!(delivered, Delivered::Stored(_)), "{delivered:?}");
        store.dir.database().connect().query(others, &[]).unwrap();
        store.append("INBOX"); // which no memory of deliveries knows
    }
    assert_eq!(store.info("INBOX").uid_next, 9);
}

#[test] // pitfall 10
fn a_delivery_whose_answer_was_lost_is_not_stored_twice() {
    let Some(store) = shared_fixture() else { return };
    let parcel = || store.store.prepare(store.with_ids("INBOX", &[1])).unwrap();
    let (first, unknown) = (parcel(), parcel());
    let (first_blob, unknown_blob) = (first.blob, unknown.blob);
    // It was committed, which its sender never heard.
    let stored = store.store.append_alone(first, Before::No, Trigger::Never).unwrap();
    let again = Ready { blob: first_blob, ..parcel() };
    let found = store.store.append_alone(again, Before::Perhaps, Trigger::Never).unwrap();
    assert_eq!(stored, found);
    assert_eq!(store.info("INBOX").uid_next, 2);
    // It was not.
    let again = Ready { blob: unknown_blob, ..parcel() };
    assert_eq!(
        store.store.append_alone(again, Before::Perhaps, Trigger::Never).unwrap().uid,
        Uid(2)
    );
}

#[test] // design §7: a batch never waits, and nobody waits alone
fn what_a_lock_holds_up_is_delivered_together() {
    let Some(store) = shared_fixture() else { return };
    let mut rival = store.dir.database().connect();
    let mut held = rival.transaction().unwrap();
    held.query("SELECT * FROM mailboxes FOR UPDATE", &[]).unwrap();
    let mut observer = store.dir.database().connect();
    let count = 30_u8;
    let before = std::thread::scope(|scope| {
        let (store, couriers) = (&store, store.0.couriers.as_ref().unwrap());
        for n in 0..count {
            let deliver = move || store.deliver_one(store.with_ids("INBOX", &[n.into()]), &[n]);
            scope.spawn(move || assert!(matches!(deliver(), Ok(Delivered::Stored(_)))));
        }
        while couriers.waiting() < usize::from(count) {
            std::thread::yield_now();
        }
        wait_for_waiting(&mut observer, 1); // one of them, for all
        let before = store.0.engine.counts();
        held.rollback().unwrap();
        before
    });
    let after = store.0.engine.counts();
    assert_eq!(after.0 - before.0, 1); // all of them
    let snapshot = store.load_snapshot(store.key("INBOX")).unwrap();
    assert_eq!(snapshot.iter().count(), usize::from(count));
    // What is missing or was there before is told by itself, as ever.
    let again = store.deliver_one(store.with_ids("INBOX", &[0]), &[0]).unwrap();
    assert!(matches!(again, Delivered::Repeated { .. }), "{again:?}");
    let missing = store.store.append(store.with_ids("Nowhere", &[]));
    assert_eq!(refused(missing), Refusal::NoSuchMailbox);
}

#[test] // design §7: for engines that shard by account
fn a_statement_keeps_to_one_account_if_asked() {
    if !postgres::is_wanted() {
        return;
    }
    let dir = TemporaryDir::new();
    let Place { database: Database::Postgres(settings), .. } = dir.place() else { return };
    let settings = PostgresSettings { one_account_statements: true, ..settings };
    let place = Place { database: Database::Postgres(settings), ..dir.place() };
    let store = Store::open_at(&place, Opening::Daemon).unwrap();
    let accounts = [1, 2, 3]
        .map(|n| store.create_account(new_account(&format!("{n}@example.org"))).unwrap().unwrap());
    let fixture = Fixture { store, account: accounts[0], dir };
    let deliver = |of: &[usize]| {
        let delivery = |account: &usize| Delivery {
            message: NewMessage { account: accounts[*account], ..fixture.with_ids("INBOX", &[]) },
            if_missing: IfMissing::Inbox,
            digest: None,
        };
        let answers = fixture.store.deliver(of.iter().map(delivery).collect());
        assert!(answers.iter().all(Result::is_ok));
    };
    deliver(&[0, 1, 2]);
    // Accounts 1 and 3 have one courier: held up by one statement of it, they would share the next.
    let mut rival = fixture.dir.database().connect();
    let mut held = rival.transaction().unwrap();
    held.execute("LOCK TABLE blobs", &[]).unwrap();
    let mut observer = fixture.dir.database().connect();
    let before = std::thread::scope(|scope| {
        scope.spawn(|| deliver(&[0]));
        wait_for_waiting(&mut observer, 1);
        let before = fixture.store.0.engine.counts();
        scope.spawn(|| deliver(&[0, 2, 0, 2, 0, 2]));
        while fixture.store.0.couriers.as_ref().unwrap().queued() < 6 {
            std::thread::yield_now();
        }
        held.rollback().unwrap();
        before
    });
    assert_eq!(fixture.store.0.engine.counts().0 - before.0, 2);
}
