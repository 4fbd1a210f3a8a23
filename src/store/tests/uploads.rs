//! The rows of staged bodies: who takes them, when, and what is left. The bucket here is nowhere; what
//! needs one is in tests/objects.rs.

use std::time::Duration;

use super::*;
use crate::job::Wants;
use crate::model::BlobId;
use crate::s3;
use crate::store::blobs::Form;
use crate::store::engine::{Tx, Value, Weight};

const LONG: Duration = Duration::from_secs(3_600);

/// A store whose bodies are to go to a bucket that does not answer.
fn staging(backlog_bytes_max: u64) -> Fixture {
    let dir = TemporaryDir::new();
    let s3 = s3::Settings {
        endpoint: "http://127.0.0.1:1".to_owned(),
        disable_tls: true,
        bucket: "nowhere".to_owned(),
        region: "us-east-1".to_owned(),
        addressing: s3::Addressing::Auto,
        access_key: "a".to_owned(),
        secret_key: Secret::new("s"),
        credentials_file: None,
        session_token: None,
        ca_file: None,
        timeout: Duration::from_secs(1),
        connections: 1,
        trace: false,
    };
    let objects = ObjectSettings {
        s3,
        prefix: String::new(),
        compress: false,
        encrypt: false,
        key: None,
        staged_bytes_max: 10_000,
        backlog_bytes_max,
        cache: None,
    };
    let place = Place { objects: Some(objects), ..dir.place() };
    let store = Store::open_at(&place, Opening::Daemon).unwrap();
    let account = store.create_account(new_account("me@example.org")).unwrap().unwrap();
    Fixture { store, account, dir }
}

fn blobs(taken: &[Taken]) -> Vec<(i64, u32)> {
    taken.iter().map(|taken| (taken.blob.0, taken.attempts)).collect()
}

fn uploaded(taken: Taken, form: Form) -> Uploaded {
    let hash = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        b"A: b\r\n\r\nc\r\n",
    ));
    Uploaded { taken, form, object_bytes: 0, hash: hash.into(), bytes: 11 }
}

#[test] // pitfall 41, pitfall 48
fn staged_bodies_are_taken_once_and_oldest_first() {
    let store = staging(0);
    let ids: Vec<i64> = (0..5).map(|_| store.append("INBOX").email_id.0).collect();
    assert_eq!(store.backlog().unwrap(), Backlog { bodies: 5, bytes: 55 });
    let first = store.take_uploads("one", 3, LONG).unwrap();
    assert_eq!(blobs(&first), [(ids[0], 0), (ids[1], 0), (ids[2], 0)]);
    let second = store.take_uploads("two", 9, Duration::ZERO).unwrap();
    assert_eq!(blobs(&second), [(ids[3], 0), (ids[4], 0)]);
    // Whose time is over is heard of no more; others try again, and know that it was tried.
    let third = store.take_uploads("three", 9, LONG).unwrap();
    assert_eq!(blobs(&third), [(ids[3], 1), (ids[4], 1)]);
    assert_eq!(store.take_uploads("four", 9, LONG).unwrap(), []);
    assert_eq!(store.upload_holders().unwrap().len(), 2);
    store.free_uploads("one").unwrap();
    assert_eq!(blobs(&store.take_uploads("four", 1, LONG).unwrap()), [(ids[0], 1)]);
    // Staged bytes are there to be read all the while.
    let wants = Wants { body: true, header: true, ..Wants::default() };
    let batch = store.fetch(store.key("INBOX"), &uids(&[1, 2, 3, 4, 5]), wants).unwrap();
    let whole = |got: &crate::job::Fetched| got.body.as_deref() == Some(b"A: b\r\n\r\nc\r\n");
    assert!(batch.messages.iter().all(whole));
}

#[test]
fn of_many_who_take_at_once_each_body_has_one() {
    let store = staging(0);
    store.append_many("INBOX", 40);
    let (taken, store) = (std::sync::Mutex::new(Vec::new()), &store.store);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let taken = &taken;
            scope.spawn(move || {
                while let more = store.take_uploads(name, 3, LONG).unwrap()
                    && !more.is_empty()
                {
                    taken.lock().unwrap().extend(more.into_iter().map(|taken| taken.blob));
                }
            });
        }
    });
    // On PostgreSQL a round may find all it wants just taken: one more sees the rest.
    let mut taken = taken.into_inner().unwrap();
    taken.extend(store.take_uploads("e", 40, LONG).unwrap().into_iter().map(|taken| taken.blob));
    let number = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!((number, taken.len()), (40, 40));
}

#[test] // pitfall 46
fn a_purge_knows_which_bodies_are_still_being_moved() {
    let store = staging(0);
    store.append_many("INBOX", 3);
    assert_eq!(store.take_uploads("one", 2, LONG).unwrap().len(), 2);
    let inbox = store.key("INBOX");
    store.remove(inbox, uids(&[1, 3])).unwrap();
    let purged = store.purge(inbox, &uids(&[1, 3])).unwrap();
    assert_eq!((purged.messages, purged.bodies.len()), (2, 2));
    assert_eq!(store.bodies_left(store.account, &purged.bodies).unwrap(), 2);
    assert!(store.remove_all_bodies().is_err(), "there may be an object: the bucket is away");
    assert_eq!(store.bodies_left(store.account, &purged.bodies).unwrap(), 2);
    assert_eq!(store.bodies_left(store.account, &purged.bodies[1..]).unwrap(), 1);
}

#[test]
fn what_was_moved_is_no_longer_here() {
    let store = staging(0);
    store.append_many("INBOX", 3);
    let taken = store.take_uploads("one", 9, LONG).unwrap();
    let done = taken.iter().map(|taken| uploaded(*taken, Form::PLAIN)).collect();
    store.finish_uploads(done).unwrap();
    assert_eq!(store.backlog().unwrap(), Backlog::default());
    assert_eq!(store.take_uploads("two", 9, LONG).unwrap(), []);
    let inbox = store.key("INBOX");
    // What is not in the bucket is here still.
    let near = Wants { envelope: true, map: true, header: true, body: false };
    let batch = store.fetch_near(inbox, &uids(&[1, 2, 3]), near).unwrap().unwrap();
    assert_eq!(batch.messages[1].header.as_deref(), Some(&b"A: b\r\n\r\n"[..]));
    let far = Wants { body: true, ..near };
    assert!(store.fetch_near(inbox, &uids(&[2]), far).unwrap().is_none());
    let failure = store.fetch(inbox, &uids(&[2]), far).unwrap_err();
    assert_eq!(failure.fault(), crate::error::Fault::Unavailable); // pitfall 49
    let blob = taken[0].blob;
    assert_eq!(store.read_body_near(store.account, blob, 0, 9).unwrap(), None);
    assert!(store.read_body(store.account, blob, 0, 9).is_err());
    // Copies share it.
    let transfer =
        crate::job::Transfer { from: inbox, uids: uids(&[1, 2, 3]), to: name("Archive") };
    store.copy(transfer).unwrap();
}

#[test] // pitfall 35
fn what_was_refused_waits_and_only_its_own_trouble_counts() {
    let store = staging(0);
    let ids: Vec<i64> = (0..2).map(|_| store.append("INBOX").email_id.0).collect();
    let taken = store.take_uploads("one", 9, LONG).unwrap();
    store.postpone_uploads("one", vec![taken[0]], Duration::ZERO, false).unwrap();
    store.postpone_uploads("one", vec![taken[1]], Duration::ZERO, true).unwrap();
    let again = store.take_uploads("two", 9, LONG).unwrap();
    assert_eq!(blobs(&again), [(ids[0], 0), (ids[1], 1)]);
    store.postpone_uploads("one", again.clone(), Duration::ZERO, true).unwrap(); // not its own
    store.postpone_uploads("two", again, LONG, true).unwrap();
    assert_eq!(store.take_uploads("three", 9, LONG).unwrap(), []);
}

#[test]
fn the_status_tells_what_waits_and_who_has_it() {
    let store = staging(0);
    let nothing = store.status().unwrap();
    assert_eq!((nothing.staged, nothing.oldest), (Counted::default(), None));
    assert_eq!((nothing.takers, nothing.leases), (vec![], vec![]));
    store.append_many("INBOX", 5);
    let taken = store.take_uploads("one", 2, LONG).unwrap();
    store.postpone_uploads("one", vec![taken[0]], Duration::ZERO, true).unwrap();
    store.take_uploads("two", 1, LONG).unwrap();
    assert!(store.take_lease("cleaner", "three", LONG).unwrap());
    let status = store.status().unwrap();
    assert_eq!(status.staged, Counted { rows: 5, bytes: 55 });
    let is_right = |oldest| oldest >= nothing.now && oldest <= status.now;
    assert!(status.oldest.is_some_and(is_right), "{:?}", status.oldest);
    let takers: Vec<_> = status
        .takers
        .iter()
        .map(|taker| (taker.holder.as_str(), taker.bodies, taker.refused, taker.attempts))
        .collect();
    assert_eq!(takers, [("one", 1, 0, 0), ("two", 1, 1, 1)]);
    assert!(status.takers.iter().all(|taker| taker.until > status.now));
    assert_eq!(status.leases.len(), 1);
    assert_eq!((status.deleting.rows, status.reserved.rows), (0, 0));
}

#[test] // pitfall 11
fn too_much_is_refused_until_some_is_moved() {
    let store = staging(30);
    store.append("INBOX");
    store.append("INBOX");
    let message = store.message("INBOX", b"A: b\r\n\r\nc\r\n");
    let full = store.store.append(message.clone()).unwrap_err();
    assert!(matches!(full, Error::Failed(Failure::NoSpace { .. })), "{full}");
    let taken = store.take_uploads("one", 1, LONG).unwrap();
    store.finish_uploads(vec![uploaded(taken[0], Form::PLAIN)]).unwrap();
    store.store.append(message).unwrap();
}

#[test]
fn bodies_of_a_bucket_that_is_not_configured_are_not_called_well() {
    let store = staging(0);
    let without = || store.dir.open(Opening::Beside).unwrap();
    assert_eq!(without().check_objects().unwrap(), None);
    store.append("INBOX");
    let failure = without().check_objects().unwrap_err(); // staged
    assert!(failure.to_string().contains("not configured"), "{failure}");
    let taken = store.take_uploads("one", 9, LONG).unwrap();
    store.finish_uploads(vec![uploaded(taken[0], Form::PLAIN)]).unwrap();
    assert!(without().check_objects().is_err());
    assert!(store.check_objects().is_err(), "it does not answer");
}

/// Mail flows while bodies are read: what the cleaner has just removed is no difference.
#[test]
fn a_body_that_has_gone_is_not_called_wrong() {
    let store = staging(0);
    store.append_many("INBOX", 2);
    let taken = store.take_uploads("one", 1, LONG).unwrap();
    store.finish_uploads(vec![uploaded(taken[0], Form::PLAIN)]).unwrap();
    let wrong = store.check_bodies().unwrap();
    assert!(wrong.len() == 1 && wrong[0].contains("cannot be read"), "{wrong:?}");
    let kept = |state| {
        let set = move |tx: &mut Tx<'_>| {
            tx.execute("UPDATE blobs SET state = $1 WHERE form <> 0", &[Value::Int(state)])
        };
        store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), set).unwrap();
    };
    let body = store.bodies_after((0, 0)).unwrap().remove(0);
    let rest = store.bodies_after((store.account.0, taken[0].blob.0)).unwrap();
    assert_eq!(rest.len(), 1);
    kept(4);
    assert_eq!(store.check_body(&body).unwrap(), None);
    kept(3);
    assert!(store.check_body(&body).unwrap().is_some());
}

#[test] // pitfall 37
fn a_body_that_goes_while_it_is_moved_leaves_nothing() {
    let store = staging(0);
    let blob = BlobId(store.append_with("INBOX", Flags::DELETED, &[]).email_id.0);
    let taken = store.take_uploads("one", 9, LONG).unwrap();
    store.expunge(store.key("INBOX"), None).unwrap();
    let purge = move |tx: &mut Tx<'_>| {
        tx.execute("UPDATE expunged SET blob_id = NULL", &[])?;
        tx.execute("UPDATE blobs SET refs = 0, state = 4", &[])
    };
    store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), purge).unwrap();
    // The cleaner leaves it to whoever moves it.
    assert_eq!(store.remove_all_bodies().unwrap(), 0);
    assert!(store.upload(taken[0]).unwrap().is_none(), "not staged any more");
    // It had been put before: then its object goes again. There is no bucket here.
    store.finish_uploads(vec![uploaded(taken[0], Form::PLAIN)]).unwrap();
    assert!(store.remove_all_bodies().is_err());
    let rest = move |tx: &mut Tx<'_>| {
        let sql = "SELECT state FROM blobs WHERE blob_id = $1";
        tx.query_one(sql, &[Value::Int(blob.0)], |row| row.int(0))
    };
    assert_eq!(store.0.engine.read::<_, Failure>("test", rest).unwrap(), Some(4)); // to be found
    let end = |tx: &mut Tx<'_>| {
        tx.execute("DELETE FROM bodies", &[])?;
        tx.execute("DELETE FROM blob_map", &[])?;
        tx.execute("DELETE FROM blobs", &[])
    };
    store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), end).unwrap();
}

#[test] // pitfall 37, pitfall 46
fn an_object_that_nobody_wants_and_that_cannot_be_deleted_is_found_later() {
    let store = staging(0);
    store.append_with("INBOX", Flags::DELETED, &[]);
    store.append_with("INBOX", Flags::DELETED, &[]);
    let taken = store.take_uploads("one", 9, Duration::ZERO).unwrap();
    let done = taken.iter().map(|taken| uploaded(*taken, Form::PLAIN)).collect();
    store.expunge(store.key("INBOX"), None).unwrap();
    // Their time was over, and the cleaner did not wait for who had them.
    let gone = |tx: &mut Tx<'_>| {
        for sql in [
            "UPDATE expunged SET blob_id = NULL",
            "DELETE FROM uploads",
            "DELETE FROM bodies",
            "DELETE FROM blob_map",
            "DELETE FROM blobs",
        ] {
            tx.execute(sql, &[])?;
        }
        Ok(())
    };
    store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), gone).unwrap();
    store.finish_uploads(done).unwrap();
    let found = |tx: &mut Tx<'_>| {
        let mut found = Vec::new();
        let sql = "SELECT blob_id, state, refs, form FROM blobs ORDER BY blob_id";
        tx.query(sql, &[], |row| {
            found.push((row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?));
            Ok(())
        })?;
        Ok::<_, Failure>(found)
    };
    let wanted: Vec<_> = taken.iter().map(|taken| (taken.blob.0, 4, 0, 1)).collect();
    assert_eq!(store.0.engine.read("test", found).unwrap(), wanted);
    assert!(store.remove_all_bodies().is_err(), "there is no bucket");
}

#[test] // pitfall 40
fn a_reservation_that_comes_to_nothing_ends() {
    let store = staging(0);
    let large = store.message("INBOX", &[b'x'; 20_000]);
    assert!(store.store.append(large).is_err(), "there is no bucket");
    assert_eq!(store.give_up_reservations().unwrap(), 0, "it may be somebody's still");
    store.free_uploads("").unwrap();
    assert_eq!(store.give_up_reservations().unwrap(), 1);
    let state = |tx: &mut Tx<'_>| tx.query_one("SELECT state FROM blobs", &[], |row| row.int(0));
    assert_eq!(store.0.engine.read::<_, Failure>("test", state).unwrap(), Some(4));
}

/// Whoever takes bodies at the moment in which another one has moved them leaves nothing behind.
#[test]
fn what_is_just_moved_is_not_taken_again() {
    if !postgres::is_wanted() {
        return;
    }
    let store = staging(0);
    let blob = store.append("INBOX").email_id.0;
    assert_eq!(store.take_uploads("one", 1, Duration::ZERO).unwrap().len(), 1);
    let database = store.dir.1.as_ref().unwrap();
    let (mut other, mut watch) = (database.connect(), database.connect());
    let mut other = other.transaction().unwrap();
    other
        .batch_execute(&format!(
            "UPDATE blobs SET state = 3, form = 1 WHERE blob_id = {blob};
             DELETE FROM uploads WHERE blob_id = {blob}; DELETE FROM bodies WHERE blob_id = {blob}"
        ))
        .unwrap();
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| store.take_uploads("two", 1, LONG).unwrap());
        let waits = "SELECT COUNT(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while !taking.is_finished() && watch.query_one(waits, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::yield_now();
        }
        other.commit().unwrap();
        assert_eq!(taking.join().unwrap(), []);
    });
    assert!(store.upload_holders().unwrap().is_empty());
}
